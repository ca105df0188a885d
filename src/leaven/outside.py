"""What is wrong outside a study's file: sources whose head does not fit, models that are no models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaven.errors import LeavenError, Problem
from leaven.study.load import Loaded


def problems(loaded: Loaded) -> list[Problem]:
    """Return what is wrong outside the file: sources whose head does not fit, models that are no models."""
    from leaven.study.spec import Data

    found: list[Problem] = []
    declared = loaded.raw.get("data")
    for name, raw in declared.items() if isinstance(declared, dict) else []:
        try:
            data = Data.model_validate(raw)
        except ValueError:
            continue  # reported with the study's structure
        if said := _source_problem(data):
            found.append(Problem(loaded.places.of(("data", name, "source")), said))
    return [*found, *_model_problems(loaded)]


def _model_problems(loaded: Loaded) -> Iterator[Problem]:
    """Yield what is wrong with the study's model and with those that arms put in its place."""
    from leaven.models import ref
    from leaven.study.matrix import expand_arm
    from leaven.study.spec import Arm, Model

    base, arms = loaded.raw.get("model"), loaded.raw.get("arms")
    if not isinstance(base, dict):
        return
    declared: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [(("model",), base)]
    for stem, raw in arms.items() if isinstance(arms, dict) else []:
        try:
            expanded = list(expand_arm(str(stem), Arm.model_validate(raw or {}), []))
        except (ValueError, LookupError):
            continue  # reported with the study's structure
        declared += [(("arms", str(stem), "model"), {**base, **arm.model}) for arm in expanded if arm.model]
    for steps, one in declared:
        try:
            said = ref.problem(Model.model_validate(one).model_dump())
        except ValueError:
            continue  # as above
        if said:
            yield Problem(loaded.places.of((*steps, "model_name_or_path")), said)


def _source_problem(data: Any) -> str | None:
    from leaven.data import canonical, sources
    from leaven.registry import FORMATS

    if said := sources.problem(data.source):
        return said
    try:
        FORMATS.get(data.format.name).declare(data.format.args)
    except (KeyError, ValueError):
        return None  # reported with the study's structure
    try:
        said = canonical.head_problem(data.source, data.format, canonical.Slice(data.skip, data.take), data.bad_rows)
    except LeavenError as error:
        return str(error)
    return said and f"{Path(data.source).name}: {said}"
