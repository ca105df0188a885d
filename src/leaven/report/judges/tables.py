"""Judges as tables: each for itself, against people, place and length together, and against each other."""

from __future__ import annotations

from leaven.report import numbers
from leaven.report.judges.found import BY_WORDS, JudgeInfo, Judging
from leaven.report.judges.sure import coefficient, meant, percent, ranged, shared
from leaven.report.listings import NOTHING, Table
from leaven.report.text import clip
from leaven.stats.judged.places import Votes

_MOST = 60  # lines of one table


def judges(judging: Judging) -> Table | None:
    """Return how far each judge can be trusted, a line for each judge and data set that it ranked."""
    listed = [one for one in judging.judges if not one.by_people] or list(judging.judges)
    people = _agreement(judging)
    rows = [
        [
            one.judge, one.what, one.data, _ranked(one), _read(one), _itself(one), _first(one), _longer(one),
            people.get(one.judge, NOTHING),
        ]
        for one in listed
    ]  # fmt: skip
    heads = ["judge", "who", "answers to", "ranked", "replies read", "itself again", "prefers earlier",
             "prefers longer", "agrees with people"]  # fmt: skip
    note = (
        "In brackets: 95 % intervals. Itself again: in another order, the best answer stays the same. Prefers earlier:"
        " Kendall's tau of place and rank, all places together (of pairs: decided votes for the first, 50 % without a"
        " bias). Prefers longer: tau of length and rank; longer answers may also be better. Agrees with people: ranks"
        " better what people prefer; ties count half."
    )
    return _table(heads, rows, range(3, 9), note)


def _table(heads: list[str], rows: list[list[str]], numeric: range, note: str = "") -> Table | None:
    more = f" {numbers.count(len(rows) - _MOST)} more lines are not shown." if len(rows) > _MOST else ""
    return Table(heads, rows[:_MOST], frozenset(numeric), f"{note}{more}".strip()) if rows else None


def _agreement(judging: Judging) -> dict[str, str]:
    found = [(one.judge, one.found.people) for one in judging.judges]
    return {judge: shared(people.agreement) for judge, people in found if people is not None}


def _ranked(one: JudgeInfo) -> str:
    whole = one.found.answers
    return f"{numbers.count(whole - one.found.unscored)} of {numbers.count(whole)}"


def _read(one: JudgeInfo) -> str:
    return shared(one.found.parsed) if one.kind in BY_WORDS else NOTHING


def _itself(one: JudgeInfo) -> str:
    again = one.found.again
    return shared(again.same_best) if again is not None else NOTHING


def _longer(one: JudgeInfo) -> str:
    return meant(one.found.lengths.tau) if one.found.lengths is not None else NOTHING


def _first(one: JudgeInfo) -> str:
    if one.found.votes is not None:
        return shared(one.found.votes.first)
    return meant(one.found.places.tau) if one.found.places is not None else NOTHING


def people(judging: Judging) -> Table | None:
    """Return what each judge makes of the pairs of which people said which is better."""
    rows = []
    for one in judging.judges:
        if (found := one.found.people) is not None:
            rows.append([
                one.judge, one.data, numbers.count(found.agreement.n), shared(found.agreement),
                numbers.count(found.ties), numbers.count(found.unscored), shared(found.longer_by_people),
                shared(found.longer_by_judge),
            ])  # fmt: skip
    heads = ["judge", "people's preferences", "pairs", "agrees", "ties", "without a rank", "people prefer the longer",
             "the judge does"]  # fmt: skip
    return _table(heads, rows, range(2, 8))


def asked(judging: Judging) -> Table | None:
    """Return how judges that are asked twice, or in pairs, agree with themselves, in full."""
    rows = []
    for one in judging.judges:
        again, votes = one.found.again, one.found.votes
        if again is None and votes is None:
            continue
        rows.append([
            one.judge, one.data, numbers.count(again.prompts) if again else NOTHING,
            meant(again.tau) if again else NOTHING, shared(again.same_best) if again else NOTHING,
            percent(again.chance) if again else NOTHING, *_votes(votes),
            numbers.count(one.repaired) if one.repaired is not None else NOTHING,
        ])  # fmt: skip
    heads = ["judge", "answers to", "prompts asked twice", "Kendall's tau", "same best", "by chance", "same vote",
             "tied votes", "repaired"]  # fmt: skip
    note = "Repaired: replies that could be read only after the judge was asked for them once more."
    return _table(heads, rows, range(2, 9), note)


def _votes(votes: Votes | None) -> tuple[str, str]:
    return (shared(votes.same), shared(votes.ties)) if votes is not None else (NOTHING, NOTHING)


def together(judging: Judging) -> Table | None:
    """Return place and length as one model of the whole rankings has them."""
    rows = []
    for one in judging.judges:
        fit = one.found.luce
        if fit is None or one.by_people or not (fit.terms or fit.note):
            continue
        terms = [coefficient(fit.term(name)) for name in ("place", "length")]
        rows.append([one.judge, one.data, *terms, numbers.count(fit.questions), fit.note or NOTHING])
    heads = ["judge", "answers to", "one place further back", "twice as long", "questions", "note"]
    note = (
        "Plackett-Luce, place and length together: by what the odds of being ranked above another answer are multiplied"
        " (95 % interval; errors by prompt). What makes an answer better and is not in the model draws both towards 1."
    )
    return _table(heads, rows, range(2, 5), note)


def between(judging: Judging) -> Table | None:
    """Return how each two judges agree about the same answers."""
    rows, notes = [], []
    for one in judging.agreements:
        for pair in one.found.pairs:
            chance = percent(one.found.chance)
            count = numbers.count(pair.tau.prompts)
            rows.append([one.data, pair.one, pair.other, meant(pair.tau), shared(pair.same_best), chance, count])
        if numbers.is_number(one.found.alpha):
            alpha = ranged(one.found.alpha, one.found.low, one.found.high)
            notes.append(f"{clip(one.data, 60)}: Krippendorff's alpha (ordinal) {alpha}")
    heads = ["answers to", "judge", "and judge", "Kendall's tau", "same best", "by chance", "prompts"]
    alphas = f" {'; '.join(notes)}; judges by chance are not in it." if notes else ""
    ties = "Same best: of answers that share a judge's best place, one is taken by chance."
    return _table(heads, rows, range(3, 7), f"{ties}{alphas}")
