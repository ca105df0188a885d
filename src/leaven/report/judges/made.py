"""What was built of ranked answers, as tables: how much, what was left out and why, how different the answers were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from leaven.report import numbers
from leaven.report.judges.found import BuiltInfo, Judging
from leaven.report.judges.sure import percent
from leaven.report.listings import NOTHING, Table

_DIVERSITY = {"self_bleu": "Self-BLEU", "distinct_1": "distinct words", "distinct_2": "distinct 2-grams",
              "distinct_3": "distinct 3-grams"}  # fmt: skip
_MOST = 60
Number = float | None


def built(judging: Judging) -> Table | None:
    """Return how much was built, data set by data set; a range where seeds differ."""
    rows = [
        [
            data, of[0].makes, of[0].judge, of[0].answers, str(len(of)),
            _span(one.prompts for one in of), _span(one.used for one in of), _span(one.rows for one in of),
            _span((one.longer_chosen for one in of), percent), _span((one.margin for one in of), _ranks),
        ]
        for data, of in _by_data(judging.built).items()
    ]  # fmt: skip
    heads = ["data", "makes", "judge", "answers to", "seeds", "prompts in", "prompts used", "rows out",
             "longer preferred", "margin in ranks"]  # fmt: skip
    note = "Longer preferred: of the pairs whose answers differ in length. Margin: the mean difference of their ranks."
    return Table(heads, rows[:_MOST], frozenset(range(4, 10)), note) if rows else None


def dropped(judging: Judging) -> Table | None:
    """Return what was left out of each data set, and why."""
    rows = []
    for data, of in _by_data(judging.built).items():
        for what, counts in (("prompts", [one.drops for one in of]), ("rows", [one.left_out for one in of])):
            whole = [one.prompts if what == "prompts" else one.offered for one in of]
            rows += [[data, what, reason, many, share] for reason, many, share in _reasons(counts, whole)]
    heads = ["data", "left out", "why", "how many", "share"]
    return Table(heads, rows[:_MOST], frozenset({3, 4})) if rows else None


def _reasons(counts: Sequence[Mapping[str, int]], whole: Sequence[int | None]) -> Iterable[tuple[str, str, str]]:
    for reason in dict.fromkeys(reason for one in counts for reason in one):
        many = [one.get(reason, 0) for one in counts]
        shares = [n / of if of else None for n, of in zip(many, whole, strict=True)]
        yield reason, _span(many), _span(shares, percent)


def diversity(judging: Judging) -> Table | None:
    """Return how different the answers to one prompt were, for each set of answers that something was built of."""
    of_answers: dict[str, dict[int, BuiltInfo]] = {}
    for one in judging.built:
        of_answers.setdefault(one.answers, {}).setdefault(one.seed, one)
    rows = []
    for answers, by_seed in of_answers.items():
        of = list(by_seed.values())
        means = [_span((one.diversity.get(name) for one in of), _mean) for name in _DIVERSITY]
        counts = [_span(getattr(one, name) for one in of) for name in ("n_answers", "repeats", "silent")]
        rows.append([answers, *counts, *means])
    heads = ["answers to", "answers", "repeat another", "empty or none", *_DIVERSITY.values()]
    note = (
        "Self-BLEU: how much an answer is made of the other answers to its prompt, 0 to 1; distinct: how many"
        " different n-grams its answers have, of all they tell. Means over prompts; both depend on how many answers"
        " there are."
    )
    return Table(heads, rows, frozenset(range(1, 8)), note) if rows else None


def _by_data(built: Iterable[BuiltInfo]) -> dict[str, list[BuiltInfo]]:
    found: dict[str, list[BuiltInfo]] = {}
    for one in built:
        found.setdefault(one.data, []).append(one)
    return found


def _span(values: Iterable[Number], write: Callable[[Number], str] = numbers.count) -> str:
    """Write the lowest and the highest of what seeds have, once where they are written alike."""
    known = sorted(x for x in values if numbers.is_number(x))
    ends = dict.fromkeys(map(write, known[:1] + known[-1:]))
    return " to ".join(ends) or NOTHING


def _ranks(x: Number) -> str:
    return f"{x:.2f}" if numbers.is_number(x) else NOTHING


def _mean(x: Number) -> str:
    return f"{x:.3f}" if numbers.is_number(x) else NOTHING
