"""One part of a corpus's documents, made into sentences and kept in a file: what a stopped stage need not do again."""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.data.canonical import excerpt
from leaven.data.corpus import splitting
from leaven.data.corpus.duplicates import digest
from leaven.data.corpus.rules import SPECIAL, Rules
from leaven.data.corpus.settings import Settings
from leaven.rows import BATCH, Row, batches, schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

QUOTED = 20  # sentences that each rule left out
_TOLD = "leaven"
_DIGEST = "digest"
_Kept = tuple[str, str, str | None, str | None, str, float | None, None, int]  # the columns of texts, and the digest


@dataclass
class Tally:
    """What became of sentences: how many came in, how many each rule left out (the first are quoted) or altered."""

    rows_in: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    quoted: dict[str, list[Row]] = field(default_factory=dict)

    def drop(self, reason: str, row_id: str, sentence: str) -> None:
        """Count a sentence that is left out, and quote it if it is one of the first."""
        self.drops[reason] += 1
        quoted = self.quoted.setdefault(reason, [])
        if len(quoted) < QUOTED:
            quoted.append({"id": row_id, "reason": reason, "excerpt": excerpt(sentence)})

    def add(self, other: Tally) -> None:
        """Take in what became of the sentences behind these."""
        self.rows_in += other.rows_in
        self.drops.update(other.drops)
        self.altered.update(other.altered)
        for reason, more in other.quoted.items():
            quoted = self.quoted.setdefault(reason, [])
            quoted += more[: QUOTED - len(quoted)]


@dataclass(frozen=True)
class Shard:
    """Documents in order, and the file for what is made of them."""

    file: Path
    documents: list[Row]
    settings: Settings


def parts(documents: Iterable[Row], characters: int) -> Iterator[list[Row]]:
    """Yield documents in parts of about so many characters, whoever works on them; a document is in one part."""
    held: list[Row] = []
    size = 0
    for document in documents:
        held.append(document)
        size += len(document["text"])
        if size >= characters:
            yield held
            held, size = [], 0
    if held:
        yield held


def work(shard: Shard) -> Path:
    """Make a shard's sentences and keep them, all or nothing; one that is kept already stays as it is."""
    if not shard.file.exists():
        tally, rules, language = Tally(), _ready(shard.settings), shard.settings.language
        made = (row for one in shard.documents for row in _sentences(one, rules, language, tally))
        _keep(shard.file, made, tally)
    return shard.file


@functools.lru_cache(maxsize=1)
def _ready(settings: Settings) -> Rules:
    return Rules(settings)


def _sentences(document: Row, rules: Rules, language: str, tally: Tally) -> Iterator[_Kept]:
    """Yield the sentences of a document that no rule leaves out; ids count all that the splitter made."""
    source, group, label = document["source"], document.get("group"), document.get("label")
    for number, (sentence, score) in enumerate(_split(document, language)):
        row_id = f"{document['id']}/{number}"
        tally.rows_in += 1
        text, reason, altered = rules.judge(sentence)
        if reason is not None:
            tally.drop(reason, row_id, sentence)
            continue
        if altered:
            tally.altered[SPECIAL] += 1
        yield row_id, source, group, label, text, score, None, digest(text)


def _split(document: Row, language: str) -> Iterable[tuple[str, float | None]]:
    """Return a document's sentences with what its source says of them, which came with it or is said of all of it."""
    if "sentences" in document:
        listed: list[tuple[str, float | None]] = document["sentences"]
        return listed
    return ((one, document.get("score")) for one in splitting.sentences(document["text"], language))


def _keep(file: Path, rows: Iterator[_Kept], tally: Tally) -> None:
    """Write rows as they come, and behind them what became of all sentences; a document may have a million."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    beside, fields = file.with_name(f".{file.name}"), schema("texts").append(pa.field(_DIGEST, pa.uint64()))
    # Texts are not repeated here, so a dictionary of them would cost and not spare.
    with pq.ParquetWriter(beside, fields, compression="lz4", use_dictionary=["source", "group", "label"]) as writer:
        while some := list(itertools.islice(rows, BATCH)):
            columns = zip(*some, strict=True)
            arrays = [pa.array(one, type=field.type) for one, field in zip(columns, fields, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=fields))
        writer.add_key_value_metadata({_TOLD: json.dumps(vars(tally), ensure_ascii=False)})
    beside.replace(file)


def tally_of(file: Path) -> Tally:
    """Return what became of a shard's sentences."""
    import pyarrow.parquet as pq

    told: dict[str, Any] = json.loads(pq.read_metadata(file).metadata[_TOLD.encode()])
    return Tally(told["rows_in"], Counter(told["drops"]), Counter(told["altered"]), told["quoted"])


def digests_of(file: Path) -> Iterator[NDArray[np.uint64]]:
    """Yield the digests of a shard's sentences, in order."""
    for batch in batches(file, [_DIGEST]):
        yield batch.column(0).to_numpy()


def rows_of(file: Path) -> Iterator[pa.Table]:
    """Yield a shard's sentences, in order."""
    import pyarrow as pa

    for batch in batches(file, schema("texts").names):
        yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
