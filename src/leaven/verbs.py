"""The verbs, for the command line and for Python: load, check, plan, lock, run, report, results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import declared, outside
from leaven import workspace as workspaces
from leaven.answered import Results, goes_on, report, results
from leaven.declared import check, described, find, listing, load, recipes, to_yaml, unpinned
from leaven.engine.files import guarding, read_json, replacing, write_json
from leaven.engine.stage import closure
from leaven.errors import Problem, ReportError, StoreError, StudyError
from leaven.study.load import Loaded, Places
from leaven.study.spec import Study

if TYPE_CHECKING:
    from leaven.engine.machine import Machine
    from leaven.engine.nearest import Explained
    from leaven.engine.pending import Outcome
    from leaven.engine.plan import Planned
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph
    from leaven.lock import Lock
    from leaven.stats.planning.power import Power

__all__ = [
    "Ran",
    "Results",
    "check",
    "described",
    "find",
    "listing",
    "load",
    "lock",
    "misfits",
    "plan",
    "power",
    "recipes",
    "report",
    "results",
    "run",
    "to_yaml",
    "unpinned",
]

OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Ran:
    """How a run ended, and where its answer lies."""

    folder: Path
    outcome: Outcome
    report: Path
    answer: list[str]
    data: list[str]
    warnings: list[str]


def plan(study: Study, workspace: str | Path | None = None, machine: Machine | None = None) -> list[Explained]:
    """Say of every stage whether its result is there, why not, and what it will cost; runs nothing."""
    from leaven.engine import nearest
    from leaven.engine import plan as engine
    from leaven.engine.machine import this_machine
    from leaven.wiring import wire

    place = workspaces.place(workspace)
    store = workspaces.store(place)
    planned = engine.plan(wire(declared.placed(study, place), ask=False).targets, store)
    return nearest.explain(engine.on(machine or this_machine(), planned), store)


def power(study: Study, workspace: str | Path | None = None) -> list[Power]:
    """Say what the study can find in each primary metric; from a pilot where results are there. Runs nothing."""
    from leaven import gather
    from leaven.wiring import wire

    place = workspaces.place(workspace)
    return list(gather.power(wire(declared.placed(study, place), ask=False), workspaces.store(place)))


def lock(study: Study, workspace: str | Path | None = None) -> Lock:
    """Hash the study's compare block before there are results; what is declared later is exploratory.

    Raises StudyError where results are there already, or where another block was locked under this name.
    """
    from leaven import lock as locks
    from leaven.wiring import wire

    place = workspaces.place(workspace)
    graph, folder = wire(declared.placed(study, place), ask=False), workspaces.study_folder(study, place)
    store = workspaces.store(place)
    known = workspaces.has_scores(folder, store) or locks.has_results(graph, store)
    _refuse_late(locks.standing(graph, folder), study, known)
    return locks.take(graph, store, folder, by="lock", seen=known)


def _refuse_late(there: Lock | None, study: Study, known: bool) -> None:
    """Raise StudyError where a lock that holds already, or a result, forbids to lock a study's compare block."""
    from leaven import lock as locks

    late = Problem("compare", "results are there already", "what is declared after them is exploratory")
    if there is None:
        if known:
            raise StudyError([late])
        return
    if there.by == "run" and there.before_results and not known:
        return  # a run that came to nothing: it is taken anew
    about = locks.info(there, study)
    if about is not None and about.changed:
        said = f"another block was locked here on {there.written}: {'; '.join(about.changed)}"
        raise StudyError([Problem("compare", said, "give the study another `name`, or take the changes back")])
    if not there.before_results:
        raise StudyError([late])


def run(
    study: Study,
    workspace: str | Path | None = None,
    *,
    on_event: OnEvent = lambda event: None,
    on_plan: Callable[[list[Planned], bool], None] = lambda planned, replaces: None,
    again: Sequence[str] = (),
    machine: Machine | None = None,
    limit_s: float | None = None,
) -> Ran:
    """Make every result that is missing, then the answer; what was done before is used, what two arms share runs once.

    A failed stage stops only what rests on it. ``again`` names stages to be made anew, with all that rests on them;
    ``machine`` is the part of this machine to use, ``limit_s`` the longest that a stage may take. ``on_plan`` is told
    what there is to do, and whether the answer of another study of this name is replaced. Raises StudyError before
    anything is computed if the study is wrong, or cannot fit the machine.
    """
    from leaven import lock as locks
    from leaven.answer import events, link, write
    from leaven.engine import run as engine
    from leaven.engine.local import LocalExecutor
    from leaven.engine.machine import this_machine
    from leaven.provenance import made_by
    from leaven.wiring import wire

    place, machine = workspaces.place(workspace), machine or this_machine()
    study = declared.placed(study, place)
    problems = outside.problems(Loaded(study.model_dump(exclude={"profile", "settings"}), Places()))
    if problems:
        raise StudyError(problems)
    graph, store, folder = wire(study), workspaces.store(place), workspaces.study_folder(study, place)
    with workspaces.alone(place):
        seen = workspaces.has_scores(folder, store)
        replaces = _prepare(folder, study, graph)
        locks.take(graph, store, folder, seen=seen)
        planned = _planned(graph.targets, store, machine, again)
    on_plan(planned, replaces)
    with events(folder, on_event) as note:
        outcome = engine.run(graph.targets, store, LocalExecutor(made_by(), machine, limit_s), note)
        with guarding(folder):
            link(graph, store, folder)
            store.root.stat()  # an answer from a workspace that was taken away meanwhile would be an empty one
            try:
                made = write(graph, store, folder, replace(goes_on(study, folder), at_work=False))
            except ReportError as kept:  # the answer that is there knows more than this run has brought back
                return Ran(folder, outcome, folder / "report.html", [], [], [str(kept)])
    return Ran(folder, outcome, made.page, made.sentences, made.data, made.warnings)


def _planned(targets: list[Stage], store: Store, machine: Machine, again: Sequence[str]) -> list[Planned]:
    """Plan a run, and discard what is to be made anew; raises StudyError if a stage cannot fit the machine."""
    from leaven.engine import plan as engine
    from leaven.engine import run as walk

    doomed = walk.named(targets, again) if again else []
    planned = engine.plan(targets, store)
    if found := misfits([*(one.stage for one in planned if one.state == "run"), *doomed], machine):
        raise StudyError(found)
    with guarding(store.root):
        walk.again(doomed, store)
    return engine.plan(targets, store) if doomed else planned


def misfits(stages: Iterable[Stage], machine: Machine) -> list[Problem]:
    """Return what cannot fit this machine, one problem for all stages of which the same is to be said."""
    from leaven.engine.plan import misfit

    alike: dict[str, list[str]] = {}
    for stage in stages:
        if said := misfit(stage, machine):
            alike.setdefault(said, []).append(stage.title)
    others = {said: f" and {len(titles) - 1} others" if len(titles) > 1 else "" for said, titles in alike.items()}
    return [Problem(titles[0] + others[said], said) for said, titles in alike.items()]


def _prepare(folder: Path, study: Study, graph: Graph) -> bool:
    """Write what a report needs to find its results again; say whether another study of this name stood there.

    An answer to what is asked no longer is removed: a page must not stand beside a study that it does not answer.
    Raises StoreError while a run of another study is at work in this folder.
    """
    with guarding(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file, text = folder / workspaces.STUDY, to_yaml(study)
        replaces = file.exists() and file.read_text(encoding="utf-8") != text
        if replaces or _known(folder) not in (None, asdict(graph.identities)):
            _clear_answer(folder)
        workspaces.name_stages(folder, closure(graph.targets))
        write_json(folder / workspaces.IDENTITIES, asdict(graph.identities))
        with replacing(file) as beside:
            beside.write_text(text, encoding="utf-8")
    return replaces


def _known(folder: Path) -> dict[str, Any] | None:
    return read_json(folder / workspaces.IDENTITIES)


def _clear_answer(folder: Path) -> None:
    if workspaces.is_running(folder):
        raise StoreError(f"{folder}: another study of this name is running there; wait for it, or change the `name`")
    for name in workspaces.ANSWER:
        (folder / name).unlink(missing_ok=True)
