"""Runs that were answered: their page made again, in any format; their numbers as frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import workspace as workspaces
from leaven.engine.files import guarding, read_json
from leaven.errors import ReportError, StudyError
from leaven.study.load import load as load_file
from leaven.study.spec import Study

if TYPE_CHECKING:
    import pandas as pd

    from leaven.answer import Answer, GoesOn
    from leaven.engine.store import Store
    from leaven.graph import Graph, Identities
    from leaven.report.findings import Findings

_BESIDE = {"profile", "settings"}
_LONG = 240  # letters of a command that nobody reads in a sentence


@dataclass(frozen=True)
class Results:
    """What a run measured and what was made of it, as frames."""

    measurements: pd.DataFrame
    comparisons: pd.DataFrame
    provenance: dict[str, Any]


def report(name: str | Path, workspace: str | Path | None = None) -> Path:
    """Make the answer of a run again from what is in the store; return the page. Raises ReportError."""
    return answer(name, workspace).page


def answer(name: str | Path, workspace: str | Path | None = None) -> Answer:
    """Make the answer of a run again, and return what it says beside its page. Raises ReportError.

    An answer is never replaced by one that was made from less, because the store was lost or left behind, say.
    """
    from leaven.answer import write

    graph, store, folder = opened(name, workspace)
    with guarding(folder):
        return write(graph, store, folder, goes_on(graph.study, folder))


def findings(name: str | Path, workspace: str | Path | None = None) -> Findings:
    """Return everything that the page of a run shows, made again from what is in the store; writes nothing.

    Raises ReportError where the store has nothing of what the answer that is there was made from.
    """
    from leaven.answer import findings as made

    graph, store, folder = opened(name, workspace)
    return made(graph, store, folder, goes_on(graph.study, folder))


def text(name: str | Path, format: str, workspace: str | Path | None = None) -> str:
    """Return a run's answer and tables as ``md``, ``latex``, ``csv`` or ``json``; writes nothing."""
    from leaven.report.formats import render

    return render(findings(name, workspace), format)


def opened(name: str | Path, workspace: str | Path | None = None) -> tuple[Graph, Store, Path]:
    """Return a run's graph, store and folder; raises ReportError where a result that will be read is damaged."""
    from leaven.wiring import wire

    folder = workspaces.run_folder(name, workspaces.place(workspace))
    store, study = workspaces.store(folder.parent), _as_it_ran(folder)
    graph = wire(study, _identities(folder))
    for stage in {stage.key: stage for stage in graph.targets}.values():  # cells share some: hash each once
        if (damage := store.damage(stage)) is not None:
            raise ReportError(f"{store.folder(stage)} is damaged ({damage}); run the study again, it is made anew")
    return graph, store, folder


def _as_it_ran(folder: Path) -> Study:
    """Return the study of a run's folder, with the profile and settings that it was loaded with."""
    raw = load_file(folder / workspaces.STUDY).raw
    loaded: dict[str, Any] = {name: raw.pop(name) for name in ("profile", "settings") if name in raw}
    return Study(**raw).model_copy(update=loaded)


def goes_on(study: Study, folder: Path) -> GoesOn:
    """Return how a run goes on: with which command, as far as its folder tells, and whether it is at work."""
    from leaven.answer import GoesOn

    command = f"`{workspaces.command(folder.parent, 'run', *_words(study, folder))}`"
    if len(command) > _LONG:
        command = "the `leaven run` that began it, with the same settings,"
    return GoesOn(command, workspaces.is_running(folder))


def _words(study: Study, folder: Path) -> list[str]:
    """Return what `leaven run` is given for a run: a shipped study by its name, another by what lies in its folder.

    What lies there has profile and settings merged, so it is no such study: of one with these, only its author knows
    the file.
    """
    profile = ["--profile", study.profile] if study.profile else []
    options = [*profile, *(word for setting in study.settings for word in ("--set", setting))]
    if _is_shipped(study):
        return [study.name, *options]
    return ["STUDY.yaml", *options] if options else [str(folder / workspaces.STUDY)]


def _is_shipped(study: Study) -> bool:
    """Say whether the shipped study of this name, with this profile and settings, is this study."""
    file = Path(str(resources.files("leaven") / "studies" / f"{study.name}.yaml"))
    try:
        raw = load_file(file, study.profile, study.settings).raw
        return Study(**raw).model_dump(exclude=_BESIDE) == study.model_dump(exclude=_BESIDE)
    except StudyError:  # there is none, or it has no such profile
        return False


def _identities(folder: Path) -> Identities:
    from leaven.graph import Identities

    found = read_json(folder / workspaces.IDENTITIES)
    try:
        if found is not None:
            return Identities(**found)
    except TypeError:
        pass  # of another version
    raise ReportError(f"{folder / workspaces.IDENTITIES} cannot be read; run the study again")


def results(name: str | Path, workspace: str | Path | None = None) -> Results:
    """Return what a run measured as pandas frames; raises ReportError if it has no answer yet."""
    import pandas as pd

    folder = workspaces.run_folder(name, workspaces.place(workspace))
    try:
        comparisons = json.loads((folder / "comparisons.json").read_text(encoding="utf-8"))
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / "measurements.parquet").astype({"seed": "Int64"})
        return Results(table, pd.DataFrame(comparisons, columns=None if comparisons else _columns()), provenance)
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise ReportError(f"{folder} has no whole answer; run `leaven report {folder.name}`") from error


def _columns() -> list[str]:
    """Return the columns of a frame of comparisons, for one that holds none."""
    from dataclasses import fields

    from leaven.comparison import Comparison, ForTheseModels, Sizes, Split

    inner = {"sizes": Sizes, "split": Split, "models": ForTheseModels}
    own = [one.name for one in fields(Comparison) if one.name not in inner]
    return [*own, *(one.name for part in inner.values() for one in fields(part))]
