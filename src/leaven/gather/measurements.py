"""Scores in the store -> the long table. What is missing is missing, never zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather import derived
from leaven.graph import Graph, WiredCell, WiredSuite
from leaven.study.matrix import ExpandedArm

if TYPE_CHECKING:
    import pandas as pd

UNSCORED = "unscored"  # a reason that says no more than the missing value does


def measurements(graph: Graph, store: Store) -> pd.DataFrame:
    """Return the long table of all scores that are there: arm, dose, seed, suite, metric, group, item_id, ..."""
    import pandas as pd

    items: dict[str, pd.DataFrame] = {}  # by the prompts' key: cells share them
    found = [_suite_measurements(graph, store, cell, suite, items) for cell in graph.cells for suite in cell.suites]
    parts = [part for part in found if part is not None]
    names = tables.schema("measurements").names
    if not parts:
        return pd.DataFrame({name: [] for name in names})
    table = pd.concat(parts, ignore_index=True)[names]
    beside = values_beside(graph)
    more = [derived.difference(table, suite, beside) for suite in graph.differences]
    more += [derived.average(table, name, parts) for name, parts in graph.averages.items()]
    more = [part for part in more if len(part)]
    whole: pd.DataFrame = pd.concat([table, *more], ignore_index=True)[names] if more else table
    return whole


def _suite_measurements(
    graph: Graph, store: Store, cell: WiredCell, suite: WiredSuite, items: dict[str, pd.DataFrame]
) -> pd.DataFrame | None:
    import pyarrow as pa

    there = [stage for stage in suite.scores.values() if store.record(stage) is not None]
    if not there or store.record(suite.prompts) is None:
        return None
    if suite.prompts.key not in items:
        items[suite.prompts.key] = items_asked(store, suite)
    scores = pa.concat_tables(tables.read(store.folder(stage) / "scores.parquet") for stage in there).to_pandas()
    joined = scores.merge(items[suite.prompts.key], on="row_id", how="left", validate="many_to_one")
    joined = _of_its_groups(joined, suite)
    made: pd.DataFrame = joined.assign(
        arm=cell.cell.arm.name,
        dose=dose(graph, cell.cell.arm),
        seed=cell.cell.seed,
        suite=suite.name,
        sample=derived.samples(joined),
    )
    return made


def _of_its_groups(joined: pd.DataFrame, suite: WiredSuite) -> pd.DataFrame:
    """Leave out rows of groups that a value is not a quantity of: nothing is missing there."""
    import pandas as pd

    foreign = pd.Series(False, index=joined.index)
    for measure in (one for one in suite.measures if one.groups):
        foreign |= (joined["metric"] == measure.name) & ~joined["group"].isin(measure.groups)
    return joined[~foreign].reset_index(drop=True)


def items_asked(store: Store, suite: WiredSuite) -> pd.DataFrame:
    """Return of each row that a suite asks its group and the item that it is a row of."""
    asked = tables.read(store.folder(suite.prompts) / "rows.parquet")
    made: pd.DataFrame = asked.select(["id", "group"]).to_pandas().rename(columns={"id": "row_id"})
    known = [name for name in ("id", "group", "prompt") if name in asked.column_names]
    return made.assign(item_id=derived.items(asked.select(known).to_pylist(), suite))


def reasons(graph: Graph, store: Store) -> dict[tuple[str, str], dict[str, int]]:
    """Return by suite and metric why values were not scored, as far as that is known, and how many of each."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for suite in (suite for cell in graph.cells for suite in cell.suites):
        for stage in suite.scores.values():
            if store.record(stage) is not None:
                for metric, reason in _unscored(store, stage):
                    found.setdefault((suite.name, metric), Counter())[reason] += 1
    return {where: dict(of.most_common()) for where, of in found.items()}


def _unscored(store: Store, stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield metric and reason of each value that a stage did not score: what it says, else that there is no answer."""
    import pyarrow.compute as pc

    scores = tables.read(store.folder(stage) / "scores.parquet")
    absent = scores.filter(pc.is_null(scores["value"], nan_is_null=True)).to_pylist()
    silent = _silent(store, stage) if absent else set()
    for one in absent:
        if one["reason"] not in (None, "", UNSCORED):
            yield one["metric"], one["reason"]
        elif (one["row_id"], one["sample"]) in silent:
            yield one["metric"], "the answer is empty"


def _silent(store: Store, stage: Stage) -> set[tuple[str, int]]:
    """Return row and sample of the answers without a word, of those that a stage scored."""
    answers = stage.inputs.get("generations")
    path = store.folder(answers) / "generations.parquet" if isinstance(answers, Stage) else None
    told = tables.read(path).select(["prompt_id", "sample", "text"]).to_pylist() if path and path.exists() else []
    return {(one["prompt_id"], one["sample"]) for one in told if not (one["text"] or "").strip()}


def values_beside(graph: Graph) -> set[tuple[str, str]]:
    """Return suite and name of values that are printed beside a metric and never compared: floors and ceilings."""
    return {(suite.name, one.name) for suite in graph.suites for one in suite.measures if one.beside}


def dose(graph: Graph, arm: ExpandedArm) -> float | None:
    """Return an arm's dose: its value of the dose parameter; the baseline without one has dose 0."""
    compare = graph.study.compare
    declared = arm.dose(compare.first_dose)
    if compare.doses and declared is None and arm.name == compare.to:
        return 0.0
    return declared
