"""How easy a text is to read, by the length of its sentences and words."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from leaven.registry import metric
from leaven.score.sentences import sentences

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_VOWELS = re.compile("[aeiouy\u00e0-\u00e6\u00e8-\u00ef\u00f2-\u00f6\u00f9-\u00fd]+")
_SILENT = re.compile(r"(?:[^laeiouy]es|[^dtaeiouy]ed|[^laeiouy]e)$")  # hopes, hoped, hope; not horses, tables, table
_SOUNDED = re.compile(r"(?:[sxz]|[cs]h|[cg])es$")  # boxes, churches, races
_LONGEST = 60  # characters; what is longer is no word


@metric(version=1, better=None, unit="score")
def readability(texts: Sequence[str]) -> list[float | None]:
    """Flesch reading ease: 206.835 less 1.015 words a sentence less 84.6 syllables a word; higher is easier.

    90 reads like a tale for children, 60 like plain prose, 30 like an academic paper; it is not bounded. English only:
    syllables are counted as groups of vowels without a silent e at the end, as is usual, which errs on some words.
    Null where there is no word of letters. Source: Flesch, *A new readability yardstick* (1948).
    """
    return [_ease(text) for text in texts]


def _ease(text: str) -> float | None:
    words = _WORD.findall(text)
    if not words:
        return None
    return 206.835 - 1.015 * len(words) / max(1, len(sentences(text))) - 84.6 * sum(map(syllables, words)) / len(words)


def syllables(word: str) -> int:
    """Return about how many syllables an English word has, at least one."""
    return _counted(word.lower()) if len(word) <= _LONGEST else max(1, len(_VOWELS.findall(word.lower())))


@functools.lru_cache(maxsize=100_000)
def _counted(word: str) -> int:
    silent = _SILENT.search(word) and not _SOUNDED.search(word)
    return max(1, len(_VOWELS.findall(word)) - bool(silent))
