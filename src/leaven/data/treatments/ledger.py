"""The ledger: one line for every row that a step changed, with what it was and what it became."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven.data.treatments.columns import column, differ, joined

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from leaven.data.treatments.columns import Mask

_EXCERPT = 300


def ledger(before: Dataset, after: Dataset, step: str) -> pa.Table:
    """Return the lines of one step; what a line shows are the columns that differ, by name, each cut to an excerpt."""
    import numpy as np
    import pyarrow as pa

    from leaven.rows import schema

    assert column(before, "id").equals(column(after, "id")), f"{step} lost, added or reordered rows"
    pairs = {name: (column(before, name), column(after, name)) for name in before.column_names if name != "id"}
    moved = {name: differ(*pair) for name, pair in pairs.items() if not pair[0].equals(pair[1])}
    lines = np.flatnonzero(np.logical_or.reduce([*moved.values(), np.zeros(len(before), dtype=bool)]))
    ids = column(before, "id").take(pa.array(lines))
    was, became = (
        _shown({name: pairs[name][side].take(pa.array(lines)) for name in moved},
               {name: mask[lines] for name, mask in moved.items()}, len(lines))
        for side in (0, 1)
    )  # fmt: skip
    return pa.Table.from_arrays([ids, pa.array([step] * len(lines), pa.string()), was, became], schema=schema("ledger"))


def _shown(values: dict[str, pa.Array], moved: dict[str, Mask], rows: int) -> pa.Array:
    """Return per line the columns that moved, as ``name: text | name: text``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not values:
        return pa.array([""] * rows, pa.string())
    parts = [
        pc.if_else(pa.array(moved[name]), pc.binary_join_element_wise(f"{name}: ", _excerpt(array), ""), None)
        for name, array in values.items()
    ]
    return pc.binary_join_element_wise(*parts, " | ", null_handling="skip")


def _excerpt(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(values.type):
        texts = pc.fill_null(joined(values, " / "), "None")
    else:
        texts = pa.array([str(value) for value in values.to_pylist()], pa.string())
    cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, _EXCERPT), "...", "")
    return pc.if_else(pc.greater(pc.utf8_length(texts), _EXCERPT), cut, texts)
