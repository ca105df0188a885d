"""Why no value of one arm has a partner in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaven.readers import unscored
from leaven.readers.brought import listed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Lone:
    """Why two arms share no pair of values; ``is_lacking``: the arm has no value that can be used, its baseline has."""

    said: str
    is_lacking: bool


def lone(table: pd.DataFrame, arm: str, baseline: str, suite: str, metric: str) -> Lone | None:
    """Say why an arm and its baseline share no pair of one metric; None where one of them was never asked for it."""
    of_metric = table[(table["suite"] == suite) & (table["metric"] == metric)]
    sides = {name: of_metric[of_metric["arm"] == name] for name in (baseline, arm)}
    if not all(map(len, sides.values())):
        return None
    empty = [name for name, rows in sides.items() if not unscored.usable(rows["value"]).any()]
    if empty:
        why = [f"no value of {metric} in {name} can be used ({unscored.said(sides[name]['value'])})" for name in empty]
        return Lone("; ".join(why), is_lacking=empty == [arm])
    said = _apart(sides, "item_id", "no item stands on both sides") or _seeds(sides) or _SCATTERED
    return Lone(said, is_lacking=False)


_SCATTERED = "no item was scored on both sides under one training seed"


def _seeds(sides: dict[str, pd.DataFrame]) -> str | None:
    if any(rows["seed"].isna().all() for rows in sides.values()):
        return None
    said = _apart(sides, "seed", "the items are there on both sides, but no training seed is")
    return f"{said}; values are paired seed by seed: measure both under the same seeds" if said else None


def _apart(sides: dict[str, pd.DataFrame], column: str, said: str) -> str | None:
    """Say what each side has in a column, if nothing of it is on both sides."""
    there = {name: set(rows[column].dropna()) for name, rows in sides.items()}
    if set.intersection(*there.values()):
        return None
    return f"{said}: " + "; ".join(f"{name} has {listed(sorted(values))}" for name, values in there.items())
