"""Asked for against measured: a small table for each arm, a line for each combination of tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from leaven.report import numbers
from leaven.report.conditioned.asked import NOTHING_ASKED, asks, attributes, by_arm, known_by
from leaven.report.findings import Findings, ObeyedInfo
from leaven.report.listings import Table

SHADES = 10  # steps from a share of nothing to one of everything
WITHOUT = "arms without tokens"
_OPEN = 60  # cells of the tables that are not folded; the first table never is


@dataclass(frozen=True)
class Share:
    """One measured class under one combination: the mean over seeds, their range, and what the labelling scorer says.

    ``shade`` is 0 to ``SHADES``; ``is_asked`` marks the class that the combination asks for.
    """

    value: str
    over_seeds: str = ""
    labeller: str = ""
    shade: int = 0
    is_asked: bool = False


@dataclass(frozen=True)
class Line:
    """One combination of an arm, or one arm without tokens."""

    name: str
    shares: Sequence[Share]


@dataclass(frozen=True)
class Matrix:
    """One arm's combinations x measured classes; ``heads`` are (attribute, its classes)."""

    title: str
    suite: str
    first: str  # what the lines are: "asked for" | "arm"
    heads: Sequence[tuple[str, Sequence[str]]]
    lines: Sequence[Line]
    note: str = ""
    is_open: bool = True

    @property
    def cells(self) -> int:
        """How many shares it shows."""
        return sum(len(line.shares) for line in self.lines)


def matrices(findings: Findings, suite: str) -> list[Matrix]:
    """Return the tables of a suite: one for each arm that knows tokens, then one of the arms that know none."""
    heads = [(name, _classes(findings, suite, name)) for name in attributes(findings, suite)]
    seen = by_arm(findings, suite)
    plain = {arm: infos for arm, infos in seen.items() if _conditions(infos) == [NOTHING_ASKED]}
    made = [_of_arm(findings, suite, heads, infos) for arm, infos in seen.items() if arm not in plain]
    lines = [Line(arm, _shares(findings, infos, NOTHING_ASKED, heads)) for arm, infos in plain.items()]
    if lines:
        every = [one for infos in plain.values() for one in infos]
        made.append(Matrix(WITHOUT, suite, "arm", heads, lines, _note(every)))
    return _folded(made)


def _folded(made: Iterable[Matrix]) -> list[Matrix]:
    """Keep the first tables open, as many as are read at a glance."""
    found: list[Matrix] = []
    shown = 0
    for one in made:
        shown += one.cells
        found.append(replace(one, is_open=not found or shown <= _OPEN))
    return found


def _classes(findings: Findings, suite: str, attribute: str) -> list[str]:
    of = [one for one in findings.obeyed if (one.suite, one.attribute) == (suite, attribute)]
    return list(dict.fromkeys(word for one in of for shares in one.shares.values() for word in shares))


def _conditions(infos: Sequence[ObeyedInfo]) -> list[str]:
    return list(dict.fromkeys(condition for one in infos for condition in one.shares))


def _of_arm(
    findings: Findings, suite: str, heads: Sequence[tuple[str, Sequence[str]]], infos: Sequence[ObeyedInfo]
) -> Matrix:
    lines = [Line(condition, _shares(findings, infos, condition, heads)) for condition in _conditions(infos)]
    return Matrix(infos[0].arm, suite, "asked for", heads, lines, _note(infos))


def _shares(
    findings: Findings, infos: Sequence[ObeyedInfo], condition: str, heads: Sequence[tuple[str, Sequence[str]]]
) -> list[Share]:
    known = known_by(findings).get(infos[0].arm, ())
    made = []
    for attribute, words in heads:
        here = [one for one in infos if one.attribute == attribute]
        judged = [one for one in here if one.judge]
        beside = [one for one in here if not one.judge] if judged else []
        for word in words:
            is_asked = asks(condition, attribute, word, known)
            made.append(_share(judged or here, beside, condition, word, is_asked=is_asked))
    return made


def _share(
    main: Sequence[ObeyedInfo], beside: Sequence[ObeyedInfo], condition: str, word: str, *, is_asked: bool
) -> Share:
    values = _values(main, condition, word)
    if not values:
        return Share(numbers.NOT_MEASURED, is_asked=is_asked)
    mean = math.fsum(values) / len(values)
    low, high = _percent(min(values)), _percent(max(values))
    labelled = _values(beside, condition, word)
    return Share(
        value=f"{_percent(mean)}{numbers.NBSP}%",
        over_seeds="" if low == high else f"{low} to {high}",
        labeller=f"{_percent(math.fsum(labelled) / len(labelled))}{numbers.NBSP}%" if labelled else "",
        shade=round(SHADES * min(max(mean, 0.0), 1.0)),
        is_asked=is_asked,
    )


def _values(infos: Sequence[ObeyedInfo], condition: str, word: str) -> list[float]:
    said = (one.shares.get(condition, {}).get(word) for one in infos)
    return [value for value in said if numbers.is_number(value)]


def _percent(share: float) -> str:
    """Write a share in percent, whole but for what would read as none or all of it."""
    percent = 100 * share
    return f"{percent:.1f}" if 0 < percent < 2 or 98 < percent < 100 else f"{percent:.0f}"


def _note(infos: Sequence[ObeyedInfo]) -> str:
    """Say how many texts and runs a table is of, and who says what they are."""
    texts = sorted({one.texts for one in infos})
    n_seeds = len({one.seed for one in infos if one.seed is not None})
    many = numbers.count(texts[0]) if len(texts) == 1 else f"{numbers.count(texts[0])} to {numbers.count(texts[-1])}"
    runs = f"mean of {n_seeds} seeds, with their range" if n_seeds > 1 else "one seed" if n_seeds else "not trained"
    return f"{many} texts a combination and run; {runs}."


def plain(matrix: Matrix) -> Table:
    """Return a matrix as a plain table, for formats that know no shades; the class asked for is marked."""
    heads = [matrix.first, *(f"{attribute}: {word}" for attribute, words in matrix.heads for word in words)]
    rows = [[line.name, *(_written(share) for share in line.shares)] for line in matrix.lines]
    return Table(heads, rows, frozenset(range(1, len(heads))), matrix.note)


def _written(share: Share) -> str:
    beside = [share.over_seeds, f"labeller {share.labeller}" if share.labeller else ""]
    said = "; ".join(filter(None, beside))
    return f"{share.value}{f' ({said})' if said else ''}{', asked for' if share.is_asked else ''}"
