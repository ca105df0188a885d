"""Study -> stages. Reads like a methods section.

    source --rows--> canonical rows (--mix--> one set of several)
    rows --fit--> rows that fit --treat--> treated rows --doctor--> ids and masks
    base (or the artefact of the step before) + ids and masks --train--> artefact --prove--> proof (in a fresh process)
    artefact + prompts --generate--> generations --score--> scores
    artefact + rows --likelihood--> likelihoods --score--> scores

What two arms share has one key, and so runs once. Identities (a file's hash, a model's commit) are found here and go
into arguments; places (paths) go into ``Needs`` and cannot reach a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from leaven import needs
from leaven.data import sources
from leaven.engine.stage import Needs, Stage
from leaven.errors import DataError, Problem, StudyError
from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.suite import CHARACTERS, GenerationSuite
from leaven.graph import AskingSuite, Graph, Identities, WiredCell, WiredSuite
from leaven.models import footprint, ref
from leaven.registry import FORMATS, METRICS, SUITES, TRAINERS, TREATMENTS, Step
from leaven.stages import VERSIONS
from leaven.study.matrix import Cell, ExpandedArm, cells, treated_steps
from leaven.study.spec import Data, Part, Study

_NO_LIMIT = 2**31 - 1  # but for the model's own context
_READ_AS = {"generate": "generations", "likelihood": "likelihoods"}


def wire(study: Study, known: Identities | None = None, *, ask: bool = True) -> Graph:
    """Turn a study into stages; raises StudyError where a source or model cannot be identified.

    ``known`` are identities found earlier: with them an answer can be made again though a source has changed since.
    Without ``ask`` the hub is not asked which commit a revision is: keys of what rests on it are then provisional.
    """
    wiring = _Wiring(study, known or Identities(), ask)
    declared = [SUITES.get(step.name).call(args=step.args) for step in study.evaluate]
    wiring.asking = [one for one in declared if not isinstance(one, DifferenceSuite)]
    made = [wiring.cell(cell) for cell in cells(study)]
    differences = [one for one in declared if isinstance(one, DifferenceSuite)]
    return Graph(study, made, dict(wiring.rows), wiring.known, differences)


@dataclass
class _Wiring:
    """A study being wired; remembers what was identified and what stages of data there are."""

    study: Study
    known: Identities
    ask: bool = True
    asking: list[AskingSuite] = field(default_factory=list)
    rows: dict[str, Stage] = field(default_factory=dict)
    shapes: dict[tuple[str | None, str], footprint.Shape | None] = field(default_factory=dict)

    def cell(self, cell: Cell) -> WiredCell:
        """One run: train unless the arm is untrained, then measure."""
        base = self.base(cell.arm)
        made = WiredCell(cell, {}, [])
        for index in range(len(cell.arm.train)):
            self.training(made, base, index)
        speaker: dict[str, Stage] = {}
        if made.trained:
            speaker = {"model": made.trained[-1], "proof": self.proof(made, base)}
        for suite in self.asking:
            one = self.suite(cell, base, speaker, suite)
            made.suites.append(one)
            made.stages[f"{one.told.kind}.{suite.name}"] = one.told
            made.stages.update({f"score.{suite.name}.{name}": stage for name, stage in one.scores.items()})
        return made

    def training(self, made: WiredCell, base: ref.Base, index: int) -> None:
        """One training step: rows that fit, treated, examined, trained on; a later step goes on from the one before."""
        cell, step = made.cell, made.cell.arm.train[index]
        trainer = TRAINERS.get(step.name)
        declared = {name: value for name, value in step.args.items() if name != "data"}
        settings = trainer.declare(declared).model_dump()
        named, together = _named(index), f"train {_where(cell)}"
        where = f"{_where(cell)} step {index}" if index else _where(cell)
        rows = made.stages[named("fit")] = self.fit(step.args["data"], base, settings)
        if steps := self.treatments(cell, index):
            rows = _stage("treat", {"steps": steps}, {"rows": rows}, together=together, where=where)
            made.stages[named("treat")] = rows
            made.treated.append(rows)
        examined = {"model": base.as_args(), **_applied_when_encoded(settings)}
        encoded = _stage("doctor", examined, {"rows": rows}, needs.reading(base), together=together, where=where)
        made.stages[named("doctor")] = encoded
        args = {"model": base.as_args(), "trainer": trainer.canonical(declared), "seed": cell.effective}
        inputs = {"encoded": encoded, **({"before": made.trained[-1]} if made.trained else {})}
        around = {"run_name": f"{self.study.name} {where}", **trainer.circumstance(declared)}
        takes = needs.training(base, self.shape(base), settings, around)
        trained = _stage("train", args, inputs, takes, kind=step.name, together=together, where=where)
        made.stages[named(step.name)] = trained
        made.trained.append(trained)

    def proof(self, made: WiredCell, base: ref.Base) -> Stage:
        """The last artefact, loaded in a fresh process and made to answer."""
        seen, where = {"model": made.trained[-1], "encoded": made.trained[-1].inputs["encoded"]}, _where(made.cell)
        takes = needs.answering(base, self.shape(base))
        proof = made.stages["prove"] = _stage("prove", {}, seen, takes, together=f"answer {where}", where=where)
        return proof

    def treatments(self, cell: Cell, at: int) -> list[dict[str, Any]]:
        """The treatments of one training step's data with their seeds; one whose arguments make it a no-op is left out.

        A draw depends on the label, so that is by the place in the declared list: dose 0 of one step moves no other,
        and what is treated again before a later training is drawn anew.
        """
        made = []
        for index, step in enumerate(cell.arm.treat):
            if at not in treated_steps(step, cell.arm):
                continue
            plugin = TREATMENTS.get(step.name)
            args = {name: value for name, value in step.args.items() if name != "at"}
            before = sum(other.name == step.name for other in cell.arm.treat[:index])
            if not plugin.is_identity(args):
                canonical = plugin.canonical(args)
                pinned = canonical["args"].pop("seed", None)
                called = f"{step.name}{f'#{before}' if before else ''}{f'@{at}' if at else ''}"
                label = {"label": called} if called != step.name else {}
                made.append({**canonical, **label, "seed": cell.effective if pinned is None else pinned})
        return made

    def suite(self, cell: Cell, base: ref.Base, speaker: Mapping[str, Stage], suite: AskingSuite) -> WiredSuite:
        """Ask the suite's rows of the cell's model, and score what it makes of them by each metric."""
        where = _where(cell)
        if isinstance(suite, GenerationSuite):
            prompts, verb, args = self.prompts(base, suite), "generate", _sampling(suite, cell.effective)
            takes = needs.answering(base, self.shape(base), suite.sampling.get("num_beams", 1))
        else:
            prompts, verb, args = self.fit(suite.prompts, base, {"max_length": _NO_LIMIT}), "likelihood", {}
            takes = needs.answering(base, self.shape(base))
        model = {} if speaker else {"model": base.as_args()}
        told = _stage(
            verb, {**args, **model}, {"prompts": prompts, **speaker}, takes,
            together=f"answer {where}", where=f"{where} {suite.name}",
        )  # fmt: skip
        read = {_READ_AS[verb]: told, "prompts": prompts}
        scores = {step.name: self.score(step, read, where, suite.name) for step in suite.metrics}
        return WiredSuite(suite, prompts, told, scores)

    def prompts(self, base: ref.Base, suite: GenerationSuite) -> Stage:
        """The rows whose prompt, with what is planted into it, leaves room for an answer."""
        asked = {"model": base.as_args(), "max_new_tokens": suite.max_new_tokens, **_asking(suite)}
        if suite.plant is not None:
            asked["plant"] = suite.plant.model_dump()
        source = {"rows": self.source(suite.prompts)}
        return _stage("prompts", asked, source, needs.reading(base), together="data", where=suite.prompts)

    def score(self, step: Step, read: dict[str, Stage], where: str, suite: str) -> Stage:
        """One metric over what a model told; what it computes with from outside is known by its identity."""
        plugin = METRICS.get(step.name)
        metric, takes = plugin.canonical(step.args), needs.ONE_CORE
        if (resolve := plugin.traits.get("resolve")) is not None:
            name = json.dumps([step.name, step.args], sort_keys=True)
            found = self.known.classifiers.get(name) or resolve(metric["args"], ask=self.ask)
            self.known.classifiers[name] = found
            metric = {**metric, "args": found["args"]}
            if found["computes"]:
                takes = Needs(
                    cores=None, gpu=True, like=json.dumps(found["args"], sort_keys=True), paths=found["paths"]
                )
        return _stage("score", {"metric": metric}, read, takes, together=f"score {where}",
                      where=f"{where} {suite} {step.name}")  # fmt: skip

    def fit(self, name: str, base: ref.Base, settings: Mapping[str, Any]) -> Stage:
        """The rows of one data set whose every candidate fits the model's length, or is to be cut off there."""
        args = {"model": base.as_args(), "max_length": settings["max_length"], **_cut(settings)}
        return _stage("fit", args, {"rows": self.source(name)}, needs.reading(base), together="data", where=name)

    def source(self, name: str) -> Stage:
        """The canonical rows of one data set of the study."""
        if name not in self.rows:
            data = self.study.data[name]
            self.rows[name] = self.read(name, data) if data.mixture is None else self.mix(name, data.mixture)
        return self.rows[name]

    def read(self, name: str, data: Data) -> Stage:
        """A source, read in its format."""
        source = str(data.source)
        others = {other: self.source(other) for other in data.held_out_from}
        paths = {"source": source} if sources.is_local(source) else {}
        if name not in self.known.data:
            self.known.data[name] = _identity(name, data, ask=self.ask)
        args = _source_args(data, self.known.data[name])
        takes = Needs(cores=1, like=args["identity"], paths=paths)
        return Stage("rows", VERSIONS["rows"], "leaven.stages:rows", args, others, takes, "data", f"rows {name}")

    def mix(self, name: str, mixture: Mapping[str, Part]) -> Stage:
        """Rows of several data sets, by weight and cap."""
        parts = [{"name": other, **part.model_dump(exclude_defaults=True)} for other, part in mixture.items()]
        inputs = {other: self.source(other) for other in mixture}
        return _stage("mix", {"parts": parts}, inputs, together="data", where=name)

    def base(self, arm: ExpandedArm) -> ref.Base:
        """The base model of an arm, identified once."""
        declared = {**self.study.model.model_dump(), **arm.model}
        name = json.dumps(declared, sort_keys=True)
        if name not in self.known.models:
            self.known.models[name] = asdict(ref.resolve(declared, ask=self.ask))
        return ref.Base(**self.known.models[name])

    def shape(self, base: ref.Base) -> footprint.Shape | None:
        """What a base's memory follows from, read once."""
        place = (base.path, base.dtype)
        if place not in self.shapes:
            self.shapes[place] = footprint.shape(base)
        return self.shapes[place]


def _named(index: int) -> Callable[[str], str]:
    """Return how the stages of a training step are called: those of the first as they are, later ones numbered."""
    return lambda name: f"{name}.{index}" if index else name


def _cut(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"truncation": True} if settings.get("truncation") else {}


def _applied_when_encoded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a trainer declares and the doctor applies: the loss's switches, and what the study accepts."""
    loss = {name: settings[name] for name in ("completion_only_loss", "assistant_only_loss")}
    cut = {"truncation": True, "max_length": settings["max_length"]} if settings.get("truncation") else {}
    accepted = settings.get("accept_findings") or []
    return {**loss, **cut, **({"accept_findings": sorted(accepted)} if accepted else {})}


def _asking(suite: GenerationSuite) -> dict[str, Any]:
    return {} if suite.apply_chat_template else {"apply_chat_template": False}


def _sampling(suite: GenerationSuite, seed: int) -> dict[str, Any]:
    args = {"sampling": suite.sampling, "max_new_tokens": suite.max_new_tokens, "seed": seed, **_asking(suite)}
    if suite.max_new_tokens == CHARACTERS and suite.plant is not None:
        args["plant"] = suite.plant.model_dump()  # what was planted does not count
    return args


def _identity(name: str, data: Data, *, ask: bool) -> str:
    try:
        return sources.identity(str(data.source), data.revision, data.config, data.split, ask=ask)
    except OSError as error:
        raise StudyError([Problem(f"data.{name}.source", f"cannot be read: {error}")]) from error
    except DataError as error:
        raise StudyError([Problem(f"data.{name}.source", str(error))]) from error


def _source_args(data: Data, identity: str) -> dict[str, Any]:
    """What determines the rows: the source's identity and how it is read. Its path does not."""
    assert data.format is not None, "validated: what is no mixture has a format"
    named = {} if sources.is_local(str(data.source)) else {"source": data.source}
    format_used = FORMATS.get(data.format.name).canonical(data.format.args)
    chosen = data.model_dump(exclude_defaults=True, include={"skip", "take", "part", "bad_rows", "held_out_from"})
    return {**named, "identity": identity, "format": format_used, **chosen}


def _stage(
    verb: str,
    args: dict[str, Any],
    inputs: dict[str, Stage],
    takes: Needs = needs.ONE_CORE,
    *,
    together: str,
    where: str,
    kind: str | None = None,
) -> Stage:
    """Make a stage of a verb; needs travel beside the key, not in it."""
    kind = kind or verb
    return Stage(kind, VERSIONS[verb], f"leaven.stages:{verb}", args, inputs, takes, together, f"{kind} {where}")


def _where(cell: Cell) -> str:
    return cell.arm.name if cell.seed is None else f"{cell.arm.name}/{cell.seed}"
