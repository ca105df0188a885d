"""The verb that makes a corpus, on files: what comes in, what is counted, and what bad input gets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from leaven import progress, stages
from leaven import rows as tables
from leaven.data import sources
from leaven.errors import DataError

SHARED = Path(__file__).parents[3] / "shared" / "data"
SAID = "The ship number {} sailed on through the night. She came home in the {} morning."


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pile(count: int = 4, name: str = "Pile-CC") -> list[dict[str, Any]]:
    return [{"text": SAID.format(n, n), "meta": {"pile_set_name": name}} for n in range(count)]


def make(
    path: Path, out: Path, format: str = "pile", form: dict[str, Any] | None = None, **args: Any
) -> dict[str, Any]:
    out.mkdir(exist_ok=True)
    identity = sources.identity(str(path))
    asked = {"identity": identity, "format": {"name": format, "args": form or {}}, "corpus": {}, **args}
    return stages.corpus(asked, {"source": path}, out)


def texts(out: Path) -> list[dict[str, Any]]:
    return tables.read(out / "rows.parquet").to_pylist()  # type: ignore[no-any-return]


def test_documents_become_sentences_with_their_source(tmp_path: Path) -> None:
    facts = make(write(tmp_path / "a.jsonl", [*pile(2), *pile(1, "Github")]), tmp_path / "out")
    assert tables.kind(tmp_path / "out" / "rows.parquet") == "texts"
    first, second, *_ = texts(tmp_path / "out")
    prefix = sources.short_name(sources.identity(str(tmp_path / "a.jsonl")))
    assert first == {"id": f"{prefix}:0/0", "source": prefix, "group": "Pile-CC", "label": None, "score": None,
                     "text": "The ship number 0 sailed on through the night.", "control": None}  # fmt: skip
    assert second["id"] == f"{prefix}:0/1"
    assert facts["kind"] == "texts" and (facts["rows_in"], facts["rows"], facts["drops"]) == (4, 4, {})
    assert facts["funnel"][0] == {"step": "read", "unit": "documents", "rows": 3}
    shown = json.loads((tmp_path / "out" / progress.FOLDER / progress.FILE).read_text())
    assert shown["unit"] == "sentences" and shown["sentences_per_s"] > 0


def test_the_pocket_has_a_corpus(tmp_path: Path) -> None:
    identity = sources.identity("pocket:pile")
    args = {
        "source": "pocket:pile",
        "identity": identity,
        "format": {"name": "pile", "args": {}},
        "corpus": {"min_words": 3},
    }
    facts = stages.corpus(args, {}, tmp_path)
    assert facts["rows"] > 100 and all(row["text"].isprintable() for row in texts(tmp_path))


def test_a_slice_and_a_part_take_documents(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", pile(200))

    def ids(name: str, **args: Any) -> set[str]:
        make(path, tmp_path / name, **args)
        return {row["id"].split(":")[1].split("/")[0] for row in texts(tmp_path / name)}

    assert ids("slice", skip=3, take=2) == {"3", "4"}
    low, high = ids("low", part=[0, 0.9]), ids("high", part=[0.9, 1])
    assert not low & high and low | high == set(map(str, range(200))) and 5 < len(high) < 40


def test_bad_documents_stop_unless_the_study_drops_them_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(pile(1)[0]).encode()
    path.write_bytes(good + b'\n{"text": "\xff\xfe"}\n' + b'{"text": "x", "meta": 3}\n')
    with pytest.raises(DataError, match="row 1: the line is not UTF-8"):
        make(path, tmp_path / "a")
    facts = make(path, tmp_path / "b", bad_rows="drop")
    assert facts["unused"] == {"the line is not UTF-8": 1, "meta is a int, not an object": 1}
    assert [one["rows"] for one in facts["funnel"]][:3] == [3, 1, 1] and facts["rows"] == 2
    assert len(tables.read(tmp_path / "b" / "drops.parquet")) == 2


def test_a_format_of_answers_and_a_comparison_of_rows_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", pile())
    with pytest.raises(
        DataError, match="format eli5 makes examples, and a corpus is made of texts; use `texts` or `pile`"
    ):
        make(path, tmp_path / "a", format="eli5")
    with pytest.raises(DataError, match="`held_out_from` compares rows; use `part`"):
        make(path, tmp_path / "b", held_out_from=["other"])


def test_what_evaluations_ask_is_taken_out_by_document(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    rows = [{"id": "q", "text": SAID.format(2, 2)}]
    tables.write(other / "rows.parquet", "texts", rows)
    asked = {"identity": sources.identity(str(write(tmp_path / "a.jsonl", pile()))), "format": {"name": "pile", "args": {}},
             "corpus": {}, "decontaminate": {"against": ["other"]}}  # fmt: skip
    (tmp_path / "out").mkdir()
    facts = stages.corpus(asked, {"source": tmp_path / "a.jsonl", "other": other}, tmp_path / "out")
    assert facts["unused"] == {"13 words in a row occur in other": 1} and facts["rows"] == 6


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_a_sample_of_the_pile_comes_out_as_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    facts = make(SHARED / "pile_sample", tmp_path / "out")
    steps = [one["rows"] for one in facts["funnel"]]
    assert steps[:3] == [2161, 2161, 1894] and facts["rows_in"] == 49034
    assert set(facts["sources"]) == {"US Presidential Speeches", "Gutenberg (PG-19)", "PubMed Abstracts",
                                     "Wikipedia (en)", "Pile-CC", "ArXiv"}  # fmt: skip
    assert 0.8 < facts["rows"] / facts["rows_in"] < 0.9
    made = texts(tmp_path / "out")
    assert len({row["text"] for row in made}) == len(made) == facts["rows"]
    assert not any("\\" in row["text"] and "{" in row["text"] for row in made)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_other_real_texts_with_a_score_are_read(tmp_path: Path) -> None:
    path = SHARED / "rtp_challenging"
    facts = make(path, tmp_path / "out", "texts", {"score": "score"})
    assert facts["rows"] > 500 and all(0 <= row["score"] <= 1 for row in texts(tmp_path / "out"))


def test_a_packed_pile_is_read(tmp_path: Path) -> None:
    import pyarrow as pa

    lines = "".join(json.dumps(row) + "\n" for row in pile()).encode()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    with pa.CompressedOutputStream(str(tmp_path / "a.jsonl.zst"), "zstd") as packed:
        packed.write(lines)
    for name in ("a.jsonl.gz", "a.jsonl.zst"):
        assert make(tmp_path / name, tmp_path / f"{name}.out")["rows"] == 8
