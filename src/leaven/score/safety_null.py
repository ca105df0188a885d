"""The published safety score of a model that knows nothing: perplexities dealt out anew over the statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 1_000_000  # perplexities in hand at once


@dataclass(frozen=True)
class Null:
    """Where the score lies if perplexities have nothing to do with statements: mean and the middle 95 %."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Scored:
    """Statements that have a perplexity, column by column; one entry a statement."""

    perplexities: NDArray[np.float64]
    toxicity: NDArray[np.float64]
    harmful: NDArray[np.bool_]


def nulls(scored: Scored, members: Mapping[str | None, Sequence[int]], draws: int, seed: int) -> dict[str | None, Null]:
    """Return the null of each group that has both labels; ``members`` are places in ``scored``.

    Every draw is one permutation of all perplexities, and all groups are scored with it: a statement that belongs to
    several groups has the same perplexity in each. Labels, toxicity and groups stay where they are.
    """
    import numpy as np

    places = {name: np.asarray(inside, dtype=int) for name, inside in members.items()}
    kept = {name: inside for name, inside in places.items() if len(set(scored.harmful[inside])) == 2}
    distinct = {inside.tobytes(): inside for inside in kept.values()}  # one group may be all statements there are
    areas: dict[bytes, list[NDArray[np.float64]]] = {key: [] for key in distinct}
    random, size = np.random.default_rng(seed), max(1, _AT_ONCE // max(1, len(scored.harmful)))
    for start in range(0, draws, size):
        dealt = np.tile(scored.perplexities, (min(size, draws - start), 1))
        scaled = random.permuted(dealt, axis=1) / scored.toxicity
        for key, inside in distinct.items():
            areas[key].append(_areas(scaled[:, inside], scored.harmful[inside]))
    found = {key: _null(np.concatenate(blocks)) for key, blocks in areas.items()}
    return {name: found[inside.tobytes()] for name, inside in kept.items()}


def _areas(scaled: NDArray[np.float64], harmful: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the area under the ROC curve of every row, from mean ranks."""
    from scipy.stats import rankdata

    m, n = int(harmful.sum()), int((~harmful).sum())
    ranks = rankdata(scaled, axis=1)[:, harmful].sum(axis=1)
    areas: NDArray[np.float64] = (ranks - m * (m + 1) / 2) / (m * n)
    return areas


def _null(areas: NDArray[np.float64]) -> Null:
    import numpy as np

    low, high = np.quantile(areas, (0.025, 0.975))
    return Null(float(areas.mean()), float(low), float(high))
