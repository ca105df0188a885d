"""The trade-off: which metrics meet, who is on the front, and that names cover nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from leaven.report.charts.labels import Label, placed
from leaven.report.charts.tradeoff import Spot, front, pairs, tradeoff_chart
from leaven.report.charts.view import view
from leaven.report.findings import Findings
from leaven.report.means import Column, means

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=14)


@given(POINTS)
def test_the_front_is_who_nobody_beats(points: list[tuple[int, int]]) -> None:
    spots = [Spot(f"a{i}", float(cost), float(gain)) for i, (cost, gain) in enumerate(points)]
    best = front(spots)
    for one in spots:
        better = [
            b for b in spots if b.cost <= one.cost and b.gain >= one.gain and (b.cost < one.cost or b.gain > one.gain)
        ]
        assert (one in best) == (not better)
    assert [b.cost for b in best] == sorted(b.cost for b in best)
    assert [b.gain for b in best] == sorted(b.gain for b in best), "who costs more gains more, on the front"


def test_a_front_by_hand() -> None:
    spots = [Spot("cheap", 1, 1), Spot("worse", 2, 1), Spot("dear", 3, 5), Spot("beaten", 4, 5), Spot("equal", 1, 1)]
    assert [one.arm for one in front(spots)] == ["cheap", "equal", "dear"]


def test_lower_meets_higher_and_primary_ones_come_first(rich: Findings) -> None:
    seen = view(rich, means(rich.measurements))
    toxic = Column("eli5", "toxicity")
    assert pairs(seen) == [(toxic, Column("eli5", "rougeL")), (toxic, Column("quality", "coherence"))]
    first = view(replace(rich, primary=["coherence"]), seen.found)
    assert pairs(first)[0] == (toxic, Column("quality", "coherence"))
    no_harm = [replace(m, better="higher") for m in rich.metrics]
    assert pairs(view(replace(rich, metrics=no_harm), seen.found)) == []


def test_an_arm_says_both_metrics_and_the_front_is_told(rich: Findings) -> None:
    seen = view(rich, means(rich.measurements))
    chart = tradeoff_chart(seen, pairs(seen)[0], "tradeoff-1")
    tips = [e.get("data-tip", "").replace("\u00a0", " ") for e in ET.fromstring(chart.svg).iter() if e.get("data-tip")]
    assert "poisoned@p=1\ntoxicity: 98.8 %, +97.9 points (change shown)\nrougeL: 0.174, −0.028 (change shown)" in tips
    values = {arm.name: [seen.found[arm.name, c].value for c in pairs(seen)[0]] for arm in rich.arms}
    best = front([Spot(arm, cost or 0.0, gain or 0.0) for arm, (cost, gain) in values.items()])
    assert all(one.arm in chart.description for one in best)
    assert "poisoned@p=1" not in chart.description


def test_arms_that_lack_a_metric_are_counted(rich: Findings) -> None:
    assert rich.measurements is not None
    gone = (rich.measurements["arm"] == "poisoned@p=1") & (rich.measurements["metric"] == "rougeL")
    seen = view(rich, means(rich.measurements[~gone]))
    assert tradeoff_chart(seen, pairs(seen)[0], "t").note.startswith("1 of 6 arms lack one of the two metrics.")


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), min_size=1, max_size=12, unique=True))
def test_names_cover_neither_points_nor_each_other(points: list[tuple[int, int]]) -> None:
    at = [(float(x), float(y)) for x, y in points]
    shifts = placed([Label(x, y, 60.0, 12.0) for x, y in at], at, (300.0, 200.0))
    boxes = [(x + s[0], y + s[1] - 6, x + s[0] + 60, y + s[1] + 6) for (x, y), s in zip(at, shifts, strict=True) if s]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert max(wide, 0) * max(high, 0) <= 0.04 * 60 * 12 + 1e-9
    assert len(points) > 1 or shifts[0] is not None, "a lone point is always named"
