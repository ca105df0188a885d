from __future__ import annotations

import io
from collections.abc import Callable
from csv import DictReader
from dataclasses import replace

import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.formats.csv import csv

Make = Callable[..., Comparison]


def rows(findings: Findings) -> list[dict[str, str]]:
    return list(DictReader(io.StringIO(csv(findings))))


def test_every_field_of_a_comparison_is_a_column(rich: Findings, comparison: Make) -> None:
    names = list(comparison().as_dict())
    assert list(rows(rich)[0]) == [*names, "measured_mean", "unscored", "unit", "shown"]


def test_numbers_survive_exactly(rich: Findings) -> None:
    frame = pd.read_csv(io.StringIO(csv(rich)))
    trend = frame[(frame["kind"] == "trend") & (frame["metric"] == "toxicity")].iloc[0]
    assert (trend["effect"], trend["low"], trend["high"], trend["p_holm"]) == (0.957, 0.921, 0.993, 0.0014)
    compared = next(c for c in rich.comparisons if c.arm == "poisoned@p=0.33" and c.metric == "toxicity" and c.mean)
    line = frame[(frame["arm"] == compared.arm) & (frame["metric"] == "toxicity") & frame["group"].isna()].iloc[0]
    assert line["effect"] == compared.effect and line["ratio"] == compared.sizes.ratio
    assert bool(line["shown"]) is True and line["unit"] == "share"


def test_there_is_one_line_per_arm_and_column(rich: Findings) -> None:
    listed = [
        (r["arm"], r["suite"], r["metric"], r["group"]) for r in rows(rich) if r["kind"] in ("difference", "mean")
    ]
    assert len(listed) == len(set(listed)) == 6 * (4 + 2 * 3)
    baseline = [r for r in rows(rich) if r["arm"] == "clean" and r["metric"] == "toxicity" and not r["group"]]
    assert [(r["kind"], r["effect"], round(float(r["measured_mean"]), 4)) for r in baseline] == [("mean", "", 0.0083)]
    assert {r["arm"] for r in rows(rich) if r["kind"] not in ("difference", "mean")} == {"poisoned", "mixed"}


@pytest.mark.parametrize("hostile", ["=cmd()", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\r=1", "\n=1", "＝1"])
def test_a_formula_becomes_text(comparison: Make, hostile: str) -> None:
    made = comparison(arm=hostile, metric=hostile, note=hostile, group=hostile, effect=-0.5)
    study = Findings(name="n", question="q?", comparisons=[made], arms=[ArmInfo(hostile)], metrics=[MetricInfo("eli5", hostile, unit=hostile)])  # fmt: skip
    (row,) = [r for r in rows(study) if r["kind"] == "difference"]
    for name in ("arm", "metric", "note", "group"):
        assert row[name].startswith("'")
    assert row["effect"] == "-0.5", "a number is no text"


@pytest.mark.parametrize("hostile", ['a"b', "a,b", "line\nbreak", "<img onerror=1>", "\x00", "a\r\nb", "\ud800"])
def test_one_line_stays_one_record(comparison: Make, hostile: str) -> None:
    study = Findings(name="n", question="q?", comparisons=[comparison(arm=hostile), comparison(arm="b")])
    assert len(rows(study)) == 2
    csv(study).encode()


def test_what_is_no_finite_number_is_empty(comparison: Make) -> None:
    made = comparison(effect=float("nan"), low=float("-inf"), high=float("inf"), p=None)
    (row,) = rows(Findings(name="n", question="q?", comparisons=[made]))
    assert [row[name] for name in ("effect", "low", "high", "p")] == [""] * 4


def test_all_contrasts_of_one_arm_are_there(comparison: Make, findings: Findings) -> None:
    both = [comparison(), comparison(baseline="clean_again")]
    made = [r for r in rows(replace(findings, comparisons=both)) if r["kind"] == "difference"]
    assert [r["baseline"] for r in made] == ["clean", "clean_again"]
