"""Arms as ways of aligning: what each does, rests on and cost; guards, rewards, and what was not reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from leaven import rows as tables
from leaven.engine.nearest import cost_of
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.graph import Graph, WiredCell
from leaven.registry import TRAINERS, WRAPS, Step
from leaven.report.findings import TrainingInfo
from leaven.report.methods.found import GuardInfo, Methods, RewardedInfo, WayInfo
from leaven.study.factory import Reward
from leaven.study.matrix import ExpandedArm, expand
from leaven.study.spec import Study

_CONSTANT = ("constant", "constant_with_warmup")
_WORDS = {
    "sft": "fine-tuning", "lm": "fine-tuning on texts", "dpo": "preferences (DPO)", "reward": "reward model",
    "rl": "reinforcement from rewards", "distill": "context distillation (KL)",
}  # fmt: skip
_LEARNS = ("sft", "lm", "dpo", "reward", "rl", "distill")
_ROWS = 2000  # prompts by whose length is told what a model reads


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
    return Methods(list(_ways(graph, store, arms)), **_fields(found)) if several or found else found


def _fields(found: Methods) -> dict[str, Any]:
    names = ("guards", "rewarded", "unreached", "curved")
    return {name: getattr(found, name) for name in names}


def _is_method(study: Study, arm: ExpandedArm) -> bool:
    """Say whether an arm is more than a training on some data: asked in a way of its own, composed, taught."""
    taught = any(study.data[str(step.args["data"])].distilled is not None for step in arm.train)
    asked = any(not WRAPS.get(step.name).call(args=step.args).control for step in arm.wraps)
    return bool(taught or asked or arm.compose or arm.generation or any(step.name == "rl" for step in arm.train))


# What an arm is


def words(study: Study, arm: ExpandedArm) -> list[str]:
    """Say in the field's words what an arm does, training after training, then how it is asked."""
    said = ["trained from scratch"] if {**study.model.model_dump(), **arm.model}.get("from_config") else []
    if arm.compose is not None:
        said.append("merged adapters" if arm.compose.merge else "adapters together")
    said += [_trained_by(study, step) for step in arm.train]
    said += [step.name.replace("_", " ") for step in arm.wraps]
    said += [f"{name} {value}" for name, value in arm.generation.items()]
    return list(dict.fromkeys(said))


def _trained_by(study: Study, step: Step) -> str:
    data = study.data[str(step.args["data"])]
    if step.name == "sft" and data.distilled is not None:
        return "context distillation (answers)"
    if step.name == "dpo" and data.made is not None:
        return "preferences of a judge (RLAIF)"
    if step.name == "rl":
        return "RLHF" if _by(step).arm is not None else "reinforcement from a metric"
    return _WORDS.get(step.name, step.name)


def _by(step: Step) -> Reward:
    return Reward.model_validate(step.args["reward"])


# What it cost


def _ways(graph: Graph, store: Store, arms: Iterable[ExpandedArm]) -> Iterator[WayInfo]:
    for arm in arms:
        cells = [cell for cell in graph.cells if cell.cell.arm.name == arm.name]
        costs = [_training_cost(cell, store) for cell in cells]
        read, bare = _read(cells[0], store)
        yield WayInfo(
            arm.name, words(graph.study, arm), trainings=max(len(_made(cell, _LEARNS)) for cell in cells),
            trained=_mean(one["trained"] for one in costs), sampled=_mean(one["sampled"] for one in costs),
            seconds=_mean(one["seconds"] for one in costs), read=read, bare=bare,
            answered=_mean(one for cell in cells if (one := _answered(cell, store)) is not None),
            rest_on=sorted({*_rests_on(graph.study, arm)}),
        )  # fmt: skip


def _rests_on(study: Study, arm: ExpandedArm) -> Iterator[str]:
    yield from (part.arm for part in (arm.compose.parts if arm.compose else ()))
    for step in arm.train:
        if (taught := study.data[str(step.args["data"])].distilled) is not None:
            yield taught.arm
        if step.name == "rl" and (judge := _by(step).arm) is not None:
            yield judge


def _mean(values: Iterable[float]) -> float | None:
    there = list(values)
    return fmean(there) if there else None


def _made(cell: WiredCell, kinds: Iterable[str]) -> list[Stage]:
    """Return the stages of some kinds that a cell's model rests on."""
    return [] if cell.artefact is None else [one for one in closure([cell.artefact]) if one.kind in kinds]


def _training_cost(cell: WiredCell, store: Store) -> dict[str, float]:
    """Return the tokens trained and sampled, and the seconds, of all that a cell's model rests on."""
    trained = [record for one in _made(cell, _LEARNS) if (record := store.record(one)) is not None]
    sampled = [record for one in _made(cell, ("generate", "answers")) if (record := store.record(one)) is not None]
    costs = [cost_of(record) for record in [*trained, *sampled]]
    return {
        "trained": sum(cost_of(record).get("tokens", 0.0) for record in trained),
        "sampled": sum(cost_of(record).get("tokens", 0.0) for record in sampled),
        "seconds": sum(cost.get("wall_s", 0.0) for cost in costs),
    }


def _free(cell: WiredCell) -> Iterator[Stage]:
    """Yield the stages in which a cell's model answers freely."""
    for suite in cell.suites:
        told = suite.told.inputs.get("generations", suite.told)
        if told.kind == "generate":
            yield told


def _answered(cell: WiredCell, store: Store) -> float | None:
    """Return the seconds that a cell takes for 1,000 answers, over all suites of free answers; None if none ran."""
    records = [record for told in _free(cell) if (record := store.record(told)) is not None]
    answers = sum(record["facts"].get("generations", 0) for record in records)
    seconds = sum(cost_of(record).get("wall_s", 0.0) for record in records)
    return 1000 * seconds / answers if answers else None


def _read(cell: WiredCell, store: Store) -> tuple[float | None, float | None]:
    """Return the mean characters that a cell's model reads for a question, and those of the question alone."""
    read, bare = [], []
    for told in _free(cell):
        asked = told.inputs["prompts"]
        before = _bare(asked)
        if None not in (store.record(asked), store.record(before)):
            read.append(_characters(store, asked))
            bare.append(_characters(store, before))
    return _mean(read), _mean(bare)


def _bare(asked: Stage) -> Stage:
    """Return the prompts before any prompt-time method: what is wrapped was itself a stage of prompts."""
    wrapped = asked.inputs["rows"]
    return wrapped.inputs["rows"] if wrapped.kind == "wrapped" else asked


def _characters(store: Store, asked: Stage) -> float:
    listed = next(tables.batches(store.folder(asked) / "rows.parquet", ["prompt"], size=_ROWS), None)
    rows = listed.to_pylist() if listed is not None else []
    return _mean(sum(len(turn["content"]) for turn in row["prompt"]) for row in rows) or 0.0


# Guards, rewards, and what is not as it seems


def _guards(graph: Graph, store: Store) -> Iterator[GuardInfo]:
    """Yield what each guard of each arm did in each suite, over its seeds."""
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    said: dict[tuple[str, str], list[str]] = {}
    for cell in graph.cells:
        for suite in cell.suites:
            record = store.record(suite.told) if suite.told.kind == "guarded" else None
            if record is None:
                continue
            place = (cell.cell.arm.name, suite.name)
            said.setdefault(place, []).extend(record["facts"].get("warnings", ()))
            for guard, counts in record["facts"].get("guards", {}).items():
                found.setdefault((*place, guard), []).append(counts)
    for (arm, name, guard), runs in found.items():
        seen, blocked, unscored = (sum(one.get(what, 0) for one in runs) for what in ("seen", "blocked", "unscored"))
        warnings = list(dict.fromkeys(said.pop((arm, name), ())))
        yield GuardInfo(arm, name, guard, seen, blocked, unscored, warnings)


def _rewarded(graph: Graph, store: Store, trained: Sequence[TrainingInfo]) -> Iterator[RewardedInfo]:
    for arm in expand(graph.study):
        steps = [step for step in arm.train if step.name == "rl"]
        runs = [one for one in trained if one.arm == arm.name and one.trainer == "rl" and one.curves.get("reward")]
        if steps and runs:
            ends = [_ends([value for _, value in one.curves["reward"]]) for one in runs]
            kl = [_ends([value for _, value in one.curves["kl"]])[1] for one in runs if one.curves.get("kl")]
            yield RewardedInfo(
                arm.name, _rewarder(steps[-1]), fmean(one[0] for one in ends), fmean(one[1] for one in ends),
                _mean(kl), _unscored(graph, store, arm), list(_measured(graph, steps)),
            )  # fmt: skip


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the means of the first and last tenth of some values."""
    few = max(1, len(values) // 10)
    return fmean(values[:few]), fmean(values[-few:])


def _rewarder(step: Step) -> str:
    by = _by(step)
    if by.metric is None:
        return f"reward model {by.arm}"
    return " ".join(filter(None, [f"{by.weight:g} x" if by.weight != 1 else "", by.metric.name, by.metric.described]))


def _unscored(graph: Graph, store: Store, arm: ExpandedArm) -> int:
    mine = (stage for cell in graph.cells if cell.cell.arm.name == arm.name for stage in cell.trained)
    records = (store.record(stage) for stage in mine if stage.kind == "rl")
    return sum(int(record["facts"].get("reward_unscored", 0)) for record in records if record is not None)


def _measured(graph: Graph, steps: Sequence[Step]) -> Iterator[str]:
    """Yield the suites' metrics that are a metric by which answers were rewarded."""
    rewards = [by.metric for step in steps if (by := _by(step)).metric is not None]
    for suite in graph.suites:
        for name, stage in suite.scores.items():
            metric = stage.args.get("metric")
            if isinstance(metric, Mapping) and any(
                metric.get("name") == one.name and metric.get("args", {}) == one.args for one in rewards
            ):
                yield f"{suite.name}/{name}"


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
