"""A judge that is asked over a network as a reward: each answer's points, while a training samples answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import progress
from leaven.rows import Message
from leaven.stages.folders import Facts

if TYPE_CHECKING:
    from leaven.generate.asked import Reply
    from leaven.score.judges.declared import Pointing
    from leaven.score.judges.questions import Question

_FOLDER = "verdicts"  # of replies, by step: the next attempt asks for none of them again
_MINUTE_S = 60.0


class AskedReward:
    """The points that a judge gives to each answer by itself; null where its verdict could not be read.

    A reply that cannot be read is asked for once more, as where the judge ranks. What was asked once is never asked
    again, in this attempt or the next. Raises ModelError where the server cannot be asked, or failed on some of a
    step's answers: a reward that depends on the network would be another training.
    """

    def __init__(self, judge: Pointing, seed: int, out: Path):
        self._judge, self._seed, self._journals = judge, seed, _journals(out)
        self._known: dict[str, float | None] = {}
        self._next = 0.0

    def __call__(self, prompts: Sequence[Sequence[Message]], answers: Sequence[str]) -> list[float | None]:
        """Return the points of each answer to a prompt."""
        from leaven.score.judges.questions import about

        asked = [about(self._judge, prompt, one, self._seed) for prompt, one in zip(prompts, answers, strict=True)]
        if new := {one.id: one for one in asked if one.id not in self._known}:
            self._known |= self._told(list(new.values()))
        return [self._known[one.id] for one in asked]

    def _told(self, wanted: Sequence[Question]) -> dict[str, float | None]:
        from leaven.generate.asked import Request, prove_answered
        from leaven.generate.openai import ask
        from leaven.score.judges import questions, verdicts

        whole = hashlib.sha256(json.dumps([one.id for one in wanted]).encode()).hexdigest()
        journal = self._journals / f"{whole[:32]}.jsonl"
        self._journals.mkdir(parents=True, exist_ok=True)

        def sent(requests: list[Request]) -> dict[str, Reply]:
            time.sleep(max(0.0, self._next - time.monotonic()))
            replies = ask(self._judge.server, requests, journal)
            prove_answered(list(replies.values()))
            if (most := self._judge.server.requests_per_minute) is not None:  # it holds over steps, too
                self._next = time.monotonic() + _MINUTE_S / most
            return replies

        replies = sent([one.request for one in wanted])
        said = {one.id: verdicts.read(self._judge, 1, replies[one.request.id]) for one in wanted}
        unread = [one for one in wanted if said[one.id].why is not None and not said[one.id].final]
        repairs = {
            one.id: questions.repair(
                self._judge, one, "".join(replies[one.request.id].texts[:1]), str(said[one.id].why)
            )
            for one in unread
        }
        more = sent(list(repairs.values())) if repairs else {}
        for name, request in repairs.items():
            said[name] = verdicts.mended(said[name], verdicts.read(self._judge, 1, more[request.id]))
        return {name: float(one.said[0]) if one.why is None else None for name, one in said.items()}


def spent(out: Path) -> Facts:
    """Return what a judge was asked for rewards over all attempts, and what it counted; nothing where none was."""
    parts = list(_parts(_journals(out)))
    if not parts:
        return {}
    prompt, completion = (sum(counts[side] for counts in parts) for side in (0, 1))
    return {"requests": len(parts), "prompt_tokens": prompt, "completion_tokens": completion}


def _journals(out: Path) -> Path:
    return out / progress.FOLDER / _FOLDER


def _parts(journals: Path) -> Iterator[Sequence[int]]:
    from leaven.generate.told import kept

    for journal in sorted(journals.glob("*.jsonl")):
        yield from (line["tokens"] for line in kept(journal))
