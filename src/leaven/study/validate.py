"""Find everything wrong with a study at once: each problem with its place, its value and a remedy."""

from __future__ import annotations

import itertools
import typing
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leaven.errors import Problem, did_you_mean
from leaven.registry import FORMATS, TRAINERS, TREATMENTS, Declared, Plugin, Step
from leaven.study.asked import asked
from leaven.study.compare import Compare
from leaven.study.compared import compared
from leaven.study.composed import composed
from leaven.study.conditioned import by_labels, conditioned
from leaven.study.corpus import Attribute
from leaven.study.drawn import shown
from leaven.study.launched import launched
from leaven.study.load import Places, Steps
from leaven.study.made import factory
from leaven.study.matrix import ExpandedArm, expand_arm, treated_steps
from leaven.study.measured import makes, silent, suites
from leaven.study.own import OF_A_TRAINING, trainings_own
from leaven.study.problems import Check, fields, names_data
from leaven.study.selected import data
from leaven.study.spec import Arm, Data, Model, Shape
from leaven.study.taught import taught

# How a study was loaded is no part of what it declares.
_ENTRIES: dict[str, type[Declared]] = {"data": Data, "attributes": Attribute, "arms": Arm}
_FIELDS = {name: about for name, about in Shape.model_fields.items() if name not in ("profile", "settings")}


def problems(raw: Mapping[str, Any], places: Places) -> list[Problem]:
    """Return every problem of a raw study, in the order of the study's fields; empty if it is sound."""
    check = Check(places)
    parts = _parts(raw, check)
    arms = _expanded(parts, check)
    declared = raw.get("arms")
    check.unsound = frozenset(map(str, declared if isinstance(declared, Mapping) else ())) - {arm.stem for arm in arms}
    for look in (_names, data, _duplicate_arms, _steps_of_arms, composed, factory, taught, conditioned, asked, suites,
                 compared, shown):  # fmt: skip
        look(parts, arms, check)
    return check.found


# --- the fields, each in itself --------------------------------------------------------------------------------------


def _parts(raw: Mapping[str, Any], check: Check) -> dict[str, Any]:
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
        elif name in _ENTRIES:
            parts[name] = _entries(name, raw[name], check)
        else:
            _one(parts, name, raw[name], check)
    parts["swept names"] = _swept_names(raw.get("arms"))
    for name in ("data", "attributes"):  # with the unsound ones: one fault is said once
        parts[f"{name} names"] = list(raw[name]) if isinstance(raw.get(name), Mapping) else []
    return parts


def _swept_names(arms: Any) -> set[str]:
    """Return what arms sweep, the unsound ones too: one fault is said once."""
    declared = arms.values() if isinstance(arms, Mapping) else []
    sweeps = [arm.get("sweep") for arm in declared if isinstance(arm, Mapping)]
    return {str(name) for sweep in sweeps if isinstance(sweep, Mapping) for name in sweep}


def _one(parts: dict[str, Any], name: str, value: Any, check: Check) -> None:
    annotation = typing.get_type_hints(Shape, include_extras=True)[name]
    try:
        parts[name] = TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        check.take(error, (name,), fields(annotation))


def _entries(name: str, value: Any, check: Check) -> dict[str, Any]:
    """Validate the entries of ``data``, ``attributes`` or ``arms`` one by one; the sound ones are returned."""
    kind = _ENTRIES[name]
    if not isinstance(value, Mapping) or (not value and _FIELDS[name].is_required()):
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


def _expanded(parts: Mapping[str, Any], check: Check) -> list[ExpandedArm]:
    arms: list[ExpandedArm] = []
    for stem, arm in parts.get("arms", {}).items():
        for name, values in arm.sweep.items():
            if not values:
                check.say(("arms", stem, "sweep", name), "has no values", "list at least one")
        if "train" not in parts and arm.train is None and arm.compose is None:
            continue  # how it is trained is unsound, which was said: nobody knows what else is wrong with it
        try:
            arms.extend(expand_arm(stem, arm, parts.get("train") or []))
        except LookupError as error:
            check.say(("arms", stem), str(error.args[0]))
    return arms


# --- the fields, one against another ---------------------------------------------------------------------------------


def _names(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
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


def _duplicate_arms(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    for name, times in Counter(arm.name for arm in arms).items():
        if times > 1:
            stem = name.partition("@")[0]
            check.say(("arms", stem, "sweep"), f"{times} arms are called '{name}'", "values of a sweep must differ")


def _steps_of_arms(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
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
        _chain(arm, at, check)


def _model(parts: Mapping[str, Any], arm: ExpandedArm, check: Check) -> None:
    if "model" not in parts:
        return
    at: Steps = ("arms", arm.stem, "model") if arm.model else ("model",)
    try:
        model = Model(**{**parts["model"].model_dump(), **arm.model})
    except ValidationError as error:
        check.take(error, at, Model.model_fields)
        return
    _quantised(model, arm, at, check)
    if model.from_config and not arm.is_trained:
        said = f"'{arm.name}' is not trained, and weights are drawn for a training"
        check.say((*at, "from_config"), said, "give it a training, or take from_config out")
    elif model.from_config and arm.train and arm.train[0].args.get("peft"):
        said = f"'{arm.name}' trains an adapter over weights that nobody trained"
        check.say((*at, "from_config"), said, "train whole weights first, or take `peft` out")


def _quantised(model: Model, arm: ExpandedArm, at: Steps, check: Check) -> None:
    """Check that what is loaded in few bits has weights, and that an adapter is trained over them."""
    if not model.is_quantised:
        return
    place = (*at, "load_in_4bit" if model.load_in_4bit else "load_in_8bit")
    if model.from_config:
        check.say(place, "there are no weights to load in few bits", "take it out, or from_config")
    if any(not step.args.get("peft") for step in arm.train):
        said = f"'{arm.name}' trains whole weights, and weights of few bits cannot be trained"
        check.say(place, said, "train an adapter: give each step `peft`")


def _train_step(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: Check) -> None:
    plugin = check.plugin(TRAINERS, step, at, without=OF_A_TRAINING)
    if plugin is None:
        return
    if step.args.get("eval_data") is not None:
        _eval_data(parts, step, (*at, step.name, "eval_data"), check, plugin)
    names_data(parts, step.args.get("data"), (*at, step.name, "data"), check)
    if (look := plugin.traits.get("problems")) is not None and _is_sound(plugin, step):
        for inner, message, remedy in look(step.args):
            check.say((*at, step.name, *inner), message, remedy)
    name, place = step.args.get("data"), (*at, step.name, "data")
    reads, given = plugin.traits.get("reads", "examples"), makes(parts.get("data", {}), str(name))
    if silent(parts, name) and reads != "asked":
        check.say(place, f"'{name}' has prompts alone", "name data with answers")
    _chosen(parts, name, place, check)
    launched(parts, arm, step, check)
    if given is not None and given != reads and given not in _ALSO.get(reads, ()):
        said = f"{step.name} trains on {reads}, and the format of data '{name}' makes {given}"
        check.say(place, said, _REMEDIES.get(reads, "name demonstrations"))


def _is_sound(plugin: Plugin, step: Step) -> bool:
    """Say whether a training's own arguments are sound, each in itself: then they can be looked at together."""
    try:
        plugin.declare(trainings_own(step))
    except ValidationError:
        return False
    return True


def _eval_data(parts: Mapping[str, Any], step: Step, at: Steps, check: Check, plugin: Plugin) -> None:
    """Check that a trainer measures a held-out loss, on rows of a source that are like those it trains on."""
    name = step.args["eval_data"]
    if not plugin.traits.get("evaluates"):
        check.say(at, f"{step.name} measures no held-out loss", "take it out, and ask a suite `likelihood` of the arm")
        return
    names_data(parts, name, at, check)
    made = makes(parts.get("data", {}), str(name))
    data = parts.get("data", {}).get(str(name))
    texts = plugin.traits.get("reads") == "texts"
    fit = ("texts",) if texts else ("examples", "preferences")
    if (data is not None and data.made is not None) or made not in (None, *fit):
        said = f"'{name}' holds no {'texts' if texts else 'demonstrations'} of a source"
        check.say(at, said, "name data that is read from one")


def _chosen(parts: Mapping[str, Any], name: Any, at: Steps, check: Check) -> None:
    """Check that of a format with good and bad answers the study says which of them are trained on."""
    data = parts.get("data", {}).get(str(name))
    known = data is not None and data.format is not None and data.format.name in FORMATS.names()
    field = FORMATS.get(data.format.name).traits.get("choose") if known else None
    if field is not None and data.format.args.get(field) is None:
        said = f"'{name}' holds good and bad answers, and both would be learned"
        check.say(at, said, f"write `format: {{{data.format.name}: {{{field}: true}}}}`")


def _chain(arm: ExpandedArm, at: Steps, check: Check) -> None:
    """An adapter goes on being trained as it is: a later step of a chain declares the same one.

    A reward model is the end of a chain: no other training goes on from what only rates.
    """
    for index, step in enumerate(arm.train[:-1]):
        if step.name in TRAINERS.names() and TRAINERS.get(step.name).traits.get("makes") == "reward":
            where: Steps = (*at, "train", index) if arm.own_train else ("train", index)
            check.say(where, "a reward model is the end of a chain", "put `reward` last, in an arm of its own")
    adapters = [step.args.get("peft") for step in arm.train]
    for index, (before, now) in enumerate(itertools.pairwise(adapters), start=1):
        if before is not None and now != before:
            where = (*at, "train", index) if arm.own_train else ("train", index)
            check.say(where, "the step before trains an adapter, this one another", "repeat its `peft`: it goes on")


def _treat_step(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: Check) -> None:
    plugin = check.plugin(TREATMENTS, step, at, without=("at",))
    needs = plugin.traits.get("needs") if plugin else None
    try:
        treated = [arm.train[index] for index in treated_steps(step, arm)]
    except ValueError as error:
        check.say((*at, step.name, "at"), *error.args)
        return
    for name in {str(one.args.get("data")) for one in treated} & set(parts.get("data", {})):
        made = makes(parts["data"], name)
        if needs and made and made != needs:
            reason = f"{step.name} needs {needs}, and the format of data '{name}' makes {made}"
            check.say((*at, step.name), reason, _REMEDIES.get(needs, "name demonstrations"))
    if plugin is not None:
        by_labels(parts, step, plugin, at, check)


_ALSO = {"examples": ("preferences", "distillations"), "asked": ("examples", "preferences")}
_REMEDIES = {
    "preferences": "use a format with two answers to a prompt",
    "texts": "name data whose format makes texts, such as a corpus",
    "distillations": "name data that a teacher arm makes: `distilled: {arm: NAME, prompts: NAME}`",
    "asked": "name data with prompts",
}
