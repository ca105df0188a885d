"""How the texts of a training were labelled: classes, correlations, what got no token, what was left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import BalanceInfo, Findings, LabelInfo
from leaven.report.listings import NOTHING, Table
from leaven.report.text import clip

_MOST_SAID = 12  # words of a label column in a table


@dataclass(frozen=True)
class Bars:
    """A plain table with a bar in one column: ``shares`` are the bars' lengths, 0 to 1, null without a bar."""

    table: Table
    shares: Sequence[float | None]
    column: int


def by_class(findings: Findings) -> dict[tuple[str, str], dict[str, list[int]]]:
    """Return by arm and attribute how many texts are in each class, run by run.

    Where several steps of a run go by an attribute, the last one's texts count: those that are trained on.
    """
    last = {(run.arm, attribute, run.seed): classes for run in findings.balances
            for attribute, classes in run.balance.items()}  # fmt: skip
    found: dict[tuple[str, str], dict[str, list[int]]] = {}
    for (arm, attribute, _), classes in last.items():
        for word, count in classes.items():
            found.setdefault((arm, attribute), {}).setdefault(word, []).append(count)
    return found


def shares_of(classes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return each class's share of an arm's texts, over its runs."""
    counts = {word: math.fsum(runs) / max(1, len(runs)) for word, runs in classes.items()}
    whole = math.fsum(counts.values())
    return {word: count / whole for word, count in counts.items()} if whole else {}


def balances(findings: Findings) -> Bars | None:
    """Return the classes of each attribute by arm; arms whose runs are labelled alike share their lines."""
    alike: dict[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]], list[str]] = {}
    for (arm, attribute), classes in by_class(findings).items():
        key = (attribute, tuple((word, tuple(sorted(set(runs)))) for word, runs in classes.items()))
        alike.setdefault(key, []).append(arm)
    order = list(dict.fromkeys(attribute for attribute, _ in alike))
    rows, shares = [], []
    for (attribute, counted), arms in sorted(alike.items(), key=lambda one: order.index(one[0][0])):
        whole = shares_of(dict(counted))
        for word, runs in counted:
            if word == "unscored" and not any(runs):
                continue
            rows.append([attribute, word, _span(runs), numbers.value(whole.get(word), "share"), _arms(findings, arms)])
            shares.append(whole.get(word))
    heads = ["attribute", "class", "texts", "share", "arms"]
    note = "Texts: of one run, as the last step that goes by labels met them; a range where seeds differ."
    return Bars(Table(heads, rows, frozenset({2, 3}), note), shares, 3) if rows else None


def _arms(findings: Findings, arms: Sequence[str]) -> str:
    whole = {run.arm for run in findings.balances}
    return "all labelled arms" if len(whole) > 1 and set(arms) == whole else listed(list(arms), 6)


def _span(runs: Sequence[float]) -> str:
    low, high = numbers.count(min(runs)), numbers.count(max(runs))
    return low if low == high else f"{low} to {high}"


def treated(findings: Findings) -> Table | None:
    """Return by arm how many texts got no token on purpose and how many were left out, and why."""
    runs: dict[str, list[BalanceInfo]] = {}
    for one in {(run.arm, run.seed): run for run in findings.balances}.values():
        runs.setdefault(one.arm, []).append(one)
    rows = []
    for arm, of in runs.items():
        reasons = list(dict.fromkeys(reason for run in of for reason in run.left_out))
        lost = [f"{_span([run.left_out.get(reason, 0) for run in of])}{numbers.NBSP}× {reason}" for reason in reasons]
        untagged = [run.untagged / run.rows for run in of if run.rows]
        share = numbers.value(math.fsum(untagged) / len(untagged), "share") if untagged else NOTHING
        rows.append([arm, _span([run.rows for run in of]), _span([run.untagged for run in of]), share,
                     "; ".join(lost) or "none"])  # fmt: skip
    heads = ["arm", "texts", "without a token on purpose", "share", "left out"]
    return Table(heads, rows, frozenset({1, 2, 3})) if rows else None


def correlations(findings: Findings) -> Table | None:
    """Return phi between attributes, by the arms in which it is alike; None without two attributes."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for (arm, one, other), values in _phi(findings).items():
        known = sorted(x for x in values if numbers.is_number(x))
        ends = dict.fromkeys(map(written, known[:1] + known[-1:]))
        told = " to ".join(ends) or "one of them never varies"
        found.setdefault((one, other), {}).setdefault(told, []).append(arm)
    rows = [
        [one, other, phi, _arms(findings, arms)]
        for (one, other), by_phi in found.items()
        for phi, arms in by_phi.items()
    ]
    note = (
        "Phi: −1 to 1, the correlation of good with good over texts; 0 where neither label says anything of the other."
    )
    return Table(["attribute", "with", "phi", "arms"], rows, frozenset({2}), note) if rows else None


def written(phi: float) -> str:
    """Write a correlation with two digits."""
    return f"{phi:.2f}".replace("-", "−")


def _phi(findings: Findings) -> dict[tuple[str, str, str], list[float | None]]:
    last = {(run.arm, one, other, run.seed): phi for run in findings.balances for one, other, phi in run.phi}
    found: dict[tuple[str, str, str], list[float | None]] = {}
    for (arm, one, other, _), phi in last.items():
        found.setdefault((arm, one, other), []).append(phi)
    return found


def labelled(findings: Findings) -> Table | None:
    """Return who labelled what, by which thresholds, with which tokens."""
    rows = [[one.attribute, one.data, one.scorer, _classes(one), numbers.count(one.rows), numbers.count(one.unscored)]
            for one in findings.labels]  # fmt: skip
    heads = ["attribute", "data", "labelled by", "classes", "texts", "unscored"]
    return Table(heads, rows, frozenset({4, 5})) if rows else None


def _classes(one: LabelInfo) -> str:
    """Write the classes from the lowest, with what parts them: ``<|neg|> ≤ 0 < <|pos|>``."""
    names = [token or "neutral" for token in one.tokens]
    if len(names) != len(one.thresholds) + 1:
        return ", ".join(names) or NOTHING
    parts = [names[0]]
    for threshold, name in zip(one.thresholds, names[1:], strict=True):
        parts.append(f"≤{numbers.NBSP}{numbers.dose(threshold)}{numbers.NBSP}< {name}")
    return " ".join(parts)


def said(findings: Findings) -> list[tuple[str, Bars]]:
    """Return what label columns say, column by column."""
    made = []
    for one in findings.labels:
        chosen = sorted(one.said.items(), key=lambda pair: -pair[1])[:_MOST_SAID]
        shares = [count / one.rows if one.rows else None for _, count in chosen]
        rows = [[word, numbers.count(count), numbers.value(share, "share")]
                for (word, count), share in zip(chosen, shares, strict=True)]  # fmt: skip
        more = len(one.said) - len(chosen)
        note = f"{numbers.count(more)} rarer labels are not shown." if more > 0 else ""
        if rows:
            title = f"{clip(one.attribute, 60)}: {clip(one.scorer, 60)} of {clip(one.data, 60)}"
            made.append((title, Bars(Table(["label", "texts", "share"], rows, frozenset({1, 2}), note), shares, 2)))
    return made
