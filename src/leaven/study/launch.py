"""How trainings are started: in how many processes, and by what they share a model. Circumstance: it enters no key."""

from __future__ import annotations

from typing import Literal

from leaven.registry import Count, Declared

Preset = Literal["single", "ddp", "zero2", "zero3", "fsdp2", "device_map"]


class Launch(Declared):
    """A shipped ``preset`` and its number of ``processes``, or ``config``: a file of accelerate."""

    preset: Preset | None = None
    processes: Count | None = None
    config: str | None = None
