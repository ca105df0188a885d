"""Control tokens -> stages: with which tokens a cell's model is asked, and what it writes under each combination."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from leaven import needs
from leaven.data.attributes import Attribute, called, conditions
from leaven.engine.stage import Needs, Stage
from leaven.evaluate.control import ControlSuite, measures
from leaven.graph import WiredSuite
from leaven.registry import TREATMENTS
from leaven.score.control import MARK
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import makes
from leaven.wiring import prompted
from leaven.wiring.measures import of_metric, scored
from leaven.wiring.sourcing import NO_LIMIT, Sourcing, stage

if TYPE_CHECKING:
    from leaven.wiring.asking import Asked

OWN = ("own",)  # in the place of tokens: those that belong to each row


def known(sourcing: Sourcing, arm: ExpandedArm) -> list[Attribute]:
    """Return the attributes whose tokens an arm is trained with."""
    return [sourcing.attributes[name] for name in sourcing.known_by[arm.name]]


def ways(sourcing: Sourcing, arm: ExpandedArm, control: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield with which tokens a suite asks an arm; first how it counts, then what is printed beside it, by its name.

    An arm that ``wraps`` its model is always asked so, and one that knows no tokens as it is.
    """
    attributes, wrapped = known(sourcing, arm), _wrapped(arm)
    if wrapped or control is None or not attributes:
        yield "", wrapped
    elif control == "labels":
        yield "", OWN
    else:
        good = tuple(one.good for one in attributes)
        yield "", good
        others = [one for one in conditions(attributes) if one != good] if control == "each" else []
        yield from ((called(one), one) for one in others)


def _wrapped(arm: ExpandedArm) -> tuple[str, ...]:
    return tuple(token for one in prompted.methods(arm) for token in one.wrap.control)


def own_tokens(sourcing: Sourcing, asked: Asked, data: str, rows: Stage) -> Stage:
    """The texts of a data set, each with its own tokens of the attributes that an arm knows."""
    attributes = known(sourcing, asked.arm)
    names = [one.name for one in attributes]
    step = TREATMENTS.get("control_tokens").canonical({"attributes": names, "untagged": 0.0})
    steps = [{**step, "seed": 0, "attributes": [one.as_args() for one in attributes]}]
    read = {"rows": rows, **{f"labels.{name}": sourcing.labels(data, name) for name in names}}
    return stage("treat", {"steps": steps}, read, together="data", where=f"{data} {'+'.join(names)}")


def conditioned(sourcing: Sourcing, asked: Asked, suite: ControlSuite, takes: Needs) -> WiredSuite:
    """What a cell's model writes under every combination of its tokens, and how it obeys them."""
    wanted = conditions(known(sourcing, asked.arm))
    good = tuple(one.good for one in known(sourcing, asked.arm))
    how = {"conditions": [list(one) for one in wanted], "used": wanted.index(good)}
    where, together = f"{asked.where} {suite.name}", f"answer {asked.where}"
    args = {
        **how, "place": suite.place, "sampling": suite.sampling, "max_new_tokens": suite.max_new_tokens,
        "samples": suite.samples, "seed": asked.seed, **asked.model,
    }  # fmt: skip
    prompts = {} if suite.prompts is None else {"prompts": _prompts(sourcing, asked, suite)}
    told = stage("control", args, {**prompts, **asked.speaker}, takes, together=together, where=where)
    judged = _obeyed(sourcing, suite, how, told, where)
    fluent = _fluency(sourcing, asked, told, where)
    read = {"generations": told, "prompts": told}
    of_texts = {step.name: scored(sourcing, step, read, where) for step in suite.metrics}
    measured = measures([sourcing.attributes[name] for name in suite.attributes], _judged(sourcing, suite))
    return WiredSuite(
        suite.name, judged, told, {suite.name: judged, "fluency": fluent, **of_texts},
        (*measured, *(one for step in suite.metrics for one in of_metric(step))),
        suite.prompts, is_sampled=suite.sampling.get("do_sample") is not False, is_itemwise=True, item_mark=MARK,
    )  # fmt: skip


def _prompts(sourcing: Sourcing, asked: Asked, suite: ControlSuite) -> Stage:
    """The rows whose prompt leaves room for a start, every token and a whole answer."""
    base, data = sourcing.reading(asked.base), str(suite.prompts)
    room = suite.max_new_tokens + sourcing.front + 1
    if makes(sourcing.study.data, data) == "texts":
        return sourcing.fit(data, base, {"max_length": NO_LIMIT}, "texts", front=room)
    args = {"model": base.as_args(), "max_new_tokens": suite.max_new_tokens, "front": sourcing.front,
            "apply_chat_template": False}  # fmt: skip
    read = {"rows": sourcing.source(data)}
    return stage("prompts", args, read, needs.reading(base), together="data", where=data)


def _obeyed(sourcing: Sourcing, suite: ControlSuite, how: dict[str, Any], told: Stage, where: str) -> Stage:
    """Which class each text is of, and whether that is what was asked for; by the judge where there is one."""
    judged, takes = [], needs.ONE_CORE
    for name in suite.attributes:
        declared, one = sourcing.study.attributes[name], sourcing.attributes[name].as_args()
        for role, scorer in (("scorer", declared), ("judge", declared.judge)):
            if scorer is not None and scorer.metric is not None:
                one[role], needed = sourcing.scorer(scorer.metric, scorer.value)
                takes = _both(takes, needed, f"{name}.{role}")
        if declared.judge is not None:
            one["judge"] = {**one["judge"], "thresholds": list(declared.judge.thresholds)}
        judged.append(one)
    args, together = {"attributes": judged, **how}, f"score {where.partition(' ')[0]}"
    return stage("misalignment", args, {"generations": told}, takes, together=together, where=where)


def _both(takes: Needs, more: Needs, of: str) -> Needs:
    """Return what two scorers take one after the other; each keeps its own folder."""
    if more is needs.ONE_CORE:
        return takes
    paths = {f"{name}.{of}": path for name, path in more.paths.items()}
    return replace(more, like=f"{takes.like} {more.like}", paths={**takes.paths, **paths})


def _judged(sourcing: Sourcing, suite: ControlSuite) -> list[str]:
    """Return the attributes that have a judge beside a scorer that labelled and can score texts."""
    declared = ((name, sourcing.study.attributes[name]) for name in suite.attributes)
    return [name for name, one in declared if one.judge is not None and one.metric is not None]


def _fluency(sourcing: Sourcing, asked: Asked, told: Stage, where: str) -> Stage:
    """How expected the texts are to the base before any training: what obeys by nonsense is seen."""
    base = replace(sourcing.base(asked.arm), from_config=False)
    takes = needs.answering(base, sourcing.shape(base))
    args, together = {"model": base.as_args()}, f"read {asked.where}"
    return stage("fluency", args, {"generations": told}, takes, together=together, where=where)
