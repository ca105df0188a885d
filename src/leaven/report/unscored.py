"""Where values are missing: in which group most of them are, in which arms, and why. 1 % of all may be 25 % of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import Findings
from leaven.report.text import clip

if TYPE_CHECKING:
    import pandas as pd

_MOST = 8  # sentences
_ARMS = 4  # named in one sentence
_HALF = 0.5  # of what is missing, from here on a group is named
_TIMES = 1.5  # as many as the group's size would make of them


def where_unscored(findings: Findings, table: pd.DataFrame, absent: pd.Series[bool]) -> Iterator[str]:
    """Yield for each metric where its unscored values are; metrics of which the same is to be said share a sentence."""
    same: dict[str, list[str]] = {}
    for (suite, metric), of in table.assign(absent=absent).groupby(["suite", "metric"], sort=False):
        if of["absent"].any():
            said = "; ".join(filter(None, [_where(of), _why(findings, str(suite), str(metric), of)]))
            same.setdefault(said, []).append(f"{suite}/{metric}")
    told = [f"{'In each of ' * (len(names) > 1)}{listed(names)}: {said}." for said, names in same.items() if said]
    yield from told[:_MOST]
    if len(told) > _MOST:
        yield f"{len(told) - _MOST} more such sentences, on other metrics, are not told."


def _where(of: pd.DataFrame) -> str:
    """Name the group that most are in, and how many of each arm's values are missing there, or in all."""
    group = _group(of)
    if group is None:
        return _arms(of)
    here = of[of["group"] == group]
    n, many, arms = int(of["absent"].sum()), int(here["absent"].sum()), _arms(here)
    whole = f"all {n:,}" if many == n else f"{many:,} of {n:,}"
    return f"{whole} unscored values are in the group {clip(group, 60)}{f' (there {arms})' if arms else ''}"


def _group(of: pd.DataFrame) -> str | None:
    """Return the group that holds half of what is missing or more, and more than a group of its size would."""
    by_group = of.groupby("group")["absent"].agg(["sum", "size"])
    if len(by_group) < 2 or of["absent"].sum() < 2:
        return None
    group, lost, size = max(by_group.itertuples(), key=lambda one: one[1])
    part = lost / of["absent"].sum()
    return str(group) if part >= _HALF and part >= _TIMES * size / len(of) else None


def _arms(here: pd.DataFrame) -> str:
    """Write how many values each arm lacks, those that lack most first; nothing where all lack the same share."""
    by_arm = here.groupby("arm", sort=False)["absent"].agg(["sum", "size", "mean"])
    if by_arm["mean"].nunique() < 2:
        return ""
    order = by_arm.sort_values("mean", ascending=False, kind="stable")
    named = order[order["sum"] > 0].head(_ARMS)
    said = [
        f"{clip(arm, 60)}{' lacks' if place == 0 else ''} {int(lost):,} of {int(size):,}"
        f" ({numbers.value(float(share), 'share')})"
        for place, (arm, lost, size, share) in enumerate(named.itertuples())
    ]
    rest = order.iloc[len(named) :]
    who = clip(rest.index[0], 60) if len(rest) == 1 else f"the {len(rest)} other arms"
    said += [f"{who} {'fewer' if rest['sum'].any() else 'none'}"] if len(rest) else []
    return ", ".join(said)


def _why(findings: Findings, suite: str, metric: str, of: pd.DataFrame) -> str:
    """Say why most of a metric's values are missing, and of how many of them that is known."""
    reasons = findings.unscored.get((suite, metric), {})
    if not reasons:
        return ""
    why, n = max(reasons.items(), key=lambda one: one[1])
    return f"the reason for {n:,} of {int(of['absent'].sum()):,}: {clip(why, 120).rstrip('.')}"
