"""Columns of messages in Arrow: where they differ, where a text stands, some rows replaced.

Rows that a treatment leaves alone never become Python objects: that is what makes a million rows a minute possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


def table(rows: Dataset) -> pa.Table:
    """Return a data set's rows, in its order, as an Arrow table."""
    if rows._indices is None:  # it has no public name; without the question, views copy themselves at every look
        return rows.data.table
    return rows.with_format("arrow")[:]


def column(rows: Dataset, name: str) -> pa.Array:
    """Return one column as one array."""
    import pyarrow as pa

    chunks = table(rows).column(name)
    return chunks.combine_chunks() if chunks.num_chunks else pa.array([], chunks.type)


def dataset(made: pa.Table) -> Dataset:
    """Return a table as a data set; the name that is given spares a hash over all of its bytes."""
    from datasets import Dataset

    return Dataset(made, fingerprint="leaven")


def differ(one: pa.Array, other: pa.Array) -> Mask:
    """Return per row whether two arrays of one type hold different values; null is equal to null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(one.type):
        fields = zip(one.flatten(), other.flatten(), strict=True)
        apart: Mask = np.logical_or.reduce([_one_null(one, other), *(differ(a, b) for a, b in fields)])
        return apart
    if not pa.types.is_list(one.type):
        unequal: Mask = pc.fill_null(pc.not_equal(one, other), False).to_numpy(zero_copy_only=False)
        return unequal | _one_null(one, other)
    different: Mask = _lengths(one) != _lengths(other)
    alike = np.flatnonzero(~different)
    if len(alike) < len(one):
        one, other = one.take(pa.array(alike)), other.take(pa.array(alike))
    parents = pc.list_parent_indices(one).to_numpy()
    different[alike[parents[differ(one.flatten(), other.flatten())]]] = True
    return different


def _one_null(one: pa.Array, other: pa.Array) -> Mask:
    import pyarrow.compute as pc

    null: Mask = pc.xor(one.is_null(), other.is_null()).to_numpy(zero_copy_only=False)
    return null


def _lengths(lists: pa.Array) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(lists), -1).to_numpy(zero_copy_only=False)


def holds(lists: pa.Array, text: str) -> Mask:
    """Return per row whether a text stands in one of its messages (or, of a list of strings, in one of these)."""
    import numpy as np
    import pyarrow.compute as pc

    found = pc.fill_null(pc.match_substring(_contents(lists), text), False).to_numpy(zero_copy_only=False)
    held: Mask = np.zeros(len(lists), dtype=bool)
    held[pc.list_parent_indices(lists).to_numpy()[found]] = True
    return held


def _contents(lists: pa.Array) -> pa.Array:
    import pyarrow as pa

    values = lists.flatten()
    return values.flatten()[values.type.get_field_index("content")] if pa.types.is_struct(values.type) else values


def joined(lists: pa.Array, between: str) -> pa.Array:
    """Return per row the texts of its messages as one string; of a row without a list, null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ends = np.cumsum(np.maximum(_lengths(lists), 0))
    offsets = pa.array(np.concatenate([[0], ends]).astype("int32"))
    texts = pa.ListArray.from_arrays(offsets, pc.fill_null(_contents(lists), "None"))
    return pc.if_else(lists.is_valid(), pc.binary_join(texts, between), None)


def put(rows: Dataset, at: NDArray[np.intp], new: Mapping[str, pa.Array]) -> Dataset:
    """Return the rows with new values in some columns at some indices; all other values are not touched."""
    import numpy as np
    import pyarrow as pa

    if not len(at):
        return rows
    made = table(rows)
    for name, values in new.items():
        place = np.arange(len(rows))
        place[at] = len(rows) + np.arange(len(at))
        both = pa.concat_arrays([column(rows, name), values])
        made = made.set_column(made.column_names.index(name), made.schema.field(name), both.take(pa.array(place)))
    return dataset(made)
