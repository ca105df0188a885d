"""Training curves: thinned without losing a spike, averaged over runs, never with a number that is none."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from leaven.report.charts.traces import smoothed, spread, thinned
from leaven.report.charts.training import steps_of, training_chart
from leaven.report.charts.view import view
from leaven.report.figures import Chart
from leaven.report.findings import Findings, TrainingInfo

LOSSES = st.lists(st.floats(0, 100), min_size=1, max_size=600)


def drawn(findings: Findings, step: str = "") -> Chart:
    return training_chart(view(findings, {}), step, "training-1")


def tips(chart: Chart) -> list[str]:
    return [tip for element in ET.fromstring(chart.svg).iter() if (tip := element.get("data-tip"))]


@given(LOSSES, st.integers(4, 200))
def test_thinning_keeps_order_extremes_and_the_limit(values: list[float], most: int) -> None:
    losses = list(enumerate(values))
    kept = thinned(losses, most)
    assert len(kept) <= most and kept == sorted(kept) and set(kept) <= set(losses)
    assert kept[0] == losses[0] and kept[-1] == losses[-1]
    assert max(loss for _, loss in kept) == max(values) and min(loss for _, loss in kept) == min(values)


def test_a_mean_is_over_the_steps_that_all_runs_logged() -> None:
    runs = [[(1, 2.0), (2, 4.0), (3, 9.0)], [(1, 4.0), (2, 6.0)]]
    assert smoothed(runs) == [(1.0, 3.0), (2.0, 5.0)]
    assert smoothed([[(1, 2.0)], [(2, 2.0)]]) == []
    long = [[(i, float(i)) for i in range(100)]]
    assert smoothed(long, 4) == [(12.0, 12.0), (37.0, 37.0), (62.0, 62.0), (87.0, 87.0)]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 200), min_size=1, max_size=12))
def test_names_at_the_edge_never_cover_each_other(places: dict[str, float]) -> None:
    made = spread(places, 13.0, 200.0)
    ordered = sorted(made.values())
    assert all(b - a >= 13.0 - 1e-9 for a, b in itertools.pairwise(ordered))
    assert ordered[-1] <= 200.0
    assert sorted(made, key=made.__getitem__) == sorted(places, key=places.__getitem__), "their order stays"


def test_every_run_and_every_arm_is_a_mark(rich: Findings) -> None:
    noisy = [
        replace(t, losses=[(s, 2.0 + np.exp(-s / 9) + 0.01 * (s % 3)) for s in range(1, 400)]) for t in rich.trainings
    ]
    chart = drawn(replace(rich, trainings=noisy))
    assert len([tip for tip in tips(chart) if "seed" in tip]) == 18
    assert len([tip for tip in tips(chart) if "mean of 3 runs" in tip]) == 6
    assert "poisoned@p=1\nseed 2: loss 2.000 at step 399" in tips(chart)


def test_a_chain_has_a_chart_for_each_training(rich: Findings) -> None:
    two = [*(replace(t, step="sft") for t in rich.trainings), TrainingInfo("clean", 0, losses=[(1, 1.0)], step="dpo"),
           TrainingInfo("clean", 0, step="silent")]  # fmt: skip
    chained = replace(rich, trainings=two)
    assert steps_of(chained) == ["sft", "dpo"]
    assert drawn(chained, "dpo").title == "training loss of dpo"
    assert len(tips(drawn(chained, "dpo"))) == 2, "one run and its name"


def test_held_out_loss_is_a_dashed_line_beside_that_of_training(rich: Findings) -> None:
    """Where it ends above its lowest, the note says where that was; of one that still falls nothing is said."""
    held = {"clean": [(2, 2.0), (4, 1.5), (6, 1.9)], "clean_again": [(2, 2.0), (4, 1.8), (6, 1.7)]}
    fell = [(2, 2.0), (4, 1.2), (6, 0.4)]
    some = [
        replace(t, losses=fell, curves={"eval_loss": held[t.arm]}, seconds=i)
        for i, t in enumerate(rich.trainings) if t.arm in held
    ]  # fmt: skip
    chart = drawn(replace(rich, trainings=some))
    assert chart.legend == [("fit", "trained on"), ("dashed", "held out")]
    assert chart.note == "The held-out loss of clean is lowest at step 4 (1.500), and 1.900 at the end."
    assert any("held-out loss, mean of 3 runs, at last 1.900" in tip for tip in tips(chart))
    assert any("training loss 0.400 at step 6" in tip for tip in tips(chart))
    without = drawn(replace(rich, trainings=[replace(t, curves={}) for t in some]))
    assert without.legend == [] and "held" not in without.svg + without.note + without.description


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_losses_that_are_no_numbers_are_counted(rich: Findings, value: float) -> None:
    broken = [replace(t, losses=[(1, 2.0), (2, value), (3, 1.5)]) for t in rich.trainings]
    chart = drawn(replace(rich, trainings=broken))
    assert chart.note.startswith("18 logged losses were not finite, in clean, clean_again")
    nothing = drawn(replace(rich, trainings=[replace(t, losses=[(1, value)]) for t in rich.trainings]))
    assert nothing.svg == "" and nothing.note.startswith("No loss is a number that can be drawn.")


def test_a_run_that_blew_up_does_not_press_the_others_flat(rich: Findings) -> None:
    one = [
        replace(t, losses=[(s, 10.0 ** (s / 9) if i == 7 else 2.0) for s in range(1, 60)])
        for i, t in enumerate(rich.trainings)
    ]
    words = [element.text for element in ET.fromstring(drawn(replace(rich, trainings=one)).svg).iter("text")]
    assert "100,000" in words and "1e6" in words


def test_two_hundred_points_a_run_at_most(rich: Findings) -> None:
    long = [replace(t, losses=[(s, float(s * 7919 % 97)) for s in range(5000)]) for t in rich.trainings]
    chart = drawn(replace(rich, trainings=long))
    lines = [path.get("d", "") for path in ET.fromstring(chart.svg).iter("path")]
    assert max(d.count("L") for d in lines) <= 200
    assert len(chart.svg) < 150_000
