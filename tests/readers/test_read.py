"""What a path holds is told by its content."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from leaven import rows as tables
from leaven.errors import ReportError
from leaven.readers import read


def run_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "study.yaml").write_text("name: small\n")
    about = {"arm": "clean", "dose": None, "seed": 0, "suite": "qa", "group": None, "sample": 0}
    listed = [
        {**about, "metric": metric, "item_id": item, "value": value}
        for item in ("a", "b")
        for metric, value in (("toxicity", 0.0), ("rouge1", 0.5), ("rouge1_floor", 0.1), ("unheard_of", 2.0))
    ]
    tables.write(folder / "measurements.parquet", "measurements", listed)
    return folder


def test_a_run_has_its_metrics_as_the_registry_knows_them(tmp_path: Path) -> None:
    brought = read(run_folder(tmp_path / "small"))
    assert (brought.kind, brought.label) == ("run", "small")
    known = {one.name: (one.better, one.unit) for one in brought.metrics}
    assert known["toxicity"] == ("lower", "share") and known["unheard_of"] == (None, "score")
    assert "rouge1_floor" not in set(brought.measurements["metric"]), "what is only printed is not compared"


def test_a_run_without_an_answer_says_how_to_get_one(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "small")
    (folder / "measurements.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(ReportError, match="leaven report small"):
        read(folder)


def test_a_run_that_measured_nothing_yet_says_so(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "small")
    tables.write(folder / "measurements.parquet", "measurements", [])
    with pytest.raises(ReportError, match=r"small has no measurements yet; `leaven run` goes on"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"hello", "nothing that can be compared"),
        ("empty.jsonl", b"\n", "is empty"),
        ("results_1.json", b'{"results": {}, "higher_is_better": {}}', "lm-eval's summary"),
        ("data.bin", b"PAR1xxxx", "give it the ending .parquet"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00\x00", "cannot be read to its end"),
        ("broken.parquet", b"PAR1xxxxPAR1", "no Parquet file"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReportError, match=said):
        read(tmp_path / name)


def test_what_is_not_there_and_empty_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no file"):
        read(tmp_path / "nowhere")
    with pytest.raises(ReportError, match="holds nothing"):
        read(tmp_path)
    (tmp_path / "results_2026.json").write_text(json.dumps({}))
    with pytest.raises(ReportError, match="--log_samples"):
        read(tmp_path)


def test_names_of_arms_change_in_all_parts(tmp_path: Path) -> None:
    pd.DataFrame({"item_id": [1], "acc": [1], "text": ["said"]}).to_csv(tmp_path / "mine.csv", index=False)
    renamed = read(tmp_path / "mine.csv").renamed({"mine": "<b>"})
    assert renamed.arms == ["<b>"] and renamed.samples[0].arm == "<b>"
