"""An arm's treatments, in order, on one batch of rows after the other: memory holds one batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.data.treatments.columns import dataset, table
from leaven.data.treatments.draw import Draw
from leaven.data.treatments.ledger import ledger
from leaven.errors import DataError
from leaven.registry import TREATMENTS, Plugin

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


@dataclass
class Applied:
    """One treatment and what it came to so far; field names are those of a record's ledger."""

    plugin: Plugin
    args: Mapping[str, Any]
    draw: Draw
    rows: int = 0
    eligible: int = 0
    changed: int = 0
    already: int = 0

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Applied:
        """Make one from a stage's arguments: name, args, seed, and a label where a name stands more than once."""
        label = step.get("label", step["name"])
        return cls(TREATMENTS.get(step["name"]), step["args"], Draw(step["seed"], label))

    def treat(self, rows: Dataset) -> tuple[Dataset, pa.Table]:
        """Return a batch treated, and its ledger."""
        treated = self.plugin.call(rows, self.draw, args=self.args)
        lines = ledger(rows, treated.rows, self.draw.step)
        self.rows += len(rows)
        self.eligible += treated.eligible
        self.changed += lines.num_rows
        self.already += treated.already
        return treated.rows, lines

    def counts(self) -> dict[str, Any]:
        """Return what a record says of the step; raises DataError if it could not treat a single row of all."""
        label = self.draw.step
        if not self.eligible:
            raise DataError(f"{label}: no row of {self.rows} can be treated, so it would test nothing: {self._why()}")
        counted = {name: getattr(self, name) for name in ("rows", "eligible", "changed", "already")}
        return {"step": label, **counted}

    def _why(self) -> str:
        if self.already:
            return f"{self.already} hold the planted text already; plant another text"
        return "ties and equal answers cannot be; take data with preferred answers, or leave the treatment out"


def treat(
    batches: Iterable[pa.Table | pa.RecordBatch], steps: Sequence[Applied]
) -> Iterator[tuple[pa.Table, list[pa.Table]]]:
    """Yield each batch of rows after all steps, with each step's ledger."""
    import pyarrow as pa

    for batch in batches:
        now, lines = dataset(batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])), []
        for step in steps:
            now, line = step.treat(now)
            lines.append(line)
        yield table(now), lines
