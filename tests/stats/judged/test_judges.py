"""One judge, several judges, and people: what is said of each, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from leaven.stats.judged.between import between, coincidences, ordinal_alpha
from leaven.stats.judged.reliability import reliability

Made = Callable[..., tuple[pd.DataFrame, pd.DataFrame]]
RANKS = ["id", "sample", "asking", "place", "rank"]


def test_a_judge_without_bias_is_not_said_to_have_one(made: Made) -> None:
    ranks, sizes = made(11, prompts=400, worth=2.0, twice=0.2)
    found = reliability(ranks, None, sizes)
    assert (found.prompts, found.answers, found.unscored) == (400, 2000, 0)
    assert found.parsed.n == 480 and found.parsed.value == 1 and found.parsed.low > 0.98  # type: ignore[operator]
    assert found.places is not None and found.again is not None and found.lengths is not None
    for sure in (found.places.tau, found.lengths.tau, found.lengths.slope):
        assert sure.low is not None and sure.high is not None and sure.low < 0 < sure.high
    assert found.again.prompts == 80 and found.again.tau.low > 0.3  # type: ignore[operator]
    assert found.again.chance == pytest.approx(0.2) and found.people is None and found.votes is None


def test_what_stands_first_and_what_is_long_is_seen(made: Made) -> None:
    found = reliability(*_with_lengths(made(12, prompts=400, place=-0.5, length=0.6)))
    assert found.places is not None and found.lengths is not None and found.again is not None
    firsts = [one.value for one in found.places.firsts]
    assert firsts == sorted(firsts, reverse=True) and sum(firsts) == pytest.approx(1)  # type: ignore[type-var, arg-type]
    assert found.places.firsts[0].low > 0.2 > found.places.firsts[-1].high  # type: ignore[operator]
    assert found.places.chance == pytest.approx([0.2] * 5)
    assert found.places.mean_rank == sorted(found.places.mean_rank) and np.mean(found.places.mean_rank) == 3
    assert found.places.tau.low > 0.2 and found.lengths.tau.low > 0.15  # type: ignore[operator]
    assert found.lengths.slope.low > 0.3  # type: ignore[operator]
    assert found.again.same_best.value < 0.35  # type: ignore[operator]


def _with_lengths(made: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[pd.DataFrame, None, pd.DataFrame]:
    return made[0], None, made[1]


def test_a_judge_that_always_takes_the_first_never_agrees_with_itself() -> None:
    rows = [(f"p{i}", s, asking, s if asking == 0 else 2 - s, 1.0 + (s if asking == 0 else 2 - s))
            for i in range(20) for asking in (0, 1) for s in range(3)]  # fmt: skip
    found = reliability(pd.DataFrame(rows, columns=RANKS))
    assert found.again is not None and found.places is not None
    assert found.again.tau.value == -1 and found.again.same_best.value == 0
    assert found.places.tau.value == 1 and [one.value for one in found.places.firsts] == [1, 0, 0]
    assert found.places.mean_rank == [1, 2, 3] and found.lengths is None, "nobody knows the lengths"


def test_replies_that_could_not_be_read_are_counted_as_questions() -> None:
    rows = [(f"p{i}", s, 0, s, None if i < 3 else s + 1.0) for i in range(10) for s in range(3)]
    found = reliability(pd.DataFrame(rows, columns=RANKS))
    assert (found.parsed.k, found.parsed.n, found.unscored, found.answers) == (7, 10, 9, 30)
    alone = reliability(pd.DataFrame(rows, columns=RANKS).assign(place=None))
    assert (alone.parsed.k, alone.parsed.n) == (21, 30), "each answer was a question of its own"
    assert alone.places is None and alone.again is None


def test_votes_for_the_first_and_votes_that_turn(made: Made) -> None:
    said = ["first"] * 6 + ["second"] * 2 + ["tie"] * 2
    votes = [(f"p{i}", 0, 0, 1, choice) for i, choice in enumerate(said)]
    votes += [("p0", 1, 1, 0, "second"), ("p1", 1, 1, 0, "first"), ("p2", 1, 1, 0, None)]
    frame = pd.DataFrame(votes, columns=["id", "asking", "first", "second", "choice"])
    ranks = pd.DataFrame([(f"p{i}", s, 0, None, s + 1.0) for i in range(10) for s in (0, 1)], columns=RANKS)
    found = reliability(ranks, frame)
    assert found.votes is not None and found.votes.same is not None
    # Ten first askings and two of three second ones: 7 of 10 decided votes name the first.
    assert (found.votes.votes, found.votes.first.k, found.votes.first.n) == (12, 7, 10)
    assert found.votes.ties.k == 2 and (found.votes.same.k, found.votes.same.n) == (1, 2)
    assert (found.parsed.k, found.parsed.n) == (12, 13)


def test_agreement_with_people_counts_ties_half_and_lengths_on_both_sides() -> None:
    # The judge prefers what people prefer twice, the other once, neither once; one pair has no ranks.
    ranked = [(1.0, 2.0), (1.0, 2.0), (2.0, 1.0), (1.5, 1.5), (None, None)]
    rows = [(f"p{i}", s, 0, None, two[s]) for i, two in enumerate(ranked) for s in (0, 1)]
    longer = [(9, 5), (5, 9), (5, 9), (5, 9), (9, 5)]
    sizes = [(f"p{i}", s, two[s]) for i, two in enumerate(longer) for s in (0, 1)]
    lengths = pd.DataFrame(sizes, columns=["id", "sample", "length"])
    found = reliability(pd.DataFrame(rows, columns=RANKS), None, lengths, by_people=True).people
    assert found is not None and (found.agreement.k, found.agreement.n) == (2.5, 4)
    assert (found.ties, found.unscored) == (1, 1)
    assert found.longer_more.value == pytest.approx((2.5 - 1) / 4)
    assert (found.longer_by_people.k, found.longer_by_judge.k, found.longer_by_people.n) == (1, 2.5, 4)


def test_krippendorffs_own_example() -> None:
    """Four observers, twelve units (Krippendorff 2011): ordinal alpha 0.815."""
    nan = np.nan
    said = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ])  # fmt: skip
    said[:, 11] = nan  # a unit with one value says nothing
    values, counts = coincidences(said[:, :, None])
    assert counts.sum() == 40 and values.tolist() == [1, 2, 3, 4, 5]
    assert ordinal_alpha(counts.sum(axis=0), values) == pytest.approx(0.815, abs=5e-4)


def test_judges_that_rank_alike_agree_and_chance_does_not(made: Made) -> None:
    ranks, _ = made(4, prompts=120, worth=3.0)
    other, _ = made(4, prompts=120, worth=3.0)
    chance = ranks.assign(
        rank=np.random.default_rng(0).permuted(ranks["rank"].to_numpy().reshape(-1, 5), axis=1).ravel()
    )
    reversed_ = ranks.assign(rank=6 - ranks["rank"])
    alike = between({"a": ranks, "b": other})
    assert alike is not None and alike.alpha == pytest.approx(1) and alike.pairs[0].tau.value == 1
    against = between({"a": ranks, "b": reversed_})
    assert against is not None and against.pairs[0].tau.value == -1 and against.alpha < -0.9  # type: ignore[operator]
    found = between({"a": ranks, "c": chance, "r": reversed_})
    assert found is not None and [(p.one, p.other) for p in found.pairs] == [("a", "c"), ("a", "r"), ("c", "r")]
    lone = between({"a": ranks, "c": chance})
    assert lone is not None and lone.alpha is not None and lone.low is not None and lone.high is not None
    assert lone.low < 0 < lone.high and lone.low < lone.alpha < lone.high and abs(lone.pairs[0].tau.value or 0) < 0.1
    assert lone.chance == pytest.approx(0.2) and lone.answers == 600


def test_a_judge_with_ties_names_the_same_best_as_often_as_chance_would(made: Made) -> None:
    """One that says of each answer only whether it is harmful, beside one that ranks the same worth in full."""
    ranks, _ = made(5, prompts=200, worth=3.0)
    first = ranks[ranks["asking"] == 0]
    tied = first.assign(rank=np.where(first["rank"] <= 2, 1.5, 4.0))
    found = between({"a": first, "b": tied})
    assert found is not None and found.pairs[0].tau.value > 0.7  # type: ignore[operator]
    assert found.pairs[0].same_best.value == 0.5, "its best is one of two"
    nothing = between({"a": first, "b": first.assign(rank=3.0)})
    assert nothing is not None and nothing.pairs[0].same_best.value == pytest.approx(nothing.chance) == 0.2


COPIES = [0, 0, 0, 1, 1]  # five answers of two texts


def _coin(seed: int, *, places: bool, prompts: int = 300) -> pd.DataFrame:
    """A judge that puts one of two texts first by a coin, asked twice."""
    draw, rows = np.random.default_rng(seed), []
    for i in range(prompts):
        for asking in (0, 1):
            first = draw.integers(2)
            rank = [(2.0 if first == 0 else 4.0), (4.5 if first == 0 else 1.5)]
            place = [0, 1] if asking == 0 else [1, 0]
            rows += [(f"p{i}", s, asking, place[t] if places else None, rank[t], t) for s, t in enumerate(COPIES)]
    return pd.DataFrame(rows, columns=[*RANKS, "same"])


@pytest.mark.parametrize("places", [True, False])
def test_a_coin_over_two_texts_is_no_reliable_judge(places: bool) -> None:
    """Its places tell which answers are equal, or, of a judge that sees them one by one, the texts do."""
    ranks = _coin(0, places=places)
    ranks = ranks.drop(columns="same") if places else ranks
    again = reliability(ranks).again
    assert again is not None and again.chance == 0.5 and again.prompts == 300
    assert again.same_best.low < 0.5 < again.same_best.high  # type: ignore[operator]
    assert again.tau.low < 0 < again.tau.high  # type: ignore[operator]
    alike = reliability(ranks.assign(same=0)).again
    assert alike is None, "prompts with one text alone tell nothing"


def test_two_coins_over_two_texts_do_not_agree() -> None:
    # Only the first has places: which answers are equal holds for both.
    one, other = _coin(1, places=True).drop(columns="same"), _coin(2, places=False).drop(columns="same")
    for ranks in ({"a": one, "b": other}, {"b": other, "a": one}):
        found = between(ranks)
        assert found is not None and found.chance == 0.5 and found.answers == 600
        same = found.pairs[0].same_best
        assert same.low < 0.5 < same.high and found.low < 0 < found.high  # type: ignore[operator]


def test_judges_of_other_prompts_have_nothing_in_common(made: Made) -> None:
    ranks, _ = made(4, prompts=20)
    apart = between({"a": ranks, "b": ranks.assign(id="x" + ranks["id"])})
    assert apart is not None and apart.alpha is None and apart.answers == 0 and apart.pairs[0].tau.value is None
    assert apart.pairs[0].same_best.n == 0 and between({"a": ranks}) is None


def test_alpha_is_drawn_from_its_seed_alone(made: Made) -> None:
    one, other = made(1, prompts=60)[0], made(2, prompts=60)[0]
    assert between({"a": one, "b": other}) == between({"a": one.sample(frac=1, random_state=1), "b": other})
    assert between({"a": one, "b": other}, seed=1) != between({"a": one, "b": other})


def test_ten_thousand_prompts_take_seconds(made: Made) -> None:
    import time

    ranks, sizes = made(0, prompts=2000, twice=0.2)
    every = pd.concat([ranks.assign(id=ranks["id"] + f"-{n}") for n in range(5)])
    lengths = pd.concat([sizes.assign(id=sizes["id"] + f"-{n}") for n in range(5)])
    start = time.process_time()
    found = reliability(every, None, lengths)
    assert found.prompts == 10_000 and time.process_time() - start < 20
