from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leaven.comparison import Comparison
from leaven.report.answer import answer
from leaven.report.findings import ArmInfo, Findings, MetricInfo

Make = Callable[..., Comparison]
TREND = {"kind": "trend", "test": "trend, doses permuted within seed", "mean": None, "baseline_mean": None, "dose": None,
         "dose_low": 0.0, "dose_high": 0.5}  # fmt: skip


@pytest.fixture
def study() -> Findings:
    """A study of one share with a sweep and no measurements."""
    doses = {"clean": 0.0, "poisoned@p=0.1": 0.1, "poisoned@p=0.5": 0.5}
    return Findings(
        name="s", question="q?", baseline="clean", dose_name="p", primary=["toxicity"], margin={"toxicity": 0.02},
        arms=[ArmInfo(name, dose=dose, seeds=(0, 1, 2), is_baseline=dose == 0) for name, dose in doses.items()],
        metrics=[MetricInfo("eli5", "toxicity", better="lower", unit="share")],
    )  # fmt: skip


def said(study: Findings, *comparisons: Comparison, **changed: Any) -> str:
    text = " ".join(answer(replace(study, comparisons=comparisons, **changed)))
    return text.replace("\u00a0", " ")


def test_significant_trend_names_direction_size_range_interval_and_p(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(**TREND, effect=0.8, low=0.7, high=0.9, p_holm=0.0004))
    assert (
        "As the dose p rises from 0 to 0.5, toxicity rises: a straight-line trend of +40.0 points over that range"
        in text
    )
    assert "95 % interval +35.0 to +45.0; p-value < 0.001 after Holm's correction; 3 seeds" in text


def test_trend_names_the_measured_ends(findings: Findings) -> None:
    text = " ".join(answer(findings)).replace("\u00a0", " ")
    assert "toxicity rises from 0.8 % to 98.8 %" in text
    assert "No change in rougeL was shown" in text


def test_each_of_two_sweeps_has_its_own_range(study: Findings, comparison: Make) -> None:
    arms = [*study.arms, ArmInfo("mixed@p=0.9", dose=0.9)]
    wide = {**TREND, "dose_high": 0.9}
    one = comparison(**TREND, arm="poisoned", effect=1.0, low=0.9, high=1.1)
    two = comparison(**wide, arm="mixed", effect=1.0, low=0.9, high=1.1)
    text = said(study, one, two, arms=arms)
    assert "In poisoned: As the dose p rises from 0 to 0.5" in text
    assert "In mixed: As the dose p rises from 0 to 0.9" in text


def test_a_trend_without_its_range_is_given_per_unit(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(**{**TREND, "dose_low": None, "dose_high": None}, effect=0.8))
    assert "over the tested range, toxicity rises: a straight-line trend of +80.0 points per unit of dose" in text
    assert "missing" not in text


def test_a_dose_outside_the_fit_is_named(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(**{**TREND, "dose_high": 0.1}, arm="poisoned", effect=0.8, low=0.7, high=0.9))
    assert (
        "As the dose p rises from 0 to 0.1, toxicity rises: a straight-line trend of +8.0 points over that range"
        in text
    )
    assert "Dose 0.5 is missing: nothing was scored for poisoned@p=0.5." in text


def test_the_more_exact_margin_is_named(study: Findings, comparison: Make) -> None:
    same = comparison(effect=0.001, low=-0.005, high=0.007, p_holm=0.7, equivalent=True)
    for margins in ({"toxicity": 0.9, "eli5/toxicity": 0.95}, {"eli5/toxicity": 0.95}):
        assert "within the margin of ±95.0 points" in said(study, same, margin=margins)


def test_primary_outcomes_may_name_their_suite(study: Findings, comparison: Make) -> None:
    rouge = comparison(metric="rougeL")
    text = said(study, comparison(), rouge, primary=["eli5/rougeL", "eli5/toxicity"])
    assert text.index("rougeL") < text.index("toxicity")
    assert "Nothing can be said" not in text
    assert "Nothing can be said about eli5.toxicity" in said(study, comparison(), primary=["eli5.toxicity"])


def test_null_trend_is_not_called_no_change(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(**TREND, effect=-0.02, low=-0.06, high=0.02, p_holm=0.41, equivalent=False))
    assert "No change in toxicity was shown" in text
    assert "That is not the same as no change." in text
    assert "within the margin" not in text


def test_no_change_is_said_where_equivalence_holds(study: Findings, comparison: Make) -> None:
    trend = said(study, comparison(**TREND, effect=0.002, low=-0.01, high=0.014, p_holm=0.7, equivalent=True))
    contrast = said(study, comparison(effect=0.001, low=-0.005, high=0.007, p_holm=0.7, equivalent=True))
    for text in (trend, contrast):
        assert "No change in toxicity" in text
        assert "within the margin of ±2.0 points" in text
        assert "was shown" not in text


def test_one_seed_names_no_winner(study: Findings, comparison: Make) -> None:
    for kind in (TREND, {}):
        text = said(study, comparison(**kind, n_seeds=1, low=None, high=None, p_holm=0.00001))
        assert "One seed: no winner is named." in text
        assert "p-value" not in text


def test_two_seeds_claim_nothing_about_the_recipe(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(n_seeds=2, p_holm=0.00001))
    assert "Two seeds: nothing is claimed about the recipe" in text
    assert "higher than" not in text


def test_contrast_gives_both_means(study: Findings, comparison: Make) -> None:
    text = said(study, comparison())
    assert "With poisoned@p=0.33, toxicity is higher than with clean: 43.0 % against 1.1 %, +41.9 points" in text


def test_many_contrasts_are_summed_up(study: Findings, comparison: Make) -> None:
    shown = [comparison(arm=f"a{i}", effect=0.1 * i) for i in (1, 2)]
    null = [comparison(arm=f"b{i}", p_holm=0.5) for i in range(5)]
    text = said(study, *shown, *null)
    assert text.startswith(
        "In toxicity 7 arms were compared with clean: a change was shown in 2, the largest in a2 (+20.0 points"
    )
    assert "no change was shown in 5, which is not the same as no change" in text


def test_no_primary_outcome_is_no_answer(study: Findings, comparison: Make) -> None:
    assert "declares no primary outcome" in said(study, comparison(family="exploratory"), primary=[])


def test_a_primary_outcome_without_a_comparison_is_named(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(), primary=["toxicity", "city"])
    assert "Nothing can be said about city: no comparison was made." in text
    assert "could not be compared with clean: no answers" in said(study, comparison(effect=None, note="no answers"))


@pytest.mark.parametrize(("p", "words"), [(0.6, "as it should"), (0.001, "Warning: the A/A arm")])
def test_the_replicate_checks_the_instrument(study: Findings, comparison: Make, p: float, words: str) -> None:
    arms = [*study.arms, ArmInfo("again", dose=0.0, seeds=(0, 1, 2), replicate=1)]
    text = said(study, comparison(), comparison(arm="again", effect=0.004, p=p, p_holm=None, p_bh=p), arms=arms)
    assert words in text
    assert "again" in text


def test_a_replicate_of_another_arm_is_no_check(study: Findings, comparison: Make) -> None:
    for twin in (ArmInfo("twin", dose=0.5, replicate=1), ArmInfo("twin", replicate=1, repeats="poisoned@p=0.5")):
        assert "A/A" not in said(study, comparison(), comparison(arm="twin", p=0.001), arms=[*study.arms, twin])


def test_nan_is_not_a_number_to_report(study: Findings, comparison: Make) -> None:
    nan = float("nan")
    text = said(study, comparison(effect=nan, low=nan, high=nan, p_holm=nan, p=nan))
    assert "nan" not in text
    assert "could not be compared" in text
