"""What is wrong with a study's attributes, with the tokens that its arms know, and with what they are asked with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leaven.errors import did_you_mean
from leaven.registry import SUITES, TRAINERS, TREATMENTS, WRAPS, Plugin, Step
from leaven.study.corpus import Attribute
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, asks
from leaven.study.one_value import one_value
from leaven.study.problems import Check

WITH = ("good", "each", "labels")  # how a suite may ask: with the good tokens, every combination, each row's own
_OF_A_TEXT, _WHOSE = ("texts",), "a text of a corpus has itself alone"  # what a scorer of texts is given


def conditioned(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check the attributes, each in itself and beside the others, and what arms and suites make of their tokens."""
    attributes: dict[str, Attribute] = parts.get("attributes") or {}
    owners: dict[str, str] = {}
    for name, one in attributes.items():
        if name.endswith("_by_labeller"):
            check.say(("attributes", name), "is what is measured by the scorer that labelled", "choose another name")
        _scorers(name, one, check)
        for token in filter(None, one.tokens):
            if (other := owners.setdefault(token, name)) != name:
                said = f"'{token}' is a token of '{other}' as well"
                check.say(("attributes", name, "tokens"), said, "give each attribute tokens of its own")
    for arm in arms:
        _one_order(arm, check)
        _snapshot(arm, check)
        _wraps(arm, attributes, check)
    for index, step in enumerate(parts.get("evaluate", [])):
        _asked(parts, step, ("evaluate", index, step.name), arms, check)


def _scorers(name: str, one: Attribute, check: Check) -> None:
    if one.metric is not None:
        one_value(one.metric, one.value, _OF_A_TEXT, ("attributes", name), check, whose=_WHOSE)
    if one.judge is not None and (one.judge.metric, one.judge.value) == (one.metric, one.value):
        said = "is the scorer that labelled, so it would judge itself"
        check.say(("attributes", name, "judge"), said, "name another metric, or take `judge` out")
    if one.judge is not None:
        at: Steps = ("attributes", name, "judge")
        one_value(one.judge.metric, one.judge.value, _OF_A_TEXT, at, check, whose=_WHOSE)


def by_labels(parts: Mapping[str, Any], step: Step, plugin: Plugin, at: Steps, check: Check) -> None:
    """Check that the attributes by which a treatment goes are the study's, each named once."""
    if not plugin.traits.get("labelled"):
        return
    known, names = parts["attributes names"], list(_names(step))
    for name in names:
        _known(name, known, (*at, step.name, "attributes"), check)
        if names.count(name) > 1:
            check.say((*at, step.name, "attributes"), f"'{name}' stands twice", "name each once")


def _known(name: Any, known: Sequence[str], at: Steps, check: Check) -> None:
    if name not in known:
        remedy = did_you_mean(str(name), known) if known else "declare it under `attributes`"
        check.say(at, f"there is no attribute called '{name}'", remedy)


def knows(arm: ExpandedArm) -> list[str]:
    """Return the attributes whose tokens an arm is trained with, in the order in which they are put."""
    names = [name for step in arm.treat if _puts_tokens(step) for name in step.args.get("attributes", [])]
    return list(dict.fromkeys(str(name) for name in names))


def _one_order(arm: ExpandedArm, check: Check) -> None:
    """Check that all trainings of an arm put the same tokens in the same order: so it is asked."""
    orders = [list(_names(step)) for step in arm.treat if _puts_tokens(step)]
    if any(order != orders[0] for order in orders[1:]):
        said = f"'{arm.name}' puts tokens in several orders: {'; '.join(', '.join(order) for order in orders)}"
        check.say(("arms", arm.stem, "treat"), said, "name the same attributes in each control_tokens")


def _puts_tokens(step: Step) -> bool:
    return step.name in TREATMENTS.names() and bool(TREATMENTS.get(step.name).traits.get("puts_tokens"))


def tokens(arm: ExpandedArm, attributes: Mapping[str, Attribute]) -> list[str]:
    """Return the control tokens that an arm is trained with."""
    known = (attributes[name] for name in knows(arm) if name in attributes)
    return [token for one in known for token in one.tokens if token is not None]


def _wraps(arm: ExpandedArm, attributes: Mapping[str, Attribute], check: Check) -> None:
    if any(name not in attributes for name in knows(arm)):
        return  # an unsound attribute was said already
    trained = tokens(arm, attributes)
    for index, step in enumerate(arm.wraps):
        at: Steps = ("arms", arm.stem, "wraps", index)
        if check.plugin(WRAPS, step, at) is None:
            continue
        _in_order(arm, step, attributes, (*at, step.name, "tokens"), check)
        wanted = step.args.get("tokens")
        for token in wanted if isinstance(wanted, list) else []:
            if token not in trained:
                said = f"'{arm.name}' is asked with {token}, which it was not trained with"
                remedy = did_you_mean(str(token), trained) if trained else "it knows no control token"
                check.say((*at, step.name, "tokens"), said, remedy)


def _in_front(arm: ExpandedArm) -> bool:
    """Say whether an arm puts control tokens in front of all that it is asked."""
    return any(step.name in WRAPS.names() and step.args.get("tokens") for step in arm.wraps)


def _in_order(arm: ExpandedArm, step: Step, attributes: Mapping[str, Attribute], at: Steps, check: Check) -> None:
    """Check that what is put in front stood so in training: at most one token of each attribute, in their order."""
    places = {token: place for place, name in enumerate(knows(arm)) if name in attributes
              for token in attributes[name].tokens}  # fmt: skip
    listed = step.args.get("tokens")
    asked = [places[token] for token in (listed if isinstance(listed, list) else []) if token in places]
    if asked != sorted(set(asked)):
        said = f"'{arm.name}' was trained with one token of each attribute, in the order {', '.join(knows(arm))}"
        check.say(at, said, "write them so")


def _snapshot(arm: ExpandedArm, check: Check) -> None:
    """Check that the last training leaves the snapshot at which an arm is measured."""
    if arm.snapshot is None:
        return
    at: Steps = ("arms", arm.stem, "snapshot")
    last = arm.train[-1] if arm.train else None
    kept = last.args.get("snapshots", []) if last is not None and last.name in TRAINERS.names() else []
    if arm.snapshot not in [float(one) for one in kept if isinstance(one, int | float)]:
        said = f"the last training of '{arm.name}' keeps no snapshot at epoch {arm.snapshot:g}"
        check.say(at, said, f"list it in the training's `snapshots`{f'; there are {kept}' if kept else ''}")


def _asked(parts: Mapping[str, Any], step: Step, at: Steps, arms: Sequence[ExpandedArm], check: Check) -> None:
    attributes: dict[str, Attribute] = parts.get("attributes") or {}
    plugin = SUITES.get(step.name) if step.name in SUITES.names() else None
    if plugin is None:
        return
    _asked_with(step, plugin, at, arms, check)
    for arm in arms if plugin.traits.get("own_prompts") else ():
        if _in_front(arm) and asks(step, arm):
            said = f"'{arm.name}' wraps its model, and {step.name} itself says what stands in front"
            check.say(at, said, "name the other arms in the suite's `arms: [...]`")
    if not plugin.traits.get("conditioned"):
        return
    for name in _names(step):
        _known(name, parts["attributes names"], (*at, "attributes"), check)
        if name in attributes and attributes[name].metric is None and attributes[name].judge is None:
            said = f"'{name}' is a column of the source, which says nothing of what a model writes"
            check.say(("attributes", name), said, "give it a `judge`: a metric and thresholds")
    if arms and not check.unsound and not any(knows(arm) for arm in arms if asks(step, arm)):
        check.say(at, "no arm that it asks is trained with control tokens", "treat one by `control_tokens`")


def _names(step: Step) -> Iterator[str]:
    names = step.args.get("attributes")
    yield from (str(name) for name in (names if isinstance(names, list) else []))


def _asked_with(step: Step, plugin: Plugin, at: Steps, arms: Sequence[ExpandedArm], check: Check) -> None:
    """Check a suite's ``control``: with which tokens arms are asked that know some."""
    how = step.args.get("control")
    if how is None:
        return
    allowed = plugin.traits.get("with_tokens", ())
    if how not in allowed:
        listed = ", ".join(allowed) if allowed else "none: it is asked as it is"
        check.say((*at, "control"), f"{how!r} is no way to ask {plugin.name}", f"there is {listed}")
    elif arms and not check.unsound and not any(knows(arm) for arm in arms if asks(step, arm)):
        check.say((*at, "control"), "no arm that it asks is trained with control tokens", "take it out")
