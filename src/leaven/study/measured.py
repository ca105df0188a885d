"""What is wrong with what a study measures and compares: suites, metrics, differences, baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leaven.errors import did_you_mean
from leaven.registry import METRICS, SUITES, Plugin, Step
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, baselines
from leaven.study.problems import Check, names_data
from leaven.study.spec import Compare


def suites(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check each suite: its arguments, the data it reads, its metrics, its name."""
    names: Counter[str] = Counter()
    for index, step in enumerate(parts.get("evaluate", [])):
        at: Steps = ("evaluate", index)
        plugin = check.plugin(SUITES, step, at)
        if plugin is None:
            continue
        read = next((name for name in ("prompts", "data") if name in plugin.schema.model_fields), None)
        if read is None:
            _difference(parts, step, at, check)
        else:
            names_data(parts, step.args.get(read), (*at, step.name, read), check)
            if read == "data" and silent(parts, step.args.get(read)):
                said = f"'{step.args[read]}' has prompts alone, and a likelihood is that of an answer"
                check.say((*at, step.name, read), said, "name data with answers")
            _flows(step, plugin, at, check)
        names[suite_name(step)] += 1
        if names[suite_name(step)] == 2:
            check.say(at, f"two suites are called '{suite_name(step)}'", "give one a `name`")
        _metrics(step, at, check)


def silent(parts: Mapping[str, Any], name: Any) -> bool:
    """Say whether data of the study has prompts without answers: nothing can be trained on it, or read of it."""
    data = parts.get("data", {}).get(name)
    return bool(data and data.format and data.format.name == "text")


def _difference(parts: Mapping[str, Any], step: Step, at: Steps, check: Check) -> None:
    """Check that a difference of two suites names two others that measure the same."""
    others = {suite_name(other): other for other in parts.get("evaluate", []) if other is not step}
    both = [others.get(str(step.args.get(name))) for name in ("of", "minus")]
    for name, found in zip(("of", "minus"), both, strict=True):
        if found is None and name in step.args:
            said = f"there is no suite called '{step.args[name]}'"
            check.say((*at, step.name, name), said, did_you_mean(str(step.args[name]), others))
    if both[0] is not None and both[0] is both[1]:
        check.say(at, f"'{step.args['of']}' minus itself is 0", "name the suite without what is planted as `minus`")
    elif both[0] is not None and both[1] is not None:
        _alike(both[0], both[1], at, check)


_MAY_DIFFER = {"plant", "name", "metrics"}  # or a difference would be of more than what is planted


def _alike(one: Step, other: Step, at: Steps, check: Check) -> None:
    """Check that two suites differ in what is planted alone, and measure something in the same way."""
    apart = {name for name in {*one.args, *other.args} - _MAY_DIFFER if one.args.get(name) != other.args.get(name)}
    apart |= {"kind"} if one.name != other.name else set()
    if apart:
        said = f"its two suites differ in {', '.join(sorted(apart))}: it would measure more than what is planted"
        check.say(at, said, "let them differ in `plant` alone")
    if not shared_metrics(one, other):
        check.say(at, "its two suites measure nothing in the same way", "give both the same metrics")


def shared_metrics(one: Step, other: Step) -> list[Step]:
    """Return the metrics that two suites measure with the same arguments."""
    theirs = _metric_steps(other)
    return [metric for metric in _metric_steps(one) if metric in theirs]


def _flows(suite: Step, plugin: Plugin, at: Steps, check: Check) -> None:
    """Check that a suite has what its metrics read: no perplexity of answers, no toxicity of likelihoods."""
    given = set(plugin.traits.get("gives", ()))
    for index, metric in enumerate(_metric_steps(suite)):
        lacking = set(METRICS.get(metric.name).flows) - given if metric.name in METRICS.names() else set()
        if lacking:
            others = [name for name in SUITES.names() if lacking <= set(SUITES.get(name).traits.get("gives", ()))]
            said = f"{metric.name} reads {', '.join(sorted(lacking))}, which a suite `{suite.name}` does not give"
            check.say((*at, suite.name, "metrics", index), said, f"measure it in a suite `{' or '.join(others)}`")


def _metrics(suite: Step, at: Steps, check: Check) -> None:
    values: Counter[str] = Counter()
    for index, metric in enumerate(_metric_steps(suite)):
        where = (*at, suite.name, "metrics", index)
        if check.plugin(METRICS, metric, where) is not None:
            values.update(metric_values(metric))
            for name in metric_values(metric):
                if values[name] == 2:
                    check.say(where, f"two metrics measure '{name}'", "put the second in a suite of its own")


def _metric_steps(suite: Step) -> list[Step]:
    try:
        return TypeAdapter(list[Step]).validate_python(suite.args.get("metrics", []))
    except ValidationError:
        return []  # already reported with the suite's arguments


def suite_name(step: Step) -> str:
    """Return what a suite is called in the results: its ``name``, else that of the data it reads."""
    called = step.args.get("name") or step.args.get("prompts") or step.args.get("data")
    return str(called or f"{step.args.get('of')}-{step.args.get('minus')}")


def metric_values(metric: Step) -> tuple[str, ...]:
    """Return the names of the values a metric measures: ``rouge`` gives rouge1, rouge2, rougeL, rougeLsum."""
    return tuple(METRICS.get(metric.name).traits.get("values", (metric.name,)))


def compared(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that what is compared is there: the baseline, the dose, what carries the answer."""
    compare: Compare | None = parts.get("compare")
    if compare is None:
        return
    _baseline(compare, arms, check)
    params = {name for arm in arms for name in arm.params} | parts["swept names"]
    if compare.dose is not None and compare.dose not in params:
        check.say(("compare", "dose"), f"no arm sweeps '{compare.dose}'", did_you_mean(compare.dose, params))
    _measured(parts, compare, check)


def _baseline(compare: Compare, arms: list[ExpandedArm], check: Check) -> None:
    names = [arm.name for arm in arms]
    if isinstance(compare.to, str):
        if names and compare.to not in names:
            check.say(("compare", "to"), f"there is no arm called '{compare.to}'", did_you_mean(compare.to, names))
    elif arms and not baselines(arms, compare.to):
        said = f"no arm has {', '.join(f'{name}={value}' for name, value in compare.to.items())} beside other values"
        check.say(("compare", "to"), said, "name swept parameters and one of their values each, such as {p: 0}")
    else:
        _siblings(compare.to, arms, check)


def _siblings(to: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that each sweep of the named parameters has the values that make a baseline."""
    found = baselines(arms, to)
    for arm in arms:
        alone = set(to) <= set(arm.params) and arm.name not in found and arm.name not in found.values()
        if alone and not arm.replicate:
            said = f"'{arm.name}' has no sibling with {', '.join(f'{name}={value}' for name, value in to.items())}"
            check.say(("arms", arm.stem, "sweep"), said, "add that value to its sweep, or it is compared with none")


def _measured(parts: Mapping[str, Any], compare: Compare, check: Check) -> None:
    known = _known_values(parts.get("evaluate", []))
    listed: list[tuple[Steps, str]] = [(("primary", index), name) for index, name in enumerate(compare.primary)]
    for steps, name in [*listed, *((("margin", name), name) for name in compare.margin)]:
        if known and name not in known:
            check.say(("compare", *steps), f"nothing measures '{name}'", did_you_mean(name, known))


def _known_values(suites: list[Step]) -> set[str]:
    known: set[str] = set()
    for suite in suites:
        for metric in _metric_steps(suite):
            if metric.name in METRICS.names():
                values = metric_values(metric)
                known.update(values, (f"{suite_name(suite)}/{value}" for value in values))
    named = {suite_name(suite): suite for suite in suites}
    for suite in suites:
        both = [named.get(str(suite.args.get(name))) for name in ("of", "minus")]
        if both[0] is not None and both[1] is not None:
            shared = [metric for metric in shared_metrics(both[0], both[1]) if metric.name in METRICS.names()]
            known.update(f"{suite_name(suite)}/{value}" for metric in shared for value in metric_values(metric))
    return known
