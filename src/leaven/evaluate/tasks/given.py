"""Where a task's rows come from: local files, the embedded world, or what lm-eval itself reads; and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaven.data import hub, sources
from leaven.errors import DataError
from leaven.evaluate.tasks import layouts
from leaven.evaluate.tasks.configs import Leaf, Resolved
from leaven.evaluate.tasks.layouts import LAYOUTS, Layout, Rows

POCKET = "pocket:"
_PACKAGED = {"json", "csv", "parquet", "text", "arrow", "pandas"}  # of the datasets library: they read files
_OWN_CODE = "made by the task's own code"


@dataclass(frozen=True)
class Given:
    """The data of one task: files by split, or a corpus of the embedded world; neither where lm-eval reads it."""

    leaf: Leaf
    files: Mapping[str, list[Path]] | None = None
    corpus: str | None = None

    @property
    def is_ours(self) -> bool:
        """Say whether the rows are read here, so that lm-eval fetches none."""
        return self.files is not None or self.corpus is not None

    @property
    def dataset(self) -> str:
        """Return what the task file names as its data: a set of the hub, a reader of files, or a folder."""
        return str(self.leaf.config.get("dataset_path"))


def given(resolved: Resolved, source: str | None) -> list[Given]:
    """Find the data of every task under a name; ``source`` is a folder, ``pocket:NAME``, or None for what it names.

    Of a group, tasks without files there are left out. Raises DataError where none is left.
    """
    if source is None:
        return [_as_declared(leaf) for leaf in resolved.leaves]
    found = [one for leaf in resolved.leaves if (one := _local(leaf, source)) is not None]
    if not found:
        raise DataError(_nothing_there(resolved, source))
    return found


def _as_declared(leaf: Leaf) -> Given:
    path = str(leaf.config.get("dataset_path"))
    return Given(leaf, corpus=path.removeprefix(POCKET)) if path.startswith(POCKET) else Given(leaf)


def _local(leaf: Leaf, source: str) -> Given | None:
    """Return the local data of one task, None where the splits it asks about are not there."""
    layout = LAYOUTS.get(str(leaf.config.get("dataset_path")))
    if layout is None:
        return None
    if source.startswith(POCKET):
        corpus = source.removeprefix(POCKET)
        return Given(leaf, corpus=corpus) if corpus in layout.pocket else None
    there = layouts.here(layout, Path(source), _config_name(leaf))
    return Given(leaf, files=there) if asked_split(leaf) in there else None


def _config_name(leaf: Leaf) -> str:
    return str(leaf.config.get("dataset_name") or "")


def asked_split(leaf: Leaf) -> str | None:
    """Return the split whose documents lm-eval asks: test, else validation."""
    return leaf.config.get("test_split") or leaf.config.get("validation_split")


def shots_split(leaf: Leaf) -> str | None:
    """Return the split that few-shot examples come from; None where the task lists them itself."""
    own: Any = leaf.config.get("fewshot_config") or {}
    if isinstance(own, Mapping) and own.get("samples") and not own.get("split"):
        return None
    named = isinstance(own, Mapping) and own.get("split")
    splits = (leaf.config.get(name) for name in ("fewshot_split", "training_split", "validation_split", "test_split"))
    return str(named) if named else next((one for one in splits if one), None)


def folder_of(leaves: Sequence[Leaf], name: str, parent: str) -> str | None:
    """Return the folder of a task's files within one of several benchmarks: named as the task, or as its data."""
    layout = LAYOUTS.get(str(leaves[0].config.get("dataset_path")))
    named = [name, *(layout.folders if layout else ())]
    return next((str(path) for one in named if (path := Path(parent) / one).is_dir()), None)


def _nothing_there(resolved: Resolved, source: str) -> str:
    leaf = resolved.leaves[0]
    path = str(leaf.config.get("dataset_path"))
    layout = LAYOUTS.get(path)
    if layout is None:
        known = ", ".join(LAYOUTS)
        return (f"the files of '{resolved.name}' ({path}) have no layout that is known here (those of {known} have); "
                "write a task file over them and name its folder as include_path")  # fmt: skip
    if source.startswith(POCKET):
        have = ", ".join(f"{POCKET}{name}" for name in layout.pocket)
        return f"'{resolved.name}' cannot be made of {source}; take {have}"
    wanted = layout.splits(_config_name(leaf)).get(str(asked_split(leaf)))
    if wanted is None:
        return f"'{resolved.name}' reads columns of {path} that its original files do not have"
    return f"{source} lacks {' and '.join(wanted)}, the original files of '{resolved.name}'"


def splits(one: Given) -> dict[str, Rows]:
    """Read every split that the task names, as the columns that it reads; a split that is not there is empty."""
    assert one.is_ours, "lm-eval reads the others"
    keys = ("training_split", "validation_split", "test_split", "fewshot_split")
    named = {str(one.leaf.config[key]) for key in keys if one.leaf.config.get(key)}
    named |= {split} if (split := shots_split(one.leaf)) else set()
    layout = LAYOUTS.get(one.dataset)
    if one.corpus is not None:
        made, asked = _of_the_pocket(one.corpus, layout), asked_split(one.leaf)
        return {name: made if name == asked else [] for name in named}
    assert one.files is not None and layout is not None, "files are read by a layout"
    return {name: layouts.read(layout, one.files[name]) if name in one.files else [] for name in named}


def _of_the_pocket(corpus: str, layout: Layout | None) -> Rows:
    from leaven.pocket.corpora import corpus as rows_of

    rows = rows_of(corpus)
    return [layout.pocket[corpus](row) for row in rows] if layout else rows


def identities(found: Sequence[Given], *, ask: bool = True) -> dict[str, str]:
    """Return what the data of tasks is, by the name that the task files give it.

    Local files are known by their content, a set of the hub by its commit, which is asked for unless ``ask`` is false.
    Raises DataError that says how to go on where the hub gives none.
    """
    ours = [path for one in found for paths in (one.files or {}).values() for path in paths]
    made = {"files": _digest(ours)} if ours else {}
    for one in found:
        if one.corpus is not None:
            made[f"{POCKET}{one.corpus}"] = sources.identity(f"{POCKET}{one.corpus}")
        elif one.files is None:
            made.update(_of_lm_eval(one, made, ask=ask))
    return made


def _digest(paths: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for path in sorted(set(paths)):
        whole.update(f"{path.name}\0{sources.identity(str(path))}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _of_lm_eval(one: Given, known: Mapping[str, str], *, ask: bool) -> Iterator[tuple[str, str]]:
    """Yield name and identity of what the datasets library will read for a task, unless that is known already."""
    kwargs = one.leaf.config.get("dataset_kwargs") or {}
    if "custom_dataset" in one.leaf.config:
        yield one.leaf.name, _OWN_CODE
    elif one.dataset in _PACKAGED:
        for name in _data_files(kwargs.get("data_files")):
            yield name, name if "://" in name else _local_file(one.leaf, name)
    elif Path(one.dataset).is_dir():
        yield one.dataset, sources.identity(one.dataset)
    elif (name := hub_name(one)) not in known:
        yield name, _commit(one, kwargs.get("revision"), ask=ask)


def hub_name(one: Given) -> str:
    """Return the name under which ``identities`` tells the commit of a task's set of the hub."""
    revision = (one.leaf.config.get("dataset_kwargs") or {}).get("revision")
    return f"{one.dataset}@{revision or 'main'}"


def _data_files(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    for one in value if isinstance(value, list) else [value]:
        yield from _data_files(one) if isinstance(one, list | Mapping) else [str(one)]


def _local_file(leaf: Leaf, name: str) -> str:
    try:
        return sources.identity(name)
    except OSError as error:
        raise DataError(f"the data file {name} of task '{leaf.name}' cannot be read: {error.strerror}") from error


def _commit(one: Given, revision: str | None, *, ask: bool) -> str:
    if hub.is_commit(revision):
        return f"{hub.PREFIX}{one.dataset}@{revision}"
    if not ask:
        return hub.provisional(one.dataset, revision)
    try:
        return f"{hub.PREFIX}{one.dataset}@{hub.commit(one.dataset, revision)}"
    except DataError as error:
        said = f"the data of task '{one.leaf.name}' ({one.dataset}) cannot be reached"
        raise DataError(f"{said}: {str(error).partition('; ')[0]}; {_instead(one)}") from error


def _instead(one: Given) -> str:
    """Say how a task can be asked without the hub."""
    layout = LAYOUTS.get(one.dataset)
    if layout is None:
        return "name a folder with a task file over files of your own as `include_path`"
    return f"name the folder of its original files as `local: {{{layout.folders[0]}: FOLDER}}`"
