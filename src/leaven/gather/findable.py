"""What a study's design can find, before anything is spent; from a pilot where results are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from leaven.data import shipped
from leaven.engine.store import Store
from leaven.gather.asked import questions
from leaven.gather.findings import metrics
from leaven.gather.measurements import dose, items_asked, measurements
from leaven.graph import Graph, WiredSuite
from leaven.stats import effects, families, table
from leaven.stats.compare import sweeps_of
from leaven.stats.planning import power as powers
from leaven.stats.questions import Questions
from leaven.study.matrix import expand

if TYPE_CHECKING:
    from leaven.stats.planning.power import Pilot, Power


def power(graph: Graph, store: Store) -> Iterator[Power]:
    """Yield what the study can find in each primary metric; nothing of one whose number of items is unknown yet."""
    every = list(metrics(graph))
    asked = questions(graph, None, metrics=every)
    chosen = [one for one in every if not set(families.names_of(one.suite, one.name)).isdisjoint(asked.primary)]
    sizes = {suite.name: _items(graph, store, suite) for suite in graph.suites}
    arms = _arms(graph)
    sweeps = sweeps_of(arms, asked)
    pilots = _pilots(graph, store, asked)
    tests = max(len(chosen), 1) * _tests_each(arms, sweeps, asked)
    n_seeds = len(graph.study.seeds) if any(arm.trained for arm in arms) else 0
    for one in chosen:
        if n_items := sizes.get(one.suite):
            yield powers.power(
                one.suite, one.name, n_items=n_items, n_seeds=n_seeds,
                doses=list(sweeps[0].doses.values()) if sweeps else (), unit=one.unit,
                margin=families.margin_of(asked.margin, one.suite, one.name), n_primary=tests,
                pilot=pilots.get((one.suite, one.name)),
            )  # fmt: skip


def _arms(graph: Graph) -> tuple[table.Arm, ...]:
    return tuple(table.Arm(arm.name, dose(graph, arm), arm.is_trained) for arm in expand(graph.study))


def _tests_each(arms: Sequence[table.Arm], sweeps: Sequence[object], asked: Questions) -> int:
    """Return how many p-values one primary metric adds to its family."""
    if sweeps or asked.grids:
        return len(sweeps) + 3 * len(asked.grids)  # two doses and what they do together
    return len(asked.against([arm.name for arm in arms]))


def _items(graph: Graph, store: Store, suite: WiredSuite) -> int | None:
    """Return how many items a suite asks, of one or several rows each: counted; else the rows that are declared.

    Whole data that ship with Leaven are counted as they are: rows that ask the same are told apart by a stage alone.
    """
    if store.record(suite.prompts) is not None:
        return int(items_asked(store, suite)["item_id"].nunique())
    declared = graph.study.data.get(suite.data) if suite.data is not None else None
    if declared is None:
        return None
    source, cut = str(declared.source), declared.skip or declared.part or declared.sample
    if declared.take is None and source.startswith(shipped.PREFIX) and not cut:
        return sum(1 for _ in shipped.read(source))
    return declared.take


def _pilots(graph: Graph, store: Store, asked: Questions) -> Mapping[tuple[str, str], Pilot]:
    """Return, per suite and metric, how items and runs vary among the results that are there."""
    measured = measurements(graph, store)
    found: dict[tuple[str, str], Pilot] = {}
    for cube in table.cubes(measured):
        if cube.column.group is None and (pilot := _pilot(cube, asked)) is not None:
            found[cube.column.suite, cube.column.metric] = pilot
    return found


def _pilot(cube: table.Cube, asked: Questions) -> Pilot | None:
    """Return the spread of the contrast that rests on the most runs and items; of several alike, the largest spread.

    An arm that hardly differs from its baseline tells too little of how the others will vary.
    """
    to = asked.against([arm.name for arm in cube.arms])
    pairs = [(arm.name, to[arm.name]) for arm in cube.arms if arm.name in to]
    there = [pair for pair in pairs if not effects.lacking(cube, list(pair))]
    contrasts = [effects.contrast(cube, effects.difference(*pair)) for pair in there]
    known = [(one.n_seeds * one.n_items, powers.pilot(one)) for one in contrasts if one.n_items]
    return max(((size, one) for size, one in known if one is not None), key=_weight, default=(0, None))[1]


def _weight(known: tuple[int, Pilot]) -> tuple[int, float]:
    return known[0], known[1].item_sd
