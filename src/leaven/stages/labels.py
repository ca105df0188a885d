"""The verb of labelling: every text of a corpus -> what a scorer, or a column of its source, says of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from leaven import progress
from leaven import rows as tables
from leaven.data.labelled import Histogram, Said
from leaven.errors import DataError
from leaven.stages import measuring, processes
from leaven.stages.folders import Args, Facts, Inputs, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

_SHARD, _SHARD_OF_A_MODEL = 5_000, 2_000  # texts; part of no result, so it is no argument
_SHARDS = "labels"
_WORDS = ("label", "group")  # columns that hold words, not numbers

Score = Callable[[list[str]], Sequence[float | None]]


class _Shard(NamedTuple):
    file: Path
    texts: pa.Array | None  # None where an earlier attempt scored them


def labels(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Texts -> labels in their order, one a text; null where a text cannot be scored, or its column is empty.

    By a metric the texts go by in shards, over as many processes as the stage has cores; shards that an earlier
    attempt scored are taken over. A metric that computes with a model has the cores to itself.
    """
    scorer, rows = args["scorer"], rows_of(inputs["rows"])
    if tables.kind(rows) != "texts":
        raise DataError("labels are given to the texts of a corpus, and the data set has prompts and answers; "
                        "name one whose format makes texts")  # fmt: skip
    if "column" in scorer:
        return _by_column(scorer["column"], rows, out)
    score, computes = _scorer(scorer, args, inputs)
    size, cores = (_SHARD_OF_A_MODEL, 1) if computes else (_SHARD, processes.cores())
    return _by_metric(score, scorer["metric"]["name"], rows, out, size, cores)


def _by_column(column: str, rows: Path, out: Path) -> Facts:
    import pyarrow as pa

    read = (one.select([1]) for one in _read(column, rows))
    told = Said() if column in _WORDS else Histogram.over(read, _rows_in(rows))
    with tables.Writer(out / "labels.parquet", "labels") as writer:
        for batch in _read(column, rows):
            found, null = batch.column(1), pa.nulls(batch.num_rows)
            told.add(found)
            columns = [batch.column("id"), *((null, found) if column in _WORDS else (found, null))]
            writer.write(pa.table(columns, names=["id", "value", "said"]))
    if told.unscored == writer.count:
        raise DataError(f"column {column} says nothing of any of the {writer.count} texts; the source's format brings "
                        "none, so label them by a metric")  # fmt: skip
    return {"rows": writer.count, "unscored": told.unscored, **told.as_facts()}


def _read(column: str, rows: Path) -> Iterator[pa.RecordBatch]:
    """Yield each row's id with what a column says of it; of the column ``id`` a number in [0, 1) drawn by it."""
    import pyarrow as pa

    from leaven.data.treatments.draw import Draw

    if column != "id":
        yield from tables.batches(rows, ["id", column])
        return
    draw = Draw(0, "labels")  # it says nothing of the text: what is labelled so tests what labels by chance do
    for batch in tables.batches(rows, ["id"]):
        numbers = pa.array([draw.uniform(row_id) for row_id in batch.column(0).to_pylist()], pa.float64())
        yield pa.record_batch([batch.column(0), numbers], names=["id", "drawn"])


def _scorer(scorer: Args, args: Args, inputs: Inputs) -> tuple[Score, bool]:
    """Return what scores a list of texts, and whether it computes with a model of its own."""
    from leaven.registry import METRICS
    from leaven.score.flows import one_value

    plugin = METRICS.get(scorer["metric"]["name"])
    declared = measuring.arguments(plugin, scorer["metric"]["args"], args, inputs, None)
    if plugin.flows != ("texts",):
        others = ", ".join(name for name in plugin.flows if name != "texts")
        raise DataError(f"metric {plugin.name} cannot label a corpus: it reads {others}, which a bare text has not")
    resolve = plugin.traits.get("resolve")
    computes = "classifier" in inputs or bool(resolve and resolve(declared, ask=False)["computes"])
    return partial(one_value, plugin.name, dict(declared), scorer.get("value")), computes


def _by_metric(score: Score, name: str, rows: Path, out: Path, size: int, cores: int) -> Facts:
    folder, total, done = out / progress.FOLDER / f"{_SHARDS}-{size}", _rows_in(rows), 0
    folder.mkdir(parents=True, exist_ok=True)
    report, started, files, new = progress.Progress(out, "texts"), time.monotonic(), list[Path](), 0
    for shard in processes.in_order(partial(_score_shard, score), _shards(rows, folder, size), cores):
        files.append(shard.file)
        done, new = done + shard.rows, new + (0 if shard.reused else shard.rows)
        report(done, total, rows_per_s=round(new / (time.monotonic() - started)))
    return _merged(rows, files, out, name, total)


class _Done(NamedTuple):
    file: Path
    rows: int
    reused: bool


def _shards(rows: Path, folder: Path, size: int) -> Iterator[_Shard]:
    """Cut the texts into shards by their number alone, whoever works on them."""
    for number, texts in enumerate(_of_size(tables.batches(rows, ["text"]), size)):
        file = folder / f"{number:07d}.parquet"
        yield _Shard(file, None if file.exists() else texts)


def _of_size(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Array]:
    import pyarrow as pa

    held: list[pa.Array] = []
    for batch in batches:
        texts = batch.column(0)
        while texts is not None and len(texts):
            room = size - sum(map(len, held))
            held.append(texts[:room])
            texts = texts[room:]
            if len(held[-1]) == room:
                yield pa.concat_arrays(held)
                held = []
    if held:
        yield pa.concat_arrays(held)


def _score_shard(score: Score, shard: _Shard) -> _Done:
    """Score a shard into its file, which is there whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if shard.texts is None:
        return _Done(shard.file, pq.read_metadata(shard.file).num_rows, reused=True)
    texts = shard.texts.to_pylist()
    values = pa.array(score(texts), pa.float64(), from_pandas=True)  # NaN is no score
    assert len(values) == len(texts), f"{len(texts)} texts, {len(values)} scores"
    beside = shard.file.with_suffix(f".{os.getpid()}")
    pq.write_table(pa.table({"value": values}), beside)
    beside.replace(shard.file)
    return _Done(shard.file, len(texts), reused=False)


def _merged(rows: Path, files: Sequence[Path], out: Path, name: str, total: int) -> Facts:
    """Write the shards' values beside the texts' ids."""
    import pyarrow as pa

    histogram = Histogram.over(_values(files), total)
    values = _of_size(_values(files), tables.BATCH)
    with tables.Writer(out / "labels.parquet", "labels") as writer:
        for ids in _of_size(tables.batches(rows, ["id"]), tables.BATCH):
            found = next(values)
            histogram.add(found)
            writer.write(pa.table([ids, found, pa.nulls(len(ids))], names=["id", "value", "said"]))
    if histogram.unscored == total:
        raise DataError(f"metric {name} could score none of the {total} texts; label by another one")
    return {"rows": writer.count, "unscored": histogram.unscored, **histogram.as_facts()}


def _values(files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for file in files:
        yield from tables.batches(file)


def _rows_in(rows: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(rows).num_rows)
