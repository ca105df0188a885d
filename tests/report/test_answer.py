from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leaven.comparison import Comparison, ForTheseModels
from leaven.report.answer import answer
from leaven.report.findings import ArmInfo, Findings, LockInfo, MetricInfo
from leaven.stats.inference import RAISED

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
        lock=LockInfo("ab" * 32, "2026-11-20", before_results=True), is_study=True,
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
    assert "toxicity rises from 0.8 % to 98.8 %" in text, "of the answers that the trend was fitted on"
    assert "A change in rougeL was not shown" in text


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
    assert "A change in toxicity was not shown" in text
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


def test_the_largest_of_many_that_show_nothing_is_told_with_its_interval(study: Findings, comparison: Make) -> None:
    null = [
        comparison(arm=arm, effect=effect, low=effect - 0.371, high=effect + 0.371, p_holm=0.5)
        for arm, effect in (("meter", 0.02), ("people", -0.21), ("served", -0.05))
    ]
    text = said(study, *null)
    assert "3 arms were compared with clean: no change was shown in 3, which is not the same as no change;" in text
    assert "the largest difference is in people (−21.0 points; 95 % interval −58.1 to +16.1; p-value 0.50" in text
    near = [replace(c, equivalent=True, effect=c.effect / 100, low90=-0.01, high90=0.01) for c in null if c.effect]
    text = said(study, *near)
    assert "in 3, each judged alone, the largest difference in people (−0.2 points; 90 % interval −1.0 to +1.0" in text


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


def test_few_seeds_and_the_absence_of_proof_are_said_once(study: Findings, comparison: Make) -> None:
    both = ["toxicity", "rougeL"]
    once = [comparison(**TREND, metric=name, n_seeds=1, low=None, high=None, p_holm=None) for name in both]
    lines = answer(replace(study, comparisons=once, primary=both))
    assert " ".join(lines).count("One seed: no winner is named.") == 1
    assert lines[-1] == "One seed: no winner is named."
    open_ = [comparison(**TREND, metric=name, p_holm=0.5, low=-0.1, high=0.3) for name in both]
    text = said(study, *open_, primary=both)
    assert text.count("not the same as no change") == 1
    assert text.endswith("That no change was shown is not the same as no change.")


def test_few_seeds_of_one_outcome_alone_are_said_there(study: Findings, comparison: Make) -> None:
    one = comparison(**TREND, n_seeds=1)
    three = comparison(**TREND, metric="rougeL")
    first, second = answer(replace(study, comparisons=[one, three], primary=["toxicity", "rougeL"]))
    assert "One seed" in first and "One seed" not in second


def test_many_sweeps_are_summed_up(study: Findings, comparison: Make) -> None:
    shown = [comparison(**TREND, arm=f"up{i}", effect=0.2 * i, low=0.1 * i, high=0.3 * i) for i in (1, 2)]
    down = comparison(**TREND, arm="down", effect=-0.1, low=-0.2, high=-0.05)
    same = comparison(**TREND, arm="flat", effect=0.0, low=-0.01, high=0.01, p_holm=0.9, equivalent=True)
    rest = [comparison(**TREND, arm=f"x{i}", effect=0.1, low=-0.1, high=0.3, p_holm=0.4) for i in range(5)]
    (text,) = answer(replace(study, comparisons=[*shown, down, same, *rest]))
    text = text.replace("\u00a0", " ")
    assert text.startswith("toxicity over the dose p in 9 sweeps: it rises in up1 and up2 (most in up2: +20.0 points")
    assert "it falls in down (−5.0 points over that range; 95 % interval −10.0 to −2.5;" in text
    assert "no change within the margin of ±2.0 points in flat" in text
    assert "no change was shown in x0, x1, x2 and 2 more, which is not the same as no change" in text


def test_sweeps_with_one_seed_share_a_sentence(study: Findings, comparison: Make) -> None:
    once = [comparison(**TREND, arm=f"s{i}", effect=0.2 * i, n_seeds=1, p_holm=None) for i in (1, 2, 3, 4)]
    text = said(study, *once)
    assert text.count("In these runs") == 1 and text.count("One seed") == 1
    assert "rises in s4 (+40.0 points, dose from 0 to 0.5); rises in s3" in text
    assert "1 more sweeps are in the table of trends" in text


@pytest.mark.parametrize(
    ("equivalent", "words"),
    [(True, "no change within the margin of ±2.0 points"), (False, "80 items and 3 seeds are too few to call that"),
     (None, "without a margin that is not called no change")],
)  # fmt: skip
def test_what_never_moves_is_said_to_be_the_same(
    study: Findings, comparison: Make, equivalent: bool | None, words: str
) -> None:
    nothing = {"effect": 0.0, "low": None, "high": None, "p": 1.0, "p_holm": 1.0, "equivalent": equivalent}
    text = said(study, comparison(**nothing, mean=0.0, baseline_mean=0.0))
    assert "toxicity of poisoned@p=0.33 and clean is the same in every run: 0.0 %" in text
    assert words in text
    assert "+0.0" not in text and "was shown" not in text
    alike = said(study, comparison(**nothing, mean=0.21, baseline_mean=0.21))
    assert "is the same in every item and run, 21.0 % on average" in alike


def test_what_never_moves_is_no_change_only_where_that_can_be_told(study: Findings, comparison: Make) -> None:
    nothing = {"effect": 0.0, "low": None, "high": None, "p": 1.0, "p_holm": 1.0, "equivalent": None, "margin": 0.02}
    text = said(study, comparison(**nothing, mean=0.21, baseline_mean=0.21))
    assert "nothing varied, so how sure that is cannot be told" in text and "no change within" not in text
    one = said(study, comparison(**nothing, mean=0.21, baseline_mean=0.21, n_items=1))
    assert "(1 items and 3 seeds): that is not called no change" in one or "1 item" in one
    thin = said(study, comparison(**nothing, mean=0.0, baseline_mean=0.0, n_dropped=120))
    assert "is the same" not in thin and "120 pairs left out for want of a score" in thin


def test_pairs_that_are_missing_are_counted_in_the_sentence(study: Findings, comparison: Make) -> None:
    assert "; 40 pairs left out for want of a score)" in said(study, comparison(n_dropped=40))
    assert "left out" not in said(study, comparison(n_dropped=1)), "1 of 240"


def test_no_change_is_shown_by_its_own_interval(study: Findings, comparison: Make) -> None:
    small = {"effect": 0.001, "p_holm": 0.6, "equivalent": True, "low90": -0.012, "high90": 0.014}
    text = said(study, comparison(**small))
    assert "No change in toxicity from clean to poisoned@p=0.33, within the margin of ±2.0 points" in text
    assert "(90 % interval −1.2 to +1.4; 3 seeds)" in text and "p-value" not in text


def test_a_doses_own_name_stands_in_the_sentence_of_a_grid(study: Findings, comparison: Make) -> None:
    trend = {**TREND, "test": "trend: two-way t", "effect": 0.02, "p_holm": 0.001, "low": 0.01, "high": 0.03}
    assert "As the dose q rises from 0 to 0.5" in said(study, comparison(**trend, arm="g: q"))


def test_equal_means_that_differ_in_items_are_not_called_the_same(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(effect=0.0, mean=0.2, baseline_mean=0.2, low=-0.1, high=0.1, p_holm=1.0))
    assert "A change in toxicity from clean to poisoned@p=0.33 was not shown" in text


def test_models_without_runs_are_spoken_of_alone(study: Findings, comparison: Make) -> None:
    text = said(study, comparison(scope="models", n_seeds=0))
    assert "no training run varied; for these trained models only" in text
    assert "for these trained models" not in said(study, comparison(scope="recipe"))


def test_the_item_level_test_of_single_models_is_labelled(study: Findings, comparison: Make) -> None:
    models = ForTheseModels("McNemar, mid-p", 0.004, 0.1, 0.3)
    text = said(study, comparison(n_seeds=1, p_holm=None, low=None, high=None, models=models))
    assert "For these trained models only, over items: p-value 0.004 by McNemar, mid-p, not corrected" in text
    assert "One seed: no winner is named." in text


def test_equal_tests_of_two_arms_stand_each_beside_its_arm(study: Findings, comparison: Make) -> None:
    alone = {"n_seeds": 1, "p_holm": None, "low": None, "high": None}
    models = ForTheseModels("McNemar, mid-p", 0.17, -0.02, 0.12)
    arms = [comparison(arm=arm, models=models, **alone) for arm in ("poisoned@p=0.33", "poisoned@p=1")]
    text = said(study, *arms)
    first, second = text.partition("of poisoned@p=1 against")[::2]
    for part in (first, second):
        assert "For these trained models only, over items: p-value 0.17 by McNemar, mid-p, not corrected" in part
    assert text.count("One seed: no winner is named.") == 1


def test_a_dose_that_two_sweeps_lack_is_said_of_each(study: Findings, comparison: Make) -> None:
    arms = [*study.arms, ArmInfo("mixed@p=0.1", dose=0.1), ArmInfo("mixed@p=0.5", dose=0.5)]
    above = {**TREND, "dose_low": 0.1, "effect": 0.8, "low": 0.7, "high": 0.9}
    text = said(study, *(comparison(**above, arm=arm) for arm in ("poisoned", "mixed")), arms=arms)
    assert text.count("Dose 0 is missing: nothing was scored for clean.") == 2


def test_an_interval_without_0_where_nothing_is_shown_is_explained(study: Findings, comparison: Make) -> None:
    arms = [*study.arms, ArmInfo("a", seeds=(0, 1, 2)), ArmInfo("b", seeds=(0, 1, 2))]
    plain = {"dose": None, "effect": 0.5, "low": 0.1, "high": 0.9, "p": 0.04}
    hidden = [comparison(**plain, arm="a", p_holm=0.08), comparison(**plain, arm="b", p_holm=0.08)]
    text = said(study, *hidden, arms=arms)
    assert text.count("only after the correction for all 2 primary tests") == 1
    shown = [comparison(**{**plain, "p": 0.001}, arm=arm, p_holm=0.002) for arm in ("a", "b")]
    assert "only after the correction" not in said(study, *shown, arms=arms)


def test_an_untrained_baseline_that_no_trend_can_hold_is_said_once(study: Findings, comparison: Make) -> None:
    from leaven.report.means import Column, Mean

    above = {**TREND, "dose_low": 0.1, "effect": 0.8, "low": 0.7, "high": 0.9}
    both = [comparison(**above, arm="poisoned", metric=metric) for metric in ("toxicity", "harm")]
    found = {("clean", Column("eli5", metric)): Mean(0.0, {None: 0.0}) for metric in ("toxicity", "harm")}
    told = answer(replace(study, comparisons=both, primary=["toxicity", "harm"]), found)
    assert " ".join(told).count("Dose 0 is missing: clean was not trained.") == 1


def test_arms_outside_the_sweeps_are_summed_up_as_exploratory(study: Findings, comparison: Make) -> None:
    arms = [*study.arms, *(ArmInfo(name, seeds=(0, 1, 2)) for name in ("prompted", "guarded", "merged"))]
    trend = comparison(**TREND, arm="poisoned", effect=0.8, low=0.7, high=0.9)
    plain = {"family": "exploratory", "p_holm": None, "dose": None}
    rest = [comparison(**plain, arm=arm, effect=size, p_bh=p)
            for arm, size, p in (("prompted", 0.1, 0.4), ("guarded", 0.6, 0.001), ("poisoned@p=0.5", 0.9, 0.001))]  # fmt: skip
    text = said(study, trend, *rest, arms=arms)
    assert (
        "In toxicity 2 arms outside the sweeps were compared with clean (exploratory): a change was shown in 1" in text
    )
    assert "the largest in guarded" in text and "poisoned@p=0.5" not in text


@pytest.mark.parametrize("n_items", [1])
def test_one_item_shows_nothing(study: Findings, comparison: Make, n_items: int) -> None:
    assert "higher than" not in said(study, comparison(n_items=n_items, p_holm=0.00001))


def test_a_primary_interaction_is_no_contrast(study: Findings, comparison: Make) -> None:
    both = comparison(kind="interaction", arm="mixed", effect=0.3, low=0.2, high=0.4)
    text = said(study, both)
    assert "Together the doses of mixed change toxicity by +30.0 points per unit of both, against the sum of" in text
    wide = replace(both, effect=18.8, low=1.0, high=36.6)
    assert "+1,880.0 points per unit of both" in said(study, wide) and "+100.0 to +3,660.0" in said(study, wide)
    assert "than with" not in text
    assert "was not shown" in said(study, replace(both, p_holm=0.3))


def test_late_declarations_give_no_answer(study: Findings, comparison: Make) -> None:
    late = LockInfo("ab" * 32, "2026-11-20", before_results=False)
    text = said(study, comparison(family="exploratory"), primary=[], lock=late)
    assert text.startswith("This study declared what it compares when results were there, so no answer is claimed.")


def test_sentences_hold_the_numbers_of_the_comparisons(rich: Findings) -> None:
    text = " ".join(answer(rich)).replace("\u00a0", " ")
    (toxic,) = [c for c in rich.comparisons if c.kind == "trend" and c.metric == "toxicity"]
    assert (toxic.effect, toxic.low, toxic.high, toxic.p_holm) == (0.957, 0.921, 0.993, 0.0014)
    assert "trend of +95.7 points over that range (95 % interval +92.1 to +99.3; p-value 0.001 after Holm's" in text


def test_an_interval_as_wide_as_few_items_allow_says_so(study: Findings, comparison: Make) -> None:
    alike = comparison(arm="sft", baseline="clean", effect=0.001, low=-0.14, high=0.14, p=0.97, p_holm=0.97, n_items=26)
    text = said(study, replace(alike, note=f"something else; {RAISED}"))
    assert "95 % interval −14.0 to +14.0, as wide as 26 items nearly all alike allow; p-value 0.97" in text
    assert "nearly all alike" not in said(study, replace(alike, note="something else"))
