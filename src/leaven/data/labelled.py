"""What the labels of a corpus come to: histograms, the balance of classes, and how far two attributes go together."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leaven.data.attributes import Attribute
from leaven.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BINS, TAIL = 20, 0.005  # a histogram's bins, and the share of values beyond each of its ends
UNTOLD = -1  # the class of a text that could not be scored
_MOST_LOOKED_AT = 1_000_000  # values that say where a histogram begins and ends
_MOST_WORDS, _SHOWN_WORDS = 10_000, 50


@dataclass
class Histogram:
    """Counts of scores in equal bins; what lies outside of the edges is in the first or last bin."""

    edges: list[float]
    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    unscored: int = 0

    @classmethod
    def over(cls, batches: Iterable[pa.RecordBatch], total: int) -> Histogram:
        """Find the edges: from the 0.5th to the 99.5th percentile of the first column's values.

        Of more than a million values every second, third, ... is looked at, so that memory is flat.
        """
        import numpy as np

        step, looked, seen = max(1, math.ceil(total / _MOST_LOOKED_AT)), [], 0
        for batch in batches:
            values = _numbers(batch.column(0))
            looked.append(values[-seen % step :: step])
            seen += len(values)
        known = np.concatenate(looked) if looked else np.zeros(0)
        known = known[np.isfinite(known)]
        low, high = np.quantile(known, [TAIL, 1 - TAIL]) if len(known) else (0.0, 1.0)
        return cls([float(edge) for edge in np.linspace(low, high if high > low else low + 1, BINS + 1)])

    def add(self, values: pa.Array) -> None:
        """Count some scores; null is counted as unscored."""
        import numpy as np

        numbers = _numbers(values)
        known = numbers[~np.isnan(numbers)]
        self.unscored += len(numbers) - len(known)
        found, _ = np.histogram(np.clip(known, self.edges[0], self.edges[-1]), self.edges)
        self.counts = [old + int(new) for old, new in zip(self.counts, found, strict=True)]

    def as_facts(self) -> dict[str, Any]:
        """Return it for a stage's record."""
        return {"histogram": {"edges": self.edges, "counts": self.counts}}


@dataclass
class Said:
    """How often a label column says each word; the rarest of very many are counted as one."""

    counts: Counter[str] = field(default_factory=Counter)
    unscored: int = 0
    rest: int = 0

    def add(self, words: pa.Array) -> None:
        """Count some words; null is counted as unscored."""
        for one in words.value_counts().to_pylist():
            if one["values"] is None:
                self.unscored += one["counts"]
            elif one["values"] in self.counts or len(self.counts) < _MOST_WORDS:
                self.counts[one["values"]] += one["counts"]
            else:
                self.rest += one["counts"]

    def as_facts(self) -> dict[str, Any]:
        """Return it for a stage's record."""
        shown = dict(sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))[:_SHOWN_WORDS])
        return {"said": shown, "said_otherwise": self.rest + self.counts.total() - sum(shown.values())}


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    import pyarrow as pa

    numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


@dataclass(frozen=True)
class Labels:
    """What one attribute says of a batch of texts: a class each, -1 where nothing can be told; and the scores."""

    attribute: Attribute
    classes: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, attribute: Attribute, values: pa.Array, said: pa.Array) -> Labels:
        """Class the scores of a batch, or what its label column says."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = _numbers(values)
        if attribute.labels:
            place = pc.index_in(said, value_set=pa.array(attribute.labels, pa.string()))
            return cls(attribute, pc.fill_null(place, UNTOLD).to_numpy().astype(np.int64), numbers)
        # As Attribute.class_of: a score equal to a threshold is in the class before it.
        classes = np.searchsorted(np.array(attribute.thresholds), numbers, side="left").astype(np.int64)
        return cls(attribute, np.where(np.isnan(numbers), UNTOLD, classes), numbers)

    def only(self, kept: NDArray[np.bool_]) -> Labels:
        """Return those of some of the texts."""
        return Labels(self.attribute, self.classes[kept], self.values[kept])

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which texts are of the class that is asked for."""
        found: NDArray[np.bool_] = self.classes == self.attribute.good_class
        return found


class Tally:
    """Counts of the classes of several attributes over all texts, batch after batch, and of each pair of them."""

    def __init__(self, attributes: Sequence[Attribute]):
        self._of, self.rows = {one.name: one for one in attributes}, 0
        self._classes: dict[str, Counter[int]] = {name: Counter() for name in self._of}
        self._range = {name: (math.inf, -math.inf) for name in self._of}
        self._both = {pair: [0, 0, 0, 0] for pair in itertools.combinations(self._of, 2)}

    def add(self, labels: Mapping[str, Labels]) -> None:
        """Count a batch."""
        import numpy as np

        for name in self._of:
            found, times = np.unique(labels[name].classes, return_counts=True)
            self._classes[name].update(dict(zip(found.tolist(), times.tolist(), strict=True)))
            known = labels[name].values[~np.isnan(labels[name].values)]
            low, high = self._range[name]
            self._range[name] = (float(known.min(initial=low)), float(known.max(initial=high)))
        self.rows += len(next(iter(labels.values())).classes)
        for (one, other), cells in self._both.items():
            told = (labels[one].classes != UNTOLD) & (labels[other].classes != UNTOLD)
            place = 2 * labels[one].good[told] + labels[other].good[told]
            self._both[one, other] = [a + int(b) for a, b in zip(cells, np.bincount(place, minlength=4), strict=True)]

    def counts(self, name: str) -> dict[str, int]:
        """Return how many texts are in each class, by its token; ``neutral`` has none, ``unscored`` is in no class."""
        tokens, found = self._of[name].tokens, self._classes[name]
        named = {token or "neutral": found[place] for place, token in enumerate(tokens)}
        return {**named, "unscored": found[UNTOLD]}

    def balance(self, name: str) -> dict[str, float]:
        """Return each class's share of the texts that are in one."""
        counts = {word: count for word, count in self.counts(name).items() if word != "unscored"}
        return {word: count / max(1, sum(counts.values())) for word, count in counts.items()}

    def phi(self) -> list[dict[str, Any]]:
        """Return for each pair of attributes the correlation of good with good over texts that both could tell.

        ``phi`` is Pearson's correlation of two yes-or-no values, -1..1; None where one of them never varies.
        """
        return [
            {"one": one, "other": other, "phi": _phi(*cells), "rows": sum(cells)}
            for (one, other), cells in self._both.items()
        ]

    def refuse_one_class(self, name: str) -> None:
        """Raise DataError where all texts are of one class: its tokens would say nothing."""
        counts = {word: count for word, count in self.counts(name).items() if count and word != "unscored"}
        if len(counts) > 1:
            return
        unscored = self.counts(name)["unscored"]
        told = " and ".join(f"all {count:,} are {word}" for word, count in counts.items()) or "none could be scored"
        beside = f", {unscored:,} unscored" if unscored else ""
        raise DataError(
            f"attribute {name} has one class alone: of {self.rows:,} texts {told}{beside}; {self._why(name)}"
        )

    def _why(self, name: str) -> str:
        attribute, (low, high) = self._of[name], self._range[name]
        if attribute.labels or low > high:
            return f"its labels are {', '.join(attribute.labels)}: compare them with what the column says"
        thresholds = ", ".join(f"{one:g}" for one in attribute.thresholds)
        return f"scores run from {low:g} to {high:g}, so move its threshold ({thresholds}) between them"

    def never(self, name: str) -> list[str]:
        """Return the tokens that no text has: a model cannot learn them."""
        return [token for token in self._of[name].put if not self.counts(name)[token]]

    def as_facts(self) -> dict[str, Any]:
        """Return the counts for a stage's record."""
        named = {name: {"counts": self.counts(name), "balance": self.balance(name)} for name in self._of}
        return {"rows": self.rows, "attributes": named, "phi": self.phi()}


def _phi(neither: int, other: int, one: int, both: int) -> float | None:
    spread = (neither + other) * (one + both) * (neither + one) * (other + both)
    return (both * neither - one * other) / math.sqrt(spread) if spread else None
