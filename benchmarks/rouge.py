"""ROUGE-1/2/L/Lsum with stemming: pairs a second of ours and of ``rouge-score``, by turns, one process each.

    python benchmarks/rouge.py [rounds]

The texts are made here: about 600 characters, words drawn with natural frequencies and endings, half of them in one
line, half in eight. "new" words are stemmed for the first time; "known" is what all arms after the first meet.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from leaven.registry import METRICS
from leaven.score import rouge

PAIRS, LENGTH = 60, 600
_ENDINGS = ("", "", "", "s", "ed", "ing", "ly", "ation", "ness", "ational")


def text(draw: random.Random, *, lines: int) -> str:
    """Return about 600 characters."""
    words: list[str] = []
    while sum(map(len, words)) + len(words) < LENGTH:
        rank = int(draw.paretovariate(0.9))
        letters = random.Random(rank)
        words.append("".join(letters.choices("etaoinshrdlu", k=2 + rank % 7)) + draw.choice(_ENDINGS))
    size = -(-len(words) // lines)
    return ".\n".join(" ".join(words[start : start + size]) for start in range(0, len(words), size))


def pairs(seed: int) -> list[tuple[str, str]]:
    """Return references and answers."""
    draw = random.Random(seed)
    return [(text(draw, lines=lines), text(draw, lines=lines)) for lines in (1, 8) * (PAIRS // 2)]


def rate(score: Callable[[str, str], Any], on: list[tuple[str, str]]) -> float:
    """Return pairs a second."""
    start = time.perf_counter()
    for reference, answer in on:
        score(reference, answer)
    return len(on) / (time.perf_counter() - start)


def main() -> None:
    """Alternate, and print medians with the range of the ratio."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    theirs, new, known, whole = [], [], [], []
    for turn in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        made = pairs(turn)
        theirs.append(rate(scorer.score, made))
        rouge.read.cache_clear()
        rouge._stem.cache_clear()
        new.append(rate(rouge.scores, made))
        rouge.read.cache_clear()
        known.append(rate(rouge.scores, made))
        rouge.read.cache_clear()
        references, answers = zip(*made, strict=True)
        start = time.perf_counter()
        METRICS.get("rouge").call(answers, references, [[one] for one in reversed(references)], args={})
        whole.append(PAIRS / (time.perf_counter() - start))
    for name, rates in (("rouge-score", theirs), ("ours, words new", new), ("ours, words known", known),
                        ("ours with floor and ceiling", whole)):  # fmt: skip
        ratios = [mine / other for mine, other in zip(rates, theirs, strict=True)]
        print(f"{name:>28}: {statistics.median(rates):>8,.0f} pairs/s   "
              f"{statistics.median(ratios):>6.1f} times ({min(ratios):.1f} to {max(ratios):.1f})")  # fmt: skip


if __name__ == "__main__":
    main()
