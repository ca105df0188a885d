"""Read a study file: safe YAML with line numbers, profiles, and ``--set`` overrides.

The text is hostile: no tags, no duplicate keys, no alias bombs, nothing executed. What comes out is plain data and
``Places``, which knows the file and line of every value, also after a profile was merged over it.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven.errors import Problem, StudyError, did_you_mean

Steps = tuple[str | int, ...]  # a path inside the study, e.g. ("train", 0, "sft", "learning_rate")
_MOST_BYTES = 1_000_000
_MOST_NODES = 50_000


@dataclass
class Places:
    """Where each value of a study stands; a value from Python has only its path."""

    file: str = ""
    lines: dict[Steps, str] = field(default_factory=dict)

    def of(self, steps: Sequence[str | int]) -> str:
        """Return ``file:line path`` of the value at these steps, or of the nearest value that contains it."""
        path = ".".join(map(str, steps)) or "study"
        for length in range(len(steps), -1, -1):
            if (where := self.lines.get(tuple(steps[:length]))) is not None:
                return f"{where} {path}"
        return f"{self.file} {path}".strip()

    def replace(self, steps: Steps, lines: dict[Steps, str]) -> None:
        """Forget what stood at and below these steps, and take these lines there."""
        kept = {known: where for known, where in self.lines.items() if known[: len(steps)] != steps}
        self.lines = {**kept, **{steps + below: where for below, where in lines.items()}}


@dataclass(frozen=True)
class Loaded:
    """A study as plain data, not validated yet."""

    raw: dict[str, Any]
    places: Places
    profile: str | None = None
    settings: tuple[str, ...] = ()


def load(file: Path, profile: str | None = None, settings: Sequence[str] = ()) -> Loaded:
    """Read a study file and merge a profile and ``a.b=value`` settings over it; raises StudyError."""
    raw, places = read(file)
    raw = _unshared(raw)  # YAML aliases share what they name; a setting must not change both
    profiles = raw.pop("profiles", None) or {}
    if profile is not None:
        _merge_profile(raw, profiles, profile, places)
    for setting in settings:
        _apply(raw, setting, places)
    from leaven.study.configured import configured

    configured(raw, places)
    return Loaded(raw, places, profile, tuple(settings))


def profile_names(file: Path) -> list[str]:
    """Return the names of a study file's profiles; raises StudyError if ``profiles`` is no mapping."""
    raw, places = read(file)
    profiles = raw.get("profiles") or {}
    if not isinstance(profiles, dict):
        raise StudyError([Problem(places.of(("profiles",)), "profiles map names to what they change")])
    return [str(name) for name in profiles]


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unshared(item) for name, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def read(file: Path) -> tuple[dict[str, Any], Places]:
    """Parse the file; raises StudyError with the place for whatever is no study."""
    raw, lines = _whole(file)
    if not isinstance(raw, dict):
        raise StudyError([Problem(str(file), "a study is a mapping of names to values", "start with `name: my-study`")])
    return raw, Places(str(file), lines)


def read_named(file: Path, place: str) -> tuple[dict[str, Any], Places]:
    """Parse a file that a study names at ``place``: what is wrong at no line of the file is told there, with its path.

    Raises StudyError.
    """
    try:
        raw, lines = _whole(file)
    except StudyError as error:
        raise StudyError([_told_at(place, file, one) for one in error.problems]) from None
    if not isinstance(raw, dict):
        raise StudyError([_told_at(place, file, Problem(str(file), "holds no mapping of names to values"))])
    return raw, Places(str(file), lines)


def _told_at(place: str, file: Path, problem: Problem) -> Problem:
    if problem.place != str(file):
        return problem
    return Problem(place, f"'{file}' {problem.message}", "name a YAML file; its path starts where the command is run")


def _whole(file: Path) -> tuple[Any, dict[Steps, str]]:
    """Return what a file holds, and the place of every value; raises StudyError."""
    try:
        return _parsed(_text(file), str(file))
    except StudyError:
        raise
    except Exception as error:
        raise StudyError([_syntax_problem(error, file)]) from error


@functools.lru_cache(maxsize=4)  # a check reads one file once for each of its profiles
def _parsed(text: str, name: str) -> tuple[Any, dict[Steps, str]]:
    """Return what a text holds, not to be changed, and the place of every value."""
    lines = dict(_lines(text, name))
    return _yaml().load(text), lines


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except IsADirectoryError:
        raise StudyError([Problem(str(file), "is a folder", "name the study's YAML file")]) from None
    except OSError as error:
        raise StudyError([Problem(str(file), f"cannot be read: {error.strerror}")]) from None
    if len(content) > _MOST_BYTES:
        raise StudyError([Problem(str(file), "is over 1 MB, which is no study file", "name the study's YAML file")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start})"
        raise StudyError([Problem(str(file), message, "name the study's YAML file")]) from None


def _yaml() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True)  # YAML 1.2: 2e-4 is a number, yes and no are text


def _lines(text: str, file: str) -> Iterator[tuple[Steps, str]]:
    """Yield the place of every node, refusing tags and alias bombs on the way."""
    root = _yaml().compose(io.StringIO(text))
    stack: list[tuple[Steps, Any, Any]] = [((), root, root)] if root is not None else []
    for _ in range(_MOST_NODES):
        if not stack:
            return
        steps, marked, node = stack.pop()
        yield steps, f"{file}:{marked.start_mark.line + 1}"
        _refuse_tag(node, steps, file)
        stack.extend(_children(node, steps, file))
    raise StudyError([Problem(file, f"has over {_MOST_NODES:,} values (aliases counted each time)", "write fewer")])


def _children(node: Any, steps: Steps, file: str) -> list[tuple[Steps, Any, Any]]:
    """Return steps, the node whose line a person would look at (a mapping's name), and the node itself."""
    from ruamel.yaml import MappingNode, SequenceNode

    if isinstance(node, SequenceNode):
        return [((*steps, index), child, child) for index, child in enumerate(node.value)]
    if isinstance(node, MappingNode):
        for name, _ in node.value:
            _refuse_tag(name, steps, file)
        return [((*steps, str(name.value)), name, child) for name, child in node.value]
    return []


def _refuse_tag(node: Any, steps: Steps, file: str) -> None:
    tag = str(node.tag)
    if not tag.startswith("tag:yaml.org,2002:") or "python" in tag:
        place = f"{file}:{node.start_mark.line + 1} {'.'.join(map(str, steps))}".strip()
        raise StudyError([Problem(place, f"the YAML tag {tag} is not allowed", "write a plain value")])


def _syntax_problem(error: Exception, file: Path) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{file}:{mark.line + 1}" if mark is not None else str(file)
    said = getattr(error, "problem", None) or str(error) or type(error).__name__
    return Problem(place, f"is no valid YAML: {str(said).splitlines()[0]}")


def _merge_profile(raw: dict[str, Any], profiles: Any, profile: str, places: Places) -> None:
    if not isinstance(profiles, dict) or profile not in profiles:
        known = profiles if isinstance(profiles, dict) else {}
        remedy = did_you_mean(profile, map(str, known)) if known else "the study has no profiles"
        raise StudyError([Problem(places.of(("profiles",)), f"there is no profile '{profile}'", remedy)])
    overlay = profiles[profile] or {}
    if not isinstance(overlay, dict):
        raise StudyError([Problem(places.of(("profiles", profile)), "a profile is a mapping over the study's keys")])
    _merge(raw, overlay, (), ("profiles", profile), places)


def _merge(base: dict[str, Any], over: dict[str, Any], steps: Steps, source: Steps, places: Places) -> None:
    """Merge mappings deeply; anything else, lists too, is replaced whole."""
    for name, value in over.items():
        here, there = (*steps, name), (*source, name)
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            _merge(base[name], value, here, there, places)
            continue
        base[name] = value
        places.replace(here, {at[len(there) :]: line for at, line in places.lines.items() if at[: len(there)] == there})


def _apply(raw: dict[str, Any], setting: str, places: Places) -> None:
    """Apply one ``a.b.0.c=value``; the value is read as YAML."""
    path, equals, text = setting.partition("=")
    place = f"--set {path}"
    if not equals or not path:
        raise StudyError([Problem(f"--set {setting}", "is no setting", "write --set name.name=value")])
    names = path.split(".")
    target: Any = raw
    for name in names[:-1]:
        target = _descend(target, name, place)
    _put(target, names[-1], _value(text, place), place)
    places.replace(tuple(int(n) if n.isdigit() else n for n in names), {(): "--set"})


def _value(text: str, place: str) -> Any:
    try:
        list(_lines(text, place))
        return _yaml().load(text) if text.strip() else None
    except StudyError:
        raise
    except Exception as error:
        raise StudyError([Problem(place, f"'{text}' is no valid YAML value", "quote it")]) from error


def _descend(target: Any, name: str, place: str) -> Any:
    if isinstance(target, dict):
        return target.setdefault(name, {})
    if isinstance(target, list) and name.isdigit() and int(name) < len(target):
        return target[int(name)]
    raise StudyError([Problem(place, f"there is no '{name}' to go into", "lists are indexed from 0")])


def _put(target: Any, name: str, value: Any, place: str) -> None:
    if isinstance(target, dict):
        target[name] = value
    elif isinstance(target, list) and name.isdigit() and int(name) < len(target):
        target[int(name)] = value
    else:
        raise StudyError([Problem(place, f"there is no '{name}' to set", "lists are indexed from 0")])
