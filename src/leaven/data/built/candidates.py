"""Prompts, the answers to them and a judge's ranks, joined: what each prompt offers to build rows of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leaven.data.treatments.draw import Draw
from leaven.errors import DataError
from leaven.rows import Message, Row

_ASKED = 0  # the asking that is built on; what was asked again says how reliable the judge is, and no more


@dataclass(frozen=True)
class Candidate:
    """One answer, with its rank (1 is the best). ``sample`` is the lowest that says it, where several do."""

    sample: int
    text: str
    rank: float

    @property
    def turns(self) -> list[Message]:
        """The answer as messages."""
        return [{"role": "assistant", "content": self.text}]


@dataclass(frozen=True)
class Ranked:
    """A prompt's row and the different answers to it, the best first; ``ranks`` are those of all samples, in order.

    ``repeats``: how many answers say what another said. ``silent``: how many say nothing. ``why`` is the reason for
    which nothing can be built of the prompt, and ``seen`` what shows it.
    """

    row: Row
    candidates: tuple[Candidate, ...] = ()
    ranks: tuple[float | None, ...] = ()
    repeats: int = 0
    silent: int = 0
    why: str | None = None
    seen: str = ""

    def lacks(self, different: int) -> str | None:
        """Say why the prompt does not have so many different answers, of which there must be two in any case."""
        if self.why is None and len(self.candidates) < max(2, different):
            return "its answers are all the same" if self.repeats and len(self.candidates) == 1 else _FEW[different > 2]
        return self.why

    @property
    def id(self) -> str:
        """The prompt's id."""
        return str(self.row["id"])


UNRANKED = "not all of its answers are ranked"
_FEW = ("it has fewer than 2 answers", "it has too few different answers")


def words(text: str) -> str:
    """Return a text with its white space made even; two answers of equal words are repeats of each other."""
    return " ".join(text.split())


def joined(prompts: Sequence[Row], answers: Iterable[Row], ranks: Iterable[Row]) -> list[Ranked]:
    """Join rows that have a ``prompt``, *generations* and *ranks* (of the first asking), in the order of the prompts.

    Answers without text are left out. Of a prompt with an answer that has no rank nothing can be built: the best of
    the others may not be the best. Equal answers are one, and their rank is the mean of theirs.

    Raises DataError where answers or ranks are not those of the prompts.
    """
    told = _by_sample(answers, "prompt_id")
    said = _by_sample((row for row in ranks if row["asking"] == _ASKED), "id")
    if stray := [prompt for prompt in {**told, **said} if prompt not in {row["id"] for row in prompts}]:
        raise DataError(f"answers or ranks are of prompts that are not there, the first is {stray[0]!r}")
    return [_ranked(row, told.get(row["id"], {}), said.get(row["id"], {})) for row in prompts]


def _by_sample(rows: Iterable[Row], column: str) -> dict[str, dict[int, Row]]:
    found: dict[str, dict[int, Row]] = {}
    for row in rows:
        of_one = found.setdefault(row[column], {})
        if row["sample"] in of_one:
            raise DataError(f"sample {row['sample']} of {row[column]!r} is there twice")
        of_one[row["sample"]] = row
    return found


def _ranked(row: Row, told: dict[int, Row], said: dict[int, Row]) -> Ranked:
    ranks = {sample: _rank(said.get(sample)) for sample in sorted(told)}
    spoken = {sample: told[sample]["text"] for sample in ranks if (told[sample]["text"] or "").strip()}
    silent = len(told) - len(spoken)
    if not spoken:
        return Ranked(row, silent=silent, why="none of its answers says anything" if told else "it has no answer")
    candidates = _different(str(row["id"]), spoken, ranks)
    why, seen = None, ""
    if unranked := [sample for sample in spoken if ranks[sample] is None]:
        reason = (said.get(unranked[0]) or {}).get("reason")
        why, seen, candidates = UNRANKED, reason or "", ()
    texts = {words(text) for text in spoken.values()}
    return Ranked(row, candidates, tuple(ranks.values()), len(spoken) - len(texts), silent, why, seen)


def _rank(row: Row | None) -> float | None:
    rank = None if row is None else row["rank"]
    return None if rank is None or not math.isfinite(rank) else float(rank)


def _different(prompt: str, spoken: dict[int, str], ranks: dict[int, float | None]) -> tuple[Candidate, ...]:
    """Return the different answers, the best first; a hash puts those of one rank in order.

    By sample they would stand in the order of the temperatures or system prompts that they were drawn with.
    """
    alike: dict[str, list[int]] = {}
    for sample, text in spoken.items():
        alike.setdefault(words(text), []).append(sample)
    found = []
    for samples in alike.values():
        known = [rank for sample in samples if (rank := ranks[sample]) is not None]
        if known:
            found.append(Candidate(samples[0], spoken[samples[0]], math.fsum(known) / len(known)))
    draw = Draw(0, "equal ranks")
    return tuple(sorted(found, key=lambda one: (one.rank, draw.uniform(f"{prompt}#{one.sample}"))))
