"""What an adversary did to the data under a result: nobody may get such a model or data set without being told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import read_json
from leaven.engine.stage import closure

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.registry import Step

MARK = ".leaven.json"  # in every export: what it is; hidden, since a folder of data is read file by file


def poisoned(stage: Stage) -> list[str]:
    """Return in words, each once, which adversary's treatments lie under a result, however far below.

    Data that was sampled from a poisoned model, ranked by one or trained on counts: all that the result rests on is
    looked at, and what is itself an export (a base, a source, a classifier that judged) tells of its own.
    """
    below = closure([stage])
    said = [word for one in below if one.kind == "treat" for word in _steps(one)]
    outside = dict.fromkeys(path for one in below for path in one.needs.paths.values())
    said += [word for path in outside for folder in _around(Path(path)) for word in _of_export(folder)]
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
    """Return the folders that may be the export which a path belongs to: data lies in its ``data/``."""
    inner = path.resolve() if path.is_dir() else path.resolve().parent
    return inner, inner.parent


def _of_export(folder: Path) -> Iterator[str]:
    """Yield what a folder, where it is an export, says of itself."""
    told: Any = (read_json(folder / MARK) or {}).get("poisoned", ())
    yield from (str(one) for one in told if isinstance(told, list))
