"""Ranks as matrices: a row a question, a column an answer; what a judge saw, and in which order it put it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leaven.errors import ReportError
from leaven.stats.table import Codes, Floats

if TYPE_CHECKING:
    import pandas as pd

Flags = NDArray[np.bool_]

_AT_ONCE = 2_000_000  # differences of pairs of answers that are held at once
_QUESTION = ["run", "id", "asking"]


@dataclass(frozen=True)
class Orders:
    """All questions to one judge, ``n`` questions x ``k`` answers; NaN where there is no such answer, or no rank.

    ``prompt`` numbers the questions' prompts, ``group`` the prompts within runs, whose answers are the same ones.
    ``asking`` is 0, or 1 where the answers were asked about again. ``there`` says which answers there are, ``repeated``
    which of them are equal to one before. ``length`` is the binary logarithm of an answer's length, so that 1 more is
    twice as long.
    """

    prompt: Codes
    group: Codes
    asking: Codes
    there: Flags
    rank: Floats
    place: Floats
    length: Floats
    repeated: Flags

    def of(self, chosen: Flags | Codes) -> Orders:
        """Return some of the questions."""
        return Orders(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    @property
    def is_whole(self) -> Flags:
        """Whether each question has a rank for every answer."""
        whole: Flags = np.all(~np.isnan(self.rank) | ~self.there, axis=1)
        return whole

    @property
    def shown(self) -> Orders:
        """The questions as the judge saw them: equal answers are one."""
        there: Flags = self.there & ~self.repeated
        gone = ~there
        rank, place, length = (np.where(gone, np.nan, x) for x in (self.rank, self.place, self.length))
        return replace(self, there=there, rank=_ranked(rank), place=place, length=length)

    @property
    def first(self) -> Orders:
        """The questions as they were asked first: what is built on."""
        return self.of(self.asking == 0)


def orders(ranks: pd.DataFrame, lengths: pd.DataFrame | None = None) -> Orders:
    """Return a judge's ranks (rows of the kind ``ranks``) as matrices.

    ``run`` may be a further column: the same prompts, answered by another run's model; and ``same``, a number that
    equal answers to a prompt share. Without it, those that stood in one place are equal: judges that see answers one
    by one have no places. ``lengths`` has ``id``, ``sample``, ``length`` in any one unit and, if the ranks have it,
    ``run``. Raises ReportError where one answer is ranked twice in one asking.
    """
    rows = _with_run(ranks)
    if lengths is not None:
        rows = rows.merge(_with_run(lengths), on=["run", "id", "sample"], how="left", validate="many_to_one")
    keys = [*_QUESTION, "sample"]
    if rows.duplicated(keys).any():
        twice = rows[rows.duplicated(keys)].iloc[0]
        raise ReportError(
            f"prompt {twice['id']}, answer {twice['sample']}, is ranked twice in asking {twice['asking']}"
        )
    rows = rows.sort_values(keys, kind="stable")
    question, column = _numbered(rows, _QUESTION), slots(rows)
    first = rows.drop_duplicates(_QUESTION)
    shape = (len(first), int(column.max(initial=-1)) + 1)
    length = np.log2(np.maximum(_numbers(rows, "length"), 1.0)) if "length" in rows else np.full(len(rows), np.nan)
    same = _matrix(shape, question, column, _numbers(rows, "same" if "same" in rows else "place"))
    return Orders(
        prompt=_numbered(first, ["id"]),
        group=_numbered(first, ["run", "id"]),
        asking=first["asking"].to_numpy(dtype=np.int64),
        there=_matrix(shape, question, column, np.ones(len(rows))) == 1,
        rank=_matrix(shape, question, column, _numbers(rows, "rank")),
        place=_matrix(shape, question, column, _numbers(rows, "place")),
        length=_matrix(shape, question, column, length),
        repeated=np.any(np.tril(same[:, :, None] == same[:, None, :], -1), axis=2),
    )


def _ranked(values: Floats) -> Floats:
    """Return each row's ranks from 1, the mean of their places for equal ones; NaN stays."""
    below = np.sum(values[:, None, :] < values[:, :, None], axis=2)
    equal = np.sum(values[:, None, :] == values[:, :, None], axis=2)
    made: Floats = np.where(np.isnan(values), np.nan, below + (equal + 1) / 2)
    return made


def _with_run(frame: pd.DataFrame) -> pd.DataFrame:
    return frame if "run" in frame else frame.assign(run=0)


def slots(rows: pd.DataFrame) -> Codes:
    """Return each row's column: the place of its sample among all samples of its prompt and run, from 0."""
    dense = rows.groupby(["run", "id"])["sample"].rank(method="dense").to_numpy(dtype=float)
    return dense.astype(np.int64) - 1


def _numbered(rows: pd.DataFrame, keys: list[str]) -> Codes:
    """Return a number for each row: the same for those that share the keys, in the order of the keys."""
    found: Codes = rows.groupby(keys, sort=True).ngroup().to_numpy().astype(np.int64)
    return found


def _numbers(rows: pd.DataFrame, name: str) -> Floats:
    import pandas as pd

    return pd.to_numeric(rows[name]).to_numpy(dtype=float, na_value=np.nan)


def _matrix(shape: tuple[int, int], question: Codes, column: Codes, values: Floats) -> Floats:
    made = np.full(shape, np.nan)
    made[question, column] = values
    return made


def of_votes(votes: pd.DataFrame, lengths: pd.DataFrame | None = None) -> Orders:
    """Return votes (rows of the kind ``votes``) as questions about two answers; column 0 is what stood first.

    Ranks are 1 and 2, both 1.5 in a tie, NaN without a vote.
    """
    rows = _with_run(votes)
    choice = rows["choice"].to_numpy()
    rank = np.full((len(rows), 2), np.nan)
    for said, made in (("first", (1.0, 2.0)), ("second", (2.0, 1.0)), ("tie", (1.5, 1.5))):
        rank[choice == said] = made
    return Orders(
        prompt=_numbered(rows, ["id"]),
        group=_numbered(rows, ["run", "id"]),
        asking=rows["asking"].to_numpy(dtype=np.int64),
        there=np.ones(rank.shape, dtype=bool),
        rank=rank,
        place=np.tile([0.0, 1.0], (len(rows), 1)),
        length=_lengths_of_votes(rows, lengths),
        repeated=np.zeros(rank.shape, dtype=bool),
    )


def _lengths_of_votes(rows: pd.DataFrame, lengths: pd.DataFrame | None) -> Floats:
    made = np.full((len(rows), 2), np.nan)
    if lengths is None:
        return made
    known = _with_run(lengths)
    for column, name in enumerate(("first", "second")):
        asked = rows[["run", "id", name]].rename(columns={name: "sample"})
        joined = asked.merge(known, on=["run", "id", "sample"], how="left", validate="many_to_one")
        made[:, column] = np.log2(np.maximum(_numbers(joined, "length"), 1.0))
    return made


def taus(one: Floats, other: Floats) -> Floats:
    """Return Kendall's tau-b of each row of two matrices, NaN where either has no order (fewer than two, all tied).

    Only answers that both have count. Source: Kendall (1945); tested against scipy's ``kendalltau``.
    """
    made = np.full(len(one), np.nan)
    step = max(1, _AT_ONCE // max(1, one.shape[1] ** 2)) if one.ndim == 2 else 1
    for start in range(0, len(one), step):
        rows = slice(start, start + step)
        made[rows] = _taus(one[rows], other[rows])
    return made


def _taus(one: Floats, other: Floats) -> Floats:
    both = ~np.isnan(one) & ~np.isnan(other)
    first, second = (np.where(both, x, np.nan) for x in (one, other))
    ways = [np.nan_to_num(np.sign(x[:, :, None] - x[:, None, :])) for x in (first, second)]
    agreeing = np.einsum("qij,qij->q", *ways)
    scale = np.sqrt(np.prod([np.einsum("qij,qij->q", way, way) for way in ways], axis=0))
    found: Floats = np.divide(agreeing, scale, out=np.full(len(one), np.nan), where=scale > 0)
    return found


def best(seen: Orders) -> Floats:
    """Return each answer's part in the best place of its question: 1 of the only best one, 1/m of m; 0 of others.

    A question that was not wholly ranked has NaN: who is best of some is not who is best of all.
    """
    least = np.min(np.where(np.isnan(seen.rank), np.inf, seen.rank), axis=1, initial=np.inf, keepdims=True)
    is_best: Flags = (seen.rank == least) & np.isfinite(least)
    count = is_best.sum(axis=1, keepdims=True)
    part: Floats = np.where((count > 0) & seen.is_whole[:, None], is_best / np.maximum(count, 1), np.nan)
    return part
