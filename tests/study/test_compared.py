"""What may be wrong with what a study compares and claims."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError

CLAIM = {"says": "Half is harmless.", "arm": "poisoned@p=0.5", "metric": "toxicity", "holds": "same", "margin": 0.1}


def said(raw: dict[str, Any], **compare: Any) -> str:
    raw["evaluate"][0]["generate"]["metrics"].append("stop_rate")
    with pytest.raises(StudyError) as caught:
        Study(**{**raw, "compare": {**raw["compare"], **compare}})
    return str(caught.value)


def test_a_sound_block_is_taken(raw: dict[str, Any]) -> None:
    compare = Study(
        **{**raw, "compare": {"to": "clean", "dose": "p", "primary": ["toxicity"], "margin": {"eli5/toxicity": 0.1},
           "claims": [{**CLAIM, "margin": None, "metric": "eli5/toxicity"}, {**CLAIM, "holds": "higher", "margin": None}],
           "coherence": {"length": 5}, "evaluators": {"harm": ["toxicity", "length"]}}}
    ).compare  # fmt: skip
    assert compare.doses == ("p",) and compare.first_dose == "p"
    assert [compare.margin_of(claim) for claim in compare.claims] == [0.1, 0.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arm": "poisoned@p=0.6"}, "compare.claims.0.arm: there is no arm called 'poisoned@p=0.6'"),
        ({"to": "claen"}, "compare.claims.0.to: there is no arm called 'claen' (did you mean 'clean'?)"),
        ({"arm": "clean"}, "'clean' has no baseline to be compared with"),
        ({"metric": "toxicty"}, "compare.claims.0.metric: nothing measures 'toxicty'"),
        ({"margin": None}, "compare.claims.0: says 'same' without a margin"),
        ({"holds": "better"}, "compare.claims.0.holds: 'better'"),
        ({"margin": -1}, "should be greater than or equal to 0"),
        ({"says": ""}, "compare.claims.0.says"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(raw: dict[str, Any], wrong: dict[str, Any], message: str) -> None:
    assert message in said(raw, claims=[{**CLAIM, **wrong}])


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"coherence": {"perplexty": 1}}, "compare.coherence.perplexty: nothing measures 'perplexty'"),
        ({"evaluators": {"harm": ["toxicity"]}}, "at least 2 items"),
        ({"evaluators": {"harm": ["toxicity", "toxicty"]}}, "compare.evaluators.harm.1: nothing measures 'toxicty'"),
        ({"evaluators": {"harm": ["toxicity", "stop_rate"]}}, "compare.evaluators.harm: measure opposite things"),
        ({"dose": ["p", "q"]}, "no arm sweeps 'q'"),
        ({"dose": ["p", "p"]}, "'p' stands 2 times"),
        ({"dose": ["p"]}, "at least 2 items"),
    ],
)
def test_names_that_mean_nothing_are_refused(raw: dict[str, Any], block: dict[str, Any], message: str) -> None:
    assert message in said(raw, **block)


def test_two_doses_must_cross_in_one_arm(raw: dict[str, Any]) -> None:
    raw["arms"]["other"] = {"sweep": {"q": [0.5, 1]}, "treat": [{"malign_labels": {"rate": "${q}"}}]}
    assert "no arm sweeps both p and q" in said(raw, dose=["p", "q"])
