"""Who speaks: an arm's model, loaded as its suites load it, with how the arm asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.conversation.methods import Methods, methods_of
from leaven.errors import Problem, ReportError, StudyError, did_you_mean

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph, WiredCell


@dataclass(frozen=True)
class Speaker:
    """An arm's model, loaded, with how the arm asks it.

    ``tokens`` are the control tokens that it was trained with, ``control`` those that the arm puts in front of all that
    it is asked; ``reads_texts`` says that it was trained to go on with texts, without a chat template. ``methods`` are
    the arm's prompt-time methods and guards, ``sampling`` is how it samples by its own ``generation``.
    """

    called: str
    model: Any
    tokenizer: Any
    stop_ids: list[int]
    tokens: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    reads_texts: bool = False
    seed: int = 0
    methods: Methods = field(default_factory=Methods)
    sampling: Mapping[str, Any] = field(default_factory=dict)


def speaker(run: str | Path, arm: str, seed: int | None = None, workspace: str | Path | None = None) -> Speaker:
    """Return whoever answers as an arm of a run: its last artefact, or the base of an arm that is not trained.

    ``seed`` is that of the training, unless told the first that was trained. Raises ReportError where there is no such
    run, or its training, an index or a guard of it is not there; StudyError for an arm or seed that it does not have;
    ModelError where the model cannot answer.
    """
    (found,) = speakers(run, [arm], seed, workspace)
    return found


def speakers(
    run: str | Path, arms: Sequence[str], seed: int | None = None, workspace: str | Path | None = None
) -> list[Speaker]:
    """Return whoever answers as each of some arms of a run; raises as ``speaker`` does, before any is loaded."""
    from leaven import answered

    graph, store, folder = answered.opened(run, workspace)
    again = answered.goes_on(graph.study, folder).command
    cells = [_cell(graph, store, (folder, again), arm, seed) for arm in arms]
    return [_loaded(cell, store, again) for cell in cells]


def _cell(graph: Graph, store: Store, where: tuple[Path, str], arm: str, seed: int | None) -> WiredCell:
    """Return the run of an arm that is asked for, whose training is there."""
    folder, again = where
    cells = [one for one in graph.cells if one.cell.arm.name == arm]
    if not cells:
        names = [one.cell.arm.name for one in graph.cells]
        raise StudyError([Problem(str(folder), f"there is no arm '{arm}'", did_you_mean(arm, names))])
    seeds = [one.cell.seed for one in cells]
    if seed is not None and seeds != [None]:
        if seed not in seeds:
            listed = ", ".join(map(str, seeds))
            raise StudyError([Problem("--seed", f"arm '{arm}' was not trained with seed {seed}", f"there is {listed}")])
        cells = [one for one in cells if one.cell.seed == seed]
    there = [one for one in cells if one.artefact is None or store.record(one.artefact) is not None]
    if not there:
        raise ReportError(f"the trained model of '{arm}' is not in the store {store.root}; {again} makes it")
    return there[0]


def _loaded(cell: WiredCell, store: Store, again: str) -> Speaker:
    """Load a run's model in the way in which its suites do, by what one of them is told."""
    from leaven.stages.speaker import speaker as load

    told = _asked(cell)
    inputs = {name: Path(path) for name, path in told.needs.paths.items() if name == "base"}
    if cell.artefact is not None:
        artefact = store.folder(cell.artefact)
        if (damage := store.damage(cell.artefact)) is not None:
            raise ReportError(f"{artefact} is damaged ({damage}); run the study again, it is made anew")
        inputs["model"] = artefact
    around = {"around": dict(told.needs.around)} if told.needs.around else {}
    model, tokenizer, stops = load({**told.args, **around}, inputs)
    arm, base = cell.cell.arm, (cell.artefact or told).args["model"]
    where = arm.name if cell.cell.seed is None else f"{arm.name}, seed {cell.cell.seed}"
    return Speaker(
        where, model, tokenizer, stops, tuple(base.get("added_tokens", ())), _in_front(cell), _reads_texts(cell),
        cell.cell.effective, methods_of(cell, store, tokenizer, again), dict(arm.generation),
    )  # fmt: skip


def _asked(cell: WiredCell) -> Stage:
    """Return a stage that this run's model answers in: it says which model that is, and how it is loaded."""
    for suite in cell.suites:
        told = suite.told.inputs.get("generations", suite.told)  # before a guard looked at it
        if "model" in (told.inputs if cell.artefact is not None else told.args):
            return told
    raise ReportError(f"no suite of the study asks the arm '{cell.cell.arm.name}', so nothing says how it is loaded")


def _in_front(cell: WiredCell) -> tuple[str, ...]:
    from leaven.models.rewriting import wraps_of

    return tuple(token for one in wraps_of(cell.cell.arm.wraps) for token in one.control)


def _reads_texts(cell: WiredCell) -> bool:
    from leaven.registry import TRAINERS

    steps = cell.cell.arm.train
    return bool(steps) and TRAINERS.get(steps[-1].name).traits.get("reads") == "texts"
