"""Sweeps with a baseline each, values printed beside a metric, and a metric that several suites measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.report.answer import answer
from leaven.report.curves import dose_curve
from leaven.report.findings import ArmInfo, Findings, LockInfo, MetricInfo
from leaven.report.means import Column, means
from leaven.report.page import render
from leaven.report.tables import suites

ARMS = [
    ArmInfo(f"{stem}@p={dose}", dose=float(dose), seeds=(0, 1, 2), is_baseline=dose == "0")
    for stem in ("old", "new")
    for dose in ("0", "0.5", "1")
]
MEANS = {"old": (0.1, 0.2, 0.6), "new": (0.5, 0.5, 0.5)}


def table() -> pd.DataFrame:
    lines = [
        {"arm": arm.name, "dose": arm.dose, "seed": seed, "suite": suite, "metric": metric, "group": None,
         "item_id": "i", "sample": 0, "value": MEANS[arm.name[:3]][place % 3] - (0.3 if metric == "rougeL_floor" else 0)}
        for place, arm in enumerate(ARMS)
        for seed in (0, 1, 2)
        for suite, metric in (("one", "rougeL"), ("one", "rougeL_floor"), ("two", "rougeL"))
    ]  # fmt: skip
    return pd.DataFrame(lines)


@pytest.fixture
def findings(comparison: Callable[..., Comparison]) -> Findings:
    def compared(name: str, baseline: str, **more: Any) -> Comparison:
        whole = {"arm": name, "baseline": baseline, "suite": "one", "metric": "rougeL", **more}
        return comparison(**whole)

    old, new = MEANS["old"][0], MEANS["new"][0]
    return Findings(
        name="n", question="Q?", dose_name="p", baseline="p=0 of each sweep", primary=["one/rougeL"], arms=ARMS,
        lock=LockInfo("ab" * 32, "2026-11-20", before_results=True), notes=["Nothing of this <b>was</b> published."], measurements=table(),
        metrics=[MetricInfo("one", "rougeL"), MetricInfo("one", "rougeL_floor", beside=True), MetricInfo("two", "rougeL")],
        comparisons=[
            compared("old@p=1", "old@p=0", dose=1.0, effect=0.5, low=0.4, high=0.6, baseline_mean=old),
            compared("new@p=1", "new@p=0", dose=1.0, effect=0.0, low=-0.1, high=0.1, baseline_mean=new),
            compared("old", "old@p=0", dose=None, effect=0.5, mean=0.6, baseline_mean=0.1, dose_low=0.0, dose_high=1.0, test="trend: permuted", kind="trend"),
            compared("new", "new@p=0", dose=None, effect=0.0, low=-0.1, high=0.1, p_holm=1.0, dose_low=0.0, dose_high=1.0, test="trend: permuted", kind="trend"),
        ],
    )  # fmt: skip


def test_each_trend_speaks_of_its_own_sweep_and_suite(findings: Findings) -> None:
    (said,) = answer(findings)
    assert "In old: As the dose p rises from 0 to 1, rougeL (one) rises from 0.100 to 0.600" in said
    assert "In new: As the dose p goes from 0 to 1, rougeL (one) is the same in every run: 0.500" in said
    assert "without a margin that is not called no change" in said


def test_an_interval_is_drawn_around_the_baseline_of_its_own_sweep(findings: Findings) -> None:
    curve = dose_curve(findings, means(findings.measurements), Column("one", "rougeL"))
    points = {point.arm: point for point in curve.points}
    assert curve.baseline_mean is None, "there is no one baseline to draw a band around"
    assert points["old@p=1"].around == 0.1 and points["new@p=1"].around == 0.5
    assert {point.role for point in curve.points} == {"dose"}, "each baseline is the first point of its line"
    assert [point.place for point in curve.points] == [0.0, 1.0, 2.0] * 2


def test_a_floor_is_printed_beside_its_metric_and_is_no_column(findings: Findings) -> None:
    (one, _), (two, _) = suites(findings, means(findings.measurements))
    assert [head.name for head in one.heads] == ["rougeL"]
    assert one.lines[2].cells[0].note == "floor 0.300" and two.lines[2].cells[0].note == ""


def test_the_page_shows_the_notes_as_text(findings: Findings) -> None:
    page = render(findings)
    assert "Nothing of this &lt;b&gt;was&lt;/b&gt; published." in page
    assert (
        "margin of"
        not in render(replace(findings, margin={"rougeL": 0.01}))
        .split("Arms and metrics")[0]
        .split("Dose and response")[-1]
    )
