"""What the names and values of a study may look like."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

NAME = r"[A-Za-z0-9][A-Za-z0-9_+-]{0,63}"


def _path_safe(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("names become folders: use letters, digits, -, _ and + only, starting with a letter or digit")
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


def _bounds(value: list[float]) -> list[float]:
    if len(value) != 2 or not 0 <= value[0] < value[1] <= 1:
        raise ValueError("should be two bounds within 0 and 1, such as [0, 0.9]; the rest is [0.9, 1]")
    return value


_WIDEST = 60


def brief(value: Any) -> str:
    """Return a value as a person wrote it, cut where it is long."""
    written = repr(value)
    return written if len(written) <= _WIDEST else f"{written[: _WIDEST - 3]}..."


def foreign(key: Any, known: Iterable[str], whose: str) -> str:
    """Say that a key of another's file is not known here; one that is nearly a known one may be needed, and stays."""
    near = difflib.get_close_matches(str(key), list(known), n=1, cutoff=0.8)
    remedy = f"did you mean '{near[0]}'? If not, take it out" if near else "take it out"
    return f"no key of {whose} that is known here; {remedy}"


Bounds = Annotated[list[float], AfterValidator(_bounds)]
