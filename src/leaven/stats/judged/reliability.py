"""Everything that is known of one judge of one set of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaven.stats.judged.again import Again, again
from leaven.stats.judged.intervals import Share, share
from leaven.stats.judged.lengths import Lengths, lengths
from leaven.stats.judged.luce import Luce, luce
from leaven.stats.judged.orders import Orders, of_votes, orders
from leaven.stats.judged.people import WithPeople, with_people
from leaven.stats.judged.places import Places, Votes, places, votes
from leaven.stats.table import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Reliability:
    """How far a judge can be trusted; None where nothing tells it.

    ``answers`` of ``prompts`` were to be judged (each once, however often it was asked about); ``unscored`` have no
    rank. ``parsed`` is the share of the questions whose reply could be read: a question is about all answers, about
    two (votes), or about one that stood alone.
    """

    prompts: int
    answers: int
    unscored: int
    parsed: Share
    again: Again | None = None
    places: Places | None = None
    votes: Votes | None = None
    lengths: Lengths | None = None
    people: WithPeople | None = None
    luce: Luce | None = None


def reliability(
    ranks: pd.DataFrame,
    votes_of: pd.DataFrame | None = None,
    answer_lengths: pd.DataFrame | None = None,
    *,
    by_people: bool = False,
) -> Reliability:
    """Say how far a judge can be trusted, from rows of the kinds ``ranks`` and ``votes``.

    ``answer_lengths`` has ``id``, ``sample`` and ``length`` (characters, say); all three may have ``run``, where one
    judge ranked what several runs' models answered. Where ``by_people``, sample 0 is what people preferred. Raises
    ReportError where one answer is ranked twice in one asking.
    """
    seen = orders(ranks, answer_lengths)
    voted = of_votes(votes_of, answer_lengths) if votes_of is not None else None
    first = seen.first
    return Reliability(
        prompts=len(np.unique(seen.prompt)),
        answers=int(first.there.sum()),
        unscored=int(np.sum(first.there & np.isnan(first.rank))),
        parsed=_parsed(seen, voted),
        again=again(seen),
        places=places(seen),
        votes=votes(votes_of, voted) if votes_of is not None and voted is not None else None,
        lengths=lengths(seen),
        people=with_people(seen) if by_people else None,
        luce=luce(voted if voted is not None else seen),
    )


def _parsed(seen: Orders, voted: Orders | None) -> Share:
    if voted is not None:
        return share(voted.is_whole.astype(float), voted.prompt)
    if np.any(~np.isnan(seen.place)):
        return share(seen.is_whole.astype(float), seen.prompt)
    scored: Floats = (~np.isnan(seen.rank))[seen.there].astype(float)
    return share(scored, np.repeat(seen.prompt, seen.there.sum(axis=1)))
