"""Leaven: what does this data do to my model?

The public names, imported at first use so that ``leaven --help`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaven.registry import format, metric, suite, trainer, treatment
    from leaven.study.spec import Study
    from leaven.verbs import check, load, plan, results, run

__version__ = "0.1.0"

_HOMES = {
    "Study": "leaven.study.spec",
    "check": "leaven.verbs",
    "load": "leaven.verbs",
    "plan": "leaven.verbs",
    "run": "leaven.verbs",
    "results": "leaven.verbs",
    "treatment": "leaven.registry",
    "metric": "leaven.registry",
    "trainer": "leaven.registry",
    "suite": "leaven.registry",
    "format": "leaven.registry",
}

__all__ = [
    "Study",
    "check",
    "format",
    "load",
    "metric",
    "plan",
    "results",
    "run",
    "suite",
    "trainer",
    "treatment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'leaven' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
