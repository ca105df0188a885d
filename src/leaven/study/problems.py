"""Problems of a study as they are found: each with its place, its value and a remedy."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from leaven.errors import Problem, did_you_mean
from leaven.registry import OF_ALL, Plugin, Registry, Step
from leaven.study.load import Places, Steps
from leaven.study.names import brief


@dataclass
class Check:
    """Collects problems; knows the places."""

    places: Places
    found: list[Problem] = field(default_factory=list)
    unsound: frozenset[str] = frozenset()  # arms, by their names in the study, of which something was said already

    def say(self, steps: Steps, message: str, remedy: str = "") -> None:
        """Note a problem once."""
        problem = Problem(self.places.of(steps), message, remedy)
        if problem not in self.found:
            self.found.append(problem)

    def no_arm(self, steps: Steps, name: str, known: Iterable[str]) -> None:
        """Note that an arm is not there; of one that is there and unsound its own fault is enough."""
        if name.partition("@")[0] not in self.unsound:
            self.say(steps, f"there is no arm called '{name}'", did_you_mean(name, known))

    def take(self, error: ValidationError, steps: Steps, known: Mapping[str, Any], depth: int = 1) -> None:
        """Turn pydantic's errors into problems; ``known`` are the fields allowed ``depth`` steps below."""
        for one in error.errors():
            place = (*steps, *(part for part in one["loc"] if part != "[key]"))
            if one["type"] == OF_ALL:
                message, _, remedy = str(one["msg"]).partition("; ")
                self.say(place[:-1], message, remedy)
                continue
            self.say(place, *_wording(one, _inside(known, one["loc"][depth - 1 :])))

    def plugin(self, registry: Registry, step: Step, steps: Steps, *, without: tuple[str, ...] = ()) -> Plugin | None:
        """Check a step's name and arguments against its registry; return the plug-in if it exists."""
        try:
            found = registry.get(step.name)
        except KeyError as error:
            self.say(steps, str(error.args[0]))
            return None
        args = {name: value for name, value in step.args.items() if name not in without}
        try:
            found.declare(args)
        except ValidationError as error:
            self.take(error, (*steps, step.name), {**found.schema.model_fields, **dict.fromkeys(without)})
        return found


def fields(annotation: Any) -> dict[str, Any]:
    """Return the fields of the declarations inside an annotation such as ``Launch | None`` or ``dict[str, Part]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return dict(annotation.model_fields)
    return {name: about for inner in typing.get_args(annotation) for name, about in fields(inner).items()}


def _inside(known: Mapping[str, Any], below: Sequence[str | int]) -> Mapping[str, Any]:
    """Return the fields allowed where these steps end; an index, or a name that a person chose, leads no deeper."""
    for part in below[:-1]:
        about = known.get(str(part))
        known = known if about is None else fields(about.annotation)
    return known


_UNSHOWN = ("base_url", "api_key_env")  # a password or a key may stand there by mistake


def _wording(error: Any, known: Mapping[str, Any]) -> tuple[str, str]:
    """Return message and remedy for one of pydantic's errors."""
    name, value = str(error["loc"][-1]) if error["loc"] else "", error.get("input")
    if error["type"] == "extra_forbidden":
        return f"there is no '{name}' here", did_you_mean(name, known) if known else ""
    if error["type"] == "missing":
        return "is missing", "it has no default"
    if error["type"] == "model_type":
        return f"{value!r} is no mapping of names to values", ""
    if isinstance(value, Mapping) and error["type"] == "value_error":  # of the whole: what is wrong says itself
        return str(error["msg"]).removeprefix("Value error, "), ""
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if name in _UNSHOWN:
        return f"its value {said}", ""
    nobodys = value is None and error["type"] == "value_error"  # a default that was looked at: nothing to show
    return said if nobodys else f"{brief(value)}: {said}", ""


def names_data(parts: Mapping[str, Any], value: Any, at: Steps, check: Check) -> None:
    """Check that a value names data of the study."""
    declared = parts["data names"]  # with the unsound ones: one fault is said once
    if value is None:
        check.say(at, "is missing", f"name one of: {', '.join(declared)}")
    elif value not in declared:
        check.say(at, f"there is no data called '{value}'", did_you_mean(str(value), declared))
