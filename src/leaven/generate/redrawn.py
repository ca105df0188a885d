"""Answers that repeat another answer to their prompt are drawn again: which ones, how often, with which numbers.

Pure: who draws is handed in. The noise of a draw belongs to (item, number of the draw), so what comes out depends on
the prompt alone, never on which other prompts were asked, nor on where an earlier attempt at the stage stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leaven.data.built.candidates import words
from leaven.rows import Row

Wanted = tuple[str, int, int]  # prompt_id, sample, attempt (from 1)
Draw = Callable[[list[Wanted]], Sequence[Row]]
Answers = dict[int, Row]  # the answers to one prompt, by sample


def number(sample: int, attempt: int, samples: int) -> int:
    """Return the number of a draw: that of the sample at first (attempt 0), then ``samples`` further on each time."""
    return samples * attempt + sample


def redrawn(rows: list[Row], draw: Draw, times: int) -> tuple[list[Row], dict[str, int]]:
    """Draw answers again that repeat another one to their prompt word by word, each at most ``times`` times.

    ``rows`` are *generations*. ``draw`` gets what is wanted, and returns a row for each in any order: its ``sample``
    is the wanted one, or the ``number`` of the draw. A row that it leaves out, or whose text is null, could not be
    drawn: the answer stays as it was, and its turn is used up. Of equal answers the lowest sample stays.

    Returned are the rows in their order, and how many answers were ``repeats`` at first, ``redrawn`` until they were
    none, and ``still_equal`` in the end; how many ``draws`` that took, and ``discarded_tokens`` that are in no row.
    """
    samples = 1 + max((row["sample"] for row in rows), default=0)
    prompts: dict[str, Answers] = {}
    for row in rows:
        prompts.setdefault(row["prompt_id"], {})[row["sample"]] = row
    waiting = [(prompt, sample) for prompt, answers in prompts.items() for sample in _repeats(answers)]
    repeats, draws, discarded = len(waiting), 0, 0
    for attempt in range(1, times + 1):
        if not waiting:
            break
        wanted = [(prompt, sample, attempt) for prompt, sample in waiting]
        drawn = _by_sample(draw(wanted), wanted, samples)
        draws += len(drawn)
        waiting, lost = _taken(prompts, waiting, drawn)
        discarded += lost
    counts = {"repeats": repeats, "redrawn": repeats - len(waiting), "still_equal": len(waiting)}
    told = [prompts[row["prompt_id"]][row["sample"]] for row in rows]
    return told, {**counts, "draws": draws, "discarded_tokens": discarded}


def _repeats(answers: Answers) -> list[int]:
    """Return the samples that repeat a lower one; what has no text repeats nothing."""
    seen, found = set[str](), []
    for sample in sorted(answers):
        text = answers[sample]["text"]
        if text is None:
            continue
        if words(text) in seen:
            found.append(sample)
        seen.add(words(text))
    return found


def _by_sample(drawn: Sequence[Row], wanted: list[Wanted], samples: int) -> dict[tuple[str, int], Row]:
    asked = {(prompt, sample) for prompt, sample, _ in wanted}
    found = {(row["prompt_id"], row["sample"] % samples): row for row in drawn}
    assert found.keys() <= asked, f"drawn, but not wanted: {sorted(found.keys() - asked)[:3]}"
    return {which: row for which, row in found.items() if row["text"] is not None}


def _taken(
    prompts: dict[str, Answers], waiting: list[tuple[str, int]], drawn: dict[tuple[str, int], Row]
) -> tuple[list[tuple[str, int]], int]:
    """Put in what is new to its prompt; return what still repeats, and the tokens of what is in no row now."""
    still, lost = [], 0
    for prompt, sample in waiting:
        new, answers = drawn.get((prompt, sample)), prompts[prompt]
        told = {words(row["text"]) for row in answers.values() if row["text"] is not None}
        if new is not None and words(new["text"]) not in told:
            lost += answers[sample].get("tokens") or 0
            answers[sample] = {**new, "sample": sample}
            continue
        still.append((prompt, sample))
        lost += (new or {}).get("tokens") or 0
    return still, lost
