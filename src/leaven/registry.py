"""Name -> function; the signature is the schema.

What stands before ``*`` in a plug-in's signature flows (rows, texts, prompts, ...); what stands after ``*`` is
declared in the study. The keyword-only parameters become a pydantic model: that gives coercion, defaults, typo
errors and the canonical arguments of a key. A registry imports its room's modules at the first look-up, so adding a
file is the registration; other packages register by the entry-point group ``leaven``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_serializer,
    model_validator,
)

from leaven.errors import did_you_mean

Rate = Annotated[float, Field(ge=0, le=1)]  # a share of rows
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; write the text, or take it out")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a character (a lone surrogate); write the whole one")
    return text


OF_ALL: Final = "of_all"  # the type of an error that is of all arguments together, not of the one where it is found
Text = Annotated[str, Field(min_length=1), AfterValidator(_says_something)]  # a text to plant or to look for


Function = TypeVar("Function", bound=Callable[..., Any])


class Declared(BaseModel):
    """A set of declared arguments: no extras, no NaN, numbers are not booleans and booleans not numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _booleans_are_their_own(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        admitted = _leaves(cls.model_fields[info.field_name].annotation)
        if isinstance(value, bool) and bool not in admitted and Any not in admitted:
            raise ValueError(f"{str(value).lower()} is a truth value, something else is wanted here")
        if bool in admitted and value is not None and not isinstance(value, bool) and admitted <= {bool, type(None)}:
            raise ValueError("write true or false")
        return value


def _leaves(annotation: Any) -> set[Any]:
    """Return the plain types inside an annotation such as ``float | None`` or ``Annotated[int, ...]``."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return {type(value) for value in inner}
    return set().union(*map(_leaves, inner)) if inner else {annotation}


class Step(Declared):
    """One named plug-in with its declared arguments; in YAML ``name``, or ``{name: {argument: value}}``."""

    name: str
    args: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and isinstance(value.get("name"), str) and set(value) <= {"name", "args"}:
            return value  # from Python: Step(name=..., args=...)
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, args),) = value.items()
            if isinstance(args, Mapping) or args is None:
                return {"name": str(name), "args": dict(args or {})}
        raise ValueError("write one step as `name` or `{name: {argument: value}}`")

    @property
    def described(self) -> str:
        """The arguments in a few words."""
        return ", ".join(f"{name} {value}" for name, value in self.args.items())

    @model_serializer
    def _to_yaml(self) -> Any:
        return {self.name: self.args} if self.args else self.name


@dataclass(frozen=True)
class Plugin:
    """A registered function with its version and the schema of its declared arguments."""

    kind: str
    name: str
    function: Callable[..., Any]
    version: int
    schema: type[Declared]
    flows: tuple[str, ...]
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says(self) -> str:
        """The docstring's first line, without markup: what a plug-in is, for lists and reports."""
        return (self.function.__doc__ or "").strip().split("\n")[0].replace("`", "")

    @property
    def arguments(self) -> list[str]:
        """The declared arguments with their defaults, one a line."""
        fields = self.schema.model_fields.items()
        return [f"{name}: {'(needed)' if about.is_required() else _shown(about.default)}" for name, about in fields]

    def declare(self, args: Mapping[str, Any]) -> Declared:
        """Validate declared arguments; raises pydantic's ValidationError, which ``study`` turns into problems."""
        return self.schema.model_validate(dict(args))

    def canonical(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``{name, version, args}`` without defaults and circumstance: what enters a key."""
        around = set(self.traits.get("circumstance", ()))
        declared = self.declare(args).model_dump(mode="json", exclude_defaults=True, exclude=around)
        return {"name": self.name, "version": self.version, "args": declared}

    def circumstance(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that cannot change a result and so enter no key; defaults are left out."""
        fields, names = self.schema.model_fields, self.traits.get("circumstance", ())
        return {name: args[name] for name in names if name in args and args[name] != fields[name].default}

    def is_identity(self, args: Mapping[str, Any]) -> bool:
        """Say whether these arguments make the function a no-op, so that it can be left out of the graph."""
        declared, identity = self.declare(args), self.traits.get("identity", {})
        return bool(identity) and all(getattr(declared, name) == value for name, value in identity.items())

    def call(self, *flows: Any, args: Mapping[str, Any]) -> Any:
        """Call the function on what flows, with validated arguments (nested models stay models)."""
        declared = self.declare(args)
        return self.function(*flows, **{name: getattr(declared, name) for name in self.schema.model_fields})


def _shown(default: Any) -> Any:
    """Return a default as a study would write it."""
    return [_shown(one) for one in default] if isinstance(default, list) else getattr(default, "name", default)


class Registry:
    """All plug-ins of one kind; knows the room whose modules register them."""

    def __init__(self, kind: str, home: str, traits: tuple[str, ...] = ()):
        self.kind = kind
        self._home = home
        self._wanted = traits
        self._plugins: dict[str, Plugin] = {}
        self._loaded = False

    def register(self, *, version: int, **traits: Any) -> Callable[[Function], Function]:
        """Decorate a function. Raise ``version`` whenever its results change: it is part of every key.

        ``traits`` say what the signature cannot: a treatment's ``identity={"rate": 0.0}`` (the arguments that make it
        a no-op), a format's ``columns`` and ``makes``, a metric's ``better`` and ``unit`` (and its ``range``, where it
        has ends and is no share), and of any plug-in its ``circumstance=("report_to",)``: the names of declared
        arguments that cannot change the result.
        """

        def note(function: Function) -> Function:
            name = function.__name__
            known = self._plugins.get(name)
            if known and known.function.__module__ != function.__module__:
                raise ValueError(f"{self.kind} '{name}' is registered twice: {known.function.__module__}, "
                                 f"{function.__module__}")  # fmt: skip
            if lacking := [trait for trait in self._wanted if trait not in traits]:
                raise TypeError(f"{self.kind} '{name}' must say its {' and '.join(lacking)} in the decorator")
            flows, declared = signature_schema(function)
            if unknown := [
                argument for argument in traits.get("circumstance", ()) if argument not in declared.model_fields
            ]:
                raise TypeError(f"{self.kind} '{name}' has no argument {' or '.join(unknown)} to be circumstance")
            self._plugins[name] = Plugin(self.kind, name, function, version, declared, flows, traits)
            return function

        return note

    def get(self, name: str) -> Plugin:
        """Return a plug-in by name; raises KeyError whose text says what was probably meant."""
        self._load()
        if name not in self._plugins:
            raise KeyError(f"no {self.kind} is called '{name}'; {did_you_mean(name, self._plugins)}")
        return self._plugins[name]

    def names(self) -> list[str]:
        """Return the names of all plug-ins of this kind."""
        self._load()
        return sorted(self._plugins)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        home = importlib.import_module(self._home)
        for module in pkgutil.iter_modules(home.__path__, prefix=f"{self._home}."):
            if not module.ispkg:
                importlib.import_module(module.name)
        for entry in importlib.metadata.entry_points(group="leaven"):
            entry.load()


def signature_schema(function: Callable[..., Any]) -> tuple[tuple[str, ...], type[Declared]]:
    """Split a signature at ``*``: names that flow, and a pydantic model of the keyword-only parameters."""
    scope = vars(sys.modules[function.__module__])
    flows: list[str] = []
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            flows.append(name)
            continue
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        # Only declared annotations are evaluated: those that flow may name heavy types under TYPE_CHECKING.
        fields[name] = (_annotation(parameter.annotation, scope), default)
    model = create_model(function.__name__, __base__=Declared, __module__=function.__module__, **fields)
    return tuple(flows), model


def _annotation(annotation: Any, scope: dict[str, Any]) -> Any:
    if isinstance(annotation, str):
        return eval(annotation, scope)  # noqa: S307 - our own source, under `from __future__ import annotations`
    return annotation


FORMATS = Registry("format", "leaven.data", ("columns", "makes"))
TREATMENTS = Registry("treatment", "leaven.data.treatments")
TRAINERS = Registry("trainer", "leaven.train")
SUITES = Registry("suite", "leaven.evaluate")
METRICS = Registry("metric", "leaven.score")
WRAPS = Registry("wrap", "leaven.models.wraps")
JUDGES = Registry("judge", "leaven.score.judges")

format = FORMATS.register
treatment = TREATMENTS.register
trainer = TRAINERS.register
suite = SUITES.register
metric = METRICS.register
wrap = WRAPS.register
judge = JUDGES.register
