"""Labels that tell sources apart which have one name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def apart(labels: Sequence[str], places: Sequence[str]) -> list[str]:
    """Make labels differ, by as much of the end of each place as it takes, then by number."""
    made = list(labels)
    parts = [Path(place).absolute().parts[1:] for place in places]
    for length in range(1, max(map(len, parts)) + 1):
        if not (same := _twice(made)):
            break
        made = [_end(own, length) if one in same else one for one, own in zip(made, parts, strict=True)]
    same = _twice(made)
    return [f"{one} ({number})" if one in same else one for number, one in enumerate(made, start=1)]


def _end(parts: Sequence[str], length: int) -> str:
    """Return the last parts of a path; all of them are the path itself."""
    return "/".join(parts[-length:]) if length < len(parts) else f"/{'/'.join(parts)}"


def _twice(labels: Sequence[str]) -> set[str]:
    return {label for label in labels if labels.count(label) > 1}
