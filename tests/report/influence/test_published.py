"""Published tables: only directions are compared, and only where a change was shown here."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

from leaven.report import formats
from leaven.report.findings import Findings, Reference
from leaven.report.means import Column, means
from leaven.report.page import render
from leaven.report.published import Entry, agreement, baseline_row, entries, published


def every(findings: Findings) -> dict[tuple[str, str], Entry]:
    (reference,) = findings.references
    found = entries(findings, means(findings.measurements), reference)
    return {(one.row, one.column.suite): one for one in found}


def test_a_published_change_is_from_the_published_base(influence: Findings) -> None:
    one = every(influence)["Llama SFT SHP", "arc_challenge"]
    assert one.change is not None and round(one.change, 2) == -0.68
    assert every(influence)["Llama Base", "arc_challenge"].change is None
    (reference,) = influence.references
    assert baseline_row(influence, reference) == "Llama Base"
    other = replace(reference, baseline="Llama SFT Orca")
    turned = {one.row: one for one in entries(influence, {}, other) if one.column.suite == "mmlu"}
    assert round(turned["Llama Base"].change or 0, 2) == 3.93


def test_directions_agree_or_not_only_where_a_change_was_shown(influence: Findings) -> None:
    marks = {key: one.mark for key, one in every(influence).items()}
    assert marks["Llama SFT SHP, DPO SHP", "mmlu"] == "✓"
    assert marks["Llama SFT Lima", "arc_challenge"] == "?", "−0.4 here, and not shown"
    assert marks["Llama SFT SHP", "toxigen"] == "", "no change was published"
    assert marks["Llama SFT Orca", "mmlu"] == "", "no arm of this run stands for it"
    turned = [replace(c, effect=-c.effect) if c.effect else c for c in influence.comparisons]
    assert every(replace(influence, comparisons=turned))["Llama SFT SHP, DPO SHP", "mmlu"].mark == "✗"


def test_with_one_seed_no_direction_is_compared(influence: Findings) -> None:
    few = replace(influence, comparisons=[replace(c, n_seeds=1) for c in influence.comparisons])
    assert {one.mark for one in every(few).values()} == {"", "?"}


def test_a_cell_shows_both_with_the_digits_of_the_source(influence: Findings) -> None:
    (grid,) = published(influence, means(influence.measurements))
    cells = {line.arm.name: line.cells for line in grid.lines}
    assert cells["Llama SFT SHP, DPO SHP"][0].value == "34.48 (−11.76)"
    assert cells["Llama SFT SHP, DPO SHP"][0].change == "here 35.0\u00a0%, −10.0"
    assert cells["Llama SFT Orca"][0].value == "48.20 (+1.96)", "as many digits as the column has"
    assert cells["Llama SFT Orca"][0].note == "no such arm here"
    assert cells["Llama SFT Lima"][2].value == "–", "what was not published is no 0"
    assert cells["Llama SFT SHP"][2].value == "43.19 (0.00)"
    assert "levels cannot be compared" in grid.note and "One seed, no tests." in grid.note
    assert [line.role for line in grid.lines][:2] == ["here base", "here sft-shp"]


def test_published_is_said_once(influence: Findings) -> None:
    (reference,) = influence.references
    odd = replace(influence, references=[replace(reference, title="Published: means of the benchmarks")])
    (grid,) = published(odd, {})
    assert grid.title == "means of the benchmarks"
    for kind in ("html", "md", "latex"):
        text = render(odd) if kind == "html" else formats.render(odd, kind)
        assert "means of the benchmarks" in text and "Published: Published" not in re.sub("<[^>]+>", "", text), kind


def test_agreement_is_counted() -> None:
    def one(mark: str) -> Entry:
        return Entry("r", "a", Column("s", "m"), 1.0, 1.0, mark=mark)

    assert agreement([one("✓"), one("✗"), one("?"), one("?"), one("")]).startswith(
        "Of 4 published changes that this run measured too, 1 have the direction of a change shown here, 1 the opposite"
    )
    assert agreement([one("")]).startswith("None of the published changes")


def test_a_short_row_and_a_group_column(influence: Findings) -> None:
    table = Reference("t", "s", [("safety", "safety_score", "women", "Women"), ("piqa", "acc_norm", None, "PIQA")],
                      {"a": [0.21], "b": [0.26, float("nan")]}, {"a": "base", "b": "sft-lima+dpo-hh"})  # fmt: skip
    found = list(entries(influence, means(influence.measurements), table))
    assert [one.value for one in found] == [0.21, None, 0.26, None]
    assert found[2].mark == "✓", "groups are shown to differ, and women's change is shown"
    (grid,) = published(replace(influence, references=[table]), means(influence.measurements))
    assert grid.lines[1].cells[0].value == "0.26 (+0.05)"


def test_published_values_are_lines_of_the_csv_in_our_unit(influence: Findings) -> None:
    rows = [row for row in csv.DictReader(io.StringIO(formats.render(influence, "csv"))) if row["kind"] == "published"]
    assert len(rows) == 6 * 4
    row = next(row for row in rows if row["arm"] == "sft-shp" and row["suite"] == "arc_challenge")
    assert abs(float(row["mean"]) - 0.4556) < 1e-12 and abs(float(row["effect"]) + 0.0068) < 1e-12
