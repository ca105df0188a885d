"""The samples that the page can browse: answers with their scores, each prompt once, packed within a budget.

An item is kept with all its answers or left out with all of them, so that arms stay comparable. Where not all items
fit, every second one kept is the one whose scores differ most between arms, and every other one is drawn at random.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeVar

from leaven.report import numbers
from leaven.report.findings import Findings, SampleInfo
from leaven.report.means import Column, is_primary
from leaven.report.packing import packed
from leaven.report.text import clean

BUDGET = 6_500_000  # characters of base64: what is left of the page's 10 MB is for the rest of it
MOST_SAMPLES = 50_000  # beyond this a browser's memory is the limit
MOST_CHARACTERS = 60_000_000  # before packing: not even tried beyond this
LONGEST = 8_000  # characters kept of one text

Item = tuple[str, str]  # suite, item id (the prompt where no id is known)
Index = dict[Any, int]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Browser:
    """What the page's browser holds; ``blob`` is empty where there are no samples."""

    blob: str
    kept: int = 0
    left_out: int = 0
    items: int = 0
    items_left_out: int = 0


def browser(findings: Findings, budget: int = BUDGET, seed: int = 0) -> Browser:
    """Pack the samples, or as many whole items as ``budget`` characters of base64 hold; ``seed`` draws which."""
    by_item = _by_item(findings.samples)
    if not by_item:
        return Browser("")
    order = list(by_item)
    if _too_many(by_item, order):
        order = _mixed(by_item, seed)
        order = order[: _prefix(by_item, order)]
    blob = _packed(findings, by_item, order)
    while len(blob) > budget and order:
        if len(order) == len(by_item):
            order = _mixed(by_item, seed)
        order = order[: int(len(order) * min(0.9, 0.97 * budget / len(blob)))]
        blob = _packed(findings, by_item, order)
    kept = sum(len(by_item[item]) for item in order)
    return Browser(blob, kept, len(findings.samples) - kept, len(order), len(by_item) - len(order))


# Which items


def _by_item(samples: Iterable[SampleInfo]) -> dict[Item, list[SampleInfo]]:
    grouped: dict[Item, list[SampleInfo]] = {}
    for sample in samples:
        grouped.setdefault((sample.suite, sample.item_id or sample.prompt), []).append(sample)
    return grouped


def _too_many(by_item: Mapping[Item, Sequence[SampleInfo]], order: Sequence[Item]) -> bool:
    return _prefix(by_item, order) < len(order)


def _prefix(by_item: Mapping[Item, Sequence[SampleInfo]], order: Sequence[Item]) -> int:
    """Return how many of the first items are worth an attempt at packing."""
    samples = characters = 0
    for place, item in enumerate(order):
        samples += len(by_item[item])
        characters += sum(min(len(sample.text), LONGEST) for sample in by_item[item])
        if samples > MOST_SAMPLES or characters > MOST_CHARACTERS:
            return place
    return len(order)


def _mixed(by_item: Mapping[Item, Sequence[SampleInfo]], seed: int) -> list[Item]:
    """Return all items, in turn the one that differs most and one drawn at random: any first part is a fair mixture."""
    import numpy as np

    widths = _widths(by_item)
    ranked = sorted(by_item, key=lambda item: -widths[item])
    drawn = [ranked[i] for i in np.random.default_rng(seed).permutation(len(ranked))]
    return list(dict.fromkeys(chain.from_iterable(zip_longest(ranked, drawn))))


def _widths(by_item: Mapping[Item, Sequence[SampleInfo]]) -> dict[Item, float]:
    """Return per item the largest distance between two arms' mean scores, in units of the metric's whole range."""
    distances = {item: _distances(samples) for item, samples in by_item.items()}
    ranges: dict[Column, tuple[float, float]] = {}
    for (suite, _), samples in by_item.items():
        for sample in samples:
            for metric, score in sample.scores.items():
                if numbers.is_number(score):
                    low, high = ranges.get(Column(suite, metric), (score, score))
                    ranges[Column(suite, metric)] = (min(low, score), max(high, score))
    spans = {column: high - low for column, (low, high) in ranges.items()}
    return {
        item: max((far / spans[Column(item[0], metric)] for metric, far in found.items() if far), default=0.0)
        for item, found in distances.items()
    }


def _distances(samples: Sequence[SampleInfo]) -> dict[str, float]:
    scores: dict[str, dict[str, list[float]]] = {}
    for sample in samples:
        for metric, score in sample.scores.items():
            if numbers.is_number(score):
                scores.setdefault(metric, {}).setdefault(sample.arm, []).append(score)
    means = {metric: [sum(of) / len(of) for of in by_arm.values()] for metric, by_arm in scores.items()}
    return {metric: max(of) - min(of) for metric, of in means.items()}


# What is packed


def _packed(findings: Findings, by_item: Mapping[Item, Sequence[SampleInfo]], order: Sequence[Item]) -> str:
    chosen = set(order)
    return packed(contents(findings, {item: samples for item, samples in by_item.items() if item in chosen}))


def contents(findings: Findings, by_item: Mapping[Item, Sequence[SampleInfo]]) -> dict[str, Any]:
    """Return what the page's script reads: names once, texts once, and a line of numbers per sample.

    ``samples`` holds [prompt, arm, seed, sample, text, scores]; a text is a string, or [its beginning, its whole
    length]; ``scores`` follow the metrics of the sample's suite.
    """
    every = [sample for samples in by_item.values() for sample in samples]
    arms, groups = _places(s.arm for s in every), _places(s.group for s in every if s.group is not None)
    metrics = _metrics(findings, every)
    items = _places(by_item)
    prompts: Index = {}
    lines = []
    for item, samples in by_item.items():
        for s in samples:
            asked = prompts.setdefault((items[item], s.prompt, s.reference, s.group), len(prompts))
            scores = [_score(s.scores.get(name)) for name in metrics.get(s.suite, {})]
            lines.append([asked, arms[s.arm], s.seed, s.sample, _text(s.text), scores])
    return {
        "arms": [clean(arm) for arm in arms],
        "baseline": arms.get(findings.baseline),
        "groups": [clean(group) for group in groups],
        "suites": [{"name": clean(suite), "metrics": list(named.values())} for suite, named in metrics.items()],
        "items": [[list(metrics).index(suite), clean(name)[:200]] for suite, name in items],
        "prompts": [
            [item, _text(prompt), None if reference is None else _text(reference), groups.get(group)]
            for item, prompt, reference, group in prompts
        ],
        "samples": lines,
    }


def _places(names: Iterable[Key]) -> dict[Key, int]:
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _metrics(findings: Findings, samples: Iterable[SampleInfo]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return per suite what is known of its metrics, primary ones first.

    Floors and ceilings, which are printed beside others, and what no sample has a score of are left out.
    """
    named: dict[str, dict[str, None]] = {}
    for sample in samples:
        scored = [name for name, score in sample.scores.items() if numbers.is_number(score)]
        shown = [name for name in scored if not findings.metric(sample.suite, name).beside]
        named.setdefault(sample.suite, {}).update(dict.fromkeys(shown))
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for suite, found in named.items():
        ordered = sorted(found, key=lambda name: not is_primary(findings, Column(suite, name)))
        made[suite] = {name: _about(findings, suite, name) for name in ordered}
    return made


def _about(findings: Findings, suite: str, name: str) -> dict[str, Any]:
    about = findings.metric(suite, name)
    return {"name": clean(name), "unit": clean(about.unit), "better": about.better}


def _score(score: float | None) -> float | None:
    return float(f"{score:.6g}") if numbers.is_number(score) else None


def _text(text: str) -> str | list[str | int]:
    return clean(text) if len(text) <= LONGEST else [clean(text[:LONGEST]), len(text)]
