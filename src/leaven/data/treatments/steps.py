"""An arm's treatments, in order, on one batch of rows after the other: memory holds one batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leaven.data.attributes import Attribute
from leaven.data.labelled import Labels, Tally
from leaven.data.treatments.columns import column, dataset, table
from leaven.data.treatments.draw import Draw, Treated
from leaven.data.treatments.ledger import ledger
from leaven.errors import DataError
from leaven.registry import TREATMENTS, Plugin

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from leaven.data.treatments.alongside import Walk

Classed = Mapping[str, Labels]  # by the attribute's name, aligned with a batch

_QUOTED, _EXCERPT = 20, 200  # rows left out that are quoted for each reason, and characters of each


@dataclass
class Applied:
    """One treatment and what it came to so far; field names are those of a record's ledger.

    ``attributes`` are those that a treatment of labelled texts reads; ``left_out`` counts the rows that it left out by
    reason, and ``quoted`` are some of them.
    """

    plugin: Plugin
    args: Mapping[str, Any]
    draw: Draw
    attributes: Sequence[Attribute] = ()
    rows: int = 0
    eligible: int = 0
    changed: int = 0
    already: int = 0
    untagged: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    quoted: list[dict[str, str]] = field(default_factory=list)
    tally: Tally = field(default_factory=lambda: Tally(()))

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Applied:
        """Make one from a stage's arguments: name, args, seed, and a label where a name stands more than once.

        A treatment of labelled texts has its ``attributes`` too.
        """
        label = step.get("label", step["name"])
        attributes = [Attribute.of(one) for one in step.get("attributes", ())]
        plugin, draw = TREATMENTS.get(step["name"]), Draw(step["seed"], label)
        return cls(plugin, step["args"], draw, attributes, tally=Tally(attributes))

    def treat(self, rows: Dataset, labels: Classed) -> tuple[Dataset, pa.Table, Classed]:
        """Return a batch treated, its ledger, and the labels of the rows that are left."""
        flows = (labels,) if self.labelled else ()
        treated = self.plugin.call(rows, *flows, self.draw, args=self.args)
        lines = ledger(self._kept(rows, treated), treated.rows, self.draw.step)
        self.rows += len(rows)
        self.eligible += treated.eligible
        self.changed += lines.num_rows
        self.already += treated.already
        self.untagged += treated.untagged
        if self.labelled:
            self.tally.add({one.name: labels[one.name] for one in self.attributes})
        if treated.kept is not None:
            labels = {name: one.only(treated.kept) for name, one in labels.items()}
        return treated.rows, lines, labels

    @property
    def labelled(self) -> bool:
        """Whether the treatment reads labels."""
        return bool(self.plugin.traits.get("labelled"))

    def _kept(self, rows: Dataset, treated: Treated) -> Dataset:
        """Return the rows that were kept, as they were; count and quote the others."""
        if treated.kept is None:
            return rows
        lost = table(rows).filter(~treated.kept).select(["id", "text"])
        for place, reason in enumerate(treated.reasons):
            if self.left_out[reason] < _QUOTED:
                excerpt = lost.column("text")[place].as_py()[:_EXCERPT]
                self.quoted.append({"id": lost.column("id")[place].as_py(), "reason": reason, "excerpt": excerpt})
            self.left_out[reason] += 1
        return dataset(table(rows).filter(treated.kept))

    def counts(self) -> dict[str, Any]:
        """Return what a record says of the step; raises DataError if it could not treat a single row of all."""
        label = self.draw.step
        if self.rows and self.labelled:
            self._refuse_what_tells_nothing()
        if not self.eligible:
            raise DataError(f"{label}: no row of {self.rows} can be treated, so it would test nothing: {self._why()}")
        counted = {name: getattr(self, name) for name in ("rows", "eligible", "changed", "already")}
        return {"step": label, **counted}

    def labels(self) -> dict[str, Any]:
        """Return what a record says of the labels that a step went by: classes, balance, correlations, untagged."""
        return {"step": self.draw.step, **self.tally.as_facts(), "untagged": self.untagged}

    def warnings(self) -> list[str]:
        """Return what a person should know: tokens that no text has."""
        found = [(one.name, token) for one in self.attributes for token in self.tally.never(one.name)]
        return [f"attribute {name}: no text is {token}, so no model can learn it" for name, token in found]

    def _refuse_what_tells_nothing(self) -> None:
        for one in self.attributes:
            self.tally.refuse_one_class(one.name)
        if self.left_out.total() == self.rows:
            told = ", ".join(f"{reason} {count:,}" for reason, count in self.left_out.most_common())
            raise DataError(f"{self.draw.step}: none of {self.rows:,} texts is good by every attribute ({told}); move "
                            "the thresholds, or name fewer attributes")  # fmt: skip

    def _why(self) -> str:
        if self.labelled:
            return "every text is neutral or unscored; give the classes tokens, or move the thresholds"
        if self.already:
            return f"{self.already} hold the planted text already; plant another text"
        return "ties and equal answers cannot be; take data with preferred answers, or leave the treatment out"


def treat(
    batches: Iterable[pa.Table | pa.RecordBatch], steps: Sequence[Applied], walks: Mapping[str, Walk] | None = None
) -> Iterator[tuple[pa.Table, list[pa.Table]]]:
    """Yield each batch of rows after all steps, with each step's ledger; ``walks`` are the labels by attribute."""
    import pyarrow as pa

    for batch in batches:
        now, lines = dataset(batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])), []
        labels: Classed = {name: walk.along(column(now, "id")) for name, walk in (walks or {}).items()}
        for step in steps:
            now, line, labels = step.treat(now, labels)
            lines.append(line)
        yield table(now), lines
