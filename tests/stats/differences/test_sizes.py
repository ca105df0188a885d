"""Ratios, odds, shifts and areas against hand, textbook and library; nothing infinite, and honest silence."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leaven.comparison import Sizes
from leaven.stats import inference
from leaven.stats.differences.sizes import sizes
from leaven.stats.effects import Contrast


def of(contrast: Contrast) -> Sizes:
    return sizes(contrast, inference.estimate(contrast))


def known_binary(contrast: Contrast) -> Contrast:
    """Return the contrast of samples of 0 and 1 that were averaged."""
    return replace(contrast, bounds=(-1.0, 1.0))


def coins(seed: int, items: int, seeds: int, arm: float = 0.4, base: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    shared = draw.normal(size=(items, 1))
    return tuple(
        (stats.norm.cdf(shared * 0.8 + draw.normal(size=(items, seeds))) > 1 - share).astype(float)
        for share in (arm, base)
    )


def test_counts_risks_and_odds_worked_by_hand(pair) -> None:
    arm, base = np.zeros((100, 1)), np.zeros((100, 1))
    arm[:10], base[5:25] = 1, 1
    found = of(pair(arm, base))
    assert (found.hits, found.trials, found.baseline_hits, found.baseline_trials) == (10, 100, 20, 100)
    assert found.ratio == pytest.approx(0.5)
    assert found.odds_ratio == pytest.approx((10 / 90) / (20 / 80))
    assert found.auc == pytest.approx(0.5 - 0.05)
    assert (found.ratio_low, found.odds_ratio_low, found.auc_low, found.shift) == (None, None, None, None)


def test_ratio_of_independent_items_is_the_delta_method_of_katz_and_woolf(pair) -> None:
    """Without any pairing or runs, the classical standard errors of log risk and odds ratio come out."""
    draw = np.random.default_rng(0)
    items = 20_000
    arm, base = (draw.random((items, 1)) < 0.1).astype(float), (draw.random((items, 1)) < 0.2).astype(float)
    found = of(pair(arm, base, trained=(False, False)))
    a, b = arm.sum(), base.sum()
    katz = math.sqrt(1 / a - 1 / items + 1 / b - 1 / items)
    woolf = math.sqrt(1 / a + 1 / (items - a) + 1 / b + 1 / (items - b))
    for point, low, high, error in (
        (found.ratio, found.ratio_low, found.ratio_high, katz),
        (found.odds_ratio, found.odds_ratio_low, found.odds_ratio_high, woolf),
    ):
        assert math.log(high / point) == pytest.approx(1.96 * error, rel=0.02)
        assert math.log(point / low) == pytest.approx(1.96 * error, rel=0.02)


def test_only_seeds_vary_gives_the_t_interval_of_the_log_ratio(pair) -> None:
    """Items are alike, runs are not: a t over seeds of what a run adds to log(a / b)."""
    runs, base = np.array([0.30, 0.25, 0.35, 0.40]), np.array([0.2, 0.25, 0.2, 0.15])
    found = of(known_binary(pair(np.tile(runs, (50, 1)), np.tile(base, (50, 1)))))
    half = stats.t.ppf(0.975, 3) * np.std(runs / runs.mean() - base / base.mean(), ddof=1) / 2
    assert math.log(found.ratio_high / found.ratio) == pytest.approx(half)
    assert math.log(found.ratio / found.ratio_low) == pytest.approx(half)


@pytest.mark.parametrize("seed", [1, 2])
def test_samples_that_were_averaged_have_ratios_but_no_counts(pair, seed: int) -> None:
    arm, base = coins(seed, 40, 6)
    means = [side.reshape(40, 3, 2).mean(axis=2) for side in (arm, base)]
    assert of(pair(*means)).ratio is None  # 0.5 is no outcome of 0 and 1 ...
    found = of(known_binary(pair(*means)))  # ... unless the table knows that its samples were
    assert (found.hits, found.trials) == (None, None)
    assert found.ratio == pytest.approx(arm.mean() / base.mean())
    assert found.auc_low < found.auc < found.auc_high


def test_an_untrained_baseline_counts_its_items_once(pair) -> None:
    arm, base = coins(3, 50, 3)
    base = np.repeat(base[:, :1], 3, axis=1)
    found = of(pair(arm, base, trained=(True, False)))
    assert (found.trials, found.baseline_trials) == (150, 50)
    assert found.baseline_hits == base[:, 0].sum()


@pytest.mark.parametrize(
    ("arm", "base", "ratio", "odds"),
    [(0, 1, 0.0, 0.0), (1, 0, None, None), (0, 0, None, None), (1, 1, 1.0, None), (0, None, 0.0, 0.0),
     (None, 0, None, None), (1, None, 2.0, None), (None, 1, 0.5, 0.0)],
)  # fmt: skip
def test_empty_cells_give_no_interval_and_nothing_infinite(pair, arm, base, ratio, odds) -> None:
    half = np.tile([[0.0], [1.0]], (10, 3))
    found = of(pair(*(half if side is None else np.full((20, 3), float(side)) for side in (arm, base))))
    assert (found.ratio, found.odds_ratio) == (ratio, odds)
    assert (found.odds_ratio_low, found.odds_ratio_high) == (None, None)
    assert all(value is None or math.isfinite(value) for value in asdict(found).values())


def test_sizes_of_nothing_and_of_one_item(pair) -> None:
    assert of(pair(np.full((3, 3), np.nan), np.zeros((3, 3)))) == Sizes()
    found = of(pair([[0.3, 0.5, 0.1]], [[0.0, 0.25, 0.0]]))
    assert (found.shift, found.shift_low) == (pytest.approx(0.65 / 3), None)
    assert found.auc == 1.0
    assert found.auc_low < 1.0


def test_equal_arms_have_no_size(pair) -> None:
    values = np.random.default_rng(0).normal(size=(12, 3))
    found = of(pair(values, values))
    assert (found.shift, found.auc) == (0.0, 0.5) and found.auc_low < 0.5 < found.auc_high
    alike = of(pair(*[np.tile([[0.0], [1.0]], (10, 3))] * 2))
    assert alike.ratio == 1.0 and alike.ratio_low < 1.0 < alike.ratio_high


def test_shift_equals_the_median_of_all_walsh_averages(pair) -> None:
    draw = np.random.default_rng(4)
    apart = draw.standard_t(2, size=(61, 3)) + 0.4
    found = of(pair(apart, np.zeros((61, 3))))
    mean = apart.mean(axis=1)
    first, second = np.triu_indices(61)
    assert found.shift == pytest.approx(np.median((mean[first] + mean[second]) / 2))
    assert found.shift_low < found.shift < found.shift_high


def test_shift_over_items_alone_has_wilcoxons_interval(pair) -> None:
    """Two untrained arms: the t interval of the influence is near the inversion of Wilcoxon's test."""
    apart = np.random.default_rng(5).normal(0.3, 1, 400)
    found = of(pair(apart[:, None], np.zeros((400, 1)), trained=(False, False)))
    first, second = np.triu_indices(400)
    averages = np.sort((apart[first] + apart[second]) / 2)
    reach = 1.96 * math.sqrt(400 * 401 * 801 / 24)
    low, high = averages[int(len(averages) / 2 - reach)], averages[int(len(averages) / 2 + reach)]
    assert (found.shift_low, found.shift_high) == pytest.approx((low, high), abs=0.02)
    assert (
        stats.wilcoxon(apart - (found.shift_low - 0.03)).pvalue
        < 0.05
        < stats.wilcoxon(apart - found.shift_high + 0.03).pvalue
    )


def test_area_is_mann_whitneys_within_seeds(pair) -> None:
    draw = np.random.default_rng(6)
    arm, base = draw.normal(0.5, 1, (30, 4)), draw.normal(0, 1, (30, 4))
    found = of(pair(arm, base))
    expected = np.mean([stats.mannwhitneyu(arm[:, k], base[:, k]).statistic / 900 for k in range(4)])
    assert found.auc == pytest.approx(expected)


def test_area_over_items_alone_has_delongs_error(pair) -> None:
    """Unpaired in truth, so DeLong's variance for two independent samples must come out."""
    draw = np.random.default_rng(7)
    arm, base = draw.normal(0.7, 1, 2_000), draw.normal(0, 1, 2_000)
    found = of(pair(arm[:, None], base[:, None], trained=(False, False)))
    above = (arm[:, None] > base[None]).mean(axis=1)
    below = (arm[:, None] > base[None]).mean(axis=0)
    error = math.sqrt((above.var(ddof=1) + below.var(ddof=1)) / 2_000)
    assert found.auc_high - found.auc == pytest.approx(1.96 * error, rel=0.06)


def test_area_of_outcomes_of_0_and_1_is_half_the_difference(pair) -> None:
    contrast = pair(*coins(8, 80, 3))
    known = inference.estimate(contrast)
    found = sizes(contrast, known)
    low, high = known.interval()
    assert (found.auc, found.auc_low, found.auc_high) == pytest.approx(
        (0.5 + known.effect / 2, 0.5 + low / 2, 0.5 + high / 2)
    )


def test_complete_separation_is_not_certainty(pair) -> None:
    draw = np.random.default_rng(9)
    found = of(pair(draw.random((20, 3)) + 5, draw.random((20, 3))))
    assert (found.auc, found.auc_high) == (1.0, 1.0)
    assert 0.6 < found.auc_low < 0.95


def test_ties_that_many_share_give_no_interval_of_the_shift(pair) -> None:
    draw = np.random.default_rng(10)
    apart = np.where(draw.random((50, 1)) < 0.6, 0.0, draw.normal(2, 1, (50, 3)))
    found = of(pair(apart, np.zeros((50, 3))))
    assert found.shift is not None
    assert (found.shift_low, found.shift_high) == (None, None)


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_and_two_seeds_give_sizes_without_intervals(pair, seeds: int) -> None:
    for sides in (coins(11, 40, seeds), np.random.default_rng(11).normal(size=(2, 40, seeds))):
        found = asdict(of(pair(*sides)))
        assert not [name for name, value in found.items() if name.endswith(("low", "high")) and value is not None]
        assert found["auc"] is not None


@given(
    seed=st.integers(0, 10_000), items=st.integers(1, 12), seeds=st.integers(1, 4), binary=st.booleans(),
    missing=st.floats(0, 0.5),
)  # fmt: skip
def test_whatever_is_measured_the_point_lies_in_its_interval(pair, seed, items, seeds, binary, missing) -> None:
    draw = np.random.default_rng(seed)
    values = np.round(draw.normal(size=(2, items, seeds)), 1)
    values = (values > 0.5).astype(float) if binary else values
    values[draw.random(values.shape) < missing] = np.nan
    found = asdict(of(pair(*values)))
    for name in ("ratio", "odds_ratio", "shift", "auc"):
        point, low, high = found[name], found[f"{name}_low"], found[f"{name}_high"]
        assert point is None or math.isfinite(point)
        assert (low is None) == (high is None)
        assert low is None or low - 1e-12 <= point <= high + 1e-12
    assert found["auc"] is None or 0 <= found["auc"] <= 1


def test_intervals_cover_what_they_should_at_three_seeds(pair) -> None:
    """Run noise and items that differ, outcomes of 0 and 1: risk ratio and odds ratio; 300 studies, so +-2.5 points."""

    def arms(draw: np.random.Generator, items: int, seeds: int) -> list[np.ndarray]:
        shared, own = draw.normal(-1, 1.5, (items, 1)), draw.normal(0.5, 0.7, (items, 1))
        logits = (shared + own, shared)
        return [1 / (1 + np.exp(-(logit + 0.15 * draw.normal(size=(1, seeds))))) for logit in logits]

    arm, base = (side.mean() for side in arms(np.random.default_rng(0), 1_000_000, 1))
    truths = (arm / base, arm * (1 - base) / (base * (1 - arm)))
    draw, covered = np.random.default_rng(1), np.zeros(2)
    for _ in range(300):
        found = of(pair(*(draw.random(side.shape) < side for side in arms(draw, 100, 3))))
        covered += [
            found.ratio_low <= truths[0] <= found.ratio_high,
            found.odds_ratio_low <= truths[1] <= found.odds_ratio_high,
        ]
    assert (covered / 300 > 0.92).all()
    assert (covered / 300 < 0.995).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [2.0**329, 2.0**-329])
def test_shift_and_area_of_an_exploded_metric(pair, scale: float) -> None:
    arm, base = np.random.default_rng(12).normal((0.5, 0.0), 1, (30, 3, 2)).transpose(2, 0, 1)
    plain, scaled = of(pair(arm, base)), of(pair(arm * scale, base * scale))
    assert (scaled.shift_low / scale, scaled.shift_high / scale) == pytest.approx((plain.shift_low, plain.shift_high))
    assert (scaled.auc_low, scaled.auc_high) == pytest.approx((plain.auc_low, plain.auc_high))
