"""Study -> stages. Reads like a methods section.

    source --rows--> canonical rows --fit--> rows that fit --treat--> treated rows --doctor--> ids and masks
    base + ids and masks --train--> artefact --prove--> proof (in a fresh process)
    artefact + prompts --generate--> generations --score--> scores

What two arms share has one key, and so runs once. Identities (a file's hash, a model's commit) are found here and go
into arguments; places (paths) go into ``Needs`` and cannot reach a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from leaven.data import sources
from leaven.engine.stage import Needs, Stage
from leaven.errors import Problem, StudyError
from leaven.evaluate.suite import GenerationSuite
from leaven.models import footprint, ref
from leaven.registry import FORMATS, METRICS, SUITES, TRAINERS, TREATMENTS, Step
from leaven.stages import VERSIONS
from leaven.study.matrix import Cell, ExpandedArm, cells
from leaven.study.spec import Data, Study

_TINY_BYTES = 20_000_000
_ONE_CORE = Needs(cores=1)
_ROWS_AT_ONCE, _TOKENS_AT_ONCE = 64, 64 * 512  # as `generate.hf` batches
_TRAINING_KNOBS = (
    "lower per_device_train_batch_size (raise gradient_accumulation_steps by as much) or max_length, set "
    "activation_checkpointing, train with peft, or load with model.dtype: bfloat16"
)


@dataclass
class Identities:
    """What sources and base models were found to be, JSON-ready; sources by data name, models by declaration."""

    data: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class WiredSuite:
    """The stages of one suite in one cell; ``scores`` by metric."""

    suite: GenerationSuite
    prompts: Stage
    generations: Stage
    scores: dict[str, Stage]


@dataclass(frozen=True)
class WiredCell:
    """One run of one arm as stages, by the names that people see in the run's folder."""

    cell: Cell
    stages: dict[str, Stage]
    suites: list[WiredSuite]


@dataclass(frozen=True)
class Graph:
    """A whole study as stages."""

    study: Study
    cells: list[WiredCell]
    data: dict[str, Stage]
    identities: Identities

    @property
    def targets(self) -> list[Stage]:
        """What a run must make: every score, and the tables that the answer reads beside them."""
        return [stage for cell in self.cells for stage in (*_read_by_the_answer(cell), *_scores(cell))]


def _read_by_the_answer(cell: WiredCell) -> Iterator[Stage]:
    for suite in cell.suites:
        yield from (suite.prompts, suite.generations)
    if "treat" in cell.stages:
        yield cell.stages["treat"]


def _scores(cell: WiredCell) -> Iterator[Stage]:
    return (stage for suite in cell.suites for stage in suite.scores.values())


def wire(study: Study, known: Identities | None = None) -> Graph:
    """Turn a study into stages; raises StudyError where a source or model cannot be identified.

    ``known`` are identities found earlier: with them an answer can be made again though a source has changed since.
    """
    wiring = _Wiring(study, known or Identities())
    made = [wiring.cell(cell) for cell in cells(study)]
    return Graph(study, made, dict(wiring.rows), wiring.known)


@dataclass
class _Wiring:
    """A study being wired; remembers what was identified and what stages of data there are."""

    study: Study
    known: Identities
    rows: dict[str, Stage] = field(default_factory=dict)
    shapes: dict[tuple[str | None, str], footprint.Shape | None] = field(default_factory=dict)

    def cell(self, cell: Cell) -> WiredCell:
        """One run: train unless the arm is untrained, then measure."""
        base = self.base(cell.arm)
        stages = dict(self.training(cell, base)) if cell.arm.train else {}
        suites = [self.suite(cell, base, stages, step) for step in self.study.evaluate]
        for one in suites:
            stages[f"generate.{one.suite.name}"] = one.generations
            stages |= {f"score.{one.suite.name}.{name}": stage for name, stage in one.scores.items()}
        return WiredCell(cell, stages, suites)

    def training(self, cell: Cell, base: ref.Base) -> Iterator[tuple[str, Stage]]:
        """Rows that fit, treated, examined, trained on; the artefact proven in another process."""
        (step,) = cell.arm.train
        trainer = TRAINERS.get(step.name)
        declared = {name: value for name, value in step.args.items() if name != "data"}
        settings = trainer.declare(declared).model_dump()
        where = _where(cell)
        together = f"train {where}"
        rows = self.fit(step.args["data"], base, settings["max_length"])
        yield "fit", rows
        if steps := self.treatments(cell):
            rows = _stage("treat", {"steps": steps}, {"rows": rows}, together=together, where=where)
            yield "treat", rows
        loss = {name: settings[name] for name in ("completion_only_loss", "assistant_only_loss")}
        encoded = _stage(
            "doctor", {"model": base.as_args(), **loss}, {"rows": rows}, _reading(base), together=together, where=where
        )
        yield "doctor", encoded
        args = {"model": base.as_args(), "trainer": trainer.canonical(declared), "seed": cell.effective}
        needs = _training_needs(base, self.shape(base), settings)
        made = _stage("train", args, {"encoded": encoded}, needs, kind=step.name, together=together, where=where)
        yield step.name, made
        seen, needs = {"model": made, "encoded": encoded}, _answering_needs(base, self.shape(base))
        yield "prove", _stage("prove", {}, seen, needs, together=f"answer {where}", where=where)

    def treatments(self, cell: Cell) -> list[dict[str, Any]]:
        """The arm's treatments with their seeds; one whose arguments make it a no-op is left out."""
        made = []
        for index, step in enumerate(cell.arm.treat):
            plugin = TREATMENTS.get(step.name)
            before = sum(other.name == step.name for other in cell.arm.treat[:index])
            if not plugin.is_identity(step.args):
                canonical = plugin.canonical(step.args)
                pinned = canonical["args"].pop("seed", None)
                # The draw depends on the label, so it is that of the declared list: dose 0 of one step moves no other.
                label = {"label": f"{step.name}#{before}"} if before else {}
                made.append({**canonical, **label, "seed": cell.effective if pinned is None else pinned})
        return made

    def suite(self, cell: Cell, base: ref.Base, stages: Mapping[str, Stage], step: Step) -> WiredSuite:
        """Answer the suite's prompts with the cell's model, and score the answers by each metric."""
        suite: GenerationSuite = SUITES.get(step.name).call(args=step.args)
        where = _where(cell)
        asked = {"model": base.as_args(), "max_new_tokens": suite.max_new_tokens}
        source = {"rows": self.source(suite.prompts)}
        prompts = _stage("prompts", asked, source, _reading(base), together="data", where=suite.prompts)
        inputs = {"prompts": prompts}
        if cell.arm.train:
            inputs |= {"model": stages[cell.arm.train[-1].name], "proof": stages["prove"]}
        sampling = {"sampling": suite.sampling, "max_new_tokens": suite.max_new_tokens, "seed": cell.effective}
        model = {} if cell.arm.train else {"model": base.as_args()}
        told = _stage(
            "generate", {**sampling, **model}, inputs, _answering_needs(base, self.shape(base)),
            together=f"answer {where}", where=f"{where} {suite.name}",
        )  # fmt: skip
        read = {"generations": told, "prompts": prompts}
        scores = {
            metric.name: _stage(
                "score",
                {"metric": METRICS.get(metric.name).canonical(metric.args)},
                read,
                together=f"score {where}",
                where=f"{where} {suite.name} {metric.name}",
            )
            for metric in suite.metrics
        }
        return WiredSuite(suite, prompts, told, scores)

    def fit(self, name: str, base: ref.Base, max_length: int) -> Stage:
        """The rows of one data set whose every candidate fits the model's length."""
        args = {"model": base.as_args(), "max_length": max_length}
        return _stage("fit", args, {"rows": self.source(name)}, _reading(base), together="data", where=name)

    def source(self, name: str) -> Stage:
        """The canonical rows of one data set of the study."""
        if name not in self.rows:
            data = self.study.data[name]
            others = {other: self.source(other) for other in data.held_out_from}
            paths = {"source": data.source} if sources.is_local(data.source) else {}
            if name not in self.known.data:
                self.known.data[name] = _identity(name, data)
            args = _source_args(data, self.known.data[name])
            self.rows[name] = Stage(
                "rows", VERSIONS["rows"], "leaven.stages:rows", args, others,
                Needs(cores=1, paths=paths), "data", f"rows {name}",
            )  # fmt: skip
        return self.rows[name]

    def base(self, arm: ExpandedArm) -> ref.Base:
        """The base model of an arm, identified once."""
        declared = {**self.study.model.model_dump(), **arm.model}
        name = json.dumps(declared, sort_keys=True)
        if name not in self.known.models:
            self.known.models[name] = asdict(ref.resolve(declared))
        return ref.Base(**self.known.models[name])

    def shape(self, base: ref.Base) -> footprint.Shape | None:
        """What a base's memory follows from, read once."""
        place = (base.path, base.dtype)
        if place not in self.shapes:
            self.shapes[place] = footprint.shape(base)
        return self.shapes[place]


def _identity(name: str, data: Data) -> str:
    try:
        return sources.identity(data.source)
    except OSError as error:
        raise StudyError([Problem(f"data.{name}.source", f"cannot be read: {error}")]) from error


def _source_args(data: Data, identity: str) -> dict[str, Any]:
    """What determines the rows: the source's identity and how it is read. Its path does not."""
    named = {} if sources.is_local(data.source) else {"source": data.source}
    format_used = FORMATS.get(data.format.name).canonical(data.format.args)
    chosen = data.model_dump(exclude_defaults=True, include={"skip", "take", "bad_rows", "held_out_from"})
    return {**named, "identity": identity, "format": format_used, **chosen}


def _stage(
    verb: str,
    args: dict[str, Any],
    inputs: dict[str, Stage],
    needs: Needs = _ONE_CORE,
    *,
    together: str,
    where: str,
    kind: str | None = None,
) -> Stage:
    """Make a stage of a verb; needs travel beside the key, not in it."""
    kind = kind or verb
    return Stage(kind, VERSIONS[verb], f"leaven.stages:{verb}", args, inputs, needs, together, f"{kind} {where}")


def _reading(base: ref.Base) -> Needs:
    """What it takes to read with a base's tokenizer."""
    return Needs(cores=1, paths=_paths(base))


def _computing(base: ref.Base, needed: footprint.Footprint | None, knobs: str) -> Needs:
    """Threads and a GPU cost a tiny model more than they bring (docs/decisions/003)."""
    size = base.weight_bytes
    tiny = size is not None and size < _TINY_BYTES
    if needed is None:
        return Needs(cores=1 if tiny else None, gpu=not tiny, knobs=knobs, paths=_paths(base))
    sizes = {"memory_mb": needed.likely, "least_mb": needed.least, "weights_mb": needed.weights}
    return Needs(cores=1 if tiny else None, gpu=not tiny, **sizes, knobs=knobs, paths=_paths(base))


def _training_needs(base: ref.Base, shape: footprint.Shape | None, settings: dict[str, Any]) -> Needs:
    needs = _computing(base, footprint.training(shape, settings) if shape else None, _TRAINING_KNOBS)
    return replace(needs, work=settings["num_train_epochs"]) if settings["max_steps"] < 0 else needs


def _answering_needs(base: ref.Base, shape: footprint.Shape | None) -> Needs:
    needed = footprint.answering(shape, _ROWS_AT_ONCE, _TOKENS_AT_ONCE) if shape else None
    return _computing(base, needed, "load with model.dtype: bfloat16")


def _paths(base: ref.Base) -> dict[str, str]:
    return {"base": base.path} if base.path else {}


def _where(cell: Cell) -> str:
    return cell.arm.name if cell.seed is None else f"{cell.arm.name}/{cell.seed}"
