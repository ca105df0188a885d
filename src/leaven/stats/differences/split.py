"""Where an effect's doubt comes from: the items, the training runs, what is left, the sampled texts."""

from __future__ import annotations

import numpy as np

from leaven.comparison import Split
from leaven.stats import inference
from leaven.stats.effects import Contrast


def split(contrast: Contrast) -> Split:
    """Return the shares of the effect's variance, each at least 0, together 1.

    Items and runs are the components of `inference.components` less what is left, which they contain. Sampling is
    taken from the variance among the samples of a prompt: it lies in what is left, but for an untrained arm's, whose
    samples meet every seed and so lie in the items; of each it takes no more than is there. Null where no recipe-level
    interval exists, for a single item, where nothing varies, and for sampling where a pair has a single sample.
    Without trained arms there are no runs: items and sampling share all.
    """
    if contrast.n_items < 2 or 0 < contrast.n_seeds < inference.MIN_SEEDS:
        return Split()
    found = inference.components(contrast.matrix)
    if found is None:
        return Split()
    parts = np.maximum([found.item - found.rest, found.seed - found.rest, found.rest], 0.0)
    total = float(parts.sum())
    if not total > 0:
        return Split()
    item, seed, rest = map(float, parts / total)
    sampled = _sampling(contrast)
    if sampled is None:
        return Split(item, seed, rest)
    of_item, of_rest = min(sampled[0] / total, item), min(sampled[1] / total, rest)
    return Split(item - of_item, seed, rest - of_rest, of_item + of_rest)


def _sampling(contrast: Contrast) -> tuple[float, float] | None:
    """Return the sampling variance of the effect within items and within what is left; None where it is unknown."""
    if contrast.noise is None:
        return None
    pairs = int(np.sum(~np.isnan(contrast.matrix)))
    known = ~np.isnan(contrast.noise) & ~np.isnan(contrast.matrix)
    count = known.sum(axis=(1, 2))
    if not count.all():
        return None
    # A pair with one scored sample shows no noise of its own; it is taken to have what the others have.
    per_arm = np.where(known, contrast.noise, 0.0).sum(axis=(1, 2)) / count * contrast.weights**2
    shared = np.array([not arm.trained for arm in contrast.arms])
    return float(per_arm[shared].sum() / contrast.n_items), float(per_arm[~shared].sum() / pairs)
