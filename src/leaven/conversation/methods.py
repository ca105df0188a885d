"""How an arm asks in a live talk: its prompt-time methods and guards, with what they read of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ReportError

if TYPE_CHECKING:
    from leaven.engine.stage import Stage
    from leaven.engine.store import Store
    from leaven.graph import WiredCell
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


def methods_of(cell: WiredCell, store: Store, tokenizer: Any, again: str) -> Methods:
    """Return an arm's methods with what its run left in the store; ``again`` is the command that makes what is not.

    Raises ReportError with the remedy where that is not there.
    """
    from leaven.models.rewriting import declared, wraps_of

    steps = [step for step, wrap in _with_wraps(cell) if wrap.rewrites]
    wraps = wraps_of(steps)
    kept = _Kept(cell, store, again)
    given = {
        place: kept.given(place, step, wrap, tokenizer)
        for place, (step, wrap) in enumerate(zip(steps, wraps, strict=True))
        if wrap.reads
    }
    plain = [declared(step) for step, wrap in zip(steps, wraps, strict=True) if wrap.plain]
    users = tuple(str(one.user) for one in plain if hasattr(one, "user"))
    names = tuple(step.name for step in steps)
    return Methods(names, tuple(wraps), given, tuple(kept.guards()), users)


def _with_wraps(cell: WiredCell) -> list[tuple[Step, Wrap]]:
    from leaven.models.rewriting import wraps_of

    steps = cell.cell.arm.wraps
    return list(zip(steps, wraps_of(steps), strict=True))


@dataclass(frozen=True)
class _Kept:
    """What a run keeps for the methods of an arm."""

    cell: WiredCell
    store: Store
    again: str

    @property
    def arm(self) -> str:
        return self.cell.cell.arm.name

    def given(self, place: int, step: Step, wrap: Wrap, tokenizer: Any) -> Given:
        """Return what the method in a place reads: an index that is asked live, or demonstrations."""
        from leaven.generate.spellings import specials
        from leaven.models.retrieval import Looked, load_index
        from leaven.models.rewriting import declared
        from leaven.models.shots import shots

        stage, spelled, how = self._read_by(place, step), specials(tokenizer), declared(step)
        if not wrap.retrieves:
            rows = self._folder(stage, f"what {step.name} shows")
            return shots(_each(rows), how.k, how.seed, spelled)
        index = stage.inputs["index"]
        model = index.needs.paths.get("model")
        folder = self._folder(index, f"the index that {step.name} reads")
        return Looked(load_index(folder, None if model is None else Path(model)), how.k, spelled)

    def _read_by(self, place: int, step: Step) -> Stage:
        """Return the stage that the method in a place reads, of a suite that asks the arm by it."""
        for suite in self.cell.suites:
            if (wrapped := _wrapped(suite.prompts)) is not None:
                return next(one for name, one in wrapped.inputs.items() if name.startswith(f"{place}."))
        raise ReportError(f"no suite of the study asks '{self.arm}' by its {step.name}, so what that reads was not "
                          f"made; {_FREELY}, and run it")  # fmt: skip

    def guards(self) -> Iterator[tuple[Guard, str]]:
        """Yield an arm's guards with their refusals, as its answers were guarded in the run."""
        from leaven.registry import WRAPS
        from leaven.stages.guarding import opened

        if not any(wrap.guards for _, wrap in _with_wraps(self.cell)):
            return
        told = next((suite.told for suite in self.cell.suites if suite.told.kind == "guarded"), None)
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


def _wrapped(asked: Stage) -> Stage | None:
    """Return the rows as an arm's methods rewrote them, of those that a suite asks; None where it asks bare ones."""
    rows: Stage | None = asked
    while rows is not None and rows.kind != "wrapped":
        rows = rows.inputs.get("rows")
    return rows


def _each(folder: Path) -> Iterator[Row]:
    from leaven import rows as tables
    from leaven.stages.folders import rows_of

    for batch in tables.batches(rows_of(folder)):
        yield from batch.to_pylist()
