"""What a design can find: against statsmodels, against simulated tests, and at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from leaven.stats import inference
from leaven.stats.doses import dose
from leaven.stats.effects import Contrast
from leaven.stats.planning import design, rise
from leaven.stats.planning.design import Design, of_ratio
from leaven.stats.planning.power import Power, pilot, power
from leaven.stats.planning.power_words import sentences
from leaven.stats.table import Arm

ARMS = (Arm("arm", None, True), Arm("base", None, True))


def contrast(matrix: np.ndarray, n_seeds: int | None = None) -> Contrast:
    """Return a contrast with these differences."""
    values = np.stack([matrix, np.zeros_like(matrix)])
    seeds = matrix.shape[1] if n_seeds is None else n_seeds
    return Contrast(ARMS, np.array([1.0, -1.0]), values, matrix, len(matrix), seeds, 0, 0, None)


def table(truth: Design, draw: np.random.Generator) -> np.ndarray:
    """Draw differences of a design without an effect."""
    shape = (truth.n_items, truth.n_seeds)
    item = draw.normal(size=(shape[0], 1)) * truth.lasting**0.5 * truth.item_sd
    rest = draw.normal(size=shape) * (1 - truth.lasting) ** 0.5 * truth.item_sd
    return item + rest + truth.seed_sd * draw.normal(size=(1, shape[1]))


@pytest.mark.parametrize("n_items", [2, 3, 10, 30, 200])
@pytest.mark.parametrize("effect", [0.1, 0.3, 1.0])
def test_items_alone_are_the_paired_t_test(n_items: int, effect: float) -> None:
    textbook = TTestPower().power(effect_size=effect, nobs=n_items, alpha=0.05)
    assert design.power_at(effect, Design(n_items, 0)) == pytest.approx(textbook, abs=5e-4)


def test_one_item_is_the_t_test_over_seeds() -> None:
    truth = Design(1, 6, item_sd=0.0, seed_sd=2.0)
    textbook = TTestPower().power(effect_size=1.5, nobs=6, alpha=0.05)
    assert design.power_at(3.0, truth) == pytest.approx(textbook, abs=5e-4)


def test_the_smallest_effect_of_the_textbook() -> None:
    # Cohen (1988): a paired t test of 34 pairs finds d = 0.5 with a power of 80 %.
    assert design.detectable(1.0, 0.0, 34, 0) == pytest.approx(0.4952, abs=2e-3)
    assert design.detectable(3.0, 0.0, 34, 0, power=0.9) == pytest.approx(
        3 * TTestPower().solve_power(nobs=34, alpha=0.05, power=0.9), rel=1e-3
    )


@pytest.mark.parametrize("lasting", [0.0, 0.4])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_simulated_tests_agree(ratio: float, lasting: float) -> None:
    truth, draw = of_ratio(0.7, ratio, 60, 3, lasting), np.random.default_rng(4)
    effect = design.detectable(0.7, ratio, 60, 3, lasting=lasting)
    margin = design.smallest_margin(0.7, ratio, 60, 3, lasting=lasting)
    assert effect is not None and margin is not None
    found = [inference.estimate(contrast(table(truth, draw))) for _ in range(800)]
    rejected = np.mean([replace(one, effect=one.effect + effect).p <= 0.05 for one in found])
    shown = np.mean([one.within(margin) for one in found])
    assert rejected == pytest.approx(0.8, abs=0.05)
    assert shown == pytest.approx(0.8, abs=0.05)


def test_no_effect_is_found_as_often_as_the_level_says() -> None:
    assert design.power_at(0.0, Design(50, 0)) == pytest.approx(0.05, abs=1e-4)
    # Fewer false positives than 5 % without run noise, more with much of it (docs/statistics.md).
    assert 0.005 < design.power_at(0.0, Design(200, 3)) < 0.05
    assert 0.03 < design.power_at(0.0, Design(200, 3, lasting=0.8, seed_sd=0.1)) < 0.09


def test_variance_and_freedom_are_those_of_the_test() -> None:
    draw = np.random.default_rng(0)
    free = (9, 2, 18)
    parts = draw.exponential(size=(50, 3))
    variance, df = design.largest(parts, free)
    for at, part in enumerate(parts.tolist()):
        assert (variance[at], df[at]) == pytest.approx(inference.Components(*part, *free).variance())


designs = st.builds(
    of_ratio, st.just(1.0), st.floats(0, 3), st.integers(2, 500), st.sampled_from([3, 4, 8]), st.floats(0, 1)
)


@settings(deadline=None, max_examples=30)
@given(designs, st.floats(0.01, 3), st.floats(1.05, 3))
def test_larger_effects_are_found_more_often(truth: Design, effect: float, factor: float) -> None:
    small, large = design.power_at(effect, truth), design.power_at(factor * effect, truth)
    assert 0 <= small <= large + 1e-9 <= 1 + 1e-6
    assert design.power_at(-effect, truth) == pytest.approx(small)
    assert design.equivalence_at(effect, truth) <= design.equivalence_at(factor * effect, truth) + 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(10, 400), st.sampled_from([3, 5, 10]), st.floats(0, 2), st.floats(0.1, 10))
def test_more_items_seeds_and_a_smaller_spread_find_less(n_items: int, n_seeds: int, ratio: float, sd: float) -> None:
    found = design.detectable(1.0, ratio, n_items, n_seeds)
    assert design.detectable(1.0, ratio, 2 * n_items, n_seeds) < found
    assert design.detectable(1.0, ratio, n_items, n_seeds + 2) < found
    assert design.detectable(1.0, ratio + 0.5, n_items, n_seeds) > found
    assert design.detectable(sd, ratio, n_items, n_seeds) == pytest.approx(sd * found)


@pytest.mark.parametrize(("n_seeds", "seed_sd"), [(0, 0.0), (3, 0.0), (5, 0.01)])
def test_the_items_needed_are_just_enough(n_seeds: int, seed_sd: float) -> None:
    truth = Design(100, n_seeds, 0.7, 0.1, seed_sd)
    items = design.items_needed(0.05, truth)
    assert items is not None
    assert design.equivalence_at(0.05, replace(truth, n_items=items)) >= 0.8
    assert design.equivalence_at(0.05, replace(truth, n_items=items - 1)) < 0.8


def test_the_seeds_needed_are_just_enough_or_none_is() -> None:
    truth = Design(400, 3, 0.7, 0.1, 0.03)
    seeds = design.seeds_needed(0.05, truth)
    assert seeds is not None and seeds > 3
    assert design.equivalence_at(0.05, replace(truth, n_seeds=seeds)) >= 0.8
    assert design.equivalence_at(0.05, replace(truth, n_seeds=seeds - 1)) < 0.8
    assert design.seeds_needed(0.05, Design(40, 3, 0.7, 0.9)) is None  # what the items keep does not average out
    assert design.seeds_needed(0.05, Design(40, 0, 0.7)) is None
    assert design.items_needed(0.05, replace(truth, seed_sd=0.1)) is None


def test_a_rise_is_found_as_often_as_planned() -> None:
    doses, truth = [0.0, 0.1, 1.0], of_ratio(0.7, 1.0, 100, 3, 0.2)
    size, draw = rise.detectable_rise(truth, doses), np.random.default_rng(8)
    assert size is not None
    run = (truth.seed_sd**2 + 0.8 * 0.7**2 / 100) / 2
    lasting = 0.2 * 0.7**2 / 100 / 2
    hits = 0
    for _ in range(500):
        means = draw.normal(size=(3, 3)) * run**0.5 + draw.normal(size=(3, 1)) * lasting**0.5
        hits += dose.trend(means + size * np.array([[0.0], [0.5], [1.0]]), doses).p <= 0.05
    assert hits / 500 == pytest.approx(0.8, abs=0.06)


def test_a_trend_that_cannot_be_tested_finds_nothing() -> None:
    assert rise.detectable_rise(Design(100, 2), [0, 0.5, 1]) is None  # the smallest p is 0.056
    assert rise.detectable_rise(Design(100, 1), [0, 0.1, 0.2, 0.5, 1]) is None
    assert rise.detectable_rise(Design(100, 3), [1.0, 1.0]) is None
    assert rise.detectable_rise(Design(100, 3), [0, 0.5, 1], alpha=0.009) is None
    assert rise.detectable_rise(Design(100, 3), [0, 0.5, 1]) > 0
    assert rise.detectable_rise(Design(100, 3, item_sd=0.0), [0, 0.5, 1]) == 0


def test_the_pilot_finds_the_true_spread() -> None:
    truth = Design(4_000, 40, 0.5, 0.3, 0.2)
    found = pilot(contrast(table(truth, np.random.default_rng(1))))
    assert found is not None
    assert (found.item_sd, found.lasting) == pytest.approx((0.5, 0.3), abs=0.02)
    assert found.seed_sd == pytest.approx(0.2, rel=0.25)
    assert (found.n_items, found.n_seeds) == (4_000, 40)


def test_a_pilot_of_one_run_tells_the_items_only() -> None:
    draw = np.random.default_rng(2)
    found = pilot(contrast(draw.normal(size=(3_000, 1)), n_seeds=1))
    assert found is not None
    assert found.item_sd == pytest.approx(1.0, abs=0.05)
    assert found.seed_sd is None
    planned = power("s", "m", n_items=100, n_seeds=3, unit="words", pilot=found)
    assert [at.seed_sd for at in planned.at] == [0.0, 0.5, 1.0]


def test_a_pilot_without_any_spread_tells_nothing() -> None:
    assert pilot(contrast(np.zeros((20, 3)))) is None
    assert pilot(contrast(np.ones((1, 3)))) is None
    assert pilot(contrast(np.zeros((0, 0)))) is None


def test_a_pilot_keeps_its_seed_sd_when_items_are_added() -> None:
    found = pilot(contrast(table(Design(100, 10, 0.5, 0.0, 0.1), np.random.default_rng(3))))
    assert found is not None and found.seed_sd is not None
    planned = power("s", "m", n_items=400, n_seeds=3, pilot=found)
    assert len(planned.at) == 1
    assert planned.at[0].seed_sd == pytest.approx(found.seed_sd / (found.item_sd / 20))


def test_a_share_without_a_pilot_assumes_two_independent_answers() -> None:
    planned = power("s", "m", n_items=200, n_seeds=3)
    assert planned.item_sd == pytest.approx(np.sqrt(2 * 0.5 * 0.5))
    assert (planned.unit, planned.smallest_p, planned.note) == ("share", None, None)
    assert [at.seed_sd for at in planned.at] == [0.0, 0.5, 1.0]
    assert planned.at[0].effect == pytest.approx(design.detectable(0.5**0.5, 0.0, 200, 3))


def test_an_unknown_spread_is_given_in_item_sds_and_holds_no_margin() -> None:
    planned = power("s", "words", n_items=200, n_seeds=3, unit="words", margin=3.0)
    assert (planned.unit, planned.item_sd) == ("item SDs", 1.0)
    assert all(at.items_needed is None and at.seeds_needed is None for at in planned.at)
    assert "pilot" in str(planned.note)
    assert not any("No change" in line for line in sentences(planned))


def test_primary_tests_share_their_level() -> None:
    one = power("s", "m", n_items=200, n_seeds=3)
    three = power("s", "m", n_items=200, n_seeds=3, n_primary=3)
    assert three.at[0].effect == power("s", "m", n_items=200, n_seeds=3, alpha=0.05 / 3).at[0].effect
    assert three.at[0].effect > one.at[0].effect
    assert "Holm" in str(three.note)
    # With a sweep the trend is primary; a difference is not.
    swept = power("s", "m", n_items=200, n_seeds=3, doses=(0, 0.1, 0.3, 1), n_primary=3)
    assert swept.at[0].effect == one.at[0].effect
    assert swept.at[0].rise > power("s", "m", n_items=200, n_seeds=3, doses=(0, 0.1, 0.3, 1)).at[0].rise


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_too_few_seeds_find_no_difference(n_seeds: int) -> None:
    planned = power("s", "m", n_items=200, n_seeds=n_seeds, margin=0.1)
    assert all(at.effect is None and at.equivalence is None and at.items_needed is None for at in planned.at)
    assert all(at.seeds_needed is not None and at.seeds_needed >= 3 for at in planned.at)
    assert "three seeds" in str(planned.note)


def test_two_seeds_can_still_test_a_trend() -> None:
    planned = power("s", "m", n_items=200, n_seeds=2, doses=(0, 0.1, 0.3, 1))
    assert planned.smallest_p == dose.smallest_p((0, 0.1, 0.3, 1), 2)
    assert planned.at[0].rise is not None
    short = power("s", "m", n_items=200, n_seeds=2, doses=(0, 0.1, 1))
    assert short.at[0].rise is None
    assert "cannot give the trend a p-value below 0.056" in str(short.note)


@pytest.mark.parametrize("n_seeds", [0, 1, 3])
def test_no_items_find_nothing(n_seeds: int) -> None:
    planned = power("s", "m", n_items=0, n_seeds=n_seeds, doses=(0, 0.5, 1), margin=0.1)
    assert all(at.effect is None and at.equivalence is None and at.rise is None for at in planned.at)
    assert all(at.items_needed is None and at.seeds_needed is None for at in planned.at)
    assert "without items" in str(planned.note)
    assert sentences(planned)


def test_a_share_cannot_change_by_more_than_all() -> None:
    assert power("s", "m", n_items=2, n_seeds=3).at[0].effect is None


def test_untrained_arms_are_planned_over_items() -> None:
    planned = power("s", "m", n_items=200, n_seeds=0, margin=0.1)
    assert len(planned.at) == 1
    assert planned.at[0].effect == pytest.approx(
        0.5**0.5 * TTestPower().solve_power(nobs=200, alpha=0.05, power=0.8), rel=1e-3
    )
    assert planned.at[0].items_needed is not None and planned.at[0].seeds_needed is None
    assert "without training" in sentences(planned)[0]


def test_sentences_say_the_numbers() -> None:
    planned = power("eli5", "toxicity", n_items=200, n_seeds=3, doses=(0, 0.1, 0.33, 1), margin=0.05)
    said = " ".join(sentences(planned))
    assert said.startswith("eli5/toxicity: 200 items and 3 seeds find a difference of")
    for number in [100 * planned.at[1].effect, 100 * planned.at[1].rise]:
        assert f"{number:.3g}" in said
    assert f"{planned.at[0].items_needed:,}" in said
    assert "'No change within 5 points' needs" in said
    assert f"Smallest p of the trend: {planned.smallest_p:.2g}." in said


def test_sentences_say_that_a_margin_can_or_cannot_be_shown() -> None:
    def margin_of(planned: Power) -> str:
        return next(line for line in sentences(planned) if "No change" in line)

    assert "can be shown with this design" in margin_of(power("s", "m", n_items=50_000, n_seeds=5, margin=0.05))
    assert "–: no number is enough" in margin_of(power("s", "m", n_items=200, n_seeds=3, margin=0.01))
