"""Names of lm-eval's tasks, groups and tags, and the files that declare them; lm-eval itself is not imported.

lm-eval's own index parses 14,000 YAML files in 8 seconds. Here only the heads are looked for in the text (0.9 s), and
what was found is kept in the user's cache folder for the next time (0.02 s), by lm-eval's version and place. A task's
content is always read anew, so an edited file is noticed where it matters.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leaven.errors import DataError, did_you_mean

Kind = Literal["task", "python", "group", "tag"]
_HEAD = re.compile(
    rb"""^["']?(task|group|tag|class|include)["']?[ ]*:[ \t]*([^\r\n]*)"""  # a key, and what stands behind it
    rb"""((?:\r?\n(?:[ ]*-[ ]+[^\r\n]*|[ ]*\#[^\r\n]*|[ ]*))*)""",  # the items of a list below it
    re.M,
)
_SKIPPED = {"__pycache__", ".ipynb_checkpoints"}


@dataclass(frozen=True)
class Entry:
    """What a name stands for: the file that declares it, or the names that carry it as a tag."""

    kind: Kind
    file: Path | None = None
    tagged: tuple[str, ...] = ()


_Entries = dict[str, tuple[Kind, str | None, list[str]]]  # name -> kind, file below the layer's folder, tagged names
_Layer = tuple[Path, _Entries]
_Heads = dict[str, list[str]]


def version() -> str:
    """Return the version of lm-eval that is installed."""
    return importlib.metadata.version("lm_eval")


class Names:
    """All names that lm-eval would know: its own, ours, and those of a folder of the user's; later ones win."""

    def __init__(self, include_path: str | None = None):
        self._layers = [*_included(include_path), _own(), _shipped()]

    def __getitem__(self, name: str) -> Entry:
        """Return what a name stands for; raises DataError that says which one was probably meant."""
        for home, entries in self._layers:
            if name in entries:
                kind, file, tagged = entries[name]
                return Entry(kind, home / file if file else None, tuple(tagged))
        raise DataError(f"lm-eval {version()} has no task '{name}'; {did_you_mean(name, self)}")

    def __contains__(self, name: object) -> bool:
        return any(name in entries for _, entries in self._layers)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for _, entries in self._layers for name in entries))


def _included(include_path: str | None) -> list[_Layer]:
    if include_path is None:
        return []
    folder = Path(include_path).expanduser()
    if not folder.is_dir():
        raise DataError(f"include_path {include_path} is no folder; name the one that holds the tasks' YAML files")
    return [(folder, index(folder))]


@functools.cache
def _own() -> _Layer:
    """Return the tasks over the embedded world, whose files stand below this one's folder."""
    home = Path(__file__).parent / "pocket"
    return home, index(home)


@functools.cache
def _shipped() -> _Layer:
    """Return lm-eval's own names, from the cache folder if they were looked up before."""
    home = _home()
    kept = _cache_file(home)
    try:
        return home, _told(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        made = index(home)
        _keep(kept, made)
        return home, made


def _told(text: str) -> _Entries:
    """Read what an earlier look-up wrote; raises ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, list) and len(one) == 3 for one in found.values()):
        raise ValueError("no index")
    return found


def _home() -> Path:
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None and spec.origin is not None, "lm-eval is a dependency"
    return Path(spec.origin).parent / "tasks"


def _cache_file(home: Path) -> Path:
    place = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return caches / "leaven" / f"lm-eval-{version()}-{place}.json"


def _keep(file: Path, found: _Entries) -> None:
    """Write an index beside its place, then rename it there: two processes may do so at once."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(found), encoding="utf-8")
        partial.replace(file)
    except OSError:
        return  # a home that cannot be written to: the next look-up takes as long as this one


def index(root: Path) -> _Entries:
    """Return the names that a folder's YAML files declare; as in lm-eval, the first in the order of paths wins."""
    found: _Entries = {}
    templates: dict[str, _Heads] = {}  # files that many others include
    for file in _yaml_files(root):
        head = _head(str(file), templates)
        kind: Kind = "python" if "class" in head else "group" if "group" in head else "task"
        for name in head.get("group" if kind == "group" else "task", [])[:1]:
            if name in found:
                continue
            found[name] = (kind, file.relative_to(root).as_posix(), [])
            for tag in head.get("tag", []) if kind != "group" else []:
                bisect.insort(found.setdefault(tag, ("tag", None, []))[2], name)
    return found


def _yaml_files(root: Path) -> Iterator[Path]:
    listed = []
    for folder, below, inside in os.walk(root):
        below[:] = [name for name in below if name not in _SKIPPED]
        listed += [f"{folder}/{name}" for name in inside if name.endswith(".yaml")]
    return map(Path, sorted(listed))


def _head(path: str, templates: dict[str, _Heads], above: tuple[str, ...] = ()) -> _Heads:
    """Return the scalars of the keys that an index needs, with what is included; unreadable files are empty."""
    try:
        text = Path(path).read_bytes()
    except OSError:
        return {}
    own = {key.decode(): _scalars(line, below) for key, line, below in _HEAD.findall(text)}
    merged: _Heads = {}
    for name in own.pop("include", []):
        inner = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if inner not in templates and inner not in above:
            templates[inner] = _head(inner, templates, (*above, path))
        merged.update(templates.get(inner, {}))
    return {**merged, **own}


def _scalars(line: bytes, below: bytes) -> list[str]:
    """Return the strings of a YAML value: one scalar, a list in brackets, or a list below the key."""
    inline = _bare(line)
    if inline.startswith("["):
        return [_bare(one.encode()) for one in inline.strip("[]").split(",") if one.strip()]
    if inline:
        return [inline]
    items = (one.strip() for one in below.splitlines())
    return [_bare(one[1:]) for one in items if one.startswith(b"-")]


def _bare(text: bytes) -> str:
    said = re.sub(r"(^|\s)#.*", "", text.decode("utf-8", "replace")).strip()
    return said[1:-1] if said[:1] in ("'", '"') and said[-1:] == said[:1] else said
