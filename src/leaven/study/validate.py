"""Find everything wrong with a study at once: each problem with its place, its value and a remedy."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leaven.errors import Problem, did_you_mean
from leaven.registry import FORMATS, METRICS, SUITES, TRAINERS, TREATMENTS, Declared, Plugin, Registry, Step
from leaven.study.load import Places, Steps
from leaven.study.matrix import ExpandedArm, expand_arm
from leaven.study.spec import Arm, Compare, Data, Model, Shape

# How a study was loaded is no part of what it declares.
_FIELDS = {name: about for name, about in Shape.model_fields.items() if name not in ("profile", "settings")}


def problems(raw: Mapping[str, Any], places: Places) -> list[Problem]:
    """Return every problem of a raw study, in the order of the study's fields; empty if it is sound."""
    check = _Check(places)
    parts = _parts(raw, check)
    arms = _expanded(parts, check)
    for look in (_names, _data, _duplicate_arms, _steps_of_arms, _suites, _compare):
        look(parts, arms, check)
    return check.found


@dataclass
class _Check:
    """Collects problems; knows the places."""

    places: Places
    found: list[Problem] = field(default_factory=list)

    def say(self, steps: Steps, message: str, remedy: str = "") -> None:
        problem = Problem(self.places.of(steps), message, remedy)
        if problem not in self.found:
            self.found.append(problem)

    def take(self, error: ValidationError, steps: Steps, known: Mapping[str, Any], depth: int = 1) -> None:
        """Turn pydantic's errors into problems; ``known`` are the names allowed ``depth`` steps below."""
        for one in error.errors():
            place = (*steps, *(part for part in one["loc"] if part != "[key]"))
            self.say(place, *_wording(one, known if len(one["loc"]) == depth else {}))

    def plugin(self, registry: Registry, step: Step, steps: Steps, *, without: tuple[str, ...] = ()) -> Plugin | None:
        """Check a step's name and arguments against its registry; return the plug-in if it exists."""
        try:
            found = registry.get(step.name)
        except KeyError as error:
            self.say(steps, str(error.args[0]))
            return None
        args = {name: value for name, value in step.args.items() if name not in without}
        try:
            found.declare(args)
        except ValidationError as error:
            self.take(error, (*steps, step.name), found.schema.model_fields)
        return found


def _wording(error: Any, known: Mapping[str, Any]) -> tuple[str, str]:
    """Return message and remedy for one of pydantic's errors."""
    name, value = str(error["loc"][-1]) if error["loc"] else "", error.get("input")
    if error["type"] == "extra_forbidden":
        return f"there is no '{name}' here", did_you_mean(name, known) if known else ""
    if error["type"] == "missing":
        return "is missing", "it has no default"
    if error["type"] == "model_type":
        return f"{value!r} is no mapping of names to values", ""
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'}: {said}", ""


# --- the fields, each in itself --------------------------------------------------------------------------------------


def _parts(raw: Mapping[str, Any], check: _Check) -> dict[str, Any]:
    """Validate field by field, entry by entry, so that one fault hides no other."""
    parts: dict[str, Any] = {}
    for name in raw:
        if name not in _FIELDS:
            check.say((str(name),), f"there is no '{name}' in a study", did_you_mean(str(name), [*_FIELDS, "profiles"]))
    for name, about in _FIELDS.items():
        if name not in raw:
            if about.is_required():
                check.say((name,), "is missing", "every study has it")
            else:
                parts[name] = about.get_default(call_default_factory=True)
        elif name in ("data", "arms"):
            parts[name] = _entries(name, raw[name], check)
        else:
            _one(parts, name, raw[name], check)
    parts["swept names"] = _swept_names(raw.get("arms"))
    parts["data names"] = list(raw["data"]) if isinstance(raw.get("data"), Mapping) else []
    return parts


def _swept_names(arms: Any) -> set[str]:
    """Return what arms sweep, the unsound ones too: one fault is said once."""
    declared = arms.values() if isinstance(arms, Mapping) else []
    sweeps = [arm.get("sweep") for arm in declared if isinstance(arm, Mapping)]
    return {str(name) for sweep in sweeps if isinstance(sweep, Mapping) for name in sweep}


def _one(parts: dict[str, Any], name: str, value: Any, check: _Check) -> None:
    annotation = typing.get_type_hints(Shape, include_extras=True)[name]
    known = annotation.model_fields if isinstance(annotation, type) and issubclass(annotation, Declared) else {}
    try:
        parts[name] = TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        check.take(error, (name,), known)


def _entries(name: str, value: Any, check: _Check) -> dict[str, Any]:
    """Validate the entries of ``data`` or ``arms`` one by one; the sound ones are returned."""
    kind = Data if name == "data" else Arm
    if not isinstance(value, Mapping) or not value:
        check.say((name,), "must map at least one name to its declaration")
        return {}
    sound: dict[str, Any] = {}
    whole = typing.get_type_hints(Shape, include_extras=True)[name]
    for entry, declared in value.items():
        try:
            sound.update(TypeAdapter(whole).validate_python({entry: declared}))
        except ValidationError as error:
            check.take(error, (name,), kind.model_fields, depth=2)
    return sound


def _expanded(parts: Mapping[str, Any], check: _Check) -> list[ExpandedArm]:
    arms: list[ExpandedArm] = []
    for stem, arm in parts.get("arms", {}).items():
        for name, values in arm.sweep.items():
            if not values:
                check.say(("arms", stem, "sweep", name), "has no values", "list at least one")
        try:
            arms.extend(expand_arm(stem, arm, parts.get("train") or []))
        except LookupError as error:
            check.say(("arms", stem), str(error.args[0]))
    return arms


# --- the fields, one against another ---------------------------------------------------------------------------------


def _names(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    if parts.get("name") == "store":
        check.say(("name",), "'store' is where results lie in the workspace", "choose another name")
    for seed, times in Counter(parts.get("seeds", [])).items():
        if times > 1:
            check.say(
                ("seeds",), f"seed {seed} stands {times} times", "a repeated seed is no other run; name each once"
            )
    compare: Compare | None = parts.get("compare")
    for name, times in Counter(compare.primary if compare else []).items():
        if times > 1:
            check.say(("compare", "primary"), f"'{name}' stands {times} times", "name each outcome once")


def _data(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    declared: dict[str, Data] = parts.get("data", {})
    for name, data in declared.items():
        check.plugin(FORMATS, data.format, ("data", name, "format"))
        for index, other in enumerate(data.held_out_from):
            if other == name or other not in parts["data names"]:
                remedy = did_you_mean(other, set(parts["data names"]) - {name})
                check.say(("data", name, "held_out_from", index), f"'{other}' is no other data of this study", remedy)
            elif other in declared and declared[other].held_out_from:
                check.say(("data", name, "held_out_from", index), f"'{other}' is itself held out", "name training data")


def _duplicate_arms(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    for name, times in Counter(arm.name for arm in arms).items():
        if times > 1:
            stem = name.partition("@")[0]
            check.say(("arms", stem, "sweep"), f"{times} arms are called '{name}'", "values of a sweep must differ")


def _steps_of_arms(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    for arm in arms:
        at: Steps = ("arms", arm.stem)
        _model(parts, arm, check)
        for index, step in enumerate(arm.train):
            where = (*at, "train", index) if arm.own_train else ("train", index)
            _train_step(parts, arm, step, where, check)
        for index, step in enumerate(arm.treat):
            _treat_step(parts, arm, step, (*at, "treat", index), check)
        if arm.treat and not arm.train:
            check.say(at, f"'{arm.name}' treats data but trains on none", "give it a training step, or drop `treat`")


def _model(parts: Mapping[str, Any], arm: ExpandedArm, check: _Check) -> None:
    if not arm.model or "model" not in parts:
        return
    try:
        Model(**{**parts["model"].model_dump(), **arm.model})
    except ValidationError as error:
        check.take(error, ("arms", arm.stem, "model"), Model.model_fields)


def _train_step(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: _Check) -> None:
    plugin = check.plugin(TRAINERS, step, at, without=("data",))
    if plugin is None:
        return
    _names_data(parts, step.args.get("data"), (*at, step.name, "data"), check)
    if at[-1] != 0:
        check.say(at, "a second training step after the first is not there yet", "declare one training step")


def _names_data(parts: Mapping[str, Any], value: Any, at: Steps, check: _Check) -> None:
    declared = parts["data names"]  # with the unsound ones: one fault is said once
    if value is None:
        check.say(at, "is missing", f"name one of: {', '.join(declared)}")
    elif value not in declared:
        check.say(at, f"there is no data called '{value}'", did_you_mean(str(value), declared))


def _treat_step(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: _Check) -> None:
    plugin = check.plugin(TREATMENTS, step, at)
    needs = plugin.traits.get("needs") if plugin else None
    for data in {step.args.get("data") for step in arm.train} & set(parts.get("data", {})):
        made = _makes(parts["data"][data].format)
        if needs and made and made != needs:
            reason = f"{step.name} needs {needs}, and the format of data '{data}' makes {made}"
            check.say((*at, step.name), reason, "use a format with two answers to a prompt")


def _makes(format: Step) -> str | None:
    try:
        return typing.cast(str | None, FORMATS.get(format.name).traits.get("makes"))
    except KeyError:
        return None


def _suites(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    names: Counter[str] = Counter()
    for index, step in enumerate(parts.get("evaluate", [])):
        at: Steps = ("evaluate", index)
        plugin = check.plugin(SUITES, step, at)
        if plugin is None:
            continue
        _names_data(parts, step.args.get("prompts"), (*at, step.name, "prompts"), check)
        names[suite_name(step)] += 1
        if names[suite_name(step)] == 2:
            check.say(at, f"two suites are called '{suite_name(step)}'", "give one a `name`")
        _metrics(step, at, check)


def _metrics(suite: Step, at: Steps, check: _Check) -> None:
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
    """Return what a suite is called in the results: its ``name``, else that of its prompts."""
    return str(step.args.get("name") or step.args.get("prompts"))


def metric_values(metric: Step) -> tuple[str, ...]:
    """Return the names of the values a metric measures: ``rouge`` gives rouge1, rouge2, rougeL, rougeLsum."""
    return tuple(METRICS.get(metric.name).traits.get("values", (metric.name,)))


def _compare(parts: Mapping[str, Any], arms: list[ExpandedArm], check: _Check) -> None:
    compare: Compare | None = parts.get("compare")
    if compare is None:
        return
    names = [arm.name for arm in arms]
    if names and compare.to not in names:
        check.say(("compare", "to"), f"there is no arm called '{compare.to}'", did_you_mean(compare.to, names))
    params = {name for arm in arms for name in arm.params} | parts["swept names"]
    if compare.dose is not None and compare.dose not in params:
        check.say(("compare", "dose"), f"no arm sweeps '{compare.dose}'", did_you_mean(compare.dose, params))
    _measured(parts, compare, check)


def _measured(parts: Mapping[str, Any], compare: Compare, check: _Check) -> None:
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
    return known
