"""What is wrong with the data that a study makes itself: who answers, who judges, and what is built of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leaven.errors import did_you_mean
from leaven.registry import JUDGES, METRICS, Step
from leaven.server import Server
from leaven.study.factory import Unpaired
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import ends_as_reward, makes
from leaven.study.own import OF_A_JUDGE, judges_own
from leaven.study.problems import Check, names_data
from leaven.study.spec import Data


def factory(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check the judges, the data that the study makes itself, and that nothing waits for what is made of it."""
    before = len(check.found)
    for name, step in (parts.get("judges") or {}).items():
        _judge(parts, name, step, arms, check)
    declared: dict[str, Data] = parts.get("data", {})
    for name, data in declared.items():
        if data.answers is not None:
            _answers(parts, name, data, arms, check)
        elif data.made is not None and data.distilled is None:
            _built(parts, name, data, check)
        for other, at in _read_by(name, data):
            if other in declared and declared[other].made is not None:
                check.say(at, f"'{other}' is made by this study, and differs from seed to seed", "name a source")
    _asked(parts, declared, check)
    _told_apart(parts, declared, check)
    if len(check.found) == before:
        _circles(parts, declared, arms, check)


def _read_by(name: str, data: Data) -> Iterator[tuple[str, Steps]]:
    """Yield the other data that a data set reads as it is read itself, before anything is trained."""
    yield from ((other, ("data", name, "mixture", other)) for other in data.mixture or {})
    yield from ((other, ("data", name)) for other in data.others)


def _judge(parts: Mapping[str, Any], name: str, step: Step, arms: Sequence[ExpandedArm], check: Check) -> None:
    at: Steps = ("judges", name)
    plugin = check.plugin(JUDGES, step, at, without=OF_A_JUDGE)
    if plugin is None:
        return
    place: Steps = (*at, step.name)
    _whose(step, place, arms, by_arm=plugin.traits.get("by") == "model", check=check)
    _people(parts, step.args.get("people"), (*place, "people"), check)
    _unseen(step, arms, (*place, "people"), check)
    if plugin.name == "metric" and step.args.get("metric") is not None:
        _metric(step.args["metric"], (*place, "metric"), check)
    if (look := plugin.traits.get("problems")) is not None:
        for inner, message, remedy in look(judges_own(step)):
            check.say((*place, *inner), message, remedy)


def _whose(step: Step, at: Steps, arms: Sequence[ExpandedArm], *, by_arm: bool, check: Check) -> None:
    """Check that a judge by rewards names a reward model of the study, and that no other judge names an arm."""
    arm = step.args.get("arm")
    if by_arm and arm is None:
        check.say(at, "does not say whose rewards are read", "name a reward model: `arm: NAME`")
    elif arm is not None and not by_arm:
        check.say((*at, "arm"), f"{step.name} is no arm of the study", "take it out")
    elif by_arm and arms:
        found = _arm(arm, arms, (*at, "arm"), check)
        if found is not None and not ends_as_reward(found):
            said = f"'{arm}' does not end as a reward model"
            check.say((*at, "arm"), said, "name an arm whose last training is `reward`")


def _unseen(step: Step, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that a reward model is not tried on the very pairs that it learnt from."""
    arm = next((one for one in arms if one.name == step.args.get("arm")), None)
    if arm is not None and step.args.get("people") in [one.args.get("data") for one in arm.train]:
        said = f"'{arm.name}' was trained on '{step.args['people']}'"
        check.say(at, said, "name pairs that it never saw, held out from these")


def _people(parts: Mapping[str, Any], name: Any, at: Steps, check: Check) -> None:
    """Check that whose preferences a judge is tried on are preferences, by people."""
    if name is None:
        return
    names_data(parts, name, at, check)
    made = makes(parts.get("data", {}), str(name))
    if made not in (None, "preferences") or _is_made(parts, name):
        check.say(at, f"'{name}' holds no preferences by people", "name data whose format makes preferences")


def _metric(declared: Any, at: Steps, check: Check) -> None:
    """Check that a metric by which answers are ranked exists and is sound."""
    try:
        step = Step.model_validate(declared)
    except ValueError:
        return  # said already, as an argument of the judge
    check.plugin(METRICS, step, at)


def _is_made(parts: Mapping[str, Any], name: Any) -> bool:
    data = parts.get("data", {}).get(name)
    return data is not None and data.made is not None


def _arm(name: Any, arms: Sequence[ExpandedArm], at: Steps, check: Check) -> ExpandedArm | None:
    """Return the arm of a name, one point of a sweep if it has one."""
    found = next((arm for arm in arms if arm.name == name), None)
    if found is None:
        check.no_arm(at, str(name), [arm.name for arm in arms])
    return found


def _answers(parts: Mapping[str, Any], name: str, data: Data, arms: Sequence[ExpandedArm], check: Check) -> None:
    """Check that prompts are answered by an arm that can speak."""
    declared, at = data.answers, ("data", name, "answers")
    assert declared is not None
    names_data(parts, declared.prompts, (*at, "prompts"), check)
    made = makes(parts.get("data", {}), declared.prompts)
    if _is_made(parts, declared.prompts) or made not in (None, "examples", "preferences"):
        check.say((*at, "prompts"), f"'{declared.prompts}' holds no prompts", "name a source of prompts")
    if declared.arm is None or not arms:
        return
    arm = _arm(declared.arm, arms, (*at, "arm"), check)
    if arm is not None and ends_as_reward(arm):
        check.say((*at, "arm"), f"'{arm.name}' is a reward model, which only rates answers", "name one that speaks")
    elif arm is not None and arm.wraps:
        check.say((*at, "arm"), f"'{arm.name}' wraps its model, and answers are sampled without", "name another arm")
    elif arm is not None and arm.generation:
        said = f"'{arm.name}' has a sampling of its own, and answers are sampled as they declare"
        check.say((*at, "arm"), said, "write how they are drawn here, and name an arm without `generation`")


def _built(parts: Mapping[str, Any], name: str, data: Data, check: Check) -> None:
    """Check that what is built names answers of this study, and a judge of it."""
    declared, at = getattr(data, str(data.made)), ("data", name, str(data.made))
    names_data(parts, declared.answers, (*at, "answers"), check)
    found = parts.get("data", {}).get(declared.answers)
    if found is not None and found.answers is None:
        check.say((*at, "answers"), f"'{declared.answers}' holds no answers of this study", "declare its `answers`")
    if found is not None and found.answers is not None:
        _enough(declared, found.answers.num_return_sequences, at, check)
    judges = parts.get("judges") or {}
    if declared.judge not in judges:
        remedy = did_you_mean(declared.judge, judges) if judges else "declare one under `judges`"
        check.say((*at, "judge"), f"there is no judge called '{declared.judge}'", remedy)


def _enough(declared: Any, several: int, at: Steps, check: Check) -> None:
    """Check that as many answers are sampled as are needed for what is built of them."""
    limits = {"best": several, "min_margin": several - 1}
    for field, most in limits.items():
        if getattr(declared, field, 0) > most:
            check.say((*at, field), f"{getattr(declared, field)} of {several} answers is too many", f"at most {most}")
    if isinstance(declared, Unpaired) and declared.good + declared.bad > several:
        check.say(at, f"{declared.good} good and {declared.bad} bad of {several} answers overlap", "write fewer")


def _told_apart(parts: Mapping[str, Any], declared: Mapping[str, Data], check: Check) -> None:
    """Check that one model at two addresses is said to be one, or told apart: addresses enter no key."""
    known: dict[str, tuple[str | None, Steps]] = {}
    for at, server in _servers(parts, declared):
        name = str(sorted(server.identity.items()))
        before, _ = known.setdefault(name, (server.base_url, at))
        if before != server.base_url:
            said = f"'{server.model}' is asked at {server.base_url} and at {before}, and counts as one model"
            check.say(at, said, "write one address, or a `revision` for each that tells them apart")


def _servers(parts: Mapping[str, Any], declared: Mapping[str, Data]) -> Iterator[tuple[Steps, Server]]:
    for name, step in (parts.get("judges") or {}).items():
        try:
            yield ("judges", name, step.name, "server"), Server.model_validate(step.args.get("server"))
        except ValueError:
            continue  # it asks none, or that is said already
    for name, data in declared.items():
        if data.answers is not None and data.answers.server is not None:
            yield ("data", name, "answers", "server"), data.answers.server


def _asked(parts: Mapping[str, Any], declared: Mapping[str, Data], check: Check) -> None:
    """Check that suites ask sources: what the study makes is trained on, and differs from seed to seed."""
    for index, step in enumerate(parts.get("evaluate", [])):
        for field in ("prompts", "data"):
            name = step.args.get(field)
            if isinstance(name, str) and name in declared and declared[name].made is not None:
                said = f"'{name}' is made by this study, and differs from seed to seed"
                check.say(("evaluate", index, step.name, field), said, "ask a source")


def _circles(parts: Mapping[str, Any], declared: Mapping[str, Data], arms: Sequence[ExpandedArm], check: Check) -> None:
    """Check that no arm is trained on what is made of its own answers, or judged by what is trained on them."""
    ways = _ways(parts, declared, arms)
    for arm in arms:
        if (circle := _circle(ways, [arm.name])) is not None:
            check.say(("arms", arm.stem), f"waits for itself: {' -> '.join(circle)}", "let another arm answer or judge")
            return


def _ways(parts: Mapping[str, Any], declared: Mapping[str, Data], arms: Sequence[ExpandedArm]) -> dict[str, set[str]]:
    """Return the arms that each arm waits for: that answer, judge (all judges do), teach, reward, or are its parts."""
    judges = {str(step.args["arm"]) for step in (parts.get("judges") or {}).values() if "arm" in step.args}
    found: dict[str, set[str]] = {}
    for arm in arms:
        named = [declared.get(str(step.args.get("data"))) for step in arm.train]
        others = {one.distilled.arm for one in named if one is not None and one.distilled is not None}
        others |= set(_rewarding(parts.get("judges") or {}, arm))
        others |= {part.arm for part in arm.compose.parts} if arm.compose is not None else set()
        built = [
            getattr(data, str(data.made))
            for data in named
            if data is not None and data.made not in (None, "answers", "distilled")
        ]
        sampled = (declared[one.answers].answers for one in built if one.answers in declared)
        writers = {str(one.arm) for one in sampled if one is not None and one.arm is not None}
        found[arm.name] = writers | others | (judges if built else set())
    return found


def _rewarding(judges: Mapping[str, Step], arm: ExpandedArm) -> Iterator[str]:
    """Yield the arms that reward an arm's trainings, by themselves or as a judge of the study."""
    for step in arm.train:
        reward = step.args.get("reward")
        if isinstance(reward, Mapping):
            judge = judges.get(str(reward.get("judge")))
            for by in (reward.get("arm"), judge.args.get("arm") if judge is not None else None):
                if by is not None:
                    yield str(by)


def _circle(ways: Mapping[str, set[str]], way: list[str]) -> list[str] | None:
    """Return the way from an arm back to itself, None if there is none."""
    for other in sorted(ways.get(way[-1], ())):
        if other == way[0]:
            return [*way, other]
        if other not in way and (found := _circle(ways, [*way, other])) is not None:
            return found
    return None
