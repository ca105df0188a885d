"""What the statistics hand to the report: one contrast of arms, with its sizes and its doubt."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

_THIN = 0.25  # pairs left out, for each that is there


@dataclass(frozen=True)
class Sizes:
    """Further sizes of a difference of two arms, each with its 95 % interval; null where it has no meaning.

    ``hits`` of ``trials`` (and the baseline's) are raw counts of outcomes of 0 and 1, over the pairs that entered.
    ``shift`` is Hodges and Lehmann's, in the metric's unit; ``auc`` the probability that a value of the arm is above
    one of the baseline's (ties count half): 0.5 is no difference.
    """

    hits: int | None = None
    trials: int | None = None
    baseline_hits: int | None = None
    baseline_trials: int | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    odds_ratio: float | None = None
    odds_ratio_low: float | None = None
    odds_ratio_high: float | None = None
    shift: float | None = None
    shift_low: float | None = None
    shift_high: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None


@dataclass(frozen=True)
class Split:
    """Shares of the effect's variance: new items, new training seeds, their interaction, and sampling; they sum to 1.

    All are null with one or two seeds and for one item (untrained arms have items alone); ``share_sampling`` where
    every pair has one sample: then it is part of ``share_rest``.
    """

    share_item: float | None = None
    share_seed: float | None = None
    share_rest: float | None = None
    share_sampling: float | None = None


@dataclass(frozen=True)
class ForTheseModels:
    """A test over items alone, of two single models that answered greedily: it says nothing about new trainings."""

    models_test: str | None = None  # "McNemar, mid-p" | "sign-flip"
    models_p: float | None = None
    models_low: float | None = None  # paired bootstrap over items, 95 %
    models_high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One contrast of an arm with its baseline, one trend over a sweep's doses, or one interaction of two doses.

    ``effect`` is in the metric's own unit: arm minus baseline for a difference; for a trend, change per unit of
    dose. ``low``/``high`` bound it at 95 %, null where no honest interval exists (then ``note`` says why);
    ``low90``/``high90`` at 90 %: equivalence at 5 % means that these lie within ``margin``.
    ``p_holm`` is set in the primary family, ``p_bh`` in the exploratory one. ``equivalent`` is null without a margin,
    and where "no change" cannot be told (no interval, one item, too many pairs left out). Of a trend it also asks that
    every dose's own difference lies within the margin; ``mean`` and ``baseline_mean`` are at its ends.
    ``dose_low``/``dose_high`` are the lowest and highest dose that a trend was fitted over: what it says, it says
    between these two. Null for a difference, and where no trend was fitted.
    """

    arm: str
    baseline: str
    suite: str
    metric: str
    group: str | None
    dose: float | None
    mean: float | None
    baseline_mean: float | None
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_bh: float | None
    family: str  # "primary" | "exploratory"
    equivalent: bool | None
    n_items: int
    n_seeds: int
    test: str
    n_dropped: int = 0  # item x seed pairs left out because one side was missing or unscored
    dose_low: float | None = None
    dose_high: float | None = None
    note: str | None = None
    kind: str = "difference"  # "difference" | "trend" | "interaction"
    scope: str | None = (
        None  # whom the interval speaks of: "recipe" (new trainings) | "models" (these); null: there is none
    )
    margin: float | None = None  # for a trend: per unit of dose, as the effect is
    low90: float | None = None
    high90: float | None = None
    boot_low: float | None = None  # beside the interval, from ten seeds on: bootstrap over seeds and items
    boot_high: float | None = None
    sizes: Sizes = field(default_factory=Sizes)
    split: Split = field(default_factory=Split)
    models: ForTheseModels = field(default_factory=ForTheseModels)

    @property
    def is_thin(self) -> bool:
        """Whether more than a fifth of the pairs were left out: what is left may be no picture of the whole."""
        return self.n_dropped > _THIN * self.n_items * max(self.n_seeds, 1)

    def as_dict(self) -> dict[str, Any]:
        """Return the contract's fields as one flat line of JSON-ready values."""
        flat = asdict(self)
        for name in ("sizes", "split", "models"):
            flat |= flat.pop(name)
        return flat


def joined(*notes: str | None) -> str | None:
    """Return notes as one, each said once; None without any."""
    return "; ".join(dict.fromkeys(filter(None, notes))) or None


def is_trend(comparison: Comparison) -> bool:
    """Say whether a comparison is a trend over doses."""
    return comparison.kind == "trend"
