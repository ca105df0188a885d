"""Ways of aligning beside each other: which arms are any, guards, rewards, and what was not reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from leaven.engine.store import Store
from leaven.gather.judged import models_asked
from leaven.gather.ways import baseline_of, start_of, ways, words
from leaven.graph import Graph
from leaven.models.blocking import COUNTED, NONE_HARMLESS, oddities
from leaven.registry import METRICS, TRAINERS, WRAPS, Step
from leaven.report.findings import TrainingInfo
from leaven.report.methods.found import GuardInfo, Methods, RewardedInfo
from leaven.study.matrix import ExpandedArm, expand
from leaven.study.spec import Study
from leaven.wiring.factory import who
from leaven.wiring.rewarding import rewarder

_CONSTANT = ("constant", "constant_with_warmup")


def methods(graph: Graph, store: Store, trained: Sequence[TrainingInfo]) -> Methods:
    """Return what the section on ways of aligning is made of; nothing where arms differ in data alone."""
    study, arms = graph.study, expand(graph.study)
    found = Methods(
        guards=list(_guards(graph, store)),
        rewarded=list(_rewarded(graph, store, trained)),
        unreached=_unreached(graph),
        curved=dict(_curved(arms)),
    )
    several = any(_is_method(study, arm) for arm in arms)
    if not several and not found:
        return found
    base, prices = baseline_of(study), study.prices
    label = prices.human_label if prices is not None else None
    return replace(
        found,
        ways=list(ways(graph, store)),
        shared=words(study, base)[: len(base.train)] if base is not None else (),
        currency=prices.currency if prices is not None else "",
        pair=label.price if label is not None and label.of == "pair" else None,
    )


def _is_method(study: Study, arm: ExpandedArm) -> bool:
    """Say whether an arm is more than a training on some data: asked in a way of its own, composed, taught."""
    taught = any(study.data[str(step.args["data"])].distilled is not None for step in arm.train)
    asked = any(not WRAPS.get(step.name).call(args=step.args).control for step in arm.wraps)
    return bool(taught or asked or arm.compose or arm.generation or any(step.name == "rl" for step in arm.train))


# Guards, rewards, and what is not as it seems


def _guards(graph: Graph, store: Store) -> Iterator[GuardInfo]:
    """Yield what each guard of each arm did in each suite, over its seeds."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    said: dict[tuple[str, str], list[str]] = {}
    measured = set[str]()  # arms some of whose prompts are harmless, in one suite at least
    for cell in graph.cells:
        for suite in cell.suites:
            record = store.record(suite.told) if suite.told.kind == "guarded" else None
            if record is None:
                continue
            place = (cell.cell.arm.name, suite.name)
            said.setdefault(place, []).extend(record["facts"].get("warnings", ()))
            measured |= {place[0]} if record["facts"].get("harmless") else set()
            for guard, counts in record["facts"].get("guards", {}).items():
                found.setdefault((*place, guard), []).append(counts)
    total = _blocked(found)
    for (arm, name, guard), runs in found.items():
        counts = {what: sum(one.get(what, 0) for one in runs) for what in COUNTED}
        # To block nothing is odd of a guard that does so in every suite, not of one that is asked harmless prompts.
        calm = bool(total[arm, guard]) and not counts["blocked"]
        odd = [one for one in oddities(guard, counts) if not (calm and " blocks nothing " in one)]
        told = (_OF_COUNTS, NONE_HARMLESS) if arm in measured else _OF_COUNTS
        others = dict.fromkeys(one for one in said.pop((arm, name), ()) if not one.startswith(told))
        yield GuardInfo(arm, name, guard, counts["seen"], counts["blocked"], counts["unscored"], [*odd, *others])


_OF_COUNTS = "the guard "  # so begins what a run says of its own counts; over all seeds it is said once, of their sum


def _blocked(found: Mapping[tuple[str, str, str], Iterable[Mapping[str, Any]]]) -> dict[tuple[str, str], int]:
    """Return how much each guard of each arm blocks, over all suites."""
    total: dict[tuple[str, str], int] = {}
    for (arm, _, guard), runs in found.items():
        total[arm, guard] = total.get((arm, guard), 0) + sum(one.get("blocked", 0) for one in runs)
    return total


def _rewarded(graph: Graph, store: Store, trained: Sequence[TrainingInfo]) -> Iterator[RewardedInfo]:
    for arm in expand(graph.study):
        steps = [step for step in arm.train if step.name == "rl"]
        runs = [one for one in trained if one.arm == arm.name and one.trainer == "rl" and one.curves.get("reward")]
        if steps and runs:
            ends = [_ends([value for _, value in one.curves["reward"]]) for one in runs]
            kl = [_ends([value for _, value in one.curves["kl"]])[1] for one in runs if one.curves.get("kl")]
            yield RewardedInfo(
                arm.name, _rewarder(graph.study, steps[-1]),
                fmean(one[0] for one in ends), fmean(one[1] for one in ends),
                fmean(kl) if kl else None, _unscored(graph, store, arm), list(_measured(graph, arm)),
                start_of(graph.study, arm),
            )  # fmt: skip


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the means of the first and last tenth of some values."""
    few = max(1, len(values) // 10)
    return fmean(values[:few]), fmean(values[-few:])


def _rewarder(study: Study, step: Step) -> str:
    by, judge = rewarder(study, step), step.args["reward"].get("judge")
    if judge is not None:
        times = step.args["reward"].get("weight", 1)
        return f"{f'{times:g} x ' if times != 1 else ''}judge {judge} ({who(study.judges[judge])})"
    if by.metric is None:
        return f"reward model {by.arm}"
    return " ".join(filter(None, [f"{by.weight:g} x" if by.weight != 1 else "", by.metric.name, by.metric.described]))


def _unscored(graph: Graph, store: Store, arm: ExpandedArm) -> int:
    mine = (stage for cell in graph.cells if cell.cell.arm.name == arm.name for stage in cell.trained)
    records = (store.record(stage) for stage in mine if stage.kind == "rl")
    return sum(int(record["facts"].get("reward_unscored", 0)) for record in records if record is not None)


def _measured(graph: Graph, arm: ExpandedArm) -> Iterator[str]:
    """Yield the suites' values that are what an arm's answers were rewarded by, or read the same classifier.

    Of a metric with several the rewarded one comes first; the others are of the same metric, so none is independent.
    """
    cells = (cell for cell in graph.cells if cell.cell.arm.name == arm.name)
    mine = [stage.args.get("reward", {}) for cell in cells for stage in cell.trained]
    rewards = [one for one in mine if "metric" in one]
    judges = [one["judge"]["args"]["server"].get("model") for one in mine if "judge" in one]
    for suite in graph.suites:
        for stage in suite.scores.values():
            metric = stage.args.get("metric")
            if not isinstance(metric, Mapping):
                continue
            by = [one.get("value") for one in rewards if _is_one(metric, one["metric"])]
            if by or any(one in judges for one in models_asked(metric)):
                name = str(metric["name"])
                values = METRICS.get(name).traits.get("values", (name,))
                yield from (f"{suite.name}/{value}" for value in sorted(values, key=lambda value: value not in by))


def _is_one(metric: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two metrics, as stages have them, are one, or read one classifier's verdict on one label."""
    if metric.get("name") == other.get("name"):
        return dict(metric.get("args", {})) == dict(other.get("args", {}))
    reads = [[_said(one, "classifier"), _said(one, "label")] for one in (metric, other)]
    return reads[0] == reads[1] and reads[0][0] is not None


def _said(metric: Mapping[str, Any], name: str) -> Any:
    """Return what a metric has for an argument, declared or by default; None where it has no such argument."""
    field = METRICS.get(str(metric.get("name"))).schema.model_fields.get(name)
    return metric.get("args", {}).get(name, None if field is None else field.default)


def _unreached(graph: Graph) -> dict[tuple[str, str], Sequence[str]]:
    return {
        (cell.cell.arm.name, suite.name): suite.unreached
        for cell in graph.cells
        for suite in cell.suites
        if suite.unreached
    }


def _curved(arms: Iterable[ExpandedArm]) -> Iterator[tuple[str, str]]:
    """Yield the arms that are measured on the way of a training, with its schedule, where its rate was falling."""
    for arm in arms:
        if arm.snapshot is not None and arm.train:
            step = arm.train[-1]
            about = TRAINERS.get(step.name).schema.model_fields.get("lr_scheduler_type")
            schedule = step.args.get("lr_scheduler_type", None if about is None else about.default)
            if schedule not in _CONSTANT and schedule is not None:
                yield arm.name, str(schedule)
