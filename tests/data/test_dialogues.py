"""DailyDialog: turns, topics beside, and signs put back to their words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven.data import portrait as room
from leaven.data import sources
from leaven.data.canonical import Slice, canonical
from leaven.data.dialogues import detokenised
from leaven.data.formats import BadRow, Skipped
from leaven.errors import DataError
from leaven.registry import FORMATS, Step

SHARED = Path(__file__).parents[3] / "shared" / "data"
FOUR = "Hi . __eou__ Hello ! __eou__ How are you ? __eou__ Fine , thanks . __eou__"
FIVE = f"{FOUR} Good . __eou__"


def read(row: dict[str, Any], **args: Any) -> dict[str, Any]:
    made: dict[str, Any] = FORMATS.get("dailydialog").call(row, args=args)
    return made


def said(row: dict[str, Any]) -> tuple[list[str], list[str]]:
    turns = [[f"{one['role'][0]}:{one['content']}" for one in row[side]] for side in ("prompt", "completion")]
    return turns[0], turns[1]


@pytest.mark.parametrize(
    "row", [{"text": FOUR}, {"text": FIVE}, {"dialog": ["Hi .", "Hello !", "How are you ?", "Fine , thanks ."]}]
)
def test_the_turns_before_are_the_prompt_and_a_user_has_no_last_word(row: dict[str, Any]) -> None:
    assert said(read(row)) == (["u:Hi.", "a:Hello!", "u:How are you?"], ["a:Fine, thanks."])
    assert said(read(row, turns="last")) == (["u:How are you?"], ["a:Fine, thanks."])
    assert said(read(row, turns="first")) == (["u:Hi."], ["a:Hello!"])


def test_one_turn_alone_is_left_out_and_what_is_no_dialogue_is_bad() -> None:
    with pytest.raises(Skipped, match="one turn"):
        read({"text": "Hi . __eou__"})
    with pytest.raises(BadRow, match="holds no __eou__"):
        read({"text": "a prompt"})
    with pytest.raises(BadRow, match="is empty"):
        read({"text": "Hi . __eou__ __eou__ Yes . __eou__"})
    with pytest.raises(BadRow, match="topics are 1 to 10"):
        read({"text": FOUR, "topic": "11"})


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("I ' m fine , thanks .", "I'm fine, thanks."), ("don ’ t worry !", "don't worry!"),
        ("It ’ s 5 o ’ clock .", "It's 5 o'clock."), ("in the ladies ' room", "in the ladies' room"),
        ('the " Cream of Olives " is', 'the "Cream of Olives" is'), ("It is $ 199 .", "It is $199."),
        ("20 % off ( today )", "20% off (today)"), ("a 15 - inch L / C", "a 15-inch L/C"), ("Well ... no", "Well... no"),
        ("named ' The Monkey ' .", "named 'The Monkey'."), ("already fine.", "already fine."),
    ],
)  # fmt: skip
def test_signs_are_put_back_to_their_words(raw: str, text: str) -> None:
    assert detokenised(raw) == text


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for batch in canonical(str(path), Step(name="dailydialog"), Slice(), "error") for row in batch.rows]


@pytest.mark.parametrize("names", [("dialogues_test", "dialogues_test_topic"), ("dialogues_text", "dialogues_topic")])
def test_topics_beside_the_dialogues_are_groups(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / f"{names[0]}.txt").write_text(f"{FOUR}\n{FIVE}\n", encoding="utf-8")
    (tmp_path / f"{names[1]}.txt").write_text("1\n10\n", encoding="utf-8")
    (tmp_path / "dialogues_emotion.txt").write_text("0 0 0 0\n0 0 0 0 0\n", encoding="utf-8")
    assert [row["group"] for row in rows(tmp_path)] == ["life", "finance"]
    assert [row["group"] for row in rows(tmp_path / f"{names[0]}.txt")] == [None, None]


def test_files_of_other_lengths_are_no_pair(tmp_path: Path) -> None:
    (tmp_path / "dialogues_test.txt").write_text(f"{FOUR}\n", encoding="utf-8")
    (tmp_path / "dialogues_test_topic.txt").write_text("1\n2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"dialogues_test_topic.txt has more lines than dialogues_test.txt"):
        rows(tmp_path)


def test_the_real_set() -> None:
    path = SHARED / "dailydialog"
    if not path.exists():
        pytest.skip("the shared data do not lie beside the repository")
    found = room.portrait(str(path), sources.identity(str(path)), None, Slice(), show=10**6)
    assert (found.format, found.rows, dict(found.drops)) == ("dailydialog", 1968, {})
    assert len({row["group"] for row in found.shown}) == 10
    assert not any(
        " ," in turn["content"] or "__eou__" in turn["content"] for row in found.shown for turn in row["prompt"]
    )
