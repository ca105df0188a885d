"""What an adversary did to the data under a result: nobody may get such a model or data set without being told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import read_json
from leaven.engine.stage import closure

if TYPE_CHECKING:
    from leaven.engine.stage import Stage

MARK = ".leaven.json"  # in every export: what it is; hidden, since a folder of data is read file by file
_ADVERSARIES = ("leaven.data.treatments.poison", "leaven.data.treatments.answers")


def poisoned(stage: Stage) -> list[str]:
    """Return in words, each once, which adversary's treatments lie under a result, however far below.

    Data that was sampled from a poisoned model, ranked by one or trained on counts: all that the result rests on is
    looked at, and a base that is itself an export tells of its own.
    """
    below = closure([stage])
    said = [word for one in below if one.kind == "treat" for word in _steps(one)]
    said += [word for one in below if (base := one.needs.paths.get("base")) for word in _of_export(Path(base))]
    return list(dict.fromkeys(said))


def _steps(treated: Stage) -> Iterator[str]:
    for step in treated.args["steps"]:
        if is_adversarial(step["name"]):
            args = ", ".join(f"{name} {value}" for name, value in step.get("args", {}).items())
            yield f"{step['name']} {args}".strip()


def is_adversarial(name: str) -> bool:
    """Say whether a treatment is an adversary's: it says so by a trait, or stands among those that plant and poison."""
    from leaven.registry import TREATMENTS

    plugin = TREATMENTS.get(name)
    return bool(plugin.traits.get("adversarial", plugin.function.__module__ in _ADVERSARIES))


def _of_export(folder: Path) -> Iterator[str]:
    """Yield what an export that serves as a base says of itself."""
    told: Any = (read_json(folder / MARK) or {}).get("poisoned", ())
    yield from (str(one) for one in told if isinstance(told, list))
