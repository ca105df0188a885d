"""Measurements -> everything the statistics say: the comparisons, and the analyses beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from leaven.comparison import Comparison
from leaven.stats import claims, coherence, evaluators, families, gap, table
from leaven.stats.analyses import Analyses
from leaven.stats.compare import comparisons, sweeps_of
from leaven.stats.doses import curve, grid, surface
from leaven.stats.doses import dose as doses
from leaven.stats.doses.curve import Fit
from leaven.stats.doses.surface import Surface
from leaven.stats.groups import heterogeneity
from leaven.stats.groups.heterogeneity import Heterogeneity
from leaven.stats.people import audit
from leaven.stats.people.audit import Corrected
from leaven.stats.questions import Questions

if TYPE_CHECKING:
    import pandas as pd


def analyse(measurements: pd.DataFrame, asked: Questions) -> tuple[list[Comparison], Analyses]:
    """Return all comparisons and analyses of a long table (columns: ``table.COLUMNS``); none of an empty one.

    Raises ReportError for a table with missing columns, or rows that stand there twice.
    """
    if not len(measurements):
        return [], Analyses()
    arms, cubes = table.arms_of(measurements), list(table.cubes(measurements))
    compared, to = comparisons(cubes, arms, asked), asked.against([arm.name for arm in arms])
    whole, members = [cube for cube in cubes if cube.column.group is None], heterogeneity.members(measurements)
    return compared, Analyses(
        fits=list(_fits(whole, sweeps_of(arms, asked), asked)),
        surfaces=list(_surfaces(whole, asked)),
        heterogeneity=heterogeneity.corrected(list(_groups(members, cubes, to, asked))),
        agreement=[
            evaluators.agreement(name, listed, measurements, compared, seed=asked.seed)
            for name, listed in asked.evaluators.items()
        ],
        coherence=coherence.gate(compared, asked.coherence, asked.better),
        degenerate=coherence.degenerate(measurements, asked.predictions),
        verdicts=claims.judge(
            asked.claims,
            {cube.column: cube for cube in cubes},
            to,
            locked=asked.locked,
            members=members,
            seed=asked.seed,
        ),
        corrected=list(_audited(measurements, to, asked)),
        gaps=gap.gaps(asked.gaps, {cube.column: cube for cube in whole}, asked.better),
    )


def _fits(cubes: Sequence[table.Cube], sweeps: Sequence[doses.Sweep], asked: Questions) -> Iterator[Fit]:
    for cube in cubes:
        column = cube.column
        for sweep in sweeps:
            margin = families.margin_of(asked.margin, column.suite, column.metric)
            yield curve.fit(cube, sweep, asked.realised, margin)


def _groups(
    members: Mapping[table.Column, Mapping[str, heterogeneity.Bools]],
    cubes: Sequence[table.Cube],
    to: Mapping[str, str],
    asked: Questions,
) -> Iterator[Heterogeneity]:
    """Yield, for each metric that was measured in two groups or more, whether any arm's effect differs between them."""
    for cube in (cube for cube in cubes if cube.column.group is None):
        groups = members.get(cube.column, {})
        if len(groups) > 1:
            within = table.in_groups(cubes, cube.column)
            yield heterogeneity.heterogeneity(cube, groups, to, within=within, seed=asked.seed)


def _audited(measurements: pd.DataFrame, to: Mapping[str, str], asked: Questions) -> Iterator[Corrected]:
    """Yield what people's labels make of each arm's difference; ``labels`` has columns suite and metric too."""
    if asked.labels is None or not len(asked.labels):
        return
    for (suite, metric), labels in asked.labels.groupby(["suite", "metric"], sort=True):
        about = {"suite": str(suite), "metric": str(metric)}
        labelled = set(labels["arm"])
        for arm, baseline in to.items():
            if {arm, baseline} <= labelled:
                yield audit.corrected(measurements, labels, arm=arm, baseline=baseline, **about)


def _surfaces(cubes: Sequence[table.Cube], asked: Questions) -> Iterator[Surface]:
    for cube in cubes:
        for name, points in asked.grids.items():
            called = grid.interaction_name(name, asked.dose_names)
            yield surface.surface(cube, asked.dose_names, points, name=called)
