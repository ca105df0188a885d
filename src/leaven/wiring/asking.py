"""Suites -> stages: what each asks of a cell's model, and how what it told is scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.errors import LeavenError, Problem, StudyError
from leaven.evaluate.adversarial import AdversarialSuite
from leaven.evaluate.control import ControlSuite
from leaven.evaluate.crows_pairs import CrowsPairsSuite
from leaven.evaluate.harness import HarnessSuite
from leaven.evaluate.hello import HelloSuite
from leaven.evaluate.likelihood import LikelihoodSuite
from leaven.evaluate.measure import Measure
from leaven.evaluate.preferences import PreferenceSuite
from leaven.evaluate.regurgitation import RegurgitationSuite
from leaven.evaluate.safety import SafetySuite
from leaven.evaluate.suite import CHARACTERS, GenerationSuite
from leaven.evaluate.tasks.info import describe
from leaven.evaluate.truthful import TruthfulSuite
from leaven.graph import WiredSuite
from leaven.models import ref
from leaven.study import measured
from leaven.study.matrix import ExpandedArm
from leaven.wiring import prompted, truthful, verbatim
from leaven.wiring.conditioned import OWN, conditioned, own_tokens, ways
from leaven.wiring.measures import of_metric, scored
from leaven.wiring.sourcing import NO_LIMIT, Sourcing, stage

_READ_AS = {"generate": "generations", "guarded": "generations", "likelihood": "likelihoods", "verdicts": "verdicts"}


@dataclass(frozen=True)
class Asked:
    """Whom a suite asks: a cell by its name, arm and seed, its base, and who answers for it (``training.speaks``).

    ``speaker`` is the artefact with its proof if it was trained, and ``model`` says which snapshot of it, or names the
    model that was not; ``front`` are the control tokens in front of all that it is asked, or ``OWN`` where each text
    has its own; where it ``starts``, what is asked without tokens begins as in training too.
    """

    where: str
    arm: ExpandedArm
    seed: int
    base: ref.Base
    speaker: Mapping[str, Stage]
    model: Mapping[str, Any]
    front: tuple[str, ...] = ()
    starts: bool = False


def wired(sourcing: Sourcing, asked: Asked, suite: Any, control: str | None = None) -> Iterator[WiredSuite]:
    """Ask a suite's rows of a cell's model, and score what it makes of them.

    ``control`` says with which tokens a model is asked that knows some: ``good`` ones, each row's own (``labels``), or
    the good ones and, printed beside them, ``each`` other combination.
    """
    for beside, front in ways(sourcing, asked.arm, control):
        for one in _wired(sourcing, replace(asked, front=front, starts=control is not None), suite):
            of_texts = measured.makes(sourcing.study.data, str(getattr(suite, "prompts", None))) == "texts"
            reached = replace(one, unreached=tuple(prompted.unreached(asked.arm, suite, of_texts=of_texts)))
            yield _beside(reached, beside) if beside else reached


def _beside(one: WiredSuite, how: str) -> WiredSuite:
    """Return a suite as it was asked with other tokens: its values are printed, and never compared."""
    values = tuple(replace(measure, beside=True) for measure in one.measures)
    return replace(one, name=f"{one.name}.{how}", measures=values)


def _wired(sourcing: Sourcing, asked: Asked, suite: Any) -> Iterator[WiredSuite]:
    if isinstance(suite, ControlSuite):
        yield conditioned(sourcing, asked, suite, _takes(sourcing, asked))
    elif isinstance(suite, GenerationSuite):
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
    """Free answers; metrics read the bare prompts, whatever an arm's methods made of them."""
    bare, suite = _prompts(sourcing, asked.base, suite), prompted.as_asked(suite, asked.arm)
    prompts, sampled = _as_read(sourcing, asked, suite, bare), suite.sampling.get("do_sample") is not False
    takes = _takes(sourcing, asked, suite.sampling.get("num_beams", 1))
    args = {**_sampling(suite, asked.seed), **({"start": True} if asked.starts else {})}
    told = _told(asked, suite.name, "generate", args, {"prompts": prompts}, takes)
    if isinstance(suite, RegurgitationSuite):
        return verbatim.regurgitation(sourcing, asked, suite, prompts, told)
    where = f"{asked.where} {suite.name}"
    guarded = prompted.guarded(sourcing, asked.arm, told, bare, where)
    answers = guarded or told
    if isinstance(suite, TruthfulSuite):
        made = truthful.truthful(sourcing, suite, where, bare, answers)
    else:
        made = _scored(sourcing, asked, suite, (suite.prompts, bare, answers), is_sampled=sampled)
    if isinstance(suite, HelloSuite):
        made = truthful.with_lexicon(sourcing, suite, where, made, answers)
    if guarded is not None:
        made = replace(made, scores={**made.scores, "guard": guarded}, measures=(*made.measures, *prompted.BLOCKED))
    return replace(made, prompts=prompts)


def _as_read(sourcing: Sourcing, asked: Asked, suite: GenerationSuite, bare: Stage) -> Stage:
    """The prompts as an arm's model reads them under its methods, those that leave room for an answer."""
    rows = prompted.wrapped(sourcing, asked.arm, bare, suite.prompts)
    return bare if rows is bare else _leaving_room(sourcing, asked.base, replace(suite, plant=None), rows)


def _likelihood(sourcing: Sourcing, asked: Asked, suite: LikelihoodSuite) -> WiredSuite:
    makes = measured.makes(sourcing.study.data, suite.prompts)
    rows = sourcing.source(suite.prompts)
    reached = makes != "texts" and not prompted.is_plain(asked.arm)
    read = prompted.wrapped(sourcing, asked.arm, rows, suite.prompts) if reached else rows
    prompts = sourcing.fit(suite.prompts, asked.base, {"max_length": NO_LIMIT}, makes or "examples", rows=read)
    own = {}
    if asked.front == OWN:
        prompts, own = own_tokens(sourcing, asked, suite.prompts, prompts), {"tokens": "true"}
    told = _told(asked, suite.name, "likelihood", own, {"prompts": prompts}, _takes(sourcing, asked))
    return _scored(sourcing, asked, suite, (suite.prompts, prompts, told))


def _harness(sourcing: Sourcing, asked: Asked, suite: HarnessSuite) -> Iterator[WiredSuite]:
    """Each task is a suite of its own; what it asks, its items and their values are in one table."""
    system = prompted.system_instruction(suite, asked.arm)
    for task in suite.tasks:
        takes = _takes(sourcing, asked)
        takes = replace(takes, paths={**takes.paths, **suite.paths(task)})
        args, values = _task(sourcing, suite, task)
        args = {**args, **system}
        told = _told(asked, task, "harness", args, {}, takes)
        yield WiredSuite(task, told, told, {task: told}, values, is_itemwise=True)


def _task(sourcing: Sourcing, suite: HarnessSuite, task: str) -> tuple[dict[str, Any], tuple[Measure, ...]]:
    """What a task, its data and its measures are, found out once for all cells, and for all answers made later."""
    name = json.dumps([task, dict(suite.settings)], sort_keys=True)  # no two suites of a study ask one task
    if name not in sourcing.known.tasks:
        try:
            found = describe(task, suite.include_path, suite.local.get(task)).measures
            args = suite.args(task, ask=sourcing.ask)
        except LeavenError as error:
            raise StudyError([Problem(f"evaluate: harness: {task}", str(error))]) from error
        sourcing.known.tasks[name] = {"args": args, "measures": [asdict(one) for one in found]}
    known = sourcing.known.tasks[name]
    return known["args"], tuple(Measure(**{**one, "groups": tuple(one.get("groups", ()))}) for one in known["measures"])


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
    rows = sourcing.source(suite.data)
    read = rows if prompted.is_plain(asked.arm) else prompted.wrapped(sourcing, asked.arm, rows, suite.data)
    fit = sourcing.fit(suite.data, asked.base, {"max_length": NO_LIMIT}, rows=read)
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
    front = {"control": list(asked.front)} if asked.front and asked.front != OWN else {}
    return stage(
        verb, {**args, **front, **asked.model}, {**reads, **asked.speaker}, takes,
        together=f"answer {asked.where}", where=f"{asked.where} {name}",
    )  # fmt: skip


def _scored(
    sourcing: Sourcing, asked: Asked, suite: Any, told: tuple[str, Stage, Stage], *, is_sampled: bool = False
) -> WiredSuite:
    """A suite whose answers metrics of the registry score; ``told``: the data's name, its rows, what a model told."""
    data, prompts, answers = told
    read = {_READ_AS[answers.kind]: answers, "prompts": prompts}
    if isinstance(suite, GenerationSuite):
        read |= prompted.passages(sourcing, asked.arm, prompts, suite.prompts)
    scores = {step.name: scored(sourcing, step, read, f"{asked.where} {suite.name}") for step in suite.metrics}
    values = tuple(one for step in suite.metrics for one in of_metric(step))
    mark = getattr(suite, "item_mark", "")
    return WiredSuite(suite.name, prompts, answers, scores, values, data, is_sampled=is_sampled,
                      is_itemwise=bool(mark), item_mark=mark)  # fmt: skip


def _prompts(sourcing: Sourcing, base: ref.Base, suite: GenerationSuite) -> Stage:
    """The rows whose prompt, with what is planted into it, leaves room for an answer."""
    return _leaving_room(sourcing, base, suite, _asked_rows(sourcing, suite))


def _leaving_room(sourcing: Sourcing, base: ref.Base, suite: GenerationSuite, rows: Stage) -> Stage:
    base, front = sourcing.reading(base), {"front": sourcing.front} if sourcing.front else {}
    asked = {"model": base.as_args(), "max_new_tokens": suite.max_new_tokens, **_asking(suite), **front}
    if suite.plant is not None:
        asked["plant"] = suite.plant.model_dump()
    return stage("prompts", asked, {"rows": rows}, needs.reading(base), together="data", where=suite.prompts)


def _asked_rows(sourcing: Sourcing, suite: GenerationSuite) -> Stage:
    """The rows that a suite asks: those of a source, or each of them under every wrapper of an attack."""
    rows = sourcing.source(suite.prompts)
    if not isinstance(suite, AdversarialSuite):
        return rows
    how = {"wrappers": list(suite.wrappers), "seed": suite.seed}
    return stage("attacked", how, {"rows": rows}, together="data", where=suite.prompts)


def _asking(suite: GenerationSuite) -> dict[str, Any]:
    return {} if suite.apply_chat_template else {"apply_chat_template": False}


def _sampling(suite: GenerationSuite, seed: int) -> dict[str, Any]:
    args = {"sampling": suite.sampling, "max_new_tokens": suite.max_new_tokens, "seed": seed, **_asking(suite)}
    if isinstance(suite, RegurgitationSuite):
        args["ignore_eos"] = True  # every answer is as long: no text stops one, and so none enters the key
        args["sampling"] = {name: value for name, value in suite.sampling.items() if name != "stop_strings"}
    if suite.max_new_tokens == CHARACTERS and suite.plant is not None:
        args["plant"] = suite.plant.model_dump()  # what was planted does not count
    return args
