"""The report: one self-contained HTML page that can be mailed, printed and read in ten years.

No font, no request; a content security policy holds the page to that and to its own script. All that matters can be
read without the script, which sorts, filters, searches and saves. Every string that reaches the template is cleaned
on its way out (``finalize``) and escaped by Jinja, so no section can forget to.
"""

from __future__ import annotations

import functools
import html
import re
from typing import TYPE_CHECKING, Any

from leaven.report import boards, cautions, costs, formats, listings, numbers, scored, sections, tables
from leaven.report.agreed import agreed_table
from leaven.report.answer import answer
from leaven.report.browser import browser
from leaven.report.conditioned.section import section as control
from leaven.report.figures import gallery, headline, keyed
from leaven.report.findings import Findings
from leaven.report.judges.section import section as judged
from leaven.report.layout import laid_out
from leaven.report.means import Means, arms, means
from leaven.report.methods.section import section as aligned
from leaven.report.packing import packed
from leaven.report.phases import falling
from leaven.report.policy import policy, script
from leaven.report.recited import recited_table
from leaven.report.text import LONGEST, clean, clip
from leaven.report.trained_tokens import trained_tokens
from leaven.report.verdicts import LEAD, title, verdicts

if TYPE_CHECKING:
    from jinja2 import Environment

LONG, LONG_NUMBER = 24, 18  # letters of a table's cell that stand in one line
EXPORTS = {"md": "md", "tex": "latex", "csv": "csv"}  # by the ending of the file that the reader saves


def render(findings: Findings, *, live: bool = False) -> str:
    """Return the whole report as HTML; the same findings give the same bytes.

    A ``live`` page has a place for what a running study says of itself, and may ask its own server for it.
    """
    found = means(findings.measurements)
    source = script(live=live)
    view = {"f": findings, "live": live, "script": source, "policy": policy(source, live=live)}
    view |= _top(findings, found) | _results(findings, found) | _made(findings, found) | _samples(findings)
    view["control"] = control(findings, found)
    view["judged"] = judged(findings.judging)
    view["aligned"] = aligned(findings)
    view["recited"] = recited_table(findings.recited)
    view["agreed"] = agreed_table(findings.agreed)
    view["contents"] = _contents(view)
    return _environment().get_template("page.html.j2").render(view).lstrip()


def _top(findings: Findings, found: Means) -> dict[str, Any]:
    """Return the question's byline, the answer, the claims and the plot that shows it."""
    claims = sections.claims(findings)
    said, beside = _said(findings, found, claims is not None)
    return {
        "byline": _byline(findings, found),
        "answer": said,
        "beside": beside,
        "has_primary": bool(findings.primary),
        "lock": sections.lock(findings),
        "claims": claims,
        "verdicts": verdicts(findings, found),
        "verdicts_lead": LEAD,
        "verdicts_title": title(findings),
        "longest": LONGEST,
        "headline": keyed(headline(findings, found)),
        "gallery": keyed(gallery(findings, found)),
    }


def _said(findings: Findings, found: Means, claims_stand_apart: bool) -> tuple[list[str], list[str]]:
    """Return the answer's sentences, and beside them what to be careful of; claims are summed up."""
    said = answer(findings, found)
    claimed = set(cautions.claims(findings)) if claims_stand_apart else set()
    careful = set(cautions.cautions(findings))
    if any(findings.is_replicate(arm) for arm in findings.arms):
        careful.add(said[-1])
    first = cautions.claimed(findings) if claims_stand_apart else []
    first += [sentence for sentence in said if sentence not in claimed | careful]
    return first, [sentence for sentence in said if sentence in careful - claimed]


def _results(findings: Findings, found: Means) -> dict[str, Any]:
    """Return the tables of numbers and what is to be thought of them."""
    shown = boards.shown(findings, found)
    texts = {ending: formats.render(findings, name) for ending, name in EXPORTS.items()} if shown.every else None
    return {
        "grids": laid_out([*shown.boards, *shown.suites]),
        "published": laid_out(shown.published),
        "inside": laid_out(shown.inside),
        "groups": laid_out(shown.groups),
        "n_arms": len(arms(findings, found)),
        "legend": tables.legend(shown.every),
        "exports": packed(texts) if texts else "",
        "two_tests": listings.TWO_TESTS if listings.two_tests(findings.comparisons) else "",
        "contrasts": listings.contrasts(findings),
        "trends": listings.trends(findings, found),
        "over": " and ".join(listings.doses(findings)) if findings.dose_name else "the dose",
        "tolerated": sections.tolerated(findings),
        "coherence": sections.coherence(findings),
        "degenerate": sections.degenerate(findings),
        "evaluators": sections.evaluators(findings),
        "heterogeneity": sections.heterogeneity(findings),
        "audit": sections.audit(findings),
        "closed": sections.closed(findings),
    }


def _made(findings: Findings, found: Means) -> dict[str, Any]:
    """Return how the results were made: treatments, data, training, what is missing, provenance."""
    return {
        "arms": sections.arm_table(findings, found),
        "ledger": sections.ledger_table(findings),
        "excerpts": sections.excerpts(findings),
        "data": sections.data_table(findings),
        "trainings": sections.training_table(findings),
        "falling": falling(findings),
        "differing": sections.differing(findings),
        "trained_tokens": trained_tokens(findings.dumped),
        "settings": sections.pairs(findings.settings.items(), ["setting", "value"]),
        "unmeasured": sections.unmeasured(findings, found),
        "provenance": sections.pairs(findings.provenance.items(), ["what", "value"]),
        "account": costs.account(findings.spent),
        "labels_cost": costs.labels(findings.spent),
        "stages": sections.stages(findings),
    }


def _samples(findings: Findings) -> dict[str, Any]:
    """Return the browser's data, and a few samples for those who read without a script or on paper."""
    n_prompts = len({(sample.suite, sample.prompt) for sample in findings.samples})
    return {
        "samples": browser(findings),
        "prompts": sections.prompts(findings),
        "prompts_left_out": max(0, n_prompts - sections.PROMPTS),
    }


def _contents(view: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the sections that are there, by anchor and title."""
    f: Findings = view["f"]
    trained = f.doctor or view["trained_tokens"]
    checks = [view[name] for name in ("coherence", "degenerate", "evaluators", "heterogeneity", "audit", "closed")]
    every = [
        ("answer", "Answer", True),
        ("claims", "Claims", view["claims"]),
        ("verdicts", view["verdicts_title"], view["verdicts"]),
        ("charts", "Dose and response" if f.dose_name else "Differences", view["headline"]),
        ("results", "Arms and metrics", True),
        ("trends", "Trends", view["trends"] or view["tolerated"]),
        ("control", "Control tokens", view["control"]),
        ("judges", "Judges and what was built", view["judged"]),
        ("methods", "Ways of aligning", view["aligned"]),
        ("recited", "Repeated word for word", view["recited"]),
        ("agreed", "Judged by people's labels", view["agreed"]),
        ("evidence", "How far to trust it", any(checks)),
        ("figures", "More figures", view["gallery"]),
        ("samples", "Samples", view["prompts"]),
        ("treatments", "Arms and treatments", view["arms"] or view["ledger"]),
        ("data", "Data", view["data"]),
        ("training", "Training", view["trainings"] or view["settings"] or view["differing"] or trained),
        ("gaps", "Failures and gaps", True),
        ("costs", "What it cost", view["account"]),
        ("provenance", "Provenance", view["provenance"] or view["stages"]),
    ]
    return [(anchor, title) for anchor, title, there in every if there]


def _byline(findings: Findings, found: Means) -> list[str]:
    """Return the study's size in a few words each."""
    n_seeds = len({seed for arm in findings.arms for seed in arm.seeds})
    parts = [
        _plural(len(findings.arms), "arm"),
        _plural(n_seeds, "seed"),
        _plural(len(findings.trainings), "training"),
        _measured(findings) if found else "no measurements",
        f"baseline {clip(findings.baseline, 40)}" if findings.baseline else "no baseline",
    ]
    return [part for part in parts if not part.startswith("0 ")]


def _measured(findings: Findings) -> str:
    """Count the values that are there, of those that were asked for; what is printed beside others does not count."""
    asked = scored.compared(findings)
    there = int(scored.is_scored(asked).sum())
    if there == len(asked):
        return _plural(there, "measured value")
    return f"{numbers.count(there)} of {_plural(len(asked), 'value')} measured"


def _plural(n: int, word: str) -> str:
    return f"{numbers.count(n)} {word}{'' if n == 1 else 's'}"


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("leaven.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clip"] = clip
    made.filters["count"] = numbers.count
    made.filters["tips"] = _tips
    made.filters["is_long"] = lambda text, is_number=False: len(str(text)) > (LONG_NUMBER if is_number else LONG)
    made.filters["whole"] = _whole
    return made


def _whole(text: object) -> str:
    """Return a cell of numbers whose intervals are not broken into lines."""
    return str(text).replace(" to ", f"{numbers.NBSP}to{numbers.NBSP}")


def _tips(svg: str) -> list[str]:
    """Return what a chart's marks say, so that it can be read without being pointed at."""
    return list(dict.fromkeys(html.unescape(said) for said in re.findall(r'data-tip="([^"]*)"', svg)))


def _finalize(value: Any) -> Any:
    """Clean what is about to be written; markup is our own and stays as it is."""
    return value if hasattr(value, "__html__") else clean(value)
