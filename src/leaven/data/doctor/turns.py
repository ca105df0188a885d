"""Rows turn by turn: where several answers of a conversation are trained, each must end in the loss."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from leaven.data.chat import IGNORED, Encoded
from leaven.data.doctor.finding import Finding

_TAIL = 4  # as in the examination: a template may print a newline or two after EOS


class Turns:
    """Counts rows with a trained answer, before the last, that does not end at a stop id."""

    def __init__(self, tokenizer: Any, stops: Collection[int]):
        self._tokenizer, self._stops = tokenizer, set(stops)
        self._rows, self._first = 0, ""

    def look(self, encoded: Sequence[Encoded]) -> None:
        """Examine some rows, encoded with ``assistant_only_loss``."""
        for row in encoded:
            unended = next((span for span in list(_spans(row))[:-1] if self._stops.isdisjoint(span[-_TAIL:])), None)
            if unended is not None:
                self._rows += 1
                self._first = self._first or f"{row.id} trains an answer that ends in {self._end(unended)!r}"

    def _end(self, span: Sequence[int]) -> str:
        return str(self._tokenizer.decode(span[-_TAIL:]))

    def findings(self) -> list[Finding]:
        """Return the finding, if any row shows it."""
        if not self._rows:
            return []
        said = "an answer before the last is trained without EOS: the model learns to go on"
        remedy = "print {{ eos_token }} after every assistant turn, and within the part that is trained"
        return [Finding("error", "turns", said, f"{self._rows} rows, first {self._first}", remedy, self._rows)]


def _spans(row: Encoded) -> Iterator[list[int]]:
    """Yield the runs of trained ids."""
    span: list[int] = []
    for label in row.labels:
        if label != IGNORED:
            span.append(label)
        elif span:
            yield span
            span = []
    if span:
        yield span
