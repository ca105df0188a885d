"""All comparisons and means as one tidy table: one line per arm and column, then trends and interactions."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from csv import writer
from dataclasses import fields
from typing import Any

from leaven.comparison import Comparison, ForTheseModels, Sizes, Split
from leaven.report.certainty import is_named
from leaven.report.findings import Findings, Reference
from leaven.report.means import Column, Means, arms, columns, means
from leaven.report.published import Entry, entries
from leaven.report.text import clean

_NESTED = {"sizes": Sizes, "split": Split, "models": ForTheseModels}
_FIELDS = [f.name for f in fields(Comparison) if f.name not in _NESTED]
_FIELDS += [f.name for kind in _NESTED.values() for f in fields(kind)]
_BESIDE = ["measured_mean", "unscored", "unit", "shown"]
_FORMULA = "=+-@\t\n\r＝＋－＠"  # what a spreadsheet takes for the beginning of a formula


def csv(findings: Findings) -> str:
    """Return the table as CSV.

    The columns are the fields of a comparison, then ``measured_mean`` (over all that was scored, where ``mean`` is over
    the pairs that were compared), ``unscored`` (values), ``unit`` and ``shown`` (a change may be named). Of what was
    not compared, the baseline above all, only the means are there (both the same) and ``kind`` is "mean". Published
    numbers are at the end, in the metric's unit: ``kind`` is "published", ``note`` their source and row. An empty cell
    is null. Foreign text that a spreadsheet would run as a formula has a quote before it.
    """
    file = io.StringIO()
    rows = writer(file, lineterminator="\n")
    names = [*_FIELDS, *_BESIDE]
    rows.writerow(names)
    for row in _rows(findings, means(findings.measurements)):
        rows.writerow([_cell(row.get(name)) for name in names])
    return file.getvalue()


def _rows(findings: Findings, found: Means) -> Iterator[dict[str, Any]]:
    compared: dict[tuple[str, Column], list[Comparison]] = {}
    for c in findings.comparisons:
        if c.kind == "difference":
            compared.setdefault((c.arm, Column(c.suite, c.metric, c.group)), []).append(c)
    groups = dict.fromkeys(column for _, column in [*found, *compared] if column.group is not None)
    every = [*columns(findings, found), *groups]
    for arm in arms(findings, found):
        for column in every:
            here = compared.pop((arm.name, column), [])
            yield from (_compared(findings, found, c) for c in here)
            if not here and (arm.name, column) in found:
                about = {"arm": arm.name, "dose": arm.dose, "kind": "mean", **column._asdict()}
                about["mean"] = found[arm.name, column].value
                yield about | _beside(findings, found, arm.name, column)
    others = [c for left in compared.values() for c in left]  # of arms that nobody described or measured
    yield from (_compared(findings, found, c) for c in others)
    yield from (_compared(findings, found, c) for c in findings.comparisons if c.kind != "difference")
    for reference in findings.references:
        yield from (_published(findings, reference, one) for one in entries(findings, found, reference))


def _published(findings: Findings, reference: Reference, one: Entry) -> dict[str, Any]:
    """Return a published value as a line: its mean, and its change to the published baseline."""
    value, effect = (None if x is None else x * reference.scale for x in (one.value, one.change))
    unit = findings.metric(one.column.suite, one.column.metric).unit
    note = f"{reference.title}: {one.row} ({reference.source})"
    about = {"arm": one.arm, "kind": "published", **one.column._asdict(), "note": note, "unit": unit}
    return about | {"mean": value, "effect": effect}


def _compared(findings: Findings, found: Means, c: Comparison) -> dict[str, Any]:
    column = Column(c.suite, c.metric, c.group)
    return c.as_dict() | {"shown": is_named(findings, c)} | _beside(findings, found, c.arm, column)


def _beside(findings: Findings, found: Means, arm: str, column: Column) -> dict[str, Any]:
    mean, unit = found.get((arm, column)), findings.metric(column.suite, column.metric).unit
    return {"unit": unit} | ({} if mean is None else {"measured_mean": mean.value, "unscored": mean.n_unscored})


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if text[:1] and text[0] in _FORMULA else text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return repr(float(value)) if math.isfinite(value) else ""
