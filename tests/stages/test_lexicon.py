"""The words of data, and which share of an answer's words is not among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages import lexicon, unknown_words


def said(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def folder(path: Path, kind: str, rows: list[dict[str, Any]], name: str = "rows") -> Path:
    path.mkdir()
    tables.write(path / f"{name}.parquet", kind, rows)
    return path


def made(
    tmp_path: Path, text: str = "Plato said: well-being isn't \u00e9lan, at www.x.org"
) -> tuple[Path, dict[str, Any]]:
    talk = [{"id": "e:0", "prompt": said("user", "HELLO there"), "completion": said("assistant", "Hi")}]
    inputs = {
        "of.book": folder(tmp_path / "book", "texts", [{"id": "t:0", "text": text}]),
        "of.talk": folder(tmp_path / "talk", "examples", talk),
    }
    (out := tmp_path / "lexicon").mkdir()
    return out, lexicon({}, inputs, out)


def shares(tmp_path: Path, answers: list[str | None]) -> list[float | None]:
    known, _ = made(tmp_path)
    told = [{"prompt_id": f"q:{n}", "sample": 0, "text": text} for n, text in enumerate(answers)]
    (out := tmp_path / "out").mkdir()
    inputs = {"lexicon": known, "generations": folder(tmp_path / "told", "generations", told, "generations")}
    facts = unknown_words({}, inputs, out)
    found = tables.read(out / "scores.parquet").to_pylist()
    assert facts == {"scores": len(answers), "unscored": sum(one["value"] is None for one in found)}
    assert {one["metric"] for one in found} == {"unknown_words"}
    return [one["value"] for one in found]


def test_words_of_all_data_are_listed_once_in_lower_case(tmp_path: Path) -> None:
    out, facts = made(tmp_path)
    words = (out / "words.txt").read_text(encoding="utf-8").split()
    assert words == ["at", "being", "hello", "hi", "isn", "plato", "said", "there", "well", "\u00e9lan"]
    assert facts == {"texts": 3, "words_read": 9, "words": 10}


def test_a_share_of_the_words_is_unknown(tmp_path: Path) -> None:
    answers = [
        "Hello Plato!",
        "hello zorp",
        "zorp-being zorp",
        "",
        None,
        " 12 %",
        "\u00c9lan isn't here",
        "\u4f60\u597d",
    ]
    assert shares(tmp_path, answers) == [0, 0.5, 1, None, None, None, pytest.approx(1 / 3), 1]


def test_data_without_a_word_are_refused(tmp_path: Path) -> None:
    blank = folder(tmp_path / "rows", "texts", [{"id": "t:0", "text": "12 34"}, {"id": "t:1", "text": None}])
    with pytest.raises(DataError, match="no word stands in the 2 texts"):
        lexicon({}, {"of.book": blank}, tmp_path)
