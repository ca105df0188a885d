"""Made-up judges whose biases are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Made = tuple[pd.DataFrame, pd.DataFrame]


def judged(
    seed: int,
    prompts: int = 200,
    k: int = 5,
    *,
    place: float = 0.0,
    length: float = 0.0,
    worth: float = 0.0,
    twice: float = 1.0,
) -> Made:
    """Ranks by a Plackett-Luce judge: ``place`` for a place further back, ``length`` for twice the length.

    ``worth`` is the spread of what makes answers better that nobody measures; a share ``twice`` is asked again, the
    other way round. Returns ranks and lengths.
    """
    draw = np.random.default_rng(seed)
    logs, better = draw.normal(6, 1, (prompts, k)), draw.normal(0, worth, (prompts, k)) if worth else 0.0
    order = np.argsort(draw.random((prompts, k)), axis=1)
    rows = []
    for asking in (0, 1):
        stood = order if asking == 0 else k - 1 - order
        utility = place * stood + length * logs + better + draw.gumbel(size=(prompts, k))
        rank = np.argsort(np.argsort(-utility, axis=1), axis=1) + 1
        for i in range(prompts if asking == 0 else round(twice * prompts)):
            rows += [(f"p{i}", s, asking, stood[i, s], float(rank[i, s]), None, None) for s in range(k)]
    columns = ["id", "sample", "asking", "place", "rank", "score", "reason"]
    sizes = [(f"p{i}", s, 2.0 ** logs[i, s]) for i in range(prompts) for s in range(k)]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(sizes, columns=["id", "sample", "length"])


@pytest.fixture
def made() -> Callable[..., Made]:
    return judged
