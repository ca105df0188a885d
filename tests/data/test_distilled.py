"""A teacher's answers as a student learns them: what is left out and counted, and ids that are the same behind both."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.data import chat, distilled
from leaven.errors import DataError
from leaven.models import load, ref


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))


def asked(name: str, said: str = "Why?", *before: dict[str, str]) -> dict[str, Any]:
    prompt = [*before, {"role": "user", "content": said}]
    return {"id": name, "source": "s", "group": "g", "label": "l", "prompt": prompt, "completion": None}


def answer(name: str, text: str | None = "So.", sample: int = 0, ended: str = "stop") -> dict[str, Any]:
    return {"prompt_id": name, "sample": sample, "text": text, "finish_reason": ended, "tokens": 3}


SYSTEM = {"role": "system", "content": "Be brief."}


def test_the_student_keeps_the_bare_prompt_and_the_teacher_its_own_under_one_id() -> None:
    made = distilled.taught([asked("a"), asked("b")], [asked("b", "Why?", SYSTEM), asked("a", "Why?", SYSTEM)],
                            [answer("a"), answer("b", "Then.")])  # fmt: skip
    assert [row["id"] for row in made.rows] == [row["id"] for row in made.asked] == ["a", "b"]
    assert [row["completion"][0]["content"] for row in made.rows] == ["So.", "Then."]
    assert all(SYSTEM not in row["prompt"] for row in made.rows) and all(SYSTEM in row["prompt"] for row in made.asked)
    assert (made.rows[0]["group"], made.rows[0]["label"]) == ("g", "l") and not made.drops


def test_what_cannot_be_learnt_is_left_out_and_counted() -> None:
    prompts = [asked(name) for name in "abcde"]
    answers = [answer("a"), answer("b", "It goes on", ended="length"), answer("c", " \n"), answer("d", None, ended="x")]
    made = distilled.taught(prompts, prompts, answers)
    assert [row["id"] for row in made.rows] == ["a"] and len(made.rows) + len(made.drops) == 5
    told = {drop["id"]: drop["reason"] for drop in made.drops}
    assert told == {"b": distilled.UNFINISHED, "c": distilled.BLANK, "d": distilled.SILENT, "e": distilled.SILENT}
    kept = distilled.taught(prompts, prompts, answers, unfinished=True)
    assert [row["id"] for row in kept.rows] == ["a", "b"]


def test_several_answers_to_a_prompt_have_ids_of_their_own() -> None:
    made = distilled.taught([asked("a")], [asked("a")], [answer("a"), answer("a", "Or so.", 1)])
    assert [row["id"] for row in made.rows] == [row["id"] for row in made.asked] == ["a#s0", "a#s1"]


def test_a_teacher_that_never_finishes_is_refused_with_a_remedy() -> None:
    with pytest.raises(DataError, match="2 x its teacher did not finish it; raise max_new_tokens, or ask a teacher"):
        distilled.taught([asked("a"), asked("b")], [asked("a"), asked("b")],
                         [answer(name, ended="length") for name in "ab"])  # fmt: skip
    with pytest.raises(DataError, match="the teacher answered c, which is no prompt of the student"):
        distilled.taught([asked("a")], [asked("a")], [answer("c")])


def test_the_answers_ids_are_the_same_behind_both_prompts(tokenizer: Any) -> None:
    row = {**asked("a"), "completion": [{"role": "assistant", "content": "It rains."}]}
    full = [SYSTEM, *row["prompt"]]
    (one,) = distilled.encode(tokenizer, [row], {"a": full})
    assert one.holds and one.prompt_ids + one.completion_ids == one.student.input_ids
    bare, whole = chat.render(tokenizer, row["prompt"], add_generation_prompt=True), [*full, *row["completion"]]
    assert tokenizer.decode(one.prompt_ids) == bare
    (rendered,) = chat.ids(tokenizer, [chat.render(tokenizer, whole)])
    assert one.teacher_ids + one.completion_ids == rendered, "as the teacher itself would have been rendered"
    assert one.student.trained == one.completion_ids and 2 in one.completion_ids, "its end is learnt"
    (plain,) = distilled.encode(tokenizer, [row], {"a": full}, teacher_template=False)
    assert plain.teacher_ids == tokenizer("Why?")["input_ids"] and plain.completion_ids == one.completion_ids


def test_a_row_that_no_teacher_answered_is_refused(tokenizer: Any) -> None:
    row = {**asked("a#2"), "completion": [{"role": "assistant", "content": "It rains."}]}
    with pytest.raises(DataError, match="row a#2 has no teacher's prompt: .* name data that is `distilled`, in no mix"):
        distilled.encode(tokenizer, [row], {"a": row["prompt"]})


def test_the_longer_of_both_views_must_fit() -> None:
    one = distilled.Distillation("a", [1] * 9, [1, 2], [3, 4])
    assert one.longest == 11 and distilled.misfit(one, 11) is None
    assert distilled.misfit(one, 10) == (
        "its teacher's prompt and the answer are longer than max_length 10",
        "11 tokens",
    )
    other = distilled.Distillation("a", [1], [1, 2], [3, 4])
    assert distilled.misfit(other, 3) == ("its prompt and the answer are longer than max_length 3", "4 tokens")
    assert distilled.misfit(distilled.Distillation("a", [], [1], [3]), 9) == ("nothing stands before its answer", "")
