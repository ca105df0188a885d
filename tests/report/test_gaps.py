from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from leaven.comparison import Comparison
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.gaps import unmeasured
from leaven.stats.analyses import Analyses

Make = Callable[..., Comparison]


def said(findings: Findings) -> str:
    return " ".join(unmeasured(findings)).replace("\u00a0", " ")


def test_only_true_gaps_are_named(rich: Findings) -> None:
    assert unmeasured(replace(rich, missing=())) == [
        "15 of 5,760 values were not scored (0.3\u00a0%; most in quality/coherence: 1.0\u00a0%).",
        "quality/coherence: poisoned@p=1 lacks 15 of 240 (6.2\u00a0%), the 5 other arms none.",
    ]
    assert unmeasured(rich)[0].startswith("perplexity: the suite was not declared"), "what the run says comes first"


def test_nothing_at_all_has_no_gaps_in_its_design() -> None:
    assert unmeasured(Findings(name="n", question="q?")) == []


def test_a_study_without_replicates_margins_and_gates(findings: Findings) -> None:
    arms = [arm for arm in findings.arms if arm.replicate == 0]
    text = said(replace(findings, arms=arms, margin={"toxicity": 0.02}, analyses=Analyses()))
    assert "No A/A arm" in text
    assert "No margin for rougeL: “no change” cannot be said there." in text
    assert "No coherence gate beside toxicity" in text
    assert "No second evaluator was declared for toxicity (`evaluators`)" in text
    assert "nobody" not in text, "two metrics may well read the same answers, undeclared"
    assert "No metric of what the model can do" not in text, "rougeL is better high"


def test_harm_alone_lacks_what_the_model_can_do(findings: Findings) -> None:
    harm = [m for m in findings.metrics if m.better != "higher"]
    assert "No metric of what the model can do beside toxicity" in said(replace(findings, metrics=harm))
    perplexity = [MetricInfo("p", "perplexity", better="lower")]
    assert "beside" not in said(replace(findings, metrics=perplexity, primary=[]))


def test_few_seeds_are_named(findings: Findings) -> None:
    for n, words in ((1, "One seed: how far training runs differ was not measured"), (2, "Two seeds: too few")):
        arms = [replace(arm, seeds=tuple(range(n))) for arm in findings.arms]
        assert words in said(replace(findings, arms=arms))
    assert "seed" not in said(replace(findings, missing=()))


def test_untrained_arms_are_no_recipe(findings: Findings, comparison: Make) -> None:
    arms = [replace(arm, seeds=()) for arm in findings.arms]
    text = said(replace(findings, arms=arms, comparisons=[comparison(n_seeds=0)]))
    assert "No training runs vary" in text
    assert "A/A" not in text


def test_arms_and_suites_without_results_are_named(findings: Findings) -> None:
    arms = [*findings.arms, ArmInfo("<img onerror>", seeds=(0, 1, 2))]
    metrics = [*findings.metrics, MetricInfo("trivia", "exact")]
    text = said(replace(findings, arms=arms, metrics=metrics))
    assert "No results at all: <img onerror>." in text
    assert "Nothing was measured by suite trivia." in text


def test_infinite_values_count_as_unscored() -> None:
    frame = pd.DataFrame({"arm": "a", "seed": 0, "suite": "s", "metric": ["m", "m", "k", "k"], "group": None,
                          "item_id": ["i", "j", "i", "j"], "value": [float("inf"), 1.0, 1.0, 1.0]})  # fmt: skip
    text = said(Findings(name="n", question="q?", measurements=frame))
    assert "1 of 4 values were not scored (25.0 %; most in s/m: 50.0 %)." in text


def wrapped(lost: dict[tuple[str, str], int], metrics: tuple[str, ...] = ("complied",)) -> pd.DataFrame:
    """Seventy items of each arm in each of three wrappers, of which some are not scored."""
    rows = [
        (arm, "harmful", metric, group, f"{group}{i}", None if i < lost.get((arm, group), 0) else 1.0)
        for arm in ("base", "sft", "rejected") for metric in metrics for group in ("plain", "base64", "few_shot")
        for i in range(70)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["arm", "suite", "metric", "group", "item_id", "value"])


def test_missing_values_that_stand_in_one_group_are_named_with_arms_and_reason() -> None:
    made = Findings(name="n", question="q?")
    lost = wrapped({("sft", "few_shot"): 16, ("rejected", "few_shot"): 8}, ("complied", "harmful"))
    why = {("harmful", name): {"the answer is empty": 20, "refused": 4} for name in ("complied", "harmful")}
    assert (
        "In each of harmful/complied and harmful/harmful: all 24 unscored values are in the group few_shot (there sft"
        " lacks 16 of 70 (22.9 %), rejected 8 of 70 (11.4 %), base none); the reason for 20 of 24: the answer is empty."
    ) in said(replace(made, measurements=lost, unscored=why))
    mostly = wrapped({("sft", "few_shot"): 6, ("sft", "plain"): 2})
    assert "harmful/complied: 6 of 8 unscored values are in the group few_shot" in said(
        replace(made, measurements=mostly)
    )


def test_missing_values_that_are_spread_name_no_group_and_equal_arms_no_arm() -> None:
    arms, groups = ("base", "sft", "rejected"), ("plain", "base64", "few_shot")
    even = wrapped({(arm, group): 5 for arm in arms for group in groups})
    text = said(Findings(name="n", question="q?", measurements=even))
    assert "45 of 630 values" in text and "group" not in text and "lacks" not in text
    unlike = wrapped({("sft", group): 5 for group in groups})
    text = said(Findings(name="n", question="q?", measurements=unlike))
    assert "harmful/complied: sft lacks 15 of 210 (7.1 %), the 2 other arms none." in text and "group" not in text
    why = {("harmful", "complied"): {"server said <b>no</b>": 45}}
    text = said(Findings(name="n", question="q?", measurements=even, unscored=why))
    assert "harmful/complied: the reason for 45 of 45: server said <b>no</b>." in text
