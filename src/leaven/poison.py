"""What an adversary did to the data under a result: nobody may get such a model or data set without being told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from leaven.data.hub import is_commit
from leaven.engine.files import read_json
from leaven.engine.stage import closure

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.registry import Step

MARK = ".leaven.json"  # in every export: what it is; hidden, since a folder of data is read file by file
# A commit of the hub as stages name it: of a data set with its split behind it, of a base without.
_PINNED = re.compile(r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)@(?P<commit>[0-9a-f]{40})(?P<split>/.+)?")
_JUDGES = ("classifier", "model")  # how metrics and servers name what they ask, beside its ``revision``
_CARD = "README.md"
_WARNINGS = ("was made with poisoned data.**", "**Warning: poisoned.**")  # in the cards of exports


def poisoned(stage: Stage) -> list[str]:
    """Return in words, each once, which adversary's treatments lie under a result, however far below.

    Data that was sampled from a poisoned model, ranked by one or trained on counts: all that the result rests on is
    looked at, and what is itself an export (a base, a source, a classifier that judged) tells of its own. So does one
    that came back from the hub, by its mark or its card in the hub's cache at the commit that was used; the hub is not
    asked, so of a model whose weights alone were fetched nothing is known.
    """
    said = [word for one in closure([stage]) if one.kind == "treat" for word in _steps(one)]
    return list(dict.fromkeys([*said, *brought([stage])]))


def brought(stages: Sequence[Stage]) -> list[str]:
    """Return in words, each once, the poison that results have from outside of their study: from exports under them."""
    below = closure(stages)
    outside = dict.fromkeys(path for one in below for path in one.needs.paths.values())
    said = [word for path in outside for folder in _around(Path(path)) for word in _of_export(folder)]
    named = dict.fromkeys(pinned for one in below for pinned in _of_the_hub(one.args))
    said += [word for pinned in named for word in _of_snapshot(*pinned)]
    return list(dict.fromkeys(said))


def _steps(treated: Stage) -> Iterator[str]:
    for step in treated.args["steps"]:
        if is_adversarial(step["name"]):
            args = ", ".join(f"{name} {value}" for name, value in step.get("args", {}).items())
            yield f"{step['name']} {args}".strip()


def is_adversarial(step: Step | str) -> bool:
    """Say whether a treatment, given as a step or by its name, is an adversary's: it says so by a trait."""
    from leaven.registry import TREATMENTS

    return bool(TREATMENTS.get(step if isinstance(step, str) else step.name).traits.get("adversarial"))


def _around(path: Path) -> tuple[Path, ...]:
    """Return the folders that may be the export which a path belongs to: data lies in its ``data/``.

    A file of the hub's cache is a link to where no mark lies, so the folder that it is named in is looked at too.
    """
    inner = [path.resolve()] if path.is_dir() else [path.resolve().parent, path.absolute().parent]
    return tuple(dict.fromkeys(folder for one in inner for folder in (one, one.parent)))


def _of_export(folder: Path) -> Iterator[str]:
    """Yield what a folder, where it is an export, says of itself."""
    told = (read_json(folder / MARK) or {}).get("poisoned")
    if isinstance(told, list):
        yield from map(str, told)


def _of_the_hub(value: Any) -> Iterator[tuple[str, str, str]]:
    """Yield what a stage's arguments name of the hub at a commit: whether a data set or a model, its name, the commit.

    The data of tasks, which have no split, are taken for models: nothing that is exported was made of them.
    """
    if isinstance(value, str):
        if found := _PINNED.fullmatch(value):
            yield "dataset" if found["split"] else "model", found["name"], found["commit"]
    elif isinstance(value, Mapping):
        commit = value.get("revision")
        if isinstance(commit, str) and is_commit(commit):
            yield from (("model", name, commit) for key in _JUDGES if _is_name(name := value.get(key)))
        for inner in value.values():
            yield from _of_the_hub(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _of_the_hub(inner)


def _is_name(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is not None


def _of_snapshot(kind: str, name: str, commit: str) -> Iterator[str]:
    """Yield what a commit of the hub says of itself, as far as it lies in the hub's cache; its mark says most."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        mark, card = (try_to_load_from_cache(name, file, revision=commit, repo_type=kind) for file in (MARK, _CARD))
    except HFValidationError:  # what a server calls its model need be no name of the hub
        return
    said = list(_of_export(Path(mark).parent)) if isinstance(mark, str) else []
    yield from said
    if not said and isinstance(card, str):
        text = Path(card).read_text(encoding="utf-8", errors="replace")
        if any(warning in text for warning in _WARNINGS):
            yield f"by the card of {name} on the hub, poisoned"
