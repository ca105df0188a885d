"""Grids of two doses: weights against least squares, the surface against planted means."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from leaven.stats import effects, inference, table
from leaven.stats.doses import surface
from leaven.stats.table import Cube

NAMES = ("poison", "lr")
GRID = {f"{a:g}x{b:g}": (a, b) for a, b in itertools.product((0.0, 0.1, 1.0), (1.0, 3.0, 10.0))}
HOLES = {arm: pair for arm, pair in GRID.items() if pair not in {(0.1, 3.0), (1.0, 10.0), (0.0, 10.0)}}


def cube(values: np.ndarray, arms: list[str]) -> Cube:
    arm, item, seed = np.indices(values.shape).reshape(3, -1)
    rows = pd.DataFrame({
        "arm": np.array(arms)[arm], "dose": None, "seed": seed, "suite": "suite", "metric": "rate", "group": None,
        "item_id": item.astype(str), "sample": 0, "value": values.ravel(),
    })  # fmt: skip
    return next(table.cubes(rows))


def planted(grid: surface.Doses, coefs: tuple[float, ...]) -> np.ndarray:
    pairs = np.array(list(grid.values()))
    return coefs[0] + pairs @ np.array(coefs[1:3]) + coefs[3] * pairs.prod(axis=1)


def applied(weights: dict[str, float], grid: surface.Doses, means: np.ndarray) -> float:
    return float(sum(weights[arm] * mean for arm, mean in zip(grid, means, strict=True)))


@pytest.mark.parametrize("grid", [GRID, HOLES])
def test_weights_are_those_of_least_squares(grid: surface.Doses) -> None:
    import statsmodels.api as sm

    pairs, means = np.array(list(grid.values())), np.random.default_rng(0).normal(size=len(grid))
    crossed = sm.OLS(means, np.column_stack([np.ones(len(grid)), pairs, pairs.prod(axis=1)])).fit().params
    alone = sm.OLS(means, np.column_stack([np.ones(len(grid)), pairs])).fit().params
    assert applied(surface.interaction(grid), grid, means) == pytest.approx(crossed[3])
    assert applied(surface.main(grid, 0), grid, means) == pytest.approx(alone[1])
    assert applied(surface.main(grid, 1), grid, means) == pytest.approx(alone[2])


@pytest.mark.parametrize("grid", [GRID, HOLES])
def test_interaction_is_blind_to_main_effects(grid: surface.Doses) -> None:
    weights = surface.interaction(grid)
    assert applied(weights, grid, planted(grid, (3.0, 5.0, -2.0, 0.0))) == pytest.approx(0, abs=1e-10)
    assert applied(weights, grid, planted(grid, (3.0, 5.0, -2.0, 0.7))) == pytest.approx(0.7)
    assert applied(surface.main(grid, 0), grid, planted(grid, (3.0, 5.0, -2.0, 0.0))) == pytest.approx(5.0)
    assert applied(surface.main(grid, 1), grid, planted(grid, (3.0, 5.0, -2.0, 0.0))) == pytest.approx(-2.0)


def test_two_by_two_is_the_difference_of_differences() -> None:
    weights = surface.interaction({"n": (0, 0), "a": (2, 0), "b": (0, 5), "ab": (2, 5)})
    assert weights == pytest.approx({"n": 0.1, "a": -0.1, "b": -0.1, "ab": 0.1})


def test_the_order_of_arms_and_the_unit_of_a_dose_do_not_matter() -> None:
    backwards = dict(reversed(GRID.items()))
    assert surface.interaction(backwards) == pytest.approx(surface.interaction(GRID))
    tiny = surface.interaction({arm: (1e-7 * a, b) for arm, (a, b) in GRID.items()})
    assert tiny == pytest.approx({arm: 1e7 * weight for arm, weight in surface.interaction(GRID).items()})


def test_what_is_not_crossed_is_known() -> None:
    two_sweeps = {"base": (0, 0), "a1": (0.1, 0), "a2": (1, 0), "b1": (0, 0.1), "b2": (0, 1)}
    assert surface.crosses(GRID)
    assert surface.crosses(HOLES)
    assert not surface.crosses(two_sweeps)
    assert not surface.crosses({f"a{x}": (x, 2 * x) for x in range(9)})
    assert not surface.crosses({})
    with pytest.raises(AssertionError):
        surface.interaction(two_sweeps)
    assert sum(surface.main(two_sweeps, 0).values()) == pytest.approx(0)


def test_interaction_has_an_interval_that_holds_it() -> None:
    draw, means = np.random.default_rng(1), planted(GRID, (0.0, 1.0, 0.1, 0.3))
    runs = 0.1 * draw.normal(size=(9, 1, 5))
    values = means[:, None, None] + runs + draw.normal(size=(1, 300, 1)) + draw.normal(size=(9, 300, 5))
    known = inference.estimate(effects.contrast(cube(values, list(GRID)), surface.interaction(GRID)))
    low, high = known.interval() or (0, 0)
    assert low < 0.3 < high
    assert low > 0.2


def test_interaction_holds_its_level() -> None:
    draw, weights = np.random.default_rng(2), surface.interaction(HOLES)
    order = np.argsort(list(HOLES))
    p, empty = [], cube(np.zeros((6, 30, 3)), sorted(HOLES))
    for _ in range(300):
        values = draw.normal(size=(1, 30, 1)) + 0.3 * draw.normal(size=(6, 1, 3)) + draw.normal(size=(6, 30, 3))
        values += planted(HOLES, (0.0, 2.0, 0.5, 0.0))[:, None, None]
        p.append(inference.estimate(effects.contrast(replace(empty, values=values[order]), weights)).p)
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.11


def test_planted_surface_comes_back_on_the_logit() -> None:
    draw, logits = np.random.default_rng(3), planted(GRID, (-2.0, 2.0, 0.1, 0.1))
    values = (draw.random((9, 4000, 3)) < expit(logits)[:, None, None]).astype(float)
    found = surface.surface(cube(values, list(GRID)), NAMES, GRID, name="grid")
    assert found.doses == ([0.0, 0.1, 1.0], [1.0, 3.0, 10.0])
    assert found.means[1][2] == pytest.approx(values[5].mean())
    assert logit(np.array(found.fitted, dtype=float)).ravel() == pytest.approx(logits, abs=0.1)
    assert (found.name, found.names, found.note) == ("grid", NAMES, None)


def test_surface_of_an_unbounded_outcome_is_the_plane_itself() -> None:
    means = planted(GRID, (5.0, -3.0, 2.0, 0.5))
    found = surface.surface(cube(np.tile(means[:, None, None], (1, 4, 3)), list(GRID)), NAMES, GRID, name="grid")
    assert np.array(found.fitted, dtype=float).ravel() == pytest.approx(means)


def test_holes_stay_empty() -> None:
    means = planted(HOLES, (5.0, -3.0, 2.0, 0.5))
    found = surface.surface(cube(np.tile(means[:, None, None], (1, 4, 3)), list(HOLES)), NAMES, HOLES, name="grid")
    for side in (found.means, found.fitted):
        assert (side[1][1], side[2][2], side[0][2]) == (None, None, None)
        assert sum(one is not None for line in side for one in line) == 6


def test_arms_at_one_place_are_averaged() -> None:
    grid = {"n": (0.0, 0.0), "m": (0.0, 0.0), "a": (1.0, 0.0), "b": (0.0, 1.0), "ab": (1.0, 1.0)}
    values = np.tile(np.array([1.0, 3.0, 5.0, 7.0, 9.0])[:, None, None], (1, 4, 3))
    found = surface.surface(cube(values, list(grid)), NAMES, grid, name="grid")
    assert found.means == ((2.0, 7.0), (5.0, 9.0))
    assert np.array(found.fitted) == pytest.approx(np.array([[2.0, 7.0], [5.0, 9.0]]))


@pytest.mark.parametrize("value", [0.0, 1.0, 4.0])
def test_equal_values_give_a_flat_surface(value: float) -> None:
    found = surface.surface(cube(np.full((9, 5, 3), value), list(GRID)), NAMES, GRID, name="grid")
    assert np.array(found.fitted) == pytest.approx(np.full((3, 3), value))


def test_separated_outcomes_stay_finite() -> None:
    values = np.zeros((9, 50, 3))
    values[8] = 1.0
    found = surface.surface(cube(values, list(GRID)), NAMES, GRID, name="grid")
    assert np.all(np.isfinite(np.array(found.fitted, dtype=float)))
    assert found.fitted[2][2] > 0.9  # type: ignore[operator]


def test_missing_arms_and_pairs() -> None:
    values = np.random.default_rng(4).normal(size=(9, 5, 3))
    values[4] = np.nan
    values[0, 0, 0] = np.nan
    found = surface.surface(cube(values, list(GRID)), NAMES, GRID, name="grid")
    assert found.means[1][1] is None
    assert found.note == "nothing was scored for 0.1x3"
    complete = ~np.isnan(np.delete(values, 4, axis=0)).any(axis=0)
    assert found.means[2][0] == pytest.approx(values[6][complete].mean())
    sweeps = {arm: pair for arm, pair in GRID.items() if 0.0 in pair or 1.0 in pair[1:]}
    flat = surface.surface(cube(values, list(GRID)), NAMES, sweeps, name="grid")
    assert flat.means[0][1] is not None
    assert flat.fitted[0][1] is None
    assert "not crossed" in (flat.note or "")


def test_nothing_scored_gives_a_note() -> None:
    found = surface.surface(cube(np.full((9, 5, 3), np.nan), list(GRID)), NAMES, GRID, name="grid")
    assert {one for line in (*found.means, *found.fitted) for one in line} == {None}
    assert "no item was scored" in (found.note or "")
    gone = surface.surface(cube(np.zeros((1, 5, 3)), ["other"]), NAMES, GRID, name="grid")
    assert "nothing was scored for" in (gone.note or "")
