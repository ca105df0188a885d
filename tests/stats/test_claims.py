"""Claims: what each word is held against, and that three wrong seeds support nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from leaven.stats.claims import Claim, judge, p_values
from leaven.stats.inference import Estimate
from leaven.stats.table import Arm, Column, Cube

COLUMN = Column("s", "m")
TO = {"a": "base", "b": "base"}


def cube(effect: float, *, seeds: int = 3, spread: float = 0.1, column: Column = COLUMN, trained: bool = True) -> Cube:
    """Make arms a (``effect`` above), b (unchanged) and base."""
    draw = np.random.default_rng(0)
    noise = spread * draw.normal(size=(3, 40, seeds))
    noise -= noise.mean(axis=(1, 2), keepdims=True)
    values = noise + np.array([effect, 0.0, 0.0])[:, None, None]
    arms = tuple(Arm(name, None, trained) for name in ("a", "b", "base"))
    none = np.zeros(3, dtype=np.int64)
    return Cube(column, arms, values, np.ones(values.shape, dtype=bool), none > 0, none, none == 0)


def claim(holds: str, margin: float = 0.0, **given: object) -> Claim:
    return replace(Claim("it is so", "a", "m", holds, margin), **given)  # type: ignore[arg-type]


EFFECTS = (-1.0, -0.3, 0.0, 0.3, 1.0)  # with an error of about 0.001
U, S, R = "undecided", "supported", "refuted"
WORDS = {
    ("higher", 0.0): (R, R, U, S, S),
    ("higher", 0.5): (R, R, R, R, S),
    ("lower", 0.0): (S, S, U, R, R),
    ("lower", 0.5): (S, R, R, R, R),
    ("not higher", 0.5): (S, S, S, S, R),
    ("not higher", 0.0): (S, S, U, R, R),
    ("not lower", 0.5): (R, S, S, S, S),
    ("same", 0.5): (R, S, S, S, R),
    ("same", 0.3): (R, U, S, U, R),
}


def test_words_and_margins() -> None:
    columns = [Column("s", f"m{place}") for place in range(len(EFFECTS))]
    cubes = {column: cube(effect, spread=0.01, column=column) for column, effect in zip(columns, EFFECTS, strict=True)}
    made = [claim(holds, margin, metric=column.metric) for holds, margin in WORDS for column in columns]
    found = [one.verdict for one in judge(made, cubes, TO)]
    assert found == [word for words in WORDS.values() for word in words]


def test_p_values_are_those_of_one_sided_t_tests() -> None:
    known = Estimate(0.3, 0.04, 7.0, 0.0, None, "t")
    above = float(stats.t.sf((0.3 - 0.1) / 0.2, 7))
    below = float(stats.t.sf((0.3 + 0.1) / 0.2, 7))
    assert p_values(known, "higher", 0.1) == pytest.approx((above, 1 - above))
    assert p_values(known, "lower", 0.1) == pytest.approx((1 - below, below))
    assert p_values(known, "not higher", 0.1) == pytest.approx((1 - above, above))
    assert p_values(known, "not lower", 0.1) == pytest.approx((below, 1 - below))
    assert p_values(known, "same", 0.1) == pytest.approx((1 - above, above + below))
    # Without a margin, refuting "same" is the two-sided test of no effect.
    assert p_values(known, "same", 0.0)[1] == pytest.approx(2 * stats.t.sf(1.5, 7))


def test_same_is_supported_exactly_where_the_ninety_percent_interval_lies_within() -> None:
    (one,) = judge([claim("same", 0.5)], {COLUMN: cube(0.3)}, TO)
    assert one.low90 is not None and one.high90 is not None
    for margin, verdict_ in ((one.high90 + 1e-6, "supported"), (one.high90 - 1e-6, "undecided")):
        assert judge([claim("same", margin)], {COLUMN: cube(0.3)}, TO)[0].verdict == verdict_


def test_the_variance_is_never_below_what_the_items_allow() -> None:
    known = Estimate(0.0, 0.0, 2.0, 0.01, (-1.0, 1.0), "t")
    assert p_values(known, "same", 0.2)[0] == pytest.approx(stats.t.sf(2, 2))
    exact = Estimate(0.0, 0.0, 2.0, 0.0, None, "t")
    assert not exact.can_be_small, "where nothing varied, nothing is judged"


def test_holm_counts_all_claims_that_were_tested() -> None:
    made = [claim("higher"), claim("higher", arm="b"), claim("higher", metric="gone")]
    first, second, third = judge(made, {COLUMN: cube(0.035, spread=0.1)}, TO)
    assert first.p is not None and second.p is not None
    assert first.p_holm == pytest.approx(min(2 * first.p, 1))
    assert second.p_holm == pytest.approx(max(second.p, 2 * first.p))
    assert (third.p, third.p_holm, third.verdict) == (None, None, "undecided")
    alone = judge(made[:1], {COLUMN: cube(0.035, spread=0.1)}, TO)[0]
    assert alone.p_holm == alone.p == first.p


def test_refuted_claims_show_the_p_that_refutes() -> None:
    (one,) = judge([claim("higher")], {COLUMN: cube(-1)}, TO)
    assert one.verdict == "refuted"
    assert one.p is not None and one.p < 0.001
    assert (one.effect, one.n_items, one.n_seeds) == (pytest.approx(-1), 40, 3)


def test_any_two_arms_and_a_group() -> None:
    group = Column("s", "m", "g")
    cubes = {COLUMN: cube(0.0), group: cube(1.0, column=group)}
    made = [
        claim("higher", group="g"),
        claim("lower", arm="b", to="a", group="g", metric="s/m"),
        claim("same", 0.1),
    ]
    assert [one.verdict for one in judge(made, cubes, TO)] == ["supported"] * 3
    assert [one.effect for one in judge(made, cubes, TO)] == pytest.approx([1, -1, 0], abs=1e-12)


@pytest.mark.parametrize(
    ("given", "note"),
    [
        (dict(metric="gone"), "gone was not measured"),
        (dict(group="h"), "m was not measured in group 'h'"),
        (dict(arm="missing", to="base"), "nothing was scored for missing"),
        (dict(arm="base"), "base is compared with no arm, and the claim names none"),
        (dict(to="a"), "a is compared with itself"),
    ],
)
def test_what_cannot_be_tested_is_undecided_and_says_why(given: dict[str, object], note: str) -> None:
    (one,) = judge([claim("higher", **given)], {COLUMN: cube(1.0)}, TO)
    assert (one.verdict, one.p, one.note) == ("undecided", None, note)


def test_a_metric_of_two_suites_must_be_named_with_its_suite() -> None:
    other = Column("t", "m")
    cubes = {COLUMN: cube(1.0), other: cube(-1.0, column=other)}
    assert judge([claim("higher")], cubes, TO)[0].note == "m is measured more than once; say which: s/m, t/m"
    assert judge([claim("higher", metric="t/m")], cubes, TO)[0].verdict == "refuted"


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_decide_nothing(seeds: int) -> None:
    (one,) = judge([claim("higher")], {COLUMN: cube(1.0, seeds=seeds)}, TO)
    assert (one.verdict, one.p, one.low90) == ("undecided", None, None)
    assert one.effect == pytest.approx(1)
    assert "seed" in str(one.note)


def test_untrained_arms_are_judged_over_items_and_say_so() -> None:
    (one,) = judge([claim("higher")], {COLUMN: cube(1.0, seeds=1, trained=False)}, TO)
    assert one.verdict == "supported"
    assert "no training seed is known" in str(one.note)


def test_only_what_was_hashed_is_locked() -> None:
    made = [claim("higher"), claim("higher", 0.1)]
    found = judge(made, {COLUMN: cube(1.0)}, TO, locked=[claim("higher")])
    assert [one.locked for one in found] == [True, False]
    assert not judge(made, {COLUMN: cube(1.0)}, TO)[0].locked


def test_no_claims_no_verdicts() -> None:
    assert judge([], {COLUMN: cube(1.0)}, TO) == []


def test_unequal_groups_are_supported_where_they_differ_and_never_refuted() -> None:
    half = {"x": np.arange(40) < 20, "y": np.arange(40) >= 20}
    apart = cube(0.0)
    apart.values[0, :20] += 1.0
    found = judge([claim("unequal")], {COLUMN: apart}, TO, members={COLUMN: half})[0]
    assert found.verdict == S and found.p is not None and found.p < 0.05 and found.n_seeds == 3
    alike = judge([claim("unequal"), claim("unequal", arm="b")], {COLUMN: cube(1.0)}, TO, members={COLUMN: half})
    assert [one.verdict for one in alike] == [U, U]


def test_unequal_is_about_the_arm_that_is_named() -> None:
    half = {"x": np.arange(40) < 20, "y": np.arange(40) >= 20}
    apart = cube(0.0)
    apart.values[0, :20] += 1.0
    other = judge([claim("unequal", arm="b")], {COLUMN: apart}, TO, members={COLUMN: half})[0]
    assert other.verdict == U
    alone = judge([claim("unequal")], {COLUMN: apart}, TO, members={COLUMN: {"x": half["x"]}})[0]
    assert alone.verdict == U and alone.note == "m was not measured in two groups"
