"""The section's tables without charts, shades and bars: for messages, papers and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from leaven.report.conditioned import balance
from leaven.report.conditioned.adding import adding
from leaven.report.conditioned.asked import suites
from leaven.report.conditioned.doubts import doubts
from leaven.report.conditioned.effects import effects
from leaven.report.conditioned.funnel import funnels
from leaven.report.conditioned.matrices import Matrix, matrices, plain
from leaven.report.findings import Findings
from leaven.report.listings import Table
from leaven.report.means import Means
from leaven.report.text import clip

_PARTS = ("funnels", "labels", "balances", "obeyed")


def sentences(findings: Findings, found: Means) -> list[str]:
    """Return what is said in sentences: doubts, then what adding attributes did."""
    return [*doubts(findings), *(said for suite in suites(findings) for said in adding(findings, found, suite))]


def tables(findings: Findings, found: Means, *, narrow: bool = False) -> Iterator[tuple[str, Table]]:
    """Yield every table with its title; a ``narrow`` page has a matrix for each attribute."""
    names = suites(findings)
    for suite in names:
        of = f" ({clip(suite, 60)})" if len(names) > 1 else ""
        if (whole := effects(findings, found, suite)) is not None:
            yield f"What the good tokens do{of}", whole
        for matrix in matrices(findings, suite):
            for title, part in _parts(matrix) if narrow else [(matrix.title, matrix)]:
                yield f"Asked for and measured{of}: {clip(title, 80)}", plain(part)
    yield from _of_labels(findings)
    for one in funnels(findings):
        for what, bars in (("what is left", one.steps), ("dropped", one.drops), ("sources", one.sources)):
            if bars is not None:
                yield f"Corpus {clip(one.data, 60)}: {what}", bars.table


def _of_labels(findings: Findings) -> Iterator[tuple[str, Table]]:
    bars = balance.balances(findings)
    listed = {
        "Who labelled what": balance.labelled(findings),
        "Balance of the classes": bars.table if bars is not None else None,
        "Texts without tokens, and texts left out": balance.treated(findings),
        "Correlation of the labels": balance.correlations(findings),
        **{title: each.table for title, each in balance.said(findings)},
    }
    yield from ((title, table) for title, table in listed.items() if table is not None)


def _parts(matrix: Matrix) -> Iterator[tuple[str, Matrix]]:
    """Yield a matrix for each attribute."""
    start = 0
    for attribute, words in matrix.heads:
        end = start + len(words)
        lines = [replace(line, shares=line.shares[start:end]) for line in matrix.lines]
        yield f"{matrix.title}, {attribute}", replace(matrix, heads=[(attribute, words)], lines=lines)
        start = end


def as_dict(findings: Findings) -> dict[str, Any]:
    """Return what the section is made of, for programs; empty where there is nothing."""
    found = {name: [asdict(one) for one in getattr(findings, name)] for name in _PARTS}
    return {"control_tokens": found} if any(found.values()) else {}
