"""The share of a gap that is closed, with Fieller's interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leaven.stats import gap, table


def _long(values: dict[str, np.ndarray], *, untrained: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = [
        {"arm": arm, "dose": np.nan, "seed": np.nan if arm in untrained else float(seed), "suite": "s", "metric": "m",
         "group": None, "item_id": str(item), "sample": 0, "value": float(matrix[item, seed])}
        for arm, matrix in values.items()
        for item in range(matrix.shape[0])
        for seed in range(1 if arm in untrained else matrix.shape[1])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(table.COLUMNS))


def _gap(values: dict[str, np.ndarray], untrained: tuple[str, ...] = (), better: str | None = None) -> gap.Gap:
    cubes = {cube.column: cube for cube in table.cubes(_long(values, untrained=untrained))}
    (found,) = gap.gaps([gap.Asked("student", "teacher", "bare", "m")], cubes, {"s/m": better})
    return found


def _drawn(
    rng: np.random.Generator, closed: float, items: int = 60, seeds: int = 5, gap: float = 1.0
) -> dict[str, np.ndarray]:
    item = rng.normal(0, 0.5, (items, 1))
    bare = np.repeat(item + rng.normal(0, 0.3, (items, 1)), seeds, axis=1)
    teacher = np.repeat(item + gap + rng.normal(0, 0.3, (items, 1)), seeds, axis=1)
    runs = rng.normal(0, 0.05, (1, seeds))
    student = item + gap * closed + runs + rng.normal(0, 0.3, (items, seeds))
    return {"student": student, "teacher": teacher, "bare": bare}


def test_the_interval_holds_the_true_share_as_often_as_it_says() -> None:
    rng, held, all_ = np.random.default_rng(0), 0, 150
    for _ in range(all_):
        found = _gap(_drawn(rng, 0.7), ("teacher", "bare"))
        assert found.low is not None and found.high is not None
        held += found.low <= 0.7 <= found.high
    assert 0.90 <= held / all_ <= 0.995


def test_it_is_fiellers_own_solution_where_the_variance_is_a_quadratic_form() -> None:
    """Untrained arms alone: items are the only sample, and Fieller's quadratic has a closed form."""
    from scipy import stats

    rng = np.random.default_rng(1)
    values = {name: one[:, :1] for name, one in _drawn(rng, 0.4, items=30).items()}
    found = _gap(values, ("student", "teacher", "bare"))
    step = (values["student"] - values["bare"])[:, 0]
    whole = (values["teacher"] - values["bare"])[:, 0]
    n, t = len(step), stats.t.ppf(0.975, len(step) - 1)
    a, b = step.mean(), whole.mean()
    (vaa, vab), (_, vbb) = np.cov(step, whole) / n
    roots = np.roots([b * b - t * t * vbb, -2 * (a * b - t * t * vab), a * a - t * t * vaa])
    assert found.closed == pytest.approx(a / b)
    assert [found.low, found.high] == pytest.approx(sorted(map(float, roots)), abs=1e-6)


def test_a_teacher_that_is_no_better_gives_no_bounds() -> None:
    found = _gap(_drawn(np.random.default_rng(2), 0.5, gap=0.02), ("teacher", "bare"))
    assert (found.low, found.high) == (None, None)
    assert "not shown to differ" in str(found.note)


@pytest.mark.parametrize(("better", "gap"), [("higher", -0.94), ("lower", 0.94)])
def test_a_teacher_that_is_worse_leaves_no_gap_to_close(better: str, gap: float) -> None:
    found = _gap(_drawn(np.random.default_rng(5), 0.69, gap=gap), ("teacher", "bare"), better)
    assert (found.closed, found.low, found.high) == (None, None, None)
    assert found.gap == pytest.approx(gap, abs=0.2) and "is shown to be worse" in str(found.note)
    turned = _gap(_drawn(np.random.default_rng(5), 0.69, gap=-gap), ("teacher", "bare"), better)
    assert turned.closed == pytest.approx(0.69, abs=0.2) and turned.low is not None and turned.note is None


@pytest.mark.parametrize("gap", [0.02, -0.02])
def test_a_teacher_that_is_not_shown_to_be_better_is_said_to_be(gap: float) -> None:
    found = _gap(_drawn(np.random.default_rng(2), 0.5, gap=gap), ("teacher", "bare"), "higher")
    assert found.gap is not None and (found.closed is None) == (found.gap < 0)
    said = "though not shown to be: no gap" if found.gap < 0 else "is not shown to be better than the bare model"
    assert said in str(found.note) and found.low is None


def test_a_worse_teacher_after_two_seeds_is_named_too() -> None:
    found = _gap(_drawn(np.random.default_rng(3), 0.5, seeds=2, gap=-1.0), ("teacher",), "higher")
    assert found.closed is None and "worse" in str(found.note)


def test_two_seeds_give_a_share_and_no_interval() -> None:
    found = _gap(_drawn(np.random.default_rng(3), 0.5, seeds=2), ("teacher", "bare"))
    assert found.closed == pytest.approx(0.5, abs=0.3)
    assert found.low is None and "two seeds" in str(found.note)


def test_an_arm_that_was_not_measured_is_named() -> None:
    values = _drawn(np.random.default_rng(4), 0.5)
    del values["teacher"]
    assert "teacher" in str(_gap(values).note)
