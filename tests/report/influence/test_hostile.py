"""Names of boards, sources, rows and data sets are foreign text: in no format do they become anything else."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from leaven.report import formats
from leaven.report.findings import Board, Findings
from leaven.report.page import render

Curve = Sequence[tuple[int, float]]
HOSTILE = ["<img onerror=alert(1)>", "</script><b>", "=cmd()|a", "a\nb | c", "\u202egnp.exe", "nul\x00bell", "a" * 5000,
           "{{ 7*7 }}", "$x^2$ \\frac{", "[x](javascript:alert(1))", ""]  # fmt: skip


def attacked(influence: Findings, word: str) -> Findings:
    (reference,) = influence.references
    columns = [(suite, metric, group, word) for suite, metric, group, _ in reference.columns]
    rows = {f"{row}{word}": values for row, values in reference.rows.items()}
    arms = {f"{row}{word}": arm for row, arm in reference.arms.items()}
    made = replace(reference, title=word, source=word, note=word, columns=columns, rows=rows, arms=arms)
    degenerate = [replace(one, note=word) for one in influence.analyses.degenerate]
    differ = [replace(one, largest_group=word) for one in influence.analyses.heterogeneity]
    return replace(
        influence,
        boards=[replace(board, title=word) for board in influence.boards] + [Board(word, [(word, word)])],
        references=[made],
        arms=[replace(arm, what=word, data=[f"{word} {word}"] if arm.data else ()) for arm in influence.arms],
        trainings=[replace(t, trainer=word, data=word, curves=odd_curves(t.curves, word)) for t in influence.trainings],
        comparisons=[replace(c, group=f"{c.group}{word}" if c.group else c.group) for c in influence.comparisons],
        measurements=odd_groups(influence.measurements, word),
        analyses=replace(influence.analyses, degenerate=degenerate, heterogeneity=differ),
    )


def odd_curves(curves: Mapping[str, Curve], word: str) -> dict[str, Curve]:
    """Return a log with its own names, those names with the word behind, and the word alone."""
    known = next(iter(curves.values()), ())
    return {**curves, **{f"{name}{word}": curve for name, curve in curves.items()}, word: known}


def odd_groups(measurements: pd.DataFrame | None, word: str) -> pd.DataFrame:
    """Return the measurements, each group's name with the word behind it."""
    assert measurements is not None
    return measurements.assign(group=measurements["group"].map(lambda name: f"{name}{word}", na_action="ignore"))


class Tags(HTMLParser):
    def __init__(self, source: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(key for key, _ in attrs if key.startswith("on"))}


@pytest.mark.parametrize("word", HOSTILE, ids=[ascii(word)[:24] for word in HOSTILE])
def test_hostile_names_stay_text(influence: Findings, word: str) -> None:
    odd = attacked(influence, word)
    source = render(odd)
    assert not {"img", "b", "iframe", "onerror", "onload"} & Tags(source).found
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", source)
    assert len(source) < 1_500_000
    tokens = [t for block in MarkdownIt("commonmark").enable("table").parse(formats.render(odd, "md"))
              for t in [block, *(block.children or [])]]  # fmt: skip
    assert not {"html_inline", "html_block", "link_open", "image"} & {token.type for token in tokens}
    assert sum(token.type == "table_open" for token in tokens) == 4, "two boards, a suite that is on one, the published"
    paper = formats.render(odd, "latex")
    assert not [part for part in ("\x00", "$x^2$", "\\frac{") if part in paper]
    assert ">asian<" not in source or not word, "the attack reaches the tables' heads"
    assert not [cell for row in csv.reader(io.StringIO(formats.render(odd, "csv"))) for cell in row if cell[:1] == "="]
    json.loads(formats.render(odd, "json"))
