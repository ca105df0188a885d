"""What is wrong with what an arm learns from others: a teacher's answers, its distributions, and who rewards it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from leaven.errors import did_you_mean
from leaven.registry import SUITES, TRAINERS, Step
from leaven.study.asked import SAMPLED
from leaven.study.factory import Distilled, Reward
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import ends_as_reward, makes
from leaven.study.one_value import one_value
from leaven.study.problems import Check, names_data
from leaven.study.spec import Data

_LOST = ("control_prefix", "guard")  # of a teacher's methods, those that do not change the messages that it reads
_ANY = {"prompts": "any", "metrics": ["length"]}  # of a suite, what says nothing of sampling
_FLOWS = {"texts", "prompts", "messages"}  # what a reward of a training is given


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
                _rewarded(step, arm, arms, (*at, step.name, "reward"), check)
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
        remedy = did_you_mean(declared.arm, [arm.name for arm in arms])
        check.say((*at, "arm"), f"there is no arm called '{declared.arm}'", remedy)
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
        SUITES.get("generate").declare({**_ANY, **drawn})
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


def _rewarded(step: Step, arm: ExpandedArm, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that a reward model of the study, or a metric of texts, rewards a training's answers."""
    if step.args.get("reward") is None:
        check.say(at, "is missing", "write `reward: {arm: NAME}` of a reward model, or `reward: {metric: NAME}`")
        return
    try:
        declared = Reward.model_validate(step.args["reward"])
    except ValidationError as error:
        check.take(error, at, Reward.model_fields)
        return
    if declared.metric is not None:
        _by_metric(declared, at, check)
    elif arms:
        judge = next((arm for arm in arms if arm.name == declared.arm), None)
        if judge is None:
            names = [arm.name for arm in arms if ends_as_reward(arm)]
            check.say((*at, "arm"), f"there is no arm called '{declared.arm}'", did_you_mean(str(declared.arm), names))
        elif not ends_as_reward(judge):
            said = f"'{declared.arm}' does not end as a reward model"
            check.say((*at, "arm"), said, "name an arm whose last training is `reward`")
        elif judge.model != arm.model and judge.train[-1].args.get("peft") is not None:
            said = f"'{declared.arm}' is an adapter over another model than that of '{arm.name}'"
            check.say((*at, "arm"), said, "train its whole weights, or give both the same `model`")


def _by_metric(declared: Reward, at: Steps, check: Check) -> None:
    assert declared.metric is not None, "a reward model rewards"
    whose = "a training has prompts and answers alone"
    one_value(declared.metric, declared.value, _FLOWS, at, check, whose=whose)
