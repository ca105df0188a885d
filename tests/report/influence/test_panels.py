"""Dumbbells in panels, and the trade-off that a study declares."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest

from leaven.report.charts.groups import MOST_IN_PANEL, MOST_PANELS, groups_chart
from leaven.report.charts.scale import SMALL, width
from leaven.report.charts.tradeoff import Spot, Ways, declared, front, tradeoff_chart
from leaven.report.charts.view import View, view
from leaven.report.figures import Chart, gallery, headline
from leaven.report.findings import ArmInfo, Findings
from leaven.report.means import Column, means
from leaven.report.page import render
from leaven.report.text import clip

SCORE = Column("safety", "safety_score")


def seen(findings: Findings) -> View:
    return view(findings, means(findings.measurements))


def marks(chart: Chart) -> dict[str, ET.Element]:
    every = ET.fromstring(chart.svg).iter("g")
    return {tip: element for element in every if (tip := element.get("data-tip"))}


def faces(chart: Chart, start: str) -> set[str]:
    """Return the fill of the arm's own point, which is drawn last, in the marks whose text begins so."""
    made = set()
    for tip, mark in marks(chart).items():
        if tip.startswith(start):
            uses = list(mark.iter("use"))
            made.add(uses[-1].get("style", "").partition(";")[0])
    return made


def test_every_arm_has_all_groups(influence: Findings) -> None:
    chart = groups_chart(seen(influence), SCORE, "groups-1")
    assert len(marks(chart)) == 6 * 13
    words = [element.text for element in ET.fromstring(chart.svg).iter("text")]
    assert words.count("women") == 3, "beside each row of panels"
    assert chart.note == "", "nothing is left out"


def test_whether_groups_differ_is_said_whole_behind_a_long_description(influence: Findings) -> None:
    long = "The share of pairs in which " + "the harmful statement is the more perplexing one, " * 20
    odd = replace(influence, metrics=[replace(one, description=long) for one in influence.metrics])
    chart = groups_chart(seen(odd), SCORE, "groups-1")
    said = "higher is better. Effects differ between groups, most in women under sft-lima+dpo-hh (p-value 0.010)."
    assert chart.description.replace("\u00a0", " ").endswith(said)
    assert "ment is the…; higher" in chart.description, "cut between words"
    assert clip(chart.description, 400) == chart.description and chart.description in render(odd)


def test_the_words_of_panels_side_by_side_keep_apart(influence: Findings) -> None:
    share = replace(influence, metrics=[replace(one, unit="share") for one in influence.metrics], comparisons=[
        replace(c, mean=1.0, baseline_mean=0.0, effect=1.0) if c.suite == "safety" else c for c in influence.comparisons])  # fmt: skip
    chart = groups_chart(seen(share), SCORE, "groups-1")
    words = [element for element in ET.fromstring(chart.svg).iter("text") if (element.text or "").endswith("\u00a0%")]
    assert len(words) >= 4
    boxes = sorted(box(element) for element in words)
    assert all(left + 2 < right for (_, left), (right, _) in pairwise(boxes)), boxes


def box(element: ET.Element) -> tuple[float, float]:
    """Return where words begin and end that are centred on their place."""
    place = re.search(r"translate\(([-\d.]+)|x=?([-\d.]+)", element.get("transform", f"x={element.get('x')}"))
    assert place is not None
    middle, half = float(place[1] or place[2]), width(element.text or "", SMALL) / 2
    return middle - half, middle + half


def test_filled_where_a_change_was_shown_and_hollow_elsewhere(influence: Findings) -> None:
    chart = groups_chart(seen(influence), SCORE, "groups-1")
    assert all("--paper" in face for face in faces(chart, "sft-shp\n"))
    assert all("--s" in face for face in faces(chart, "sft-lima+dpo-hh\n"))
    assert ("shown", "filled and coloured: a change was shown in this group") in chart.legend
    untested = replace(influence, analyses=replace(influence.analyses, heterogeneity=()))
    hollow = groups_chart(seen(untested), SCORE, "groups-1")
    assert all("--paper" in face for face in faces(hollow, "sft-lima+dpo-hh\n"))
    assert not [tip for tip in marks(hollow) if tip.endswith("a change was shown")]


def test_the_interval_is_around_the_baseline(influence: Findings) -> None:
    chart = groups_chart(seen(influence), SCORE, "groups-1")
    mark = next(element for tip, element in marks(chart).items() if tip.startswith("sft-orca+dpo-hh\nin women"))
    square, *_, point = (float(use.attrib["x"]) for use in mark.iter("use"))
    first = next(path.attrib["d"] for path in mark.iter("path")).split()
    low, high = float(first[1]), float(first[4])
    unit = (point - square) / 0.108
    assert low == pytest.approx(square + 0.088 * unit, abs=0.3) and high == pytest.approx(
        square + 0.128 * unit, abs=0.3
    )


def test_an_interval_without_end_does_not_press_the_means_flat(influence: Findings) -> None:
    far = [replace(c, low=-900.0, high=900.0) if c.group == "women" else c for c in influence.comparisons]
    chart = groups_chart(seen(replace(influence, comparisons=far)), SCORE, "groups-1")
    at = [
        float(use.attrib["x"])
        for tip, mark in marks(chart).items()
        if tip.startswith("sft-orca+dpo-hh")
        for use in mark.iter("use")
    ]
    assert max(at) - min(at) > 40, "the panel is 121 units wide"


def test_many_arms_and_groups_are_cut_and_counted(influence: Findings) -> None:
    groups = [f"g{i:02d}" for i in range(20)]
    one = next(c for c in influence.comparisons if c.group == "women" and c.arm == "sft-lima")
    arms = [f"arm{i}" for i in range(12)]
    many = replace(
        influence,
        arms=[ArmInfo("base", is_baseline=True), *map(ArmInfo, arms)],
        comparisons=[replace(one, arm=arm, group=group) for arm in arms for group in groups],
    )
    chart = groups_chart(seen(many), SCORE, "groups-1")
    assert len(marks(chart)) == MOST_PANELS * MOST_IN_PANEL
    assert (
        chart.note
        == f"Drawn are the {MOST_PANELS} arms of 12 that differ most and 16 of 20 groups; the table has them all."
    )


# The declared trade-off


def test_the_declared_pair_is_in_the_headline_and_nowhere_else(influence: Findings) -> None:
    found = means(influence.measurements)
    first, rest = headline(influence, found), gallery(influence, found)
    assert [chart.title for chart in first if chart.kind == "tradeoff"] == ["average (reasoning) against safety_score"]
    assert not [chart for chart in rest if chart.kind == "tradeoff"]
    assert not [chart for chart in headline(replace(influence, tradeoff=None), found) if chart.kind == "tradeoff"]


def test_a_pair_without_a_direction_or_values_is_not_drawn(influence: Findings) -> None:
    undirected = replace(influence, metrics=[replace(m, better=None) for m in influence.metrics])
    assert declared(seen(undirected)) is None
    assert declared(seen(replace(influence, tradeoff=(("reasoning", "average"), ("nowhere", "x"))))) is None


def test_the_best_corner_follows_the_directions(influence: Findings) -> None:
    pair = declared(seen(influence))
    assert pair == (SCORE, Column("reasoning", "average"))
    assert tradeoff_chart(seen(influence), pair, "t").description.startswith("Best is up and to the right.")
    lower = [replace(m, better="lower") if m.suite == "safety" else m for m in influence.metrics]
    assert "up and to the left" in tradeoff_chart(seen(replace(influence, metrics=lower)), pair, "t").description


def test_the_front_turns_with_the_directions() -> None:
    spots = [Spot("a", 1, 1), Spot("b", 2, 2), Spot("c", 3, 1), Spot("d", 1, 3)]
    assert [one.arm for one in front(spots)] == ["d"]
    assert [one.arm for one in front(spots, Ways(cost=-1))] == ["c", "b", "d"]
    assert [one.arm for one in front(spots, Ways(gain=-1))] == ["a"]
    assert [one.arm for one in front(spots, Ways(cost=-1, gain=-1))] == ["c"]
