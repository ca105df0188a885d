"""The trend test against brute force; which arms make a sweep."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from leaven.stats.doses import dose
from leaven.stats.table import Arm

CLEAN = Arm("clean", 0.0, True)


def brute_force(run_means: np.ndarray, doses: list[float]) -> float:
    """Try every assignment of doses to runs in every seed, one after another."""
    ranks = np.argsort(np.argsort(doses)).astype(float)
    seeds = run_means.shape[1]

    def statistic(orders: tuple[tuple[int, ...], ...]) -> float:
        centred = run_means - run_means.mean(axis=0)
        return abs(sum(float(ranks[list(order)] @ centred[:, seed]) for seed, order in enumerate(orders)))

    plain = tuple(range(len(doses)))
    observed = statistic((plain,) * seeds)
    every = [statistic(orders) for orders in itertools.product(itertools.permutations(plain), repeat=seeds)]
    return float(np.mean(np.array(every) >= observed - 1e-9))


@pytest.mark.parametrize("case", range(4))
def test_p_equals_brute_force(case: int) -> None:
    draw = np.random.default_rng(case)
    n_doses, seeds = [(3, 3), (4, 2), (3, 4), (4, 2)][case]
    run_means = draw.normal(size=(n_doses, seeds)) + 0.5 * np.arange(n_doses)[:, None]
    doses = [0.0, 0.01, 0.3, 1.0][:n_doses]
    found = dose.trend(run_means, doses)
    assert found.p == pytest.approx(brute_force(run_means, doses))
    assert "all" in found.test


def test_draws_agree_with_enumeration_and_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    run_means = np.random.default_rng(5).normal(size=(4, 3)) + 0.4 * np.arange(4)[:, None]
    exact = dose.trend(run_means, [0, 1, 2, 3])
    monkeypatch.setattr(dose, "_ENUMERATED", 10)
    drawn = dose.trend(run_means, [0, 1, 2, 3], seed=7)
    assert drawn.test == "trend: doses permuted over runs within seed, 9,999 draws"
    assert drawn == dose.trend(run_means, [0, 1, 2, 3], seed=7)
    assert drawn.p == pytest.approx(exact.p, abs=0.01)


def test_only_the_order_of_doses_counts() -> None:
    run_means = np.random.default_rng(6).normal(size=(4, 3))
    assert dose.trend(run_means, [0, 0.01, 0.1, 1]).p == dose.trend(run_means, [0, 10, 20, 30]).p


def test_falling_and_rising_trends_are_alike() -> None:
    run_means = np.random.default_rng(7).normal(size=(4, 3)) + np.arange(4)[:, None]
    assert dose.trend(run_means, [0, 1, 2, 3]).p == dose.trend(-run_means, [0, 1, 2, 3]).p


@pytest.mark.parametrize(("doses", "seeds", "p"), [
    ([0, 1, 2], 1, 2 / 6), ([0, 1, 2], 2, 2 / 36), ([0, 1, 2, 3], 2, 2 / 576), ([0, 0, 1], 3, 1 / 27),
    ([0, 0, 1, 1], 2, 2 / 36), ([0, 1, 2, 3, 4], 3, 1 / 10_000),
])  # fmt: skip
def test_smallest_p_of_a_design(doses: list[float], seeds: int, p: float) -> None:
    assert dose.smallest_p(doses, seeds) == pytest.approx(p)
    if p > 1 / 10_000:
        perfect = np.tile(np.array([doses], dtype=float).T, (1, seeds))
        found = dose.trend(perfect, doses).p
        assert found is None if p > 0.05 or seeds == 1 else found == pytest.approx(p)


def test_no_test_where_the_smallest_p_is_too_large() -> None:
    found = dose.trend(np.arange(6.0).reshape(3, 2), [0, 1, 2])
    assert found.p is None
    assert "0.056" in (found.note or "")


def test_one_seed_claims_no_trend() -> None:
    found = dose.trend(np.arange(5.0)[:, None], [0, 1, 2, 3, 4])
    assert found.p is None
    assert "one seed" in (found.note or "")


def test_equal_runs_show_no_trend() -> None:
    assert dose.trend(np.full((4, 3), 0.2), [0, 1, 2, 3]).p == 1.0


def test_trend_test_holds_its_level() -> None:
    draw = np.random.default_rng(8)
    p = [dose.trend(draw.normal(size=(4, 3)), [0, 1, 2, 3]).p for _ in range(400)]
    assert 0.02 < np.mean(np.array(p, dtype=float) <= 0.05) < 0.09


def test_arms_without_dose_or_training_are_in_no_sweep() -> None:
    arms = [CLEAN, Arm("again", None, True), Arm("base", 0.0, False), Arm("bad@p=0.1", 0.1, True),
            Arm("bad@p=1", 1.0, True)]  # fmt: skip
    (sweep,) = dose.sweeps(arms, to="clean", dose="p")
    assert (sweep.name, sweep.doses) == ("bad", {"clean": 0.0, "bad@p=0.1": 0.1, "bad@p=1": 1.0})


def test_two_series_are_two_sweeps() -> None:
    names = ["bad@p=0.1,lr=1", "bad@p=1,lr=1", "bad@p=0.1,lr=2", "bad@p=1,lr=2", "worse@p=1"]
    arms = [CLEAN, *(Arm(name, 0.1 if "0.1" in name else 1.0, True) for name in names)]
    assert [sweep.name for sweep in dose.sweeps(arms, to="clean", dose="p")] == ["bad@lr=1", "bad@lr=2"]


def test_plain_names_share_their_stem() -> None:
    arms = [CLEAN, Arm("p01", 0.01, True), Arm("p33", 0.33, True)]
    assert [sweep.name for sweep in dose.sweeps(arms, to="clean", dose="p")] == ["p"]


def test_untrained_baseline_is_left_out_of_the_sweep() -> None:
    arms = [Arm("base", 0.0, False), Arm("bad@p=0.1", 0.1, True), Arm("bad@p=1", 1.0, True)]
    (sweep,) = dose.sweeps(arms, to="base", dose="p")
    assert "base" not in sweep.doses
    assert "untrained" in (sweep.note or "")
