"""What to be careful of in judges, in plain sentences; each is said only where it is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.judges.found import BY_WORDS, CHANCE, JudgeInfo, Judging
from leaven.report.judges.standing import standing
from leaven.report.judges.sure import interval, meant, percent, ranged, side, size
from leaven.report.text import clip

UNREAD = 0.02  # of the questions: from here on what is left out may matter
_LITTLE = 1 / 3  # an alpha below it is next to no agreement; Krippendorff asks for two thirds at least
_TENTATIVE = 2 / 3


def cautions(judging: Judging) -> list[str]:
    """Flag each judge that labelled what an arm trains on and measures that arm as well."""
    said = []
    for one in _judges(judging):
        if one.built and one.arms and one.evaluates:
            said.append(
                f"Circular: {clip(one.judge, 60)} labelled {listed(list(one.built))}, which {listed(list(one.arms))}"
                f" learnt from, and it is also what {listed(list(one.evaluates))} measures. A model may have learnt"
                " that judge's quirks: do not read its own measure as a gain; another judge, or people, would tell."
            )
    return list(dict.fromkeys(said))


def doubts(judging: Judging) -> list[str]:
    """Return everything to be careful of, most serious first."""
    every = _judges(judging)
    asked = [one for one in every if one.kind != CHANCE and not one.by_people]
    return [
        *cautions(judging),
        *_unproven(judging),
        *(said for one in every if one.kind != CHANCE for said in _people(one)),
        *(said for one in asked for said in (*_again(one), *_places(one), *_lengths(one), *_unread(one))),
        *_apart(judging),
    ]


def _judges(judging: Judging) -> Sequence[JudgeInfo]:
    """Return the judges with those first whose ranks were built on."""
    return sorted(judging.judges, key=lambda one: not one.built)


def _name(one: JudgeInfo) -> str:
    return clip(one.judge, 60)


def _unproven(judging: Judging) -> list[str]:
    """Name the judges that were built on and never held against people."""
    tried = {one.judge for one in judging.judges if one.found.people is not None}
    blind = [one.judge for one in _judges(judging) if one.built and one.kind != CHANCE and one.judge not in tried]
    names = list(dict.fromkeys(blind))
    why = "how often it prefers what people prefer is not known"
    return [f"{listed(names, 6)} was never held against people's preferences: {why}."] if names else []


def _people(one: JudgeInfo) -> Iterator[str]:
    found = one.found.people
    if found is None or not numbers.is_number(found.agreement.value):
        return
    agreed = found.agreement
    sizes = f"{percent(agreed.value)} of {numbers.count(agreed.n)} pairs of {clip(one.data, 60)}; {interval(agreed)}"
    way = side(agreed, 0.5)
    if way <= 0:
        how = "prefers what people do not prefer" if way else "is not shown to agree with people more than a coin would"
        yield f"Careful: {_name(one)} {how} ({sizes})."
    longer, by_people = found.longer_by_judge, found.longer_by_people
    # A judge that errs at random comes closer to a half than people are: that is no taste.
    if side(found.longer_more, 0.0) > 0 and side(longer, 0.5) > 0:
        shares = f"{percent(longer.value)} of the pairs, people in {percent(by_people.value)}"
        yield f"{_name(one)} prefers the longer answer in {shares}: a taste for length that people do not have."


def _again(one: JudgeInfo) -> Iterator[str]:
    found = one.found.again
    if found is None:
        if one.kind in BY_WORDS[:2]:
            yield f"{_name(one)} was asked about nothing twice: how far it agrees with itself is not known."
        return
    same = found.same_best
    sizes = f"{interval(same)}; by chance {percent(found.chance)}; {numbers.count(found.prompts)} prompts"
    if same.value == 1:
        return
    chance = "" if side(same, found.chance) > 0 else ", which is not shown to be more than chance gives"
    yield (f"After re-ordering, {_name(one)} names the same best answer of {clip(one.data, 60)} in"
           f" {percent(same.value)} of the prompts{chance} ({sizes}).")  # fmt: skip


def _places(one: JudgeInfo) -> Iterator[str]:
    places, votes = one.found.places, one.found.votes
    if votes is not None and (way := side(votes.first, 0.5)):
        which = "first" if way > 0 else "second"
        sizes = f"the first of two in {percent(votes.first.value)} of {numbers.count(votes.first.n)} decided votes"
        yield f"{_name(one)} prefers what stands {which} ({sizes}; {interval(votes.first)}; a half without a bias)."
    elif places is not None and (said := standing(_name(one), places)):
        yield said


def _lengths(one: JudgeInfo) -> Iterator[str]:
    found = one.found.lengths
    if found is None or not (way := side(found.tau, 0.0)):
        return
    what, slope = "longer" if way > 0 else "shorter", found.slope
    gain = f"{size(abs(slope.value))} places for twice the length; " if numbers.is_number(slope.value) else ""
    sure = f"{gain}Kendall's tau {meant(found.tau)}"
    answers = f"{what} answers of {clip(one.data, 60)}"
    yield f"{_name(one)} ranks {answers} better ({sure}): by taste, or because they are better."


def _unread(one: JudgeInfo) -> Iterator[str]:
    share = one.found.parsed
    if numbers.is_number(share.value) and 1 - share.value >= UNREAD:
        lost = f"{percent(1 - share.value)} of {numbers.count(share.n)} questions to {_name(one)}"
        why = next(iter(one.reasons), "")
        told = f" (most often: {clip(why, 120).rstrip('.')})" if why else ""
        yield f"{lost} gave no rank{told}: what is left may be easier than the rest."


def _apart(judging: Judging) -> Iterator[str]:
    for one in judging.agreements:
        alpha = one.found.alpha
        if not numbers.is_number(alpha) or alpha >= _TENTATIVE:
            continue
        how = "hardly agree" if alpha < _LITTLE else "agree in part"
        said = f"Krippendorff's alpha {ranged(alpha, one.found.low, one.found.high)}"
        yield f"The judges of {clip(one.data, 60)} {how} ({said}): which one is asked decides what is built."
