"""The report: one self-contained HTML page that can be mailed, printed and read in ten years.

No script, no font, no request; a content security policy holds the page to that. Every string that reaches the
template is cleaned on its way out (``finalize``) and escaped by Jinja, so no section can forget to.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from leaven.report import listings, numbers, sections, tables
from leaven.report.answer import answer
from leaven.report.figures import Chart, chart
from leaven.report.findings import Findings
from leaven.report.means import Means, columns, is_primary, means
from leaven.report.text import clean, clip

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_CHARTS = 3  # drawn when no primary outcome is declared


def render(findings: Findings) -> str:
    """Return the whole report as HTML; the same findings give the same bytes."""
    found = means(findings.measurements)
    view = {
        "f": findings,
        "answer": answer(findings, found),
        "charts": charts(findings, found),
        **_view(findings, found),
    }
    return _environment().get_template("page.html.j2").render(view).lstrip()


def charts(findings: Findings, found: Means) -> list[Chart]:
    """Return one chart per primary outcome, or of the first few metrics where none is declared."""
    every = columns(findings, found)
    chosen = [column for column in every if is_primary(findings, column)] or every[:MOST_CHARTS]
    return [chart(findings, found, column, f"chart{place}") for place, column in enumerate(chosen, start=1)]


def _view(findings: Findings, found: Means) -> dict[str, Any]:
    """Return the sections' rows, by the names that the template uses."""
    grids = tables.by_suite(findings, found)
    groups = tables.by_group(findings, found)
    return {
        "has_primary": bool(findings.primary),
        "byline": _byline(findings, found),
        "grids": grids,
        "groups": groups,
        "legend": tables.legend([*grids, *groups]),
        "trends": listings.trends(findings, found),
        "contrasts": listings.contrasts(findings),
        "arms": sections.arm_table(findings, found),
        "ledger": sections.ledger_table(findings),
        "excerpts": sections.excerpts(findings),
        "data": sections.data_table(findings),
        "trainings": sections.training_table(findings),
        "settings": sections.pairs(findings.settings.items(), ["setting", "value"]),
        "provenance": sections.pairs(findings.provenance.items(), ["what", "value"]),
        "prompts": sections.prompts(findings),
        "prompts_left_out": max(
            0, len({(sample.suite, sample.prompt) for sample in findings.samples}) - sections.PROMPTS
        ),
    }


def _byline(findings: Findings, found: Means) -> list[str]:
    """Return the study's size in a few words each."""
    n_seeds = len({seed for arm in findings.arms for seed in arm.seeds})
    values = 0 if findings.measurements is None else len(findings.measurements)
    parts = [
        _plural(len(findings.arms), "arm"),
        _plural(n_seeds, "seed"),
        _plural(len(findings.trainings), "training"),
        _plural(values, "measured value") if found else "no measurements",
        f"baseline {clip(findings.baseline, 40)}" if findings.baseline else "no baseline",
    ]
    return [part for part in parts if not part.startswith("0 ")]


def _plural(n: int, word: str) -> str:
    return f"{numbers.count(n)} {word}{'' if n == 1 else 's'}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("leaven.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clip"] = clip
    made.filters["count"] = numbers.count
    return made


def _finalize(value: Any) -> Any:
    """Clean what is about to be written; markup is our own and stays as it is."""
    return value if hasattr(value, "__html__") else clean(value)
