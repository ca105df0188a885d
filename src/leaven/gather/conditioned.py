"""Records in the store -> what the page shows of corpora, their labels, and how models obey control tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaven import rows as tables
from leaven.engine.store import Store
from leaven.graph import Graph, WiredSuite
from leaven.registry import Step
from leaven.report.findings import AskedSample, BalanceInfo, FunnelInfo, LabelInfo, ObeyedInfo
from leaven.score.control import BY_LABELLER
from leaven.study.conditioned import knows
from leaven.study.corpus import Attribute
from leaven.study.measured import suite_name

_SHOWN = 3  # texts under each combination that a reader is shown
_LABELLER = f"_{BY_LABELLER}"  # what follows an attribute's name where the scorer that labelled is no judge


def funnels(graph: Graph, store: Store) -> Iterator[FunnelInfo]:
    """Yield what became of each corpus."""
    for name, stage in graph.data.items():
        record = store.record(stage) if stage.kind == "corpus" else None
        if record is not None:
            facts = record["facts"]
            steps = [(one["step"], one["unit"], one["rows"]) for one in facts["funnel"]]
            yield FunnelInfo(name, steps, facts["drops"], facts["sources"], facts["altered"])


def labels(graph: Graph, store: Store) -> Iterator[LabelInfo]:
    """Yield what each scorer makes of each corpus."""
    for (data, name), stage in graph.labels.items():
        record, declared = store.record(stage), graph.study.attributes[name]
        if record is not None:
            facts = record["facts"]
            drawn = facts.get("histogram", {})
            yield LabelInfo(
                data, name, _scorer(declared), facts["rows"], facts["unscored"], declared.thresholds,
                declared.tokens, drawn.get("edges", ()), drawn.get("counts", ()), facts.get("said", {}),
            )  # fmt: skip


def _scorer(declared: Attribute) -> str:
    return f"column {declared.column}" if declared.column is not None else _called(declared.metric, declared.value)


def _called(metric: Any, value: str | None) -> str:
    return " ".join(filter(None, [metric.name, metric.described, value]))


def balances(graph: Graph, store: Store) -> Iterator[BalanceInfo]:
    """Yield, run by run, how the texts of a training were labelled."""
    for cell in graph.cells:
        for stage in cell.treated:
            record = store.record(stage)
            facts = record["facts"] if record is not None else {}
            for step in facts.get("control", ()):
                counts = {name: one["counts"] for name, one in step["attributes"].items()}
                phi = [(one["one"], one["other"], one["phi"]) for one in step["phi"]]
                yield BalanceInfo(
                    cell.cell.arm.name, cell.cell.seed, step["rows"], counts, step.get("untagged", 0),
                    facts["drops"], phi,
                )  # fmt: skip


def bare(graph: Graph) -> list[str]:
    """Return the suites that ask an arm without tokens which was trained with some, where no other asks it with them.

    An arm that ``wraps`` its model says itself how it is asked.
    """
    declared = {suite_name(one): one for one in graph.study.evaluate if one.name != "control"}
    found: list[str] = []
    for cell in graph.cells:
        if knows(cell.cell.arm) and not cell.cell.arm.wraps:
            asked = [declared[suite.name] for suite in cell.suites if suite.name in declared]
            told = {_asks(one) for one in asked if one.args.get("control")}
            found += [suite_name(one) for one in asked if not one.args.get("control") and _asks(one) not in told]
    return list(dict.fromkeys(found))


def _asks(suite: Step) -> tuple[str, str]:
    return suite.name, str(suite.args.get("prompts") or suite.args.get("data") or suite.args.get("tasks"))


def obeyed(graph: Graph, store: Store) -> Iterator[ObeyedInfo]:
    """Yield, run by run, what models wrote under each combination of tokens; by the judge, and by who labelled."""
    for cell, suite in ((one, suite) for one in graph.cells for suite in one.suites):
        stage = suite.scores.get(suite.name)
        record = store.record(stage) if stage is not None and stage.kind == "misalignment" else None
        facts = record["facts"] if record is not None else {"asked_and_measured": {}}
        for called, shares in facts["asked_and_measured"].items():
            name = called.removesuffix(_LABELLER)
            by, is_judge = _said_by(graph.study.attributes[name], labeller=called != name)
            each = facts["texts"] // max(1, len(shares))
            yield ObeyedInfo(cell.cell.arm.name, cell.cell.seed, suite.name, name, by, is_judge, each, shares)


def _said_by(declared: Attribute, *, labeller: bool) -> tuple[str, bool]:
    """Return who says of which class a written text is, and whether that is another than the one that labelled."""
    if declared.judge is not None and not labeller:
        return _called(declared.judge.metric, declared.judge.value), True
    return _called(declared.metric, declared.value), False


def written(graph: Graph, store: Store) -> Iterator[AskedSample]:
    """Yield some texts of each arm's first run under each combination of tokens: of the same items under all."""
    seen: set[tuple[str, str]] = set()
    for cell, suite in ((one, suite) for one in graph.cells for suite in one.suites):
        place = (cell.cell.arm.name, suite.name)
        if suite.told.kind == "control" and place not in seen and store.record(suite.told) is not None:
            seen.add(place)
            for condition, item, text, prompt in _written(store, suite):
                yield AskedSample(cell.cell.arm.name, cell.cell.seed, suite.name, condition, item, text, prompt)


def _written(store: Store, suite: WiredSuite) -> Iterator[tuple[str, str, str, str]]:
    folder = store.folder(suite.told)
    asked = tables.read(folder / "rows.parquet").slice(0, _SHOWN).to_pylist()
    prompts = {row["id"]: row["prompt"][-1]["content"] for row in asked}
    for row in tables.read(folder / "conditions.parquet").to_pylist():
        item, _, condition = row["prompt_id"].rpartition(suite.item_mark)
        if item in prompts and row["sample"] == 0:
            yield condition, item, row["text"], prompts[item]
