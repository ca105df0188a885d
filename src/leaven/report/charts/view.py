"""What every chart is drawn from: the findings, their means and differences, and how each arm looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leaven.comparison import Comparison
from leaven.report.charts.looks import Look, looks
from leaven.report.findings import Findings
from leaven.report.means import Column, Means


@dataclass(frozen=True)
class View:
    """The findings with their means, and the arms' looks, which are the same in all charts of a page.

    ``differences`` holds the arms' differences by column and arm.
    """

    findings: Findings
    found: Means
    looks: Mapping[str, Look]
    differences: Mapping[Column, Mapping[str, Comparison]]

    def unit(self, column: Column) -> str:
        """Return a metric's unit."""
        return self.findings.metric(column.suite, column.metric).unit

    def contrasts(self, column: Column) -> Mapping[str, Comparison]:
        """Return the arms' differences in one metric, by arm."""
        return self.differences.get(column, {})


def view(findings: Findings, found: Means) -> View:
    """Give every arm its look, and sort the differences by what they are in."""
    differences: dict[Column, dict[str, Comparison]] = {}
    for c in findings.comparisons:
        if c.kind == "difference":
            differences.setdefault(Column(c.suite, c.metric, c.group), {})[c.arm] = c
    return View(findings, found, looks(findings, found), differences)
