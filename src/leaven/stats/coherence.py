"""Is the model still a language model? Non-inferiority, jointly, on what a broken model gets wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaven.comparison import Comparison
from leaven.stats import families
from leaven.stats.table import LARGEST

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ITEMS = 10  # below it, one value everywhere is no surprise
_COLUMN = ["arm", "suite", "metric"]
_Part = tuple[float | None, float | None, float]


@dataclass(frozen=True)
class Coherence:
    """One arm's gate. ``verdict`` is "coherent" (all bounds within their margins), "incoherent" (at least one is shown
    to be worse than its margin), "unproven" (neither), or "not measured".

    ``parts`` is column -> (effect in the harmful direction, its one-sided 95 % bound, margin); effect and bound are
    null where not measured.
    """

    arm: str
    baseline: str
    verdict: str
    parts: Mapping[str, tuple[float | None, float | None, float]]
    failed: Sequence[str] = ()  # columns shown to be worse than their margin
    unproven: Sequence[str] = ()


@dataclass(frozen=True)
class Degenerate:
    """A metric that tells nothing of an arm: every item has one value, or it equals a constant predictor's.

    ``constant`` is true only where every prediction of a run was one answer. An accuracy that a constant answer would
    also have reached, with answers that vary, may be chance.
    """

    arm: str
    suite: str
    metric: str
    value: float
    note: str
    constant: bool = False


@dataclass(frozen=True)
class _Held:
    """One column held against its margin: what the report prints, and what it shows."""

    name: str
    part: _Part
    is_within: bool
    is_worse: bool


def harm(one: Comparison, better: str | None) -> tuple[float | None, float | None, float | None]:
    """Return effect and 90 % interval in the harmful direction; without a direction, of the larger of both harms."""
    if one.effect is None:
        return None, None, None
    sign = -1.0 if better == "higher" else 1.0
    worse = abs(one.effect) if better is None else sign * one.effect
    if one.low90 is None or one.high90 is None:
        return worse, None, None
    low, high = sorted((sign * one.low90, sign * one.high90))
    return (worse, low, high) if better is not None else (worse, max(low, -high), max(high, -low))


def gate(
    comparisons: Sequence[Comparison], margins: Mapping[str, float], better: Mapping[str, str | None]
) -> list[Coherence]:
    """Hold every arm against the margins of what a broken model gets wrong; sorted by arm, baseline.

    ``margins`` names a metric or ``suite/metric`` (the more exact name wins), in the metric's unit; ``better`` says of
    the same names "lower" or "higher"; a metric without a direction is harmed both ways. Only differences over all
    items count. An arm is coherent if every column's one-sided 95 % bound (the end of the 90 % interval) lies within
    its margin: an intersection-union test (Berger 1982), which needs no correction, since every part must pass. One
    column shown beyond its margin makes it incoherent: there the 5 % are per column, and not joint. Without an interval
    (fewer than three seeds) nothing is proven. Without margins there is no gate.
    """
    chosen = [one for one in comparisons if one.kind == "difference" and one.group is None] if margins else []
    names = {f"{one.suite}/{one.metric}": (one.suite, one.metric) for one in chosen}
    gated = {name: families.margin_of(margins, *column) for name, column in names.items()}
    known = {name: margin for name, margin in gated.items() if margin is not None}
    absent = {name: margin for name, margin in margins.items() if not _is_named(name, names.values())}
    by_arm: dict[tuple[str, str], dict[str, Comparison]] = {}
    for one in chosen:
        by_arm.setdefault((one.arm, one.baseline), {})[f"{one.suite}/{one.metric}"] = one
    return [
        _gated(arm, baseline, [*_held(measured, known, better), *_held({}, absent, better)])
        for (arm, baseline), measured in sorted(by_arm.items())
    ]


def _is_named(name: str, columns: Iterable[tuple[str, str]]) -> bool:
    return any(name in families.names_of(*column) for column in columns)


def _held(
    measured: Mapping[str, Comparison], margins: Mapping[str, float], better: Mapping[str, str | None]
) -> Iterator[_Held]:
    for name, margin in sorted(margins.items()):
        one = measured.get(name)
        if one is None or one.effect is None:
            yield _Held(name, (None, None, margin), is_within=False, is_worse=False)
            continue
        effect, low, high = harm(one, families.named(better, one.suite, one.metric))
        # Of an arm that broke often, only its best answers may be left.
        within, worse = high is not None and high < margin and not one.is_thin, low is not None and low > margin
        yield _Held(name, (effect, high, margin), within, worse)


def _gated(arm: str, baseline: str, held: Sequence[_Held]) -> Coherence:
    failed = [one.name for one in held if one.is_worse]
    unproven = [one.name for one in held if not one.is_worse and not one.is_within]
    return Coherence(
        arm=arm,
        baseline=baseline,
        verdict=_verdict(held, failed, unproven),
        parts={one.name: one.part for one in held},
        failed=failed,
        unproven=unproven,
    )


def _verdict(held: Sequence[_Held], failed: Sequence[str], unproven: Sequence[str]) -> str:
    if all(one.part[0] is None for one in held):
        return "not measured"
    if failed:
        return "incoherent"
    return "unproven" if unproven else "coherent"


def degenerate(table: pd.DataFrame, predictions: pd.DataFrame | None = None) -> list[Degenerate]:
    """Return the metrics that tell nothing of an arm, sorted by arm, suite and metric; ten items or more.

    ``table`` is the long table: one value in all scored items of all seeds is told. ``predictions`` (columns ``arm``,
    ``suite``, ``item_id``, ``prediction``, ``label``, and ``seed`` if several runs answered; one row per answer, null
    where none was given) are those of classifications: one prediction in the whole of each run, or as many right
    answers as some one label would give, is told under ``accuracy``. The latter also happens by chance: then the
    accuracy proves nothing, though the answers differ, and ``constant`` is false.
    """
    found = [*_constant(table), *(_like_a_constant(predictions) if predictions is not None else ())]
    return sorted(found, key=lambda one: (one.arm, one.suite, one.metric))


def _constant(table: pd.DataFrame) -> Iterator[Degenerate]:
    import pandas as pd

    numbers = pd.to_numeric(table["value"])
    scored = table.loc[numbers.abs() <= LARGEST, [*_COLUMN, "item_id"]].assign(value=numbers)
    ends = scored.groupby(_COLUMN, observed=True)["value"].agg(["min", "max"])
    alike = ends[ends["min"] == ends["max"]].reset_index()[[*_COLUMN, "min"]]
    items = scored.merge(alike, on=_COLUMN).groupby(_COLUMN, observed=True)["item_id"].nunique()
    there = alike.merge(items.rename("items").reset_index(), on=_COLUMN)
    for arm, suite, metric, value, n_items in there[there["items"] >= FEWEST_ITEMS].to_numpy(dtype=object):
        note = f"all {n_items:,} scored items have the value {value:g}"
        yield Degenerate(str(arm), str(suite), str(metric), float(value), note)


def _like_a_constant(predictions: pd.DataFrame) -> Iterator[Degenerate]:
    answered = predictions.dropna(subset=["prediction", "label"])
    given, label = answered["prediction"].astype(str), answered["label"].astype(str)
    right = answered.assign(prediction=given, label=label, right=given == label)
    for (arm, suite), rows in right.groupby(["arm", "suite"], observed=True):
        if rows["item_id"].nunique() < FEWEST_ITEMS:
            continue
        hits, constant = int(rows["right"].sum()), _answers_alike(rows)
        if note := _alike(rows, hits, constant=constant):
            yield Degenerate(str(arm), str(suite), "accuracy", hits / len(rows), note, constant)


def _answers_alike(rows: pd.DataFrame) -> bool:
    """Say whether every run gave one answer to everything; which one may differ from run to run."""
    runs = rows.groupby("seed", dropna=False)["prediction"] if "seed" in rows else rows.groupby("arm")["prediction"]
    return bool((runs.nunique() == 1).all())


def _alike(rows: pd.DataFrame, hits: int, *, constant: bool) -> str:
    """Say in what way answers are like a constant, else nothing."""
    share = f"{hits:,} of {len(rows):,}"
    if constant and rows["prediction"].nunique() == 1:
        return f"every prediction is '{rows['prediction'].iloc[0]}' ({share} right)"
    if constant:
        return f"every prediction of a run is one answer, not the same in all ({share} right)"
    labels = rows["label"].value_counts().sort_index()
    if not (labels == hits).any():
        return ""
    return f"{share} right is what always answering '{labels.index[labels == hits][0]}' gives"
