"""How an arm asks in a live talk: its prompt-time methods and guards, with what they read of its run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ReportError

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import Graph, WiredCell
    from leaven.models.guard import Guard
    from leaven.models.retrieval import Found
    from leaven.models.rewriting import Given
    from leaven.models.wraps.wrap import Wrap
    from leaven.registry import Step
    from leaven.rows import Message, Row

_FREELY = "add a suite that lets it answer freely (`- generate: {prompts: ..., metrics: [length]}`)"


@dataclass(frozen=True)
class Verdict:
    """What a guard said of a prompt or of an answer (``on``), and where it blocks; no score: it could not be told."""

    guard: str
    on: str
    score: float | None
    side: str
    threshold: float
    blocked: bool


@dataclass(frozen=True)
class Methods:
    """An arm's prompt-time methods, ready for a live talk.

    ``wraps`` rewrite what is asked, in their order, called ``names``; ``given`` is what they read, by their place.
    ``guards`` stand in their order, each with its refusal. ``users`` are the names that the user has where a chat is
    simulated.
    """

    names: tuple[str, ...] = ()
    wraps: tuple[Wrap, ...] = ()
    given: Mapping[int, Given] = field(default_factory=dict)
    guards: tuple[tuple[Guard, str], ...] = ()
    users: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the model is asked with a text, without its chat template."""
        return any(wrap.plain for wrap in self.wraps)

    @property
    def stop_strings(self) -> list[str]:
        """What ends an answer."""
        return [text for wrap in self.wraps for text in wrap.stop_strings]

    def asked(self, turns: Sequence[Message]) -> list[Message]:
        """Return the bare turns of a talk as the model is asked them."""
        from leaven.models.rewriting import rewritten

        return rewritten(self.wraps, turns, self.given)

    def found(self) -> list[Found]:
        """Return the passages that were looked up for what was asked last."""
        from leaven.models.retrieval import Looked

        return [one for given in self.given.values() if isinstance(given, Looked) for one in given.last]

    def watches(self, on: str) -> bool:
        """Say whether a guard looks at prompts, or at answers."""
        return any(on in guard.on for guard, _ in self.guards)

    def judged(self, on: str, text: str, prompt: str) -> tuple[list[Verdict], str | None]:
        """Return what each guard says of a prompt or an answer, and the first refusal; None where nothing blocks."""
        verdicts, refusal = list[Verdict](), None
        for guard, said in self.guards:
            if on in guard.on:
                score, blocked = guard.verdict(text, prompt)
                verdicts.append(Verdict(guard.name, on, score, guard.side, guard.threshold, blocked))
                refusal = said if blocked and refusal is None else refusal
        return verdicts, refusal


def methods_of(graph: Graph, cell: WiredCell, store: Store, tokenizer: Any, again: str) -> Methods:
    """Return an arm's methods with what its run left in the store; ``again`` is the command that makes what is not.

    Raises ReportError with the remedy where that is not there.
    """
    from leaven.models.rewriting import wraps_of

    steps = [step for step, wrap in _with_wraps(cell) if wrap.rewrites]
    wraps = wraps_of(steps)
    kept = _Kept(graph, store, cell.cell.arm.name, again)
    given = {
        place: kept.given(step, wrap, tokenizer)
        for place, (step, wrap) in enumerate(zip(steps, wraps, strict=True))
        if wrap.reads
    }
    users = tuple(str(step.args.get("user", "User")) for step, wrap in zip(steps, wraps, strict=True) if wrap.plain)
    names = tuple(step.name for step in steps)
    return Methods(names, tuple(wraps), given, tuple(kept.guards(cell)), users)


def _with_wraps(cell: WiredCell) -> list[tuple[Step, Wrap]]:
    from leaven.models.rewriting import wraps_of

    steps = cell.cell.arm.wraps
    return list(zip(steps, wraps_of(steps), strict=True))


@dataclass(frozen=True)
class _Kept:
    """What a run keeps for an arm's methods."""

    graph: Graph
    store: Store
    arm: str
    again: str

    def given(self, step: Step, wrap: Wrap, tokenizer: Any) -> Given:
        """Return what a method reads: an index that is asked live, or demonstrations."""
        from leaven.generate.spellings import specials
        from leaven.models.retrieval import Looked, load_index
        from leaven.models.shots import shots

        stage, spelled = self._read_by(step), specials(tokenizer)
        if not wrap.retrieves:
            rows = self._folder(stage, f"what {step.name} shows")
            return shots(_each(rows), step.args.get("k", 3), step.args.get("seed", 0), spelled)
        index = stage.inputs["index"]
        model = index.needs.paths.get("model")
        folder = self._folder(index, f"the index that {step.name} reads")
        return Looked(load_index(folder, None if model is None else Path(model)), step.args.get("k", 3), spelled)

    def _read_by(self, step: Step) -> Stage:
        """Return the stage that a method reads, of whichever suite asks by it: its arguments say all there is."""
        from leaven.engine.stage import closure
        from leaven.registry import WRAPS

        wanted = _spelled(WRAPS.get(step.name).canonical(step.args))
        for stage in closure(self.graph.targets):
            for place, declared in enumerate(stage.args["steps"] if stage.kind == "wrapped" else ()):
                if _spelled(declared) == wanted:
                    return next(one for name, one in stage.inputs.items() if name.startswith(f"{place}."))
        raise ReportError(f"no suite of the study asks '{self.arm}' by its {step.name}, so what that reads was not "
                          f"made; {_FREELY}, and run it")  # fmt: skip

    def guards(self, cell: WiredCell) -> Iterator[tuple[Guard, str]]:
        """Yield an arm's guards with their refusals, as its answers were guarded in the run."""
        from leaven.registry import WRAPS
        from leaven.stages.guarding import opened

        if not any(wrap.guards for _, wrap in _with_wraps(cell)):
            return
        told = next((suite.told for suite in cell.suites if suite.told.kind == "guarded"), None)
        if told is None:
            raise ReportError(f"no suite of the study guards answers of '{self.arm}', so its guards were not made; "
                              f"{_FREELY}, and run it")  # fmt: skip
        inputs = {name: self._folder(one, "a guard") for name, one in told.inputs.items() if name.endswith(".guard")}
        inputs |= {name: Path(path) for name, path in told.needs.paths.items()}
        args = {**told.args, "around": dict(told.needs.around)}
        for place, step in enumerate(told.args["steps"]):
            usual = WRAPS.get(step["name"]).schema.model_fields["refusal"].default
            yield opened(step, inputs, place, args), str(step["args"].get("refusal", usual))

    def _folder(self, stage: Stage, what: str) -> Path:
        if self.store.record(stage) is None:
            raise ReportError(f"{what} of '{self.arm}' is not in the store {self.store.root}; {self.again} makes it")
        if (damage := self.store.damage(stage)) is not None:
            folder = self.store.folder(stage)
            raise ReportError(f"{folder} is damaged ({damage}); run the study again, it is made anew")
        return self.store.folder(stage)


def _spelled(declared: Mapping[str, Any]) -> str:
    return json.dumps(declared, sort_keys=True)


def _each(folder: Path) -> Iterator[Row]:
    from leaven import rows as tables
    from leaven.stages.folders import rows_of

    for batch in tables.batches(rows_of(folder)):
        yield from batch.to_pylist()
