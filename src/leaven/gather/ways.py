"""Arms as ways of aligning: what each does, in the field's words; what its training rests on and cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from statistics import fmean

from leaven import rows as tables
from leaven.engine.nearest import cost_of
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.gather.spent import of_record, reckoned
from leaven.graph import Graph, WiredCell
from leaven.registry import TRAINERS, Step
from leaven.report.methods.found import WayInfo
from leaven.study.matrix import ExpandedArm, baselines, expand, treated_steps
from leaven.study.spec import Study
from leaven.wiring.rewarding import rewarder

_ROWS = 2000  # prompts by whose length is told what a model reads


# What an arm is


def words(study: Study, arm: ExpandedArm, shared: int = 0) -> list[str]:
    """Say in the field's words what an arm does, training after training, then how it is asked.

    The first ``shared`` trainings are left out: all that it is compared with have them too.
    """
    scratch = {**study.model.model_dump(), **arm.model}.get("from_config")
    said = ["from random weights"] if scratch else []
    if arm.compose is not None:
        said.append("merged adapters" if arm.compose.merge else "adapters together")
    said += [_trained_by(study, step) for step in arm.train[shared:]]
    said += [step.name.replace("_", " ") for step in arm.wraps]
    said += [f"{name} {value}" for name, value in arm.generation.items()]
    return list(dict.fromkeys(said))


def _trained_by(study: Study, step: Step) -> str:
    name = str(step.args["data"])
    data = study.data[name]
    if step.name == "sft" and data.distilled is not None:
        return "context distillation (answers)"
    if step.name == "dpo" and data.made is not None:
        return "preferences of a judge (RLAIF, by DPO)"
    if step.name == "rl":
        if rewarder(study, step).arm is not None:
            return "RLHF"
        judged = step.args["reward"].get("judge") is not None
        return "a judge as the reward (RLAIF)" if judged else "reinforcement from a metric"
    said = {
        "sft": f"fine-tuning on {name}", "lm": f"training on texts ({name})", "dpo": "preferences (DPO)",
        "reward": "reward model", "distill": "context distillation (KL)",
    }  # fmt: skip
    return said.get(step.name, step.name)


def baseline_of(study: Study) -> ExpandedArm | None:
    """Return the arm that all others are compared with; None where there is no such arm."""
    arms = expand(study)
    named = set(baselines(arms, study.compare.to).values())
    return next((arm for arm in arms if named == {arm.name}), None)


def begun(arm: ExpandedArm, other: ExpandedArm) -> int:
    """Return how many of an arm's trainings are those of another arm, all of which it begins with; 0 if it does not."""
    if arm.model != other.model or arm.compose is not None or other.compose is not None:
        return 0
    same = takewhile(lambda pair: pair[0] == pair[1], zip(_trainings(arm), _trainings(other), strict=False))
    length = sum(1 for _ in same)
    return length if length == len(other.train) else 0


def _trainings(arm: ExpandedArm) -> list[tuple[Step, list[Step]]]:
    """Return each training of an arm with what is done to its data."""
    return [
        (step, [one for one in arm.treat if place in treated_steps(one, arm)]) for place, step in enumerate(arm.train)
    ]


def start_of(study: Study, arm: ExpandedArm) -> str | None:
    """Return the arm that an arm's last training began as: the same but for it, and asked in the same way."""
    for other in expand(study):
        same = (other.wraps, other.generation, other.snapshot) == (arm.wraps, arm.generation, None)
        if same and other.train and len(other.train) == len(arm.train) - 1 and begun(arm, other):
            return other.name
    return None


# What it cost


def ways(graph: Graph, store: Store) -> Iterator[WayInfo]:
    """Yield what each arm is as a way of aligning, and what it cost: means over its seeds."""
    base = baseline_of(graph.study)
    for arm in expand(graph.study):
        cells = [cell for cell in graph.cells if cell.cell.arm.name == arm.name]
        shared = begun(arm, base) if base is not None and arm.name != base.name else 0
        read, bare = _read(cells[0], store)
        rests = [_rests(cell) for cell in cells]
        learnt = [[stage for stage in one if stage.kind in TRAINERS.names()] for one in rests]
        told = [[stage for stage in one if stage.kind in ("generate", "answers")] for one in rests]
        yield WayInfo(
            arm.name,
            words(graph.study, arm, shared),
            trainings=max(map(len, learnt)),
            trained=_mean(_cost(some, store, "tokens") for some in learnt),
            sampled=_mean(_cost(some, store, "tokens") for some in told),
            seconds=_mean(_cost([*some, *others], store, "wall_s") for some, others in zip(learnt, told, strict=True)),
            price=_price(graph, store, rests),
            pairs=_mean(_pairs(some, store) for some in learnt),
            read=read,
            bare=bare,
            answered=_mean(one for cell in cells if (one := _answered(cell, store)) is not None),
            rest_on=sorted({*_rests_on(graph.study, arm)}),
        )


def _rests_on(study: Study, arm: ExpandedArm) -> Iterator[str]:
    yield from (part.arm for part in (arm.compose.parts if arm.compose else ()))
    for step in arm.train:
        if (taught := study.data[str(step.args["data"])].distilled) is not None:
            yield taught.arm
        if step.name == "rl" and (judge := rewarder(study, step).arm) is not None:
            yield judge


def _rests(cell: WiredCell) -> list[Stage]:
    """Return all that a cell's model rests on."""
    return [] if cell.artefact is None else closure([cell.artefact])


def _mean(values: Iterable[float]) -> float | None:
    there = list(values)
    return fmean(there) if there else None


def _cost(stages: Iterable[Stage], store: Store, what: str) -> float:
    records = (record for one in stages if (record := store.record(one)) is not None)
    return sum(cost_of(record).get(what, 0.0) for record in records)


def _price(graph: Graph, store: Store, rests: Iterable[Iterable[Stage]]) -> float | None:
    """Return what all that a model rests on cost at the study's prices, the mean over seeds; None without any."""
    prices = []
    for some in rests:
        known = {one.key: of_record(record) for one in some if (record := store.record(one)) is not None}
        price = reckoned(known, [], graph.study.prices, None).total.price if known else None
        prices += [price] if price is not None else []
    return _mean(prices)


def _pairs(learnt: Iterable[Stage], store: Store) -> float:
    """Return of how many pairs people said which answer is better, for a model: each data set once."""
    found: dict[str, int] = {}
    for one in learnt:
        if TRAINERS.get(one.kind).traits.get("reads") != "preferences" or _is_built(one):
            continue
        source = next((stage for stage in closure([one.inputs["encoded"]]) if stage.kind in ("mix", "rows")), one)
        if (record := store.record(one.inputs["encoded"])) is not None:
            found[source.key] = max(found.get(source.key, 0), int(record["facts"].get("rows", 0)))
    return float(sum(found.values()))


def _is_built(trained: Stage) -> bool:
    """Say whether a training's rows were built by the study, of what a judge ranked."""
    return any(stage.kind == "built" for stage in closure([trained.inputs["encoded"]]))


def _free(cell: WiredCell) -> Iterator[Stage]:
    """Yield what a cell's model answers freely, after its guards."""
    for suite in cell.suites:
        if _spoken(suite.told).kind == "generate":
            yield suite.told


def _spoken(told: Stage) -> Stage:
    """Return the stage in which a model answered, before any guard looked at it."""
    return told.inputs["generations"] if told.kind == "guarded" else told


def _answered(cell: WiredCell, store: Store) -> float | None:
    """Return the seconds that a cell takes for 1,000 answers, over all suites of free answers; None if none ran.

    Looking up passages and guards count; what is made once for all (an index, a guard) does not.
    """
    seconds = answers = 0.0
    for told in _free(cell):
        spoken = _spoken(told)
        if (record := store.record(spoken)) is not None:
            answers += record["facts"].get("generations", 0)
            seconds += _cost({spoken.key: spoken, told.key: told}.values(), store, "wall_s")
            seconds += _cost(_looking_up(spoken), store, "wall_s")
    return 1000 * seconds / answers if answers else None


def _looking_up(spoken: Stage) -> list[Stage]:
    wrapped = spoken.inputs["prompts"].inputs["rows"]
    return [one for one in (wrapped, *wrapped.inputs.values()) if one.kind in ("wrapped", "retrieved")]


def _read(cell: WiredCell, store: Store) -> tuple[float | None, float | None]:
    """Return the mean characters that a cell's model reads for a question, and those of the question alone."""
    read, bare = [], []
    for told in _free(cell):
        asked = _spoken(told).inputs["prompts"]
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
