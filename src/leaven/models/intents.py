"""Which intent a text has: logistic regression on TF-IDF, fitted by scikit-learn and read without it.

What is kept is plain: a list of words as JSON and arrays as safetensors. No pickle is written or read.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError, did_you_mean
from leaven.models.terms import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TERMS, _CLASSES, _WEIGHTS = "terms.json", "classes.json", "intents.safetensors"
_MOST_TERMS = 200_000
_STRENGTH = 10.0  # scikit-learn's C; short texts have few words, and less of it leaves all probabilities near even
_ITERATIONS = 1000


def terms(text: str) -> list[str]:
    """Return what is counted of a text: its words, and every two words in a row."""
    said = words(text)
    return [*said, *(f"{one} {other}" for one, other in itertools.pairwise(said))]


@dataclass(frozen=True)
class Intents:
    """A fitted classifier. ``coef``: a row for each class, or one for the second of two; a column for each term."""

    classes: Sequence[str]
    terms: Sequence[str]
    idf: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def probabilities(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return each text's probability of each class, in their order; None for a text without any known word."""
        return [self._of(text) for text in texts]

    def _of(self, text: str) -> list[float] | None:
        import numpy as np

        counts = Counter(place for term in terms(text) if (place := self._places.get(term)) is not None)
        if not counts:
            return None
        places = np.fromiter(counts, np.intp, len(counts))
        weights = (1.0 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))) * self.idf[places]
        weights /= math.sqrt(float(weights @ weights))
        logits = self.coef[:, places] @ weights + self.intercept
        if len(self.classes) == 2:
            logits = np.array([0.0, float(logits[0])])
        raised = np.exp(logits - logits.max())
        return [float(one) for one in raised / raised.sum()]

    def save(self, folder: Path) -> None:
        """Write the classifier into a folder."""
        import numpy as np
        from safetensors.numpy import save_file

        (folder / _TERMS).write_text(json.dumps(list(self.terms)))
        (folder / _CLASSES).write_text(json.dumps(list(self.classes)))
        # safetensors writes the bytes as they lie: scikit-learn's coefficients may lie column by column.
        arrays = {"idf": self.idf, "coef": self.coef, "intercept": self.intercept}
        save_file({name: np.ascontiguousarray(one) for name, one in arrays.items()}, folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Intents:
        """Read a classifier from a folder."""
        from safetensors.numpy import load_file

        classes, names = json.loads((folder / _CLASSES).read_text()), json.loads((folder / _TERMS).read_text())
        return cls(classes, names, **load_file(folder / _WEIGHTS))


def fit(texts: Sequence[str], labels: Sequence[str], blocks: Sequence[str]) -> tuple[Intents, dict[str, Any]]:
    """Fit a classifier to labelled texts; return it, and what it was fitted on.

    Classes count alike, however many rows each has. Raises DataError where a class of ``blocks`` has no example, where
    there is no other class, and where the texts have no words.
    """
    counts = Counter(labels)
    if empty := next((label for label in blocks if not counts[label]), None):
        raise DataError(f"intents: no example is labelled '{empty}', so it cannot be learned what to block; "
                        f"{did_you_mean(empty, counts)}")  # fmt: skip
    if not set(counts) - set(blocks):
        raise DataError(f"intents: every example is one of those to block ({', '.join(sorted(counts))}), so nothing "
                        "says what is harmless; add examples of another label")  # fmt: skip
    pipeline, converged = _fitted(texts, labels)
    vectoriser, model = pipeline
    made = Intents(
        [str(one) for one in model.classes_], [str(one) for one in vectoriser.get_feature_names_out()],
        vectoriser.idf_, model.coef_, model.intercept_,
    )  # fmt: skip
    facts: dict[str, Any] = {"examples": len(texts), "classes": dict(sorted(counts.items())), "terms": len(made.terms)}
    few = [f"'{label}' has {counts[label]}" for label in blocks if counts[label] < 10]
    warnings = [f"an intent learned from fewer than 10 examples is a guess: {', '.join(few)}"] if few else []
    if not converged:
        warnings.append(f"the classifier of intents was not at its optimum after {_ITERATIONS} steps")
    return made, {**facts, "warnings": warnings}


def _fitted(texts: Sequence[str], labels: Sequence[str]) -> tuple[tuple[Any, Any], bool]:
    """Fit scikit-learn's TfidfVectorizer and LogisticRegression; say whether the latter converged."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectoriser = TfidfVectorizer(analyzer=terms, sublinear_tf=True, max_features=_MOST_TERMS)
    try:
        seen = vectoriser.fit_transform(texts)
    except ValueError as error:
        raise DataError(f"intents: the examples hold no words ({error}); name data with texts") from None
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=_ITERATIONS, tol=1e-6)
    model.fit(seen, list(labels))
    return (vectoriser, model), bool((model.n_iter_ < _ITERATIONS).all())
