"""What a first reader stumbled over: numbers that differ between places, keys told twice, digits that hide a side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from leaven.comparison import Comparison
from leaven.report import listings, numbers, sections, tables
from leaven.report.answer import answer
from leaven.report.browser import browser, contents
from leaven.report.charts.dose import dose_chart
from leaven.report.charts.dose_picture import Picture
from leaven.report.charts.forest import forest_chart
from leaven.report.charts.view import view
from leaven.report.curves import dose_curve
from leaven.report.figures import gallery, keyed
from leaven.report.findings import DataInfo, Findings, MetricInfo, SampleInfo
from leaven.report.formats.csv import csv
from leaven.report.formats.latex import latex
from leaven.report.formats.markdown import escape, markdown
from leaven.report.means import Column, means
from leaven.report.page import render

Make = Callable[..., Comparison]
TOXIC = Column("eli5", "toxicity")


def trend_row(findings: Findings, which: int = 0) -> dict[str, str]:
    table = listings.trends(findings, means(findings.measurements))
    assert table is not None
    return dict(zip(table.heads, (cell.replace("\u00a0", " ") for cell in table.rows[which]), strict=True))


def steep(comparison: Make, **more: object) -> Comparison:
    """Return a trend of shares whose interval leaves what shares can be."""
    made = {"kind": "trend", "arm": "poisoned", "mean": 0.99, "baseline_mean": 0.0, "effect": 1.0, "low": 0.952,
            "high": 1.048, "dose_low": 0.0, "dose_high": 1.0, "test": "trend"}  # fmt: skip
    return comparison(**(made | more))


def test_a_trend_s_interval_is_the_same_in_the_answer_and_in_its_table(findings: Findings, comparison: Make) -> None:
    study = replace(findings, comparisons=[steep(comparison)])
    row = trend_row(study)
    assert row["95 % interval"] == "+95.2 to +100.0"
    assert f"interval {row['95 % interval']}" in answer(study, means(study.measurements))[0].replace("\u00a0", " ")
    assert row["per unit of p"] == "+100.0 points"


def test_a_difference_s_interval_ends_where_shares_end(findings: Findings, comparison: Make) -> None:
    study = replace(findings, comparisons=[comparison(effect=0.97, low=0.9, high=1.04, low90=0.91, high90=1.03)])
    grid = tables.suites(study, means(study.measurements))[0][0]
    cell = next(line.cells[0] for line in grid.lines if line.arm.name == "poisoned@p=0.33")
    assert cell.interval == "[+90.0 to +100.0]"
    listed = listings.contrasts(study)
    assert listed is not None and listed.rows[0][3] == "+90.0 to +100.0"


def test_an_interaction_is_not_cut(findings: Findings, comparison: Make) -> None:
    both = comparison(kind="interaction", arm="g: p x q", effect=1.4, low=-0.3, high=3.1)
    row = trend_row(replace(findings, comparisons=[both]))
    assert (row["over the doses"], row["per unit of p"]) == ("–", "+140.0 points (−30.0 to +310.0)")


def test_a_grid_s_doses_keep_their_own_names(findings: Findings, comparison: Make) -> None:
    over = [steep(comparison, arm=f"g: {dose}", test="trend: t", effect=0.1, low=0.0, high=0.2) for dose in ("p", "q")]
    study = replace(findings, comparisons=over)
    assert listings.doses(study) == ["p", "q"]
    row = trend_row(study, 1)
    assert row["over the doses"] == "+10.0 points over q 0 to 1"
    assert row["per unit of dose"] == "+10.0 points per q"
    assert "Trends over <bdi>p and q</bdi>" in render(study)


def test_whiskers_of_shares_stay_between_0_and_100_percent(findings: Findings, comparison: Make) -> None:
    study = replace(findings, comparisons=[comparison(low=-0.3, high=1.2)])
    curve = dose_curve(study, means(study.measurements), TOXIC)
    picture = Picture(view(study, means(study.measurements)), TOXIC, curve, [], {})
    (point,) = [p for p in curve.points if p.low is not None]
    assert picture.bounds(point) == [0.0, 1.0]
    drawn = forest_chart(picture.view, TOXIC, "forest-1")
    assert "120" not in drawn.svg


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.0499, "0.0499"), (0.04996, "0.04996"), (0.0501, "0.0501"), (0.05, "0.050"), (0.0495, "0.0495"), (0.012, "0.012"),
     (0.04999999, "<\u00a00.05"), (0.05000001, ">\u00a00.05")],
)  # fmt: skip
def test_a_p_value_shows_on_which_side_of_5_percent_it_is(p: float, written: str) -> None:
    assert numbers.p_value(p) == written


def test_the_two_tests_of_a_difference_are_said(findings: Findings, comparison: Make) -> None:
    assert "the larger of two tests" in render(findings)
    assert "the larger of two tests" not in render(replace(findings, comparisons=[comparison(n_seeds=1)]))
    assert "judged alone" in dict(tables.MARKS)["≈"]


def test_a_key_is_told_once_in_a_section(rich: Findings) -> None:
    charts = gallery(rich, means(rich.measurements))
    shown = keyed(charts)
    assert [chart for chart, _, _ in shown] == charts
    for chart, new, told in shown:
        assert sorted([*new, *told]) == sorted(chart.legend)
    forests = [(new, told) for chart, new, told in shown if chart.kind == "forest" and chart.legend]
    assert len(forests) > 1
    assert not forests[0][1] and all(told for _, told in forests[1:])


def test_counts_do_not_read_as_part_of_a_reason_and_a_second_line_says_why(findings: Findings) -> None:
    one = DataInfo("heldout", "s", "f", 250, 239, {"prompt occurs in train": 11})
    long = replace(one, kept=231, drops={"prompt occurs in train": 11, "longer than max_length 512": 8})
    table = sections.data_table(replace(findings, data=[one, long]))
    assert table is not None
    assert table.rows[1][5] == "11\u00a0× prompt occurs in train; 8\u00a0× longer than max_length 512"
    assert table.note.startswith("Of heldout there is a line for every use")
    alone = sections.data_table(replace(findings, data=[one]))
    assert alone is not None and alone.note == ""


def test_a_sample_shows_no_floors_and_nothing_that_was_never_scored(findings: Findings) -> None:
    scores = {"toxicity": 0.0, "rougeL": 0.2, "rougeL_floor": 0.1, "rougeL_ceiling": None}
    sample = SampleInfo("clean", 0, "Why?", "So.", None, "eli5", "i", 0, scores)
    metrics = [*findings.metrics, MetricInfo("eli5", "rougeL_floor", beside=True)]
    made = contents(replace(findings, metrics=metrics), {("eli5", "i"): [sample]})
    assert [m["name"] for m in made["suites"][0]["metrics"]] == ["toxicity", "rougeL"]
    assert made["samples"][0][5] == [0.0, 0.2]
    assert browser(replace(findings, metrics=metrics, samples=[sample])).kept == 1


def test_a_description_begins_like_a_sentence(findings: Findings) -> None:
    metrics = [replace(m, description="classifier oracle. Probability.") for m in findings.metrics]
    chart = dose_chart(view(replace(findings, metrics=metrics), means(findings.measurements)), TOXIC, "dose-1")
    assert chart.description.startswith("Classifier oracle. Probability; lower is better.")


def test_markdown_and_latex_hold_the_trends_and_latex_the_answer(rich: Findings) -> None:
    text = markdown(rich)
    assert "## Trends" in text and "| poisoned | toxicity · eli5 · primary |" in text
    assert "the larger of two tests" in text
    tex = latex(rich)
    assert "tab:leaven-trends-1" in tex and "tab:leaven-claims-1" in tex
    assert "As the dose p rises from 0 to 1" in tex


def test_markdown_escapes_no_more_than_it_must() -> None:
    assert (
        escape("p-value <\u00a00.001 of clean_again [−1.0 to +2.0]")
        == "p-value <\u00a00.001 of clean_again [−1.0 to +2.0]"
    )
    assert escape("[+1](x)") == "\\[+1\\](x)"
    assert escape("<b> _it_") == "&lt;b&gt; \\_it\\_"


def test_the_baseline_s_line_of_the_csv_has_its_mean(rich: Findings) -> None:
    lines = [line.split(",") for line in csv(rich).splitlines()]
    mean, measured, kind = (lines[0].index(name) for name in ("mean", "measured_mean", "kind"))
    baseline = next(line for line in lines if line[0] == "clean" and line[kind] == "mean")
    assert baseline[mean] == baseline[measured] != ""
