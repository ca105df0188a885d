"""The gate: what passes, what does not, and what was asked wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leaven.errors import StudyError
from leaven.gate import Verdict, gate


def table(folder: Path, name: str, **columns: Any) -> str:
    file = folder / f"{name}.csv"
    pd.DataFrame(columns).to_csv(file, index=False)
    return str(file)


def hits(n: int, of: int = 200) -> list[int]:
    """Return 0 and 1 so that two such lists differ in as few items as can be."""
    return [1] * n + [0] * (of - n)


@pytest.fixture
def base(tmp_path: Path) -> str:
    return table(tmp_path, "base", item_id=range(200), acc=hits(150))


def held(base: str, folder: Path, n: int, **options: Any) -> Verdict:
    run = table(folder, "run", item_id=range(200), acc=hits(n))
    (verdict,) = gate(run, base, {"acc": 0.05}, **{"better": {"acc": "higher"}, **options})
    return verdict


def test_worse_by_more_than_the_margin_fails_and_the_interval_says_whether_it_is_shown(
    base: str, tmp_path: Path
) -> None:
    shown, open_ = held(base, tmp_path, 110), held(base, tmp_path, 138)
    assert not shown.passed and shown.worse == pytest.approx(0.20) and shown.is_shown
    assert not open_.passed and open_.worse == pytest.approx(0.06) and not open_.is_shown and not open_.is_excluded


def test_better_within_and_exactly_at_the_margin_pass(base: str, tmp_path: Path) -> None:
    assert all(held(base, tmp_path, n).passed for n in (170, 150, 145, 140))
    assert held(base, tmp_path, 140).worse == pytest.approx(0.05)


def test_the_direction_decides_what_is_worse(base: str, tmp_path: Path) -> None:
    assert not held(base, tmp_path, 170, better={"items/acc": "lower"}).passed
    assert not held(base, tmp_path, 170, better={}).passed, "no direction: it may change neither way"
    assert not held(base, tmp_path, 130, better={}).passed


def test_strict_passes_only_what_is_shown(base: str, tmp_path: Path) -> None:
    within = held(base, tmp_path, 143)
    assert within.passed and not within.is_excluded
    assert not held(base, tmp_path, 143, strict=True).passed
    assert held(base, tmp_path, 149, strict=True).passed


def test_two_sided_bounds_are_the_larger_harm(base: str, tmp_path: Path) -> None:
    low, high = (held(base, tmp_path, n, better={}) for n in (130, 170))
    for verdict in (low, high):
        assert verdict.worse == pytest.approx(0.1)
        assert verdict.worse_low is not None and verdict.worse_high is not None
        assert verdict.worse_low < 0.1 < verdict.worse_high
    same = held(base, tmp_path, 150, better={})
    assert same.worse == 0 and same.worse_low is not None and same.worse_high is not None
    assert -0.02 < same.worse_low < 0 < same.worse_high < 0.02, (
        "items that never differ bound a harm, and do not rule it out"
    )


def test_what_one_side_lacks_is_a_failure(tmp_path: Path) -> None:
    more = table(tmp_path, "more", item_id=range(4), acc=hits(2, 4), f1=[0.1, 0.2, 0.3, 0.4])
    less = table(tmp_path, "less", item_id=range(4), acc=hits(2, 4))
    for run, to in ((less, more), (more, less)):
        (verdict,) = gate(run, to, {"f1": 0.5})
        assert not verdict.passed and verdict.worse is None


def arms(folder: Path, name: str, *names: str) -> str:
    rows = [(arm, item) for arm in names for item in range(20)]
    return table(
        folder, name, arm=[arm for arm, _ in rows], item_id=[item for _, item in rows], metric=["acc"] * len(rows),
        value=[item % 2 for _, item in rows], seed=[0] * len(rows),
    )  # fmt: skip


def test_an_arm_that_the_run_lacks_is_a_failure_and_a_new_one_is_not(tmp_path: Path) -> None:
    to, run = arms(tmp_path, "to", "clean", "bad"), arms(tmp_path, "run", "clean", "bad", "new")
    assert [(one.arm, one.passed) for one in gate(run, to, {"acc": 0.1})] == [("run:bad", True), ("run:clean", True)]
    back = gate(to, run, {"acc": 0.1})
    assert [(one.arm, one.passed) for one in back] == [("to:bad", True), ("to:clean", True), ("new", False)]
    assert [one.passed for one in gate(to, run, {"acc": 0.1}, arm="new")] == [False]
    assert [one.passed for one in gate(run, to, {"acc": 0.1}, arm="new")] == [False]
    assert [one.passed for one in gate(run, to, {"acc": 0.1}, arm="clean")] == [True]


def test_one_seed_shows_nothing_so_strict_fails(tmp_path: Path) -> None:
    to, run = arms(tmp_path, "to", "clean"), arms(tmp_path, "run", "clean")
    assert gate(run, to, {"acc": 0.1})[0].passed and not gate(run, to, {"acc": 0.1}, strict=True)[0].passed


@pytest.mark.parametrize(
    ("margin", "options", "said"),
    [
        ({"acd": 0.1}, {}, "--margin: no metric is called 'acd' (did you mean 'acc'?)"),
        ({}, {}, "a gate needs one"),
        ({"acc": -0.1}, {}, "acc has the margin -0.1"),
        ({"acc": float("nan")}, {}, "acc has the margin nan"),
        ({"acc": 0.1}, {"arm": "clen"}, "--arm: no arm is called 'clen' (did you mean 'clean'?)"),
        ({"acc": 0.1}, {"better": {"acc": "up"}}, "--better: acc cannot be 'up' (write higher or lower)"),
        ({"acc": 0.1}, {"better": {"af": "lower"}}, "--better: no metric is called 'af'"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    tmp_path: Path, margin: dict[str, float], options: dict[str, Any], said: str
) -> None:
    to, run = arms(tmp_path, "to", "clean"), arms(tmp_path, "run", "clean")
    with pytest.raises(StudyError) as caught:
        gate(run, to, margin, **options)
    assert said in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize("value", [float("inf"), -1e200, None])
def test_strict_does_not_pass_what_is_not_scored(base: str, tmp_path: Path, value: float | None) -> None:
    run = table(tmp_path, "run", item_id=range(200), acc=[value, *hits(150)[1:]])
    options: dict[str, Any] = {"better": {"acc": "higher"}}
    (plain,) = gate(run, base, {"acc": 0.05}, **options)
    assert plain.passed and plain.lost == 1
    assert not gate(run, base, {"acc": 0.05}, strict=True, **options)[0].passed
    assert gate(base, run, {"acc": 0.05}, strict=True, **options)[0].passed, "what the baseline lacks is no harm"


def test_one_repeat_that_was_not_scored_is_missing_too(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"item_id": [*range(200)] * 2, "sample": [0] * 200 + [1] * 200}
    to = table(tmp_path, "to", **columns, acc=hits(150) * 2)
    run = table(tmp_path, "run", **columns, acc=[*hits(150), float("inf"), *hits(150)[1:]])
    (verdict,) = gate(run, to, {"acc": 0.05}, better={"acc": "higher"}, strict=True)
    assert verdict.lost == 1 and not verdict.passed


def test_what_has_no_partner_is_open_and_what_the_arm_lacks_is_not(base: str, tmp_path: Path) -> None:
    elsewhere = table(tmp_path, "elsewhere", item_id=range(900, 1100), acc=hits(150))
    (verdict,) = gate(elsewhere, base, {"acc": 0.05})
    assert verdict.is_open and not verdict.passed and "no item stands on both sides" in (verdict.said or "")
    spoilt = table(tmp_path, "spoilt", item_id=range(200), acc=[1e308] * 200)
    assert not gate(spoilt, base, {"acc": 0.05})[0].is_open, "the arm broke"
    assert gate(base, spoilt, {"acc": 0.05})[0].is_open, "the baseline is no measure"


def test_a_run_without_seeds_is_held_against_one_seed_alone(tmp_path: Path) -> None:
    to = table(tmp_path, "to", item_id=[*range(20)] * 3, seed=[0] * 20 + [1] * 20 + [2] * 20, acc=hits(10, 20) * 3)
    run = table(tmp_path, "run", item_id=range(20), acc=hits(10, 20))
    (verdict,) = gate(run, to, {"acc": 0.1})
    assert verdict.passed and not verdict.is_thin and verdict.worse_high is None
    assert not gate(run, to, {"acc": 0.1}, strict=True)[0].passed
