"""Whether two data sets of a study may hold the same rows, by what is declared of them; nothing is read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping

from leaven.registry import FORMATS
from leaven.study.spec import Data


def may_overlap(declared: Mapping[str, Data], one: str, other: str) -> bool:
    """Say whether a row may stand in both of two data sets of a study, whatever they are called.

    Mixtures are looked at part by part. Two slices of a source are apart by `part`, by rows (`skip`, `take`), where
    one is held out from the other, by split or configuration, and by the label that a format keeps alone
    (`label: safe` and `label: unsafe`). Copies of a source are not recognised.
    """
    parts = itertools.product(_parts(declared, one), _parts(declared, other))
    return one == other or any(_meet(declared, mine, theirs) for mine, theirs in parts)


def _parts(declared: Mapping[str, Data], name: str) -> list[str]:
    """Return the names of what a mixture is made of, or the name itself; nothing of data that is not declared."""
    data = declared.get(name)
    return [] if data is None else [one for one in data.mixture or (name,) if one in declared]


def _meet(declared: Mapping[str, Data], one: str, other: str) -> bool:
    mine, theirs = declared[one], declared[other]
    if one == other:
        return True
    if mine.source is None or theirs.source is None or _place(mine.source) != _place(theirs.source):
        return False
    held = other in _held_out(declared, mine) or one in _held_out(declared, theirs)
    return not (held or _of_other_files(mine, theirs) or _of_other_kinds(mine, theirs) or _of_other_rows(mine, theirs))


def _place(source: str) -> str:
    """Return a source as it is compared: "./rows.csv" is "rows.csv"."""
    return source if ":" in source.partition("/")[0] else os.path.realpath(source)


def _held_out(declared: Mapping[str, Data], data: Data) -> set[str]:
    return {part for name in data.held_out_from for part in _parts(declared, name)}


def _of_other_files(one: Data, other: Data) -> bool:
    both = ((getattr(one, name), getattr(other, name)) for name in ("config", "split"))
    return any(None not in pair and pair[0] != pair[1] for pair in both)


def _of_other_kinds(one: Data, other: Data) -> bool:
    """Say whether each keeps other rows of one format: its argument `keeps` has two values, as `label` of xstest."""
    if one.format is None or other.format is None or one.format.name != other.format.name:
        return False
    known = one.format.name in FORMATS.names()
    name = str(FORMATS.get(one.format.name).traits.get("keeps")) if known else ""
    both = (one.format.args.get(name), other.format.args.get(name))
    return None not in both and both[0] != both[1]


def _of_other_rows(one: Data, other: Data) -> bool:
    """Say whether two slices are apart by their rows' numbers, or by their questions' hashes."""
    ranges = [(data.skip, float("inf") if data.take is None else data.skip + data.take) for data in (one, other)]
    bounds = [data.part or (0.0, 1.0) for data in (one, other)]
    return any(max(low for low, _ in some) >= min(high for _, high in some) for some in (ranges, bounds))
