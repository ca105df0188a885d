"""The long table of measurements -> one cube of arms x items x seeds per measured column.

Samples of one prompt are averaged within item x seed before anything is paired, because they share the prompt and
the run. What was not scored is NaN here, never 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaven.errors import ReportError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

COLUMNS = ("arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value")
LARGEST = 1e100  # a value beyond it (an exploded perplexity) counts as infinite: its square would not be a number
_IDENTITY = ("suite", "metric", "group", "arm", "seed", "item_id", "sample")


@dataclass(frozen=True)
class Arm:
    """One arm of the table. ``dose`` is None where it is no part of a sweep; an untrained arm has no seeds."""

    name: str
    dose: float | None
    trained: bool


@dataclass(frozen=True)
class Column:
    """One measured quantity: a metric of a suite, over all its items (group None) or over one group's."""

    suite: str
    metric: str
    group: str | None = None


@dataclass(frozen=True)
class Cube:
    """All item means of one column.

    ``values`` is arms x items x seeds, NaN where nothing was scored; ``asked`` (same shape) says where there was a
    row at all. An untrained arm stands under every seed; without any trained arm there is one layer. ``binary`` and
    ``infinite`` say per arm whether every scored sample was 0 or 1, and how many values were infinite, or
    beyond 1e100 (these count as unscored). ``single`` says per arm whether every item was asked once per run;
    ``noise`` (same shape as ``values``) is the sampling variance of an item mean, from its samples: NaN where fewer
    than two were scored, and None where no item of the table has two. ``seeds`` are the layers', none without a
    trained arm.
    """

    column: Column
    arms: tuple[Arm, ...]
    values: Floats
    asked: NDArray[np.bool_]
    binary: NDArray[np.bool_]
    infinite: Codes
    single: NDArray[np.bool_]
    noise: Floats | None = None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Cells:
    """Item means as parallel arrays, sorted; ``labels`` translates the codes of each name in ``_IDENTITY``."""

    codes: dict[str, Codes]
    labels: dict[str, list[Any]]
    value: Floats
    binary: NDArray[np.bool_]
    infinite: Codes
    samples: Codes
    noise: Floats | None
    arms: tuple[Arm, ...]


def cubes(measurements: pd.DataFrame) -> Iterator[Cube]:
    """Yield a cube per (suite, metric) over all items, then one per group of it; sorted by name.

    ``measurements`` is long, with ``COLUMNS``; an item that stands in several groups counts once over all items.
    Raises ReportError where columns are missing, a row stands there twice, or an arm has two doses.
    """
    if not len(measurements):
        return
    cells = _cells(measurements)
    suites, metrics, groups = (cells.codes[name] for name in ("suite", "metric", "group"))
    pair = suites * len(cells.labels["metric"]) + metrics
    bounds = np.flatnonzero(np.diff(pair, prepend=-1, append=-1))
    for start, stop in itertools.pairwise(bounds):
        suite = str(cells.labels["suite"][suites[start]])
        metric = str(cells.labels["metric"][metrics[start]])
        rows = np.arange(start, stop)
        yield _cube(cells, rows, Column(suite, metric))
        for group in np.unique(groups[rows]):
            name = cells.labels["group"][group]
            if name is not None:
                yield _cube(cells, rows[groups[rows] == group], Column(suite, metric, str(name)))


def in_groups(cubes: Iterable[Cube], whole: Column) -> dict[str, Cube]:
    """Return the groups' own cubes of one (suite, metric), by their name."""
    of = [cube for cube in cubes if (cube.column.suite, cube.column.metric) == (whole.suite, whole.metric)]
    return {cube.column.group: cube for cube in of if cube.column.group is not None}


def arms_of(measurements: pd.DataFrame) -> tuple[Arm, ...]:
    """Return the table's arms, sorted by name; raises ReportError for one with two doses or half its seeds null."""
    import pandas as pd

    _require_columns(measurements)
    arms = measurements["arm"].astype(str).to_numpy(dtype=object)
    dose, seed = _numbers(measurements["dose"]), _numbers(measurements["seed"])
    facts = pd.DataFrame({"arm": arms, "dose": dose, "trained": ~np.isnan(seed)}).drop_duplicates()
    repeated = sorted(set(facts["arm"][facts["arm"].duplicated()]))
    if repeated:
        raise ReportError(f"arm '{repeated[0]}' has more than one dose, or a seed in some rows and none in others")
    triples = sorted(zip(facts["arm"], facts["dose"], facts["trained"], strict=True), key=lambda triple: triple[0])
    return tuple(
        Arm(name, float(dose) if np.isfinite(dose) else None, bool(trained)) for name, dose, trained in triples
    )


def _require_columns(measurements: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in measurements.columns]
    if missing:
        raise ReportError(f"the measurements lack the columns {', '.join(missing)} (they have {', '.join(COLUMNS)})")
    for name in ("arm", "suite", "metric", "item_id"):
        nameless = int(measurements[name].isna().sum())
        if nameless:
            raise ReportError(f"{nameless:,} measurements have no {name}: drop these rows, or name what they are of")


def _numbers(series: pd.Series[Any]) -> Floats:
    import pandas as pd

    try:
        return pd.to_numeric(series).to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError, OverflowError) as error:
        raise ReportError(f"the measurements' column '{series.name}' must hold numbers: {error}") from None


def _cells(measurements: pd.DataFrame) -> _Cells:
    """Sort, refuse duplicates, average samples."""
    arms = arms_of(measurements)
    codes, labels = _encoded(measurements)
    sizes = tuple(len(labels[name]) for name in _IDENTITY)
    key = np.ravel_multi_index(tuple(codes[name] for name in _IDENTITY), sizes)
    order = np.argsort(key, kind="stable")
    key = key[order]
    _refuse_duplicates(key, sizes, labels)
    raw = _numbers(measurements["value"])[order]
    cell = key // sizes[-1]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    infinite = np.abs(raw) > LARGEST
    scored = ~np.isnan(raw) & ~infinite
    total = np.add.reduceat(np.where(scored, raw, 0.0), starts)
    count = np.add.reduceat(scored.astype(float), starts)
    with np.errstate(invalid="ignore"):
        value = np.where(count > 0, total / count, np.nan)
    return _Cells(
        codes=dict(zip(_IDENTITY[:-1], np.unravel_index(cell[starts], sizes[:-1]), strict=True)),
        labels=labels,
        value=value,
        binary=np.logical_and.reduceat(~scored | (raw == 0) | (raw == 1), starts),
        infinite=np.add.reduceat(infinite.astype(np.int64), starts),
        samples=np.diff(starts, append=len(cell)),
        noise=_noise(np.where(scored, raw, np.nan), value, starts) if (count > 1).any() else None,
        arms=arms,
    )


def _noise(raw: Floats, mean: Floats, starts: Codes) -> Floats:
    """Return the sampling variance of every cell's mean: its samples' variance by their number; NaN below two."""
    place = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(raw)))
    scored = ~np.isnan(raw)
    place, apart = place[scored], (raw - mean[place])[scored]
    count = np.bincount(place, minlength=len(starts))
    squares = np.bincount(place, weights=apart**2, minlength=len(starts))
    return np.asarray(np.where(count > 1, squares / np.maximum(count * (count - 1), 1), np.nan), dtype=np.float64)


def _encoded(measurements: pd.DataFrame) -> tuple[dict[str, Codes], dict[str, list[Any]]]:
    """Replace names by codes in sorted order (so that the order of rows cannot matter); null is the last code."""
    import pandas as pd

    codes, labels = {}, {}
    for name in _IDENTITY:
        series = measurements[name]
        named = series if name in ("seed", "sample") else series.astype(object).where(series.notna(), None)
        if name in ("seed", "sample"):
            found, levels = pd.factorize(_numbers(named), sort=True)
        else:
            plain = named if name == "group" else named.astype(str)
            found, levels = pd.factorize(plain.to_numpy(dtype=object), sort=True)
        codes[name] = np.where(found < 0, len(levels), found).astype(np.int64)
        labels[name] = [*levels, None]
    return codes, labels


def _refuse_duplicates(key: Codes, sizes: tuple[int, ...], labels: dict[str, list[Any]]) -> None:
    twice = np.flatnonzero(np.diff(key) == 0)
    if not len(twice):
        return
    place = np.unravel_index(int(key[twice[0]]), sizes)
    named = {name: labels[name][int(at)] for name, at in zip(_IDENTITY, place, strict=True)}
    shown = ", ".join(f"{name} {one:g}" if isinstance(one, float) else f"{name} {one}" for name, one in named.items())
    raise ReportError(f"{len(twice):,} measurements stand in the table more than once; the first is {shown}")


def _cube(cells: _Cells, rows: Codes, column: Column) -> Cube:
    """Spread the rows' item means over arms x items x seeds."""
    arm_codes, seed_codes = cells.codes["arm"][rows], cells.codes["seed"][rows]
    present, arm = np.unique(arm_codes, return_inverse=True)
    items, item = np.unique(cells.codes["item_id"][rows], return_inverse=True)
    arms = tuple(cells.arms[code] for code in present)
    trained = np.array([one.trained for one in arms])
    seeds = np.unique(seed_codes[trained[arm]])
    shape = (len(arms), len(items), max(len(seeds), 1))
    at_seed = np.where(trained[arm], np.searchsorted(seeds, seed_codes), 0)
    flat = np.ravel_multi_index((arm, item, at_seed), shape)
    value = cells.value[rows]
    asked = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape) > 0
    values = _mean_at(flat, value, shape)
    noise = None if cells.noise is None else _mean_at(flat, cells.noise[rows], shape)
    # An untrained arm has one answer per item; it meets every seed of the other arms.
    for facts in (values, asked, *([] if noise is None else [noise])):
        facts[~trained] = facts[~trained][:, :, :1]
    binary = np.bincount(arm, weights=~cells.binary[rows], minlength=len(arms)) == 0
    once = np.unique(flat, return_index=True)[1]  # an item that stands in several groups counts once
    infinite = np.bincount(arm[once], weights=cells.infinite[rows][once], minlength=len(arms)).astype(np.int64)
    single = np.bincount(arm, weights=cells.samples[rows] > 1, minlength=len(arms)) == 0
    named = tuple(int(cells.labels["seed"][code]) for code in seeds)
    return Cube(column, arms, values, asked, binary, infinite, single, noise, named)


def _mean_at(flat: Codes, value: Floats, shape: tuple[int, ...]) -> Floats:
    """Average what falls on one place (an item in several groups); NaN where nothing scored falls."""
    scored, size = ~np.isnan(value), int(np.prod(shape))
    count = np.bincount(flat[scored], minlength=size)
    total = np.bincount(flat[scored], weights=value[scored], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(count > 0, total / count, np.nan).reshape(shape), dtype=np.float64)
