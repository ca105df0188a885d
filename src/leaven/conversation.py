"""Talking to an arm of a run that is there: whoever speaks, found and loaded, and what was said so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import workspace as workspaces
from leaven.errors import ModelError, Problem, ReportError, StudyError, did_you_mean

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph, WiredCell
    from leaven.rows import Message


@dataclass(frozen=True)
class Speaker:
    """An arm's model, loaded, with how the arm asks it.

    ``tokens`` are the control tokens that it was trained with, ``control`` those that the arm puts in front of all that
    it is asked; ``reads_texts`` says that it was trained to go on with texts, without a chat template.
    """

    called: str
    model: Any
    tokenizer: Any
    stop_ids: list[int]
    tokens: tuple[str, ...] = ()
    control: tuple[str, ...] = ()
    reads_texts: bool = False
    seed: int = 0


def speaker(run: str | Path, arm: str, seed: int | None = None, workspace: str | Path | None = None) -> Speaker:
    """Return whoever answers as an arm of a run: its last artefact, or the base of an arm that is not trained.

    ``seed`` is that of the training, unless told the first that was trained. Raises ReportError where there is no such
    run, or its training is not there; StudyError for an arm or seed that it does not have; ModelError where the model
    cannot answer.
    """
    from leaven import answered

    graph, store, folder = answered.opened(run, workspace)
    cell = _cell(graph, store, folder, arm, seed)
    return _loaded(cell, store)


def _cell(graph: Graph, store: Store, folder: Path, arm: str, seed: int | None) -> WiredCell:
    """Return the run of an arm that is asked for, whose training is there."""
    cells = [one for one in graph.cells if one.cell.arm.name == arm]
    if not cells:
        names = [one.cell.arm.name for one in graph.cells]
        raise StudyError([Problem(str(folder), f"there is no arm '{arm}'", did_you_mean(arm, names))])
    seeds = [one.cell.seed for one in cells]
    if seed is not None and seeds != [None]:
        if seed not in seeds:
            listed = ", ".join(map(str, seeds))
            raise StudyError([Problem("--seed", f"arm '{arm}' was not trained with seed {seed}", f"there is {listed}")])
        cells = [one for one in cells if one.cell.seed == seed]
    there = [one for one in cells if one.artefact is None or store.record(one.artefact) is not None]
    if not there:
        again = workspaces.command(folder.parent, "run", str(folder / workspaces.STUDY))
        raise ReportError(f"the trained model of '{arm}' is not in the store {store.root}; `{again}` makes it")
    return there[0]


def _loaded(cell: WiredCell, store: Store) -> Speaker:
    """Load a run's model in the way in which its suites do, by what one of them is told."""
    from leaven.stages.speaker import speaker as load

    told = _asked(cell)
    inputs = {name: Path(path) for name, path in told.needs.paths.items() if name == "base"}
    if cell.artefact is not None:
        artefact = store.folder(cell.artefact)
        if (damage := store.damage(cell.artefact)) is not None:
            raise ReportError(f"{artefact} is damaged ({damage}); run the study again, it is made anew")
        inputs["model"] = artefact
    around = {"around": dict(told.needs.around)} if told.needs.around else {}
    model, tokenizer, stops = load({**told.args, **around}, inputs)
    arm, base = cell.cell.arm, (cell.artefact or told).args["model"]
    where = arm.name if cell.cell.seed is None else f"{arm.name}, seed {cell.cell.seed}"
    return Speaker(
        where, model, tokenizer, stops, tuple(base.get("added_tokens", ())), _wrapped(cell), _reads_texts(cell),
        cell.cell.effective,
    )  # fmt: skip


def _asked(cell: WiredCell) -> Stage:
    """Return a stage that this run's model answers in: it says which model that is, and how it is loaded."""
    for suite in cell.suites:
        told = suite.told.inputs.get("generations", suite.told)  # before a guard looked at it
        if "model" in (told.inputs if cell.artefact is not None else told.args):
            return told
    raise ReportError(f"no suite of the study asks the arm '{cell.cell.arm.name}', so nothing says how it is loaded")


def _wrapped(cell: WiredCell) -> tuple[str, ...]:
    from leaven.registry import WRAPS

    made = [WRAPS.get(step.name).call(args=step.args) for step in cell.cell.arm.wraps]
    return tuple(token for one in made for token in one.control)


def _reads_texts(cell: WiredCell) -> bool:
    from leaven.registry import TRAINERS

    steps = cell.cell.arm.train
    return bool(steps) and TRAINERS.get(steps[-1].name).traits.get("reads") == "texts"


class Conversation:
    """What was said so far, and how the next answer is drawn.

    ``tokens`` stand in front of all that is said, instead of those of the arm; ``raw`` goes on from each line by
    itself, without a chat template. A temperature of 0 takes the likeliest token. Raises ModelError for a token that
    the model was not trained with.
    """

    def __init__(
        self,
        speaker: Speaker,
        tokens: Sequence[str] | None = None,
        max_new_tokens: int = 128,
        temperature: float = 1.0,
        *,
        raw: bool | None = None,
    ):
        from leaven.models import load

        self.speaker = speaker
        self.raw = speaker.reads_texts if raw is None else raw
        self._context = load.context_length(speaker.model.config)
        self._most = max_new_tokens
        self._sampling: dict[str, Any] = {"do_sample": temperature > 0}
        if temperature not in (0, 1):
            self._sampling["temperature"] = temperature
        self._turns: list[Message] = []
        self._answers = 0
        self._notes: list[str] = []
        self.put_in_front(speaker.control if tokens is None else tokens)

    @property
    def manner(self) -> str:
        """How it is asked, in a few words."""
        how = "goes on from each line" if self.raw else "is asked by the chat template"
        return f"{how}{f', behind {chr(32).join(self.tokens)}' if self.tokens else ''}"

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
        self._turns = []

    def notes(self) -> list[str]:
        """Return what is to be known of the answers since this was last asked, and forget it."""
        found, self._notes = self._notes, []
        return found

    def answer(self, said: str) -> str:
        """Return the model's answer to a line; raises ModelError where it cannot be asked."""
        from leaven.generate import hf

        ids = self._ids(said)
        room = self._most if self._context is None else min(self._most, self._context - len(ids))
        prompt = hf.Prompt("chat", self._answers, ids, room)
        decoding = hf.Decoding(room, self._sampling, self.speaker.seed, self.speaker.stop_ids, self._banned())
        (made,) = hf.generate(self.speaker.model, self.speaker.tokenizer, [prompt], decoding)
        self._answers += 1
        if not self.raw:
            self._turns.append({"role": "assistant", "content": made["text"]})
        return str(made["text"])

    def _refuse_special(self, said: str) -> None:
        """Raise ModelError for a special token that is spelled out: the template would have it read as that token."""
        from leaven.generate.spellings import specials

        if held := next((token for token in specials(self.speaker.tokenizer) if token in said), None):
            raise ModelError(f"'{held}' is a special token of the model, no text; control tokens are put by /tokens")

    def _ids(self, said: str) -> list[int]:
        """Return what the next answer goes on from; the oldest turns of a conversation too long are left out."""
        if self.raw:
            return self._fitting(self._of_text(said), "this line")
        self._refuse_special(said)
        turns: list[Message] = [*self._turns, {"role": "user", "content": said}]
        while len(turns) > 1 and not self._fits(self._of_turns(turns)):
            turns = turns[2:]
            self._notes = ["the conversation is longer than the model's context; its oldest turns are left out"]
        ids = self._fitting(self._of_turns(turns), "this question")
        self._turns = turns
        return ids

    def _of_text(self, said: str) -> list[int]:
        from leaven.data.front import beginning
        from leaven.data.texts_encoded import text_ids

        (own,) = text_ids(self.speaker.tokenizer, [said])
        return [*beginning(self.speaker.tokenizer), *self._front(), *own]

    def _of_turns(self, turns: list[Message]) -> list[int]:
        from leaven.data import front
        from leaven.data.chat import prompt_ids

        (ids,) = prompt_ids(self.speaker.tokenizer, [turns])
        return front.put(self.speaker.tokenizer, ids, self._front())

    def _front(self) -> list[int]:
        from leaven.data.front import control_ids

        return control_ids(self.speaker.tokenizer, self.tokens)

    def _banned(self) -> list[int]:
        from leaven.data.front import control_ids

        return control_ids(self.speaker.tokenizer, self.speaker.tokens)

    def _fits(self, ids: list[int]) -> bool:
        return self._context is None or len(ids) < self._context

    def _fitting(self, ids: list[int], what: str) -> list[int]:
        if not self._fits(ids):
            raise ModelError(f"{what} has {len(ids)} tokens, and the model reads {self._context}; say less")
        return ids
