"""The row schemas that cross rooms (Arrow types; column names as in TRL).

Rooms hand each other tables, never objects of their own. Reading goes through pyarrow alone, because
``datasets.load_dataset`` copies into a cache folder and ``map`` writes beside what it reads.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

BATCH = 5000  # rows that are in hand at once, where rows go by in batches
Row = dict[str, Any]
Message = dict[str, str]  # {"role": "user" | "assistant" | "system", "content": str}


@functools.cache
def schema(kind: str) -> pa.Schema:
    """Return the Arrow schema of one kind of table; the kinds are the keys of the table below."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    messages = pa.list_(pa.struct([("role", text), ("content", text)]))
    about = [("id", text), ("source", text), ("group", text), ("label", text)]
    ids = pa.list_(pa.int32())
    fields: dict[str, list[tuple[str, pa.DataType]]] = {
        # A demonstration, or a prompt whose completion is the reference answer; others are further human answers.
        "examples": [*about, ("prompt", messages), ("completion", messages), ("others", pa.list_(text))],
        # margin: by how much chosen was preferred, in the source's own unit; 0 is a tie; null is unknown.
        "preferences": [*about, ("prompt", messages), ("chosen", messages), ("rejected", messages), ("margin", number)],
        # A sentence about one or several groups; toxicity is the source's own rating of how harmful it is.
        "statements": [*about, ("text", text), ("toxicity", number), ("groups", pa.list_(text))],
        # A text of a corpus, a sentence say. score is what its source says of it; control are the tokens that go in
        # front of it, null where none are put.
        "texts": [*about, ("text", text), ("score", number), ("control", pa.list_(text))],
        # What a scorer made of each text of a corpus, in the corpus's order: a number, or a word of a label column.
        "labels": [("id", text), ("value", number), ("said", text)],
        "drops": [("id", text), ("reason", text), ("excerpt", text)],
        "ledger": [("id", text), ("step", text), ("was", text), ("became", text)],
        "encoded": [("id", text), ("input_ids", ids), ("labels", ids)],
        # Encoded preferences: each answer's ids go on behind the prompt's.
        "pairs": [("id", text), ("prompt_ids", ids), ("chosen_ids", ids), ("rejected_ids", ids)],
        "generations": [
            ("prompt_id", text), ("sample", pa.int32()), ("text", text),
            ("finish_reason", text), ("tokens", pa.int32()),
        ],
        # Of each row's completion alone: nats are minus its log-probability, null where nothing could be counted.
        "likelihoods": [("id", text), ("nats", number), ("tokens", pa.int32()), ("bytes", pa.int64())],
        # What a model makes of the two answers of a preference: rewards, or log-probabilities of the whole answers.
        "verdicts": [
            ("id", text), ("chosen", number), ("rejected", number),
            ("chosen_tokens", pa.int32()), ("rejected_tokens", pa.int32()),
        ],
        # How a judge ranked the answers to a prompt: a row for each answer and each time it was asked (``asking`` 0; 1
        # where the same answers were asked about again in another order). rank: 1 is the best, equal ones share the
        # mean of their places; null if unscored, then with the reason. score: the judge's own, higher is better.
        # place: where the answer stood in the question, from 0; null where it stood alone.
        "ranks": [
            ("id", text), ("sample", pa.int32()), ("asking", pa.int32()), ("place", pa.int32()),
            ("rank", number), ("score", number), ("reason", text),
        ],
        # What a judge of pairs said of two answers (samples), in the order in which it saw them: choice is "first",
        # "second" or "tie", null if unscored, then with the reason.
        "votes": [
            ("id", text), ("asking", pa.int32()), ("first", pa.int32()), ("second", pa.int32()),
            ("choice", text), ("reason", text),
        ],
        # What was found for a prompt, best first: rank counts from 0, passage is the id of the row that it is of.
        "passages": [("id", text), ("rank", pa.int32()), ("passage", text), ("score", number), ("text", text)],
        # An answer behind two prompts: the one that its teacher was asked with, and the one that the student is asked.
        "distillations": [("id", text), ("teacher_ids", ids), ("prompt_ids", ids), ("completion_ids", ids)],
        # A prompt whose answers are sampled in training.
        "asked": [("id", text), ("prompt", messages), ("prompt_ids", ids)],
        # What a guard said of a prompt or an answer (``on``): its score, null if unscored, and whether that blocks.
        "guarded": [
            ("id", text), ("sample", pa.int32()), ("guard", text), ("on", text), ("score", number),
            ("blocked", pa.bool_()),
        ],
        # Verbatim spans of an answer that stand in a corpus (``where``): the longest of each answer, in tokens.
        "spans": [
            ("id", text), ("sample", pa.int32()), ("where", text), ("tokens", pa.int32()), ("source", text),
            ("excerpt", text),
        ],
        # What a classification said of an item and what is right, as text; null where nothing was said.
        "predictions": [("item_id", text), ("prediction", text), ("label", text)],
        "scores": [
            ("row_id", text), ("sample", pa.int32()), ("metric", text), ("value", number), ("reason", text),
        ],
        "measurements": [
            ("arm", text), ("dose", number), ("seed", pa.int64()), ("suite", text), ("metric", text),
            ("group", text), ("item_id", text), ("sample", pa.int32()), ("value", number),
        ],
    }  # fmt: skip
    return pa.schema(fields[kind])


def table(kind: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build a table of one kind from rows; a missing column becomes null, an unknown one raises."""
    import pyarrow as pa

    names = set(schema(kind).names)
    listed = list(rows)
    unknown = set().union(*listed) - names
    assert not unknown, f"{kind} rows have unknown columns {sorted(unknown)}"
    return pa.Table.from_pylist(listed, schema=schema(kind))


def write(path: Path, kind: str, rows: Iterable[Mapping[str, Any]] | pa.Table) -> int:
    """Write rows of one kind as Parquet; return their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = rows if isinstance(rows, pa.Table) else table(kind, rows)
    pq.write_table(made.cast(schema(kind)), path)
    return int(made.num_rows)


class Writer:
    """Write rows of one kind as Parquet, batch after batch, so that memory does not grow with their number.

    ``with rows.Writer(path, kind) as writer: writer.write(batch)``; ``writer.count`` is how many were written.
    """

    def __init__(self, path: Path, kind: str):
        import pyarrow.parquet as pq

        self.kind, self.count = kind, 0
        self._file = pq.ParquetWriter(path, schema(kind))

    def write(self, rows: Iterable[Mapping[str, Any]] | pa.Table | pa.RecordBatch) -> None:
        """Append rows, or an Arrow table of them; nothing is written for none."""
        import pyarrow as pa

        if isinstance(rows, pa.RecordBatch):
            rows = pa.Table.from_batches([rows])
        made = rows.cast(schema(self.kind)) if isinstance(rows, pa.Table) else table(self.kind, rows)
        if made.num_rows:
            self._file.write_table(made)
            self.count += int(made.num_rows)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def batches(path: Path, columns: list[str] | None = None, size: int = BATCH) -> Iterator[pa.RecordBatch]:
    """Yield a Parquet table that a stage wrote in pieces of at most ``size`` rows; ``columns``: of these alone."""
    import pyarrow.parquet as pq

    # Buffered ahead, as pyarrow does unless told, the whole file would stay in memory until the last batch.
    with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
        # Threads read ahead and keep their memory; a stage that goes by in batches has one core.
        yield from file.iter_batches(batch_size=size, columns=columns, use_threads=False)


def columns(path: Path) -> list[str]:
    """Return the names of a table's columns; reads none of its rows."""
    import pyarrow.parquet as pq

    return list(pq.read_schema(path).names)


def kind(path: Path) -> str:
    """Return which kind of canonical rows a table holds: preferences, texts or examples."""
    found = columns(path)
    return "preferences" if "chosen" in found else "texts" if "control" in found else "examples"


def read(path: Path) -> pa.Table:
    """Read a Parquet table that a stage wrote, without memory-mapping or caching anything."""
    import pyarrow.parquet as pq

    return pq.read_table(path, memory_map=False)


def dataset(path: Path) -> Dataset:
    """Open a Parquet table as an in-memory ``datasets.Dataset``; writes nothing."""
    from datasets import Dataset

    return Dataset(read(path))
