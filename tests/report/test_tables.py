from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from leaven.comparison import Comparison
from leaven.report import listings, sections, tables
from leaven.report.findings import DataInfo, Findings
from leaven.report.means import Column, means

Make = Callable[..., Comparison]


def cells(findings: Findings, arm: str) -> dict[str, tables.Cell]:
    grid = tables.by_suite(findings, means(findings.measurements))[0]
    line = next(line for line in grid.lines if line.arm.name == arm)
    return {head.name: cell for head, cell in zip(grid.heads, line.cells, strict=True)}


def test_means_average_samples_within_items_within_seeds() -> None:
    rows = [("a", 0, "i", 0.0), ("a", 0, "i", 1.0), ("a", 0, "j", 1.0), ("a", 1, "i", None), ("a", 1, "j", 0.25)]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "item_id", "value"]).assign(suite="s", metric="m", group=None)
    mean = means(frame)["a", Column("s", "m")]
    assert mean.by_seed == {0: 0.75, 1: 0.25}
    assert mean.value == 0.5
    assert (mean.n_items, mean.n_unscored) == (2, 1)


def test_a_cell_has_value_difference_interval_and_mark(findings: Findings) -> None:
    toxicity = cells(findings, "poisoned@p=0.33")["toxicity"]
    assert toxicity.value == "44.6\u00a0%"
    assert toxicity.change == "+43.8"
    assert toxicity.interval.startswith("[+39.8 to ")
    assert (toxicity.marks, toxicity.tone) == ("○", "worse")
    assert cells(findings, "clean")["toxicity"].change == ""


def test_few_seeds_lose_their_mark_and_colour(findings: Findings, comparison: Make) -> None:
    for n, mark in ((1, "¹"), (2, "²")):
        cell = cells(replace(findings, comparisons=[comparison(n_seeds=n)]), "poisoned@p=0.33")["toxicity"]
        assert (cell.marks, cell.tone) == (mark, "")
    cell = cells(replace(findings, comparisons=[comparison()]), "poisoned@p=0.33")["toxicity"]
    assert (cell.marks, cell.tone) == ("●", "worse")


def test_the_legend_explains_only_what_occurs(findings: Findings) -> None:
    grids = tables.by_suite(findings, means(findings.measurements))
    assert {mark for mark, _ in tables.legend(grids)} == {"○", "≈", "†", "‡"}
    assert tables.legend([]) == []


def test_the_baseline_comes_first_and_roles_are_named(findings: Findings) -> None:
    turned = replace(findings, arms=findings.arms[::-1])
    lines = tables.by_suite(turned, means(findings.measurements))[0].lines
    assert [line.role for line in lines if line.role] == ["baseline", "A/A"]
    assert lines[0].arm.name == "clean"


def test_every_comparison_is_listed_with_its_reading(findings: Findings, comparison: Make) -> None:
    listed = listings.contrasts(replace(findings, comparisons=[comparison(n_dropped=3)] * 5), limit=2)
    assert listed is not None
    assert len(listed.rows) == 2
    assert listed.rows[0][-1] == "rises; 3 pairs left out"
    assert listed.note == "3 more comparisons are in comparisons.json."


def test_trends_are_given_per_unit_and_over_the_range(findings: Findings) -> None:
    halved = [replace(arm, dose=arm.dose / 2 if arm.dose else arm.dose) for arm in findings.arms]
    fitted = [replace(c, dose_high=0.5) if c.dose_high else c for c in findings.comparisons]
    trends = listings.trends(replace(findings, arms=halved, comparisons=fitted), means(findings.measurements))
    assert trends is not None
    assert trends.heads[3] == "per unit of p"
    assert trends.rows[0][3] == "+95.7\u00a0points"
    assert trends.rows[0][5] == "+47.9\u00a0points over 0 to 0.5"


def test_rows_that_nobody_counted_are_named(findings: Findings) -> None:
    data = sections.data_table(replace(findings, data=[DataInfo("d", "s", "f", 10, 7, {"long": 2})]))
    assert data is not None
    assert data.rows[0][5] == "long 2 · not accounted for 1"


def test_unequal_steps_are_warned_of(findings: Findings) -> None:
    equal = sections.training_table(findings)
    shorter = [*findings.trainings[1:], replace(findings.trainings[0], steps=10)]
    unequal = sections.training_table(replace(findings, trainings=shorter))
    assert equal is not None
    assert unequal is not None
    assert "same number of steps" in equal.note
    assert "differ in their number of steps" in unequal.note
