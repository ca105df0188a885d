"""Rows of one set whose answers are as long as those of another, one for one.

When two sets are compared for how they were curated, amount and length should be the same; this fixes both. Each row
of the other set, the longest answer first, gets the row here whose answer is nearest in length (characters of the
completion, or of the chosen answer) among those that are not yet taken. Long answers are rare, so they choose first.
Answers of equal length are taken by a hash of (id, seed).

What differs by more than a tenth is no match: where there are no long answers here, nothing stands for those there.
Then fewer rows are taken than the other has, and the two are equal in amount only if the other is matched to what was
taken here as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.data.canonical import Batch, Batches, asking, excerpt
from leaven.data.treatments.draw import Draw
from leaven.errors import DataError
from leaven.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEP = "length_matched_to"
WITHIN = 0.1  # of the wanted length
_LEAST = 10  # characters: of short answers a tenth is next to nothing
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def length(row: Row) -> int | None:
    """Return how many characters a row's answer has; None if it has none."""
    answer = row.get("completion") or row.get("chosen")
    return sum(len(turn["content"]) for turn in answer) if answer else None


def lengths(path: Path) -> list[int]:
    """Return the lengths of the answers in a table of canonical rows."""
    column = "chosen" if tables.kind(path) == "preferences" else "completion"
    if column not in tables.columns(path):
        return []
    read = (row for batch in tables.batches(path, [column]) for row in batch.to_pylist())
    return [found for row in read if (found := length(row)) is not None]


def nearest(there: Sequence[int], wanted: Sequence[int], within: float = WITHIN) -> list[int | None]:
    """Return for each wanted length the place of the row whose length is nearest, each row once; None if none is near.

    ``there`` ascends; near is what differs by at most ``within`` of the wanted length, or by 10. The longest wanted
    length chooses first; of a shorter and a longer row that are equally near it takes the shorter.
    """
    import bisect

    below, above = list(range(len(there) + 1)), list(range(len(there) + 1))  # next free place, path-compressed
    made: list[int | None] = [None] * len(wanted)
    for index in sorted(range(len(wanted)), key=lambda one: -wanted[one]):
        at = bisect.bisect_left(there, wanted[index])
        right, left = _free(above, at), _free(below, at) - 1  # place p is free below if below[p + 1] == p + 1
        near = [place for place in (left, right) if 0 <= place < len(there)]
        taken = min(near, key=lambda place: abs(there[place] - wanted[index]), default=None)
        if taken is None or abs(there[taken] - wanted[index]) > max(within * wanted[index], _LEAST):
            continue
        made[index] = taken
        above[taken], below[taken + 1] = taken + 1, taken
    return made


def _free(links: list[int], at: int) -> int:
    """Follow links to the place that points at itself, and shorten the way there."""
    end = at
    while links[end] != end:
        end = links[end]
    while links[at] != end:
        links[at], at = end, links[at]
    return end


@dataclass
class Matching:
    """One matching: ``to`` is the other set's name, ``wanted`` the lengths of its answers.

    ``pass_through`` gives the rows that match; afterwards ``facts`` says how well they do.
    """

    to: str
    wanted: list[int]
    seed: int = 0
    _chosen: list[int] = field(default_factory=list)

    def pass_through(self, batches: Batches, spool: Path, kind: str) -> Iterator[Batch]:
        """Yield the rows that match, the others as drops; rows wait in the file ``spool``, which is deleted.

        Memory holds the lengths and hashes of rows, not the rows. Raises DataError if there are no answers.
        """
        if not self.wanted:
            raise DataError(f"{self.to} has no answers, so there is no length to match; name data with answers")
        draw, found = Draw(self.seed, _STEP), list[int | None]()
        numbers: list[float] = []
        with tables.Writer(spool, kind) as waiting:
            for batch in batches:
                waiting.write(batch.rows)
                found += map(length, batch.rows)
                numbers += [draw.uniform(row["id"]) for row in batch.rows]
                yield Batch([], batch.drops, len(batch.drops))
        taken = self._taken(found, numbers)
        if not self._chosen:
            raise DataError(f"none of the {len(found)} rows has an answer about as long as one of {self.to}")
        at = 0
        for read in tables.batches(spool):
            rows = read.to_pylist()
            here = zip(rows, found[at : at + len(rows)], taken[at : at + len(rows)], strict=True)
            yield _sorted_out(list(here), self.to)
            at += len(rows)
        spool.unlink()

    def _taken(self, found: Sequence[int | None], numbers: Sequence[float]) -> NDArray[np.bool_]:
        import numpy as np

        order = [at for at in np.argsort(np.asarray(numbers), kind="stable").tolist() if found[at] is not None]
        order.sort(key=lambda at: found[at] or 0)
        there = [found[at] or 0 for at in order]
        places = [place for place in nearest(there, self.wanted) if place is not None]
        self._chosen = [there[place] for place in places]
        taken = np.zeros(len(found), dtype=np.bool_)
        taken[[order[place] for place in places]] = True
        return taken

    @property
    def warnings(self) -> list[str]:
        """What should be known of a matching that left some of the other's rows without a partner."""
        kept, wanted = len(self._chosen), len(self.wanted)
        if kept == wanted:
            return []
        lack = f"{wanted - kept} of {wanted} answers of {self.to} have no answer here that is about as long"
        return [f"{lack}, so {kept} rows stand against {wanted}; for equal amounts match {self.to} to this set too"]

    @property
    def facts(self) -> dict[str, Any]:
        """How well the lengths match: rows wanted, matched and missing; mean and quantiles of both, in characters."""
        return {
            "to": self.to,
            "wanted": len(self.wanted),
            "unmatched": len(self.wanted) - len(self._chosen),
            "lengths": _summary(self._chosen),
            "wanted_lengths": _summary(self.wanted),
        }


def _summary(lengths: Sequence[int]) -> dict[str, float]:
    import numpy as np

    if not lengths:
        return {}
    shares = np.quantile(lengths, _SHARES).tolist()
    return {"mean": float(np.mean(lengths)), **{f"{share:g}": at for share, at in zip(_SHARES, shares, strict=True)}}


def _sorted_out(rows: list[tuple[Row, int | None, Any]], to: str) -> Batch:
    batch = Batch(rows_in=len(rows))
    for row, characters, taken in rows:
        if taken:
            batch.rows.append(row)
            continue
        reason = f"not needed to match the lengths of {to}" if characters is not None else "has no answer to match"
        batch.drops.append({"id": row["id"], "reason": reason, "excerpt": excerpt(asking(row)[-1]["content"])})
    return batch
