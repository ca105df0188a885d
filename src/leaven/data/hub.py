"""Data sets of the hub: which commit a revision is, and its rows, streamed or from the snapshot in the hub's cache.

A commit is content: ``hub:owner/name@<commit>[/config]/split`` says which rows there are, wherever they are read.
Sets with a loading script are refused (code of strangers does not run); their rows stand in the conversion to Parquet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaven.errors import DataError
from leaven.rows import Row

PREFIX = "hub:"
CONVERTED = "refs/convert/parquet"  # where the hub keeps the rows of every set it could convert
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_IDENTITY = re.compile(r"hub:(?P<name>[^@]+)@(?P<commit>[0-9a-f]{40})(?:/(?P<config>.+))?/(?P<split>[^/]+)")
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\..*)?")
_PIN = "pin `revision` to a full commit (40 hexadecimal digits), or name a local file"
_SECONDS = 10


@dataclass(frozen=True)
class HubSet:
    """One split of one configuration of a data set, at one commit."""

    name: str
    commit: str
    config: str | None
    split: str

    @classmethod
    def parse(cls, identity: str) -> HubSet:
        """Read an identity; raises DataError if it names no commit."""
        found = _IDENTITY.fullmatch(identity)
        if found is None:
            raise DataError(f"{identity} names no commit; {_PIN}")
        return cls(**found.groupdict())


def is_commit(revision: str | None) -> bool:
    """Say whether a revision is a full commit, which needs no asking and never moves."""
    return _COMMIT.fullmatch(revision or "") is not None


def problem(source: str) -> str | None:
    """Say what is wrong with a source's name; None if nothing is. Asks nobody."""
    name = source.removeprefix(PREFIX)
    return None if _NAME.fullmatch(name) else f"'{name}' is no name of a data set of the hub; write hub:owner/name"


def identity(source: str, revision: str | None, config: str | None, split: str | None, *, ask: bool = True) -> str:
    """Return name, commit, configuration and split; a full commit is taken as it is, else the hub is asked.

    With ``ask`` false an unpinned set gets a provisional identity (``hub:owner/name@main?...``), which stands for none.
    """
    name, inside = source.removeprefix(PREFIX), f"{f'/{config}' if config else ''}/{split or 'train'}"
    if is_commit(revision):
        return f"{PREFIX}{name}@{revision}{inside}"
    if not ask:
        return provisional(name, revision, inside)
    return f"{PREFIX}{name}@{commit(name, revision)}{inside}"


def provisional(name: str, revision: str | None, inside: str = "") -> str:
    """Return what stands for an identity until the hub was asked; it says the revision as the study writes it."""
    return f"{PREFIX}{name}@{revision or 'main'}?{inside}"


def commit(name: str, revision: str | None) -> str:
    """Ask the hub which commit a revision is; raises DataError, which says what to write instead."""
    import huggingface_hub

    try:
        about = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=_SECONDS)
    except Exception as error:  # the client raises many kinds: offline, gated, missing, timeouts
        raise DataError(_explained(name, revision, error)) from error
    names = [str(one.rfilename) for one in about.siblings or []]
    if names and _has_script(name, names):
        raise DataError(_script(name))
    return str(about.sha)


def read(identity: str, cache: Path | None = None) -> Iterator[Row]:
    """Yield the rows of an identity; online they are streamed, offline they come from the hub's cache.

    ``cache`` is the folder of the hub's cache; without one it is where the environment says. Raises DataError.
    """
    one = HubSet.parse(identity)
    place = _snapshot(one, cache) if _offline() else _remote(one, cache)
    try:
        yield from _rows(one, place, cache)
    except Exception as error:  # builders of the datasets library raise whatever their readers raise
        if isinstance(error, DataError):
            raise
        raise DataError(_explained(one.name, one.commit, error)) from error


def _offline() -> bool:
    import datasets.config
    import huggingface_hub.constants

    return bool(huggingface_hub.constants.HF_HUB_OFFLINE or datasets.config.HF_HUB_OFFLINE)


def _remote(one: HubSet, cache: Path | None) -> str | Path:
    """Return the set's place on the hub, or its snapshot where the hub cannot be reached."""
    try:
        commit(one.name, one.commit)
    except DataError as error:
        if not _unreachable(error.__cause__):
            raise
        return _snapshot(one, cache)
    return f"hf://datasets/{one.name}"  # said so, a folder `owner/name` that lies here is not read in its place


def _snapshot(one: HubSet, cache: Path | None) -> Path:
    """Return the folder of a commit in the hub's cache, all of whose files are there as far as can be told."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = huggingface_hub.snapshot_download(
            one.name, repo_type="dataset", revision=one.commit, local_files_only=True, cache_dir=cache
        )
    except LocalEntryNotFoundError as error:
        have = f"`hf download {one.name} --repo-type dataset --revision {one.commit}` where there is a network fills it"
        raise DataError(
            f"hub:{one.name} cannot be read offline: the hub's cache has not all of commit {one.commit}; {have}"
        ) from error
    names = [path.relative_to(found).as_posix() for path in Path(found).rglob("*") if path.is_file()]
    if _has_script(one.name, names):
        raise DataError(_script(one.name))
    if lacking := _lacking(names):
        raise DataError(f"hub:{one.name}: the hub's cache lacks {lacking} of commit {one.commit}; download it whole")
    return Path(found)


def _has_script(name: str, names: list[str]) -> bool:
    return f"{name.rpartition('/')[2]}.py" in names


def _lacking(names: list[str]) -> str | None:
    """Return a shard that names of others say there is (``-00000-of-00004``), None if all are there."""
    for name in names:
        if shard := _SHARD.fullmatch(name):
            stem, _, total, end = shard.groups(default="")
            whole = [f"{stem}-{index:05}-of-{total}{end}" for index in range(int(total))]
            if lacking := next((one for one in whole if one not in names), None):
                return lacking
    return None


def _rows(one: HubSet, place: str | Path, cache: Path | None) -> Iterator[Row]:
    """Stream the split; the datasets library knows which files a configuration and a split are."""
    import tempfile

    import datasets

    pinned: dict[str, Any] = {} if isinstance(place, Path) else {"revision": one.commit}
    with tempfile.TemporaryDirectory() as scratch:  # the library prepares nothing here, but wants a place to do so
        builder = datasets.load_dataset_builder(str(place), one.config, cache_dir=scratch, **pinned)
        if type(builder).__module__.endswith("packaged_modules.cache.cache"):
            raise DataError(f"hub:{one.name} cannot be reached, and what is in the cache may be another commit")
        yield from builder.as_streaming_dataset(split=one.split)


def _script(name: str) -> str:
    return (
        f"hub:{name} is read by a loading script, and scripts of strangers are not run; take the rows that the hub "
        f"converted: `revision: {CONVERTED}` (or the commit it stands for)"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_UNREACHABLE = (
    "OfflineModeIsEnabled",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionError",
    "ReadTimeout",
    "ProxyError",
)


def _unreachable(error: BaseException | None) -> bool:
    return any(type(one).__name__ in (*_UNREACHABLE, "TimeoutException") for one in _chain(error))


def _explained(name: str, revision: str | None, error: Exception) -> str:
    """Say in one line why the hub gave no rows, and what to do."""
    kinds = {type(one).__name__ for one in _chain(error)}
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    if "no longer supported" in first:
        return _script(name)
    if "GatedRepoError" in kinds or "is a gated dataset" in first:
        return f"hub:{name} is gated: ask for access on its page and log in (`hf auth login`), or name a local file"
    if "RevisionNotFoundError" in kinds or first.startswith("Revision '"):
        return f"hub:{name} has no revision '{revision}'; take one that its page shows, or leave `revision` out"
    if kinds & {"RepositoryNotFoundError", "HFValidationError"} or "doesn't exist on the Hub" in first:
        return f"the hub shows nobody a data set '{name}' (unknown, or private): check the name, or log in"
    if _unreachable(error):
        return (
            f"the hub cannot be asked about '{name}' at {revision or 'main'} (offline: {type(error).__name__}); {_PIN}"
        )
    return f"hub:{name} cannot be read: {type(error).__name__}: {first}"
