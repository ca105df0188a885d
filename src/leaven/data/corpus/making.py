"""Documents -> the sentences of a corpus: by shards in several processes, then in order, without what was said before.

What comes out does not depend on the number of processes or on the size of shards, nor on whether a stage was stopped
and went on: ids count a document's sentences, shards are put together in the order of the documents, and the first of
equal sentences is the one that stays. Memory holds a few shards, and one bit for each sentence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.data.canonical import Batches
from leaven.data.corpus import shards
from leaven.data.corpus.chosen import Chosen
from leaven.data.corpus.duplicates import BUCKET, Marks, repeated
from leaven.data.corpus.rules import DUPLICATE, RULES
from leaven.data.corpus.settings import Settings
from leaven.errors import DataError
from leaven.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

SHARD = 2_000_000  # characters of documents
GROUP = 20_000  # sentences that are written at once: fixed, so that the file does not tell how it was made
Report = Callable[..., None]
Over = Callable[[Callable[[shards.Shard], Path], Iterable[shards.Shard]], Iterable[Path]]  # as `map`, in order


@dataclass
class Corpus:
    """One corpus in the making: ``shard()`` the documents, then ``tables()`` gives what stays, and counts it."""

    settings: Settings
    folder: Path  # what a stopped stage goes on from
    report: Report
    shard_characters: int = SHARD
    documents_in: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    quoted: dict[str, list[Row]] = field(default_factory=dict)
    tally: shards.Tally = field(default_factory=shards.Tally)
    kept: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chosen = Chosen(self.settings)
        self._files: list[Path] = []

    def shard(self, batches: Batches, over: Over = map) -> None:
        """Make the sentences of all documents that are taken; ``over`` may spread the shards over processes.

        Raises DataError if no document is taken, or a source that the study names is not there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        for file in over(shards.work, self._shards(batches)):
            self._files.append(file)
            rate = self.chosen.read / max(time.monotonic() - started, 1e-9)
            self.report(self.chosen.read, None, documents_per_s=rate)
        self.chosen.prove()

    def _shards(self, batches: Batches) -> Iterator[shards.Shard]:
        parts = shards.parts(self._taken(batches), self.shard_characters)
        for number, documents in enumerate(parts):
            # The size is in the name: what another size left behind is not taken for this one's.
            file = self.folder / f"{self.shard_characters}-{number:06}.parquet"
            yield shards.Shard(file, [] if file.exists() else documents, self.settings)

    def _taken(self, batches: Batches) -> Iterator[Row]:
        for batch in batches:
            self.documents_in += batch.rows_in
            for drop in batch.drops:
                self.unused[drop["reason"]] += 1
                quoted = self.quoted.setdefault(drop["reason"], [])
                if len(quoted) < shards.QUOTED:
                    quoted.append(drop)
            yield from filter(self.chosen.takes, batch.rows)

    def tables(self, group: int = GROUP, bucket: int = BUCKET) -> Iterator[pa.Table]:
        """Yield the sentences that stay, in order, ``group`` at once; raises DataError if none does."""
        for file in self._files:
            self.tally.add(shards.tally_of(file))
        count = self.tally.rows_in - self.tally.drops.total()
        marks = self._duplicates(count, bucket) if self.settings.duplicates == "drop" else None
        yield from _regrouped(self._unmarked(marks, count), group)
        if not self.kept.total():
            raise DataError(self._nothing())

    def _duplicates(self, count: int, bucket: int) -> Marks:
        buckets = self.folder / "buckets"
        buckets.mkdir(exist_ok=True)
        digests = (some for file in self._files for some in shards.digests_of(file))
        return repeated(digests, count, buckets, bucket)

    def _unmarked(self, marks: Marks | None, count: int) -> Iterator[pa.Table]:
        """Yield what stays, as it was kept; duplicates are counted, and the first are quoted."""
        start, started = 0, time.monotonic()
        for some in (one for file in self._files for one in shards.rows_of(file)):
            made = some if marks is None else self._without(some, marks.of(start, some.num_rows))
            start += some.num_rows
            self.kept.update(name or "" for name in made["group"].to_pylist())
            self.report(start, count, sentences_per_s=start / max(time.monotonic() - started, 1e-9))
            yield made

    def _without(self, made: pa.Table, marked: Any) -> pa.Table:
        import pyarrow as pa

        for row in made.filter(pa.array(marked)).select(["id", "text"]).to_pylist():
            self.tally.drop(DUPLICATE, row["id"], row["text"])
        return made.filter(pa.array(~marked))

    def _nothing(self) -> str:
        counts = ", ".join(f"{self.tally.drops[rule]} {rule}" for rule in RULES if self.tally.drops[rule])
        if not counts:
            return f"the {self.chosen.drawn} documents that are taken hold no sentence"
        return (
            f"none of the corpus's {self.tally.rows_in} sentences stays: {counts}; loosen the rules of `corpus` "
            "(min_words, min_letters, max_characters, no_code and the like; texts without spaces are one word)"
        )

    @property
    def drops(self) -> list[Row]:
        """The documents that could not be read and the sentences that were left out, the first of each reason."""
        known = [reason for reason in RULES if reason in self.tally.quoted]
        return [row for rows in self.quoted.values() for row in rows] + [
            row for reason in known for row in self.tally.quoted[reason]
        ]

    def facts(self) -> dict[str, Any]:
        """Return the counts: ``rows_in`` sentences = ``rows`` + ``drops``, and the way from the source, in words."""
        drops = {rule: self.tally.drops[rule] for rule in RULES if self.tally.drops[rule]}
        return {
            "kind": "texts",
            "rows_in": self.tally.rows_in,
            "rows": self.kept.total(),
            "drops": drops,
            "funnel": self._funnel(drops),
            "sources": dict(self.kept.most_common()),
            "altered": dict(self.tally.altered),
            "unused": dict(self.unused),
            "warnings": self.chosen.warnings,
        }

    def _funnel(self, drops: dict[str, int]) -> list[dict[str, Any]]:
        chosen, left = self.chosen, self.tally.rows_in
        documents = [("read", self.documents_in), ("that can be used", chosen.read),
                     ("of the sources that are taken", chosen.of_sources)]  # fmt: skip
        if self.settings.share < 1:
            documents.append((f"drawn (share {self.settings.share:g})", chosen.drawn))
        sentences = [("split", left)]
        for rule, count in drops.items():
            left -= count
            sentences.append((f"less: {rule}", left))
        return [
            {"step": step, "unit": unit, "rows": rows}
            for unit, steps in (("documents", documents), ("sentences", sentences))
            for step, rows in steps
        ]


def _regrouped(tables: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """Yield the rows of tables anew, ``size`` at once and the rest at last."""
    import pyarrow as pa

    held: list[pa.Table] = []
    count = 0
    for one in tables:
        held.append(one)
        count += one.num_rows
        while count >= size:
            whole = pa.concat_tables(held).combine_chunks()
            yield whole.slice(0, size)
            held, count = [whole.slice(size)], count - size
    if count:
        yield pa.concat_tables(held).combine_chunks()
