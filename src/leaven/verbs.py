"""The verbs, for the command line and for Python: load, check, plan, run, report, results."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import adopted, outside
from leaven import workspace as workspaces
from leaven.engine.files import guarding, read_json, replacing, write_json
from leaven.engine.stage import closure
from leaven.errors import Problem, ReportError, StoreError, StudyError, did_you_mean
from leaven.study.load import Loaded, Places, profile_names
from leaven.study.load import load as load_file
from leaven.study.spec import Study

if TYPE_CHECKING:
    import pandas as pd

    from leaven.engine.machine import Machine
    from leaven.engine.nearest import Explained
    from leaven.engine.pending import Outcome
    from leaven.engine.plan import Planned
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph, Identities

_IDENTITIES = ".identities.json"
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


@dataclass(frozen=True)
class Results:
    """What a run measured and what was made of it, as frames."""

    measurements: pd.DataFrame
    comparisons: pd.DataFrame
    provenance: dict[str, Any]


def recipes() -> dict[str, str]:
    """Return the shipped studies: name -> question."""
    found = {}
    for file in sorted(_shipped().iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            found[file.name.removesuffix(".yaml")] = str(load_file(Path(str(file))).raw.get("question", ""))
    return found


def _shipped() -> Any:
    return resources.files("leaven") / "studies"


def find(study: str | Path) -> Path:
    """Return the file of a study: a path, or the name of a shipped recipe; raises StudyError."""
    path = Path(study)
    shipped = _shipped() / f"{study}.yaml"
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    if shipped.is_file():
        return Path(str(shipped))
    names = [entry.name.removesuffix(".yaml") for entry in _shipped().iterdir()]
    raise StudyError([Problem(str(study), "is no file and no shipped study", did_you_mean(str(study), names))])


def load(
    study: str | Path,
    profile: str | None = None,
    settings: Sequence[str] = (),
    workspace: str | Path | None = None,
) -> Study:
    """Read and validate a study file or shipped recipe; raises StudyError with every problem at once.

    Where it says ``adopted:NAME``, the study that is returned has the path of the copy in the workspace.
    """
    loaded, missing = _with_adopted(load_file(find(study), profile, settings), workspace)
    made = Study.from_loaded(loaded)
    if missing:
        raise StudyError(missing)
    return made


def check(
    study: str | Path,
    profile: str | None = None,
    settings: Sequence[str] = (),
    workspace: str | Path | None = None,
) -> Study:
    """Check structure, names and the heads of files; raises StudyError with every problem at once. Imports no torch."""
    from leaven.study.validate import problems

    loaded, missing = _with_adopted(load_file(find(study), profile, settings), workspace)
    found = problems(loaded.raw, loaded.places) + missing
    said = {problem.place for problem in missing}  # what is not adopted is no file and no model either
    found += [problem for problem in outside.problems(loaded) if problem not in found and problem.place not in said]
    for other in _unused_profiles(find(study), profile):
        found += [problem for problem in problems(other.raw, other.places) if problem not in found]
    if found:
        raise StudyError(found)
    return Study.from_loaded(loaded)


def _with_adopted(loaded: Loaded, workspace: str | Path | None) -> tuple[Loaded, list[Problem]]:
    """Put paths where the study says ``adopted:NAME``; return what is not there, or damaged, too."""
    raw, wrong = adopted.resolve(loaded.raw, workspaces.place(workspace))
    return replace(loaded, raw=raw), [Problem(loaded.places.of(steps), said) for steps, said in wrong]


def _placed(study: Study, workspace: Path) -> Study:
    """Return a study with the paths of the copies where one that was made in Python says ``adopted:NAME``."""
    declared = Loaded(study.model_dump(exclude={"profile", "settings"}), Places())
    loaded, missing = _with_adopted(declared, workspace)
    if missing:
        raise StudyError(missing)
    if loaded.raw == declared.raw:
        return study
    return Study(**loaded.raw).model_copy(update={"profile": study.profile, "settings": study.settings})


def _unused_profiles(file: Path, used: str | None) -> Iterator[Loaded]:
    """Yield the study under each profile that was not asked for: its structure is checked too."""
    for name in profile_names(file):
        if name != used:
            yield load_file(file, name)


def plan(study: Study, workspace: str | Path | None = None, machine: Machine | None = None) -> list[Explained]:
    """Say of every stage whether its result is there, why not, and what it will cost; runs nothing."""
    from leaven.engine import nearest
    from leaven.engine import plan as engine
    from leaven.engine.machine import this_machine
    from leaven.wiring import wire

    place = workspaces.place(workspace)
    store = workspaces.store(place)
    planned = engine.plan(wire(_placed(study, place), ask=False).targets, store)
    return nearest.explain(engine.on(machine or this_machine(), planned), store)


def unpinned(study: Study) -> list[str]:
    """Return what of the hub a study pins to no commit; a plan's keys are provisional then."""
    return outside.unpinned(study)


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
    from leaven.answer import events, link, made_by, write
    from leaven.engine import run as engine
    from leaven.engine.local import LocalExecutor
    from leaven.engine.machine import this_machine
    from leaven.wiring import wire

    place, machine = workspaces.place(workspace), machine or this_machine()
    study = _placed(study, place)
    problems = outside.problems(Loaded(study.model_dump(exclude={"profile", "settings"}), Places()))
    if problems:
        raise StudyError(problems)
    graph, store, folder = wire(study), workspaces.store(place), workspaces.study_folder(study, place)
    with workspaces.alone(place):
        replaces = _prepare(folder, study, graph)
        planned = _planned(graph.targets, store, machine, again)
    on_plan(planned, replaces)
    with events(folder, on_event) as note:
        outcome = engine.run(graph.targets, store, LocalExecutor(made_by(), machine, limit_s), note)
        with guarding(folder):
            link(graph, store, folder)
            made = write(graph, store, folder)
            store.root.stat()  # an answer from a workspace that was taken away meanwhile would be an empty one
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
        write_json(folder / _IDENTITIES, asdict(graph.identities))
        with replacing(file) as beside:
            beside.write_text(text, encoding="utf-8")
    return replaces


def _known(folder: Path) -> dict[str, Any] | None:
    return read_json(folder / _IDENTITIES)


def _clear_answer(folder: Path) -> None:
    if workspaces.is_running(folder):
        raise StoreError(f"{folder}: another study of this name is running there; wait for it, or change the `name`")
    for name in ("report.html", "measurements.parquet", "comparisons.json", "provenance.json"):
        (folder / name).unlink(missing_ok=True)


def to_yaml(study: Study) -> str:
    """Return the resolved study as YAML: profile and settings merged."""
    from ruamel.yaml import YAML

    stream = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    # The order of a sweep's parameters is that of the arms' names.
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(study.model_dump(mode="json", exclude_defaults=True), stream)
    return stream.getvalue()


def report(name: str | Path, workspace: str | Path | None = None) -> Path:
    """Make the answer of a run again from what is in the store; return the page. Raises ReportError."""
    from leaven.answer import write
    from leaven.wiring import wire

    folder = workspaces.run_folder(name, workspaces.place(workspace))
    store, study = workspaces.store(folder.parent), _as_it_ran(folder)
    graph = wire(study, _identities(folder))
    for stage in {stage.key: stage for stage in graph.targets}.values():  # cells share some: hash each once
        if (damage := store.damage(stage)) is not None:
            raise ReportError(f"{store.folder(stage)} is damaged ({damage}); run the study again, it is made anew")
    with guarding(folder):
        return write(graph, store, folder).page


def _as_it_ran(folder: Path) -> Study:
    """Return the study of a run's folder, with the profile and settings that it was loaded with."""
    raw = load_file(folder / workspaces.STUDY).raw
    loaded: dict[str, Any] = {name: raw.pop(name) for name in ("profile", "settings") if name in raw}
    return Study(**raw).model_copy(update=loaded)


def _identities(folder: Path) -> Identities:
    from leaven.graph import Identities

    try:
        return Identities(**json.loads((folder / _IDENTITIES).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ReportError(f"{folder / _IDENTITIES} cannot be read; run the study again") from error


def results(name: str | Path, workspace: str | Path | None = None) -> Results:
    """Return what a run measured as pandas frames; raises ReportError if it has no answer yet."""
    import pandas as pd

    folder = workspaces.run_folder(name, workspaces.place(workspace))
    try:
        comparisons = json.loads((folder / "comparisons.json").read_text(encoding="utf-8"))
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / "measurements.parquet").astype({"seed": "Int64"})
    except (OSError, ValueError) as error:
        raise ReportError(f"{folder} has no whole answer; run `leaven report {folder.name}`") from error
    return Results(table, pd.DataFrame(comparisons), provenance)


def listing(what: str) -> dict[str, list[str]]:
    """Return name -> lines of the shipped studies or of one kind of plug-in; raises StudyError for other words."""
    from leaven import registry

    kinds = {
        "formats": registry.FORMATS,
        "treatments": registry.TREATMENTS,
        "trainers": registry.TRAINERS,
        "suites": registry.SUITES,
        "metrics": registry.METRICS,
    }
    if what == "studies":
        return {name: [question] for name, question in recipes().items()}
    if what not in kinds:
        raise StudyError([Problem(what, "is nothing that can be listed", did_you_mean(what, ["studies", *kinds]))])
    plugins = [kinds[what].get(name) for name in kinds[what].names()]
    return {plugin.name: [plugin.says, *plugin.arguments] for plugin in plugins}
