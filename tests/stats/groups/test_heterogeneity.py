"""Groups: found where they differ, at a nominal rate where they do not, and silent where nothing can be asked."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.stats import table
from leaven.stats.analyse import analyse
from leaven.stats.claims import Claim
from leaven.stats.groups import crossed, grouped
from leaven.stats.groups import heterogeneity as heterogeneities
from leaven.stats.groups.heterogeneity import Heterogeneity, corrected, members
from leaven.stats.questions import Questions
from leaven.stats.table import Arm, Column, Cube

TO = {"a": "base", "b": "base"}


def heterogeneity(*data: Any, **how: Any) -> Heterogeneity:
    """Test one metric, as the only one of its study."""
    return corrected([heterogeneities.heterogeneity(*data, **how)])[0]


def cube(values: np.ndarray, names: tuple[str, ...] = ("a", "b", "base"), *, trained: bool = True) -> Cube:
    arms = tuple(Arm(name, None, trained) for name in names[-len(values) :])
    none = np.zeros(len(values), dtype=np.int64)
    return Cube(Column("s", "m"), arms, values, ~np.isnan(values), none > 0, none, none == 0)


def labels(*sizes: int) -> dict[str, np.ndarray]:
    group = np.repeat(np.arange(len(sizes)), sizes)
    return {f"g{place}": group == place for place in range(len(sizes))}


def study(draw: np.random.Generator, n_items: int, n_seeds: int = 3) -> np.ndarray:
    return draw.normal(size=(3, n_items, 1)) + draw.normal(size=(3, n_items, n_seeds))


def test_parts_of_two_groups_are_welchs_and_runs_are_compared_within_seeds() -> None:
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(1, 40, 4))
    flags = np.repeat([[1.0, 0.0]], [15, 25], axis=1)
    found = grouped.parts(grouped.features(matrix), flags)
    mine, others = matrix[0, :15], matrix[0, 15:]
    assert found.effect.item() == pytest.approx(mine.mean() - others.mean())
    assert found.seed.item() == pytest.approx(np.var(mine.mean(axis=0) - others.mean(axis=0), ddof=1) / 4)
    squares = [((part.mean(axis=1) - part.mean()) ** 2).sum() for part in (mine, others)]
    pooled = sum(squares) / 38  # each group's variance as if 4 items of the pooled one had been seen with it
    expected = (squares[0] + 4 * pooled) / 18 / 15 + (squares[1] + 4 * pooled) / 28 / 25
    assert found.item.item() == pytest.approx(expected)


def test_rest_is_the_residual_of_items_and_runs() -> None:
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(1, 2000, 4)) * 2 + 5 * draw.normal(size=(1, 2000, 1)) + 3 * draw.normal(size=(1, 1, 4))
    found = grouped.parts(grouped.features(matrix), np.repeat([[1.0, 0.0]], 1000, axis=1))
    assert found.rest.item() == pytest.approx(4 * 2 / 4000, rel=0.1)


def test_an_item_that_lacks_a_run_counts_by_the_runs_it_has() -> None:
    matrix = np.array([[[1.0, 3.0, np.nan], [4.0, 4.0, 4.0], [0.0, 0.0, 3.0], [np.nan, np.nan, 7.0]]])
    found = grouped.parts(grouped.features(matrix), np.array([[1.0, 1.0, 0.0, 0.0]]))
    assert found.effect.item() == pytest.approx((2 + 4) / 2 - (1 + 7) / 2)
    # Runs: 2.5, 3.5 and 4 in the group; 0, 0 and 5 in the others.
    assert found.seed.item() == pytest.approx(np.var([2.5, 3.5, -1.0], ddof=1) / 3)


def test_a_change_in_every_run_outweighs_a_larger_one_in_a_single_run() -> None:
    values = study(np.random.default_rng(13), 160, 5)
    values[0, :40] += 1.5
    values[1, :40, 0] += 12.0  # 2.4 on average
    found = heterogeneity(cube(values), labels(40, 40, 40, 40), TO)
    assert (found.largest_arm, found.largest_group) == ("a", "g0")


def test_one_group_that_moves_is_found_and_named() -> None:
    values = study(np.random.default_rng(2), 80)
    values[1, 20:40] += 3.0
    found = heterogeneity(cube(values), labels(20, 20, 20, 20), TO)
    assert found.is_shown
    assert (found.largest_arm, found.largest_group) == ("b", "g1")
    assert (found.n_arms, found.n_groups, found.n_items) == (2, 4, 80)


def test_an_effect_that_is_the_same_everywhere_is_no_heterogeneity() -> None:
    draw = np.random.default_rng(3)
    found = 0
    for place in range(20):
        values = study(draw, 60)
        values[0] += 5.0
        found += heterogeneity(cube(values), labels(20, 20, 20), TO, draws=99, seed=place).is_shown
    assert found <= 4  # 20 studies at 5 %: more than 4 happen once in 400


def test_runs_that_shift_groups_do_not_pass_for_the_data() -> None:
    draw = np.random.default_rng(4)
    found = 0
    for place in range(25):
        values = study(draw, 160) + np.repeat(draw.normal(size=(3, 4, 3)), 40, axis=1)
        found += heterogeneity(cube(values), labels(40, 40, 40, 40), TO, draws=99, seed=place).is_shown
    assert found <= 4  # with an SE of items alone, and items permuted: nearly all


def test_the_same_seed_gives_the_same_p_and_the_order_of_groups_does_not_matter() -> None:
    data, groups = cube(study(np.random.default_rng(5), 60)), labels(20, 20, 20)
    first = heterogeneity(data, groups, TO, seed=1)
    assert first == heterogeneity(data, groups, TO, seed=1)
    assert first != heterogeneity(data, groups, TO, seed=2)
    assert first.largest_group == heterogeneity(data, dict(reversed(groups.items())), TO, seed=1).largest_group


def test_an_item_in_two_groups_counts_in_both_and_ungrouped_ones_are_others() -> None:
    values = study(np.random.default_rng(6), 60)
    values[0, :20] += 4
    groups = {"moved": np.arange(60) < 20, "half": np.arange(60) < 30}
    found = heterogeneity(cube(values), groups, TO)
    assert (found.is_shown, found.largest_group, found.n_groups) == (True, "moved", 2)


def test_missing_pairs_are_left_out() -> None:
    draw = np.random.default_rng(7)
    values = study(draw, 80, 4)
    values[1, :20] += 3.0
    values[draw.random(values.shape) < 0.2] = np.nan
    values[:, 79] = np.nan
    found = heterogeneity(cube(values), labels(20, 20, 20, 20), TO)
    assert (found.is_shown, found.largest_arm, found.largest_group, found.n_items) == (True, "b", "g0", 79)


def test_untrained_arms_are_compared_over_items_alone() -> None:
    values = study(np.random.default_rng(8), 60, 1)
    values[0, :20] += 3
    found = heterogeneity(cube(values, trained=False), labels(20, 20, 20), TO)
    assert (found.is_shown, found.note) == (True, None)


def test_groups_that_are_alike_within_and_differ_between_are_found() -> None:
    values = np.zeros((3, 40, 3))
    values[0, :20] = 1
    found = heterogeneity(cube(values), labels(20, 20), TO)
    assert found.p == pytest.approx(1 / 1000)


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_fewer_than_three_seeds_are_not_tested(n_seeds: int) -> None:
    found = heterogeneity(cube(study(np.random.default_rng(9), 40, n_seeds)), labels(20, 20), TO)
    assert (found.p, found.n_arms, found.is_shown) == (None, 0, False)
    assert "3 training seeds" in str(found.note)


def test_an_arm_with_too_few_seeds_is_left_out_and_named() -> None:
    values = study(np.random.default_rng(10), 40)
    values[1, :, 1:] = np.nan
    found = heterogeneity(cube(values), labels(20, 20), TO)
    assert found.n_arms == 1
    assert found.note == "fewer than 3 paired seeds, left out: b"


def test_without_groups_or_differences_nothing_is_named() -> None:
    values = study(np.random.default_rng(11), 40)
    for groups in ({}, {"all": np.ones(40, dtype=bool)}, {"one": np.arange(40) == 0}):
        assert heterogeneity(cube(values), groups, TO).p is None
    same = heterogeneity(cube(np.zeros((3, 40, 3))), labels(20, 20), TO)
    assert (same.p, same.largest_group) == (1.0, None)
    assert heterogeneity(cube(np.full((3, 40, 3), np.nan)), labels(20, 20), TO).p is None
    assert heterogeneity(cube(values), labels(20, 20), {"elsewhere": "base", "a": "unknown"}).n_arms == 0


def test_members_stand_in_the_order_of_the_cubes_items() -> None:
    rows = [
        dict(arm=arm, dose=None, seed=seed, suite="s", metric=metric, group=group, item_id=item, sample=0, value=1.0)
        for arm in ("a", "base")
        for seed in (0, 1)
        for metric in ("m", "n")
        for item, group in [("i10", "x"), ("i9", "y"), ("i1", "x"), ("i1", "y"), ("i2", None)]
    ]
    frame = pd.DataFrame(rows, columns=list(table.COLUMNS))
    found = members(frame)
    assert list(found) == [Column("s", "m"), Column("s", "n")]
    assert {name: flags.tolist() for name, flags in found[Column("s", "n")].items()} == {
        "x": [True, True, False, False],  # i1, i10, i2, i9
        "y": [True, False, False, True],
    }
    whole = next(one for one in table.cubes(frame) if one.column == Column("s", "m"))
    assert whole.values.shape[1] == 4
    assert members(frame[:0]) == {}


def test_names_are_only_to_be_said_below_five_percent() -> None:
    found = heterogeneity(cube(study(np.random.default_rng(12), 40)), labels(20, 20), TO)
    one, other = corrected([replace(found, p=0.049), replace(found, p=0.9)])
    assert corrected([replace(found, p=0.05)])[0].is_shown is False
    assert corrected([replace(found, p=0.049)])[0].is_shown is True
    assert (one.p_holm, one.is_shown, other.is_shown) == (pytest.approx(0.098), False, False), "of two metrics"


# Groups of the same items: wrappers around the same requests


def wrapped(values: np.ndarray) -> tuple[Cube, dict[str, np.ndarray], dict[str, Cube]]:
    """Return a whole cube, its flags and its groups' cubes, of values groups x arms x items x seeds."""
    groups = {f"g{place}": one for place, one in enumerate(values)}
    within = {name: replace(cube(one), column=Column("s", "m", name)) for name, one in groups.items()}
    return cube(np.nanmean(values, axis=0)), {name: np.ones(values.shape[2], dtype=bool) for name in groups}, within


def asked_again(draw: np.random.Generator, n_items: int, n_groups: int = 4, n_seeds: int = 3) -> np.ndarray:
    items = draw.normal(size=(1, 3, n_items, 1)) * 3
    return items + draw.normal(size=(n_groups, 3, n_items, n_seeds))


def test_groups_of_the_same_items_are_compared_within_items() -> None:
    values = asked_again(np.random.default_rng(20), 30)
    values[2, 1] += 1.0
    whole, flags, within = wrapped(values)
    found = heterogeneity(whole, flags, TO, within=within)
    assert (found.is_shown, found.largest_arm, found.largest_group) == (True, "b", "g2")
    assert (found.n_groups, found.n_items, found.note) == (4, 30, None)
    assert found.test.endswith("within items")
    assert heterogeneity(whole, flags, TO, within=within) == found


@pytest.mark.parametrize("run_noise", [0.0, 0.5])
def test_groups_of_the_same_items_that_do_not_differ_are_found_at_five_percent(run_noise: float) -> None:
    draw, found = np.random.default_rng(21), 0
    for place in range(40):
        values = asked_again(draw, 20) * np.array([0.3, 1, 1, 3])[:, None, None, None]
        values += run_noise * draw.normal(size=(4, 3, 1, 3))  # a run shifts a group
        values[:, 0] += 2.0  # the same everywhere
        whole, flags, within = wrapped(values)
        found += heterogeneity(whole, flags, TO, within=within, draws=99, seed=place).is_shown
    assert found <= 6  # of 40 at 5 %: more happen twice in 100


def test_items_that_lack_a_group_are_left_out_and_counted() -> None:
    values = asked_again(np.random.default_rng(22), 30)
    values[0, 0, :10, 1] = np.nan
    whole, flags, within = wrapped(values)
    found = heterogeneity(whole, flags, TO, within=within)
    assert found.p is not None
    assert found.note == "over the 20 of 30 items that were scored in every group"
    values[1, 2, 10:27] = np.nan
    whole, flags, within = wrapped(values)
    few = heterogeneity(whole, flags, TO, within=within)
    assert few.p is None
    assert few.note is not None and few.note.startswith("the same items stand in every group, but only 3 of the 30")


def test_parts_within_items_are_those_of_a_two_way_table() -> None:
    values = asked_again(np.random.default_rng(23), 12, n_seeds=4)[:, :1]
    found = crossed.parts(values)
    one = values[1, 0] - np.delete(values[:, 0], 1, axis=0).mean(axis=0)
    assert found.effect[1, 0] == pytest.approx(one.mean())
    assert found.seed[1, 0] == pytest.approx(np.var(one.mean(axis=0), ddof=1) / 4)
    left = one - one.mean(axis=0) - one.mean(axis=1, keepdims=True) + one.mean()
    every = [x - np.delete(values[:, 0], i, axis=0).mean(axis=0) for i, x in enumerate(values[:, 0])]
    pooled = np.mean([np.var(x.mean(axis=1), ddof=1) for x in every])
    own = np.var(one.mean(axis=1), ddof=1)
    assert found.item[1, 0] == pytest.approx((11 * own + 4 * pooled) / 15 / 12)
    rests = [((x - x.mean(0) - x.mean(1, keepdims=True) + x.mean()) ** 2).sum() / 33 for x in every]
    assert found.rest[1, 0] == pytest.approx(((left**2).sum() + 12 * np.mean(rests)) / 45 / 48)


def test_tags_of_one_answer_are_no_groups_of_the_same_items() -> None:
    values = np.repeat(asked_again(np.random.default_rng(24), 30)[:1], 3, axis=0)
    whole, flags, within = wrapped(values)
    found = heterogeneity(whole, flags, TO, within=within)
    assert found.p is None and found.note == "no group has 2 items or more, and as many outside it"


def test_requests_under_wrappers_are_tested_from_the_table_of_measurements() -> None:
    draw, rows = np.random.default_rng(25), []
    for arm, seed, group, item in itertools.product("ab", (1, 2, 3), ("plain", "typos", "role"), range(25)):
        shift = 2.0 if (arm, group) == ("a", "role") else 0.0
        rows.append({"arm": arm, "dose": np.nan, "seed": seed, "suite": "s", "metric": "m", "group": group,
                     "item_id": f"r{item}", "sample": 0, "value": shift + draw.normal()})  # fmt: skip
    asked = Questions(to="b", claims=[Claim("Wrappers matter", "a", "m", "unequal")])
    _, found = analyse(pd.DataFrame(rows), asked)
    (tested,) = found.heterogeneity
    assert (tested.is_shown, tested.largest_group) == (True, "role")
    assert found.verdicts[0].verdict == "supported"
