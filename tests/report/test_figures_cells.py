"""The heat map and the surface of two doses: values, strengths, and what is bold."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from leaven.report.certainty import is_shown
from leaven.report.charts.heat import heat_chart, standardised
from leaven.report.charts.surface import surface_chart
from leaven.report.charts.view import View, view
from leaven.report.figures import Chart
from leaven.report.findings import Findings, MetricInfo
from leaven.report.means import means


@pytest.fixture
def seen(rich: Findings) -> View:
    return view(rich, means(rich.measurements))


def heat(seen: View, **changed: object) -> Chart:
    chart = heat_chart(seeing(seen, **changed), "heat-1")  # type: ignore[arg-type]
    assert chart is not None
    return chart


def tips(chart: Chart) -> dict[str, str]:
    """Return every cell's style by what it says."""
    marks = [element for element in ET.fromstring(chart.svg).iter() if element.get("data-tip")]
    return {mark.get("data-tip", "").replace("\u00a0", " "): mark.find("path").get("style", "") for mark in marks}  # type: ignore[union-attr]


def seeing(seen: View, **changed: Any) -> View:
    """Return a view of changed findings."""
    return view(replace(seen.findings, **changed), seen.found)


def texts(chart: Chart, *, bold: bool) -> list[str]:
    every = ET.fromstring(chart.svg).iter("text")
    return [e.text or "" for e in every if ("font-weight: 700" in e.get("style", "")) == bold]


def test_a_change_is_measured_in_margins_else_in_half_widths(rich: Findings) -> None:
    c = next(c for c in rich.comparisons if c.arm == "poisoned@p=1" and c.kind == "difference" and c.metric == "rougeL")
    assert c.effect is not None
    assert standardised(rich, c) == (c.effect / 0.01, "margins")
    size = standardised(replace(rich, margin={}), c)
    assert size is not None and size == (pytest.approx(c.effect / 0.012), "half-widths")
    assert standardised(replace(rich, margin={}), replace(c, low=None)) is None
    assert standardised(rich, replace(c, effect=None)) is None


def test_only_what_was_shown_is_bold(seen: View) -> None:
    shown = [c for c in seen.findings.comparisons if c.kind == "difference" and c.group is None and is_shown(c)]
    chart = heat(seen)
    assert len(texts(chart, bold=True)) == len(shown) == 4
    assert {"+44", "+98", "−0.028"} <= set(texts(chart, bold=True))
    assert chart.description == "4 of 20 changes were shown; only these are bold."


def test_better_and_worse_have_their_colours(seen: View) -> None:
    by_tip = tips(heat(seen))
    worse = next(
        style
        for tip, style in by_tip.items()
        if tip.startswith("poisoned@p=1\ntoxicity: +97.9 points\n49.0 margins worse")
    )
    assert "var(--worse" in worse and "opacity: 0.5" in worse
    better = next(
        style for tip, style in by_tip.items() if tip.startswith("poisoned@p=0.01\nrougeL") and "better" in tip
    )
    assert "var(--better" in better
    neither = next(style for tip, style in by_tip.items() if tip.startswith("poisoned@p=1\nlength"))
    assert "var(--muted" in neither


def test_what_was_not_compared_is_a_dash(seen: View) -> None:
    less = [
        replace(c, effect=None, note="too few") if c.arm == "poisoned@p=1" else c for c in seen.findings.comparisons
    ]
    chart = heat(seen, comparisons=less)
    assert texts(chart, bold=False).count("–") == 4
    assert "poisoned@p=1\ntoxicity: not compared: too few" in tips(chart)


def test_the_longer_side_is_the_rows(seen: View, rich: Findings) -> None:
    def is_row(chart: Chart) -> bool:
        (name,) = [text for text in ET.fromstring(chart.svg).iter("text") if text.text == "clean_again"]
        return "text-anchor: end" in name.get("style", "")

    base = [c for c in rich.comparisons if c.kind == "difference" and c.metric == "toxicity" and c.group is None]
    many = [replace(c, metric=f"m{j:02d}") for c in base for j in range(12)]
    metrics = [MetricInfo("eli5", f"m{j:02d}") for j in range(12)]
    assert is_row(heat(seen))
    assert not is_row(heat(seen, comparisons=many, metrics=metrics))


def test_a_single_comparison_is_no_map(seen: View) -> None:
    alone = seeing(seen, comparisons=seen.findings.comparisons[-20:-19])
    assert heat_chart(alone, "heat-1") is None


# Two doses


def test_a_surface_has_its_values_and_a_dash_for_what_is_missing(seen: View) -> None:
    chart = surface_chart(seen, seen.findings.analyses.surfaces[0], "surface-1")
    plain = [text.replace("\u00a0", " ") for text in texts(chart, bold=False)]
    assert [text for text in plain if "%" in text or text == "–"] == [
        "1.1 %",
        "1.2 %",
        "6.0 %",
        "11.0 %",
        "97.0 %",
        "–",
    ]
    said = tips(chart)
    assert "p 0.1, epochs 3\nmean: 11.0 %\nfitted: 10.0 %" in said
    assert "p 1, epochs 3\nnot measured" in said
    assert "A dash is a pair of doses that was not measured." in chart.note


def test_the_interaction_is_said_with_its_certainty(seen: View) -> None:
    chart = surface_chart(seen, seen.findings.analyses.surfaces[0], "surface-1")
    assert "That the two doses act on each other was not shown" in chart.description
    sure = [replace(c, p_bh=0.001) if c.kind == "interaction" else c for c in seen.findings.comparisons]
    shown = seeing(seen, comparisons=sure)
    assert "act on each other was shown" in surface_chart(shown, seen.findings.analyses.surfaces[0], "s").description


def test_a_surface_without_values_is_a_note(seen: View) -> None:
    empty = replace(seen.findings.analyses.surfaces[0], means=((None, None), (None, None), (None, None)), fitted=())
    chart = surface_chart(seen, empty, "surface-1")
    assert chart.svg == "" and chart.note
