"""Several evaluators of one thing: how far they agree, and whether a verdict depends on which of them is asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaven.comparison import Comparison
from leaven.stats import families
from leaven.stats.table import LARGEST, Codes, Floats

if TYPE_CHECKING:
    import pandas as pd

_ALPHA = 0.05
_MOST_UNITS = 200_000  # beyond it Kendall's tau is that of so many texts, drawn at random
_UNIT = ["item_id", "arm", "seed", "sample"]


@dataclass(frozen=True)
class Agreement:
    """Evaluators (columns ``suite/metric``) that are said to measure ``name``, item by item and contrast by contrast.

    ``alpha`` is Krippendorff's over all scored texts (nominal for outcomes of 0 and 1, else interval), ``tau`` the
    mean pairwise Kendall tau-b; null without two scored evaluators. ``verdicts`` is arm -> evaluator -> "higher",
    "lower", "same" (equivalence within the margin) or "open"; ``flips`` names the arms where two evaluators show
    opposite changes, or one shows a change where the other shows equivalence; ``unsupported`` those where one shows a
    change and another leaves it open.
    """

    name: str
    evaluators: Sequence[str]
    n_items: int
    alpha: float | None
    tau: float | None
    verdicts: Mapping[str, Mapping[str, str]]
    flips: Sequence[str] = ()
    unsupported: Sequence[str] = ()
    note: str | None = None


def agreement(
    name: str, evaluators: Sequence[str], table: pd.DataFrame, comparisons: Sequence[Comparison], *, seed: int = 0
) -> Agreement:
    """Say how far evaluators agree: text by text, and in what they say of each arm.

    ``evaluators`` are columns ``suite/metric``, or a metric's name alone: then each suite that has it is an evaluator.
    ``table`` is the long table; evaluators of different suites are paired by item, arm, seed and sample. A verdict is
    made of the arm's difference over all items: "same" where equivalence within the margin holds (also where a
    small change is shown), else "higher" or "lower" where p after correction is below 0.05, else "open". Above
    200,000 texts Kendall's tau-b (scipy) is that of so many, drawn with ``seed``; the note says so.
    """
    columns = _columns(evaluators, table)
    values, items = _units(columns, table)
    shared = np.sum(~np.isnan(values), axis=1) >= 2
    drawn = _drawn(np.flatnonzero(shared), seed)
    verdicts = _verdicts(columns, comparisons)
    flips, unsupported = _conflicts(verdicts)
    return Agreement(
        name=name,
        evaluators=list(columns),
        n_items=len(np.unique(items[shared])),
        alpha=alpha(values),
        tau=mean_tau(values[drawn]),
        verdicts=verdicts,
        flips=flips,
        unsupported=unsupported,
        note=_note(evaluators, columns, values[shared], len(drawn)),
    )


def alpha(values: Floats) -> float | None:
    """Return Krippendorff's alpha of a table units x evaluators (NaN: unscored), with squared differences.

    That is the interval alpha, and for values of 0 and 1 the nominal one, where both are equal. 1 is full agreement, 0
    what chance would give. None where no unit has two values, or all values are one. Source: Krippendorff (2011),
    "Computing Krippendorff's alpha-reliability".
    """
    per_unit = np.sum(~np.isnan(values), axis=1)
    paired, counts = values[per_unit >= 2], per_unit[per_unit >= 2].astype(float)
    if not len(paired):
        return None
    centred = paired - np.nanmean(paired)
    n, total, squares = counts.sum(), np.nansum(centred), np.nansum(centred**2)
    # Sums over all ordered pairs of values: within units (each unit by its number of values less 1), and of all values.
    within = 2 * np.sum((counts * np.nansum(centred**2, axis=1) - np.nansum(centred, axis=1) ** 2) / (counts - 1))
    overall = 2 * (n * squares - total**2) / (n - 1)
    if np.nanmax(paired) == np.nanmin(paired):
        return None
    return float(1 - within / overall)


def mean_tau(values: Floats) -> float | None:
    """Return the mean Kendall tau-b of all pairs of evaluators (units x evaluators); None where no pair has one."""
    from scipy.stats import kendalltau

    found = []
    for one, other in itertools.combinations(values.T, 2):
        both = ~np.isnan(one) & ~np.isnan(other)
        if np.unique(one[both]).size >= 2 and np.unique(other[both]).size >= 2:
            found.append(float(kendalltau(one[both], other[both], method="asymptotic").statistic))
    return float(np.mean(found)) if found else None


def _columns(evaluators: Sequence[str], table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the columns that are named and there, as ``suite/metric``, in the order of their names in the study."""
    there = sorted({(str(a), str(b)) for a, b in table[["suite", "metric"]].drop_duplicates().to_numpy()})
    return {
        f"{suite}/{metric}": (suite, metric)
        for name in evaluators
        for suite, metric in there
        if name in families.names_of(suite, metric)
    }


def _units(columns: Mapping[str, tuple[str, str]], table: pd.DataFrame) -> tuple[Floats, Codes]:
    """Return values (texts x evaluators, NaN = unscored) and the item, as a number, of each text."""
    import pandas as pd

    both = table["suite"].astype(str) + "/" + table["metric"].astype(str)
    rows = table[both.isin(list(columns))]
    unit = rows.groupby(_UNIT, dropna=False, observed=True, sort=False).ngroup().to_numpy()
    rater = pd.Categorical(both.loc[rows.index], categories=list(columns)).codes
    values = np.full((int(unit.max(initial=-1)) + 1, len(columns)), np.nan)
    value = pd.to_numeric(rows["value"]).to_numpy(dtype=float, na_value=np.nan)
    values[unit, rater] = np.where(np.abs(value) <= LARGEST, value, np.nan)
    item = np.zeros(len(values), dtype=np.int64)
    item[unit] = pd.factorize(rows["item_id"])[0]
    return values, item


def _drawn(units: Codes, seed: int) -> Codes:
    if len(units) <= _MOST_UNITS:
        return units
    return np.random.default_rng(seed).choice(units, _MOST_UNITS, replace=False)


def _note(evaluators: Sequence[str], columns: Iterable[str], values: Floats, drawn: int) -> str | None:
    missing = [name for name in evaluators if not any(name in (c, c.rpartition("/")[2]) for c in columns)]
    said = [f"not measured: {', '.join(missing)}"] if missing else []
    if not len(values):
        said.append("no text was scored by two evaluators")
    elif np.nanmin(values) == np.nanmax(values):
        said.append("every evaluator gives every text one and the same value: agreement is undefined")
    if drawn < len(values):
        said.append(f"tau is that of {drawn:,} of {len(values):,} texts, drawn at random")
    return "; ".join(said) or None


def _verdicts(columns: Mapping[str, tuple[str, str]], comparisons: Sequence[Comparison]) -> dict[str, dict[str, str]]:
    """Return arm -> evaluator -> verdict, for every arm that is compared in any of the columns."""
    chosen = [
        one
        for one in comparisons
        if one.kind == "difference" and one.group is None and f"{one.suite}/{one.metric}" in columns
    ]
    verdicts = {one.arm: dict.fromkeys(columns, "open") for one in sorted(chosen, key=lambda one: one.arm)}
    for one in chosen:
        verdicts[one.arm][f"{one.suite}/{one.metric}"] = _verdict(one)
    return verdicts


def _verdict(one: Comparison) -> str:
    p = one.p_holm if one.family == families.PRIMARY else one.p_bh
    if one.equivalent:
        return "same"
    if p is None or p >= _ALPHA or not one.effect or one.n_items == 1:
        return "open"
    return "higher" if one.effect > 0 else "lower"


def _conflicts(verdicts: Mapping[str, Mapping[str, str]]) -> tuple[list[str], list[str]]:
    """Return the arms whose verdict flips with the evaluator, and those where not all evaluators show the change."""
    said = {arm: set(by.values()) for arm, by in verdicts.items()}
    flips = [arm for arm, words in said.items() if len(words & {"higher", "lower", "same"}) >= 2]
    unsupported = [arm for arm, words in said.items() if "open" in words and words & {"higher", "lower"}]
    return flips, unsupported
