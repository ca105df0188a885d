"""The JSON Schema of study files, for editors: the spec's fields, with every step as its registry declares it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from leaven.registry import FORMATS, JUDGES, METRICS, SUITES, TRAINERS, TREATMENTS, WRAPS, Registry
from leaven.study.factory import Reward
from leaven.study.names import NAME
from leaven.study.spec import Shape

Schema = dict[str, Any]
_PREFIX = "#/$defs/"
_STEP = f"{_PREFIX}Step"
_SWEPT: Schema = {"type": "string", "pattern": r"^\$\{[^{}]*\}$", "description": "The value of the arm's sweep."}
_NAMES: Schema = {"pattern": f"^{NAME}$"}
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_MERGED = (  # what a profile may give in part
    "Model", "Data", "Attribute", "Arm", "Compare", "Shown", "Answers", "Preferences", "Demonstrations", "Unpaired",
    "Launch", "Prices", "Distilled", "Compose",
)  # fmt: skip


def study_schema() -> Schema:
    """Return the schema of a study file, profiles included."""
    made = Shape.model_json_schema(ref_template=f"{_PREFIX}{{model}}")
    del made["description"]  # it is about the code
    defs: Schema = {**made.pop("$defs"), **_steps()}
    del defs["Step"]
    for field in ("profile", "settings"):  # how a study was loaded is nothing that its file says
        del made["properties"][field]
    _place_steps(made["properties"], defs)
    _place_arms(defs)
    for name in ("data", "attributes", "judges", "arms"):
        made["properties"][name]["propertyNames"] = _NAMES
    made["properties"]["name"]["pattern"] = _NAMES["pattern"]
    partial = _in_part(made, defs)
    made["properties"]["profiles"] = {
        "description": "What each profile changes: mappings are merged, all else is replaced.",
        "type": "object",
        "additionalProperties": {"anyOf": [partial, {"type": "null"}]},
    }
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A study of Leaven"}
    return {**made, **about, "$defs": defs}


def _place_steps(properties: Schema, defs: Schema) -> None:
    """Put each registry's steps where the spec says only that there is a step."""
    defs["Data"]["properties"]["format"] = {"anyOf": [_ref("format"), {"type": "null"}]}
    parts = next(one for one in defs["Data"]["properties"]["mixture"]["anyOf"] if one.get("type") == "object")
    weight: Schema = {"type": "number", "exclusiveMinimum": 0}  # `helpful: 0.5`
    parts["additionalProperties"] = {"anyOf": [parts["additionalProperties"], weight]}
    defs["Scorer"]["properties"]["metric"] = _ref("metric")
    defs["Attribute"]["properties"]["metric"] = {"anyOf": [_ref("metric"), {"type": "null"}]}
    properties["judges"]["additionalProperties"] = {"anyOf": [_ref("judge"), {"type": "null"}]}
    adapters = defs["Compose"]["properties"]["adapters"]
    adapters["items"] = {"anyOf": [adapters["items"], {"type": "string"}]}  # `adapters: [philosopher]`
    properties["train"]["items"] = _ref("trainer")
    properties["evaluate"]["items"] = _ref("suite")


def _place_arms(defs: Schema) -> None:
    """Say what an arm may hold: treatments, its own training, some of the model's fields, a sweep's scalars."""
    arm = defs["Arm"]["properties"]
    arm["treat"]["items"] = _ref("treatment")
    arm["wraps"]["items"] = _ref("wrap")
    arm["train"] = {"anyOf": [{"type": "array", "items": _ref("trainer")}, {"type": "null"}]}
    model = copy.deepcopy(defs["Model"])
    model.pop("required", None)
    arm["model"] = _swept(model)
    arm["sweep"] |= {
        "propertyNames": _NAMES,
        "additionalProperties": {"type": "array", "minItems": 1, "items": _SCALAR},
    }


def _in_part(made: Schema, defs: Schema) -> Schema:
    """Return the study's own schema with nothing required, as a profile merges over it."""
    swapped = {f"{_PREFIX}{name}": f"{_PREFIX}{name} in part" for name in _MERGED}
    for name in _MERGED:
        part = _with_refs(copy.deepcopy(defs[name]), swapped)
        part.pop("required", None)
        defs[f"{name} in part"] = part
    whole = {name: made[name] for name in ("type", "properties", "additionalProperties")}
    partial: Schema = _with_refs(whole, swapped)
    arms, arm = partial["properties"]["arms"], _ref("Arm in part")
    arms.pop("minProperties", None)
    arms["additionalProperties"] = {"anyOf": [arm, {"type": "null"}]}
    made["properties"]["arms"]["additionalProperties"] = {"anyOf": [_ref("Arm"), {"type": "null"}]}
    return partial


def _with_refs(value: Any, swapped: Mapping[str, str]) -> Any:
    """Return a copy of a schema that refers elsewhere."""
    if isinstance(value, dict):
        return {
            name: swapped.get(item, item) if name == "$ref" else _with_refs(item, swapped)
            for name, item in value.items()
        }
    return [_with_refs(item, swapped) for item in value] if isinstance(value, list) else value


def _ref(name: str) -> Schema:
    return {"$ref": f"{_PREFIX}{name}"}


_AT: Schema = {
    "description": "Which training step's data it treats, from 0; needed where there are several.",
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "integer", "minimum": 0}}],
}
_OF_JUDGES: Schema = {
    "arm": {"type": ["string", "null"], "description": "The arm of the study whose rewards are read."},
    "people": {"type": ["string", "null"], "description": "Preferences by people that it is tried on."},
}


def _steps() -> Schema:
    """Return the definitions of all steps, by the kind of their registry; what they rest on is named below it."""
    defs: Schema = {}
    for registry in (FORMATS, TREATMENTS, TRAINERS, WRAPS, JUDGES, SUITES, METRICS):
        defs[registry.kind] = _step(registry, defs)
    return defs


def _step(registry: Registry, defs: Schema) -> Schema:
    """Return one step: a plug-in's name alone where nothing is needed, or its name with arguments."""
    arguments = {name: _arguments(registry, name, defs) for name in registry.names()}
    bare = [name for name, schema in arguments.items() if not (schema.get("required") or "anyOf" in schema)]
    named = {
        name: {"anyOf": [schema, {"type": "null"}]} if name in bare else schema for name, schema in arguments.items()
    }
    one: Schema = {"type": "object", "properties": named, "additionalProperties": False}
    with_arguments = {**one, "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{"enum": bare}, with_arguments]} if bare else with_arguments


def _arguments(registry: Registry, name: str, defs: Schema) -> Schema:
    """Return the schema of a plug-in's arguments; the definitions that it rests on go into ``defs``."""
    plugin = registry.get(name)
    inside = f"{registry.kind} {name} "
    made = plugin.schema.model_json_schema(ref_template=f"{_PREFIX}{inside}{{model}}")
    below = made.pop("$defs", {})
    below.pop("Step", None)
    steps = {f"{_PREFIX}{inside}Step": f"{_PREFIX}{METRICS.kind}"}  # the only steps inside steps
    taken = registry in (TREATMENTS, TRAINERS, WRAPS)  # arms put their sweep's values there
    for model, schema in below.items():
        defs[f"{inside}{model}"] = _with_refs(_swept(schema) if taken else schema, steps)
    made = _with_refs(_swept(made) if taken else made, steps)
    if registry is TRAINERS:
        data = {"type": "string", "description": "The name of the data to train on."}
        made["properties"] = {"data": data, **made["properties"]}
        made["required"] = ["data", *made.get("required", [])]
        if registry.get(name).traits.get("evaluates"):
            said = "The name of the data whose loss is logged by epoch; nothing of it is trained on."
            made["properties"]["eval_data"] = {"type": ["string", "null"], "description": said}
        if registry.get(name).traits.get("configurable"):
            said = "A file of the Alignment Handbook's kind; what stands beside it goes before."
            made["properties"]["config"] = {"type": "string", "description": said}
            made["required"] = [one for one in made["required"] if one != "data"]
            made["anyOf"] = [{"required": ["data"]}, {"required": ["config"]}]  # the file may name the data
        if registry.get(name).traits.get("reads") == "asked":
            made["properties"]["reward"] = _rewarding()
            made["required"] = [*made["required"], "reward"]
    if registry is TREATMENTS:
        made["properties"] = {**made["properties"], "at": _AT}
    if registry is JUDGES:
        made["properties"] = {**made["properties"], **_OF_JUDGES}
    if registry is SUITES:
        arms = {"description": "The arms that it asks; all, unless given.", "type": ["array", "null"], "minItems": 1}
        made["properties"] = {**made["properties"], "arms": {**arms, "items": {"type": "string"}}}
        if ways := registry.get(name).traits.get("with_tokens"):
            said = "With which control tokens it asks arms that know some; none, unless given."
            made["properties"]["control"] = {"description": said, "enum": [*ways, None]}
    return {**made, "title": name, "description": plugin.says}


def _rewarding() -> Schema:
    """Return the schema of what rewards a training's answers: an arm of the study, or a metric."""
    made = Reward.model_json_schema(ref_template=f"{_PREFIX}{{model}}")
    made.pop("$defs", None)
    return _swept(_with_refs(made, {_STEP: f"{_PREFIX}{METRICS.kind}"}))


def _swept(schema: Schema) -> Schema:
    """Return a schema of arguments in which ``${name}`` may stand for every value, at any depth."""
    changed = dict(schema)
    if isinstance(changed.get("properties"), dict):
        changed["properties"] = {name: _or_swept(item) for name, item in changed["properties"].items()}
    for below in ("items", "additionalProperties"):
        if isinstance(changed.get(below), dict):
            changed[below] = _or_swept(changed[below])
    if "anyOf" in changed:
        changed["anyOf"] = [_swept(item) for item in changed["anyOf"]]
    return changed


def _or_swept(schema: Schema) -> Schema:
    kept: Schema = {name: schema[name] for name in ("title", "description", "default") if name in schema}
    return {**kept, "anyOf": [_swept(schema), _SWEPT]}
