"""What is wrong with what an arm learns from others: a teacher's answers, its distributions, and who rewards it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from leaven.errors import did_you_mean
from leaven.registry import JUDGES, SUITES, TRAINERS, Step
from leaven.study.asked import ANY, SAMPLED
from leaven.study.factory import Distilled, Reward
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import ends_as_reward, makes
from leaven.study.one_value import one_value
from leaven.study.problems import Check, names_data
from leaven.study.spec import Data

_LOST = ("control_prefix", "guard")  # of a teacher's methods, those that do not change the messages that it reads
_FLOWS = {"texts", "prompts", "messages"}  # what a reward of a training is given
_WHOSE = "a training has prompts and answers alone"


def taught(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check what teachers answer, who learns their distributions, and who rewards the answers of a training."""
    declared: dict[str, Data] = parts.get("data", {})
    for name, data in declared.items():
        if data.distilled is not None:
            _teacher(parts, name, data, arms, check)
    for arm in arms:
        for index, step in enumerate(arm.train):
            at: Steps = ("arms", arm.stem, "train", index) if arm.own_train else ("train", index)
            trainer = TRAINERS.get(step.name) if step.name in TRAINERS.names() else None
            if trainer is not None and trainer.traits.get("reads") == "distillations":
                _same_start(declared, arm, index, arms, (*at, step.name, "data"), check)
            if trainer is not None and trainer.traits.get("reads") == "asked":
                _rewarded(parts, step, arm, arms, (*at, step.name, "reward"), check)
            elif "reward" in step.args:
                check.say((*at, step.name, "reward"), f"{step.name} rewards nothing", "take it out, or train by `rl`")


def _teacher(parts: Mapping[str, Any], name: str, data: Data, arms: Sequence[ExpandedArm], check: Check) -> None:
    """Check that a teacher is an arm that speaks, and that what it is asked are prompts of a source."""
    declared, at = data.distilled, ("data", name, "distilled")
    assert declared is not None, f"{name} is not distilled"
    names_data(parts, declared.prompts, (*at, "prompts"), check)
    asked = parts.get("data", {}).get(declared.prompts)
    made = makes(parts.get("data", {}), declared.prompts)
    if (asked is not None and asked.made is not None) or made not in (None, "examples", "preferences"):
        check.say((*at, "prompts"), f"'{declared.prompts}' holds no prompts", "name a source of prompts")
    teacher = next((arm for arm in arms if arm.name == declared.arm), None)
    if arms and teacher is None:
        check.no_arm((*at, "arm"), declared.arm, [arm.name for arm in arms])
    elif teacher is not None and ends_as_reward(teacher):
        check.say((*at, "arm"), f"'{teacher.name}' is a reward model, which only rates answers", "name one that speaks")
    elif teacher is not None:
        _speaks(declared, teacher, at, check)


def _speaks(declared: Distilled, teacher: ExpandedArm, at: Steps, check: Check) -> None:
    """Check that a teacher answers with all that it wraps its model in, and that its sampling is sound."""
    if lost := [step.name for step in teacher.wraps if step.name in _LOST]:
        said = f"'{teacher.name}' has {' and '.join(dict.fromkeys(lost))}, without which a teacher answers"
        check.say((*at, "arm"), said, "name an arm that has none")
    try:
        drawn = {name: value for name, value in {**declared.sampling, **_own(teacher)}.items() if value is not None}
        SUITES.get("generate").declare({**ANY, **drawn})
    except ValidationError as error:
        check.take(error, at, Distilled.model_fields)


def _own(arm: ExpandedArm) -> dict[str, Any]:
    return {name: value for name, value in arm.generation.items() if name in SAMPLED}


def _same_start(
    declared: Mapping[str, Data], arm: ExpandedArm, index: int, arms: Sequence[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check that a teacher whose distributions are learnt reads the same tokens as its student."""
    data = declared.get(str(arm.train[index].args.get("data")))
    name = data.distilled.arm if data is not None and data.distilled is not None else None
    teacher = next((one for one in arms if one.name == name), None)
    if teacher is None:
        return
    if arm.model != teacher.model:
        said = f"its teacher '{teacher.name}' is another model, whose tokens and template need not be its own"
        check.say(at, said, "give both the same `model`, or learn from its answers by `sft`")


def _rewarded(
    parts: Mapping[str, Any], step: Step, arm: ExpandedArm, arms: Sequence[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check that a reward model of the study, a metric of texts or a judge rewards a training's answers."""
    if step.args.get("reward") is None:
        check.say(
            at, "is missing", "write `reward: {arm: NAME}` of a reward model, `{metric: NAME}` or `{judge: NAME}`"
        )
        return
    try:
        declared = Reward.model_validate(step.args["reward"])
    except ValidationError as error:
        check.take(error, at, Reward.model_fields)
        return
    if declared.metric is not None:
        one_value(declared.metric, declared.value, _FLOWS, at, check, whose=_WHOSE)
    elif declared.judge is not None:
        _by_judge(parts, declared.judge, arm, arms, (*at, "judge"), check)
    elif arms:
        _by_arm(str(declared.arm), arm, arms, (*at, "arm"), check)


def _by_arm(name: str, arm: ExpandedArm, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that an arm that rewards another's answers is a reward model which that training can load."""
    judge = next((arm for arm in arms if arm.name == name), None)
    if judge is None:
        check.no_arm(at, name, [arm.name for arm in arms if ends_as_reward(arm)])
    elif not ends_as_reward(judge):
        check.say(at, f"'{name}' does not end as a reward model", "name an arm whose last training is `reward`")
    elif judge.model != arm.model and judge.train[-1].args.get("peft") is not None:
        said = f"'{name}' is an adapter over another model than that of '{arm.name}'"
        check.say(at, said, "train its whole weights, or give both the same `model`")


def _by_judge(
    parts: Mapping[str, Any], name: str, arm: ExpandedArm, arms: Sequence[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check that a judge of the study says of an answer by itself what it is worth."""
    judges: Mapping[str, Step] = parts.get("judges") or {}
    step = judges.get(name)
    if step is None:
        remedy = did_you_mean(name, judges) if judges else "declare one under `judges`"
        check.say(at, f"there is no judge called '{name}'", remedy)
        return
    if step.name not in JUDGES.names():
        return  # said where judges are checked
    if not JUDGES.get(step.name).traits.get("alone"):
        said = f"'{name}' ({step.name}) says of an answer by itself nothing, and a training asks what each is worth"
        check.say(at, said, "name a judge that is `pointwise`, a `metric` or a `reward`")
    elif (by := step.args.get("arm")) is not None and arms:
        _by_arm(str(by), arm, arms, at, check)
    elif (metric := step.args.get("metric")) is not None:
        _judges_metric(metric, step.args.get("value"), ("judges", name, step.name), check)


def _judges_metric(metric: Any, value: Any, at: Steps, check: Check) -> None:
    """Check that a judge's metric needs no more of an answer than there is in training."""
    try:
        one_value(Step.model_validate(metric), value, _FLOWS, at, check, whose=_WHOSE)
    except ValidationError:
        return  # said where judges are checked
