"""The proof of an exported data set: datasets reads the folder, and finds the rows that the study built."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from leaven.errors import ModelError


def prove(folder: Path, splits: Mapping[str, int]) -> None:
    """Load a folder with datasets, every row of it; raises ModelError where it cannot, or has other rows by split."""
    from datasets import load_dataset

    from leaven.models.load import first_line

    with tempfile.TemporaryDirectory() as beside:
        try:
            found = load_dataset(str(folder), cache_dir=beside)
            read = {str(split): rows.num_rows for split, rows in found.items()}
        except Exception as error:  # datasets, Arrow and YAML raise many kinds
            raise ModelError(f"the exported folder cannot be loaded by datasets: {first_line(error)}") from error
    if read != dict(splits):
        raise ModelError(
            f"the exported folder is not the data set: datasets reads {_said(read)}, and the study built "
            f"{_said(splits)}; nothing was written"
        )


def _said(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} rows in {split}" for split, count in splits.items()) or "no rows"
