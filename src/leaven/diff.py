"""The items on which two arms of a run differ most, side by side, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import answered
from leaven.errors import Problem, ReportError, StudyError, did_you_mean
from leaven.readers.brought import listed
from leaven.report import scored
from leaven.report.findings import Findings, MetricInfo, SampleInfo

if TYPE_CHECKING:
    from leaven.graph import Graph

_WORDS = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")  # a word, or a sign, with the space behind it
MOST_WORDS = 2_000  # of a text that are compared word by word: the time for it grows with their square


@dataclass(frozen=True)
class Pair:
    """Two arms' answers to one item, of one seed and sample; ``change`` is the second's score minus the first's."""

    one: SampleInfo
    two: SampleInfo
    change: float | None


@dataclass(frozen=True)
class Differences:
    """The pairs on which two arms differ most, one an item, and of how many they are; ``alike`` have the same score.

    ``unscored`` pairs lack a score on one side; ``n_items`` is of how many items there are pairs.
    """

    metric: MetricInfo
    pairs: Sequence[Pair]
    n_pairs: int
    alike: int
    unscored: int
    n_items: int = 0


def diff(
    run: str,
    arm_a: str,
    arm_b: str,
    *,
    metric: str | None = None,
    suite: str | None = None,
    limit: int = 5,
    workspace: str | Path | None = None,
) -> Differences:
    """Return the ``limit`` items whose scores differ most between two arms of a run: of each, its most different pair.

    Answers are paired by suite, item, seed and sample; an untrained arm's answer meets every seed. Without ``metric``
    it is the study's first primary outcome that texts are scored by, else the first metric there is. Raises StudyError
    for unknown names, ReportError where no text can be paired.
    """
    from leaven import gather
    from leaven.gather.samples import samples

    _refuse_same(arm_a, arm_b)
    graph, store, _ = answered.opened(run, workspace)
    told = list(samples(graph, store))
    _require("arm", {cell.cell.arm.name for cell in graph.cells}, arm_a, arm_b)
    _refuse_unmeasured({sample.arm for sample in told}, arm_a, arm_b)
    if suite is not None:
        _require("--suite", {sample.suite for sample in told}, suite)
        told = [sample for sample in told if sample.suite == suite]
    paired = list(_paired(told, arm_a, arm_b))
    if not paired:
        raise ReportError(f"no item was answered by both {arm_a} and {arm_b}, so there is nothing to show")
    chosen = _metric(metric, graph, [one for pair in paired for one in pair])
    pairs = [Pair(one, two, _change(one, two, chosen)) for one, two in paired]
    about = next((one for one in gather.metrics(graph) if one.name == chosen), MetricInfo("", chosen))
    alike, unscored = sum(pair.change == 0 for pair in pairs), sum(pair.change is None for pair in pairs)
    return Differences(about, _most(pairs)[:limit], len(pairs), alike, unscored, len({_item(pair) for pair in pairs}))


def _require(option: str, there: set[str], *names: str) -> None:
    wrong = [
        Problem(option, f"nothing is called '{name}'", did_you_mean(name, there)) for name in names if name not in there
    ]
    if wrong:
        raise StudyError(wrong)


def _refuse_same(arm_a: str, arm_b: str) -> None:
    if arm_a == arm_b:
        raise StudyError([Problem("arm", f"'{arm_a}' is given twice", "name the arm to set beside it")])


def _refuse_unmeasured(there: set[str], *names: str) -> None:
    """Raise ReportError for arms of the study that have no answer yet."""
    if lacking := [name for name in names if name not in there]:
        has = "has no answer" if len(lacking) == 1 else "have no answer"
        done = f"; answers are there of {listed(sorted(there))}" if there else ""
        raise ReportError(f"{' and '.join(lacking)} {has} yet: `leaven run` goes on with the study{done}")


def _paired(told: Iterable[SampleInfo], arm_a: str, arm_b: str) -> Iterable[tuple[SampleInfo, SampleInfo]]:
    """Yield the two arms' answers to the same item, seed and sample."""
    first: dict[tuple[str, str, int], dict[int | None, SampleInfo]] = {}
    listed = list(told)
    for sample in listed:
        if sample.arm == arm_a:
            first.setdefault((sample.suite, sample.item_id, sample.sample), {})[sample.seed] = sample
    for two in listed:
        if two.arm == arm_b:
            seeds = first.get((two.suite, two.item_id, two.sample), {})
            for one in seeds.values() if two.seed is None else [seeds.get(two.seed) or seeds.get(None)]:
                if one is not None:
                    yield one, two


def _metric(asked: str | None, graph: Graph, told: Sequence[SampleInfo]) -> str:
    there = list(dict.fromkeys(name for sample in told for name in sample.scores))
    if not there:
        raise ReportError("no text of these arms was scored; run the study again")
    if asked is not None:
        _require("--metric", set(there), asked)
        return asked
    primary = [name.rpartition("/")[2] for name in graph.study.compare.primary]
    return next((name for name in primary if name in there), there[0])


def _change(one: SampleInfo, two: SampleInfo, metric: str) -> float | None:
    before, after = one.scores.get(metric), two.scores.get(metric)
    return None if before is None or after is None else after - before


def _item(pair: Pair) -> tuple[str, str]:
    return pair.one.suite, pair.one.item_id


def _most(pairs: Iterable[Pair]) -> list[Pair]:
    """Return each item's most different pair, the most different first; equal ones in the order of their names."""
    found: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        key = _item(pair)
        if pair.change is not None and (key not in found or abs(pair.change) > abs(found[key].change or 0.0)):
            found[key] = pair
    return sorted(found.values(), key=lambda pair: (-abs(pair.change or 0.0), *_item(pair)))


def page(run: str, arm_a: str, arm_b: str, workspace: str | Path | None = None) -> Findings:
    """Return what a page shows of two arms of a run alone: the second against the first, with all their texts.

    All of it is exploratory: the study declared its own contrasts, and whoever picks two arms has seen the results.
    """
    from leaven.stats.analyse import analyse
    from leaven.stats.questions import Questions

    _refuse_same(arm_a, arm_b)
    whole, both = answered.findings(run, workspace), {arm_a, arm_b}
    _require("arm", {arm.name for arm in whole.arms}, arm_a, arm_b)
    table = whole.measurements
    assert table is not None, "a run's findings have a table, if an empty one"
    table = table[table["arm"].isin(both)]
    compared = scored.without(table, scored.printed(whole.metrics))
    comparisons, analyses = analyse(compared, Questions(to={arm_b: arm_a}, margin=whole.margin))
    arms = {arm.name: replace(arm, is_baseline=arm.name == arm_a) for arm in whole.arms}
    return Findings(
        name=f"{whole.name}: {arm_b} against {arm_a}",
        question=f"What is different in {arm_b}, compared with {arm_a}?",
        arms=[arms[arm_a], arms[arm_b]], metrics=whole.metrics, measurements=table, comparisons=comparisons,
        analyses=analyses, baseline=arm_a, margin=whole.margin, provenance=whole.provenance,
        samples=[sample for sample in whole.samples if sample.arm in both],
    )  # fmt: skip


def words(one: str, two: str) -> tuple[list[tuple[bool, str]], list[tuple[bool, str]]]:
    """Return both texts as runs of (is it only here?, words), in order; joined they are the texts.

    Texts are compared word by word up to ``MOST_WORDS`` words; what follows counts as changed.
    """
    left, right = (_WORDS.findall(text) for text in (one, two))
    heads = [[word.strip() for word in words[:MOST_WORDS]] for words in (left, right)]
    matcher = difflib.SequenceMatcher(a=heads[0], b=heads[1], autojunk=False)
    before: list[tuple[bool, str]] = []
    after: list[tuple[bool, str]] = []
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        before.append((kind != "equal", "".join(left[a0:a1])))
        after.append((kind != "equal", "".join(right[b0:b1])))
    before.append((True, "".join(left[MOST_WORDS:])))
    after.append((True, "".join(right[MOST_WORDS:])))
    return [run for run in before if run[1]], [run for run in after if run[1]]
