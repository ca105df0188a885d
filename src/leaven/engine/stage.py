"""A stage as data: a dotted path and JSON, so that any worker can run it, and so can you."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from leaven.engine.key import key

Verb = Callable[[dict[str, Any], dict[str, Path], Path], dict[str, Any] | None]


@dataclass(frozen=True)
class Needs:
    """Circumstance: what a stage needs to run. It is recorded, and it cannot reach the key.

    ``cores`` is the number of threads, None for all that one stage can be given; ``gpu`` says that the stage computes
    on a GPU where there is one, ``gpus`` whether on one of them or on all at once. ``memory_mb`` is the estimated peak
    of what it computes with (on the GPU if it has one, else in main memory), ``least_mb`` the part of it that is
    certain, ``weights_mb`` what passes through main memory in any case, ``knobs`` what would make it smaller. ``work``
    is how often each row is gone through: what another stage of the kind took is scaled by it.
    ``like`` names what its cost depends on and the work does not say (a model): only records of the same tell a cost.
    ``paths`` are inputs from outside the store (a model folder, a data file); their identity is in the arguments.
    ``around`` is what the verb is told beside its arguments, as ``args["around"]``: plain JSON that cannot change the
    result (where a training reports to, how a model is laid over GPUs).
    """

    cores: int | None = None
    gpu: bool = False
    gpus: Literal["one", "all"] = "one"
    memory_mb: int | None = None
    least_mb: int | None = None
    weights_mb: int = 0
    knobs: str = ""
    work: float = 1.0
    like: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)


class Addressed(Protocol):
    """What the store needs to know of a stage."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Address:
    """Where something lies in the store, for those who have no stage of it."""

    kind: str
    key: str
    title: str = ""


@dataclass(frozen=True)
class Task:
    """A stage as it travels to a worker: JSON alone, its inputs named by their addresses in the store."""

    kind: str
    key: str
    version: int
    verb: str
    args: dict[str, Any]
    inputs: dict[str, tuple[str, str]]  # name -> (kind, key)
    needs: dict[str, Any]
    title: str


@dataclass(frozen=True)
class Stage:
    """One step of a study: a verb, its arguments and the stages it reads.

    ``affinity`` names stages that gain from running in one process (the same model); stages without one run alone.
    ``title`` is for people. Neither is part of the key.
    """

    kind: str
    version: int
    verb: str  # "package.module:function"
    args: Mapping[str, Any]
    inputs: Mapping[str, Stage] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    affinity: str = ""
    title: str = ""

    @functools.cached_property
    def key(self) -> str:
        """The content address of this stage's result."""
        return key(self.kind, self.version, self.args, {name: stage.key for name, stage in self.inputs.items()})

    def task(self) -> Task:
        """Return what a worker needs to run this stage."""
        inputs = {name: (stage.kind, stage.key) for name, stage in self.inputs.items()}
        return Task(
            self.kind, self.key, self.version, self.verb, dict(self.args), inputs, asdict(self.needs), self.title
        )


def resolve(verb: str) -> Verb:
    """Import the function that a dotted path names."""
    module, _, name = verb.partition(":")
    function: Verb = getattr(importlib.import_module(module), name)
    return function


def closure(targets: Iterable[Stage]) -> list[Stage]:
    """Return the targets and all they rest on, each key once, inputs before what reads them."""
    ordered: dict[str, Stage] = {}
    below = [(target, iter(target.inputs.values())) for target in reversed(list(targets))]
    while below:
        stage, inputs = below[-1]
        source = None if stage.key in ordered else next((one for one in inputs if one.key not in ordered), None)
        if source is None:
            ordered.setdefault(stage.key, stage)
            below.pop()
        else:
            below.append((source, iter(source.inputs.values())))
    return list(ordered.values())
