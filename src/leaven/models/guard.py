"""Guards: a score of a prompt or an answer, and the threshold from which it is blocked.

A guard knows no metrics of its own: what scores texts is handed in, or fitted here (``intents``). What it was fitted on
and what set its threshold are remembered by digest, so that nothing is reported on them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from leaven.data.questions import asked, known_by
from leaven.errors import DataError
from leaven.models.intents import Intents
from leaven.rows import Message, Row

FILE, _SEEN = "guard.json", "seen.safetensors"
_DIGEST = 16  # bytes

Score = Callable[[Sequence[str], Sequence[str]], Sequence[float | None]]  # of texts, and what each was an answer to


@dataclass(frozen=True)
class Guard:
    """What scores, and from where on a text is blocked: on this ``side`` of the threshold.

    ``on``: what it looks at, "prompt", "answer" or both. ``seen``: digests of the questions by which it was made, by
    what they did ("examples", "validation").
    """

    name: str
    on: tuple[str, ...]
    side: str
    threshold: float
    score: Score
    seen: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    def verdict(self, text: str, prompt: str | None = None) -> tuple[float | None, bool]:
        """Return a text's score, and whether it is blocked; ``prompt``: what it answers, if it is an answer."""
        return self.verdicts([text], [text if prompt is None else prompt])[0]

    def verdicts(self, texts: Sequence[str], prompts: Sequence[str]) -> list[tuple[float | None, bool]]:
        """Return the score of each text and whether it is blocked; one that cannot be scored (null) is not."""
        found = [_sound(one) for one in self.score(texts, prompts)] if texts else []
        assert len(found) == len(texts), f"{len(texts)} texts, {len(found)} scores"
        return [(one, one is not None and self.blocks(one)) for one in found]

    def blocks(self, score: float) -> bool:
        """Say whether a score is beyond the threshold."""
        return score > self.threshold if self.side == "above" else score < self.threshold

    def knows(self, prompt: Sequence[Message]) -> str | None:
        """Say what a prompt's question did when the guard was made ("examples" or "validation"); None: nothing."""
        return next((role for role, known in self.seen.items() if known_by(_question(prompt)) in known), None)

    def save(self, folder: Path, more: Mapping[str, Any]) -> None:
        """Write the guard into a folder; its scorer is saved by whoever made it. ``more`` is kept beside."""
        import numpy as np
        from safetensors.numpy import save_file

        about = {"name": self.name, "on": list(self.on), "side": self.side, "threshold": self.threshold, **more}
        (folder / FILE).write_text(json.dumps(about, indent=1))
        digests = {
            role: np.frombuffer(b"".join(sorted(known)), np.uint8).reshape(-1, _DIGEST)
            for role, known in self.seen.items()
            if known
        }
        save_file(digests, folder / _SEEN)

    @classmethod
    def load(cls, folder: Path, score: Score | None = None) -> Guard:
        """Read a guard; ``score`` is what a guard by a metric scores with, and one of intents brings its own.

        Guards of either kind with their metric: ``stages.guarding.opened``.
        """
        from safetensors.numpy import load_file

        about = described(folder)
        if (blocks := about.get("blocks")) is not None:
            score = by_intents(Intents.load(folder), blocks)
        assert score is not None, f"the guard in {folder} scores by a metric, and none was handed in"
        seen = {role: frozenset(map(bytes, digests)) for role, digests in load_file(folder / _SEEN).items()}
        return cls(about["name"], tuple(about["on"]), about["side"], about["threshold"], score, seen)


def described(folder: Path) -> dict[str, Any]:
    """Return what a saved guard is: name, on, side, threshold; ``blocks`` of intents, ``scorer`` of a metric."""
    return dict(json.loads((folder / FILE).read_text()))


def by_intents(intents: Intents, blocks: Sequence[str]) -> Score:
    """Return what scores texts by the probability that they are of one of these classes."""
    places = [place for place, label in enumerate(intents.classes) if label in blocks]

    def score(texts: Sequence[str], _: Sequence[str]) -> list[float | None]:
        found = intents.probabilities(texts)
        return [None if one is None else min(1.0, sum(one[place] for place in places)) for one in found]

    return score


def labelled(rows: Sequence[Row], field: str, on: Sequence[str] = ("prompt",)) -> tuple[list[str], list[str]]:
    """Return what a guard that looks at this learns of rows with a label in a column (label or group), and the labels.

    A guard on the answer learns from answers, any other from questions. Raises DataError if no row has both, and where
    a guard on prompt and answer would learn from questions alone.
    """
    if len(on) > 1 and any("prompt" in row for row in rows):
        raise DataError("one guard of intents learns from questions or from answers, and these rows have both; declare "
                        "two guards, one on: [prompt] and one on: [answer]")  # fmt: skip
    what = "answer" if tuple(on) == ("answer",) else "question"
    read = [(answer_of(row) if what == "answer" else text_of(row), row.get(field)) for row in rows]
    if all(label is None for _, label in read):
        raise DataError(f"intents are learned from the column {field}, and no example has one; use a format that "
                        f"labels rows, or set field: {'group' if field == 'label' else 'label'}")  # fmt: skip
    found = [(text, str(label)) for text, label in read if text is not None and label is not None]
    if not found:
        raise DataError("a guard on the answer learns from answers, and no labelled example has one; name data with "
                        "answers, or guard the prompt")  # fmt: skip
    texts, labels = zip(*found, strict=True)
    return list(texts), list(labels)


def text_of(row: Row) -> str:
    """Return what a guard on the prompt reads of a row: its last user turn, or all of a text."""
    return _question(row["prompt"]) if "prompt" in row else str(row["text"])


def answer_of(row: Row) -> str | None:
    """Return what a guard on the answer reads of a row: its reference answer, or all of a text."""
    if "prompt" not in row:
        return str(row["text"])
    said = row.get("completion") or row.get("chosen")
    return str(said[-1]["content"]) if said else None


def is_harmless(row: Row, harmless: Sequence[str]) -> bool:
    """Say whether a row's label, or its group, is one of those that should not be blocked."""
    return row.get("label") in harmless or row.get("group") in harmless


def digests(rows: Sequence[Row]) -> frozenset[bytes]:
    """Return the digests of the questions of rows."""
    return frozenset(known_by(text_of(row)) for row in rows)


@dataclass(frozen=True)
class Validation:
    """Rows that set a threshold: all that count as harmless, and the share of such that may be blocked."""

    rows: Sequence[Row]
    harmless: Sequence[str]
    rate: float

    @cached_property
    def judged(self) -> list[Row]:
        """The harmless rows. Raises DataError if there is none."""
        found = [row for row in self.rows if is_harmless(row, self.harmless)]
        if not found:
            there = sorted({str(row.get(name)) for row in self.rows for name in ("label", "group") if row.get(name)})
            raise DataError(
                f"no validation row of a guard is labelled {' or '.join(self.harmless)}, so its rate of false blocks "
                f"cannot be set; there are: {', '.join(there[:30]) or 'no labels'}"
            )
        return found

    def threshold(self, score: Score, side: str) -> tuple[float, int]:
        """Return the threshold for prompts, and on how many rows it was set.

        With n rows it is their ceil((n + 1)(1 - rate))-th score from the harmless end, so that of fresh prompts like
        them at most ``rate`` are beyond it on average (split conformal: Vovk et al. 2005; Angelopoulos and Bates 2021).
        That holds of prompts alone: answers that others wrote are not like those that a model will give. Raises
        DataError where there are too few rows.
        """
        sign = 1 if side == "above" else -1
        questions = [text_of(row) for row in self.judged]
        scores = sorted(sign * one for one in map(_sound, score(questions, questions)) if one is not None)
        place = math.ceil((len(scores) + 1) * (1 - self.rate) - 1e-9)
        if place > len(scores):
            need = math.ceil(1 / self.rate - 1 - 1e-9)
            raise DataError(f"{len(scores)} harmless validation rows with a score are too few to hold a guard's false "
                            f"blocks at {self.rate:g}; give at least {need}, or raise false_block_rate")  # fmt: skip
        return sign * scores[place - 1], len(scores)


def _question(prompt: Sequence[Message]) -> str:
    return asked(prompt) if prompt else ""


def _sound(score: float | None) -> float | None:
    return None if score is None or not math.isfinite(score) else float(score)
