"""The section in the whole page and in the other formats."""

from __future__ import annotations

import json
from dataclasses import replace

from leaven.report.findings import Findings
from leaven.report.formats import render as written
from leaven.report.judges.found import Judging
from leaven.report.page import render


def test_page(findings: Findings, whole: Judging) -> None:
    plain = render(findings)
    assert 'id="judges"' not in plain and ".ranked" not in plain
    f = replace(findings, judging=whole)
    page = render(f)

    assert '<a href="#judges">Judges and what was built</a>' in page and page == render(f)
    assert "Circular: llama-70b" in page[: page.index('id="results"')]
    md = written(f, "md")
    assert "## Judges and what was built" in md
    tex = written(f, "latex")
    assert "Judges against people" in tex
    assert "judging" in json.loads(written(f, "json"))
