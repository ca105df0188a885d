"""What a suite measures, in the words that a table and a report need."""

from __future__ import annotations

from dataclasses import dataclass

AVERAGE = "average"  # what the mean over a group of tasks is called


@dataclass(frozen=True)
class Measure:
    """One measured quantity; ``unit`` is ``share`` (0 to 1, shown in percent), ``score``, or a word.

    ``better`` is ``higher``, ``lower`` or None. What is ``beside`` is printed beside others and never compared. With
    ``groups`` it is a quantity of rows of these groups alone; of others it has no value, and none is missing there.
    """

    name: str
    says: str = ""
    better: str | None = None
    unit: str = "score"
    beside: bool = False
    groups: tuple[str, ...] = ()
