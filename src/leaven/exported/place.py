"""Where an export goes: a folder that is nobody else's, and that has its name only when all of it is there."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leaven.engine.files import guarding, is_held
from leaven.errors import StoreError
from leaven.poison import MARK

_OLD = ".old"


def free(place: Path, *, force: bool) -> Path:
    """Return an absolute place that may be written; what an export that was killed left beside it is put in order.

    Raises StoreError where something stands in the way: an export of ours may be replaced, anything else never.
    """
    place = _named(place)
    _sweep(place)
    if not place.exists() and not place.is_symlink():
        return place
    if place.is_dir() and not any(place.iterdir()):
        return place
    if not place.is_dir() or not (place / MARK).is_file():
        raise StoreError(
            f"{place} is there already, and no export of Leaven; name another folder, or remove it yourself"
        )
    if not force:
        raise StoreError(f"{place} holds an export already; --force replaces it")
    return place


def _named(place: Path) -> Path:
    """Return a place from the root on; raises StoreError for one without a name, and one in which we stand."""
    whole = place.absolute()
    if whole.name in ("", "..") or Path.cwd().is_relative_to(whole.resolve()):
        raise StoreError(f"'{place}' is the current folder, or one above it; name a new folder, such as ./export")
    return whole


@contextmanager
def appearing(place: Path) -> Iterator[Path]:
    """Give a folder beside a place to write to; it gets the place's name at the end, and is gone if that fails."""
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    with guarding(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    try:
        with guarding(place), _held(beside):
            (beside / MARK).write_text("{}", encoding="utf-8")  # ours, should it be left behind
            yield beside
            _replace(place, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, so that whoever puts in order what was left behind sees that somebody writes to it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folder
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def _replace(place: Path, made: Path) -> None:
    """Let a folder take a place; what stood there goes only when it has, and is back if it cannot."""
    old = made.with_name(f"{made.name}{_OLD}")
    if place.exists():
        place.rename(old)
    try:
        made.rename(place)
    except BaseException:
        if old.exists() and not place.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Remove what killed exports to a place left beside it; if they had put the former one aside, it is back first."""
    if not place.parent.is_dir():
        return
    left = re.compile(rf"\.{re.escape(place.name)}\.[0-9a-f]{{8}}({re.escape(_OLD)})?")
    with guarding(place):
        found = [one for one in place.parent.iterdir() if left.fullmatch(one.name) and _is_left(one)]
        for one in found:
            if one.suffix == _OLD and not place.exists():
                one.rename(place)
            else:
                shutil.rmtree(one, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Say whether a folder is an export's that nobody writes any more."""
    ours = folder.is_dir() and not folder.is_symlink() and ((folder / MARK).is_file() or not any(folder.iterdir()))
    making = folder.with_suffix("") if folder.suffix == _OLD else folder
    return ours and not is_held(making)
