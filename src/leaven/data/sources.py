"""Sources: where raw rows come from, what identifies them, and their index in the source.

A source is ``pocket:NAME``, ``builtin:NAME``, ``hub:owner/name``, a local file, or a folder of files of one layout.
What is local is known by the hash of its content, never by its path or time, so that an edited file is another source.
Rows are read one by one; what cannot be parsed comes out as a ``BadRow`` in its place, so that nothing is lost without
a count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from leaven.data import files, folders, hub, shipped
from leaven.data.formats import BadRow
from leaven.errors import DataError, did_you_mean
from leaven.rows import Row

KINDS = files.KINDS
_POCKET = "pocket:"
_NO_FILE = "{} is no regular file (a pipe or a device); write its rows to a file and name that"


def is_local(source: str) -> bool:
    """Say whether a source is a file or folder on this machine."""
    return ":" not in source.partition("/")[0]


def is_hub(source: str) -> bool:
    """Say whether a source is a data set of the hub."""
    return source.startswith(hub.PREFIX)


def problem(source: str) -> str | None:
    """Say what is wrong with a source at first sight, with the remedy; None if nothing is. Neither reads nor asks."""
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import NAMES

        name = source.removeprefix(_POCKET)
        return None if name in NAMES else f"the pocket has no corpus '{name}'; {did_you_mean(name, NAMES)}"
    if source.startswith(shipped.PREFIX):
        return shipped.problem(source)
    if is_hub(source):
        return hub.problem(source)
    if not is_local(source):
        scheme = source.partition(":")[0]
        known = "hub:owner/name, pocket:NAME, builtin:NAME, a file or a folder"
        return f"there are no sources of kind '{scheme}:'; write {known}"
    return _local_problem(Path(source))


def _local_problem(path: Path) -> str | None:
    if not path.exists():
        near = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        remedy = did_you_mean(str(path), near) if near else f"there is no folder {path.parent} either"
        tried = f"there is no file {path.absolute()}"
        return f"{tried}; {remedy if remedy.startswith(('did', 'there')) else 'paths start from the current folder'}"
    if not path.is_dir() and not path.is_file():
        return _NO_FILE.format(path)
    return folders.problem(path) if path.is_dir() else files.problem(path)


def identity(
    source: str,
    revision: str | None = None,
    config: str | None = None,
    split: str | None = None,
    *,
    ask: bool = True,
) -> str:
    """Return what a source is: the pocket's version and corpus, the hub's commit, or the sha256 of local content.

    ``revision``, ``config`` and ``split`` are those of the hub. ``ask`` false keeps the network out: then what is not
    pinned to a commit gets a provisional identity. Raises DataError where the hub gives no commit, or a pipe is named.
    """
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import version

        return f"{source}@{version(source.removeprefix(_POCKET))}"
    if source.startswith(shipped.PREFIX):
        return shipped.identity(source)
    if is_hub(source):
        return hub.identity(source, revision, config, split, ask=ask)
    path = Path(source)
    if path.is_dir():
        return f"sha256:{folders.digest(path)}"
    if path.exists() and not path.is_file():
        raise DataError(_NO_FILE.format(path))  # opening a pipe would wait for ever
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def refuse_other(source: str, known_as: str) -> None:
    """Raise DataError if a source is no longer what it was when it was identified; a commit of the hub always is."""
    if not is_hub(source) and identity(source) != known_as:
        raise DataError(f"{source} was edited after the study began; run the study again")


def short_name(identity: str) -> str:
    """Return the part of row ids that names the source, the same wherever it lies.

    Of a hub's set it is the name and a digest of owner, commit, configuration and split: rows of two of them differ.
    """
    if identity.startswith(_POCKET):
        return identity.removeprefix(_POCKET).split("@")[0]
    if identity.startswith(shipped.PREFIX):
        return identity.removeprefix(shipped.PREFIX).split("@")[0]
    if is_hub(identity):
        name = identity.removeprefix(hub.PREFIX).split("@")[0].rpartition("/")[2]
        return f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"
    return identity.removeprefix("sha256:")[:8]


def is_prose(source: str) -> bool:
    """Say whether a source is text files whose first one looks like paragraphs. Reads a few lines."""
    if not is_local(source):
        return False
    path = Path(source)
    first = next((file for _, file in folders.listed(path)), None) if path.is_dir() else path
    return first is not None and files.is_prose(first)


def read(
    source: str, known_as: str | None = None, header: tuple[str, ...] | None = None, txt: files.Txt = "lines"
) -> Iterator[Row | BadRow]:
    """Yield every raw row in order, a ``BadRow`` where one cannot be parsed; raises DataError if nothing can.

    ``known_as`` is the identity, which a source of the hub needs: it says commit, configuration and split. ``header``
    names the columns of local files of separated values that have no header of their own; ``txt`` says how local files
    of .txt are read.
    """
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import corpus

        yield from corpus(source.removeprefix(_POCKET))
    elif source.startswith(shipped.PREFIX):
        yield from shipped.read(source)
    elif is_hub(source):
        yield from hub.read(known_as or hub.identity(source, None, None, None))
    elif Path(source).is_dir():
        yield from folders.read(Path(source), header, txt)
    else:
        yield from files.read(Path(source), header, txt)
