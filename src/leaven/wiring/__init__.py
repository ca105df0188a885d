"""Study -> stages. Reads like a methods section.

    source --rows--> canonical rows (--mix--> one set of several)
    source --corpus--> sentences --labels--> what a scorer makes of each
    rows --fit--> rows that fit --treat--> treated rows --doctor, pairs or blocks--> ids (and masks)
    base --doctor_base--> what its files say of how it ends an answer (no training rests on it)
    base (or the artefact of the step before) + ids --train--> artefact --prove--> proof (in a fresh process)
    artefact + prompts --generate--> generations --score--> scores
    artefact + control tokens --control--> generations under each --misalignment--> scores
    artefact + rows --likelihood or verdicts--> how expected, or how good, they are --score--> scores
    artefact + prompts --answers--> several to each --ranks--> how a judge ranks them --built--> rows to train on

What two arms share has one key, and so runs once. Identities (a file's hash, a model's commit) are found here and go
into arguments; places (paths) go into ``Needs`` and cannot reach a key. ``sourcing`` has the data and the models,
``training`` the trainings, ``asking`` the suites, ``factory`` the data that the study makes of its own answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from leaven.engine.stage import Stage
from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.harness import HarnessSuite
from leaven.graph import Graph, Identities, WiredCell
from leaven.registry import SUITES
from leaven.study.matrix import Cell, asks, cells
from leaven.study.own import suites_own
from leaven.study.spec import Study
from leaven.wiring.asking import Asked, wired
from leaven.wiring.composing import composition
from leaven.wiring.factory import Factory
from leaven.wiring.sourcing import Sourcing
from leaven.wiring.training import speaks, training, where

__all__ = ["wire"]


def wire(study: Study, known: Identities | None = None, *, ask: bool = True) -> Graph:
    """Turn a study into stages; raises StudyError where a source or model cannot be identified.

    ``known`` are identities found earlier: with them an answer can be made again though a source has changed since.
    Without ``ask`` the hub is not asked which commit a revision is: keys of what rests on it are then provisional.
    """
    wiring = _Wiring(Sourcing(study, known or Identities(), ask))
    made = [wiring.cell(cell) for cell in cells(study)]
    wiring.factory.declared()
    suites = [suite for suite, _ in wiring.suites]
    differences = [suite for suite in suites if isinstance(suite, DifferenceSuite)]
    groups = [suite.groups for suite in suites if isinstance(suite, HarnessSuite)]
    averages = {name: list(tasks) for one in groups for name, tasks in one.items()}
    return Graph(study, made, dict(wiring.sourcing.rows), wiring.sourcing.known, differences, averages,
                 dict(wiring.sourcing.labelled), list(wiring.factory.judged.values()),
                 list(wiring.factory.made.values()))  # fmt: skip


@dataclass
class _Wiring:
    """A study being wired."""

    sourcing: Sourcing

    def __post_init__(self) -> None:
        steps = self.sourcing.study.evaluate
        self.suites = [(SUITES.get(step.name).call(args=suites_own(step)), step) for step in steps]
        self.factory = Factory(self.sourcing, self._of)
        self.known = {(one.arm.name, one.seed): one for one in cells(self.sourcing.study)}
        self.made: dict[tuple[str, int | None], WiredCell] = {}

    def _of(self, arm: str, seed: int) -> WiredCell:
        """The cell of an arm and a seed, trained; of an untrained arm the one that it has."""
        return self.trained(self.known.get((arm, seed)) or self.known[arm, None])

    def trained(self, cell: Cell) -> WiredCell:
        """The trainings of one run, wired once; those of arms that make its data come before."""
        name = (cell.arm.name, cell.seed)
        if name not in self.made:
            self.made[name] = made = self._begun(cell)
            for index, step in enumerate(cell.arm.train):
                training(self.sourcing, made, self.sourcing.grown(cell.arm), index, self.factory.given(step, cell))
        return self.made[name]

    def _begun(self, cell: Cell) -> WiredCell:
        """A run before its trainings: with the composition that it begins with, if it has one."""
        if cell.arm.compose is None:
            return WiredCell(cell, {}, [])
        composed = composition(self.sourcing, cell, self.sourcing.grown(cell.arm), self._of)
        return WiredCell(cell, {"compose": composed}, [], composed=composed)

    def cell(self, cell: Cell) -> WiredCell:
        """One run: train unless the arm is untrained, then measure."""
        made, base = self.trained(cell), self.sourcing.grown(cell.arm)
        asked = Asked(where(cell), cell.arm, cell.effective, base, *speaks(self.sourcing, made, base))
        for suite, step in self.suites:
            if not isinstance(suite, DifferenceSuite) and asks(step, cell.arm):
                for one in wired(self.sourcing, asked, suite, step.args.get("control")):
                    made.suites.append(one)
                    made.stages.update({f"{told.kind}.{one.name}": told for told in _told(one.told)})
                    made.stages.update({f"score.{one.name}.{name}": scored for name, scored in one.scores.items()})
        return made


def _told(told: Stage) -> list[Stage]:
    """What a suite's model told, and before it what it told before its guards looked at it."""
    return [told.inputs["generations"], told] if told.kind == "guarded" else [told]
