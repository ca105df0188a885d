"""What was said so far to an arm, and how its next answer is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leaven.conversation.methods import Verdict
from leaven.conversation.stream import Hear, Stream
from leaven.errors import ModelError

if TYPE_CHECKING:
    from leaven.conversation.found import Speaker
    from leaven.models.retrieval import Found
    from leaven.rows import Message

_OF_BEAMS = ("num_beams", "length_penalty", "early_stopping")


@dataclass(frozen=True)
class Turn:
    """One question and its answer, with all that decided about it.

    ``ids`` are what the model read, None where a guard blocked the prompt and it was never asked. ``told`` is what the
    model said, ``answer`` what was shown: a ``refused`` one is a guard's refusal. ``tokens`` and ``finish_reason`` are
    the model's own; ``behind`` are the methods by which it was asked, ``dropped`` the earlier turns left out.
    """

    said: str
    answer: str
    ids: list[int] | None = None
    told: str | None = None
    tokens: int = 0
    finish_reason: str = "stop"
    refused: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    passages: list[Found] = field(default_factory=list)
    behind: tuple[str, ...] = ()
    dropped: int = 0


class Conversation:
    """What was said so far, and how the next answer is drawn.

    ``tokens`` stand in front of all that is said, instead of those of the arm; ``raw`` goes on from each line by
    itself, without a chat template and without the arm's methods, but with its guards. The arm's own sampling holds; a
    ``temperature`` is told instead of its own, and one of 0 takes the likeliest token. ``item`` is whose noise is
    drawn: two talks of one item and seed draw alike. Raises ModelError for a token that the model was not trained with.
    """

    def __init__(
        self,
        speaker: Speaker,
        tokens: Sequence[str] | None = None,
        max_new_tokens: int = 128,
        temperature: float | None = None,
        *,
        raw: bool | None = None,
        item: str = "chat",
    ):
        from leaven.models import load

        self.speaker = speaker
        self.raw = speaker.reads_texts and not speaker.methods.names if raw is None else raw
        self.last: Turn | None = None
        self._context = load.context_length(speaker.model.config)
        self._most, self._item = max_new_tokens, item
        self._sampling = _sampling(speaker.sampling, temperature)
        if not self.raw and (stops := speaker.methods.stop_strings):
            self._sampling["stop_strings"] = [*self._sampling.get("stop_strings", ()), *stops]
        self._turns: list[Message] = []
        self._answers = 0
        self._notes: list[str] = []
        self.put_in_front(speaker.control if tokens is None else tokens)

    @property
    def streams(self) -> bool:
        """Whether an answer can be heard while it is made: no guard reads it first, and no beams are searched."""
        return not self.speaker.methods.watches("answer") and self._sampling.get("num_beams", 1) == 1

    @property
    def sampling(self) -> dict[str, Any]:
        """How answers are drawn, by transformers' names; ``do_sample`` is always there."""
        return dict(self._sampling)

    @property
    def manner(self) -> str:
        """How it is asked, in a few words."""
        methods = self.speaker.methods
        how = "goes on from each line" if self.raw else "is asked by the chat template"
        if methods.plain and not self.raw:
            how = "is asked without a chat template"
        said = [f"{how}{f', behind {chr(32).join(self.tokens)}' if self.tokens else ''}"]
        if methods.names:
            said.append(f"{'without' if self.raw else 'with'} {', '.join(methods.names)}")
        guards = dict.fromkeys(f"{guard.name} on the {' and '.join(guard.on)}" for guard, _ in methods.guards)
        return ", ".join([*said, *([f"guarded by {' and '.join(guards)}"] if guards else [])])

    def put_in_front(self, tokens: Sequence[str]) -> None:
        """Put these control tokens in front from now on; raises ModelError for one that the model does not know."""
        known = self.speaker.tokens
        for token in tokens:
            if token not in known:
                listed = f"it knows {' '.join(known)}" if known else "it was trained with none"
                raise ModelError(f"'{self.speaker.called}' was not trained with the control token '{token}'; {listed}")
        self.tokens = tuple(tokens)

    def reset(self) -> None:
        """Forget what was said."""
        self._turns, self.last = [], None

    def notes(self) -> list[str]:
        """Return what is to be known of the answers since this was last asked, and forget it."""
        found, self._notes = self._notes, []
        return found

    def answer(self, said: str, hear: Hear | None = None) -> str:
        """Return the answer to a line; raises ModelError where it cannot be asked.

        ``hear`` is told the answer piece by piece while it is made, or all at once where it does not stream. A line
        that failed, or was interrupted, was never said.
        """
        if not self.raw:
            self._refuse_special(said)
        verdicts, refusal = self.speaker.methods.judged("prompt", said, said)
        if refusal is not None:
            turn, turns = Turn(said, refusal, refused=True, verdicts=verdicts), [*self._turns, _user(said)]
        else:
            turn, turns = self._asked(said, verdicts, hear if self.streams else None)
        if hear is not None and (refusal is not None or not self.streams):
            hear(turn.answer)
        self._answers += 1
        self.last = turn
        if not self.raw:
            self._turns = [*turns, {"role": "assistant", "content": self._as_text(turn.answer)}]
        return turn.answer

    def _asked(self, said: str, verdicts: list[Verdict], hear: Hear | None) -> tuple[Turn, list[Message]]:
        """Have the model answer, and its guards read that; return the turn, and the turns before its answer."""
        ids, turns, dropped = self._ids(said)
        told = self._generated(ids, hear)
        read, refusal = self.speaker.methods.judged("answer", told["text"], said)
        methods = () if self.raw else self.speaker.methods.names
        turn = Turn(
            said, told["text"] if refusal is None else refusal, ids, told["text"], told["tokens"],
            told["finish_reason"], refusal is not None, [*verdicts, *read],
            [] if self.raw else self.speaker.methods.found(), methods, dropped,
        )  # fmt: skip
        return turn, turns

    def _generated(self, ids: list[int], hear: Hear | None) -> dict[str, Any]:
        from leaven.generate import hf

        room = self._most if self._context is None else min(self._most, self._context - len(ids))
        sample = 0 if self._sampling.get("num_beams", 1) > 1 else self._answers  # a search has its best beam first
        prompt = hf.Prompt(self._item, sample, ids, room)
        stops = self.speaker.stop_ids
        decoding = hf.Decoding(room, self._sampling, self.speaker.seed, stops, self._banned())
        stops_at = self._sampling.get("stop_strings", ())
        stream = None if hear is None else Stream(self.speaker.tokenizer, stops, stops_at, hear)
        (made,) = hf.generate(self.speaker.model, self.speaker.tokenizer, [prompt], decoding, stream)
        if stream is not None:
            stream.end(made["text"])
        return made

    def _refuse_special(self, said: str) -> None:
        """Raise ModelError for a special token that is spelled out: it would be read as that token."""
        from leaven.generate.spellings import specials

        if held := next((token for token in specials(self.speaker.tokenizer) if token in said), None):
            raise ModelError(f"'{held}' is a special token of the model, no text; control tokens are put by /tokens")

    def _as_text(self, told: str) -> str:
        """Return what was told with no special token spelled out: it is read again with the next question."""
        from leaven.generate.spellings import specials
        from leaven.models.hostile import neutralised

        return neutralised(told, specials(self.speaker.tokenizer))

    def _ids(self, said: str) -> tuple[list[int], list[Message], int]:
        """Return what the next answer goes on from, and of which turns; the oldest of too long a talk are left out."""
        if self.raw:
            return self._fitting(self._of_text(said), "this line"), [], 0
        turns = [*self._turns, _user(said)]
        ids = self._of_turns(turns)
        while len(turns) > 1 and not self._has_room(ids):
            turns = turns[2:]
            ids = self._of_turns(turns)
        dropped = len(self._turns) + 1 - len(turns)
        ids = self._fitting(ids, "this question")
        if dropped:
            self._notes = ["the conversation is longer than the model's context; its oldest turns are left out"]
        return ids, turns, dropped

    def _of_text(self, said: str) -> list[int]:
        from leaven.data.front import beginning
        from leaven.data.texts_encoded import text_ids

        (own,) = text_ids(self.speaker.tokenizer, [said])
        return [*beginning(self.speaker.tokenizer), *self._front(), *own]

    def _of_turns(self, turns: list[Message]) -> list[int]:
        from leaven.data import front
        from leaven.data.chat import prompt_ids

        methods = self.speaker.methods
        (ids,) = prompt_ids(self.speaker.tokenizer, [methods.asked(turns)], apply_chat_template=not methods.plain)
        return front.put(self.speaker.tokenizer, ids, self._front())

    def _front(self) -> list[int]:
        from leaven.data.front import control_ids

        return control_ids(self.speaker.tokenizer, self.tokens)

    def _banned(self) -> list[int]:
        from leaven.data.front import control_ids

        return control_ids(self.speaker.tokenizer, self.speaker.tokens)

    def _has_room(self, ids: list[int]) -> bool:
        """Say whether an answer has room behind these: what may be told, or else a quarter of the context."""
        return self._context is None or len(ids) + min(self._most, self._context // 4) <= self._context

    def _fitting(self, ids: list[int], what: str) -> list[int]:
        if self._context is not None and len(ids) >= self._context:
            behind = "" if self.raw or not self.speaker.methods.names else " with all that is put around it"
            said = f"{what} has {len(ids)} tokens{behind}, and the model reads {self._context}; say less"
            raise ModelError(said)
        return ids


def _user(said: str) -> Message:
    return {"role": "user", "content": said}


def _sampling(own: Mapping[str, Any], temperature: float | None) -> dict[str, Any]:
    """Return how answers are drawn: as the arm says itself, else at temperature 1; or at the temperature given."""
    made: dict[str, Any] = {"do_sample": True, **{name: value for name, value in own.items() if value is not None}}
    if temperature is not None:
        made = {name: value for name, value in made.items() if name not in (*_OF_BEAMS, "temperature")}
        made["do_sample"] = temperature > 0
        if temperature not in (0, 1):
            made["temperature"] = temperature
    if made.get("num_beams", 1) > 1:
        made["do_sample"] = False  # as its suites declare it: beams are not sampled
    return made
