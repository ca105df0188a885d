"""Studies as they are declared: shipped ones, files, profiles; read, checked, written."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from leaven import adopted, outside
from leaven import workspace as workspaces
from leaven.errors import Problem, StudyError, did_you_mean
from leaven.registry import Plugin
from leaven.study.load import Loaded, Places, profile_names
from leaven.study.load import load as load_file
from leaven.study.spec import Study


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


def placed(study: Study, workspace: Path) -> Study:
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


def unpinned(study: Study) -> list[str]:
    """Return what of the hub a study pins to no commit; a plan's keys are provisional then."""
    return outside.unpinned(study)


def listing(what: str) -> dict[str, list[str]]:
    """Return name -> lines of the shipped studies or of one kind of plug-in; raises StudyError for other words."""
    return {name: list(_lines(about)) for name, about in described(what).items()}


def described(what: str) -> dict[str, dict[str, Any]]:
    """Return name -> what there is to say of the shipped studies or of one kind of plug-in, as JSON would hold it.

    ``says`` in one line; of plug-ins ``arguments`` with their defaults; of a metric ``values``, the names by which a
    study asks for what it measures, each with a line of its own or none; of some suites what they do not measure.
    Raises StudyError for other words.
    """
    from leaven import registry

    kinds = {
        "formats": registry.FORMATS,
        "treatments": registry.TREATMENTS,
        "trainers": registry.TRAINERS,
        "wraps": registry.WRAPS,
        "judges": registry.JUDGES,
        "suites": registry.SUITES,
        "metrics": registry.METRICS,
    }
    if what == "studies":
        return {name: {"says": question} for name, question in recipes().items()}
    if what not in kinds:
        raise StudyError([Problem(what, "is nothing that can be listed", did_you_mean(what, ["studies", *kinds]))])
    plugins = [kinds[what].get(name) for name in kinds[what].names()]
    return {plugin.name: _about(plugin) for plugin in plugins}


def _about(plugin: Plugin) -> dict[str, Any]:
    about: dict[str, Any] = {"says": plugin.says, "arguments": plugin.arguments}
    if plugin.kind == "metric":
        own = plugin.traits.get("each", {})
        about["values"] = {value: own.get(value) for value in plugin.traits.get("values", (plugin.name,))}
    if "blind" in plugin.traits:
        about["does not measure"] = plugin.traits["blind"]
    return about


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is said of a plug-in; the values of a metric where these are more than its own name."""
    yield about["says"]
    if "does not measure" in about:
        yield f"does not measure: {about['does not measure']}"
    values: dict[str, str | None] = about.get("values", {})
    if len(values) > 1:
        yield f"gives {', '.join(values)}"
        yield from (f"gives {name}: {said}" for name, said in values.items() if said is not None)
    yield from about.get("arguments", ())
