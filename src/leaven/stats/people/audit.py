"""A classifier's word corrected by people's labels: prediction-powered inference.

What people see in an arm is what the classifier sees in all of its answers, plus what people see less what the
classifier sees in a labelled random sample of them (the rectifier; Angelopoulos et al. 2023, "Prediction-powered
inference", Science 382). Answers are drawn by arm and predicted class, since rare harm is rarely in a plain sample;
each class then counts by its share of the arm's answers. For a classifier of 0 and 1 this is the stratified estimate,
in which the power tuning of PPI++ (Angelopoulos, Duchi and Zrnic 2023) has nothing left to tune.

The error of the corrected difference has two parts, which add (law of total variance):

- Had people labelled every answer, their difference would still vary with new items and new runs. Its variance is that
  of the classifier's difference (item x seed components), where what items and runs contribute is divided by k squared:
  k is the mean of the classifier on what people call 1, less that on what they call 0. An arm's move shows in the
  classifier k times as large (Rogan and Gladen 1978), if the classifier errs alike in all runs and items of a class.
- The sampling of the labelled answers, given all answers. They are drawn without regard to item, so answers that share
  an item or a run add nothing to this part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leaven.errors import ReportError
from leaven.stats import effects, inference, table
from leaven.stats.people import weighted

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 0.5  # from here on the classifier says 1
_KEYS = ["arm", "seed", "item_id", "sample"]
_LEAST_SLOPE = 0.25  # a classifier that follows people less than this tells nothing: k is not taken to be smaller


@dataclass(frozen=True)
class ArmError:
    """How often the classifier errs in one arm, from the labelled answers; shares with 95 % (Wilson) intervals."""

    arm: str
    labelled: int
    false_positive: float | None
    false_positive_low: float | None
    false_positive_high: float | None
    false_negative: float | None
    false_negative_low: float | None
    false_negative_high: float | None
    auc: float | None  # of the classifier's score against the labels; null without both kinds of label
    auc_low: float | None
    auc_high: float | None


@dataclass(frozen=True)
class Corrected:
    """An arm's effect on what people see, not on what the classifier sees.

    ``naive`` is the classifier's own difference; ``effect`` the corrected one with its 95 % interval.
    ``auc_difference`` is the classifier's AUC in the arm less that in its baseline: below 0, it is blinder in the arm.
    """

    arm: str
    baseline: str
    suite: str
    metric: str
    naive: float | None
    effect: float | None
    low: float | None
    high: float | None
    labelled: int
    errors: tuple[ArmError, ...]
    note: str | None = None
    auc_difference: float | None = None
    auc_difference_low: float | None = None
    auc_difference_high: float | None = None


def draw(answers: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """Draw ``n`` answers to be labelled, in random order, so that their place tells nothing of their arm.

    ``answers`` has ``arm``, ``seed``, ``item_id``, ``sample`` and ``predicted`` (between 0 and 1; null is never drawn).
    Every arm gets the same number; within it, the two predicted classes in proportion to the square root of their sizes
    (power allocation, Bankier 1988: between what is best for the difference and what is best for each error rate), and
    at least 5 of each. Returns the rows drawn, with ``weight``: how many answers of its arm and class a row stands for.
    Whoever shows them hides ``arm`` and ``predicted``. The order of ``answers`` does not matter.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    scored = _classed(answers).sort_values(_KEYS, kind="stable")
    arms = [rows for _, rows in scored.groupby("arm")]
    parts = []
    for place, rows in enumerate(arms):
        wanted = n // len(arms) + (place < n % len(arms))
        classes = [part for _, part in rows.groupby("positive")]
        for part, size in zip(classes, weighted.allocated(wanted, [len(part) for part in classes]), strict=True):
            chosen = part.iloc[np.sort(random.choice(len(part), size, replace=False))]
            parts.append(chosen.assign(weight=len(part) / max(size, 1)))
    drawn = pd.concat(parts, ignore_index=True) if parts else scored.assign(weight=1.0)
    return drawn.iloc[random.permutation(len(drawn))].drop(columns="positive").reset_index(drop=True)


def _classed(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the scored answers with the class that the classifier puts them in; refuses values beyond 0 and 1."""
    import pandas as pd

    predicted = pd.to_numeric(answers["predicted"])
    scored = answers.assign(predicted=predicted)[predicted.notna()]
    beyond = scored[(scored["predicted"] < 0) | (scored["predicted"] > 1)]
    if len(beyond):
        value = beyond["predicted"].iloc[0]
        raise ReportError(
            f"an audit needs a classifier's values between 0 and 1, and arm '{beyond['arm'].iloc[0]}' has {value:g}: "
            "choose a metric that is a share or a probability"
        )
    return scored.assign(positive=scored["predicted"] >= THRESHOLD)


def _labelled(labels: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a label; raises ReportError for one that is neither 0 nor 1."""
    import pandas as pd

    told = labels[labels["label"].notna()]
    label = pd.to_numeric(told["label"], errors="coerce")
    wrong = told["label"][(~label.isin([0, 1])).to_numpy()]
    if len(wrong):
        raise ReportError(f"a label is 0 or 1, and {len(wrong):,} are neither; the first is {wrong.iloc[0]!r}")
    return told.assign(label=label)


def arm_errors(labels: pd.DataFrame) -> tuple[ArmError, ...]:
    """Return the classifier's errors per arm, sorted by arm.

    ``labels`` has ``arm``, ``label`` (0 or 1; null: not labelled), ``predicted`` and, as drawn by `draw`, ``weight``
    (without it every row counts alike). False positives are a share of what people call 0, false negatives of what they
    call 1, both weighted; their Wilson intervals (statsmodels) rest on Kish's effective number, (sum w)^2 / sum w^2.
    The AUC is weighted likewise: the share of pairs, one of each label, that the score puts in order (ties half); its
    interval speaks of these answers (`weighted.auc`).
    """
    told = _classed(_labelled(labels))
    if "weight" not in told:
        told = told.assign(weight=1.0)
    return tuple(_arm_error(str(arm), rows) for arm, rows in told.groupby("arm"))


def _arm_error(arm: str, rows: pd.DataFrame) -> ArmError:
    label = rows["label"].to_numpy(dtype=float) == 1
    positive, weight = rows["positive"].to_numpy(dtype=bool), rows["weight"].to_numpy(dtype=float)
    score = rows["predicted"].to_numpy(dtype=float)
    return ArmError(
        arm,
        len(rows),
        *weighted.share(positive[~label], weight[~label]),
        *weighted.share(~positive[label], weight[label]),
        *weighted.auc(score[label], weight[label], score[~label], weight[~label]),
    )


def _auc_difference(arm: ArmError, baseline: ArmError) -> tuple[float | None, float | None, float | None]:
    """Return the difference of two arms' AUCs; its interval squares and adds theirs (Newcombe 1998; Zou, Donner 2008).

    The labels of two arms are of different answers, drawn apart.
    """
    ends = (arm.auc, arm.auc_low, arm.auc_high, baseline.auc, baseline.auc_low, baseline.auc_high)
    if None in ends:
        return None, None, None
    one, low, high, other, least, most = (float(end or 0.0) for end in ends)
    return (
        one - other,
        one - other - np.hypot(one - low, most - other),
        one - other + np.hypot(high - one, other - least),
    )


def corrected(
    measurements: pd.DataFrame, labels: pd.DataFrame, *, arm: str, baseline: str, suite: str, metric: str
) -> Corrected:
    """Correct an arm's difference in a classifier's metric by what people say of a sample of the answers.

    ``measurements`` is the long table; its rows of ``suite`` and ``metric`` are all answers. ``labels`` has ``arm``,
    ``seed``, ``item_id``, ``sample`` and ``label`` (0 or 1; null: not labelled), drawn by `draw`; it may stop early,
    since its order is random: classes are weighted by what is labelled. The interval is t, 95 %, with Satterthwaite's
    degrees of freedom. Below three training seeds it speaks of these models alone (new items, no new runs). Without
    labels in every arm and predicted class there is no correction, and the note says where they are missing.
    Raises ReportError for values beyond 0 and 1, and for labels of answers that are not in the table.
    """
    chosen = measurements[(measurements["suite"] == suite) & (measurements["metric"] == metric)]
    chosen = chosen[chosen["arm"].isin([arm, baseline])]
    about = Corrected(arm, baseline, suite, metric, None, None, None, None, 0, ())
    pairs = _pairs(chosen, arm, baseline)
    if pairs is None:
        return replace(about, note=f"{suite}/{metric} has no item that both {arm} and {baseline} were scored on")
    answers = _classed(chosen.rename(columns={"value": "predicted"}).drop_duplicates(_KEYS))
    told = _joined(answers, labels)
    known = replace(about, naive=pairs.effect, labelled=len(told), errors=arm_errors(told))
    both = {error.arm: error for error in known.errors}
    if arm in both and baseline in both:
        difference, low, high = _auc_difference(both[arm], both[baseline])
        known = replace(known, auc_difference=difference, auc_difference_low=low, auc_difference_high=high)
    missing = _unlabelled(answers, told)
    if missing:
        return replace(known, note=f"no answer was labelled {missing}: label more")
    rectifier, variance, free = _rectified(answers, told, arm, baseline)
    assert pairs.effect is not None
    recipe, recipe_free, note = _recipe(pairs, _slope(told))
    effect = pairs.effect + rectifier
    if recipe is None:
        return replace(known, effect=effect, note=note)
    if recipe + variance == 0:
        return replace(known, effect=effect, note="no answer differs: no variance to judge the difference by")
    low, high = _interval(effect, (recipe, recipe_free), (variance, free))
    return replace(known, effect=effect, low=low, high=high, note=note)


def _pairs(chosen: pd.DataFrame, arm: str, baseline: str) -> effects.Contrast | None:
    cube = next((cube for cube in table.cubes(chosen) if cube.column.group is None), None)
    if cube is None or effects.lacking(cube, [arm, baseline]):
        return None
    pairs = effects.contrast(cube, effects.difference(arm, baseline))
    return pairs if pairs.n_items else None


def _joined(answers: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the labelled answers of these arms with prediction, class and weight (answers per label of the class)."""
    told = _labelled(labels)
    told = told.loc[told["arm"].isin(answers["arm"].unique()), [*_KEYS, "label"]]
    keys = [
        frame.assign(seed=frame["seed"].astype(float), item_id=frame["item_id"].astype(str))
        for frame in (told, answers)
    ]
    if keys[0].duplicated(_KEYS).any():
        twice = keys[0][keys[0].duplicated(_KEYS)].iloc[0]
        raise ReportError(
            f"an answer of arm '{twice['arm']}', item {twice['item_id']}, is labelled twice: keep one label"
        )
    joined = keys[0].merge(keys[1][[*_KEYS, "predicted", "positive"]], on=_KEYS, how="left", validate="one_to_one")
    lost = joined[joined["predicted"].isna()]
    if len(lost):
        first = lost.iloc[0]
        raise ReportError(
            f"{len(lost):,} labels are of answers that were not scored; the first is of arm '{first['arm']}', "
            f"item {first['item_id']}: draw again from this run"
        )
    stratum = ["arm", "positive"]
    sizes = answers.groupby(stratum).size() / joined.groupby(stratum).size()
    return joined.merge(sizes.rename("weight").reset_index(), on=stratum, how="left").astype({"positive": bool})


def _unlabelled(answers: pd.DataFrame, told: pd.DataFrame) -> str | None:
    """Say in which arm and class no answer was labelled, if there is one."""
    there, seen = (set(zip(frame["arm"], frame["positive"], strict=True)) for frame in (answers, told))
    places = [f"in '{arm}' among those predicted {int(positive)}" for arm, positive in sorted(there - seen)]
    return "; ".join(places) or None


def _rectified(answers: pd.DataFrame, told: pd.DataFrame, arm: str, baseline: str) -> tuple[float, float, float]:
    """Return the rectifiers' difference, its sampling variance and degrees of freedom.

    In each class, one label of either kind is added for the variance (not for the estimate): none wrong among 60 does
    not show that none is. For 0/1 classifiers these are Agresti and Caffo's (2000) added successes and failures.
    """
    total, parts = 0.0, []
    for (name, positive), rows in told.groupby(["arm", "positive"]):
        everyone = int(((answers["arm"] == name) & (answers["positive"] == positive)).sum())
        share = everyone / int((answers["arm"] == name).sum())
        predicted = rows["predicted"].to_numpy(dtype=float)
        error = rows["label"].to_numpy(dtype=float) - predicted
        total += (1 if name == arm else -1) * share * float(error.mean())
        spread = float(np.var([*error, -predicted.mean(), 1 - predicted.mean()]))
        parts.append((share**2 * spread / len(rows) * (1 - len(rows) / everyone), max(len(rows) - 1, 1)))
    variance = sum(part for part, _ in parts)
    weight = sum(part**2 / free for part, free in parts)
    return total, variance, variance**2 / weight if weight > 0 else 1.0


def _slope(told: pd.DataFrame) -> float:
    """Return k: how far the classifier's mean follows what people see, over both arms; 1 where it cannot be told."""
    means = []
    for label in (1, 0):
        rows = told[told["label"] == label]
        if not len(rows):
            return 1.0
        means.append(float(np.average(rows["predicted"], weights=rows["weight"])))
    return float(np.clip(means[0] - means[1], _LEAST_SLOPE, 1.0))


def _recipe(pairs: effects.Contrast, slope: float) -> tuple[float | None, float, str | None]:
    """Return the variance of people's difference over new items and runs, its degrees of freedom, and a note."""
    matrix, note = pairs.matrix, None
    if pairs.n_seeds < inference.MIN_SEEDS:
        note = "for these models only: new items are covered, new trainings are not"
        matrix = np.nanmean(matrix, axis=1, keepdims=True)
    if len(matrix) == 1 and pairs.n_seeds < inference.MIN_SEEDS:
        return None, 1.0, "one item and fewer than three seeds: no interval"
    found = inference.components(matrix)
    if found is None:
        return None, 1.0, "too few items were scored under more than one seed: no interval"
    seen = replace(
        found,
        item=found.rest + max(found.item - found.rest, 0.0) / slope**2 if found.df_item else 0.0,
        seed=found.rest + max(found.seed - found.rest, 0.0) / slope**2 if found.df_seed else 0.0,
    )
    variance, free = seen.variance()
    return max(variance, inference.resolution(pairs)), max(free, 1.0), note


def _interval(effect: float, *parts: tuple[float, float]) -> tuple[float, float]:
    """Return the 95 % interval for independent parts of the variance, each with its degrees of freedom."""
    from scipy import stats

    variance = sum(part for part, _ in parts)
    free = variance**2 / sum(part**2 / free for part, free in parts)
    half = float(stats.t.ppf(0.975, free) * np.sqrt(variance))
    return max(effect - half, -1.0), min(effect + half, 1.0)
