"""Suites -> stages: what each asks of a cell's model, and how what it told is scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.errors import LeavenError, Problem, StudyError
from leaven.evaluate.crows_pairs import CrowsPairsSuite
from leaven.evaluate.harness import HarnessSuite
from leaven.evaluate.likelihood import LikelihoodSuite
from leaven.evaluate.measure import Measure
from leaven.evaluate.preferences import PreferenceSuite
from leaven.evaluate.safety import SafetySuite
from leaven.evaluate.suite import CHARACTERS, GenerationSuite
from leaven.evaluate.tasks.info import describe
from leaven.graph import WiredSuite
from leaven.models import ref
from leaven.registry import METRICS, Step
from leaven.wiring.sourcing import NO_LIMIT, Sourcing, stage

_READ_AS = {"generate": "generations", "likelihood": "likelihoods", "verdicts": "verdicts"}


@dataclass(frozen=True)
class Asked:
    """Whom a suite asks: a cell by its name and seed, its base, and the artefact with its proof if it was trained."""

    where: str
    seed: int
    base: ref.Base
    speaker: Mapping[str, Stage]

    @property
    def model(self) -> dict[str, Any]:
        """What names an untrained model to a verb; a trained one is an input."""
        return {} if self.speaker else {"model": self.base.as_args()}


def wired(sourcing: Sourcing, asked: Asked, suite: Any) -> Iterator[WiredSuite]:
    """Ask a suite's rows of a cell's model, and score what it makes of them."""
    if isinstance(suite, GenerationSuite):
        yield _generation(sourcing, asked, suite)
    elif isinstance(suite, LikelihoodSuite):
        yield _likelihood(sourcing, asked, suite)
    elif isinstance(suite, HarnessSuite):
        yield from _harness(sourcing, asked, suite)
    elif isinstance(suite, SafetySuite):
        yield _safety(sourcing, asked, suite)
    elif isinstance(suite, PreferenceSuite):
        yield _preferences(sourcing, asked, suite)
    else:
        assert isinstance(suite, CrowsPairsSuite), f"nobody wires {suite!r}"
        yield _crows_pairs(sourcing, asked, suite)


def _generation(sourcing: Sourcing, asked: Asked, suite: GenerationSuite) -> WiredSuite:
    prompts, sampled = _prompts(sourcing, asked.base, suite), suite.sampling.get("do_sample") is not False
    takes = _takes(sourcing, asked, suite.sampling.get("num_beams", 1))
    told = _told(asked, suite.name, "generate", _sampling(suite, asked.seed), {"prompts": prompts}, takes)
    return _scored(sourcing, asked, suite, (suite.prompts, prompts, told), is_sampled=sampled)


def _likelihood(sourcing: Sourcing, asked: Asked, suite: LikelihoodSuite) -> WiredSuite:
    prompts = sourcing.fit(suite.prompts, asked.base, {"max_length": NO_LIMIT})
    told = _told(asked, suite.name, "likelihood", {}, {"prompts": prompts}, _takes(sourcing, asked))
    return _scored(sourcing, asked, suite, (suite.prompts, prompts, told))


def _harness(sourcing: Sourcing, asked: Asked, suite: HarnessSuite) -> Iterator[WiredSuite]:
    """Each task is a suite of its own; what it asks, its items and their values are in one table."""
    for task in suite.tasks:
        takes = _takes(sourcing, asked)
        takes = replace(takes, paths={**takes.paths, **suite.paths(task)})
        args, measured = _task(sourcing, suite, task)
        told = _told(asked, task, "harness", args, {}, takes)
        yield WiredSuite(task, told, told, {task: told}, measured, is_itemwise=True)


def _task(sourcing: Sourcing, suite: HarnessSuite, task: str) -> tuple[dict[str, Any], tuple[Measure, ...]]:
    """What a task, its data and its measures are, found out once for all cells, and for all answers made later."""
    name = json.dumps([task, dict(suite.settings)], sort_keys=True)  # no two suites of a study ask one task
    if name not in sourcing.known.tasks:
        try:
            measured = describe(task, suite.include_path, suite.local.get(task)).measures
            args = suite.args(task, ask=sourcing.ask)
        except LeavenError as error:
            raise StudyError([Problem(f"evaluate: harness: {task}", str(error))]) from error
        sourcing.known.tasks[name] = {"args": args, "measures": [asdict(one) for one in measured]}
    known = sourcing.known.tasks[name]
    return known["args"], tuple(Measure(**one) for one in known["measures"])


def _safety(sourcing: Sourcing, asked: Asked, suite: SafetySuite) -> WiredSuite:
    rows, bos = {"statements": sourcing.source(suite.data)}, {"bos": True} if suite.bos else {}
    told = _told(asked, suite.name, "sentences", bos, rows, _takes(sourcing, asked))
    read, where = {"likelihoods": told, **rows}, f"{asked.where} {suite.name}"
    scored = stage("safety", {"draws": suite.draws}, read, together=f"score {asked.where}", where=where)
    return WiredSuite(
        suite.name, scored, told, {suite.name: scored}, tuple(suite.measures), suite.data, is_itemwise=True,
        item_mark="@",
    )  # fmt: skip


def _preferences(sourcing: Sourcing, asked: Asked, suite: PreferenceSuite) -> WiredSuite:
    fit = sourcing.fit(suite.data, asked.base, {"max_length": NO_LIMIT})
    by = {} if suite.by is None else {"by": suite.by}
    pairs = stage("asked_pairs", by, {"rows": fit}, together="data", where=suite.data)
    told = _told(asked, suite.name, "verdicts", {}, {"prompts": pairs}, _takes(sourcing, asked))
    return _scored(sourcing, asked, suite, (suite.data, pairs, told))


def _crows_pairs(sourcing: Sourcing, asked: Asked, suite: CrowsPairsSuite) -> WiredSuite:
    args, rows = {"bos": True} if suite.bos else {}, {"rows": sourcing.source(suite.data)}
    told = _told(asked, suite.name, "crows_pairs", args, rows, _takes(sourcing, asked))
    return WiredSuite(suite.name, told, told, {suite.name: told}, suite.measures, suite.data, is_itemwise=True)


def _takes(sourcing: Sourcing, asked: Asked, beams: int = 1) -> Needs:
    return needs.answering(asked.base, sourcing.shape(asked.base), beams)


def _told(asked: Asked, name: str, verb: str, args: dict[str, Any], reads: dict[str, Stage], takes: Needs) -> Stage:
    """What a cell's model makes of what it reads."""
    return stage(
        verb, {**args, **asked.model}, {**reads, **asked.speaker}, takes,
        together=f"answer {asked.where}", where=f"{asked.where} {name}",
    )  # fmt: skip


def _scored(
    sourcing: Sourcing, asked: Asked, suite: Any, told: tuple[str, Stage, Stage], *, is_sampled: bool = False
) -> WiredSuite:
    """A suite whose answers metrics of the registry score; ``told``: the data's name, its rows, what a model told."""
    data, prompts, answers = told
    read = {_READ_AS[answers.kind]: answers, "prompts": prompts}
    scores = {step.name: _score(sourcing, step, read, f"{asked.where} {suite.name}") for step in suite.metrics}
    measured = tuple(one for step in suite.metrics for one in measures(step))
    return WiredSuite(suite.name, prompts, answers, scores, measured, data, is_sampled=is_sampled)


def measures(step: Step) -> Iterator[Measure]:
    """Yield what a metric measures, and what is printed beside it."""
    plugin = METRICS.get(step.name)
    how = ", ".join(f"{name} {value}" for name, value in step.args.items())
    says, traits = f"{how}. {plugin.says}" if how else plugin.says, plugin.traits
    for name in traits.get("values", (step.name,)):
        yield Measure(name, says, traits.get("better"), traits.get("unit", "score"))
    for name in traits.get("beside", ()):
        yield Measure(name, says, traits.get("better"), traits.get("unit", "score"), beside=True)


def _prompts(sourcing: Sourcing, base: ref.Base, suite: GenerationSuite) -> Stage:
    """The rows whose prompt, with what is planted into it, leaves room for an answer."""
    asked = {"model": base.as_args(), "max_new_tokens": suite.max_new_tokens, **_asking(suite)}
    if suite.plant is not None:
        asked["plant"] = suite.plant.model_dump()
    source = {"rows": sourcing.source(suite.prompts)}
    return stage("prompts", asked, source, needs.reading(base), together="data", where=suite.prompts)


def _score(sourcing: Sourcing, step: Step, read: dict[str, Stage], where: str) -> Stage:
    """One metric over what a model told; what it computes with from outside is known by its identity."""
    plugin = METRICS.get(step.name)
    metric, takes = plugin.canonical(step.args), needs.ONE_CORE
    if (resolve := plugin.traits.get("resolve")) is not None:
        name = json.dumps([step.name, step.args], sort_keys=True)
        found = sourcing.known.classifiers.get(name) or resolve(metric["args"], ask=sourcing.ask)
        sourcing.known.classifiers[name] = found
        metric = {**metric, "args": found["args"]}
        if found["computes"]:
            takes = Needs(cores=None, gpu=True, like=json.dumps(found["args"], sort_keys=True), paths=found["paths"])
    together = f"score {where.partition(' ')[0]}"
    return stage("score", {"metric": metric}, read, takes, together=together, where=f"{where} {step.name}")


def _asking(suite: GenerationSuite) -> dict[str, Any]:
    return {} if suite.apply_chat_template else {"apply_chat_template": False}


def _sampling(suite: GenerationSuite, seed: int) -> dict[str, Any]:
    args = {"sampling": suite.sampling, "max_new_tokens": suite.max_new_tokens, "seed": seed, **_asking(suite)}
    if suite.max_new_tokens == CHARACTERS and suite.plant is not None:
        args["plant"] = suite.plant.model_dump()  # what was planted does not count
    return args
