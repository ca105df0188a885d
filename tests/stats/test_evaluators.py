"""Agreement against published values; verdicts that flip with the evaluator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from leaven.comparison import Comparison
from leaven.stats import evaluators
from leaven.stats.evaluators import agreement, alpha, mean_tau

N = float("nan")


def test_alpha_of_krippendorffs_binary_example() -> None:
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(np.array([meg, owen], dtype=float).T) == pytest.approx(0.095, abs=0.0005)


def test_alpha_of_krippendorffs_example_with_four_observers_and_missing_values() -> None:
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
    assert alpha(np.array(table).T) == pytest.approx(0.849, abs=0.0005)  # interval; the last unit has one value


def test_alpha_is_one_in_full_agreement_near_zero_by_chance_and_undefined_without_variety() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(size=5000)
    assert alpha(np.stack([one, one], axis=1)) == pytest.approx(1)
    assert alpha(draw.normal(size=(5000, 3))) == pytest.approx(0, abs=0.03)
    assert alpha(np.ones((10, 2))) is None
    assert alpha(np.array([[1.0, N], [N, 0.0]])) is None
    assert alpha(np.empty((0, 2))) is None


def test_alpha_does_not_lose_its_digits_far_from_zero() -> None:
    values = np.random.default_rng(1).normal(size=(200, 2))
    assert alpha(values + 1e8) == pytest.approx(alpha(values), rel=1e-4)


def test_tau_is_the_mean_of_all_pairs_with_both_scored() -> None:
    values = np.random.default_rng(2).integers(0, 4, (50, 3)).astype(float)
    values[0, 0] = N
    pairs = [(values[1:, 0], values[1:, 1]), (values[1:, 0], values[1:, 2]), (values[:, 1], values[:, 2])]
    assert mean_tau(values) == pytest.approx(np.mean([stats.kendalltau(*pair).statistic for pair in pairs]))
    assert mean_tau(np.ones((5, 2))) is None


def frame(**columns: list[float | None]) -> pd.DataFrame:
    """Make a long table; a column's name is suite_metric, its values are those of items i0, i1, ..."""
    rows = [
        dict(arm="a", dose=None, seed=seed, suite=name[0], metric=name[2:], group=None, item_id=f"i{place}", sample=0,
             value=value)
        for name, values in columns.items() for seed in (None, 1) for place, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def compared(evaluator: str, effect: float, p: float, **given: Any) -> Comparison:
    suite, metric = evaluator.split("/")
    facts = dict(
        arm="a", baseline="base", suite=suite, metric=metric, group=None, dose=None, mean=None, baseline_mean=None,
        effect=effect, low=None, high=None, p=p, p_holm=None, p_bh=p, family="exploratory", equivalent=None,
        n_items=50, n_seeds=3, test="t",
    )  # fmt: skip
    return Comparison(**{**facts, **given})


def test_evaluators_of_different_suites_pair_by_text() -> None:
    table = frame(s_toxic=[0, 1, 0, 1, None], t_harm=[0, 1, 0, 0, 1])
    found = agreement("harm", ["toxic", "t/harm"], table, [])
    assert found.evaluators == ["s/toxic", "t/harm"]
    assert found.n_items == 4
    texts = np.array([[0, 0], [1, 1], [0, 0], [1, 0]] * 2, dtype=float)
    assert found.alpha == pytest.approx(alpha(texts))
    assert found.tau == pytest.approx(stats.kendalltau(texts[:, 0], texts[:, 1]).statistic)
    assert (found.verdicts, found.note) == ({}, None)
    shuffled = table.sample(frac=1, random_state=0)
    assert agreement("harm", ["toxic", "t/harm"], shuffled, []).alpha == pytest.approx(found.alpha)


def test_one_metric_in_two_suites_is_two_evaluators() -> None:
    assert agreement("x", ["m"], frame(s_m=[0, 1], t_m=[0, 1]), []).evaluators == ["s/m", "t/m"]


TABLE = frame(s_x=[0, 1, 1], s_y=[0, 1, 0])


@pytest.mark.parametrize(
    ("one", "other", "verdicts", "flips", "unsupported"),
    [
        ((0.2, 0.01, {}), (0.1, 0.04, {}), ("higher", "higher"), False, False),
        ((0.2, 0.01, {}), (-0.1, 0.04, {}), ("higher", "lower"), True, False),
        ((0.2, 0.01, {}), (0.0, 0.9, {"equivalent": True}), ("higher", "same"), True, False),
        ((0.2, 0.01, {}), (0.1, 0.05, {}), ("higher", "open"), False, True),
        ((0.01, 0.01, {"equivalent": True}), (0.0, 0.9, {"equivalent": True}), ("same", "same"), False, False),
        ((0.0, 0.9, {"equivalent": True}), (0.1, 0.5, {}), ("same", "open"), False, False),
        # The family's own correction decides; an uncorrected p never does.
        ((0.2, 0.01, {"family": "primary", "p_holm": 0.2}), (0.1, 0.5, {}), ("open", "open"), False, False),
        ((0.2, 0.01, {"p_bh": None}), (0.1, 0.5, {}), ("open", "open"), False, False),
    ],
)
def test_verdicts_flips_and_unsupported_changes(
    one: tuple[float, float, dict[str, Any]], other: tuple[float, float, dict[str, Any]],
    verdicts: tuple[str, str], flips: bool, unsupported: bool,
) -> None:  # fmt: skip
    made = [compared("s/x", one[0], one[1], **one[2]), compared("s/y", other[0], other[1], **other[2])]
    found = agreement("x", ["x", "y"], TABLE, made)
    assert found.verdicts == {"a": dict(zip(["s/x", "s/y"], verdicts, strict=True))}
    assert found.flips == ["a"] * flips
    assert found.unsupported == ["a"] * unsupported


def test_groups_trends_and_other_metrics_give_no_verdict() -> None:
    made = [compared("s/x", 1.0, 0.0, group="g"), compared("s/x", 1.0, 0.0, kind="trend"), compared("s/z", 1.0, 0.0)]
    assert agreement("x", ["x", "y"], TABLE, made).verdicts == {}


def test_what_was_not_measured_is_said() -> None:
    found = agreement("x", ["x", "gone"], TABLE, [compared("s/x", 1.0, 0.001)])
    assert (found.evaluators, found.alpha, found.tau, found.n_items) == (["s/x"], None, None, 0)
    assert found.note == "not measured: gone; no text was scored by two evaluators"
    assert agreement("x", ["x", "y"], TABLE[:0], []).alpha is None
    alike = agreement("x", ["x", "y"], frame(s_x=[1, 1], s_y=[1, 1]), [])
    assert (alike.alpha, alike.tau) == (None, None)
    assert "undefined" in str(alike.note)


def test_very_many_texts_are_drawn_and_the_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluators, "_MOST_UNITS", 50)
    values: list[float | None] = list(np.random.default_rng(3).random(100))
    table = frame(s_x=values, s_y=values)
    found = agreement("x", ["x", "y"], table, [], seed=1)
    assert found.tau == pytest.approx(1)
    assert found.note == "tau is that of 50 of 200 texts, drawn at random"
