"""What each data set did, a paragraph per arm: what it gains, what it costs, what stays, what nobody can tell.

Gains and costs are named only where a change was shown after correction. One seed or two show nothing of a recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import (
    corrected_p,
    few_seeds,
    is_shown,
    left_out,
    listed,
    margin,
    unit_of,
)
from leaven.report.empty import is_coincidence, tells_nothing
from leaven.report.findings import ArmInfo, Findings
from leaven.report.listings import bounds
from leaven.report.means import Column, Means, arms, columns, is_baseline, is_primary
from leaven.report.text import clip
from leaven.stats.coherence import Degenerate

LEAD = (
    "A gain or a cost is named only where a change was shown: its p-value is the one after correction, its bracket the"
    " 95 % interval. That no change was shown is not the same as no change; that one is said where the 90 % interval"
    " lies within the margin."
)
MOST = 40  # paragraphs; who has more arms reads the tables
_NAMES = 12  # outcomes in one list
_OPEN = 5  # outcomes that are named where nothing can be said of them
_TRAINERS = {"sft": "SFT on", "dpo": "DPO on", "reward": "a reward model on"}


@dataclass(frozen=True)
class Paragraph:
    """What one arm's data did: the arm, what it was trained on with rows and seeds, and the sentence on it."""

    arm: str
    head: str
    text: str

    def __str__(self) -> str:
        return f"{self.head}: {self.text}"


def title(findings: Findings) -> str:
    """Return what the paragraphs are called: of data sets, where arms were trained on different ones."""
    trained = {tuple(arm.data) for arm in findings.arms if arm.data}
    return "What each data set did" if len(trained) > 1 else "What each arm did"


def verdicts(findings: Findings, found: Means) -> list[Paragraph]:
    """Return a paragraph per compared arm that names its data, in the arms' order; of a study with boards, per arm."""
    over = _columns(findings, found)
    differences = [c for c in findings.comparisons if c.kind == "difference" and c.group is None]
    compared = {(c.arm, Column(c.suite, c.metric)): c for c in differences}
    made = []
    for arm in arms(findings, found):
        here = [c for column in over if (c := compared.get((arm.name, column))) is not None]
        more = [c for (name, column), c in compared.items() if name == arm.name and column not in over]
        skipped = is_baseline(findings, arm) or findings.is_replicate(arm) or not (arm.data or findings.boards)
        if here and not skipped:
            text = " ".join(_sentences(findings, found, arm, here, more))
            made.append(Paragraph(arm.name, _head(findings, arm), text))
    return made[:MOST]


def _columns(findings: Findings, found: Means) -> list[Column]:
    """Return what a verdict is about: the boards' columns over all items, and the primary outcomes."""
    boards = [Column(*column) for board in findings.boards for column in board.columns]
    primary = [column for column in columns(findings, found) if is_primary(findings, column)]
    return list(dict.fromkeys([*boards, *primary]))


# Whose data


def _head(findings: Findings, arm: ArmInfo) -> str:
    """Write ``SFT on lima (772 rows), then DPO on hh (900 rows); 3 seeds``."""
    steps = [_step(findings, arm, place, one) for place, one in enumerate(arm.data)]
    n = len(set(arm.seeds))
    runs = f"{n} seed{'' if n == 1 else 's'}" if n else "no training run varied"
    trained = ", then ".join(steps) or clip(arm.what, 120) or "as the base"
    return f"{clip(arm.name, 60)} ({trained}; {runs})"


def _step(findings: Findings, arm: ArmInfo, place: int, one: str) -> str:
    trainer, _, data = one.partition(" ")
    said = f"{_TRAINERS.get(trainer, f'{trainer} on')} {clip(data, 60)}" if data else clip(one, 60)
    rows = _rows(findings, arm.name, place)
    if not rows:
        return said
    low, high = numbers.count(min(rows)), numbers.count(max(rows))
    return f"{said}, {low if low == high else f'{low} to {high}'} row{'' if max(rows) == 1 else 's'}"


def _rows(findings: Findings, arm: str, place: int) -> list[int]:
    """Return how many rows the runs of one training of a chain had, where that is known."""
    by_seed: dict[int | None, list[int | None]] = {}
    for training in findings.trainings:
        if training.arm == arm:
            by_seed.setdefault(training.seed, []).append(training.rows)
    return [n for rows in by_seed.values() if place < len(rows) and (n := rows[place]) is not None]


# What it did


def _sentences(
    findings: Findings, found: Means, arm: ArmInfo, here: Sequence[Comparison], more: Sequence[Comparison]
) -> Iterator[str]:
    beside = [c for c in more if is_shown(c) and not _is_hollow(findings, found, c)]
    absent = [c for c in here if not numbers.is_number(c.effect)]
    few = [c for c in here if c.n_seeds in (1, 2) and c not in absent]
    sure = [c for c in here if c not in absent and c not in few]
    hollow = [c for c in sure if _is_hollow(findings, found, c)]
    solid = [c for c in sure if c not in hollow]
    if solid:
        yield _sure(findings, solid, f" in {_scope(findings)}" if beside else "")
    if few:
        yield f"In these runs: {_sizes(findings, few)}. {few_seeds(few[0])}"
    if hollow:
        yield f"Tells nothing: {'; '.join(_hollow(findings, found, c) for c in hollow)}."
    if absent:
        yield f"Not compared: {_names(findings, absent)}."
    if beside:
        yield f"Beside {_scope(findings)}, a change was shown: {_sizes(findings, beside, _way)}."
    yield from _broken(findings, arm)


def _scope(findings: Findings) -> str:
    """Say what gains and costs are looked for in, where other outcomes changed as well."""
    return "the boards and the primary outcomes" if findings.boards else "the primary outcomes"


def _sure(findings: Findings, solid: Sequence[Comparison], where: str) -> str:
    """Sort what three seeds or more say into gains, costs, changes that are neither, no change, and open.

    That no gain or no cost is shown is said of ``where`` it was looked for.
    """
    changed = [c for c in solid if is_shown(c)]
    gains = [c for c in changed if _goodness(findings, c) > 0]
    costs = [c for c in changed if _goodness(findings, c) < 0]
    neither = [c for c in changed if c not in gains and c not in costs]
    same = [c for c in solid if c.equivalent and c not in changed]
    rest = [c for c in solid if c not in changed and c not in same]
    parts = [f"gains {_change(findings, gains)}"] if gains else [f"no gain is shown{where}"] if costs else []
    parts += [f"costs {_change(findings, costs)}"] if costs else [f"no cost is shown{where}"] if gains else []
    parts += [] if parts else [f"no gain and no cost is shown{where}"]
    parts += [f"changes {_change(findings, neither)}"] if neither else []
    parts += [f"no change within the margin: {_near(findings, same)}"] if same else []
    parts += [f"not told apart from {clip(rest[0].baseline, 60)} in {_names(findings, rest, _OPEN)}"] if rest else []
    return " ".join(f"{part[:1].upper()}{part[1:]}." for part in parts)


def _goodness(findings: Findings, c: Comparison) -> float:
    better = findings.metric(c.suite, c.metric).better
    effect = c.effect or 0.0
    return effect if better == "higher" else -effect if better == "lower" else 0.0


def _way(findings: Findings, c: Comparison) -> str:
    """Say whether a change is for the better, where that is known."""
    good = _goodness(findings, c)
    return " (better)" if good > 0 else " (worse)" if good < 0 else ""


def _name(findings: Findings, c: Comparison) -> str:
    """Name an outcome as the boards do, suite first, where its metric alone does not tell."""
    both = findings.needs_suite(c.suite, c.metric)
    return " ".join(clip(part, 60) for part in ([c.suite] if both else []) + [c.metric])


def _change(findings: Findings, some: Sequence[Comparison]) -> str:
    said = []
    for c in some:
        unit = unit_of(findings, c)
        between = _bracket(c.low, c.high, unit)
        small = ", less than the margin" if c.equivalent else ""
        p = numbers.p_phrase(corrected_p(c) or 0.0)
        missing = "".join(f", {words}" for words in left_out(c))
        said.append(f"{_name(findings, c)} {numbers.change(c.effect, unit)}{between}, {p}{small}{missing}")
    return "; ".join(said)


def _near(findings: Findings, some: Sequence[Comparison]) -> str:
    said = []
    for c in some:
        near = _bracket(c.low90, c.high90, unit_of(findings, c))
        said.append(f"{_name(findings, c)}{near} of {margin(findings, c)}")
    return ", ".join(said)


def _bracket(low: float | None, high: float | None, unit: str) -> str:
    between = bounds(low, high, unit)
    return f" [{between.replace(' ', numbers.NBSP)}]" if between else ""


def _sizes(
    findings: Findings, some: Sequence[Comparison], told: Callable[[Findings, Comparison], str] = lambda *_: ""
) -> str:
    said = [
        f"{_name(findings, c)} {numbers.change(c.effect, unit_of(findings, c))}{told(findings, c)}"
        for c in some[:_NAMES]
    ]
    return ", ".join([*said, *([f"{len(some) - _NAMES} more"] if len(some) > _NAMES else [])])


def _names(findings: Findings, some: Sequence[Comparison], most: int = _NAMES) -> str:
    return listed([_name(findings, c) for c in some], most)


def _is_hollow(findings: Findings, found: Means, c: Comparison) -> bool:
    """Say whether a difference tells nothing: one side gives a constant answer, or both have one value everywhere.

    One value in one arm alone may be real: no harm at all, say.
    """
    flagged = _empty_sides(findings, found, c)
    return any(one.constant for one in flagged.values()) or len(flagged) == 2


def _empty_sides(findings: Findings, found: Means, c: Comparison) -> dict[str, Degenerate]:
    """Return the arms of a comparison whose value tells nothing; where that may be chance, it hides no change."""
    column = Column(c.suite, c.metric)
    flagged = {arm: tells_nothing(findings, found, arm, column) for arm in (c.baseline, c.arm)}
    return {arm: one for arm, one in flagged.items() if one is not None and not is_coincidence(one)}


def _hollow(findings: Findings, found: Means, c: Comparison) -> str:
    flagged = _empty_sides(findings, found, c)
    why = clip(next(iter(flagged.values())).note, 120).rstrip(".")
    size = numbers.change(c.effect, unit_of(findings, c))
    return f"{_name(findings, c)}, {size} (in {listed(list(flagged))} {why})"


def _broken(findings: Findings, arm: ArmInfo) -> Iterator[str]:
    gate = next((one for one in findings.analyses.coherence if one.arm == arm.name), None)
    if gate is not None and gate.verdict == "incoherent":
        yield f"Careful: it is shown to be worse than its margin on {listed(list(gate.failed))}, so it may be broken."
