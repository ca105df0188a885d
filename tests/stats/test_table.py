"""From rows to cubes, and from cubes to pairs: what counts, what is dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.errors import ReportError
from leaven.stats import effects, table

PLAIN = dict(dose=None, seed=0, suite="s", metric="m", group=None, item_id="i", sample=0)


def frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame([{**PLAIN, **row} for row in rows], columns=list(table.COLUMNS))


def grid(arms: dict[str, float], items: int = 3, seeds: int = 2) -> list[dict[str, Any]]:
    return [
        dict(arm=arm, item_id=f"i{item}", seed=seed, value=level + item + 10 * seed)
        for arm, level in arms.items()
        for item in range(items)
        for seed in range(seeds)
    ]


def one(measurements: pd.DataFrame) -> table.Cube:
    (cube,) = table.cubes(measurements)
    return cube


def pairs(measurements: pd.DataFrame, arm: str = "b", to: str = "a") -> effects.Contrast:
    return effects.contrast(one(measurements), effects.difference(arm, to))


def test_complete_table_pairs_everything() -> None:
    found = pairs(frame(grid({"a": 0, "b": 0.5})))
    assert (found.n_items, found.n_seeds, found.n_dropped) == (3, 2, 0)
    assert np.array_equal(found.matrix, np.full((3, 2), 0.5))
    assert found.means() == pytest.approx([6.5, 6.0])
    assert found.run_means()[1] == pytest.approx([1.0, 11.0])


def test_samples_are_averaged_before_pairing_and_unscored_ones_left_out() -> None:
    rows = [dict(arm="a", value=0.0), dict(arm="a", sample=1, value=None), dict(arm="b", value=1.0),
            dict(arm="b", sample=1, value=0.0), dict(arm="b", sample=2, value=None)]  # fmt: skip
    assert pairs(frame(rows)).effect == 0.5


def test_missing_and_unscored_items_drop_their_pair_and_are_counted() -> None:
    rows = grid({"a": 0, "b": 0.5})
    rows[0]["value"] = None  # a, i0, seed 0
    del rows[-1]  # b, i2, seed 1
    found = pairs(frame(rows))
    assert (found.n_items, found.n_seeds, found.n_dropped) == (3, 2, 2)
    assert found.effect == 0.5
    assert found.means()[0] - found.means()[1] == pytest.approx(0.5)


def test_seeds_pair_by_value() -> None:
    rows = grid({"a": 0, "b": 0.5})
    for row in rows:
        row["seed"] += 5 * (row["arm"] == "b" and row["seed"] == 1)
    found = pairs(frame(rows))
    assert (found.n_seeds, found.n_dropped) == (1, 6)


def test_untrained_arm_meets_every_seed() -> None:
    rows = [*grid({"b": 0.5}), *(dict(arm="a", seed=None, item_id=f"i{item}", value=item) for item in range(3))]
    found = pairs(frame(rows))
    assert (found.n_seeds, found.n_dropped) == (2, 0)
    assert np.array_equal(found.matrix, np.tile([0.5, 10.5], (3, 1)))


def test_two_untrained_arms_are_paired_once_beside_trained_ones() -> None:
    untrained = [dict(arm=arm, seed=None, item_id=f"i{i}", value=i * scale) for arm, scale in [("a", 1), ("c", 2)]
                 for i in range(3)]  # fmt: skip
    found = pairs(frame([*grid({"b": 0.5}), *untrained]), arm="c")
    assert (found.n_seeds, found.matrix.shape) == (0, (3, 1))
    assert found.effect == 1.0


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e300])
def test_infinite_values_count_as_unscored(value: float) -> None:
    rows = grid({"a": 0, "b": 0.5})
    rows[0]["value"] = value
    found = pairs(frame(rows))
    assert (found.n_infinite, found.n_dropped, found.effect) == (1, 1, 0.5)


def test_over_all_items_and_then_per_group() -> None:
    rows = grid({"a": 0, "b": 0.5})
    for row in rows:
        row["group"] = "even" if row["item_id"] in ("i0", "i2") else None
    cubes = list(table.cubes(frame(rows)))
    assert [(cube.column.group, cube.values.shape[1]) for cube in cubes] == [(None, 3), ("even", 2)]


def test_an_item_in_two_groups_counts_once_over_all() -> None:
    rows = grid({"a": 0, "b": 0.5})
    both = [{**row, "group": group} for row in rows for group in ("x", "y")]
    cubes = list(table.cubes(frame(both)))
    assert [cube.values.shape[1] for cube in cubes] == [3, 3, 3]
    assert np.array_equal(cubes[0].values, cubes[1].values)


def test_binary_is_known_from_samples_not_from_their_means() -> None:
    rows = [dict(arm=arm, sample=k, value=float(k)) for arm in "ab" for k in (0, 1)]
    assert pairs(frame(rows)).bounds == (-1.0, 1.0)
    rows[0]["value"] = 0.5
    assert pairs(frame(rows)).bounds is None


def test_several_samples_tell_their_noise() -> None:
    values = {"i0": [1.0, 2.0, 6.0], "i1": [4.0, None, None], "i2": [2.0, 4.0, None]}
    rows = [dict(arm=arm, item_id=item, sample=k, value=value) for arm in "ab"
            for item, some in values.items() for k, value in enumerate(some)]  # fmt: skip
    found = pairs(frame(rows))
    assert not found.single
    assert found.noise[0, :, 0] == pytest.approx([7 / 3, np.nan, 1.0], nan_ok=True)  # variance 7 of 3; 2 of 2


def test_one_sample_an_item_has_no_noise_of_its_own() -> None:
    found = pairs(frame(grid({"a": 0, "b": 0.5})))
    assert (found.single, found.noise) == (True, None)
    rows = grid({"a": 0, "b": 0.5, "c": 1})
    more = dict(rows[-1], sample=1, value=None)  # the same item asked again, though it was not scored
    cube = one(frame([*rows, more]))
    assert cube.single.tolist() == [True, True, False]
    assert not effects.contrast(cube, effects.difference("c", "a")).single
    assert effects.contrast(cube, effects.difference("b", "a")).single


def test_an_untrained_arms_noise_stands_under_every_seed() -> None:
    untrained = [
        dict(arm="a", seed=None, item_id=f"i{item}", sample=k, value=item + k) for item in range(3) for k in (0, 1)
    ]
    found = pairs(frame([*grid({"b": 0.5}), *untrained]))
    assert found.noise[1] == pytest.approx(np.full((3, 2), 0.25))
    assert np.isnan(found.noise[0]).all()


def test_another_contrast_of_the_same_pairs() -> None:
    rows = [dict(arm=arm, item_id=str(k), value=float(k % (2 + (arm == "b")) == 0)) for arm in "ab" for k in range(12)]
    found = pairs(frame(rows)).reweighted((2.0, -0.5))
    assert found.bounds == (-0.5, 2.0)
    assert found.effect == pytest.approx(2 / 3 - 0.25)


def test_rounding_is_no_difference() -> None:
    rows = [dict(arm=arm, item_id=str(i), value=0.1 * i) for arm in "abcd" for i in range(9)]
    weights = effects.slope({"a": 0, "b": 0.01, "c": 0.1, "d": 0.33})
    assert not effects.contrast(one(frame(rows)), weights).matrix.any()


def test_slope_equals_least_squares() -> None:
    doses = {"a": 0.0, "b": 0.1, "c": 1.0}
    levels = {"a": 0.3, "b": 0.1, "c": 2.0}
    found = effects.contrast(one(frame(grid(levels))), effects.slope(doses))
    assert found.effect == pytest.approx(np.polyfit(list(doses.values()), list(levels.values()), 1)[0])


def test_duplicates_are_refused_by_name() -> None:
    rows = [dict(arm="a", value=1.0), dict(arm="a", value=1.0)]
    with pytest.raises(ReportError, match=r"more than once.*suite s, metric m.*arm a, seed 0.*item_id i, sample 0"):
        list(table.cubes(frame(rows)))


@pytest.mark.parametrize("changed", [dict(dose=0.2), dict(seed=None)])
def test_an_arm_has_one_dose_and_is_trained_or_not(changed: dict[str, Any]) -> None:
    rows = [dict(arm="a", dose=0.1, value=1.0), dict(arm="a", item_id="j", value=1.0, **{"dose": 0.1, **changed})]
    with pytest.raises(ReportError, match="arm 'a'"):
        list(table.cubes(frame(rows)))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ReportError, match="lack the columns sample"):
        list(table.cubes(frame([dict(arm="a", value=1.0)]).drop(columns="sample")))


def test_words_among_the_values_are_refused() -> None:
    with pytest.raises(ReportError, match="'value' must hold numbers"):
        list(table.cubes(frame([dict(arm="a", value="high")])))
