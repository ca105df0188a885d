"""Measurements -> comparisons: every arm against the baseline, every sweep's trend, the families' corrections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leaven.comparison import Comparison, joined
from leaven.errors import did_you_mean
from leaven.stats import effects, families, inference, table
from leaven.stats.differences import bootstrap, items, sizes, split
from leaven.stats.doses import dose as doses
from leaven.stats.doses import grid
from leaven.stats.questions import Questions

if TYPE_CHECKING:
    import pandas as pd


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
    asked = Questions(to=to, dose=dose, primary=primary, margin=margin or {}, seed=seed)
    return comparisons(list(table.cubes(measurements)), table.arms_of(measurements) if len(measurements) else (), asked)


def comparisons(cubes: Sequence[table.Cube], arms: Sequence[table.Arm], asked: Questions) -> list[Comparison]:
    """Compare as `compare` does, from cubes that are made; ``arms`` are all of the table's."""
    plan = _Plan(tuple(arms), asked.against([arm.name for arm in arms]), sweeps_of(arms, asked), asked)
    return families.corrected([one for cube in cubes for one in _of_column(cube, plan)])


def sweeps_of(arms: Sequence[table.Arm], asked: Questions) -> list[doses.Sweep]:
    """Return the sweeps of one dose; an arm that belongs to a grid of two belongs to none of them."""
    if asked.dose is None:
        return []
    gridded = {arm for points in asked.grids.values() for arm in points}
    return doses.sweeps([arm for arm in arms if arm.name not in gridded or arm.name == asked.to], to=asked.to,
                        dose=asked.dose)  # fmt: skip


@dataclass(frozen=True)
class _Plan:
    """What is compared: the same for every column."""

    arms: tuple[table.Arm, ...]
    to: Mapping[str, str]  # arm -> the arm it is compared with
    sweeps: Sequence[doses.Sweep]
    asked: Questions

    @property
    def has_trends(self) -> bool:
        """Whether the primary family is trends."""
        return bool(self.sweeps or self.asked.grids)


def _of_column(cube: table.Cube, plan: _Plan) -> Iterator[Comparison]:
    for sweep in plan.sweeps:
        yield _trend(cube, sweep, plan)
    for name, points in plan.asked.grids.items():
        yield from _grid(cube, name, points, plan)
    # By dose, then by name: the order in which a reader looks for them.
    unasked = set(plan.asked.unasked.get(cube.column.suite, ()))
    for arm in sorted(plan.arms, key=lambda arm: (arm.dose is not None, arm.dose or 0.0, arm.name)):
        if arm.name in plan.to and unasked.isdisjoint((arm.name, plan.to[arm.name])):
            yield _difference(cube, arm, plan)


def _difference(cube: table.Cube, arm: table.Arm, plan: _Plan) -> Comparison:
    to = plan.to[arm.name]
    about = _About(cube.column, _family(cube, plan, is_primary=not plan.has_trends), to)
    absent = effects.lacking(cube, [to, arm.name])
    if absent:
        return _empty(about, arm=arm.name, dose=arm.dose, note=_absence(cube, absent, to, plan), test="no test")
    pairs = effects.contrast(cube, effects.difference(arm.name, to))
    known = inference.estimate(pairs)
    means = pairs.means() if pairs.n_items else (None, None)
    made = _comparison(
        about, pairs, known,
        arm=arm.name, dose=arm.dose, mean=_number(means[0]), baseline_mean=_number(means[1]),
        p=known.p, test=known.test, notes=known.notes, margin=_margin(cube, plan),
    )  # fmt: skip
    if not pairs.n_items:
        return made
    low, high = bootstrap.two_way(pairs, seed=plan.asked.seed) or (None, None)
    return replace(
        made, boot_low=low, boot_high=high, sizes=sizes.sizes(pairs, known), split=split.split(pairs),
        models=items.for_these_models(pairs, greedy=cube.column.suite in plan.asked.greedy, seed=plan.asked.seed),
    )  # fmt: skip


def _trend(cube: table.Cube, sweep: doses.Sweep, plan: _Plan) -> Comparison:
    about = _About(cube.column, _family(cube, plan, is_primary=True), sweep.baseline)
    absent = effects.lacking(cube, list(sweep.doses))
    at = {name: dose for name, dose in sweep.doses.items() if name not in absent}
    left_out = _absence(cube, absent, sweep.baseline, plan) if absent else None
    if len({dose for name, dose in at.items() if name != sweep.baseline}) < 2:
        few = "too few doses were scored"
        return _empty(
            about, kind="trend", arm=sweep.name, dose=None, note=joined(few, left_out), test="trend: not tested"
        )
    pairs = effects.contrast(cube, effects.slope(at))
    known = inference.estimate(pairs)
    tested = doses.Trend(None, "trend: not tested")
    if pairs.n_items:
        tested = _one_way(doses.trend(pairs.run_means(), list(at.values()), seed=plan.asked.seed), pairs.effect)
    ends = [_mean_at(pairs, at, end(at.values())) if pairs.n_items else None for end in (max, min)]
    return _over(
        about, pairs, known, (min(at.values()), max(at.values())), _margin(cube, plan),
        arm=sweep.name, kind="trend", p=tested.p, test=tested.test, mean=ends[0], baseline_mean=ends[1],
        notes=(*known.notes, tested.note, sweep.note, left_out),
    )  # fmt: skip


def _mean_at(pairs: effects.Contrast, at: Mapping[str, float], dose: float) -> float:
    """Return the mean of a dose's arms over the pairs that entered: ends and slope are of the same answers."""
    return float(np.mean([mean for arm, mean in zip(pairs.arms, pairs.means(), strict=True) if at[arm.name] == dose]))


def _one_way(tested: doses.Trend, slope: float | None) -> doses.Trend:
    """Show no trend where the doses' order goes one way and the straight line the other: neither may be named."""
    if tested.p is None or tested.rises is None or not slope or tested.rises == (slope > 0):
        return tested
    return replace(tested, p=1.0, note="the doses' order and the straight line go opposite ways: no trend is claimed")


def _stay(pairs: effects.Contrast, baseline: str, margin: float) -> bool:
    """Say whether every dose's own difference is within the margin: a curve may leave it and come back."""
    names = [arm.name for arm in pairs.arms]
    one = np.eye(len(names))
    first = names.index(baseline) if baseline in names else 0
    rest = (one[place] - one[first] for place in range(len(names)) if place != first)
    return all(inference.estimate(pairs.reweighted(list(weights))).within(margin) for weights in rest)


def _grid(cube: table.Cube, name: str, points: Mapping[str, tuple[float, float]], plan: _Plan) -> Iterator[Comparison]:
    """Yield what each of two doses does over their grid, and what they do together."""
    baseline = next((plan.to[arm] for arm in points if arm in plan.to), "")
    about = _About(cube.column, _family(cube, plan, is_primary=True), baseline)
    absent = effects.lacking(cube, list(points))
    at = {arm: point for arm, point in points.items() if arm not in absent}
    left_out = _absence(cube, absent, baseline, plan) if absent else None
    for term in grid.terms(name, plan.asked.dose_names, at):
        if term.weights is None:
            note = joined("the doses that were scored do not tell it apart", left_out)
            yield _empty(about, kind=term.kind, arm=term.name, dose=None, note=note, test=f"{term.kind}: not tested")
            continue
        pairs = effects.contrast(cube, term.weights)
        known = inference.estimate(pairs)
        yield _over(
            about, pairs, known, term.range, _margin(cube, plan) if term.kind == "trend" else None,
            arm=term.name, kind=term.kind, p=known.p, test=f"{term.kind}: {known.test}", mean=None, baseline_mean=None,
            notes=(*known.notes, left_out),
        )  # fmt: skip


def _over(
    about: _About,
    pairs: effects.Contrast,
    known: inference.Estimate,
    between: tuple[float, float] | None,
    margin: float | None,
    **given: object,
) -> Comparison:
    """Return what holds over a range of doses; a margin is spread over it."""
    low, high = between if between is not None and pairs.n_items else (None, None)
    made = _comparison(
        about, pairs, known, dose=None, dose_low=low, dose_high=high,
        margin=None if margin is None or between is None else margin / (between[1] - between[0]),
        **given,  # type: ignore[arg-type]
    )  # fmt: skip
    if not pairs.n_items:
        return made
    if made.equivalent and margin is not None:
        made = replace(made, equivalent=_stay(pairs, about.baseline, margin))
    return replace(made, split=split.split(pairs))


@dataclass(frozen=True)
class _About:
    """What a comparison is of: its column, its family, and its baseline."""

    column: table.Column
    family: str
    baseline: str


def _family(cube: table.Cube, plan: _Plan, *, is_primary: bool) -> str:
    chosen = cube.column.group is None and not set(plan.asked.primary).isdisjoint(
        families.names_of(cube.column.suite, cube.column.metric)
    )
    return families.PRIMARY if chosen and is_primary else families.EXPLORATORY


def _margin(cube: table.Cube, plan: _Plan) -> float | None:
    return families.margin_of(plan.asked.margin, cube.column.suite, cube.column.metric)


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
    low90, high90 = known.equivalence_interval() or (None, None)
    infinite = f"{pairs.n_infinite:,} infinite values count as unscored" if pairs.n_infinite else None
    facts = dict(
        baseline=about.baseline, suite=column.suite, metric=column.metric, group=column.group, family=about.family,
        effect=known.effect, low=low, high=high, p_holm=None, p_bh=None, scope=known.scope,
        margin=margin, low90=low90, high90=high90, equivalent=None if margin is None else known.within(margin),
        n_items=pairs.n_items, n_seeds=pairs.n_seeds, n_dropped=pairs.n_dropped, note=joined(*notes, infinite),
    )  # fmt: skip
    made = Comparison(**{**facts, **given})  # type: ignore[arg-type]
    if made.equivalent is None or not made.is_thin:
        return made
    thin = 'more than a fifth of the pairs were left out, so "no change" cannot be told'
    return replace(made, equivalent=None, note=joined(made.note, thin))


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


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
