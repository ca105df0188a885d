"""Which lines of a stage's log are quoted where it failed: those that say what happened, not a library's warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_WARNS = re.compile(r"\S.*:\d+: (\w*Warning): ")  # as Python writes it: file, line, kind, message
_OF_TOMORROW = ("FutureWarning", "DeprecationWarning", "PendingDeprecationWarning")


def quoted(lines: Sequence[str], most: int) -> list[str]:
    """Return the last lines of a log, without what will be renamed tomorrow; other warnings make room for the rest."""
    told = _innermost_last(list(_without(lines, _OF_TOMORROW)))
    if len(told) > most:
        told = list(_without(told)) or told
    return told[-most:]


def _without(lines: Sequence[str], kinds: Sequence[str] | None = None) -> Iterator[str]:
    """Yield lines but for warnings of these kinds, or of all, and the line of code that Python quotes below each."""
    warned = False
    for line in lines:
        found = _WARNS.match(line)
        if warned and found is None and line.startswith("  "):
            warned = False
            continue
        warned = found is not None and (kinds is None or found[1] in kinds)
        if not warned:
            yield line


def _innermost_last(lines: list[str]) -> list[str]:
    """Turn the dump of a crashed or hanging interpreter round: its first line matters most, and tails are cut."""
    begins = max((at for at, line in enumerate(lines) if line.endswith("(most recent call first):")), default=None)
    if begins is None:
        return lines
    calls = [line for line in lines[begins + 1 :] if line.startswith("  File ")]
    return [*lines[:begins], "where it was, innermost call last:", *reversed(calls)]
