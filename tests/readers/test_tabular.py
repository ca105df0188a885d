from __future__ import annotations

import gzip
import math
from pathlib import Path

import pandas as pd
import pytest

from leaven.errors import ReportError
from leaven.readers import read

WIDE = 'item_id,correct,seconds,prompt,text\n1,1,0.5,Why?,"Be,cause"\n2,0,,Who?,Me\n3,true,1.5,How?,So\n'
LONG = "item_id,metric,value,arm,seed,suite,group,sample\n1,acc,1,clean,0,qa,a,0\n1,acc,0,clean,0,qa,a,1\n2,acc,nan,bad,1,qa,,0\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_wide_table_has_a_metric_per_column(tmp_path: Path) -> None:
    brought = read(written(tmp_path / "mine.csv", WIDE))
    table = brought.measurements.set_index(["metric", "item_id"])["value"]
    assert (brought.kind, brought.label, brought.arms) == ("table", "mine", ["mine"])
    assert list(table["correct"]) == [1.0, 0.0, 1.0]
    assert math.isnan(table["seconds", "2"]) and table["seconds", "3"] == 1.5
    assert [(one.text, one.scores["correct"]) for one in brought.samples] == [
        ("Be,cause", 1.0),
        ("Me", 0.0),
        ("So", 1.0),
    ]
    assert {one.name: one.unit for one in brought.metrics} == {"correct": "share", "seconds": "score"}


def test_a_long_table_may_state_arms_and_seeds(tmp_path: Path) -> None:
    brought = read(written(tmp_path / "mine.csv", LONG))
    assert brought.arms == ["bad", "clean"]
    assert list(brought.measurements["seed"]) == [0, 0, 1]
    assert list(brought.measurements["sample"]) == [0, 1, 0]
    assert list(brought.measurements["group"]) == ["a", "a", None]


def test_item_and_value_are_enough(tmp_path: Path) -> None:
    brought = read(written(tmp_path / "mine.tsv", "item_id\tvalue\nx\t0.5\n"))
    (row,) = brought.measurements.itertuples(index=False)
    assert (row.arm, row.suite, row.metric, row.item_id, row.value) == ("mine", "items", "value", "x", 0.5)


def test_parquet_and_packed_csv_say_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": [1, 2], "acc": [True, None], "loss": [0.25, math.nan]})
    frame.to_parquet(tmp_path / "mine.parquet")
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    one, two = (read(tmp_path / name).measurements for name in ("mine.parquet", "mine.csv.gz"))
    pd.testing.assert_frame_equal(one, two)
    assert one["value"].tolist()[:1] == [1.0] and one["value"].isna().sum() == 2


def test_columns_that_measure_nothing_are_left_out_and_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": ["a", "b"], "acc": [0, 1], "answer": ["x", "y"]})
    frame.to_csv(tmp_path / "mine.csv")  # with pandas' own numbering
    brought = read(tmp_path / "mine.csv")
    assert set(brought.measurements["metric"]) == {"acc"}
    assert "left out: '', 'answer'" in brought.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item_id,acc\n1,0.5\n2,good\n", "row 3, column `acc`: 'good' is no number"),
        ("item_id,acc\n1,0.5\n1,0.6\n", "item 1; number the repeats"),
        ("item_id,acc\n,0.5\n", "row 2, column `item_id`: '' is no name"),
        ("item,acc\n1,0.5\n", "no column `item_id`, which says what to pair with what; did you mean 'item'?"),
        ("item_id,answer\n1,good\n", "measures nothing"),
        ("item_id,acc\n1,0.5,7\n", "row 2: the line has more fields than the header"),
        ('item_id,acc\n1,"0.5\n', "unclosed quote"),
        ("item_id,acc\n", "has no rows"),
        ("item_id,item_id,acc\n1,1,1\n", "twice"),
        ("item_id,value,seed\n1,1,half\n", "row 2, column `seed`"),
        (" \n", "is empty"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(written(tmp_path / "mine.csv", text))
    assert said in str(caught.value)
