"""Models and data that a workspace has adopted: copied into its store under a name, found again by ``adopted:NAME``.

    store/adopted/<key>/content/      the copy: a folder's files, or the one file under its own name
    <workspace>/adopted.json          NAME -> key

The key is that of the content, so the same content under two names is stored once.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leaven import workspace as workspaces
from leaven.engine.files import guarding, read_json, sha256, trouble, write_json
from leaven.engine.key import key
from leaven.engine.stage import Address, Needs
from leaven.engine.store import Store
from leaven.errors import StoreError, did_you_mean

PREFIX = "adopted:"
KIND = "adopted"
_NAMES = "adopted.json"
_CONTENT = "content"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = 1
_PACKED = (".gz", ".zst", ".bz2", ".xz")
Steps = tuple[str | int, ...]


def names(workspace: Path) -> dict[str, str]:
    """Return name -> key of what a workspace has adopted; raises StoreError if the list cannot be read."""
    file = workspace / _NAMES
    if not file.exists():
        return {}
    found = read_json(file)
    if found is None or not all(isinstance(value, str) for value in found.values()):
        raise StoreError(f"{file} cannot be read; remove it, and adopt again what studies name")
    return found


def find(name: str, workspace: Path) -> Path:
    """Return the path of what was adopted under a name; raises StoreError if there is none, or it is damaged."""
    known = names(workspace)
    if name not in known:
        remedy = did_you_mean(name, known) if known else f"nothing is adopted in {workspace} (`leaven adopt`)"
        raise StoreError(f"nothing is adopted under the name '{name}'; {remedy}")
    store, one = workspaces.store(workspace), Address(KIND, known[name])
    record = store.record(one)
    damage = store.damage(one) if record is not None else "a file is missing or has another size"
    if record is None or damage is not None:
        origin = str(record["facts"]["from"]) if record else "PATH"
        remedy = workspaces.command(workspace, "adopt", origin, "--name", name)
        raise StoreError(
            f"the adopted copy '{name}' ({store.folder(one)}) is damaged: {damage}; adopt it again: `{remedy}`"
        )
    return store.folder(one) / str(record["facts"]["path"])


def resolve(raw: Mapping[str, Any], workspace: Path) -> tuple[dict[str, Any], list[tuple[Steps, str]]]:
    """Put paths where a study says ``adopted:NAME`` (its model, data and arms); return what cannot be found, too."""
    wrong: list[tuple[Steps, str]] = []
    looked_up: dict[str, Path | StoreError] = {}

    def look(value: Any, steps: Steps) -> Any:
        if isinstance(value, dict):
            return {name: look(item, (*steps, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [look(item, (*steps, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or not value.startswith(PREFIX):
            return value
        if value not in looked_up:
            looked_up[value] = _looked_up(value.removeprefix(PREFIX), workspace)
        found = looked_up[value]
        if isinstance(found, Path):
            return str(found)
        wrong.append((steps, str(found)))
        return value

    parts = {name: look(raw[name], (name,)) for name in ("model", "data", "arms") if name in raw}
    return {**raw, **parts}, wrong


def _looked_up(name: str, workspace: Path) -> Path | StoreError:
    name, _, inside = name.partition("/")
    try:
        copy = find(name, workspace)
        found = copy / inside
        if not found.exists() or ".." in found.parts or not found.is_relative_to(copy):
            return StoreError(f"the adopted copy '{name}' holds no '{inside}'")
        return found
    except StoreError as error:
        return error


def adopt(path: Path, name: str, workspace: Path, made_by: dict[str, Any], *, replace: bool = False) -> Path:
    """Copy a file or folder into the store and name it; returns the copy's path. What is there already is not copied.

    Folders are copied with what their links point to, but without folders whose name begins with a dot (``.git``).
    Raises StoreError for a name that means other content (unless ``replace``), and for what cannot be copied.
    """
    _refuse(path, name, workspace)
    with guarding(path):
        files = dict(_hashed(path))
    if not files:
        raise StoreError(f"{path} holds no files; name a model's folder or a data file")
    suffix = "" if path.is_dir() else _suffix(path)
    content = key(KIND, _VERSION, {"files": sorted(map(list, _named(files, suffix)))}, {})
    one = Address(KIND, content, f"adopted {name}")
    _refuse_name(name, one.key, workspace, replace)
    store = workspaces.store(workspace)
    store.open()
    with guarding(store.root), store.lock(one):  # held until it is named: `gc` leaves alone what is locked
        if store.record(one) is None or store.damage(one) is not None:
            store.forget(one)
            _copy(path, files, one, store, made_by)
        with workspaces.alone(workspace):
            _refuse_name(name, one.key, workspace, replace)
            write_json(workspace / _NAMES, {**names(workspace), name: one.key})
    return find(name, workspace)


def _refuse(path: Path, name: str, workspace: Path) -> None:
    if not _NAME.fullmatch(name):
        raise StoreError(f"'{name}' is no name: use letters, digits, . - and _, starting with a letter or digit")
    if not path.exists():
        raise StoreError(f"{path} does not exist; name a model's folder or a data file")
    if workspace.resolve().is_relative_to(path.resolve()):
        raise StoreError(f"{path} holds the workspace {workspace} itself; name what is to be adopted alone")


def _refuse_name(name: str, wanted: str, workspace: Path, replace: bool) -> None:
    if not replace and names(workspace).get(name, wanted) != wanted:
        raise StoreError(
            f"the name '{name}' stands for other content; choose another --name, or say --replace (studies that say "
            f"adopted:{name} will then mean the new content)"
        )


def _named(files: Mapping[str, str], suffix: str) -> Iterator[tuple[str, str]]:
    """Yield what enters the key: of a folder its files' names and hashes, of a file its kind and hash."""
    yield from ((suffix or name, digest) for name, digest in files.items())


def _suffix(path: Path) -> str:
    """Return what says how a file is read: ``.jsonl``, ``.csv.gz``. A file's own name is no part of its content."""
    return "".join(path.suffixes[-2:]) if path.suffix in _PACKED else path.suffix


def _hashed(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and sha256 of a file, or of each file in a folder by its path inside."""
    if path.is_file():
        yield path.name, sha256(path)
        return
    for folder, below, inside in os.walk(path, followlinks=True, onerror=_raise):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(inside):
            file = Path(folder) / name
            yield file.relative_to(path).as_posix(), sha256(file)


def _raise(error: OSError) -> None:
    raise error


def _copy(path: Path, files: Mapping[str, str], one: Address, store: Store, made_by: dict[str, Any]) -> None:
    """Copy into a partial folder, compare with what was hashed, commit with a record as every result has."""
    started = time.time()
    partial = store.begin(one)
    content = partial / _CONTENT
    with _no_room(store):
        for name in files:
            target = content / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / name if path.is_dir() else path, target)
        if dict(_hashed(content)) != dict(files):
            store.forget(one)
            raise StoreError(f"{path} changed while it was copied; adopt it again when nobody writes to it")
        inside = _CONTENT if path.is_dir() else f"{_CONTENT}/{path.name}"
        size = sum((content / name).stat().st_size for name in files)
        store.commit(one, {
            "kind": KIND, "version": _VERSION, "verb": "leaven.adopted:adopt", "args": {}, "inputs": {},
            "facts": {"path": inside, "from": str(path.resolve()), "files": len(files), "bytes": size},
            "needs": asdict(Needs()), "made_by": made_by,
            "cost": {"started": round(started, 3), "wall_s": round(time.time() - started, 3)},
        })  # fmt: skip


@contextmanager
def _no_room(store: Store) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if (said := trouble(error, store.root)) is None:
            raise
        raise StoreError(said) from error
