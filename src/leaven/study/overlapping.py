"""Whether two data sets of a study may hold the same rows, by what is declared of them; nothing is read."""

from __future__ import annotations

import itertools
import math
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
    held = other in _held_out(declared, mine) or one in _held_out(declared, theirs)
    apart = held or _of_other_kinds(mine, theirs) or of_other_rows(mine, theirs) or of_other_parts(mine, theirs)
    return of_one_source(mine, theirs) and not apart


def of_one_source(one: Data, other: Data) -> bool:
    """Say whether two data sets read one source: the same place, and no other split or configuration of it."""
    if one.source is None or other.source is None or _place(one.source) != _place(other.source):
        return False
    both = ((getattr(one, name), getattr(other, name)) for name in ("config", "split"))
    return not any(None not in pair and pair[0] != pair[1] for pair in both)


def of_other_rows(one: Data, other: Data) -> bool:
    """Say whether two slices of a source are apart by their rows' numbers."""
    return _apart(_range(one), _range(other))


def of_other_parts(one: Data, other: Data) -> bool:
    """Say whether two slices of a source are apart by their questions' hashes, read in formats that hash alike."""
    (low, high), (least, most) = (data.part or (0.0, 1.0) for data in (one, other))
    return _apart((low, high), (least, most))


def _range(data: Data) -> tuple[float, float]:
    return data.skip, math.inf if data.take is None else data.skip + data.take


def _apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) >= min(one[1], other[1])


def _place(source: str) -> str:
    """Return a source as it is compared: "./rows.csv" is "rows.csv"."""
    return source if ":" in source.partition("/")[0] else os.path.realpath(source)


def _held_out(declared: Mapping[str, Data], data: Data) -> set[str]:
    return {part for name in data.held_out_from for part in _parts(declared, name)}


def _of_other_kinds(one: Data, other: Data) -> bool:
    """Say whether each keeps other rows of one format: its argument `keeps` has two values, as `label` of xstest."""
    if one.format is None or other.format is None or one.format.name != other.format.name:
        return False
    known = one.format.name in FORMATS.names()
    name = str(FORMATS.get(one.format.name).traits.get("keeps")) if known else ""
    both = (one.format.args.get(name), other.format.args.get(name))
    return None not in both and both[0] != both[1]
