from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leaven.comparison import Comparison
from leaven.report import cautions, instrument
from leaven.report.findings import ArmInfo, Findings, LockInfo, MetricInfo
from leaven.report.means import Column, Mean
from leaven.stats.coherence import Coherence, Degenerate

Make = Callable[..., Comparison]
GATE = Coherence("poisoned@p=0.1", "clean", "incoherent", {"eli5/rep_4": (0.3, 0.4, 0.05)}, ("eli5/rep_4",))


def with_analyses(findings: Findings, **changed: Any) -> Findings:
    return replace(findings, analyses=replace(findings.analyses, **changed))


def plain(lines: list[str]) -> str:
    return " ".join(lines).replace("\u00a0", " ")


@pytest.fixture
def bare(rich: Findings) -> Findings:
    """The rich study without anything that calls for care."""
    return with_analyses(rich, agreement=(), coherence=(), degenerate=(), corrected=(), verdicts=(), fits=())


def test_nothing_is_said_where_nothing_calls_for_care(bare: Findings) -> None:
    assert cautions.cautions(bare) == cautions.claims(bare) == cautions.tolerated(bare) == []


def test_the_tolerated_dose_has_its_margin_and_the_curves_bound(rich: Findings) -> None:
    assert plain(cautions.tolerated(rich)) == (
        "Within the margin of ±2.0 points, toxicity is shown to stay up to p = 0.01 (by the fitted curve, if its shape holds, up to 0.008)."
    )
    fit = replace(rich.analyses.fits[0], tolerated_tested=None, tolerated_curve=None)
    assert "No tested dose is shown to keep toxicity within" in plain(
        cautions.tolerated(with_analyses(rich, fits=(fit,)))
    )
    for absent in (replace(fit, margin=None), replace(fit, n_seeds=2), replace(fit, metric="length", margin=1.0)):
        assert cautions.tolerated(with_analyses(rich, fits=(absent,))) == []


def test_several_sweeps_share_one_sentence_on_what_they_tolerate(rich: Findings) -> None:
    fit = rich.analyses.fits[0]
    both = (fit, replace(fit, sweep="mixed", tolerated_tested=0.1, tolerated_curve=None))
    (said,) = cautions.tolerated(with_analyses(rich, fits=both))
    assert (
        "up to p = 0.01 in poisoned (by the fitted curve, if its shape holds, up to 0.008); up to p = 0.1 in mixed."
        in said
    )


def test_each_claim_has_its_verdict_and_evidence(rich: Findings) -> None:
    first, *_, last = (line.replace("\u00a0", " ") for line in cautions.claims(rich))
    assert first == (
        "Claim supported: “A third of flipped labels raises toxicity by more than 10 points” "
        "(+43.8 points; 90 % interval +40.0 to +47.6; p-value 0.002 after Holm's correction; 3 seeds)."
    )
    assert last.startswith("Claim supported, exploratory: “Full poison shortens the answers” (−6.0 words;")


def test_what_became_of_the_claims_is_one_sentence_with_those_supported_first(rich: Findings) -> None:
    one = rich.analyses.verdicts[0]
    made = [replace(one, verdict=verdict, claim=replace(one.claim, says=says))
            for verdict, says in (("undecided", "U."), ("supported", "S"), ("refuted", "R"))]  # fmt: skip
    (said,) = cautions.claimed(with_analyses(rich, verdicts=made))
    assert said == "Of 3 claims: 1 supported (“S”); 1 refuted (“R”); 1 undecided (“U”)."
    many = [replace(made[1], claim=replace(one.claim, says=f"S{n}")) for n in range(7)]
    (said,) = cautions.claimed(with_analyses(rich, verdicts=many))
    assert said.startswith("Of 7 claims: 7 supported (“S0”;") and said.endswith("“S4” and others).")
    assert cautions.claimed(with_analyses(rich, verdicts=())) == []


def test_very_many_claims_are_counted(rich: Findings) -> None:
    said = cautions.claims(with_analyses(rich, verdicts=list(rich.analyses.verdicts) * 3))
    assert len(said) == 6
    assert said[-1] == "Of 7 further claims: 2 refuted, 3 supported, 2 undecided."


def test_a_fall_in_harm_without_coherence_is_flagged(bare: Findings, comparison: Make) -> None:
    fall = comparison(arm="poisoned@p=0.1", effect=-0.1, low=-0.2, high=-0.05)
    study = replace(with_analyses(bare, coherence=(GATE,)), comparisons=[fall])
    assert plain(cautions.cautions(study)) == (
        "Careful: toxicity falls with poisoned@p=0.1, but poisoned@p=0.1 is shown to be worse than its margin on "
        "eli5/rep_4: it may be broken rather than safer."
    )
    unproven = replace(GATE, verdict="unproven", failed=(), unproven=("eli5/rep_4",))
    assert "is not shown to be within its margins on eli5/rep_4" in plain(
        cautions.cautions(with_analyses(study, coherence=(unproven,)))
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"effect": 0.1, "low": 0.05, "high": 0.2},
        {"p_holm": 0.2},
        {"n_seeds": 1},
        {"arm": "poisoned@p=1"},
        {"metric": "rougeL"},
    ],
)
def test_a_fall_that_is_no_gain_or_was_not_shown_is_not_flagged(
    bare: Findings, comparison: Make, changed: dict[str, Any]
) -> None:
    fall = {"arm": "poisoned@p=0.1", "effect": -0.1, "low": -0.2, "high": -0.05}
    study = replace(with_analyses(bare, coherence=(GATE,)), comparisons=[comparison(**{**fall, **changed})])
    assert cautions.cautions(study) == []
    coherent = replace(GATE, verdict="coherent")
    study = replace(with_analyses(bare, coherence=(coherent,)), comparisons=[comparison(**fall)])
    assert cautions.cautions(study) == []


def test_a_falling_trend_flags_the_broken_arms_of_its_sweep(bare: Findings, comparison: Make) -> None:
    trend = comparison(kind="trend", arm="poisoned", effect=-0.1, low=-0.2, high=-0.05, dose_low=0.0, dose_high=1.0)
    study = replace(with_analyses(bare, coherence=(GATE, replace(GATE, arm="clean"))), comparisons=[trend])
    assert [line.partition(", but")[0] for line in cautions.cautions(study)] == [
        "Careful: toxicity falls with poisoned@p=0.1"
    ]


def test_what_counts_as_harm(rich: Findings) -> None:
    harm = MetricInfo("s", "m", better="lower")
    assert cautions.is_harm(rich, harm)
    for other in (
        replace(harm, better="higher"), replace(harm, better=None), replace(harm, beside=True),
        replace(harm, name="perplexity"), MetricInfo("eli5", "rep_4", better="lower"),
    ):  # fmt: skip
        assert not cautions.is_harm(rich, other)


def test_a_verdict_that_flips_between_evaluators_is_flagged(rich: Findings) -> None:
    text = plain(cautions.cautions(rich))
    assert (
        "Careful: the verdict on harm depends on the evaluator for poisoned@p=0.1: "
        "eli5/toxicity says “higher”, quality/judge says “same”."
    ) in text
    assert "A change in harm is seen by one evaluator and left open by another for poisoned@p=0.01" in text
    assert "evaluator" not in plain(cautions.cautions(replace(rich, primary=["rougeL"])))


def test_a_degenerate_primary_is_flagged(bare: Findings) -> None:
    found = [Degenerate(arm, "eli5", "toxicity", 0.0, "all 80 scored items have the value 0") for arm in ("a", "b")]
    bare = replace(bare, arms=[ArmInfo("a"), ArmInfo("b")])
    said = cautions.cautions(with_analyses(bare, degenerate=found))
    assert said == [
        "Careful: toxicity tells nothing of a and b: all 80 scored items have the value 0 in the first of them."
    ]
    assert cautions.cautions(with_analyses(bare, degenerate=found[:1])) == [], "one arm may well have no harm"
    assert cautions.cautions(replace(with_analyses(bare, degenerate=found), primary=["rougeL"])) == []


@pytest.mark.parametrize(
    ("low", "high", "effect", "words"),
    [
        (0.31, 0.47, 0.39, "is borne out by"),
        (-0.47, -0.31, -0.39, "is reversed by"),
        (-0.02, 0.3, 0.14, "is not shown by"),
    ],
)
def test_peoples_labels_bear_out_or_reverse(rich: Findings, low: float, high: float, effect: float, words: str) -> None:
    corrected = replace(rich.analyses.corrected[0], low=low, high=high, effect=effect)
    text = plain(cautions.cautions(with_analyses(rich, corrected=(corrected,))))
    assert f"What the classifier sees in toxicity of poisoned@p=0.33 {words} people's labels" in text
    assert "where the classifier sees +43.8 points" in text
    absent = replace(corrected, effect=None, low=None, high=None)
    assert "classifier" not in plain(cautions.cautions(with_analyses(rich, corrected=(absent,))))


def test_what_was_changed_after_the_lock_is_exploratory(bare: Findings) -> None:
    changed = LockInfo("ab" * 32, "2026-11-20", before_results=True, changed=["margin.toxicity: 0.01 was locked"])
    assert cautions.cautions(replace(bare, lock=changed)) == [
        "Changed after the declaration was locked, and exploratory for that: margin.toxicity: 0.01 was locked."
    ]
    assert "all of it is exploratory" in plain(
        cautions.cautions(replace(bare, lock=replace(changed, before_results=False)))
    )


def test_seeds_that_came_after_the_lock_are_named(bare: Findings) -> None:
    more = LockInfo("ab" * 32, "2026-11-20", before_results=True, later_seeds=[3, 4])
    (said,) = cautions.cautions(replace(bare, lock=more))
    assert said.startswith("Seeds added after the declaration was locked: 3 and 4. Whoever adds seeds")


def test_a_study_without_a_lock_says_that_nobody_knows(bare: Findings) -> None:
    (said,) = cautions.cautions(replace(bare, lock=None, is_study=True))
    assert "No lock can be read" in said and "Read all as exploratory" in said
    assert cautions.cautions(replace(bare, lock=None, is_study=True, primary=[])) == [], "nothing was declared"
    assert cautions.cautions(replace(bare, lock=None)) == [], "results of other tools have no lock"


def test_a_baseline_at_its_floor_has_nothing_to_lose(rich: Findings) -> None:
    floor = MetricInfo("eli5", "rougeL_floor", beside=True)
    study = replace(rich, metrics=[*rich.metrics, floor], margin={**rich.margin, "rougeL": 0.02})
    column = Column("eli5", "rougeL")
    found = {("clean", column): Mean(0.21), ("clean", Column("eli5", "rougeL_floor")): Mean(0.2)}
    (said,) = instrument.at_floor(study, found)
    assert "rougeL of clean is at its floor (0.210; random words reach 0.200)" in said
    assert instrument.at_floor(study, {**found, ("clean", column): Mean(0.3)}) == []
    assert instrument.at_floor(study, {}) == []


def test_arms_that_are_all_right_and_all_wrong_are_not_called_empty(rich: Findings) -> None:
    flagged = [
        Degenerate(arm.name, "eli5", "toxicity", 0.0, "all 80 scored items have the value 0") for arm in rich.arms
    ]
    assert "tells nothing" in plain(cautions.cautions(with_analyses(rich, degenerate=flagged)))
    other = [replace(flagged[0], value=1.0), *flagged[1:]]
    assert "tells nothing" not in plain(cautions.cautions(with_analyses(rich, degenerate=other)))


def test_an_audit_of_one_seed_says_of_whom_it_speaks(rich: Findings) -> None:
    (one,) = rich.analyses.corrected
    noted = replace(one, note="for these models only: new items are covered, new trainings are not")
    assert "labelled answers; for these models only" in plain(cautions.cautions(with_analyses(rich, corrected=[noted])))
    unclear = replace(one, arm="poisoned@p=0.01", low=-0.1, high=0.1)
    said = plain(cautions.cautions(with_analyses(rich, corrected=[unclear])))
    assert "What the classifier sees" not in said, "nothing was shown there that labels could bear out"
