"""What is wrong with arms that are made of other arms' adapters: parts that are none, or that do not go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from leaven.registry import TRAINERS, Step
from leaven.study.compose import Compose
from leaven.study.conditioned import knows
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import ends_as_reward
from leaven.study.own import trainings_own
from leaven.study.problems import Check

_ANY_RANK = ("cat", "svd")
_EVERYWHERE = "all-linear"

Lora = dict[str, Any]  # PEFT's arguments of an adapter; empty where a fault that is said already hides them


def composed(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that composed arms name adapters over the same weights that their combination takes, and go on with it."""
    for arm in arms:
        if arm.compose is not None:
            _composed(parts, arm, arm.compose, arms, check)


def _composed(
    parts: Mapping[str, Any], arm: ExpandedArm, declared: Compose, arms: Sequence[ExpandedArm], check: Check
) -> None:
    at: Steps = ("arms", arm.stem, "compose")
    found = [_part(part.arm, arm, arms, (*at, "adapters", index), check) for index, part in enumerate(declared.parts)]
    sound = [one for one in found if one is not None]
    if len(sound) < len(found):
        return
    _same_weights(parts, arm, sound, arms, at, check)
    _combinable(declared, sound, arms, at, check)
    _goes_on(arm, declared, arms, at, check)
    quantised = next((name for name in ("load_in_4bit", "load_in_8bit") if _model(parts, arm).get(name)), None)
    if declared.merge and quantised:
        said = f"{quantised} leaves no weights that an adapter could be added to without rounding it away"
        check.say((*at, "merge"), said, f"take merge out, or {quantised}")


def _part(name: str, whole: ExpandedArm, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> ExpandedArm | None:
    """Return the arm of a name if it leaves an adapter that others can be combined with."""
    arm = _named(name, arms)
    if arm is None:
        check.no_arm(at, name, [one.name for one in arms])
        return None
    if arm.name == whole.name:
        check.say(at, f"'{name}' is made of itself", "name other arms")
        return None
    if ends_as_reward(arm):
        check.say(at, f"'{name}' ends as a reward model, whose head gives numbers", "name an arm that speaks")
        return None
    if tokens := knows(arm):
        said = f"'{name}' has rows of its own for the control tokens of {', '.join(tokens)}, and no combination has"
        check.say(at, said, "name arms without control tokens")
        return None
    if adapter(arm, arms) is None:
        check.say(at, f"'{name}' leaves no adapter", "declare `peft` in its last training, or name another arm")
        return None
    return arm


def _named(name: str, arms: Sequence[ExpandedArm]) -> ExpandedArm | None:
    return next((one for one in arms if one.name == name), None)


def adapter(arm: ExpandedArm, arms: Sequence[ExpandedArm], way: tuple[str, ...] = ()) -> Lora | None:
    """Return the adapter that an arm leaves, by PEFT's arguments; None if it leaves whole weights or its bare base."""
    if arm.train:
        return _peft(arm.train[-1])
    if arm.compose is None or arm.compose.merge:
        return None
    return combination(arm.compose, arms, (*way, arm.name))


def _peft(step: Step) -> Lora | None:
    if step.name not in TRAINERS.names():
        return {}
    try:
        found = TRAINERS.get(step.name).declare(trainings_own(step))
    except ValidationError:
        return {}
    peft = getattr(found, "peft", None)
    return None if peft is None else dict(peft.model_dump())


def combination(declared: Compose, arms: Sequence[ExpandedArm], way: tuple[str, ...] = ()) -> Lora:
    """Return what the combination of adapters is as an adapter, by PEFT's arguments; empty where it cannot be told."""
    named = [_named(part.arm, arms) for part in declared.parts]
    found = [adapter(one, arms, way) for one in named if one is not None and one.name not in way]
    if len(found) < len(named) or not all(found):  # unknown, in a circle, or unsound: said elsewhere
        return {}
    loras = [one for one in found if one]
    ranks = [int(one["r"]) for one in loras]
    rank = sum(ranks) if declared.combination_type == "cat" and len(ranks) > 1 else max(ranks)
    modules = [one["target_modules"] for one in loras]
    return {**loras[0], "r": rank, "lora_alpha": float(rank), "use_rslora": False, "target_modules": _together(modules)}


def _together(modules: Sequence[Any]) -> Any:
    """Return the modules of several adapters: all of each; of patterns the one that matches any of them."""
    if _EVERYWHERE in modules:
        return _EVERYWHERE
    if all(isinstance(one, str) for one in modules):
        return "|".join(f"({one})" for one in modules)
    return sorted({name for listed in modules for name in listed})


def _model(parts: Mapping[str, Any], arm: ExpandedArm) -> dict[str, Any]:
    """Return what an arm's base is, without where it lies."""
    base = parts["model"].model_dump() if "model" in parts else {}
    return {name: value for name, value in {**base, **arm.model}.items() if name != "device_map"}


def _same_weights(
    parts: Mapping[str, Any], whole: ExpandedArm, found: Sequence[ExpandedArm], arms: Sequence[ExpandedArm],
    at: Steps, check: Check,
) -> None:  # fmt: skip
    """Check that adapters lie over one base, in one precision, and over what the same trainings made of it."""
    for index, one in enumerate(found):
        if differs := _differing(_model(parts, one), _model(parts, whole)):
            said = f"'{one.name}' is trained over another base than '{whole.name}': {differs} is another"
            check.say((*at, "adapters", index), said, "give them the same `model`")
        elif below(one, arms) != below(found[0], arms):
            said = f"'{one.name}' and '{found[0].name}' put their adapters over different weights"
            remedy = "train both from the base, or after the same trainings of whole weights"
            check.say((*at, "adapters", index), said, remedy)


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return ", ".join(f"model.{name}" for name in sorted({*one, *other}) if one.get(name) != other.get(name))


def below(arm: ExpandedArm, arms: Sequence[ExpandedArm], way: tuple[str, ...] = ()) -> list[Any]:
    """Return what makes the weights that an arm's adapter lies over; empty where these are the base's."""
    whole = [step for step in arm.train if _peft(step) is None]
    made = [[step.name, step.args] for step in whole]
    own = [made, [[step.name, step.args] for step in arm.treat], arm.replicate] if made else []
    if arm.compose is None:
        return own
    if arm.compose.merge:
        return [arm.compose.model_dump(mode="json"), *own]
    first = _named(arm.compose.parts[0].arm, arms)
    return [] if first is None or first.name in way else [*below(first, arms, (*way, arm.name)), *own]


def _combinable(
    declared: Compose, found: Sequence[ExpandedArm], arms: Sequence[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check that the combination takes adapters of these ranks and modules."""
    loras = [lora for one in found if (lora := adapter(one, arms))]
    ranks = [lora["r"] for lora in loras]
    kind, place = declared.combination_type, (*at, "combination_type")
    if len(set(ranks)) > 1 and kind not in _ANY_RANK and not kind.endswith("_svd"):
        said = f"{kind} needs adapters of one rank, and these have r {', '.join(map(str, ranks))}"
        check.say(place, said, "combine them by `cat` or `svd`, or train them with the same `r`")
    patterns = {isinstance(one, str) and one != _EVERYWHERE for one in (lora["target_modules"] for lora in loras)}
    if len(patterns) > 1:
        said = "some of the adapters name their modules by a pattern, others one by one"
        check.say((*at, "adapters"), said, "write the same kind of target_modules in all of them")


def _goes_on(arm: ExpandedArm, declared: Compose, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that a training over a combination that is not merged goes on with that very adapter."""
    if declared.merge or not arm.train:
        return
    made, next_one = combination(declared, arms), _peft(arm.train[0])
    if not made or next_one == {} or (next_one is not None and _comparable(made) == _comparable(next_one)):
        return
    where: Steps = ("arms", arm.stem, "train", 0) if arm.own_train else ("train", 0)
    wanted = ", ".join(f"{name}: {value}" for name, value in _comparable(made).items())
    said = f"'{arm.name}' trains on over a combination, which is an adapter, and declares another"
    check.say(where, said, f"write merge: true in its `compose`, or repeat the adapter: `peft: {{{wanted}}}`")


def _comparable(lora: Lora) -> Lora:
    modules = lora["target_modules"]
    named = modules if isinstance(modules, str) else sorted(modules)
    return {**{name: value for name, value in lora.items() if name != "target_modules"}, "target_modules": named}
