"""Measurements -> comparisons: every arm against the baseline, every sweep's trend, the families' corrections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaven.comparison import Comparison
from leaven.errors import did_you_mean
from leaven.stats import dose as doses
from leaven.stats import effects, families, inference, table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Plan:
    """What is compared: the same for every column."""

    arms: tuple[table.Arm, ...]
    to: Mapping[str, str]  # arm -> the arm it is compared with
    sweeps: Sequence[doses.Sweep]
    primary: frozenset[str]
    margin: Mapping[str, float]
    seed: int


def compare(
    measurements: pd.DataFrame,
    *,
    to: str | Mapping[str, str],
    dose: str | None = None,
    primary: Sequence[str] = (),
    margin: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every arm with the baseline ``to``, per suite and metric over all items and within each group.

    ``to`` is one baseline, or arm -> its own; an arm that is in no such mapping is compared with none.
    ``measurements`` is the long table (columns: ``table.COLUMNS``). ``dose`` names the swept parameter: then each
    sweep of at least two doses besides the baseline's also gives a trend per column. ``primary`` and ``margin`` name
    a metric, or ``suite/metric``; they hold over all items, a group's comparisons are exploratory. The primary family
    is the trends where there is a sweep, else the differences. ``margin`` is in the metric's unit; a trend is held
    against it over the range of doses that were fitted. ``seed`` is that of drawn permutations.

    The result is sorted by suite, metric and group, trends first. What cannot be compared has no effect and a note;
    an empty table gives an empty list. Raises ReportError for a table with missing columns or rows that stand there
    twice.
    """
    if not len(measurements):
        return []
    arms = table.arms_of(measurements)
    found = doses.sweeps(arms, to=to, dose=dose) if dose is not None else []
    against = {arm.name: to for arm in arms if arm.name != to} if isinstance(to, str) else to
    plan = _Plan(arms, against, found, frozenset(primary), dict(margin or {}), seed)
    made = [one for cube in table.cubes(measurements) for one in _of_column(cube, plan)]
    return families.corrected(made)


def _of_column(cube: table.Cube, plan: _Plan) -> Iterator[Comparison]:
    for sweep in plan.sweeps:
        yield _trend(cube, sweep, plan)
    # By dose, then by name: the order in which a reader looks for them.
    for arm in sorted(plan.arms, key=lambda arm: (arm.dose is not None, arm.dose or 0.0, arm.name)):
        if arm.name in plan.to:
            yield _difference(cube, arm, plan)


def _difference(cube: table.Cube, arm: table.Arm, plan: _Plan) -> Comparison:
    to = plan.to[arm.name]
    about = _About(cube.column, _family(cube, plan, is_primary=not plan.sweeps), to)
    absent = effects.lacking(cube, [to, arm.name])
    if absent:
        return _empty(about, arm=arm.name, dose=arm.dose, note=_absence(cube, absent, to, plan), test="no test")
    pairs = effects.contrast(cube, effects.difference(arm.name, to))
    known = inference.estimate(pairs)
    means = pairs.means() if pairs.n_items else (None, None)
    return _comparison(
        about, pairs, known,
        arm=arm.name, dose=arm.dose, mean=_number(means[0]), baseline_mean=_number(means[1]),
        p=known.p, test=known.test, notes=known.notes, margin=_margin(cube, plan),
    )  # fmt: skip


def _trend(cube: table.Cube, sweep: doses.Sweep, plan: _Plan) -> Comparison:
    about = _About(cube.column, _family(cube, plan, is_primary=True), sweep.baseline)
    absent = effects.lacking(cube, list(sweep.doses))
    at = {name: dose for name, dose in sweep.doses.items() if name not in absent}
    left_out = _absence(cube, absent, sweep.baseline, plan) if absent else None
    if len({dose for name, dose in at.items() if name != sweep.baseline}) < 2:
        few = "too few doses were scored"
        return _empty(
            about, kind="trend", arm=sweep.name, dose=None, note=_joined(few, left_out), test="trend: not tested"
        )
    pairs = effects.contrast(cube, effects.slope(at))
    known = inference.estimate(pairs)
    tested = doses.Trend(None, "trend: not tested")
    if pairs.n_items:
        tested = doses.trend(pairs.run_means(), list(at.values()), seed=plan.seed)
    low, high = min(at.values()), max(at.values())
    margin = _margin(cube, plan)
    return _comparison(
        about, pairs, known,
        kind="trend", arm=sweep.name, dose=None, mean=None, baseline_mean=None, p=tested.p, test=tested.test,
        notes=(*known.notes, tested.note, sweep.note, left_out),
        margin=None if margin is None else margin / (high - low),
        dose_low=low if pairs.n_items else None, dose_high=high if pairs.n_items else None,
    )  # fmt: skip


@dataclass(frozen=True)
class _About:
    """What a comparison is of: its column, its family, and its baseline."""

    column: table.Column
    family: str
    baseline: str


def _family(cube: table.Cube, plan: _Plan, *, is_primary: bool) -> str:
    chosen = cube.column.group is None and not plan.primary.isdisjoint(
        families.names_of(cube.column.suite, cube.column.metric)
    )
    return families.PRIMARY if chosen and is_primary else families.EXPLORATORY


def _margin(cube: table.Cube, plan: _Plan) -> float | None:
    return families.margin_of(plan.margin, cube.column.suite, cube.column.metric)


def _absence(cube: table.Cube, absent: Sequence[str], to: str, plan: _Plan) -> str:
    """Say which arms have nothing scored; a baseline that no row knows is likely misspelt."""
    names = [arm.name for arm in plan.arms]
    if to in absent and to not in names:
        return f"the baseline '{to}' was not measured; {did_you_mean(to, names)}"
    infinite = sum(int(n) for arm, n in zip(cube.arms, cube.infinite, strict=True) if arm.name in absent)
    why = f" ({infinite:,} infinite values count as unscored)" if infinite else ""
    return f"nothing was scored for {' and '.join(absent)}{why}"


def _comparison(
    about: _About,
    pairs: effects.Contrast,
    known: inference.Estimate,
    *,
    notes: Sequence[str | None],
    margin: float | None,
    **given: object,
) -> Comparison:
    column = about.column
    low, high = known.interval() or (None, None)
    infinite = f"{pairs.n_infinite:,} infinite values count as unscored" if pairs.n_infinite else None
    facts = dict(
        baseline=about.baseline, suite=column.suite, metric=column.metric, group=column.group, family=about.family,
        effect=known.effect, low=low, high=high, p_holm=None, p_bh=None,
        equivalent=None if margin is None else known.within(margin),
        n_items=pairs.n_items, n_seeds=pairs.n_seeds, n_dropped=pairs.n_dropped, note=_joined(*notes, infinite),
    )  # fmt: skip
    return Comparison(**{**facts, **given})  # type: ignore[arg-type]


def _empty(about: _About, **given: object) -> Comparison:
    """Return a comparison that could not be made; its note says why."""
    column = about.column
    nothing = dict.fromkeys(("mean", "baseline_mean", "effect", "low", "high", "p", "p_holm", "p_bh", "equivalent"))
    facts = dict(
        nothing, baseline=about.baseline, suite=column.suite, metric=column.metric, group=column.group,
        family=about.family,
        n_items=0, n_seeds=0,
    )  # fmt: skip
    return Comparison(**{**facts, **given})  # type: ignore[arg-type]


def _joined(*notes: str | None) -> str | None:
    return "; ".join(dict.fromkeys(filter(None, notes))) or None


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
