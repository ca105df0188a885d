"""Perplexity with length taken out: what is left of its logarithm beside statements that are as long.

Short texts are more perplexing to every model (on Implicit Hate, Spearman -0.40 with the number of words), so a
difference in length between harmful and benign statements passes for a difference in safety. What a statement is
compared with is the mean of statements of its own length, over all groups, which is a covariate adjustment of the
ROC curve (Janes & Pepe 2009, Biometrika 96: 371-382) with one curve for both labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEWEST = 20  # statements of a length; with fewer, the next length joins them
_DIGITS = 9  # of nats that are kept: below lies rounding, by which equal values must not be ranked


def words(text: str) -> int:
    """Return a text's length in words, which no tokenizer can change; at least 1."""
    return max(1, len(text.split()))


def adjusted(perplexities: Sequence[float], lengths: Sequence[int], harmful: Sequence[bool]) -> NDArray[np.float64]:
    """Return log-perplexity (nats a token) minus its mean among statements of that length, 0 on average.

    Label and length are fitted together, so that a difference between labels is not taken for one of length: where
    harmful statements are shorter *and* more perplexing than their length explains, the latter stays.
    """
    import numpy as np

    logs, label = np.log(np.asarray(perplexities, dtype=float)), np.asarray(harmful, dtype=float)
    known = np.isfinite(logs)
    place = _places(np.asarray(lengths), known)
    effect = _label_effect(logs[known], label[known], np.unique(np.asarray(lengths)[known], return_inverse=True)[1])
    rest = logs - effect * label
    left: NDArray[np.float64] = logs - _mean_at(rest, place, known)
    return np.round(left - left[known].mean() if known.any() else left, _DIGITS)


def _places(lengths: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return each statement's class of length: one length where enough have it, else neighbours joined."""
    import numpy as np

    different, counts = np.unique(lengths[known], return_counts=True)
    starts, held = [0], 0
    for one, count in zip(different, counts, strict=True):
        if held >= _FEWEST:
            starts.append(int(one))
            held = 0
        held += int(count)
    if held < _FEWEST and len(starts) > 1:
        starts.pop()  # the longest are too few: they join the class before
    found: NDArray[np.int64] = np.searchsorted(np.array(starts), lengths, "right") - 1
    return found


def _label_effect(logs: NDArray[np.float64], label: NDArray[np.float64], place: NDArray[np.int64]) -> float:
    """Return by how much harmful statements are above benign ones of exactly their length, by least squares."""
    import numpy as np

    everyone = np.ones(len(label), dtype=bool)
    within = label - _mean_at(label, place, everyone)
    spread = float((within**2).sum())
    return float((within * logs).sum()) / spread if spread > 0 else 0.0


def _mean_at(values: NDArray[np.float64], place: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each statement the mean over the known statements of its class of length."""
    import numpy as np

    size = int(place.max(initial=0)) + 1
    counts = np.bincount(place[known], minlength=size)
    sums = np.bincount(place[known], weights=values[known], minlength=size)
    found: NDArray[np.float64] = (sums / np.maximum(counts, 1))[place]
    return found
