"""Curves on doses: planted parameters come back, intervals hold the truth, tolerated doses err on the safe side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from leaven.stats import effects, inference, table
from leaven.stats.doses import curve, regression, tolerated
from leaven.stats.doses.dose import Sweep
from leaven.stats.doses.line import Line, Runs, line
from leaven.stats.doses.reached import runs_of
from leaven.stats.table import Cube

DOSES = (0.0, 0.01, 0.1, 0.33, 1.0)


def sweep(doses: tuple[float, ...] = DOSES) -> Sweep:
    return Sweep("p", {f"a{place}": dose for place, dose in enumerate(doses)}, "a0")


def cube(values: np.ndarray, doses: tuple[float, ...] = DOSES) -> Cube:
    """Make a cube of arms x items x seeds by way of the long table; NaN is a row that was not scored."""
    arm, item, seed = np.indices(values.shape).reshape(3, -1)
    rows = pd.DataFrame({
        "arm": [f"a{place}" for place in arm], "dose": np.array(doses)[arm], "seed": seed, "suite": "suite",
        "metric": "rate", "group": None, "item_id": item.astype(str), "sample": 0, "value": values.ravel(),
    })  # fmt: skip
    return next(table.cubes(rows))


def world(
    draw: np.random.Generator, *, seeds: int = 3, items: int = 200, level: float = -2.0, rise: float = 4.0,
    noise: float = 0.15, doses: tuple[float, ...] = DOSES,
) -> np.ndarray:  # fmt: skip
    """Draw outcomes of 0 and 1 whose mean is a logit line (but for the noise, small)."""
    runs = noise * draw.normal(size=(len(doses), 1, seeds))
    rates = expit(level + rise * np.array(doses)[:, None, None] + runs)
    return (draw.random((len(doses), items, seeds)) < rates).astype(float)


def at_bounds(*shares: float, items: int = 200, seeds: int = 3) -> np.ndarray:
    """Make outcomes whose arms are at these shares exactly, alike in every seed."""
    values = np.zeros((len(shares), items, seeds))
    for arm, share in enumerate(shares):
        values[arm, : round(share * items)] = 1.0
    return values


def run_line(fitted: np.ndarray, doses: tuple[float, ...] = DOSES) -> Line:
    runs = runs_of(cube(fitted, doses), sweep(doses).doses, {})
    assert runs is not None
    return line(runs)


# What is fitted


def test_straight_line_is_scipys() -> None:
    draw = np.random.default_rng(1)
    values = 3 + 2 * np.array(DOSES)[:, None, None] + draw.normal(size=(5, 40, 4))
    theirs = stats.linregress(np.repeat(DOSES, 4), values.mean(axis=1).ravel())
    made = run_line(values)
    assert made.coefs == pytest.approx([theirs.intercept, theirs.slope])
    assert curve.fit(cube(values), sweep()).model == "linear"


def test_slope_of_a_straight_line_has_the_interval_of_the_trend() -> None:
    values = 2 * np.array(DOSES)[:, None, None] + np.random.default_rng(2).normal(size=(5, 40, 4))
    found = curve.fit(cube(values), sweep())
    trend = inference.estimate(effects.contrast(cube(values), effects.slope(sweep().doses)))
    assert found.slope == pytest.approx(trend.effect)
    assert (found.slope_low, found.slope_high) == pytest.approx(trend.interval())


def test_planted_line_comes_back() -> None:
    found = curve.fit(cube(world(np.random.default_rng(3), seeds=5, items=4000, noise=0.0)), sweep(), None, 0.1)
    assert found.model == "logit-linear"
    assert found.slope == pytest.approx(4.0, abs=0.12)
    assert found.ed50 == pytest.approx(0.5, abs=0.01)
    # expit(-2 + 4 dose) = expit(-2) + 0.1
    leaves = (2 + np.log((expit(-2) + 0.1) / (0.9 - expit(-2)))) / 4
    assert found.tolerated_curve is not None
    assert 0.9 * leaves < found.tolerated_curve < leaves
    assert found.note is None
    assert (found.n_runs, found.n_seeds) == (25, 5)


def test_realised_doses_replace_the_declared_ones_run_by_run() -> None:
    values, declared = world(np.random.default_rng(4)), sweep()
    reached = {(f"a{arm}", seed): dose * (0.8 + 0.1 * seed) for arm, dose in enumerate(DOSES) for seed in (0, 1, 2)}
    whole = curve.fit(cube(values), declared, reached)
    assert [point.dose for point in whole.points] == list(DOSES)
    assert [point.realised for point in whole.points] == pytest.approx([0.9 * dose for dose in DOSES])
    design = np.stack([np.ones(15), [reached[f"a{arm}", seed] for arm in range(5) for seed in range(3)]], axis=1)
    means = values.mean(axis=1).ravel()
    assert whole.slope == pytest.approx(regression.coefficients(design, means, np.full(15, 200.0), share=True)[1])
    # What nobody counted, or is no number, is declared.
    assert curve.fit(cube(values), declared, {("a4", 1): np.nan}) == curve.fit(cube(values), declared)


def test_points_are_isotonic_in_the_direction_of_the_slope() -> None:
    shares = (0.9, 0.6, 0.7, 0.3, 0.1)
    found = curve.fit(cube(at_bounds(*shares)), sweep())
    assert [point.mean for point in found.points] == pytest.approx(shares)
    assert [point.isotonic for point in found.points] == pytest.approx([0.9, 0.65, 0.65, 0.3, 0.1])
    doses = (0.0, 0.1, 0.1, 1.0)
    twice = curve.fit(cube(at_bounds(0.1, 0.2, 0.6, 0.3), doses), sweep(doses))
    # Two arms at one dose are one place: 0.4 twice against 0.3 once.
    assert [point.isotonic for point in twice.points] == pytest.approx([0.1, 1.1 / 3, 1.1 / 3, 1.1 / 3])


def test_curve_resolves_small_doses_and_holds_the_fit() -> None:
    values = world(np.random.default_rng(5))
    found, made = curve.fit(cube(values), sweep()), run_line(values)
    doses = [dose for dose, *_ in found.curve]
    assert len(doses) == 61
    for low, high in pairwise(DOSES):
        between = [dose for dose in doses if low <= dose < high]
        assert np.diff([*between, high]) == pytest.approx((high - low) / 15)
    for dose, value, low, high in found.curve:
        assert value == pytest.approx(expit(made.coefs @ [1, dose]))
        assert low is not None and high is not None and 0 < low < value < high < 1


def test_everything_repeats() -> None:
    values = world(np.random.default_rng(6))
    assert curve.fit(cube(values), sweep(), None, 0.05) == curve.fit(cube(values), sweep(), None, 0.05)


# How sure


def test_logit_intervals_are_those_of_the_two_way_variance_where_much_is_known() -> None:
    values = world(np.random.default_rng(7), seeds=6, items=5000, noise=0.05)
    made = run_line(values)
    design = np.stack([np.ones(30), np.repeat(DOSES, 6)], axis=1)
    weights = np.full(30, 5000.0)
    pull = (regression.covariance(design, made.coefs, weights, share=True) @ (design.T * weights))[1].reshape(5, 6)
    runs = np.sum(pull * (values.mean(axis=1) - expit(design @ made.coefs).reshape(5, 6)), axis=0) * 6
    over_seeds = stats.t.ppf(0.975, 5) * np.std(runs, ddof=1) / np.sqrt(6)
    low, high = made.interval(made.slope()) or (0, 0)
    assert (high - low) / 2 == pytest.approx(over_seeds, rel=0.25)
    assert low < 4.0 < high
    assert made.interval(made.slope(), 0.5)[1] < high  # type: ignore[index]


def test_item_noise_is_in_the_interval_though_the_runs_agree() -> None:
    # Every seed gives the same outcomes: runs do not vary at all, items do.
    values = np.repeat(world(np.random.default_rng(8), seeds=1, items=60, noise=0.0), 3, axis=2)
    few = curve.fit(cube(values), sweep())
    many = curve.fit(
        cube(np.repeat(world(np.random.default_rng(8), seeds=1, items=6000, noise=0.0), 3, axis=2)), sweep()
    )
    assert few.slope_high - few.slope_low > 5 * (many.slope_high - many.slope_low) > 0  # type: ignore[operator]


def test_zero_in_all_but_the_highest_dose_does_not_blow_up() -> None:
    found = curve.fit(cube(at_bounds(0, 0, 0, 0, 0.6)), sweep(), None, 0.05)
    assert found.slope is not None
    assert 5 < found.slope < 20
    assert found.slope_low > 3  # type: ignore[operator]
    for dose, _, low, high in found.curve:
        assert low is not None and high is not None
        assert high < 0.02 or dose > 0.33
        assert low > 0.4 or dose < 1
    assert "nearly every item" in (found.note or "")
    assert found.tolerated_tested == 0.33
    assert 0.33 < found.tolerated_curve < 1  # type: ignore[operator]


def test_nothing_against_everything() -> None:
    found = curve.fit(cube(at_bounds(0, 0, 0, 0, 1)), sweep(), None, 0.05)
    assert found.ed50 is not None
    assert 0.33 < (found.ed50_low or 0) < found.ed50 < (found.ed50_high or 0) < 1
    assert all(np.isfinite(one) for point in found.curve for one in point)  # type: ignore[arg-type]


def test_ed50_is_where_the_band_holds_a_half() -> None:
    values = world(np.random.default_rng(9))
    found, made = curve.fit(cube(values), sweep()), run_line(values)
    assert found.ed50 == pytest.approx(-made.coefs[0] / made.coefs[1])
    _, high = made.interval(made.height(found.ed50_low or 0)) or (1, 1)
    low, _ = made.interval(made.height(found.ed50_high or 0)) or (1, 1)
    assert (low, high) == pytest.approx((0, 0), abs=1e-3)


def test_ed50_only_inside_the_range_and_of_a_sure_slope() -> None:
    draw = np.random.default_rng(10)
    assert curve.fit(cube(world(draw, rise=1.0)), sweep()).ed50 is None
    unsure = curve.fit(cube(world(draw, level=0.0, rise=0.0, noise=0.3)), sweep())
    assert unsure.slope_low < 0 < unsure.slope_high  # type: ignore[operator]
    assert unsure.ed50 is None
    edge = curve.fit(cube(world(draw, level=-2, rise=2.05)), sweep())
    assert edge.ed50 is not None
    assert edge.ed50_high is None  # beyond the highest tested dose
    assert edge.ed50_low is not None


@pytest.mark.parametrize(("seeds", "word"), [(1, "one seed"), (2, "two seeds")])
def test_few_seeds_give_a_curve_and_no_doubt(seeds: int, word: str) -> None:
    found = curve.fit(cube(world(np.random.default_rng(11), seeds=seeds)), sweep(), None, 0.05)
    assert found.slope == pytest.approx(4.0, abs=1)
    assert found.ed50 is not None
    nothing = (found.slope_low, found.ed50_low, found.ed50_high, found.tolerated_tested, found.tolerated_curve)
    assert nothing == (None,) * 5
    assert all(low is None and high is None for _, _, low, high in found.curve)
    assert word in (found.note or "")


def test_bent_means_are_called_so_and_straight_ones_not() -> None:
    draw = np.random.default_rng(12)
    shares = np.array([0.005, 0.03, 0.06, 0.43, 0.98])[:, None, None]
    bent = curve.fit(cube((draw.random((5, 300, 5)) < shares).astype(float)), sweep())
    assert "do not follow the curve" in (bent.note or "")
    notes = [curve.fit(cube(world(draw, items=60, seeds=5)), sweep()).note for _ in range(6)]
    assert sum("do not follow" in (note or "") for note in notes) <= 1


# The tolerated dose


def test_tested_doses_stop_at_the_first_that_fails() -> None:
    doses = {"a1": 0.01, "a2": 0.1, "a3": 0.33, "a4": 1.0}
    # 0.33 fails; that 1 would pass again does not count.
    values = cube(at_bounds(0.10, 0.10, 0.11, 0.40, 0.10, items=1000))
    assert tolerated.tested(values, doses, "a0", 0.05) == 0.1
    assert tolerated.tested(values, doses, "a0", 0.005) == 0.01
    assert tolerated.tested(cube(at_bounds(0.1, 0.4, 0.1, 0.1, 0.1, items=1000)), doses, "a0", 0.05) is None
    assert tolerated.tested(values, doses, "a0", 0.5) == 1.0


def test_a_dose_of_two_arms_passes_with_both_and_a_missing_one_fails() -> None:
    values = at_bounds(0.10, 0.10, 0.10, 0.40, 0.10, items=1000)
    assert tolerated.tested(cube(values), {"a1": 0.01, "a2": 0.1, "a3": 0.1, "a4": 1.0}, "a0", 0.05) == 0.01
    assert tolerated.tested(cube(values[:3]), {"a1": 0.01, "a2": 0.1, "gone": 0.2}, "a0", 0.05) == 0.1
    values[2] = np.nan
    assert tolerated.tested(cube(values), {"a1": 0.01, "a2": 0.1, "a4": 1.0}, "a0", 0.05) == 0.01


def test_equal_means_of_few_items_tolerate_nothing() -> None:
    assert curve.fit(cube(at_bounds(0, 0, 0, 0, 0, items=10)), sweep(), None, 0.02).tolerated_tested is None
    assert curve.fit(cube(at_bounds(0, 0, 0, 0, 0, items=1000)), sweep(), None, 0.02).tolerated_tested == 1.0


def test_curve_stays_within_the_margin_up_to_its_bound_and_no_further() -> None:
    made = run_line(world(np.random.default_rng(13)))
    places = np.linspace(0, 1, 41).tolist()
    bound = tolerated.by_curve(made, 0.0, 0.1, places)
    assert bound is not None
    for dose, inside in [(0.98 * bound, True), (1.02 * bound, False)]:
        low, high = made.interval(made.change(dose, 0.0), 0.90) or (-1, 1)
        assert (low > -0.1 and high < 0.1) is inside
    assert tolerated.by_curve(made, 0.0, 2.0, places) == 1.0


def test_curve_tolerates_no_dose_past_a_mean_beyond_the_margin() -> None:
    # The line is pulled flat by the highest dose: alone it would tolerate more than 0.1.
    values = at_bounds(0.30, 0.30, 0.45, 0.30, 0.32, items=2000)
    found = curve.fit(cube(values), sweep(), None, 0.1)
    assert found.tolerated_curve is not None
    assert found.tolerated_curve <= 0.1


def test_baseline_off_the_curve_or_above_its_doses() -> None:
    values = cube(world(np.random.default_rng(14), items=2000, rise=0.3, noise=0.0))
    apart = Sweep(
        "p", {"a1": 0.01, "a2": 0.1, "a3": 0.33}, "a0", "the baseline has no dose and is not part of the trend"
    )
    found = curve.fit(values, apart, None, 0.1)
    assert found.tolerated_tested == 0.33
    assert found.tolerated_curve is None
    assert "has no dose" in (found.note or "")
    assert "not on the curve" in (found.note or "")
    above = curve.fit(values, Sweep("p", sweep().doses, "a2"), None, 0.1)
    assert (above.tolerated_tested, above.tolerated_curve) == (None, None)
    assert "below the baseline's" in (above.note or "")


# What bad input gets


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 7.5])
def test_equal_values_give_a_flat_curve_without_a_band(value: float) -> None:
    found = curve.fit(cube(np.full((5, 20, 3), value)), sweep(), None, 0.05)
    assert (found.slope, found.slope_low, found.ed50, found.tolerated_curve) == (0.0, None, None, None)
    assert [mean for _, mean, _, _ in found.curve] == pytest.approx([value] * 61)
    assert {band for point in found.curve for band in point[2:]} == {None}
    assert "same mean" in (found.note or "")


def test_missing_runs_and_items_leave_the_pairs_that_all_arms_have() -> None:
    values = world(np.random.default_rng(15), seeds=4)
    values[2, :, 3] = np.nan
    values[1, :50, 0] = np.nan
    found = curve.fit(cube(values), sweep(), None, 0.05)
    assert (found.n_runs, found.n_seeds) == (15, 3)
    assert "1 of 4 seeds left out" in (found.note or "")
    assert found.slope_low is not None
    complete = ~np.isnan(values).any(axis=0)
    assert [point.mean for point in found.points] == pytest.approx([arm[complete].mean() for arm in values])


def test_an_arm_without_results_is_left_out_and_named() -> None:
    values = world(np.random.default_rng(16))
    values[3] = np.nan
    found = curve.fit(cube(values), sweep(), None, 0.05)
    assert [point.arm for point in found.points] == ["a0", "a1", "a2", "a4"]
    assert "nothing was scored for a3" in (found.note or "")
    also = curve.fit(cube(values[:2]), sweep())
    assert "nothing was scored for a2 and a3 and a4" in (also.note or "")
    assert also.slope is not None


def test_nothing_in_common_gives_a_note() -> None:
    values = np.full((2, 4, 3), np.nan)
    values[0, :2], values[1, 2:] = 0.5, 0.7
    nowhere = curve.fit(cube(values, DOSES[:2]), sweep(DOSES[:2]), None, 0.05)
    assert (nowhere.points, nowhere.curve, nowhere.slope) == ((), (), None)
    assert "no item was scored" in (nowhere.note or "")
    assert curve.fit(cube(np.full((2, 4, 3), np.nan), DOSES[:2]), sweep(DOSES[:2])).points == ()


def test_one_dose_only_gives_points() -> None:
    found = curve.fit(cube(world(np.random.default_rng(17), doses=(0.5, 0.5)), (0.5, 0.5)), sweep((0.5, 0.5)))
    assert len(found.points) == 2
    assert found.curve == ()
    assert "two doses that differ" in (found.note or "")


def test_two_doses_give_the_line_through_their_means() -> None:
    doses = (0.0, 1.0)
    values = world(np.random.default_rng(18), doses=doses, items=5000)
    found = curve.fit(cube(values, doses), sweep(doses), None, 0.05)
    assert [found.curve[0][1], found.curve[-1][1]] == pytest.approx([p.mean for p in found.points], abs=1e-3)
    assert "do not follow" not in (found.note or "")


def test_means_that_rise_and_fall_back_have_no_half() -> None:
    doses = (0.0, 0.5, 1.0)
    found = curve.fit(cube(at_bounds(0.2, 0.8, 0.2), doses), sweep(doses), None, 0.05)
    assert found.slope == pytest.approx(0.0, abs=1e-6)
    assert found.ed50 is None


@settings(max_examples=25, deadline=None)
@given(
    shares=st.lists(st.sampled_from([0.0, 0.005, 0.2, 0.5, 0.995, 1.0]), min_size=3, max_size=5),
    seeds=st.integers(1, 4), items=st.sampled_from([1, 2, 200]), unit=st.sampled_from([1e-6, 1.0, 1e4]),
)  # fmt: skip
def test_any_shares_give_finite_numbers_in_order(shares: list[float], seeds: int, items: int, unit: float) -> None:
    doses = tuple(unit * dose for dose in DOSES[: len(shares)])
    found = curve.fit(cube(at_bounds(*shares, items=items, seeds=seeds), doses), sweep(doses), None, 0.05)
    for dose, value, low, high in found.curve:
        assert doses[0] <= dose <= doses[-1]
        assert 0 <= value <= 1
        assert low is None or (0 <= low <= value <= high <= 1)  # type: ignore[operator]
    if found.slope_low is not None:
        assert -np.inf < found.slope_low <= found.slope <= found.slope_high < np.inf  # type: ignore[operator]
    assert found.tolerated_curve is None or doses[0] <= found.tolerated_curve <= doses[-1]


# Coverage: the documentation has the large tables (scripts/simulate_doses.py)


def test_slope_is_covered_and_the_tolerated_dose_is_not_too_high() -> None:
    draw, held, low_enough = np.random.default_rng(19), [], []
    leaves = (2 + np.log((expit(-2) + 0.1) / (0.9 - expit(-2)))) / 4
    for _ in range(100):
        made = line(Runs(cube_arms(), world(draw), np.tile(np.array(DOSES)[:, None], 3), share=True, binary=True))
        low, high = made.interval(made.slope()) or (np.inf, -np.inf)
        held.append(low <= 4.0 <= high)
        # The bound is above the true dose exactly where the change there passes equivalence.
        low, high = made.interval(made.change(leaves, 0.0), 0.90) or (-np.inf, np.inf)
        low_enough.append(not (low > -0.1 and high < 0.1))
    assert np.mean(held) >= 0.90
    assert np.mean(low_enough) >= 0.90


def cube_arms() -> tuple[table.Arm, ...]:
    return tuple(table.Arm(f"a{place}", dose, True) for place, dose in enumerate(DOSES))


def test_runs_count_items_and_know_when_they_are_flat() -> None:
    values = at_bounds(0.1, 0.2, items=10)
    values[:, 0, 1] = np.nan
    made = runs_of(cube(values, (0.0, 1.0)), {"a0": 0.0, "a1": 1.0}, {})
    assert isinstance(made, Runs)
    assert made.weights.tolist() == [[10, 9, 10]] * 2
    assert not made.flat
    assert made.share
    assert made.extreme.tolist() == [1.0, 1.0]
