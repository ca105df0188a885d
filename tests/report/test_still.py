"""Claims of no difference beside trainings that moved next to nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from leaven.gather import told
from leaven.report import cautions, still
from leaven.report.answer import answer
from leaven.report.declared import claims
from leaven.report.findings import Findings
from leaven.report.means import means
from leaven.stats.claims import Claim, Verdict


def warned(arm: str, seeds: int, margin: float) -> list[str]:
    """Return what a run warns of where an arm's DPO ended at a margin."""
    stage = SimpleNamespace(kind="dpo")
    cells = [
        SimpleNamespace(trained=[stage], cell=SimpleNamespace(arm=SimpleNamespace(name=arm), seed=seed))
        for seed in range(seeds)
    ]
    store: Any = SimpleNamespace(record=lambda _: {"facts": {"rewards/margins/last": margin}})
    graph: Any = SimpleNamespace(cells=cells)
    return list(told.unmoved(graph, store))


def claimed(findings: Findings, holds: str, verdict: str) -> Findings:
    one = Verdict(Claim("As good", "poisoned@p=0.1", "toxicity", holds, 0.05, "clean"), verdict, 0.0, -0.01, 0.01, 0.01,
                  0.01, 40, 3)  # fmt: skip
    said = [*warned("poisoned@p=0.1", 3, 0.0), *warned("clean", 3, 0.4), *warned("poisoned@p=0.1, again", 3, 0.0)]
    return replace(findings, analyses=replace(findings.analyses, verdicts=(one,)), warnings=said)


@pytest.mark.parametrize(
    ("holds", "verdict"), [("same", "supported"), ("not higher", "supported"), ("lower", "refuted")]
)
def test_a_claim_of_no_difference_says_that_nothing_was_learnt(rich: Findings, holds: str, verdict: str) -> None:
    findings = claimed(rich, holds, verdict)
    doubt = "but 3 of its trainings moved next to nothing: nothing was learnt there that could differ"
    (line,) = cautions.claims(findings)
    assert line.startswith(f"Claim {verdict}") and line.endswith(f"; {doubt}.")
    table = claims(findings)
    assert table is not None and doubt in table.rows[0][1]
    said = answer(findings, means(findings.measurements))
    assert any(one.startswith("Careful: 3 trainings of poisoned@p=0.1 moved next to nothing.") for one in said)


@pytest.mark.parametrize(("holds", "verdict"), [("higher", "supported"), ("same", "undecided"), ("same", "refuted")])
def test_other_verdicts_have_no_such_doubt(rich: Findings, holds: str, verdict: str) -> None:
    findings = claimed(rich, holds, verdict)
    assert still.of_claim(findings, findings.analyses.verdicts[0]) == ""


def test_trainings_that_learnt_something_raise_no_doubt(rich: Findings) -> None:
    findings = replace(claimed(rich, "same", "supported"), warnings=warned("clean", 3, 0.4))
    assert still.of_claim(findings, findings.analyses.verdicts[0]) == "" and still.cautions(findings) == []
