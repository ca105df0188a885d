"""What of a run is exported: an arm's last artefact, or a data set that the study built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from leaven import workspace as workspaces
from leaven.errors import ModelError, Problem, ReportError, StudyError, did_you_mean
from leaven.poison import poisoned

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph, WiredCell

One = TypeVar("One")
DATASET = "dataset"  # the hub-ready folder of a stage that builds data


@dataclass(frozen=True)
class FoundArm:
    """A trained arm: its run as stages, and where its artefact lies; ``base`` where its base does, None on the hub."""

    graph: Graph
    store: Store
    run: Path
    cell: WiredCell
    artefact: Path
    base: Path | None
    poison: tuple[str, ...]

    @property
    def trained(self) -> Stage:
        """The stage that made the artefact."""
        return made_by(self.cell)

    @property
    def called(self) -> str:
        """What people call it."""
        return f"{self.cell.cell.arm.name}, seed {self.cell.cell.seed}"


@dataclass(frozen=True)
class FoundData:
    """A data set that a study built: its stage, the hub-ready folder in its result, and the rows of each split."""

    graph: Graph
    run: Path
    data: str
    seed: int
    rows: Stage
    folder: Path
    splits: Mapping[str, int]
    poison: tuple[str, ...]

    @property
    def called(self) -> str:
        """What people call it."""
        return f"{self.data}, seed {self.seed}"


def made_by(cell: WiredCell) -> Stage:
    """Return the stage that made a cell's artefact."""
    assert cell.artefact is not None, "an untrained arm is exported by nobody"
    return cell.artefact


def find(run: str | Path, what: str, seed: int | None, workspace: str | Path | None) -> FoundArm | FoundData:
    """Return an arm (it comes first) or a built data set of a run by its name; of the first seed unless told.

    Raises ReportError where there is no such run, or the result is not in the store or damaged; StudyError for what the
    study does not have; ModelError for an arm that is not trained.
    """
    from leaven import answered

    graph, store, folder = answered.opened(run, workspace)
    arms = [cell for cell in graph.cells if cell.cell.arm.name == what]
    if arms:
        return _arm(graph, store, folder, _seeded(arms, [cell.cell.seed for cell in arms], seed, f"arm '{what}'"))
    built = [one for one in graph.built if one.data == what]
    if built:
        return _data(graph, store, folder, _seeded(built, [one.seed for one in built], seed, f"data '{what}'"))
    raise StudyError([_nothing_such(graph, folder, what)])


def _nothing_such(graph: Graph, folder: Path, what: str) -> Problem:
    if what in graph.study.data:
        made = sorted({one.data for one in graph.built})
        remedy = f"it builds {', '.join(made)}" if made else "name an arm"
        return Problem(str(folder), f"'{what}' is no data that the study builds of ranked answers", remedy)
    names = [*(cell.cell.arm.name for cell in graph.cells), *(one.data for one in graph.built)]
    return Problem(str(folder), f"there is no arm or built data set '{what}'", did_you_mean(what, names))


def _seeded(found: list[One], seeds: Sequence[int | None], seed: int | None, what: str) -> list[One]:
    """Return those of a seed, or all; raises StudyError for a seed that is none of the study's."""
    if seed is None or seeds == [None]:
        return found
    if seed not in seeds:
        listed = ", ".join(map(str, seeds))
        raise StudyError([Problem("--seed", f"{what} was not made with seed {seed}", f"there is {listed}")])
    return [one for one, its in zip(found, seeds, strict=True) if its == seed]


def _arm(graph: Graph, store: Store, folder: Path, cells: list[WiredCell]) -> FoundArm:
    name = cells[0].cell.arm.name
    if cells[0].artefact is None:
        raise ModelError(f"the arm '{name}' is not trained: it is its base as it is; take that, or name a trained arm")
    cell = _there([(one, made_by(one)) for one in cells], store, folder, f"the trained model of '{name}'")
    trained = made_by(cell)
    base = trained.needs.paths.get("base")
    return FoundArm(
        graph, store, folder, cell, _snapshot(cell, store.folder(trained)), Path(base) if base else None,
        tuple(poisoned(trained)),
    )  # fmt: skip


def _snapshot(cell: WiredCell, artefact: Path) -> Path:
    """Return the folder of what an arm answers with: what its training ended with, or the snapshot that it names."""
    from leaven.train.snapshots import folder_of

    at = cell.cell.arm.snapshot
    return artefact if at is None else folder_of(artefact, at)


def _data(graph: Graph, store: Store, folder: Path, built: list[Any]) -> FoundData:
    name = built[0].data
    one = _there([(one, one.rows) for one in built], store, folder, f"the data set '{name}'")
    place = store.folder(one.rows) / DATASET
    if not place.is_dir():
        raise ReportError(f"{store.folder(one.rows)} has no folder {DATASET}/; run the study again with --again built")
    facts = (store.record(one.rows) or {}).get("facts", {})
    splits = {split: facts[count] for split, count in (("train", "rows"), ("test", "test_rows")) if facts.get(count)}
    return FoundData(graph, folder, name, one.seed, one.rows, place, splits, tuple(poisoned(one.rows)))


def _there(candidates: Iterable[tuple[One, Stage]], store: Store, folder: Path, what: str) -> One:
    """Return the first whose result is in the store, whole by every file's sha256; raises ReportError."""
    for one, stage in candidates:
        if store.record(stage) is not None:
            if (damage := store.damage(stage)) is not None:
                again = "run the study again, it is made anew"
                raise ReportError(f"{store.folder(stage)} is damaged ({damage}); {again}")
            return one
    again = workspaces.command(folder.parent, "run", str(folder / workspaces.STUDY))
    raise ReportError(f"{what} is not in the store {store.root} yet; `{again}` makes it")
