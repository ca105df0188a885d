"""Formats of answers that people voted on: WebGPT comparisons, Stanford Human Preferences, ELI5 with its votes."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Literal

from leaven.data.formats import BadRow, Skipped, assistant, filled, inside, legible, number, user
from leaven.registry import Count, Positive, format
from leaven.rows import Row


@format(version=2, columns=("question", "answer_0", "answer_1", "score_0", "score_1"), makes="preferences")
def webgpt(row: Row, *, ties: Literal["drop", "answer_1", "random"] = "drop", context: bool = False) -> Row:
    """WebGPT comparisons: two answers to a question, scores that sum to 0.

    Scores of 0 are a tie: dropped (and counted), or kept with answer_1 or a random answer as the chosen one; a kept
    tie has margin 0 and is never eligible for a treatment, and neither are equal answers. ``context`` puts the titles
    and extracts of the chosen answer's quotes into a system message before the question.
    """
    question = filled(inside(row["question"], "full_text"), "question.full_text")
    score_0, score_1 = number(row["score_0"], "score_0"), number(row["score_1"], "score_1")
    if abs(score_0 + score_1) > 1e-6:
        raise BadRow("score_0 and score_1 do not sum to 0")
    better = _better(f"{question}\x1f{row['answer_0']}\x1f{row['answer_1']}", score_0, score_1, ties)
    quotes = _quotes(row, better) if context else ""
    return {
        "prompt": [*([{"role": "system", "content": quotes}] if quotes else []), user(question)],
        "chosen": [assistant(row[f"answer_{better}"], f"answer_{better}")],
        "rejected": [assistant(row[f"answer_{1 - better}"], f"answer_{1 - better}")],
        "margin": abs(score_0 - score_1),
    }


def _better(texts: str, score_0: float, score_1: float, ties: str) -> int:
    if score_0 != score_1:
        return int(score_1 > score_0)
    if ties == "drop":
        raise Skipped("tie")
    # A coin that depends on the texts alone: the same in every arm, seed and shard.
    return 1 if ties == "answer_1" else hashlib.sha256(texts.encode("utf-8", "replace")).digest()[0] & 1


def _quotes(row: Row, better: int) -> str:
    """Return the quotes of one answer as ``title: extract``, a line each; none where the answer quotes nothing."""
    column = f"quotes_{better}"
    quotes = row.get(column)
    if quotes is None:
        return ""
    titles, extracts = inside(quotes, "title"), inside(quotes, "extract")
    if not isinstance(titles, list) or not isinstance(extracts, list) or len(titles) != len(extracts):
        raise BadRow(f"{column} holds no list of titles beside a list of extracts of the same length")
    told = [(legible(title, column), legible(said, column)) for title, said in zip(titles, extracts, strict=True)]
    return "\n".join(f"{title}: {said}" if title else said for title, said in told if title or said)


@format(version=1, columns=("title", "answers"), makes="examples")
def eli5_category(row: Row, *, selftext: bool = False) -> Row:
    """ELI5 with all its answers and their votes: the best-voted answer is the reference, the others stand beside it.

    ``selftext`` puts what the asker wrote below the title under it. Answers that were deleted are left out; of equally
    voted ones the first is taken.
    """
    question = filled(row["title"], "title")
    below = row.get("selftext")
    if selftext and below:
        question = f"{question}\n\n{filled(below, 'selftext')}"
    best, *others = _voted(row["answers"])
    return {"prompt": [user(question)], "completion": [assistant(best, "answers.text")], "others": others}


_DELETED = ("[deleted]", "[removed]")


def _voted(answers: Any) -> list[str]:
    """Return answers by votes, the best first."""
    texts, scores = inside(answers, "text"), inside(answers, "score")
    if not isinstance(texts, list) or not isinstance(scores, list) or len(texts) != len(scores):
        raise BadRow("answers holds no list of text beside a list of score of the same length")
    votes = [number(score, "answers.score") for score in scores]
    read = [(vote, legible(text, "answers.text")) for vote, text in zip(votes, texts, strict=True)]
    said = [one for one in read if one[1].strip() and one[1].strip() not in _DELETED]
    if not said:
        raise BadRow("answers has no text")
    return [text for _, text in sorted(said, key=lambda one: -one[0])]


_SHP = ("history", "human_ref_A", "human_ref_B", "labels", "score_A", "score_B")


@format(version=1, columns=_SHP, makes="preferences", grouped=True, most=("max_per_post", "post_id"))
def shp(row: Row, *, min_score_ratio: Positive = 1.0, max_per_post: Count | None = None) -> Row:
    """Stanford Human Preferences: a Reddit post and two comments, of which the one with the higher score is preferred.

    The margin is the natural logarithm of the score ratio. The data card advises to use pairs of a high ratio only
    (``min_score_ratio: 2``) and few of a post (``max_per_post: 5``, the first in the order of the source); neither is
    done unless asked. The ratio is the column ``score_ratio``, else that of the scores, where those below 1 count as 1.
    """
    first = _label(row["labels"]) == 1
    better, worse = ("A", "B") if first else ("B", "A")
    high, low = (number(row[f"score_{one}"], f"score_{one}") for one in (better, worse))
    if high < low:
        raise BadRow(f"labels prefers {better}, which has the lower score")
    ratio = max(high, 1.0) / max(low, 1.0)
    if row.get("score_ratio") is not None:
        ratio = number(row["score_ratio"], "score_ratio")
    if ratio < 1:
        raise BadRow("score_ratio is below 1")
    if ratio < min_score_ratio:
        raise Skipped(f"score ratio below {min_score_ratio:g}")
    domain = row.get("domain")
    return {
        "prompt": [user(filled(row["history"], "history"))],
        "chosen": [assistant(row[f"human_ref_{better}"], f"human_ref_{better}")],
        "rejected": [assistant(row[f"human_ref_{worse}"], f"human_ref_{worse}")],
        "margin": math.log(ratio),
        "group": legible(domain, "domain") if domain is not None else None,
    }


def _label(value: Any) -> int:
    label = number(value, "labels")
    if label not in (0, 1):
        raise BadRow(f"labels is {label:g}, neither 0 nor 1")
    return int(label)
