"""A stage's key: sha256 over canonical JSON of kind, version, arguments and the keys of its inputs.

Nothing else may enter: not paths, hosts, devices or thread counts (those are ``Needs``), and not code (a verb's
``version`` is raised by hand). What has no canonical form raises, because a key that guesses is worse than none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

LENGTH = 32  # hex digits kept of sha256: 128 bits


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8.

    Raises TypeError for anything but None, bool, int, finite float, str, list, tuple and dict with text keys.
    """
    return json.dumps(_plain(value, "value"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def key(kind: str, version: int, args: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return the key of a stage; ``inputs`` maps an input's name to its key."""
    text = canonical({"kind": kind, "version": version, "args": dict(args), "inputs": dict(inputs)})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if isinstance(value, float):
        return _finite(value, place)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {_text(name, place): _plain(item, f"{place}.{name}") for name, item in value.items()}
    raise TypeError(f"{place} is a {type(value).__name__}, which has no canonical form and cannot enter a key")


def _finite(value: float, place: str) -> float:
    if not math.isfinite(value):
        raise TypeError(f"{place} is {value}, which cannot enter a key")
    return value + 0.0  # -0.0 and 0.0 mean the same


def _text(name: Any, place: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{place} has the key {name!r}, which is not text")
    return name
