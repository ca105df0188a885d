"""A cell's trainings -> stages: rows that fit, treated, examined and encoded, trained on; and the proof at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leaven import needs
from leaven.engine.stage import Stage
from leaven.graph import WiredCell
from leaven.models import ref
from leaven.registry import TRAINERS, TREATMENTS, Step
from leaven.study.launch import around as launched
from leaven.study.matrix import Cell, treated_steps
from leaven.study.own import trainings_own
from leaven.wiring.examined import examine
from leaven.wiring.rewarding import rewarded
from leaven.wiring.sourcing import Sourcing, cut_prompts, stage

_ENCODES = {
    "examples": "doctor", "preferences": "pairs", "texts": "blocks", "distillations": "distillations",
    "asked": "asked_ids",
}  # fmt: skip


def where(cell: Cell) -> str:
    """Return what people call a cell: its arm, and its seed if it was trained."""
    return cell.arm.name if cell.seed is None else f"{cell.arm.name}/{cell.seed}"


@dataclass(frozen=True)
class Given:
    """What a training step is given by other arms: ``rows`` that the study makes itself, and whom it learns from.

    ``teacher`` is the artefact whose distributions a student learns (or the snapshot of it that ``taught_at`` names),
    ``plain`` says that it is asked without a chat template; ``reward`` is a reward model's artefact with its proof.
    """

    rows: Stage | None = None
    teacher: Stage | None = None
    taught_at: float | None = None
    plain: bool = False
    reward: Mapping[str, Stage] = field(default_factory=dict)


NOTHING = Given()


def training(sourcing: Sourcing, made: WiredCell, base: ref.Base, index: int, given: Given = NOTHING) -> None:
    """One training step: rows that fit, treated, examined, trained on; a later step goes on from the one before."""
    cell, step = made.cell, made.cell.arm.train[index]
    trainer = TRAINERS.get(step.name)
    declared = trainings_own(step)
    settings = trainer.declare(declared).model_dump()
    named, together = _named(index), f"train {where(cell)}"
    at = f"{where(cell)} step {index}" if index else where(cell)
    reads = trainer.traits.get("reads", "examples")
    rows = source = given.rows or sourcing.source(step.args["data"])
    if reads != "asked":  # a prompt whose answer is sampled has room for it, or is left out where it is encoded
        rows = made.stages[named("fit")] = sourcing.fit(step.args["data"], base, settings, reads, rows=rows)
    if (treated := _treated(sourcing, cell, index)).steps:
        inputs = {"rows": rows, **treated.labels}
        rows = stage("treat", {"steps": treated.steps}, inputs, together=together, where=at)
        made.stages[named("treat")] = rows
        made.treated.append(rows)
    weightless = replace(base, from_config=False)  # ids are the tokenizer's, whatever the weights begin with
    examined = {"model": weightless.as_args(), **_applied(reads, settings, trainer.traits.get("makes"))}
    verb, read = _ENCODES[reads], {"rows": rows}
    if reads == "distillations":
        examined, read = {**examined, "teacher_template": not given.plain}, {**read, "teacher": source}
    encoded = stage(verb, examined, read, needs.reading(base), together=together, where=at)
    made.stages[named(verb)] = encoded
    if index == 0:
        examine(made, base)
    args = {"model": base.as_args(), "trainer": trainer.canonical(declared), "seed": cell.effective}
    before = {"before": made.artefact} if made.artefact is not None else {}
    before |= {"teacher": given.teacher} if given.teacher is not None else {}
    args |= {"teacher_snapshot": given.taught_at} if given.teacher is not None and given.taught_at is not None else {}
    around = {"run_name": f"{sourcing.study.name} {at}", **trainer.circumstance(declared)}
    if (launch := sourcing.study.launch) is not None:
        around["launch"] = launched(launch, Path())  # paths in a study start where the command is run
    takes = needs.training(base, sourcing.shape(base), settings, around)
    if "reward" in step.args:
        by = rewarded(sourcing, step, given.reward, takes)
        args["reward"], before, takes = by.args, {**before, **by.inputs}, by.takes
        together = by.together or together
    held = _held_out(sourcing, cell, base, step, examined, settings)
    trained = stage(
        "train", args, {"encoded": encoded, **before, **held}, takes, kind=step.name, together=together, where=at
    )  # fmt: skip
    made.stages[named(step.name)] = trained
    made.trained.append(trained)


def _held_out(
    sourcing: Sourcing, cell: Cell, base: ref.Base, step: Step, examined: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Stage]:
    """The rows whose loss is logged by epoch, encoded as those that are trained on (no treatment); none of most."""
    if (data := step.args.get("eval_data")) is None:
        return {}
    reads = TRAINERS.get(step.name).traits.get("reads", "examples")
    rows = sourcing.fit(data, base, settings, reads)
    at = f"{where(cell)} {data}"
    return {"eval": stage(_ENCODES[reads], examined, {"rows": rows}, needs.reading(base), together="data", where=at)}


def proof(sourcing: Sourcing, made: WiredCell, base: ref.Base) -> Stage:
    """The last artefact, or the snapshot of it that is measured, loaded in a fresh process and made to answer."""
    assert made.artefact is not None, "an untrained arm is proven by its base"
    seen, at = {"model": made.artefact, "encoded": made.artefact.inputs["encoded"]}, where(made.cell)
    takes = needs.answering(base, sourcing.shape(base))
    made.stages["prove"] = stage("prove", snapshot(made.cell), seen, takes, together=f"answer {at}", where=at)
    return made.stages["prove"]


def proven(sourcing: Sourcing, made: WiredCell, base: ref.Base) -> dict[str, Stage]:
    """Return what answers for a cell: its artefact, once it is proven."""
    assert made.artefact is not None, "what answers untrained needs no proof"
    return {"model": made.artefact, "proof": proof(sourcing, made, base)}


def speaks(sourcing: Sourcing, made: WiredCell, base: ref.Base) -> tuple[dict[str, Stage], dict[str, Any]]:
    """Return who answers for a cell, as a stage's inputs and arguments: its proven artefact, else the base itself."""
    if made.artefact is None:
        return {}, {"model": base.as_args()}
    return proven(sourcing, made, base), snapshot(made.cell)


def snapshot(cell: Cell) -> dict[str, Any]:
    """Return which snapshot of a cell's last training answers, for a stage's arguments; nothing for its end."""
    return {} if cell.arm.snapshot is None else {"snapshot": cell.arm.snapshot}


@dataclass
class _Treated:
    """What is done to the rows of one training step, and the labels that this goes by."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, Stage] = field(default_factory=dict)


def _treated(sourcing: Sourcing, cell: Cell, at: int) -> _Treated:
    """The treatments of one training step's data with their seeds; one whose arguments make it a no-op is left out.

    A draw depends on the label, so that is by the place in the declared list: dose 0 of one step moves no other,
    and what is treated again before a later training is drawn anew.
    """
    made = _Treated()
    for index, step in enumerate(cell.arm.treat):
        if at not in treated_steps(step, cell.arm):
            continue
        plugin = TREATMENTS.get(step.name)
        args = {name: value for name, value in step.args.items() if name != "at"}
        before = sum(other.name == step.name for other in cell.arm.treat[:index])
        if not plugin.is_identity(args):
            canonical = plugin.canonical(args)
            pinned = canonical["args"].pop("seed", None)
            called = f"{step.name}{f'#{before}' if before else ''}{f'@{at}' if at else ''}"
            label = {"label": called} if called != step.name else {}
            by = args["attributes"] if plugin.traits.get("labelled") else []
            shown = {"attributes": [sourcing.attributes[name].as_args() for name in by]} if by else {}
            drawn = not plugin.traits.get("seedless")  # what draws nothing is made once for all seeds
            seed = (cell.effective if pinned is None else pinned) if drawn else 0
            made.steps.append({**canonical, **label, "seed": seed, **shown})
            made.labels |= {f"labels.{name}": sourcing.labels(cell.arm.train[at].args["data"], name) for name in by}
    return made


def _named(index: int) -> Callable[[str], str]:
    """Return how the stages of a training step are called: those of the first as they are, later ones numbered."""
    return lambda name: f"{name}.{index}" if index else name


def _applied(reads: str, settings: Mapping[str, Any], makes: str | None) -> dict[str, Any]:
    """Return what a trainer declares and is applied when its rows are encoded: loss, limits, what the study accepts.

    A reward model reads a text's last token that is no padding, so the doctor must know that one is made.
    """
    if reads == "texts":
        return {name: settings[name] for name in ("max_length", "packing")}
    if reads == "asked":
        return {"max_new_tokens": settings["max_completion_length"]}
    if reads == "distillations":
        return {"max_length": settings["max_length"], **_accepted(settings)}
    if reads == "preferences":
        return {**cut_prompts(settings), **({"makes": "reward"} if makes == "reward" else {}), **_accepted(settings)}
    loss = {name: settings[name] for name in ("completion_only_loss", "assistant_only_loss")}
    cut = {"truncation": True, "max_length": settings["max_length"]} if settings.get("truncation") else {}
    return {**loss, **cut, **_accepted(settings)}


def _accepted(settings: Mapping[str, Any]) -> dict[str, Any]:
    accepted = settings.get("accept_findings") or []
    return {"accept_findings": sorted(accepted)} if accepted else {}
