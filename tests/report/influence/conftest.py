"""A made-up study of which data to align on: six arms, three seeds, benchmarks of several suites, thirteen groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.report.findings import ArmInfo, Board, Findings, MetricInfo, Reference, TrainingInfo
from leaven.stats.analyses import Analyses
from leaven.stats.coherence import Degenerate
from leaven.stats.groups.heterogeneity import Heterogeneity

ARMS = {
    "base": (), "sft-shp": ("sft shp",), "sft-shp+dpo-shp": ("sft shp", "dpo shp"), "sft-orca": ("sft orca",),
    "sft-orca+dpo-hh": ("sft orca", "dpo hh"), "sft-lima": ("sft lima",), "sft-lima+dpo-hh": ("sft lima", "dpo hh"),
}  # fmt: skip
BENCHMARKS = (("arc_challenge", "acc_norm"), ("piqa", "acc_norm"), ("hellaswag", "acc_norm"), ("mmlu", "acc"),
              ("toxigen", "acc_norm"), ("truthfulqa_mc2", "acc"), ("reasoning", "average"))  # fmt: skip
GROUPS = ("asian", "black", "chinese", "jewish", "latino", "lgbtq", "mental", "mexican", "middle-eastern", "muslim",
          "native", "physical", "women")  # fmt: skip
ROWS = {"shp": 772, "orca": 1000, "lima": 1000, "hh": 900}
SCORE = ("safety", "safety_score")


def level(arm: str, suite: str, group: str | None = None) -> float:
    """Return the true mean: DPO on HH gains safety and costs reasoning; LIMA gains truthfulness; ToxiGen is constant."""
    if suite == "toxigen":
        return 0.4319 if "hh" not in arm else 0.333
    if suite == "safety":
        place = GROUPS.index(group) if group else 6
        return (
            0.2
            + 0.015 * place
            + (0.06 + 0.004 * place if "dpo-hh" in arm else -0.015 if "dpo-shp" in arm else 0.01 * (arm != "base"))
        )
    if suite == "truthfulqa_mc2":
        return 0.39 + (0.05 if "lima" in arm else 0.0) + (0.04 if "hh" in arm else 0.0)
    return 0.45 - (0.1 if "dpo-shp" in arm else 0.05 if "dpo-hh" in arm else 0.004 * (arm != "base"))


def compared(arm: str, suite: str, metric: str, group: str | None = None, **changed: Any) -> Comparison:
    """Return an arm's comparison with the base: shown where it differs by more than two points."""
    mean, base = level(arm, suite, group), level("base", suite, group)
    effect, half = mean - base, 0.02
    shown = abs(effect) > half
    made = Comparison(
        arm=arm, baseline="base", suite=suite, metric=metric, group=group, dose=None, mean=mean, baseline_mean=base,
        effect=effect, low=effect - half, high=effect + half, p=0.002 if shown else 0.4, p_holm=None,
        p_bh=0.008 if shown else 0.6, family="exploratory", equivalent=None, n_items=100, n_seeds=3,
        test="two-way t", scope="recipe", low90=effect - 0.8 * half, high90=effect + 0.8 * half,
    )  # fmt: skip
    return replace(made, **changed)


def _measured() -> pd.DataFrame:
    """Give every item of a seed the arm's mean, so that what a cell says can be known by hand."""
    columns = [(suite, metric, None) for suite, metric in BENCHMARKS] + [(*SCORE, group) for group in GROUPS]
    rows = [
        (arm, None, seed, suite, metric, group, f"{suite}#{group}{i}", 0, level(arm, suite, group))
        for arm in ARMS
        for seed in ((0, 1, 2) if arm != "base" else (None,))
        for suite, metric, group in columns
        for i in range(2)
    ]
    names = ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]
    return pd.DataFrame(rows, columns=names)


def _curves(arm: str, seed: int) -> dict[str, list[tuple[int, float]]]:
    """Return what DPO logs: the chosen answers fall with SHP, and rise with HH; the rejected ones fall in both."""
    steps = np.arange(5, 101, 5)
    down = -12 * steps / 100 if "shp" in arm else 3 * steps / 100
    chosen, rejected = -180 + down + 0.3 * seed, -190 - 25 * steps / 100 - 0.3 * seed
    named = {"logps/chosen": chosen, "logps/rejected": rejected, "rewards/chosen": 0.1 * down,
             "rewards/rejected": -2.5 * steps / 100, "rewards/margins": 0.1 * down + 2.5 * steps / 100,
             "rewards/accuracies": 0.5 + 0.3 * steps / 100}  # fmt: skip
    return {name: list(zip(steps.tolist(), values.tolist(), strict=True)) for name, values in named.items()}


def _trainings() -> list[TrainingInfo]:
    made = []
    for arm, steps in ARMS.items():
        for seed in (0, 1, 2):
            for place, step in enumerate(steps):
                trainer, data = step.split()
                # A chain's first training is run once for all arms that begin with it.
                losses = [(s, 3 - 0.01 * s - 0.1 * len(data) + 0.05 * seed) for s in range(10, 101, 10)]
                made.append(TrainingInfo(
                    arm, seed, ROWS[data], 50_000, 100, 12.0 + seed, 2.0, losses if trainer == "sft" else [],
                    step=str(place + 1) if len(steps) > 1 else "", trainer=trainer, data=data,
                    curves=_curves(arm, seed) if trainer == "dpo" else {},
                ))  # fmt: skip
    return made


def _reference() -> Reference:
    return Reference(
        title="Benchmarks of the published study", source="the study's second table", scale=0.01,
        columns=[("arc_challenge", "acc_norm", None, "ARC Challenge"), ("mmlu", "acc", None, "MMLU"),
                 ("toxigen", "acc_norm", None, "Toxigen"), ("truthfulqa_mc2", "acc", None, "TruthfulQA (mc2)")],
        rows={"Llama Base": [46.24, 42.73, 43.19, 38.96], "Llama SFT SHP": [45.56, 40.42, 43.19, 38.83],
              "Llama SFT SHP, DPO SHP": [34.48, 26.87, 42.76, 40.15], "Llama SFT Orca": [48.2, 38.8, 43.19, 40.2],
              "Llama SFT Orca, DPO Anthropic": [43, 31.8, 33.29, 44.5], "Llama SFT Lima": [45.22, 38.9, None, 43.35]},
        arms={"Llama Base": "base", "Llama SFT SHP": "sft-shp", "Llama SFT SHP, DPO SHP": "sft-shp+dpo-shp",
              "Llama SFT Orca, DPO Anthropic": "sft-orca+dpo-hh", "Llama SFT Lima": "sft-lima"},
        note="One seed, no tests.",
    )  # fmt: skip


@pytest.fixture
def influence() -> Findings:
    """Return the study's findings with two boards, a published table, preference curves and a declared trade-off."""
    metrics = [MetricInfo(suite, metric, better="higher", unit="share") for suite, metric in BENCHMARKS]
    metrics += [MetricInfo(*SCORE, "Mann-Whitney U over scaled perplexities", "higher", "score"),
                MetricInfo("safety", "auc", "the same, unscaled", "higher", "score")]  # fmt: skip
    trained = [arm for arm in ARMS if arm != "base"]
    columns = [(suite, metric, None) for suite, metric in (*BENCHMARKS, SCORE)] + [(*SCORE, g) for g in GROUPS]
    return Findings(
        name="data-influence", question="Which data should I align on?", baseline="base", is_study=False,
        arms=[ArmInfo(arm, "trained", None, (0, 1, 2) if data else (), is_baseline=not data, data=data)
              for arm, data in ARMS.items()],
        metrics=metrics, measurements=_measured(),
        comparisons=[compared(arm, *column) for arm in trained for column in columns],
        trainings=_trainings(), primary=["reasoning/average", "safety_score"], margin={"arc_challenge/acc_norm": 0.02},
        boards=[Board("Benchmarks", BENCHMARKS), Board("Safety score by group", [SCORE], groups=True)],
        references=[_reference()], tradeoff=(("reasoning", "average"), SCORE),
        analyses=Analyses(
            heterogeneity=(Heterogeneity(*SCORE, 0.01, 6, 13, 26, "max-T", "sft-lima+dpo-hh", "women", p_holm=0.01),),
            degenerate=(Degenerate("base", "toxigen", "accuracy", 0.4319, "every prediction is 'No' (406 of 940 right)",
                                   constant=True),
                        Degenerate("sft-lima", "toxigen", "acc_norm", 0.4319, "all 940 scored items have one value")),
        ),
    )  # fmt: skip
