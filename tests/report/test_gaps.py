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
        "15 of 5,760 values were not scored (0.3\u00a0%; most in quality/coherence: 1.0\u00a0%)."
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
    assert "Only one evaluator of toxicity" in text
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
