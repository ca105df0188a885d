"""Ranks -> preferences: which answer to a prompt is preferred to which, and which pairs are left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

from leaven.data.built.candidates import Candidate, Ranked
from leaven.data.built.offered import Made, Offer, Offers, about, collected, without_duplicates
from leaven.data.treatments.draw import Draw
from leaven.rows import Message, Row

_BALANCED = "left out so that longer answers are preferred no more often than shorter ones"


def preferences(
    ranked: Sequence[Ranked],
    *,
    pairs: Literal["best_worst", "all"] = "best_worst",
    min_margin: float = 1.0,
    max_length_ratio: float | None = None,
    length_balance: bool = False,
    ranks_in_prompt: bool = False,
) -> Made:
    """Build *preferences* whose margin is the difference of the ranks; it is at least ``min_margin``, so never a tie.

    ``pairs``: of each prompt the best answer against the worst, or every answer against every worse one.
    ``max_length_ratio``: a pair whose longer answer has more than so many times the characters is left out.
    ``length_balance``: of the pairs whose longer answer is preferred so many are left out, by a hash of their ids, that
    there are no more of them than of the others. ``ranks_in_prompt``: see ``with_ranks``.
    """
    offers = []
    for one in ranked:
        why = one.lacks(2)
        found = [] if why else [_offer(one, *pair, ranks_in_prompt) for pair in _paired(one.candidates, pairs)]
        for offer in found:
            offer.why = _too_close(offer.row, min_margin) or _too_unlike(offer.row, max_length_ratio)
        offers.append(Offers(one, found, why))
    without_duplicates(offers, ("prompt", "chosen", "rejected"))
    if length_balance:
        _balance([offer for one in offers for offer in one.each if offer.why is None])
    return collected(offers)


def longer_chosen(rows: Sequence[Row]) -> float | None:
    """Return the share of pairs whose chosen answer has more characters, among those whose answers differ in length."""
    differ = [row for row in rows if _longer(row)]
    return sum(_longer(row) > 0 for row in differ) / len(differ) if differ else None


def with_ranks(prompt: Sequence[Message], ranks: Sequence[float | None]) -> list[Message]:
    """Return a prompt whose last turn ends with the ranks of all answers to it, in the order of the samples.

    The published project says that it "extracts ranks per prompt ... and appends them to the prompt" and shows no row,
    so the wording (a blank line and ``Ranks: 2, 1, 5``) is ours. ``?`` is an answer without a rank.
    """
    said = ", ".join("?" if rank is None else f"{rank:g}" for rank in ranks)
    return [*prompt[:-1], {**prompt[-1], "content": f"{prompt[-1]['content']}\n\nRanks: {said}"}]


def _paired(candidates: Sequence[Candidate], pairs: str) -> Iterator[tuple[Candidate, Candidate]]:
    if pairs == "all":
        yield from itertools.combinations(candidates, 2)
    else:
        yield candidates[0], candidates[-1]


def _offer(one: Ranked, chosen: Candidate, rejected: Candidate, ranks_in_prompt: bool) -> Offer:
    made = about(one, chosen.sample, rejected.sample)
    if ranks_in_prompt:
        made["prompt"] = with_ranks(made["prompt"], one.ranks)
    margin = rejected.rank - chosen.rank
    return Offer({**made, "chosen": chosen.turns, "rejected": rejected.turns, "margin": margin})


def _too_close(row: Row, min_margin: float) -> str | None:
    if row["margin"] == 0:
        return "tie"
    # Means of ranks are not exact: 4/3 and 1/3 are one rank apart.
    return None if row["margin"] > min_margin - 1e-9 else f"ranks differ by less than {min_margin:g}"


def _too_unlike(row: Row, most: float | None) -> str | None:
    short, long = sorted(len(row[side][0]["content"]) for side in ("chosen", "rejected"))
    return f"one answer is more than {most:g} times as long" if most is not None and long > most * short else None


def _longer(row: Row) -> int:
    """Return by how many characters the chosen answer is longer."""
    return len(row["chosen"][0]["content"]) - len(row["rejected"][0]["content"])


def _balance(offers: Sequence[Offer]) -> None:
    longer = [offer for offer in offers if _longer(offer.row) > 0]
    surplus = len(longer) - sum(_longer(offer.row) < 0 for offer in offers)
    draw = Draw(0, "length_balance")
    for offer in sorted(longer, key=lambda one: draw.uniform(one.row["id"]))[: max(0, surplus)]:
        offer.why = _BALANCED
