from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from leaven.comparison import Comparison, ForTheseModels, Sizes, Split
from leaven.report import listings, numbers, sections, tables
from leaven.report.findings import DataInfo, Findings
from leaven.report.means import Column, means

Make = Callable[..., Comparison]


def cells(findings: Findings, arm: str) -> dict[str, tables.Cell]:
    grid = tables.suites(findings, means(findings.measurements))[0][0]
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
    grids = [grid for grid, _ in tables.suites(findings, means(findings.measurements))]
    assert {mark for mark, _ in tables.legend(grids)} == {"○", "≈", "†", "‡"}
    assert tables.legend([]) == []


def test_the_baseline_comes_first_and_roles_are_named(findings: Findings) -> None:
    turned = replace(findings, arms=findings.arms[::-1])
    lines = tables.suites(turned, means(findings.measurements))[0][0].lines
    assert [line.role for line in lines if line.role] == ["baseline", "A/A"]
    assert lines[0].arm.name == "clean"


def test_every_comparison_is_listed_with_its_reading(findings: Findings, comparison: Make) -> None:
    listed = listings.contrasts(replace(findings, comparisons=[comparison(n_dropped=3)] * 5), limit=2)
    assert listed is not None
    assert len(listed.rows) == 2
    assert listed.rows[0][-1] == "rises; 3 pairs left out"
    assert listed.note == f"3 more comparisons are in comparisons.json. {listings.TWO_TESTS}"


def test_trends_are_given_per_unit_and_over_the_range(findings: Findings) -> None:
    halved = [replace(arm, dose=arm.dose / 2 if arm.dose else arm.dose) for arm in findings.arms]
    fitted = [replace(c, dose_high=0.5) if c.dose_high else c for c in findings.comparisons]
    trends = listings.trends(replace(findings, arms=halved, comparisons=fitted), means(findings.measurements))
    assert trends is not None
    row = dict(zip(trends.heads, trends.rows[0], strict=True))
    assert row["per unit of p"] == "+95.7\u00a0points"
    assert row["over the doses"] == "+47.9\u00a0points over 0 to 0.5"
    assert row["95 % interval"] == "+46.1 to +49.6", "that of the change over the doses"


def test_rows_that_nobody_counted_are_named(findings: Findings) -> None:
    data = sections.data_table(replace(findings, data=[DataInfo("d", "s", "f", 10, 7, {"long": 2})]))
    assert data is not None
    assert data.rows[0][5] == "2\u00a0× long; 1\u00a0× not accounted for"


def test_unequal_steps_are_warned_of(findings: Findings) -> None:
    equal = sections.training_table(findings)
    shorter = [*findings.trainings[1:], replace(findings.trainings[0], steps=10)]
    unequal = sections.training_table(replace(findings, trainings=shorter))
    assert equal is not None
    assert unequal is not None
    assert "same number of steps" in equal.note
    assert "differ in their number of steps" in unequal.note


def test_a_cell_carries_its_number_and_p_values(findings: Findings) -> None:
    cell = cells(findings, "poisoned@p=0.33")["toxicity"]
    assert cell.sort is not None and round(cell.sort, 4) == 0.4458
    assert (cell.p, cell.p_corrected, cell.shown) == ("<\u00a00.001", "<\u00a00.001", True)
    baseline = cells(findings, "clean")["toxicity"]
    assert (baseline.p, baseline.p_corrected, baseline.shown) == ("", "", False)


def test_nothing_that_was_not_compared_has_a_star(findings: Findings, comparison: Make) -> None:
    infinite = float("inf")
    for made in (
        comparison(effect=None), comparison(effect=infinite), comparison(n_seeds=1), comparison(n_seeds=2),
        comparison(n_items=1), comparison(p_holm=None), comparison(p_holm=float("nan")),
    ):  # fmt: skip
        cell = cells(replace(findings, comparisons=[made]), "poisoned@p=0.33")["toxicity"]
        assert not set("●○≈") & set(cell.marks)
        assert (cell.tone, cell.shown) == ("", False)


def test_equivalence_shows_the_interval_it_was_judged_by(findings: Findings, comparison: Make) -> None:
    made = comparison(equivalent=True, p_holm=0.5, low90=-0.004, high90=0.012)
    cell = cells(replace(findings, comparisons=[made]), "poisoned@p=0.33")["toxicity"]
    assert cell.marks == "≈"
    assert cell.note == "90\u00a0% −0.4 to +1.2"
    few = cells(replace(findings, comparisons=[replace(made, n_seeds=2)]), "poisoned@p=0.33")["toxicity"]
    assert (few.marks, few.note) == ("²", "")


def test_what_holds_for_these_models_alone_is_marked_so(findings: Findings, comparison: Make) -> None:
    cell = cells(replace(findings, comparisons=[comparison(scope="models", n_seeds=0)]), "poisoned@p=0.33")["toxicity"]
    assert cell.marks == "●§"
    listed = listings.contrasts(replace(findings, comparisons=[comparison(scope="models", n_seeds=0)]))
    assert listed is not None
    assert listed.rows[0][-1] == "rises; for these trained models only"


def test_an_interaction_is_no_cell(findings: Findings, comparison: Make) -> None:
    both = comparison(kind="interaction", arm="poisoned@p=0.33")
    assert cells(replace(findings, comparisons=[both]), "poisoned@p=0.33")["toxicity"].change == ""


def group_cell(findings: Findings) -> tuple[str, tables.Cell]:
    grid = next(g for _, g in tables.groups(findings, means(findings.measurements)) if g.title.startswith("toxicity"))
    place = [head.name for head in grid.heads].index("food")
    return grid.note, next(line for line in grid.lines if line.arm.name == "poisoned@p=0.33").cells[place]


def test_a_group_is_named_only_where_groups_are_shown_to_differ(rich: Findings) -> None:
    note, cell = group_cell(rich)
    assert (cell.marks, cell.tone, cell.shown) == ("○", "worse", True)
    corrected = "p-value\u00a00.024 after Holm's correction over metrics"
    assert note == f"Groups differ in how arms change them ({corrected}, max-T, 9,999 sign flips)."
    tested = rich.analyses.heterogeneity[0]
    for found, words in (
        ([replace(tested, p_holm=0.06)], "Groups are not shown to differ"),
        ([replace(tested, p=None, p_holm=None, note="one seed")], "could not be tested (one seed)"),
        ([replace(tested, suite="other")], "was not tested"),
        ([], "was not tested"),
    ):
        study = replace(rich, analyses=replace(rich.analyses, heterogeneity=found))
        note, cell = group_cell(study)
        assert (cell.marks, cell.tone, cell.shown) == ("", "", False)
        assert words in note and note.endswith("no single group is named.")
        listed = listings.contrasts(study)
        assert listed is not None
        reading = next(r[-1] for r in listed.rows if r[0] == "poisoned@p=0.33" and "(food)" in r[1])
        assert reading == "groups are not shown to differ: not named"


def test_contrasts_have_the_columns_that_the_comparisons_fill(rich: Findings, comparison: Make) -> None:
    bare = listings.contrasts(replace(rich, comparisons=[comparison()]))
    assert bare is not None
    assert list(bare.heads) == ["arm", "outcome", "difference", "95 % interval", "p-value", "corrected", "items", "seeds",
                                "test", "reading"]  # fmt: skip
    sizes = Sizes(hits=103, trials=240, baseline_hits=3, baseline_trials=240, ratio=34.3, ratio_low=11.0, ratio_high=107.1,
                  odds_ratio=59.4, shift=0.42, shift_low=0.36, shift_high=0.48, auc=0.71, auc_low=0.66, auc_high=0.76)  # fmt: skip
    full = comparison(
        sizes=sizes, split=Split(share_seed=0.25, share_item=0.55, share_rest=0.2), low90=0.37, high90=0.468,
        boot_low=0.36, boot_high=0.48, models=ForTheseModels("McNemar, mid-p", 0.0004, 0.3, 0.5),
    )  # fmt: skip
    listed = listings.contrasts(replace(rich, comparisons=[full, comparison(arm="b")]))
    assert listed is not None
    row = dict(zip(listed.heads, (cell.replace("\u00a0", " ") for cell in listed.rows[0]), strict=True))
    assert list(row)[2:6] == ["difference", "95 % interval", "ratio", "counts"]
    assert row["difference"] == "+41.9 points"
    assert row["ratio"] == "34.30 (11.00 to 107.1)"
    assert row["counts"] == "103 of 240 against 3 of 240"
    assert row["90 % interval"] == "+37.0 to +46.8"
    assert row["bootstrap 95 %"] == "+36.0 to +48.0"
    assert row["odds ratio"] == "59.40"
    assert row["Hodges-Lehmann"] == "+42.0 points (+36.0 to +48.0)"
    assert row["AUC"] == "0.710 (0.660 to 0.760)"
    assert row["variance from"] == "seeds 25 %, items 55 %, rest 20 %"
    assert row["for these models: p"] == "< 0.001, McNemar, mid-p (+30.0 to +50.0)"
    assert dict(zip(listed.heads, listed.rows[1], strict=True))["ratio"] == "–"


@pytest.mark.parametrize(
    ("mean", "baseline", "sizes", "ratio", "odds"),
    [
        (0.0, 0.1, Sizes(0, 300, 30, 300, ratio=0.0, odds_ratio=0.0, auc=0.45), "0.000 (no interval: no hits)", "0.000 (no interval)"),
        (0.1, 0.0, Sizes(30, 300, 0, 300, auc=0.55), "none: no hits in the baseline", "none"),
        (0.0, 0.0, Sizes(0, 300, 0, 300, auc=0.5), "none: no hits in either", "none"),
        # Of averaged samples there are no counts, and of scores that are no hits and misses there is a shift.
        (0.1, 0.0, Sizes(auc=0.55), "none: no hits in the baseline", "none"),
        (1.0, 0.5, Sizes(9, 9, 3, 6, ratio=2.0, ratio_low=1.1, ratio_high=3.6, auc=0.75), "2.000 (1.100 to 3.600)", "none"),
        (0.1, 0.0, Sizes(shift=0.1, auc=0.55), "–", "–"),
        (0.1, 0.0, Sizes(), "–", "–"),
    ],
)  # fmt: skip
def test_a_ratio_without_hits_says_why_it_has_no_interval(
    findings: Findings, comparison: Make, mean: float, baseline: float, sizes: Sizes, ratio: str, odds: str
) -> None:
    known = comparison(arm="b", sizes=Sizes(5, 9, 3, 9, ratio=1.7, odds_ratio=2.5))
    made = comparison(mean=mean, baseline_mean=baseline, effect=mean - baseline, sizes=sizes)
    listed = listings.contrasts(replace(findings, comparisons=[made, known]))
    assert listed is not None
    row = dict(zip(listed.heads, listed.rows[0], strict=True))
    assert (row["ratio"], row["odds ratio"]) == (ratio, odds)
    assert (listings.NO_HITS in listed.note) is ("no hits" in ratio)


def test_interactions_stand_with_the_trends(rich: Findings) -> None:
    listed = listings.trends(rich, means(rich.measurements))
    assert listed is not None
    row = next(row for row in listed.rows if row[0] == "mixed")
    assert [*row[2:5], row[8]] == ["no interaction shown", "–", "–", "+3.0\u00a0points (−1.0 to +7.0)"]
    assert "An interaction is per unit of both doses, with" in listed.note


def test_a_number_beyond_all_measure_is_short() -> None:
    assert numbers.value(1e300, "words") == "1.0e+300\u00a0words"
    assert numbers.change(1e300, "share") == "+1.0e+302\u00a0points"
    assert (numbers.rounded(0.12345), numbers.share(0.256), numbers.memory(15_360)) == (
        "0.123",
        "26\u00a0%",
        "15.4\u00a0GB",
    )
