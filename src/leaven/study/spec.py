"""The study: what a researcher declares. Field names are those of transformers, TRL, PEFT and lm-eval.

A ``Study`` made from a YAML file and one made in Python are the same value and give the same keys. Making one
validates all of it; every problem is raised at once, as a ``StudyError``.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from leaven.errors import StudyError
from leaven.registry import Count, Declared, Positive, Step
from leaven.study.load import Loaded, Places

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


def _path_safe(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("names become folders: use letters, digits, - and _ only, starting with a letter or digit")
    return name


Name = Annotated[str, AfterValidator(_path_safe)]
Scalar = str | float | int | bool | None


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("should be a finite number")
    if value is not None and not isinstance(value, str | float | int):
        raise ValueError("should be a number, a text, true, false or null")
    return value


SweptValue = Annotated[Any, AfterValidator(_scalar)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Model(Declared):
    """The base model and how it is loaded and spoken to."""

    model_name_or_path: str
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    attn_implementation: str | None = None
    trust_remote_code: bool = False
    chat_template_path: str | None = None  # a jinja file, or the name of a shipped template
    pad_token: str | None = None
    eos_token: str | None = None


class Data(Declared):
    """A source, how its rows are read, and which of them are taken."""

    source: str
    format: Step
    skip: Annotated[int, Field(ge=0)] = 0
    take: Count | None = None
    bad_rows: Literal["error", "drop"] = "error"
    held_out_from: list[str] = Field(default_factory=list)


class Arm(Declared):
    """What one arm does differently; ``${name}`` in its values takes the sweep's value."""

    sweep: dict[Name, list[SweptValue]] = Field(default_factory=dict)
    replicate: Annotated[int, Field(ge=0)] = 0
    treat: list[Step] = Field(default_factory=list)
    train: list[Step] | None = None
    model: dict[str, Any] = Field(default_factory=dict)


def _nothing_special(value: Any) -> Any:
    return {} if value is None else value  # `clean:` with nothing behind it


class Compare(Declared):
    """Which contrasts are drawn, and which of them carry the answer."""

    to: str
    dose: str | None = None
    primary: Annotated[list[str], Field(max_length=3)] = Field(default_factory=list)
    margin: dict[str, Positive] = Field(default_factory=dict)


class Shape(Declared):
    """The fields of a study, each valid in itself; that they fit together is checked in ``validate``."""

    name: Name
    question: str = ""
    model: Model
    data: dict[Name, Data]
    arms: Annotated[dict[Name, Annotated[Arm, BeforeValidator(_nothing_special)]], Field(min_length=1)]
    train: list[Step] = Field(default_factory=list)
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(default_factory=lambda: [0])
    evaluate: Annotated[list[Step], Field(min_length=1)]
    compare: Compare
    profile: str | None = None  # which profile and settings made it: names the folder, never enters a key
    settings: list[str] = Field(default_factory=list)


class Study(Shape):
    """A whole study: model, data, arms, training, seeds, measurements and comparisons."""

    def __init__(self, **raw: Any):
        """Validate everything; raises StudyError with all problems at once."""
        from leaven.study.validate import problems

        found = problems(raw, Places())
        if found:
            raise StudyError(found)
        super().__init__(**raw)

    @classmethod
    def from_loaded(cls, loaded: Loaded) -> Study:
        """Make the study that a file, its profile and its settings declare; raises StudyError with file and line."""
        from leaven.study.validate import problems

        found = problems(loaded.raw, loaded.places)
        if found:
            raise StudyError(found)
        made = cls(**loaded.raw)
        return made.model_copy(update={"profile": loaded.profile, "settings": list(loaded.settings)})
