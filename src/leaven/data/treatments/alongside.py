"""Labels walked along with rows: the rows are some of those that were labelled, in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.data.attributes import Attribute
from leaven.data.labelled import Labels
from leaven.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


class Walk:
    """The labels of one attribute, batch after batch; holds no more than lies between two batches of rows."""

    def __init__(self, attribute: Attribute, batches: Iterable[pa.RecordBatch]):
        self._attribute, self._batches = attribute, iter(batches)
        self._held: pa.Table | None = None

    def along(self, ids: pa.Array) -> Labels:
        """Return the labels of the next rows; raises DataError where a row was never labelled."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not len(ids):
            return Labels.of(self._attribute, pa.array([], pa.float64()), pa.array([], pa.string()))
        held = self._until(ids[-1])
        places = pc.index_in(ids, value_set=held.column("id").combine_chunks())
        if places.null_count:
            missing = ids.filter(places.is_null())[0].as_py()
            raise DataError(f"attribute {self._attribute.name}: text {missing} is not where labels have it; "
                            "the labels were made of other rows")  # fmt: skip
        self._held = held.slice(places[-1].as_py() + 1)
        found = held.take(places)
        return Labels.of(self._attribute, *(found.column(name).combine_chunks() for name in ("value", "said")))

    def _until(self, last: pa.Scalar) -> pa.Table:
        """Return what is held, with as much more as it takes to reach an id, or all there is."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = [] if self._held is None else [self._held]
        if parts and pc.index(parts[0].column("id"), last).as_py() >= 0:
            return parts[0]
        for batch in self._batches:
            parts.append(pa.Table.from_batches([batch]))
            if pc.index(batch.column("id"), last).as_py() >= 0:
                break
        return pa.concat_tables(parts) if parts else tables.table("labels", [])


def walks(attributes: Sequence[Attribute], files: dict[str, Path]) -> dict[str, Walk]:
    """Open the labels of some attributes; ``files`` are their tables by the attribute's name."""
    return {one.name: Walk(one, _batches(files[one.name])) for one in attributes}


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    yield from tables.batches(file)
