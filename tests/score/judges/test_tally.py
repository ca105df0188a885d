"""From what judges said to ranks and votes by sample: ties, what is missing, equal answers, and nothing lost."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leaven import rows as tables
from leaven.registry import JUDGES
from leaven.score.judges import candidates, questions, tally
from leaven.score.judges.candidates import Candidate, gathered
from leaven.score.judges.verdicts import Verdict

SERVER = {"server": {"model": "m"}}


def judge(name: str, **args: Any) -> Any:
    return JUDGES.get(name).call(args={**SERVER, **args})


def of(texts: list[str], row_id: str = "p:0", ended: str = "stop") -> list[candidates.Candidates]:
    answers = [
        {"prompt_id": row_id, "sample": at, "text": text, "finish_reason": ended if not text else "stop"}
        for at, text in enumerate(texts)
    ]
    return gathered([{"id": row_id, "prompt": [{"role": "user", "content": "q"}]}], answers)


def test_equal_scores_share_the_mean_of_their_places() -> None:
    assert tally.ranked({0: 1.0, 1: 3.0, 2: 1.0, 3: None}, dict.fromkeys(range(4), 1)) == {1: 1.0, 0: 2.5, 2: 2.5}
    assert tally.ranked({0: 1.0, 1: 3.0}, {0: 1, 1: 2}) == {1: 1.5, 0: 3.0}


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0])), max_size=8))
def test_ranks_are_those_of_scipy(scores: list[float | None]) -> None:
    from scipy.stats import rankdata

    known = [(at, score) for at, score in enumerate(scores) if score is not None]
    want = rankdata([-score for _, score in known]) if known else []
    made = tally.ranked(dict(enumerate(scores)), dict.fromkeys(range(len(scores)), 1))
    assert made == {at: rank for (at, _), rank in zip(known, want, strict=True)}


def test_scores_become_ranks_of_all_samples() -> None:
    asked = of(["x", "y", "x", "z", "w"])
    scores: dict[Candidate, float | None] = dict.fromkeys((Candidate("p:0", at) for at in (0, 1, 3, 4)), 0.0)
    scores |= {Candidate("p:0", 1): 2.0, Candidate("p:0", 3): None, Candidate("p:0", 4): math.nan}
    made = tally.by_scores(asked, scores, {Candidate("p:0", 3): "too long"})
    assert [row["rank"] for row in made] == [2.5, 1.0, 2.5, None, None]
    assert [row["score"] for row in made] == [0.0, 2.0, 0.0, None, None]
    assert [row["reason"] for row in made] == [None, None, None, "too long", tally.NO_VALUE]
    assert {row["place"] for row in made} == {None}
    tables.table("ranks", made)


def test_what_cannot_be_ranked_is_there_with_a_reason() -> None:
    for asked in (of(["x", "x", "x"]), of(["x"])):
        made = tally.by_scores(asked, {}, {})
        words, _ = tally.by_words(judge("rank"), asked, [])
        assert made == words
        assert {row["rank"] for row in made} == {None}
        assert {row["reason"] for row in made} == {asked[0].unrankable}


def test_an_answer_that_never_came_is_not_judged() -> None:
    asked = of(["x", "", "y"], ended="429, 6 times")
    made = tally.by_scores(asked, {Candidate("p:0", 0): 0.0, Candidate("p:0", 2): 1.0}, {})
    assert [(row["rank"], row["reason"]) for row in made] == [
        (2.0, None),
        (None, "not answered: 429, 6 times"),
        (1.0, None),
    ]


def test_a_ranking_goes_back_to_its_samples() -> None:
    asked, by = of(["a", "b", "c", "b"]), judge("rank", again=1)
    both = questions.questions(by, asked, 0)
    truth = {0: 2, 1: 1, 2: 3}  # of the different ones
    said = [Verdict(said=tuple(truth[sample] for sample in one.shown)) for one in both]
    made, votes = tally.by_words(by, asked, zip(both, said, strict=True))
    assert votes == []
    for asking in (0, 1):
        rows = [row for row in made if row["asking"] == asking]
        assert [row["rank"] for row in rows] == [3.0, 1.5, 4.0, 1.5], "two are equal, and share the places 1 and 2"
        assert [row["place"] for row in rows] == [both[asking].shown.index(at) for at in (0, 1, 2, 1)]
    assert len(made) == 8


def test_an_unread_ranking_loses_nothing() -> None:
    asked, by = of(["a", "b", "c"]), judge("rank", again=0)
    (one,) = questions.questions(by, asked, 0)
    made, _ = tally.by_words(by, asked, [(one, Verdict(why="not read: it is empty"))])
    assert [(row["rank"], row["reason"]) for row in made] == [(None, "not read: it is empty")] * 3
    assert sorted(row["place"] for row in made) == [0, 1, 2]


def test_votes_become_shares_of_wins() -> None:
    asked, by = of(["a", "b", "c"]), judge("pairwise", again=0)
    wanted = questions.questions(by, asked, 0)
    better = {0: 2, 1: 1, 2: 1}

    def said(one: questions.Question) -> Verdict:
        first, second = (better[sample] for sample in one.shown)
        return Verdict(choice="tie" if first == second else "first" if first > second else "second")

    made, votes = tally.by_words(by, asked, [(one, said(one)) for one in wanted])
    assert [(row["score"], row["rank"]) for row in made] == [(1.0, 1.0), (0.25, 2.5), (0.25, 2.5)]
    assert len(votes) == 3
    assert {frozenset((vote["first"], vote["second"])): vote["choice"] for vote in votes}[frozenset((1, 2))] == "tie"
    tables.table("votes", votes)


def test_an_unread_pair_leaves_both_of_its_answers_unscored() -> None:
    asked, by = of(["a", "b", "c", "d"]), judge("pairwise", again=0)
    wanted = questions.questions(by, asked, 0)
    told = [
        (one, Verdict(why="not read: x") if set(one.shown) == {0, 3} else Verdict(choice="first")) for one in wanted
    ]
    made, votes = tally.by_words(by, asked, told)
    assert [row["reason"] for row in made] == ["not read: x", None, None, "not read: x"]
    assert [row["rank"] is None for row in made] == [True, False, False, True]
    assert sum(vote["choice"] is None for vote in votes) == 1


def test_points_become_ranks() -> None:
    asked, by = of(["a", "b", "c"]), judge("pointwise", again=0)
    wanted = questions.questions(by, asked, 0)
    told = [(one, Verdict(said=({0: 3, 1: 9, 2: 3}[one.shown[0]],))) for one in wanted]
    made, votes = tally.by_words(by, asked, told)
    assert [(row["score"], row["rank"], row["place"]) for row in made] == [
        (3.0, 2.5, None),
        (9.0, 1.0, None),
        (3.0, 2.5, None),
    ]
    assert votes == []
