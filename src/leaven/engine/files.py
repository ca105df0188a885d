"""Files as the store writes and checks them: whole or not at all, and what to tell a person when the disk says no."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leaven.errors import StoreError

_GO_ON = "then the same command goes on"
_TROUBLE = {
    errno.ENOSPC: f"the disk is full; make room (`leaven gc` lists what no study needs), {_GO_ON}",
    errno.EDQUOT: f"the disk quota is used up; make room (`leaven gc` lists what no study needs), {_GO_ON}",
    errno.EROFS: "the file system is read-only; choose another --workspace",
    errno.EACCES: "permission denied; choose another --workspace",
    errno.EPERM: "not permitted; choose another --workspace",
    errno.EIO: f"the disk reports an input/output error; mend it, {_GO_ON}",
    errno.ENOENT: "it is not there: it cannot be made, or was removed while the study ran; run the same command again, "
    "or choose another --workspace",
    errno.ESTALE: f"the network file system lost the folder; mount it again, {_GO_ON}",
}
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)


def trouble(error: BaseException, root: Path) -> str | None:
    """Say what is wrong with the disk under ``root`` if that is what an error means, else None.

    Libraries wrap what the disk says (safetensors, Arrow and torch each in their own way), so the text counts too.
    """
    if not root.exists():
        return f"{root} is gone: it was removed or unmounted while the study ran; run the same command again"
    elsewhere = isinstance(error, OSError) and error.filename is not None and not _is_under(error.filename, root)
    if isinstance(error, OSError) and error.errno in _DISK and not elsewhere:
        return f"{root}: {_TROUBLE[error.errno]}"
    if ("No space left on device" in str(error) and not elsewhere) or _is_full(root):
        return f"{root}: {_TROUBLE[errno.ENOSPC]}"
    return None


def _is_under(filename: object, root: Path) -> bool:
    """Say whether a file that an error names lies in the store: another disk's trouble is one stage's alone."""
    return isinstance(filename, str | os.PathLike) and Path(filename).resolve().is_relative_to(root.resolve())


def _is_full(root: Path) -> bool:
    try:
        about = os.statvfs(root)
    except OSError:
        return False
    return about.f_blocks > 0 and about.f_bavail * about.f_frsize < 64 * 1024


@contextmanager
def guarding(place: Path) -> Iterator[None]:
    """Turn what the disk says about a place into a StoreError for a person."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise  # not the disk's word: a lock that somebody else holds, say
        unknown = f"cannot write there ({error.strerror or error}); choose a --workspace that can be written"
        raise StoreError(f"{error.filename or place}: {_TROUBLE.get(error.errno, unknown)}") from error


def is_held(lock: Path) -> bool:
    """Say whether somebody holds a lock file at this moment; whoever only looks needs no right to write."""
    try:
        looked_at = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
    except OSError:
        return True
    finally:
        os.close(looked_at)
    return False


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that readers see the old file or the new one, never half."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")


_SEAL = re.compile(rb'\{"seal": "([0-9a-f]{64})",')


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object that begins with the sha256 of the rest of its own text."""
    body = json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")[1:]
    with replacing(path) as beside:
        beside.write_bytes(b'{"seal": "' + hashlib.sha256(body).hexdigest().encode() + b'",' + body)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Return a sealed JSON object, None if it is missing, torn or edited."""
    try:
        text = path.read_bytes()
    except OSError:
        return None
    sealed = _SEAL.match(text)
    if sealed is None or hashlib.sha256(text[sealed.end() :]).hexdigest().encode() != sealed.group(1):
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file, None if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to; fsync and rename it into place at the end. Safe with several writers."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield beside
        fsync(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
