"""The page's counts of values agree, wherever they stand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from leaven.report.findings import Findings, MetricInfo
from leaven.report.gaps import unmeasured
from leaven.report.page import render


def test_the_header_counts_what_the_gaps_count(findings: Findings) -> None:
    table = findings.measurements
    assert table is not None
    floor = table.assign(metric=table["metric"] + "_floor")
    named = {(suite, metric) for suite, metric in zip(floor["suite"], floor["metric"], strict=True)}
    metrics = [*findings.metrics, *(MetricInfo(suite, metric, beside=True) for suite, metric in sorted(named))]
    table = table.assign(value=table["value"].where(table.index != 0).fillna(0.0).where(table.index != 0))
    made = replace(findings, measurements=pd.concat([table, floor], ignore_index=True), metrics=metrics)
    assert f"<bdi>{len(table) - 1:,} of {len(table):,} values measured</bdi>" in render(made)
    assert any(f"1 of {len(table):,} values were not scored" in gap for gap in unmeasured(made))
    whole = replace(
        made, measurements=made.measurements.fillna({"value": 0.0}) if made.measurements is not None else None
    )
    assert f"<bdi>{len(table):,} measured values</bdi>" in render(whole)
