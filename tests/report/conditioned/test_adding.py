"""What adding B does to A: as the study tested it, and said to be untested where it did not."""

from __future__ import annotations

from dataclasses import replace

from leaven.report.conditioned.adding import adding, plain_arms
from leaven.report.findings import ArmInfo, Findings
from leaven.report.means import means
from leaven.stats.analyses import Analyses


def said(findings: Findings) -> list[str]:
    return [one.replace("\u00a0", " ") for one in adding(findings, means(findings.measurements), "control")]


def test_a_claim_says_what_adding_did(two: Findings) -> None:
    tox, sen = said(two)
    assert tox.startswith("Adding sen to tox (which is toxsen): misalignment of tox ")
    assert "claim “Sentiment costs toxicity less than 10 points” supported (+3.0 points; 90 % interval" in tox
    assert sen.startswith("Adding tox to sen (which is toxsen)") and sen.endswith("did not test this difference.")


def test_a_claim_about_another_metric_or_another_arm_says_nothing(two: Findings) -> None:
    (verdict,) = two.analyses.verdicts
    for changed in ({"metric": "fluency"}, {"to": None}, {"arm": "filtered"}, {"group": "a"}):
        other = replace(verdict, claim=replace(verdict.claim, **changed))
        study = replace(two, analyses=Analyses(verdicts=(other,)))
        assert said(study)[0].endswith("the study did not test this difference."), changed


def test_a_comparison_of_the_two_arms_is_used(two: Findings) -> None:
    (one,) = [c for c in two.comparisons if (c.arm, c.metric) == ("toxsen", "misalignment_tox")]
    drawn = replace(one, baseline="tox", effect=0.08, low=0.05, high=0.11, p=0.001, p_holm=0.002)
    study = replace(two, analyses=Analyses(), comparisons=[*two.comparisons, drawn])
    assert "a change was shown (95 % interval +5.0 to +11.0; p-value 0.002" in said(study)[0]


def test_only_neighbours_are_told_of(four: Findings) -> None:
    tox = [one for one in said(four) if "misalignment of tox" in one]
    assert [one.partition(":")[0] for one in tox] == [
        "Adding sen to tox (which is toxsen)",
        "Adding len and form to toxsen (which is many)",
    ]


def test_of_arms_with_the_same_attributes_the_first_one_stands_for_them(two: Findings) -> None:
    arms = [*two.arms, ArmInfo("early", attributes=["sen", "tox"]), ArmInfo("again", replicate=1, attributes=["tox"])]
    assert [arm.name for arm in plain_arms(replace(two, arms=arms), "tox")] == ["tox", "toxsen"]
