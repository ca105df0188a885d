"""Study -> stages. Reads like a methods section.

    source --rows--> canonical rows (--mix--> one set of several)
    rows --fit--> rows that fit --treat--> treated rows --doctor or pairs--> ids (and masks)
    base (or the artefact of the step before) + ids --train--> artefact --prove--> proof (in a fresh process)
    artefact + prompts --generate--> generations --score--> scores
    artefact + rows --likelihood or verdicts--> how expected, or how good, they are --score--> scores

What two arms share has one key, and so runs once. Identities (a file's hash, a model's commit) are found here and go
into arguments; places (paths) go into ``Needs`` and cannot reach a key. ``sourcing`` has the data and the models,
``asking`` the suites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from leaven import needs
from leaven.engine.stage import Stage
from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.harness import HarnessSuite
from leaven.graph import Graph, Identities, WiredCell
from leaven.models import ref
from leaven.registry import SUITES, TRAINERS, TREATMENTS
from leaven.study.matrix import Cell, cells, treated_steps
from leaven.study.spec import Study
from leaven.wiring.asking import Asked, wired
from leaven.wiring.sourcing import Sourcing, stage

__all__ = ["wire"]


def wire(study: Study, known: Identities | None = None, *, ask: bool = True) -> Graph:
    """Turn a study into stages; raises StudyError where a source or model cannot be identified.

    ``known`` are identities found earlier: with them an answer can be made again though a source has changed since.
    Without ``ask`` the hub is not asked which commit a revision is: keys of what rests on it are then provisional.
    """
    wiring = _Wiring(Sourcing(study, known or Identities(), ask))
    made = [wiring.cell(cell) for cell in cells(study)]
    differences = [suite for suite, _ in wiring.suites if isinstance(suite, DifferenceSuite)]
    groups = [suite.groups for suite, _ in wiring.suites if isinstance(suite, HarnessSuite)]
    averages = {name: list(tasks) for one in groups for name, tasks in one.items()}
    return Graph(study, made, dict(wiring.sourcing.rows), wiring.sourcing.known, differences, averages)


@dataclass
class _Wiring:
    """A study being wired."""

    sourcing: Sourcing

    def __post_init__(self) -> None:
        steps = self.sourcing.study.evaluate
        self.suites = [(SUITES.get(step.name).call(args=_own(step.args)), step.args.get("arms")) for step in steps]

    def cell(self, cell: Cell) -> WiredCell:
        """One run: train unless the arm is untrained, then measure."""
        base = self.sourcing.base(cell.arm)
        made = WiredCell(cell, {}, [])
        for index in range(len(cell.arm.train)):
            self.training(made, base, index)
        speaker: dict[str, Stage] = {}
        if made.trained:
            speaker = {"model": made.trained[-1], "proof": self.proof(made, base)}
        asked = Asked(_where(cell), cell.effective, base, speaker)
        for suite, arms in self.suites:
            if not isinstance(suite, DifferenceSuite) and (
                arms is None or not {cell.arm.name, cell.arm.stem}.isdisjoint(arms)
            ):
                self.measuring(made, asked, suite)
        return made

    def measuring(self, made: WiredCell, asked: Asked, suite: Any) -> None:
        """What one suite asks of a cell."""
        for one in wired(self.sourcing, asked, suite):
            made.suites.append(one)
            made.stages[f"{one.told.kind}.{one.name}"] = one.told
            made.stages.update({f"score.{one.name}.{name}": scored for name, scored in one.scores.items()})

    def training(self, made: WiredCell, base: ref.Base, index: int) -> None:
        """One training step: rows that fit, treated, examined, trained on; a later step goes on from the one before."""
        cell, step = made.cell, made.cell.arm.train[index]
        trainer = TRAINERS.get(step.name)
        declared = {name: value for name, value in step.args.items() if name != "data"}
        settings = trainer.declare(declared).model_dump()
        named, together = _named(index), f"train {_where(cell)}"
        where = f"{_where(cell)} step {index}" if index else _where(cell)
        pairs = trainer.traits.get("reads") == "preferences"
        rows = made.stages[named("fit")] = self.sourcing.fit(step.args["data"], base, settings, pairs=pairs)
        if steps := self.treatments(cell, index):
            rows = stage("treat", {"steps": steps}, {"rows": rows}, together=together, where=where)
            made.stages[named("treat")] = rows
            made.treated.append(rows)
        verb, applied = (
            ("pairs", _of_pairs(settings, trainer.traits.get("makes")))
            if pairs
            else ("doctor", _applied_when_encoded(settings))
        )
        examined = {"model": base.as_args(), **applied}
        encoded = stage(verb, examined, {"rows": rows}, needs.reading(base), together=together, where=where)
        made.stages[named(verb)] = encoded
        args = {"model": base.as_args(), "trainer": trainer.canonical(declared), "seed": cell.effective}
        inputs = {"encoded": encoded, **({"before": made.trained[-1]} if made.trained else {})}
        around = {"run_name": f"{self.sourcing.study.name} {where}", **trainer.circumstance(declared)}
        takes = needs.training(base, self.sourcing.shape(base), settings, around)
        trained = stage("train", args, inputs, takes, kind=step.name, together=together, where=where)
        made.stages[named(step.name)] = trained
        made.trained.append(trained)

    def proof(self, made: WiredCell, base: ref.Base) -> Stage:
        """The last artefact, loaded in a fresh process and made to answer."""
        seen, where = {"model": made.trained[-1], "encoded": made.trained[-1].inputs["encoded"]}, _where(made.cell)
        takes = needs.answering(base, self.sourcing.shape(base))
        proof = made.stages["prove"] = stage("prove", {}, seen, takes, together=f"answer {where}", where=where)
        return proof

    def treatments(self, cell: Cell, at: int) -> list[dict[str, Any]]:
        """The treatments of one training step's data with their seeds; one whose arguments make it a no-op is left out.

        A draw depends on the label, so that is by the place in the declared list: dose 0 of one step moves no other,
        and what is treated again before a later training is drawn anew.
        """
        made = []
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
                made.append({**canonical, **label, "seed": cell.effective if pinned is None else pinned})
        return made


def _own(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suite's own arguments: which arms it asks is none of its business."""
    return {name: value for name, value in args.items() if name != "arms"}


def _named(index: int) -> Callable[[str], str]:
    """Return how the stages of a training step are called: those of the first as they are, later ones numbered."""
    return lambda name: f"{name}.{index}" if index else name


def _applied_when_encoded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trainer declares and the doctor applies: the loss's switches, and what the study accepts."""
    loss = {name: settings[name] for name in ("completion_only_loss", "assistant_only_loss")}
    cut = {"truncation": True, "max_length": settings["max_length"]} if settings.get("truncation") else {}
    return {**loss, **cut, **_accepted(settings)}


def _of_pairs(settings: Mapping[str, Any], makes: str | None) -> dict[str, Any]:
    """Return what a trainer of preferences declares and is applied when its pairs are encoded.

    A reward model reads a text's last token that is no padding, so the doctor must know that one is made.
    """
    limit, rating = settings.get("max_prompt_length"), {"makes": "reward"} if makes == "reward" else {}
    return {**({"max_prompt_length": limit} if limit is not None else {}), **rating, **_accepted(settings)}


def _accepted(settings: Mapping[str, Any]) -> dict[str, Any]:
    accepted = settings.get("accept_findings") or []
    return {"accept_findings": sorted(accepted)} if accepted else {}


def _where(cell: Cell) -> str:
    return cell.arm.name if cell.seed is None else f"{cell.arm.name}/{cell.seed}"
