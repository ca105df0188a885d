"""Reading lm-eval's task files as data: includes and groups are followed, functions are named and never called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven.errors import DataError
from leaven.evaluate.tasks.names import Entry, Names

_OF_GROUPS = {"group", "group_alias", "task", "aggregate_metric_list", "metadata"}
_NAMING = {"task", "tag", "group", "task_list"}  # what names a task and decides nothing
_DEEPEST = 10
FUNCTION = "!function "  # and behind it module.name


@dataclass(frozen=True)
class Leaf:
    """One task as lm-eval will run it: its name in lm-eval's results, and its file with what groups override.

    ``entry`` is the name that it is found by, None for a task that a group declares in place.
    """

    name: str
    config: Mapping[str, Any]
    code: tuple[Path, ...] = ()
    entry: str | None = None

    @property
    def digest(self) -> str:
        """Return the sha256 of the configuration and of the Python files that it names."""
        said = {name: value for name, value in self.config.items() if name not in _NAMING}
        whole = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
        for file in self.code:
            whole.update(hashlib.sha256(file.read_bytes()).digest())
        return whole.hexdigest()


@dataclass(frozen=True)
class Resolved:
    """A name with all that it stands for: the tasks in lm-eval's order, and every entry that was met on the way."""

    name: str
    leaves: tuple[Leaf, ...]
    entries: dict[str, Entry] = field(default_factory=dict)


def resolve(name: str, known: Names) -> Resolved:
    """Follow a task, group or tag down to its tasks.

    Raises DataError for a name that lm-eval does not know, a file that cannot be read, a task written in Python.
    """
    entries: dict[str, Entry] = {}
    return Resolved(name, tuple(_leaves(name, known, {}, entries, 0)), entries)


def _leaves(name: str, known: Names, over: Mapping[str, Any], met: dict[str, Entry], depth: int) -> Iterator[Leaf]:
    entry = met[name] = known[name]
    if depth > _DEEPEST:
        raise DataError(f"the group '{name}' of lm-eval holds itself")
    if entry.kind == "python":
        raise DataError(f"'{name}' is a task written in Python, whose metrics lm-eval does not declare; take another")
    if entry.kind == "tag":
        for member in entry.tagged:
            yield from _leaves(member, known, over, met, depth + 1)
        return
    assert entry.file is not None, "tasks and groups stand in files"
    config, code = read(entry.file)
    if entry.kind == "task":
        yield Leaf(str(over.get("task", config["task"])), {**config, **over}, tuple(sorted(code)), name)
    else:
        yield from _members(name, config, known, over, met, depth)


def _members(
    name: str, config: Mapping[str, Any], known: Names, over: Mapping[str, Any], met: dict[str, Entry], depth: int
) -> Iterator[Leaf]:
    """Follow a group's members as lm-eval does: names, names with overrides, and tasks declared in place."""
    below = {**{key: value for key, value in config.items() if key not in _OF_GROUPS}, **over}
    listed = config.get("task") or []
    for item in [listed] if isinstance(listed, str) else listed:
        said = {"task": item} if isinstance(item, str) else dict(item)
        inner, more = str(said.get("task", said.get("group"))), {**below, **said}
        if "group" in said and said["group"] not in known:
            yield from _members(f"{name}::{said['group']}", said, known, over, met, depth + 1)
        elif inner not in known:
            yield Leaf(f"{name}::{inner}", more)
        elif known[inner].kind == "task":
            yield from _leaves(inner, known, {**more, "task": inner}, met, depth + 1)
        else:
            overrides = {key: value for key, value in more.items() if key not in ("task", "group")}
            yield from _leaves(inner, known, overrides, met, depth + 1)


def read(file: Path, above: tuple[Path, ...] = ()) -> tuple[dict[str, Any], set[Path]]:
    """Return a task file's content with its includes merged, and the Python files whose functions it names.

    A function is the text ``!function module.name``. Raises DataError where a file is missing, or no YAML mapping.
    """
    import yaml  # type: ignore[import-untyped]

    code: set[Path] = set()

    def name_function(_: Any, node: Any) -> str:
        module = str(node.value).rpartition(".")[0].replace(".", "/")
        if (beside := file.parent / f"{module}.py").is_file():
            code.add(beside)
        return f"{FUNCTION}{node.value}"

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Plain YAML, and functions by name."""

    Loader.add_constructor("!function", name_function)
    try:
        own = yaml.load(file.read_bytes(), Loader=Loader)  # noqa: S506 - the safe loader
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"the task file {file} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(own, dict):
        raise DataError(f"the task file {file} holds no mapping")
    return _with_includes(file, own, code, above)


def _with_includes(
    file: Path, own: dict[str, Any], code: set[Path], above: tuple[Path, ...]
) -> tuple[dict[str, Any], set[Path]]:
    included, merged = own.pop("include", []), {}
    for name in [included] if isinstance(included, str) else included:
        inner = file.parent / name
        if inner in above:
            raise DataError(f"the task file {file} includes itself through {inner.name}")
        config, below = read(inner, (*above, file))
        merged.update({key: value for key, value in config.items() if key != "task_list"})
        code |= below
    return {**merged, **own}, code
