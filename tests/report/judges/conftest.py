"""A made-up study of judges: one that likes what stands first and what is long, a reward model, and chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leaven.report.judges.found import AgreementInfo, BuiltInfo, JudgeInfo, Judging, RankedAnswer, RankedSample
from leaven.stats.judged.between import between
from leaven.stats.judged.reliability import reliability

PROMPTS, K = 120, 5
COLUMNS = ["id", "sample", "asking", "place", "rank", "score", "reason"]


def ranked(seed: int, *, place: float = 0.0, length: float = 0.0, twice: float = 0.0, unread: int = 0) -> pd.DataFrame:
    draw, sizes = np.random.default_rng(seed), _sizes()
    order = np.argsort(draw.random((PROMPTS, K)), axis=1)
    rows = []
    for asking in (0, 1):
        stood = order if asking == 0 else K - 1 - order
        worth = place * stood + length * sizes + draw.gumbel(size=(PROMPTS, K))
        rank = np.argsort(np.argsort(-worth, axis=1), axis=1) + 1.0
        for i in range(PROMPTS if asking == 0 else round(twice * PROMPTS)):
            lost = asking == 0 and i >= PROMPTS - unread
            why = "two answers have rank 1" if lost else None
            rows += [(f"p{i}", s, asking, stood[i, s], None if lost else rank[i, s], None, why) for s in range(K)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _sizes() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(9).normal(6, 1, (PROMPTS, K))


def lengths() -> pd.DataFrame:
    sizes = _sizes()
    rows = [(f"p{i}", s, 2 ** sizes[i, s]) for i in range(PROMPTS) for s in range(K)]
    return pd.DataFrame(rows, columns=["id", "sample", "length"])


def of_people(right: int, pairs: int = 100) -> pd.DataFrame:
    rows = [(f"h{i}", s, 0, None, 1.0 + (s if i < right else 1 - s), None, None) for i in range(pairs) for s in (0, 1)]
    return pd.DataFrame(rows, columns=COLUMNS)


def people_lengths(longer: int, pairs: int = 100) -> pd.DataFrame:
    rows = [(f"h{i}", s, 40 if (s == 0) == (i < longer) else 20) for i in range(pairs) for s in (0, 1)]
    return pd.DataFrame(rows, columns=["id", "sample", "length"])


def built(data: str, judge: str, seed: int, **changed: object) -> BuiltInfo:
    plain: dict[str, object] = dict(
        data=data, seed=seed, makes="preferences", judge=judge, answers="five", prompts=120, used=104, rows=104,
        offered=110, drops={"not all of its answers are ranked": 12, "all answers are equal": 4},
        left_out={"fewer than 1 ranks apart": 6}, longer_chosen=0.71 + 0.01 * seed, margin=3.9, n_answers=600,
        repeats=7, silent=0, diversity={"self_bleu": 0.31, "distinct_1": 0.62, "distinct_2": 0.9, "distinct_3": 0.97},
    )  # fmt: skip
    return BuiltInfo(**{**plain, **changed})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def whole() -> Judging:
    """Everything there can be, with a judge that has every fault."""
    tables = {
        "llama-70b": ranked(1, place=-0.6, length=0.6, twice=0.5, unread=12),
        "rm": ranked(2, length=0.2).assign(place=None),
        "chance": ranked(3).assign(place=None),
    }
    kinds = {"llama-70b": ("rank", "rank by Llama-3.1-70B"), "rm": ("reward", "reward of arm rm"),
             "chance": ("random", "random")}  # fmt: skip
    judges = []
    for name, table in tables.items():
        made = {"built": ["by_judge"], "arms": ["dpo"], "evaluates": ["answers/harmful"]} if name == "llama-70b" else {}
        judges.append(JudgeInfo(name, *kinds[name], "five", [0], reliability(table, None, lengths()),
                                repaired=5 if made else None,
                                reasons={"two answers have rank 1": 60} if made else {}, **made))  # type: ignore[arg-type]  # fmt: skip
    for name, right in (("llama-70b", 55), ("rm", 80)):
        found = reliability(of_people(right), None, people_lengths(100 - right), by_people=True)
        judges.append(JudgeInfo(name, *kinds[name], "human_test", [0], found, by_people=True))
    agree = between(tables, beside=["chance"])
    assert agree is not None
    answers = [RankedAnswer(s, f"answer {s}", {"llama-70b": 5.0 - s, "rm": float(s + 1)}) for s in range(5)]
    samples = [RankedSample("five", 0, "How are you?", answers)]
    return Judging(judges, [AgreementInfo("five", agree)], [built("by_judge", "llama-70b", s) for s in (0, 1)], samples)
