"""What a prompt-time method does to all that a model is asked or reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wrap:
    """What one prompt-time method asks for. ``control``: tokens in front, in their order."""

    control: tuple[str, ...] = ()
