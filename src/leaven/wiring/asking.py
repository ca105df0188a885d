"""Suites -> stages: what each asks of a cell's model, and how what it told is scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.evaluate.likelihood import LikelihoodSuite
from leaven.evaluate.measure import Measure
from leaven.evaluate.suite import CHARACTERS, GenerationSuite
from leaven.graph import WiredSuite
from leaven.models import ref
from leaven.registry import METRICS, Step
from leaven.wiring.sourcing import NO_LIMIT, Sourcing, stage

_READ_AS = {"generate": "generations", "likelihood": "likelihoods"}


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
    else:
        assert isinstance(suite, LikelihoodSuite), f"nobody wires {suite!r}"
        yield _likelihood(sourcing, asked, suite)


def _generation(sourcing: Sourcing, asked: Asked, suite: GenerationSuite) -> WiredSuite:
    takes = needs.answering(asked.base, sourcing.shape(asked.base), suite.sampling.get("num_beams", 1))
    prompts, args = _prompts(sourcing, asked.base, suite), _sampling(suite, asked.seed)
    sampled = suite.sampling.get("do_sample") is not False
    return _scored(sourcing, asked, suite, ("generate", args), prompts, takes, is_sampled=sampled)


def _likelihood(sourcing: Sourcing, asked: Asked, suite: LikelihoodSuite) -> WiredSuite:
    takes = needs.answering(asked.base, sourcing.shape(asked.base))
    prompts = sourcing.fit(suite.prompts, asked.base, {"max_length": NO_LIMIT})
    return _scored(sourcing, asked, suite, ("likelihood", {}), prompts, takes)


def _scored(
    sourcing: Sourcing,
    asked: Asked,
    suite: Any,
    how: tuple[str, dict[str, Any]],
    prompts: Stage,
    takes: Needs,
    *,
    is_sampled: bool = False,
) -> WiredSuite:
    """A suite whose answers metrics of the registry score."""
    verb, args = how
    told = stage(
        verb, {**args, **asked.model}, {"prompts": prompts, **asked.speaker}, takes,
        together=f"answer {asked.where}", where=f"{asked.where} {suite.name}",
    )  # fmt: skip
    read = {_READ_AS[verb]: told, "prompts": prompts}
    scores = {step.name: _score(sourcing, step, read, f"{asked.where} {suite.name}") for step in suite.metrics}
    measured = tuple(one for step in suite.metrics for one in measures(step))
    return WiredSuite(suite.name, prompts, told, scores, measured, suite.prompts, is_sampled=is_sampled)


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
