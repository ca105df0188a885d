"""What classifications said of each item, where a suite's stage tells: a constant answer is then seen as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.engine.store import Store
from leaven.graph import Graph

if TYPE_CHECKING:
    import pandas as pd

_FILE = "predictions.parquet"


def predictions(graph: Graph, store: Store) -> pd.DataFrame | None:
    """Return arm, seed, suite, item_id, prediction, label of every answer that is there; None where there is none."""
    import pandas as pd

    found = [
        tables.read(folder / _FILE).to_pandas().assign(arm=cell.cell.arm.name, seed=cell.cell.seed, suite=suite.name)
        for cell in graph.cells
        for suite in cell.suites
        if store.record(suite.told) is not None and (folder := store.folder(suite.told)) and (folder / _FILE).is_file()
    ]
    return pd.concat(found, ignore_index=True) if found else None
