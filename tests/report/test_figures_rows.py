"""Forest, groups and seeds: a row for each arm, marks only where a change was shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from leaven.report.certainty import is_shown
from leaven.report.charts.forest import forest_chart
from leaven.report.charts.groups import grouped, groups_chart
from leaven.report.charts.seeds import seeds_chart
from leaven.report.charts.view import View, view
from leaven.report.figures import Chart
from leaven.report.findings import Findings
from leaven.report.means import Column, means
from leaven.stats.groups.heterogeneity import Heterogeneity

TOXIC = Column("eli5", "toxicity")


@pytest.fixture
def seen(rich: Findings) -> View:
    return view(rich, means(rich.measurements))


def seeing(seen: View, **changed: Any) -> View:
    """Return a view of changed findings."""
    return view(replace(seen.findings, **changed), seen.found)


def texts(chart: Chart) -> list[tuple[str, bool]]:
    """Return what is written, and whether in bold."""
    every = ET.fromstring(chart.svg).iter("text")
    return [(element.text or "", "font-weight: 700" in element.get("style", "")) for element in every]


def tips(chart: Chart) -> list[str]:
    every = (element.get("data-tip") for element in ET.fromstring(chart.svg).iter())
    return [tip.replace("\u00a0", " ") for tip in every if tip]


def places(chart: Chart, tip: str) -> list[float]:
    """Return where the marks that say something are drawn, from left to right."""
    marks = [element for element in ET.fromstring(chart.svg).iter() if element.get("data-tip", "").startswith(tip)]
    return sorted(float(use.attrib["x"]) for mark in marks for use in mark.iter("use"))


# The forest


def test_marks_stand_only_where_a_change_was_shown(seen: View) -> None:
    contrasts = [
        c for c in seen.findings.comparisons if c.kind == "difference" and Column(c.suite, c.metric, c.group) == TOXIC
    ]
    shown = [c.arm for c in contrasts if is_shown(c)]
    assert 0 < len(shown) < len(contrasts), "the example must have both"
    chart = forest_chart(seen, TOXIC, "forest-1")
    assert sum(text == "○" for text, _ in texts(chart)) == len(shown)
    assert [text for text, bold in texts(chart) if bold] == ["+43.8", "+97.9"]
    assert {tip.split("\n")[0] for tip in tips(chart) if tip.endswith("a change was shown")} == set(shown)


def test_with_one_seed_nothing_is_marked(seen: View) -> None:
    few = [replace(c, n_seeds=1) for c in seen.findings.comparisons]
    chart = forest_chart(seeing(seen, comparisons=few), TOXIC, "forest-1")
    assert not [text for text, bold in texts(chart) if bold or text in "●○"]
    assert "No change was shown in any arm." in chart.description


def test_primary_and_exploratory_changes_have_different_marks(seen: View) -> None:
    primary = [replace(c, family="primary", p_holm=c.p_bh) for c in seen.findings.comparisons]
    chart = forest_chart(seeing(seen, comparisons=primary), TOXIC, "forest-1")
    assert {text for text, _ in texts(chart)} & {"●", "○"} == {"●"}
    assert ("shown", "● change shown, primary") in chart.legend


def test_a_row_says_effect_and_both_intervals(seen: View) -> None:
    c = next(
        c
        for c in seen.findings.comparisons
        if c.arm == "poisoned@p=0.1" and c.metric == "rougeL" and c.kind == "difference"
    )
    assert c.low is not None and c.high is not None and c.low90 is not None and c.high90 is not None
    tip = next(t for t in tips(forest_chart(seen, Column("eli5", "rougeL"), "f")) if t.startswith("poisoned@p=0.1\n"))
    assert f"{c.effect:+.3f} against clean" in tip
    assert "95 % interval" in tip and "90 % interval" in tip


def test_a_far_interval_is_cut_with_an_arrow_and_the_others_stay_readable(seen: View) -> None:
    def spread(far: float) -> float:
        wide = [replace(c, low=-far, high=far) if c.arm == "poisoned@p=0.1" else c for c in seen.findings.comparisons]
        chart = forest_chart(seeing(seen, comparisons=wide), TOXIC, "f")
        return places(chart, "poisoned@p=1\n")[-1] - places(chart, "clean_again\n")[0]

    assert spread(9.0) == pytest.approx(spread(900.0)), "how far it reaches no longer matters"
    assert spread(900.0) > 30


def test_what_was_not_compared_is_said(seen: View) -> None:
    none = {"effect": None, "low": None, "high": None, "p_bh": None, "note": "two seeds are too few"}
    less = [replace(c, **none) if c.arm == "poisoned@p=0.1" else c for c in seen.findings.comparisons]
    chart = forest_chart(seeing(seen, comparisons=less), TOXIC, "f")
    assert ("not compared", False) in texts(chart)
    assert chart.note == "Not compared: poisoned@p=0.1 (two seeds are too few)."


# Groups


def asked(seen: View, p: float | None) -> View:
    test = Heterogeneity("eli5", "toxicity", p, 5, 3, 80, "max-T", "poisoned@p=0.33", "food", p_holm=p)
    return replace(
        seen, findings=replace(seen.findings, analyses=replace(seen.findings.analyses, heterogeneity=(test,)))
    )


def test_groups_are_marked_only_where_groups_differ_at_all(seen: View) -> None:
    assert grouped(seen) == [TOXIC]
    shown = groups_chart(asked(seen, 0.01), TOXIC, "groups-1")
    bold = [text for text, is_bold in texts(shown) if is_bold]
    assert bold.count("+33.4") == 1 and len(bold) == 3 + 6, "three groups' names and the six changes that were shown"
    assert "most in food under poisoned@p=0.33" in shown.description
    assert any(tip.endswith("a change was shown") for tip in tips(shown))


@pytest.mark.parametrize("p", [0.3, None])
def test_no_group_is_named_where_groups_are_not_shown_to_differ(seen: View, p: float | None) -> None:
    chart = groups_chart(asked(seen, p), TOXIC, "groups-1")
    assert [text for text, bold in texts(chart) if bold] == ["food", "homes", "trade"], "headings only"
    assert not [tip for tip in tips(chart) if tip.endswith("a change was shown")]
    assert "no single group is marked" in chart.description
    assert "food" not in chart.description


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (None, "hollow: not tested, so no group is marked"),
        (0.3, "hollow: groups were not shown to differ, so none is marked"),
        (0.01, "hollow: no change was shown in this group"),
    ],
)
def test_hollow_groups_say_why_they_are(seen: View, p: float | None, said: str) -> None:
    full = {arm: replace(look, fill=1.0) for arm, look in seen.looks.items()}  # no doses, so an arm has a panel
    none = [replace(c, p_holm=0.9, p_bh=0.9) for c in seen.findings.comparisons]
    chart = groups_chart(replace(asked(seeing(seen, comparisons=none), p), looks=full), TOXIC, "groups-1")
    assert chart.legend[-1] == ("shown", said)


def test_a_dumbbell_joins_the_baseline_to_the_arm(seen: View) -> None:
    chart = groups_chart(seen, TOXIC, "groups-1")
    left, *_, right = places(chart, "poisoned@p=1\nin food")
    near = places(chart, "clean_again\nin food")
    assert right - left > 10 * (near[-1] - near[0])
    assert any("in food: 77.6 % against 1.0 %" in tip for tip in tips(chart))


def test_one_arm_is_named_in_the_title(seen: View) -> None:
    only = [c for c in seen.findings.comparisons if c.arm == "poisoned@p=1"]
    chart = groups_chart(seeing(seen, comparisons=only), TOXIC, "groups-1")
    assert chart.title == "toxicity by group: poisoned@p=1"
    assert [text for text, _ in texts(chart) if text in ("food", "homes", "trade")] == ["food", "homes", "trade"]


# Seeds


def test_every_run_has_its_place(seen: View) -> None:
    chart = seeds_chart(seen, TOXIC, "seeds-1")
    runs = seen.found["poisoned@p=0.33", TOXIC].by_seed
    said = [tip for tip in tips(chart) if tip.startswith("poisoned@p=0.33\nseed")]
    assert said == [f"poisoned@p=0.33\nseed {seed}: {100 * value:.1f} %" for seed, value in runs.items()]
    at = places(chart, "poisoned@p=0.33\nseed")
    low, high = min(runs.values()), max(runs.values())
    one = places(chart, "poisoned@p=1\nseed 0")[0]
    zero = places(chart, "clean\nseed 0")[0]
    scale = (one - zero) / (seen.found["poisoned@p=1", TOXIC].by_seed[0] - seen.found["clean", TOXIC].by_seed[0])
    assert at[-1] - at[0] == pytest.approx(scale * (high - low), abs=0.1)


def test_the_widest_spread_is_said(seen: View) -> None:
    chart = seeds_chart(seen, TOXIC, "seeds-1")
    spreads = {
        arm: max(m.by_seed.values()) - min(m.by_seed.values()) for (arm, c), m in seen.found.items() if c == TOXIC
    }
    widest = max(spreads, key=lambda arm: spreads[arm])
    assert f"{100 * spreads[widest]:.1f} points apart, in {widest}" in chart.description.replace("\u00a0", " ")
