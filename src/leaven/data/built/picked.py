"""Ranks -> single answers: the best ones as demonstrations, or good and bad ones with a label (what KTO trains on)."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.data.built.candidates import Candidate, Ranked
from leaven.data.built.offered import Made, Offer, Offers, about, collected, without_duplicates

GOOD, BAD = "true", "false"  # as *examples* have a truth in ``label``


def demonstrations(ranked: Sequence[Ranked], *, best: int = 1) -> Made:
    """Build *examples* of the ``best`` answers to each prompt; a hash decides between answers of one rank."""
    offers = []
    for one in ranked:
        why = one.lacks(best)
        found = [] if why else [_offer(one, candidate) for candidate in one.candidates[:best]]
        offers.append(Offers(one, found, why))
    without_duplicates(offers, ("prompt", "completion"))
    return collected(offers)


def unpaired(ranked: Sequence[Ranked], *, good: int = 1, bad: int = 1) -> Made:
    """Build *examples* of the ``good`` best and ``bad`` worst answers to each prompt, labelled ``true`` and ``false``.

    Every good answer has a better rank than every bad one; of a prompt where that cannot be, nothing is built.
    """
    offers = []
    for one in ranked:
        why = one.lacks(good + bad) or _undecided(one.candidates, good, bad)
        labelled = [(candidate, GOOD) for candidate in one.candidates[:good]]
        labelled += [(candidate, BAD) for candidate in one.candidates[::-1][:bad]]
        offers.append(Offers(one, [] if why else [_offer(one, *each) for each in labelled], why))
    without_duplicates(offers, ("prompt", "completion", "label"))
    return collected(offers)


def _undecided(candidates: Sequence[Candidate], good: int, bad: int) -> str | None:
    tied = candidates[good - 1].rank == candidates[-bad].rank
    return "its good and bad answers have the same rank" if tied else None


def _offer(one: Ranked, candidate: Candidate, label: str | None = None) -> Offer:
    made = {**about(one, candidate.sample), "completion": candidate.turns}
    return Offer(made if label is None else {**made, "label": label})
