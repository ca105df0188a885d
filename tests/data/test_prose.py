"""Text files as prose: paragraphs, speakers and answers; and how they are told from a text a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leaven.data import portrait as room
from leaven.data import sources
from leaven.data.canonical import Slice, canonical, fitting
from leaven.data.formats import BadRow
from leaven.data.paragraphs import LONGEST, is_prose, paragraphs
from leaven.data.prose import turn
from leaven.declared import load as declaring
from leaven.registry import Step
from leaven.study.spec import Data

CRITO = "Crito\n\nSocrates: Why have you come? It must be early.\n\nCrito: Yes, certainly.\nIt is.\n\n \nSocrates: What time is it?"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def read(path: Path, name: str, **args: Any) -> list[dict[str, Any]]:
    batches = canonical(str(path), Step(name=name, args=args), Slice(), "error")
    return [row for batch in batches for row in batch.rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crito.txt").write_text(CRITO, encoding="utf-8")
    (tmp_path / "book.txt").write_text("Someone will say: no.\n\nSo be it. Truly.", encoding="utf-8")
    return tmp_path


def test_a_row_is_a_paragraph_and_the_group_its_file(folder: Path) -> None:
    rows = read(folder, "prose")
    assert [(row["group"], row["text"]) for row in rows] == [
        ("book", "Someone will say: no."), ("book", "So be it. Truly."), ("crito", "Crito"),
        ("crito", "Socrates: Why have you come? It must be early."), ("crito", "Crito: Yes, certainly.\nIt is."),
        ("crito", "Socrates: What time is it?"),
    ]  # fmt: skip


def test_arguments_leave_out_headings_speakers_and_line_breaks(folder: Path) -> None:
    rows = read(folder, "prose", min_words=3, speakers="drop", lines="join")
    assert [row["text"] for row in rows] == [
        "Someone will say: no.", "So be it. Truly.", "Why have you come? It must be early.", "Yes, certainly. It is.",
        "What time is it?",
    ]  # fmt: skip


def test_a_file_alone_has_no_group_since_its_name_is_no_part_of_what_it_is(folder: Path) -> None:
    assert {row["group"] for row in read(folder / "crito.txt", "prose")} == {None}
    other = folder / "other name.txt"
    other.write_text(CRITO, encoding="utf-8")
    assert read(other, "prose") == read(folder / "crito.txt", "prose")


def test_a_turn_is_asked_and_the_next_speaker_answers(folder: Path) -> None:
    rows = read(folder, "prose_completion")
    told = [(row["prompt"][0]["content"], row["completion"][0]["content"], row["label"]) for row in rows]
    assert told == [
        ("Why have you come? It must be early.", "Yes, certainly.\nIt is.", "Crito"),
        ("Yes, certainly.\nIt is.", "What time is it?", "Socrates"),
    ]
    assert [row["label"] for row in read(folder, "prose_completion", speaker="Crito")] == ["Crito"]


def test_no_answer_crosses_the_end_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ion: Who?\n\nSocrates: You.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Ion: Me?", encoding="utf-8")
    assert [row["completion"][0]["content"] for row in read(tmp_path, "prose_completion")] == ["You."]


def test_first_sentences_are_asked_and_the_rest_answers(folder: Path) -> None:
    rows = read(folder, "prose_completion", by="sentences")
    told = [(row["prompt"][0]["content"], row["completion"][0]["content"]) for row in rows]
    assert told[:2] == [("So be it.", "Truly."), ("Why have you come?", "It must be early.")]
    assert read(folder, "prose_completion", by="sentences", min_words=2)[0]["label"] == "Socrates"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Young Socrates: Yes.", "Young Socrates"), ("Socrates: Yes.", "Socrates"), ("Someone will say: no.", None),
        ("Socrates:", None), (": x", None), ("A B C D: x", None), ("Socrates says", None),
    ],
)  # fmt: skip
def test_speakers_are_names_and_no_beginnings_of_sentences(said: str, name: str | None) -> None:
    assert turn(said)[0] == name


def test_what_is_no_text_is_counted_in_its_place_and_nobodys_next() -> None:
    long = b"x" * (LONGEST + 1)
    rows = list(paragraphs([b"\xef\xbb\xbfone\n", b"\n", b"\xff\n", b" \r\n", long, b"y\n", b"\n", b"two\n"]))
    assert [str(row) if isinstance(row, BadRow) else (row["paragraph"], row["next"]) for row in rows] == [
        ("one", None), "the paragraph is not UTF-8",
        "the paragraph has more than 1,000,000 bytes: no empty lines part it", ("two", None),
    ]  # fmt: skip


def test_prose_is_told_from_a_text_a_line() -> None:
    assert is_prose([b"Crito\n", b"\n", b"Socrates: Why?\n"])
    assert not is_prose([b"a prompt\n", b"another\n", b"a third\n", b"\n"])
    assert not is_prose([b"one line\n"]) and not is_prose([])
    assert not is_prose([b"x" * 200_000, b"\n", b"y\n"])


def test_paragraphs_are_recognised_and_lines_are_still_texts(folder: Path) -> None:
    found = room.portrait(str(folder), sources.identity(str(folder)), None, Slice(), show=1)
    assert (found.format, found.rows, found.fits) == ("prose", 6, ["prose", "prose_completion"])
    for one in folder.iterdir():
        one.write_text("a prompt\nanother\n", encoding="utf-8")
    assert room.portrait(str(folder), sources.identity(str(folder)), None, Slice(), show=1).format == "text"


def test_the_real_philosophers() -> None:
    path = SHARED / "philosophers"
    if not path.exists():
        pytest.skip("the shared data do not lie beside the repository")
    found = room.portrait(str(path), sources.identity(str(path)), None, Slice(), show=1)
    assert (found.format, found.rows, dict(found.drops)) == ("prose", 15295, {})
    rows = read(path, "prose", min_words=8)
    assert len({row["group"] for row in rows}) == 25 and len(rows) > 9000
    turns = read(path, "prose_completion", speaker="Socrates", min_words=3)
    assert len(turns) > 1200 and {row["label"] for row in turns} == {"Socrates"}
    assert not any(row["completion"][0]["content"].startswith("Socrates:") for row in turns)


HUB = {"metadata": "https://plato.stanford.edu/entries/abduction/", "category": "abduction"}  # beside the column `text`


def test_paragraphs_in_a_column_of_texts_are_begun_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "hub.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, **HUB}) for text in ("It is. Or not.", "One alone.")))
    (batch,) = canonical(str(path), Step(name="prose_completion", args={"by": "sentences"}), Slice(), "error")
    assert [(row["prompt"][0]["content"], row["completion"][0]["content"]) for row in batch.rows] == [
        ("It is.", "Or not.")
    ]
    assert batch.reasons() == {"no more than 1 sentence": 1}
    (batch,) = canonical(str(path), Step(name="prose_completion"), Slice(), "drop")
    assert batch.reasons() == {"has no column paragraph": 2}, "nobody is said to speak, and nothing follows"
    assert fitting({"text": "x"})[0] == "text", "what sources were known for stays"


@pytest.mark.parametrize("profile", [None, "small"])
def test_the_philosophers_of_the_recipe_are_learnt_from_one_part_and_held_out_in_another(
    profile: str | None, tmp_path: Path
) -> None:
    declared = declaring("hello-prompt", profile).data
    path, rows = tmp_path / "hub.parquet", range(190_000)
    told = [f"Row {number} is this. It ends so, {number}." if number % 7 else f"Heading {number}" for number in rows]
    pq.write_table(pa.table({"text": told, **{name: [value] * len(rows) for name, value in HUB.items()}}), path)
    book, unread, turns = (ids(path, declared[name]) for name in ("book", "unread", "turns"))
    assert turns and turns < book and not book & unread
    assert len(turns) == len([number for number in range(len(book)) if number % 7]), "the same rows, but for headings"
    assert len(unread) == len(book), "as much is held out as is learnt"


def ids(path: Path, data: Data) -> set[str]:
    """The rows of a data set of the recipe, read from a file in the layout of the hub's."""
    assert data.format is not None and data.part is None
    part = Slice(data.skip, data.take, data.sample, data.sample_seed)
    return {row["id"] for batch in canonical(str(path), data.format, part, data.bad_rows) for row in batch.rows}
