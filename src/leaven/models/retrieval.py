"""Looking passages up: an index on disk, by words that are counted (BM25) or by vectors of sentences.

The index holds the passages themselves, so that nothing else is read where a question is asked. No file of it can run
code: arrays without pickle, JSON and Parquet.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.data.questions import asked, known_by
from leaven.errors import DataError, ModelError
from leaven.models.hostile import neutralised
from leaven.models.passages import Passage
from leaven.models.sentence_vectors import Vectors, sentence_vectors
from leaven.models.terms import words
from leaven.rows import Message, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FILE, _PASSAGES, _WORDS, _VECTORS = "index.json", "passages.parquet", "bm25", "vectors.safetensors"
_BATCH = 64  # questions whose vectors are compared at once

Scores = Callable[[Sequence[str]], Iterable["NDArray[np.float32]"]]  # for each question the score of every passage


@dataclass(frozen=True)
class Found:
    """A passage found for a question: its row, how well it fits, and whether its row is the question's own."""

    row: str
    score: float
    text: str
    own: bool = False


@dataclass(frozen=True)
class Index:
    """Passages, and how they are looked up. ``scores``: of each question a number for every passage, in their order.

    A passage that fits a question by nothing at all (``least`` or below) is not found for it.
    """

    passages: Sequence[Passage]
    scores: Scores
    least: float

    def search(
        self, prompts: Sequence[Sequence[Message]], k: int, ids: Sequence[str] | None = None
    ) -> list[list[Found]]:
        """Return the k best passages for the last question of each prompt, best first; equal ones in their order.

        ``ids``: those of the prompts' rows, by which a row that is the question's own is known, like by its question.
        """
        questions = [asked(prompt) if prompt else "" for prompt in prompts]
        named: Sequence[str | None] = [None] * len(prompts) if ids is None else ids
        return [
            [self._found(place, float(scores[place]), question, row_id) for place in self._best(scores, k)]
            for question, row_id, scores in zip(questions, named, self.scores(questions), strict=True)
        ]

    def _best(self, scores: NDArray[np.float32], k: int) -> list[int]:
        import numpy as np

        fitting = np.flatnonzero(scores > self.least)
        if k < len(fitting):
            lowest = np.partition(scores[fitting], len(fitting) - k)[len(fitting) - k]
            fitting = fitting[scores[fitting] >= lowest]
        return [int(place) for place in fitting[np.argsort(-scores[fitting], kind="stable")][:k]]

    def _found(self, place: int, score: float, question: str, row_id: str | None) -> Found:
        passage = self.passages[place]
        own = passage.row == row_id or (bool(question.strip()) and passage.question == known_by(question))
        return Found(passage.row, score, passage.text, own)


@dataclass(frozen=True)
class Looked:
    """Passages of a live conversation: looked up when it is asked; ``last`` are those of the last question."""

    index: Index
    k: int
    specials: Sequence[str] = ()
    last: list[Found] = field(default_factory=list)

    def of(self, prompt: Sequence[Message], row_id: str | None = None) -> list[str]:
        """Return the passages for a prompt, with no special token spelled out."""
        (self.last[:],) = self.index.search([prompt], self.k, None if row_id is None else [row_id])
        return [neutralised(one.text, self.specials) for one in self.last]


class Kept:
    """Passages that were looked up before, by row: rows of kind ``passages``. ``changed``: texts neutralised."""

    def __init__(self, rows: Iterable[Row], specials: Sequence[str] = ()):
        self.changed, self._texts = 0, dict[str, list[str]]()
        for row in sorted(rows, key=lambda row: (row["id"], row["rank"])):
            text = neutralised(row["text"], specials)
            self.changed += text != row["text"]
            self._texts.setdefault(row["id"], []).append(text)

    def of(self, prompt: Sequence[Message], row_id: str | None = None) -> list[str]:
        """Return the passages of a row, best first; none where none was found."""
        assert row_id is not None, "passages that were looked up are kept by row"
        return self._texts.get(row_id, [])


def build(
    found: Iterable[Passage], out: Path, model: str | None = None, vectors: Vectors | None = None
) -> dict[str, Any]:
    """Write an index of passages into a folder; return what it holds. Raises DataError if there is none.

    With a ``model`` a dense one, of its ``vectors``; else the words are counted.
    """
    listed = list(found)
    if not listed:
        raise DataError("the corpus of rag holds no passage, since all its rows are blank; name data with texts")
    _write_passages(listed, out)
    texts = [one.text for one in listed]
    made: dict[str, Any] = {"by": "bm25" if model is None else "dense", "passages": len(listed)}
    if model is None:
        made |= _count(texts, out / _WORDS)
    else:
        assert vectors is not None, "a dense index is made of vectors"
        made |= {"model": model, **_save_vectors(vectors(texts), out / _VECTORS)}
    (out / _FILE).write_text(json.dumps(made, indent=1))
    return made


def load_index(folder: Path, model: Path | None = None, vectors: Vectors | None = None) -> Index:
    """Open an index; a dense one asks the model that made it, which lies in ``model`` if it is a folder.

    ``vectors`` computes those of questions instead.
    """
    made = json.loads((folder / _FILE).read_text())
    passages = _read_passages(folder / _PASSAGES)
    if made["by"] == "bm25":
        return Index(passages, _Counted(folder / _WORDS, len(passages)).scores, 0.0)
    vectors = vectors or sentence_vectors(made["model"], model)
    return Index(passages, _Compared(folder / _VECTORS, vectors).scores, -2.0)  # a cosine is always above that


def _write_passages(listed: Sequence[Passage], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "row": pa.array([one.row for one in listed], pa.string()),
        "text": pa.array([one.text for one in listed], pa.string()),
        "question": pa.array([one.question for one in listed], pa.binary(16)),
    }
    pq.write_table(pa.table(columns), path / _PASSAGES)


def _read_passages(file: Path) -> list[Passage]:
    columns = tables.read(file).to_pydict()
    return [Passage(*one) for one in zip(columns["row"], columns["text"], columns["question"], strict=True)]


@functools.cache
def _unheard() -> frozenset[str]:
    """Return the words of Lucene's list, which say nothing of what a text is about."""
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN)


def _spoken(text: str) -> list[str]:
    """Return the words that are counted."""
    unheard = _unheard()
    return [word for word in words(text) if word not in unheard]


def _count(texts: Sequence[str], folder: Path) -> dict[str, Any]:
    import bm25s

    said, vocabulary = [_spoken(text) for text in texts], dict[str, int]()
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in one] for one in said]
    if not vocabulary:
        raise DataError("the corpus of rag holds no word that can be looked up; name data with texts")
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index((ids, vocabulary), create_empty_token=False, show_progress=False)
    index.save(folder, show_progress=False)
    return {"words": len(vocabulary), "bm25s": importlib.metadata.version("bm25s")}


@dataclass(frozen=True)
class _Counted:
    folder: Path
    passages: int

    @cached_property
    def _index(self) -> Any:
        import bm25s

        return bm25s.BM25.load(self.folder)

    def scores(self, questions: Sequence[str]) -> Iterable[NDArray[np.float32]]:
        import numpy as np

        for question in questions:
            ids = self._index.get_tokens_ids(_spoken(question))
            yield self._index.get_scores_from_ids(ids) if ids else np.zeros(self.passages, np.float32)


def _save_vectors(vectors: NDArray[np.float32], file: Path) -> dict[str, Any]:
    import numpy as np
    from safetensors.numpy import save_file

    if not np.isfinite(vectors).all():
        raise ModelError("rag's model gives vectors that are no numbers; name another one")
    save_file({"vectors": np.ascontiguousarray(vectors, np.float32)}, file)
    version = importlib.metadata.version("sentence-transformers")
    return {"size": int(vectors.shape[1]), "sentence_transformers": version}


@dataclass(frozen=True)
class _Compared:
    file: Path
    vectors: Vectors

    @cached_property
    def _passages(self) -> NDArray[np.float32]:
        from safetensors.numpy import load_file

        return load_file(self.file)["vectors"]  # type: ignore[no-any-return]

    def scores(self, questions: Sequence[str]) -> Iterable[NDArray[np.float32]]:
        import numpy as np

        for at in range(0, len(questions), _BATCH):
            some = questions[at : at + _BATCH]
            for question, row in zip(some, self.vectors(some) @ self._passages.T, strict=True):
                yield row if question.strip() else np.full(len(row), -np.inf, np.float32)
