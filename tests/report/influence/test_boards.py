"""Boards: columns of several suites side by side, groups of one metric, and nothing said twice."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leaven.report import formats
from leaven.report.boards import Shown, shown
from leaven.report.empty import tells_nothing
from leaven.report.findings import Board, Findings
from leaven.report.layout import MOST_COLUMNS, laid_out
from leaven.report.means import Column, means
from leaven.report.page import render
from leaven.report.tables import Cell, Grid, legend


def tables(findings: Findings) -> Shown:
    return shown(findings, means(findings.measurements))


def cell(grid: Grid, arm: str, head: str) -> Cell:
    place = [one.name for one in grid.heads].index(head)
    return next(line for line in grid.lines if line.arm.name == arm).cells[place]


def test_columns_of_several_suites_stand_side_by_side_with_their_differences(influence: Findings) -> None:
    first = tables(influence).boards[0]
    assert [head.name for head in first.heads] == [
        "arc_challenge acc_norm", "piqa acc_norm", "hellaswag acc_norm", "mmlu acc", "toxigen acc_norm",
        "truthfulqa_mc2 acc", "reasoning average",
    ]  # fmt: skip
    lost = cell(first, "sft-shp+dpo-shp", "mmlu acc")
    assert (lost.value, lost.change, lost.interval) == ("35.0\u00a0%", "−10.0", "[−12.0 to −8.0]")
    assert (lost.marks, lost.tone) == ("○", "worse")
    open_ = cell(first, "sft-lima", "mmlu acc")
    assert (open_.change, open_.marks, open_.tone) == ("−0.4", "", "")
    assert first.note == "All columns: ↑ higher is better, %, differences in points."


def test_directions_that_differ_stay_in_the_heads(influence: Findings) -> None:
    mixed = [replace(m, better="lower" if m.suite == "toxigen" else m.better) for m in influence.metrics]
    first = tables(replace(influence, metrics=mixed)).boards[0]
    assert {head.direction for head in first.heads} == {"↑ higher is better", "↓ lower is better"}
    assert cell(first, "sft-orca+dpo-hh", "toxigen acc_norm").tone == "better"


def test_groups_have_a_board_with_all_of_them_first(influence: Findings) -> None:
    groups = tables(influence).boards[1]
    assert [head.name for head in groups.heads][:3] == ["all groups", "asian", "black"] and len(groups.heads) == 14
    assert cell(groups, "sft-lima+dpo-hh", "women").marks == "○"
    assert groups.note.startswith("Groups differ in how arms change them")


def test_no_group_is_marked_where_groups_are_not_shown_to_differ(influence: Findings) -> None:
    untested = replace(influence, analyses=replace(influence.analyses, heterogeneity=()))
    groups = tables(untested).boards[1]
    assert cell(groups, "sft-lima+dpo-hh", "all groups").marks == "○", "what holds over all items is no single group"
    assert {cell(groups, "sft-lima+dpo-hh", head.name).marks for head in groups.heads[1:]} == {""}
    assert "no single group is named" in groups.note


def test_what_a_board_shows_stands_nowhere_else(influence: Findings) -> None:
    made = tables(influence)
    assert [grid.title for grid in made.suites] == [], "each benchmark's only column is on the board"
    assert [grid.title for grid in made.inside] == ["safety"], "its other metric is not"
    assert made.groups == []
    plain = tables(replace(influence, boards=()))
    assert len(plain.suites) == 8 and len(plain.groups) == 1 and not plain.boards and not plain.inside


def test_a_board_of_what_nobody_measured_is_left_out(influence: Findings) -> None:
    absent = [Board("Nothing", [("nowhere", "acc")]), Board("None", [("nowhere", "acc")], groups=True)]
    assert tables(replace(influence, boards=absent)).boards == []
    partly = Board("Partly", [("piqa", "acc_norm"), ("nowhere", "acc")])
    (grid,) = tables(replace(influence, boards=[partly])).boards
    assert cell(grid, "base", "nowhere acc").value == "not measured"


def test_values_that_tell_nothing_are_marked_in_their_cell(influence: Findings) -> None:
    made = tables(influence)
    assert cell(made.boards[0], "base", "toxigen acc_norm").marks == "⊘", "told of its predictions, as accuracy"
    assert cell(made.boards[0], "sft-lima", "toxigen acc_norm").marks == "⊘"
    assert cell(made.boards[0], "sft-orca", "toxigen acc_norm").marks == ""
    assert "⊘" in dict(legend(made.boards))


def test_an_accuracy_that_tells_nothing_is_the_column_with_its_value(influence: Findings) -> None:
    found = means(influence.measurements)
    assert tells_nothing(influence, found, "base", Column("toxigen", "acc_norm")) is not None
    other = [replace(one, value=0.5) for one in influence.analyses.degenerate if one.metric == "accuracy"]
    elsewhere = replace(influence, analyses=replace(influence.analyses, degenerate=other))
    assert tells_nothing(elsewhere, found, "base", Column("toxigen", "acc_norm")) is None
    assert tells_nothing(influence, found, "base", Column("toxigen", "auc")) is None
    assert tells_nothing(influence, found, "base", Column("toxigen", "acc_norm", "women")) is None


def test_wide_boards_are_laid_out_in_blocks(influence: Findings) -> None:
    for laid in laid_out(tables(influence).boards):
        assert all(len(block.heads) <= MOST_COLUMNS or laid.turned for block in laid.blocks)
        assert laid.kind in ("board", "groups")


def test_the_page_shows_boards_first_and_folds_the_rest(influence: Findings) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", render(influence).partition('id="results"')[2]))
    order = ["Benchmarks", "Safety score by group", "Published: Benchmarks of the published study",
             "Suites of the tables above"]  # fmt: skip
    places = [text.index(words, text.index("p-values")) for words in order]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", ["md", "latex"])
def test_exports_hold_the_boards(influence: Findings, kind: str) -> None:
    text = formats.render(influence, kind)
    for words in ("Benchmarks", "Safety score by group", "middle-eastern", "As published" if kind == "no" else "MMLU"):
        assert words in text
    assert "44.0" in text and "+5.0" in text


def test_board_columns_are_called_by_suite_and_metric_in_sentences(influence: Findings) -> None:
    assert influence.needs_suite("reasoning", "average")
    assert not influence.needs_suite("safety", "safety_score"), "a board of one suite's groups needs no suite"
    assert not replace(influence, boards=()).needs_suite("reasoning", "average")
