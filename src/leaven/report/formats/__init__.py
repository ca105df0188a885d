"""The report as text for other places: a message, a paper, a spreadsheet, a program."""

from __future__ import annotations

from leaven.errors import Problem, StudyError, did_you_mean
from leaven.report.findings import Findings


def render(findings: Findings, format: str) -> str:
    """Return findings in a text format: ``md``, ``latex``, ``csv`` or ``json``; raises StudyError for another word."""
    from leaven.report.formats.writers import WRITERS

    if format not in WRITERS:
        remedy = did_you_mean(format, ["html", *WRITERS])
        raise StudyError([Problem("--format", f"there is no format '{format}'", remedy)])
    return WRITERS[format](findings)
