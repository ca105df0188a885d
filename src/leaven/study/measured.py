"""What is wrong with what a study measures: suites, metrics, differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leaven.errors import LeavenError, did_you_mean
from leaven.registry import FORMATS, METRICS, SUITES, TRAINERS, Plugin, Step
from leaven.study.learnt import trained_on
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, asks
from leaven.study.own import suites_own
from leaven.study.problems import Check, names_data


def suites(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check each suite: its arguments, the data it reads, its metrics, its name."""
    names: Counter[str] = Counter()
    for index, step in enumerate(parts.get("evaluate", [])):
        at: Steps = ("evaluate", index)
        _arms(step, arms, (*at, step.name, "arms"), check)
        plugin = check.plugin(SUITES, step, at, without=("arms", "control"))
        if plugin is None:
            continue
        _reads(parts, step, plugin, at, check)
        _sought(parts, step, plugin, arms, at, check)
        _answerable(step, plugin, arms, at, check)
        for name in measured_values(step):
            names[name] += 1
            if names[name] == 2:
                check.say(at, f"two suites are called '{name}'", "give one a `name`")
        _metrics(step, at, check)


def _reads(parts: Mapping[str, Any], step: Step, plugin: Plugin, at: Steps, check: Check) -> None:
    """Check what a suite reads: data of the study, of the kind that it asks; others' results; or what it brings."""
    read = next((name for name in ("prompts", "data") if name in plugin.schema.model_fields), None)
    if read is not None and (read in step.args or plugin.schema.model_fields[read].is_required()):
        place = (*at, step.name, read)
        names_data(parts, step.args.get(read), place, check)
        _of_its_kind(parts, step.args.get(read), plugin, place, check)
        if read == "data" and silent(parts, step.args.get(read)):
            said = f"'{step.args[read]}' has prompts alone, and a likelihood is that of an answer"
            check.say(place, said, "name data with answers")
        if step.args.get("by") == "group" and not _trait(parts, step.args.get(read), "grouped", default=False):
            said = f"rows of '{step.args.get(read)}' do not say which group they belong to"
            check.say((*at, step.name, "by"), said, "write `by: length_difference`, or take it out")
    if read is not None:
        _flows(step, plugin, at, check)
    elif "minus" in plugin.schema.model_fields:
        _difference(parts, step, at, check)
    if (look := plugin.traits.get("problems")) is not None:
        for inner, message, remedy in look(suites_own(step)):
            check.say((*at, step.name, *inner), message, remedy)


def _sought(
    parts: Mapping[str, Any], step: Step, plugin: Plugin, arms: list[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check the data of the study in which a suite looks for what is in answers."""
    spans = ("of", "held_out") if {"of", "held_out"} <= set(plugin.schema.model_fields) else ()
    for role in (*spans, *plugin.traits.get("looks_in", ())):
        for name, where in _each(step.args.get(role), (*at, step.name, role)):
            names_data(parts, name, where, check)
            data = parts.get("data", {}).get(name) if isinstance(name, str) else None
            if data is not None and data.made is not None:
                said = f"'{name}' is made by this study, and differs from seed to seed"
                check.say(where, said, "name a source")
            elif data is not None and role in spans:
                trained_on(parts["data"], name, role, arms, where, check)


def _each(named: Any, at: Steps) -> list[tuple[Any, Steps]]:
    """Return each name of data with its place, where one is named or several are."""
    if isinstance(named, list):
        return [(name, (*at, place)) for place, name in enumerate(named)]
    return [(named, at)] if isinstance(named, str) else []


def _of_its_kind(parts: Mapping[str, Any], name: Any, plugin: Plugin, at: Steps, check: Check) -> None:
    reads, given = plugin.traits.get("reads"), makes(parts.get("data", {}), str(name))
    wanted = ("examples", "preferences", *plugin.traits.get("also", ())) if reads is None else (reads,)
    if given is not None and given not in wanted:
        said = f"{plugin.name} asks {' or '.join(wanted)}, and the format of data '{name}' makes {given}"
        check.say(at, said, "name data of another format")


def _answerable(step: Step, plugin: Plugin, arms: list[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that no reward model is asked to speak: it gives a text a number, and nothing else."""
    if plugin.traits.get("rates") or "minus" in plugin.schema.model_fields:
        return
    for arm in arms:
        if ends_as_reward(arm) and asks(step, arm):
            said = f"'{arm.name}' ends as a reward model, which {plugin.name} cannot ask: it only rates answers"
            check.say(at, said, "name the other arms in the suite's `arms: [...]`, and rate with `preferences`")


def ends_as_reward(arm: ExpandedArm) -> bool:
    """Say whether an arm's last training makes a reward model of it."""
    last = arm.train[-1].name if arm.train else ""
    return last in TRAINERS.names() and TRAINERS.get(last).traits.get("makes") == "reward"


def _arms(suite: Step, arms: list[ExpandedArm], at: Steps, check: Check) -> None:
    """Check that the arms that a suite asks are there: an arm's name, or that of all arms of its sweep."""
    asked, known = suite.args.get("arms"), {name for arm in arms for name in (arm.name, arm.stem)}
    if asked is None:
        return
    if not isinstance(asked, list) or not asked or not all(isinstance(name, str) for name in asked):
        check.say(at, f"{asked!r} is no list of arms", "write `arms: [NAME, NAME]`, or leave it out to ask all")
        return
    for name in asked:
        if arms and name not in known:
            check.no_arm(at, name, known)


def silent(parts: Mapping[str, Any], name: Any) -> bool:
    """Say whether data of the study has prompts without answers: nothing can be trained on it, or read of it."""
    return _trait(parts, name, "answers", default=True) is False


def _trait(parts: Mapping[str, Any], name: Any, trait: str, *, default: bool) -> bool:
    """Return what a data set's format says of its rows."""
    data: Any = parts.get("data", {}).get(name) if isinstance(name, str) else None
    known = data is not None and data.format is not None and data.format.name in FORMATS.names()
    return bool(FORMATS.get(data.format.name).traits.get(trait, default)) if known else default


_MADE = {
    "answers": "answers",
    "preferences": "preferences",
    "demonstrations": "examples",
    "unpaired": "labelled answers",
    "distilled": "distillations",
}


def makes(declared: Mapping[str, Any], name: str) -> str | None:
    """Return the kind of rows that a data set gives, None where that cannot be told."""
    data = declared.get(name)
    if data is not None and data.made is not None:
        return _MADE[data.made]
    formats = [declared[other].format for other in (data.mixture or {name} if data else ()) if other in declared]
    known = [one.name for one in formats if one is not None and one.name in FORMATS.names()]
    return str(FORMATS.get(known[0]).traits["makes"]) if known else None


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
    """Return the metrics that a suite declares, or those that it has unless told otherwise."""
    about = SUITES.get(suite.name).schema.model_fields.get("metrics") if suite.name in SUITES.names() else None
    default = [] if about is None or about.is_required() else about.default
    try:
        return TypeAdapter(list[Step]).validate_python(suite.args.get("metrics", default))
    except ValidationError:
        return []  # already reported with the suite's arguments


def suite_name(step: Step) -> str:
    """Return what a suite is called in the results: its ``name``, else that of the data it reads."""
    called = step.args.get("name") or step.args.get("prompts") or step.args.get("data")
    apart = f"{step.args['of']}-{step.args['minus']}" if {"of", "minus"} <= set(step.args) else step.name
    return str(called or apart)


def metric_values(metric: Step) -> tuple[str, ...]:
    """Return the names of the values a metric measures: ``rouge`` gives rouge1, rouge2, rougeL, rougeLsum."""
    return tuple(METRICS.get(metric.name).traits.get("values", (metric.name,)))


def better_of(name: str) -> str | None:
    """Return which way a value is better, None where no metric says; ``name`` may be ``suite/metric``."""
    value = name.rpartition("/")[2]
    plugins = (METRICS.get(metric) for metric in METRICS.names())
    found = (one for one in plugins if value in one.traits.get("values", (one.name,)))
    return next((one.traits.get("better") for one in found), None)


def measured_values(suite: Step) -> dict[str, list[str]]:
    """Return what a suite measures, by the name that it has in the results; empty where its arguments are wrong.

    A suite that brings measures of its own says so by ``measures``, or by ``measured`` where it has several names in
    the results; others measure their metrics' values.
    """
    try:
        made = SUITES.get(suite.name).call(args=suites_own(suite))
        measured = made.measured if hasattr(type(made), "measured") else _own_measures(made)
    except (KeyError, ValueError, LeavenError):
        return {}  # already reported with the suite's arguments
    if measured is not None:
        return {name: [one.name for one in measures if not one.beside] for name, measures in measured.items()}
    metrics = [metric for metric in _metric_steps(suite) if metric.name in METRICS.names()]
    values = [value for metric in metrics for value in metric_values(metric)]
    return {suite_name(suite): [*getattr(made, "values", ()), *values]}


def _own_measures(made: Any) -> dict[str, Any] | None:
    return {made.name: made.measures} if hasattr(made, "measures") else None


def known_values(suites: list[Step]) -> set[str]:
    """Return what a study measures, as `metric` and as `suite/metric`.

    Nothing where it cannot be told of a suite: that was said already, and what nothing measures is no second fault.
    """
    measured, known = [measured_values(suite) for suite in suites], set[str]()
    if not all(measured):
        return known
    for called, values in (pair for one in measured for pair in one.items()):
        known.update(values, (f"{called}/{value}" for value in values))
    named = {suite_name(suite): suite for suite in suites}
    for suite in suites:
        both = [named.get(str(suite.args.get(name))) for name in ("of", "minus")]
        if both[0] is not None and both[1] is not None:
            shared = [metric for metric in shared_metrics(both[0], both[1]) if metric.name in METRICS.names()]
            known.update(f"{suite_name(suite)}/{value}" for metric in shared for value in metric_values(metric))
    return known
