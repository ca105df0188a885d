"""Looking passages up: what is found, in which order, and what the index on disk is made of."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaven.errors import DataError, ModelError
from leaven.models import sentence_vectors as door
from leaven.models.passages import Passage, cut, passages
from leaven.models.retrieval import Looked, build, load_index
from leaven.models.terms import words
from leaven.rows import Message


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def texts(*found: str) -> list[dict[str, Any]]:
    return [{"id": f"t:{place}", "text": text} for place, text in enumerate(found)]


def found(folder: Path, question: str, k: int = 3, row_id: str | None = None, **more: Any) -> list[Any]:
    (best,) = load_index(folder, **more).search([user(question)], k, None if row_id is None else [row_id])
    return best


FACTS = texts("Zeno keeps a dog.", "Runa keeps a parrot.", "Runa lives in Amberly.", "Nobody knows.")


def test_scores_are_those_of_the_published_formula(tmp_path: Path) -> None:
    build(passages(FACTS, 100), tmp_path)
    said = [[word for word in words(row["text"]) if word not in ("a", "in")] for row in FACTS]
    average = sum(map(len, said)) / len(said)

    def bm25(question: list[str], document: list[str], k1: float = 1.5, b: float = 0.75) -> float:
        total, counts = 0.0, Counter(document)
        for word in question:
            holding = sum(word in one for one in said)
            idf = math.log(1 + (len(said) - holding + 0.5) / (holding + 0.5))
            tf = counts[word] / (counts[word] + k1 * (1 - b + b * len(document) / average))
            total += idf * tf
        return total

    wanted = {row["id"]: bm25(["runa", "parrot"], one) for row, one in zip(FACTS, said, strict=True)}
    made = found(tmp_path, "RUNA, a parrot?", k=9)
    assert [one.row for one in made] == ["t:1", "t:2"], "what shares no word is not found"
    assert {one.row: one.score for one in made} == pytest.approx({"t:1": wanted["t:1"], "t:2": wanted["t:2"]}, rel=1e-5)


def test_equal_passages_keep_their_order_and_k_cuts_among_them(tmp_path: Path) -> None:
    build(passages(texts(*["the same words"] * 20, "other things"), 100), tmp_path)
    assert [one.row for one in found(tmp_path, "same", k=3)] == ["t:0", "t:1", "t:2"]
    assert len(found(tmp_path, "same", k=100)) == 20


def test_a_question_of_no_known_word_finds_nothing(tmp_path: Path) -> None:
    build(passages(FACTS, 100), tmp_path)
    assert [found(tmp_path, text) for text in ("", "   ", "zyx?", "is it the")] == [[]] * 4


def test_a_row_that_is_the_questions_own_is_kept_and_known(tmp_path: Path) -> None:
    rows = [{"id": "q:1", "prompt": user("Where does Runa live?"), "completion": [{"role": "assistant", "content": "Amberly"}]},
            *FACTS]  # fmt: skip
    build(passages(rows, 100), tmp_path)
    assert {one.row: one.own for one in found(tmp_path, "where does Runa live")} == {
        "q:1": True,
        "t:1": False,
        "t:2": False,
    }
    assert {one.row: one.own for one in found(tmp_path, "Runa", row_id="t:2")}["t:2"]
    assert found(tmp_path, "where does Runa live", k=1)[0].text == "Where does Runa live?\nAmberly"


def test_rows_are_cut_evenly_and_nothing_is_lost() -> None:
    text = " ".join(map(str, range(101)))
    pieces = cut(text, 100)
    assert [len(one.split()) for one in pieces] == [50, 51]
    assert " ".join(pieces) == text
    assert cut(" a\n b ", 1) == ["a", "b"]
    assert cut(" \n ", 5) == []
    assert max(map(len, cut("x" * 10_000, 10))) <= 400, "what has no spaces is cut too"


def test_what_is_said_is_the_document_of_a_prompt() -> None:
    rows = [{"id": "p:0", "prompt": [{"role": "system", "content": "S"}, *user("q")],
             "chosen": [{"role": "assistant", "content": "good"}], "rejected": []}]  # fmt: skip
    assert [one.text for one in passages(rows, 10)] == ["q\ngood"]


@pytest.mark.parametrize(
    ("rows", "said"), [([], "no passage"), (texts(" ", ""), "no passage"), (texts("?!", "..."), "no word")]
)
def test_an_empty_corpus_is_refused(tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        build(passages(rows, 10), tmp_path)


def test_no_file_of_an_index_is_a_pickle(tmp_path: Path) -> None:
    build(passages(FACTS, 100), tmp_path)
    for file in tmp_path.rglob("*.npy"):
        np.load(file, allow_pickle=False)
    assert {file.suffix for file in tmp_path.rglob("*") if file.is_file()} == {".npy", ".json", ".parquet"}


def test_two_builds_are_equal_to_the_byte(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(passages(FACTS, 100), tmp_path / name)
        made.append({file.name: file.read_bytes() for file in (tmp_path / name).rglob("*") if file.is_file()})
    assert made[0] == made[1]


def test_a_live_conversation_looks_up_and_breaks_special_tokens(tmp_path: Path) -> None:
    build(passages(texts("a dog</s> barks", "a cat"), 100), tmp_path)
    looked = Looked(load_index(tmp_path), 2, ["</s>"])
    assert looked.of(user("which dog?")) == ["a dog< /s> barks"]
    assert [one.text for one in looked.last] == ["a dog</s> barks"]
    assert looked.of(user("zyx")) == []
    assert looked.last == []


def directions(some: Any) -> Any:
    """Vectors by what a text is about: a dog, a bird, or neither."""
    rows = [[1.0, 0.0, 0.1] if "dog" in one else [0.0, 1.0, 0.1] if "bird" in one or "parrot" in one else [0.0, 0.0, 1.0]
            for one in some]  # fmt: skip
    made = np.asarray(rows, np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_a_dense_index_finds_by_nearness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0")
    made = build(passages(FACTS, 100), tmp_path, "sha256:x", directions)
    assert (made["by"], made["model"], made["size"]) == ("dense", "sha256:x", 3)
    assert [one.row for one in found(tmp_path, "a bird?", k=1, vectors=directions)] == ["t:1"]
    assert found(tmp_path, " ", vectors=directions) == []
    with pytest.raises(ModelError, match="no numbers"):
        build(passages(FACTS, 100), tmp_path, "sha256:x", lambda some: np.full((len(some), 3), np.nan, np.float32))


def test_dense_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    for ask in (lambda: door.resolve({"by": "dense", "model": "a/b"}), lambda: door.sentence_vectors("a/b@c")):
        with pytest.raises(ModelError, match=r"pip install 'leaven\[dense\]'"):
            ask()
    assert door.resolve({"by": "bm25"}) == {"args": {}, "paths": {}}


def test_a_dense_model_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package: Any = type(sys)("sentence_transformers")
    monkeypatch.setitem(sys.modules, "sentence_transformers", package)
    package.__version__ = "5.9"
    with pytest.raises(ModelError, match="sentence-transformers 6 or newer, and 5.9"):
        door.resolve({"by": "dense", "model": str(tmp_path)})
    package.__version__ = "6.2.0"
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    known = door.resolve({"by": "dense", "model": str(tmp_path)})
    assert known["args"]["model"].startswith("sha256:")
    assert known["paths"] == {"model": str(tmp_path)}
    (tmp_path / "model.safetensors").write_bytes(b"y")
    with pytest.raises(ModelError, match="edited"):
        door.sentence_vectors(known["args"]["model"], tmp_path)
    with pytest.raises(ModelError, match="no folder and no name"):
        door.resolve({"by": "dense", "model": "./nowhere"})


def test_passages_of_a_large_corpus_are_found_quickly(tmp_path: Path) -> None:
    many = (
        Passage(f"t:{place}", f"word{place % 977} word{place % 89} fills {place}", b"0" * 16) for place in range(20_000)
    )
    build(many, tmp_path)
    index = load_index(tmp_path)
    index.search([user("warm")], 3)
    begun = time.perf_counter()
    index.search([user(f"word{place} and word{place % 89} fills") for place in range(100)], 3)
    assert time.perf_counter() - begun < 5, "0.05 s a question of 20,000 passages, on a busy core"
