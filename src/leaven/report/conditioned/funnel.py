"""What became of a corpus: what is left after each step, which rule dropped how much, where the rest comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leaven.report import numbers
from leaven.report.conditioned.balance import Bars
from leaven.report.findings import Findings, FunnelInfo
from leaven.report.listings import NOTHING, Table

_MOST = 30  # sources or rules in one table


@dataclass(frozen=True)
class Funnel:
    """One corpus: the steps, the rules that dropped sentences, the sources of what was kept, what was altered."""

    data: str
    steps: Bars
    drops: Bars | None
    sources: Bars | None
    altered: str


def funnels(findings: Findings) -> list[Funnel]:
    """Return what became of each corpus."""
    return [_funnel(one) for one in findings.funnels if one.steps]


def _funnel(one: FunnelInfo) -> Funnel:
    altered = "; ".join(f"{numbers.count(count)}{numbers.NBSP}× {what}" for what, count in one.altered.items() if count)
    heads = ("dropped by", "sentences", "of those split")
    return Funnel(
        one.data,
        _steps(one),
        _counted(one.drops, sum(one.drops.values()) + _kept(one), heads),
        _counted(one.sources, sum(one.sources.values()), ("kept from", "sentences", "share")),
        altered,
    )


def _kept(one: FunnelInfo) -> int:
    return one.steps[-1][2] if one.steps else 0


def _steps(one: FunnelInfo) -> Bars:
    """Return each step with what is left, and its share of the first count in the same unit."""
    first: dict[str, int] = {}
    rows, shares = [], []
    for what, unit, left in one.steps:
        whole = first.setdefault(unit, left)
        shares.append(left / whole if whole else None)
        rows.append([what, numbers.count(left), unit, numbers.value(shares[-1], "share") if whole else NOTHING])
    note = "Share: of the first count in the same unit."
    return Bars(Table(["step", "left", "counted in", "share"], rows, frozenset({1, 3}), note), shares, 3)


def _counted(counts: Mapping[str, int], whole: int, heads: tuple[str, str, str]) -> Bars | None:
    listed = sorted(((name, count) for name, count in counts.items() if count), key=lambda pair: -pair[1])
    chosen = listed[:_MOST]
    shares: list[float | None] = [count / whole if whole else None for _, count in chosen]
    rows = [
        [name, numbers.count(count), numbers.value(share, "share")]
        for (name, count), share in zip(chosen, shares, strict=True)
    ]
    more = len(listed) - len(chosen)
    return (
        Bars(Table(heads, rows, frozenset({1, 2}), f"{more} more are not shown." if more else ""), shares, 2)
        if rows
        else None
    )
