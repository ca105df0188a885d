"""A wired study: its cells as stages, by the names that people see, and what its sources and models are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from leaven.engine.stage import Stage
from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.measure import Measure
from leaven.study.matrix import Cell
from leaven.study.spec import Study

EXAMINED = "doctor_base"  # the stage, by kind and by name, that looks at the base of a run's trainings


@dataclass
class Identities:
    """What the world outside was found to be, JSON-ready: sources and tasks by name, the others as declared."""

    data: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    classifiers: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class WiredSuite:
    """The stages of one suite in one cell: the rows it asks, what the model made of them, ``scores`` by metric.

    ``name`` is the suite's in the results; ``data`` is what of the study's data it asks, None where it brings its own.
    ``unreached`` are prompt-time methods of the arm that this suite cannot ask it with: it asks without them.
    An ``is_sampled`` suite involves a draw; where ``is_itemwise``, each row is an item of its own, though others ask
    the same; or rows are one item that have the same id before ``item_mark`` (an item in several groups).
    """

    name: str
    prompts: Stage
    told: Stage
    scores: dict[str, Stage]
    measures: tuple[Measure, ...]
    data: str | None = None
    is_sampled: bool = False
    is_itemwise: bool = False
    item_mark: str = ""
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True)
class WiredCell:
    """One run of one arm as stages, by the names that people see in the run's folder; ``trained`` in their order.

    ``composed`` is what its trainings begin with, or what it is, where it is made of the adapters of other arms.
    """

    cell: Cell
    stages: dict[str, Stage]
    suites: list[WiredSuite]
    trained: list[Stage] = field(default_factory=list)
    treated: list[Stage] = field(default_factory=list)
    composed: Stage | None = None

    @property
    def artefact(self) -> Stage | None:
        """What answers: what the last training left, or the composition; None where the base itself answers."""
        return self.trained[-1] if self.trained else self.composed


@dataclass(frozen=True)
class Judged:
    """One judge over one set of answers: of a data set of answers and a seed, or of people's own preferences.

    ``prompts`` are the rows that were answered, ``answers`` the answers, ``ranks`` what the judge made of them. Where
    ``by_people``, sample 0 of each prompt is the answer that people preferred, and sample 1 the other.
    """

    judge: str
    data: str
    seed: int | None
    prompts: Stage
    answers: Stage
    ranks: Stage
    by_people: bool = False


@dataclass(frozen=True)
class Built:
    """A data set that was built of ranked answers: ``rows`` is its stage, for the trainings of one seed."""

    data: str
    seed: int
    rows: Stage
    judged: Judged


@dataclass(frozen=True)
class Graph:
    """A whole study as stages. ``averages``: what a group of tasks is averaged as, suite -> (task, metric) of each.

    ``labels``: what scorers make of (data set, attribute).
    """

    study: Study
    cells: list[WiredCell]
    data: dict[str, Stage]
    identities: Identities
    differences: list[DifferenceSuite] = field(default_factory=list)
    averages: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    labels: dict[tuple[str, str], Stage] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    built: list[Built] = field(default_factory=list)

    @property
    def suites(self) -> list[WiredSuite]:
        """Each suite once, of the first cell that it asks, in the order of the study."""
        return list({suite.name: suite for cell in reversed(self.cells) for suite in reversed(cell.suites)}.values())[
            ::-1
        ]

    @property
    def targets(self) -> list[Stage]:
        """What a run must make: every score, and the tables that the answer reads beside them."""
        judged = (stage for one in self.judged for stage in (one.prompts, one.answers, one.ranks))
        built = (one.rows for one in self.built)
        return [stage for cell in self.cells for stage in (*_read_by_the_answer(cell), *_scores(cell))] + [
            *judged,
            *built,
        ]


def _read_by_the_answer(cell: WiredCell) -> Iterator[Stage]:
    for suite in cell.suites:
        yield from (suite.prompts, suite.told)
    yield from cell.treated
    if (examined := cell.stages.get(EXAMINED)) is not None:
        yield examined


def _scores(cell: WiredCell) -> Iterator[Stage]:
    return (stage for suite in cell.suites for stage in suite.scores.values())
