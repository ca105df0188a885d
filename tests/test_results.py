"""Results of a run as frames."""

from __future__ import annotations

import json
from pathlib import Path

from leaven import rows as tables
from leaven.answered import results
from leaven.stats.compare import compare


def test_a_run_that_compared_nothing_yet_has_the_columns_of_one_that_did(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "study.yaml").write_text("name: small\n")
    (folder / "provenance.json").write_text("{}")
    (folder / "comparisons.json").write_text("[]")
    about = {"seed": 0, "suite": "qa", "metric": "acc", "sample": 0, "value": 1.0}
    listed = [{**about, "arm": arm, "item_id": item} for arm in ("a", "b") for item in "xy"]
    tables.write(folder / "measurements.parquet", "measurements", listed)
    empty = results("small", tmp_path)
    (one,) = compare(empty.measurements, to="a")
    (folder / "comparisons.json").write_text(json.dumps([one.as_dict()]))
    assert list(empty.comparisons.columns) == list(results("small", tmp_path).comparisons.columns)
    assert len(empty.comparisons) == 0
