"""What a study declares of the model and the data that the doctor is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leaven import declared
from leaven.doctor.asked import Asked
from leaven.errors import DataError
from leaven.registry import TRAINERS
from leaven.study.matrix import expand
from leaven.study.own import trainings_own

if TYPE_CHECKING:
    from leaven.study.spec import Study

STUDIES = (".yaml", ".yml")


def of_study(asked: Asked) -> tuple[Asked, list[str]]:
    """Take model and data from a study, where one is named, and how it trains on them, with a note that says which.

    Raises StudyError or DataError if they are not there.
    """
    if not asked.model.endswith(STUDIES):
        return asked, []
    study = declared.load(asked.model, workspace=asked.workspace)
    model = study.model.model_dump()
    names = ("chat_template_path", "eos_token", "pad_token", "revision", "attn_implementation")
    said: dict[str, Any] = {name: getattr(asked, name) or model.get(name) for name in names}
    asked = replace(asked, model=model["model_name_or_path"], **said)
    if asked.data is None:
        return asked, []
    data = study.data.get(asked.data)
    if data is None or data.source is None:
        listed = ", ".join(name for name, one in study.data.items() if one.source is not None) or "none"
        raise DataError(f"the study has no data '{asked.data}' with a source of its own; it has: {listed}")
    asked, notes = _as_trained(asked, study, asked.data)
    return replace(asked, data=data.source, format=asked.format or data.format, take=asked.take or data.take), notes


@dataclass(frozen=True)
class _Training:
    """A training of the study: where it stands, and to what length it reads its rows."""

    arm: str
    trainer: str
    max_length: int
    truncation: bool
    assistant_only_loss: bool


def _as_trained(asked: Asked, study: Study, name: str) -> tuple[Asked, list[str]]:
    """Take length and loss from the study's training on data that reads least of a row; a given length goes before."""
    found = list(_trainings(study, name))
    if asked.max_length is not None or not found:
        return asked, []
    least = min(found, key=lambda one: one.max_length)
    lengths = {one.max_length for one in found}
    among = f" (the smallest of {len(lengths)} in the study)" if len(lengths) > 1 else " (as all have it in the study)"
    cut = ", which cuts longer rows there" if least.truncation else ""
    note = f"max_length is {least.max_length}, that of {least.trainer} in the arm {least.arm}{cut}{among}"
    cuts, every = asked.truncation or least.truncation, asked.assistant_only_loss or least.assistant_only_loss
    return replace(asked, max_length=least.max_length, truncation=cuts, assistant_only_loss=every), [note]


def _trainings(study: Study, name: str) -> Iterator[_Training]:
    """Yield the trainings on a data set, or on a mixture that it is part of, that say how long a row may be."""
    mixed = {other for other, one in study.data.items() if name in (one.mixture or ())}
    for arm in expand(study):
        for step in arm.train:
            if step.args.get("data") in {name, *mixed}:
                settings = TRAINERS.get(step.name).declare(trainings_own(step)).model_dump()
                if settings.get("max_length") is not None:
                    flags = (bool(settings.get(flag)) for flag in ("truncation", "assistant_only_loss"))
                    yield _Training(arm.name, step.name, settings["max_length"], *flags)
