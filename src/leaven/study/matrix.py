"""Arms x sweep x seeds -> cells; pure. A cell is one training run."""

from __future__ import annotations

import copy
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.errors import did_you_mean
from leaven.registry import Step
from leaven.study.compose import Compose
from leaven.study.names import Scalar
from leaven.study.spec import Arm, Study

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


@dataclass(frozen=True)
class ExpandedArm:
    """One arm after its sweep: every ``${name}`` has its value. ``at`` is where it stands in the study."""

    name: str
    stem: str
    replicate: int
    treat: list[Step]
    train: list[Step]
    model: dict[str, Any]
    params: dict[str, Scalar] = field(default_factory=dict)
    own_train: bool = False  # the arm declares its own training
    wraps: list[Step] = field(default_factory=list)
    snapshot: float | None = None  # the epoch of its last training at which it is measured
    generation: dict[str, Any] = field(default_factory=dict)  # how it samples, over what a suite says
    compose: Compose | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it answers by what was trained, for itself or by others: then it has a run for each seed."""
        return bool(self.train) or self.compose is not None

    def dose(self, name: str | None) -> float | None:
        """Return the arm's value of the dose parameter, None if it has none or it is no number."""
        value = self.params.get(name) if name else None
        return None if isinstance(value, bool | str) or value is None else float(value)


def treated_steps(treatment: Step, arm: ExpandedArm) -> list[int]:
    """Return which of the arm's training steps a treatment alters the data of: ``at``, or the only one.

    Raises ValueError with what is wrong and the remedy.
    """
    steps, declared = range(len(arm.train)), treatment.args.get("at")
    if declared is None:
        if len(steps) > 1:
            raise ValueError(f"does not say which of {len(steps)} training steps it treats", "write at: 0, or [0, 1]")
        return list(steps)
    listed = declared if isinstance(declared, list) else [declared]
    if not listed or any(type(one) is not int or one not in steps for one in listed):
        raise ValueError(f"{declared!r} names no training steps; there are {len(steps)}", "they count from 0")
    return sorted(set(listed))


def asks(suite: Step, arm: ExpandedArm) -> bool:
    """Say whether a suite asks an arm: all of them, unless it names arms, or the stems of their sweeps."""
    asked = suite.args.get("arms")
    return asked is None or not {arm.name, arm.stem}.isdisjoint(asked)


def baselines(arms: Sequence[ExpandedArm], to: str | Mapping[str, Scalar]) -> dict[str, str]:
    """Return arm -> the arm it is compared with; baselines themselves, and arms that have none, are left out.

    ``to`` is one baseline for all; or what the arms of a sweep are called without their values: then an arm's baseline
    is the one of these that has its values; or values of swept parameters: then an arm's baseline has these values and
    is equal in stem and in every other parameter.
    """
    names = {arm.name for arm in arms}
    if isinstance(to, str):
        if to in names:
            return {arm.name: to for arm in arms if arm.name != to}
        beside = {arm.name: _beside(arm, to, arms) for arm in arms if arm.stem != to}
        return {name: other for name, other in beside.items() if other is not None}
    found = {}
    for arm in arms:
        wanted = arm_name(arm.stem, {**arm.params, **to}) if set(to) <= set(arm.params) else None
        if wanted in names and wanted != arm.name:
            found[arm.name] = str(wanted)
        elif arm.replicate and (repeated := repeats(arm, arms)):
            found[arm.name] = repeated
    return found


def _beside(arm: ExpandedArm, stem: str, arms: Sequence[ExpandedArm]) -> str | None:
    """Return the arm of a sweep that has an arm's values of all that the sweep varies."""
    others = (other for other in arms if other.stem == stem)
    return next((other.name for other in others if other.params.items() <= arm.params.items()), None)


def repeats(arm: ExpandedArm, arms: Sequence[ExpandedArm]) -> str | None:
    """Return the arm that a replicate repeats: equal in everything but ``replicate``."""

    def same(other: ExpandedArm) -> bool:
        differing = ("treat", "train", "model", "wraps", "snapshot", "generation", "compose")
        return all(getattr(other, name) == getattr(arm, name) for name in differing)

    if not arm.replicate:
        return None
    return next((other.name for other in arms if not other.replicate and same(other)), None)


@dataclass(frozen=True)
class Cell:
    """One run of one arm. ``seed`` is null for an untrained arm, which has no run variance."""

    arm: ExpandedArm
    seed: int | None
    effective: int  # the seed of treatment, training and sampling; shifted for a replicate


def expand(study: Study) -> list[ExpandedArm]:
    """Return every arm of the study, sweeps unrolled, in the order of the file."""
    return [expanded for stem, arm in study.arms.items() for expanded in expand_arm(stem, arm, study.train)]


def expand_arm(stem: str, arm: Arm, train: list[Step]) -> Iterator[ExpandedArm]:
    """Yield an arm once per point of its sweep's grid; raises LookupError for an unknown ``${name}``."""
    for point in itertools.product(*arm.sweep.values()):
        params = dict(zip(arm.sweep, point, strict=True))
        yield ExpandedArm(
            name=arm_name(stem, params),
            stem=stem,
            replicate=arm.replicate,
            treat=[_filled(step, params) for step in arm.treat],
            train=[_filled(step, params) for step in _trainings(arm, train)],
            model=substitute(copy.deepcopy(arm.model), params),
            params=params,
            own_train=arm.train is not None,
            wraps=[_filled(step, params) for step in arm.wraps],
            snapshot=_epoch(substitute(arm.snapshot, params)),
            generation=substitute(copy.deepcopy(arm.generation), params),
            compose=arm.compose,
        )


def _trainings(arm: Arm, train: list[Step]) -> list[Step]:
    """Return an arm's own trainings, else the study's; what is composed of other arms is trained only if it says so."""
    if arm.train is not None:
        return arm.train
    return [] if arm.compose is not None else train


def arm_name(stem: str, params: Mapping[str, Scalar]) -> str:
    """Return ``stem@p=0.1,lr=0.01``, safe as a folder's name."""
    point = ",".join(f"{name}={_UNSAFE.sub('-', _short(value))}" for name, value in params.items())
    return f"{stem}@{point}" if point else stem


def _short(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def substitute(value: Any, params: Mapping[str, Scalar]) -> Any:
    """Replace a scalar that is exactly ``${name}`` by the typed value; raises LookupError for an unknown name."""
    if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
        name = match.group(1)
        if name not in params:
            raise LookupError(f"{value} is not in the arm's sweep; {did_you_mean(name, params)}")
        return params[name]
    if isinstance(value, Mapping):
        return {key: substitute(item, params) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, params) for item in value]
    return value


def _epoch(value: Any) -> float | None:
    """Return a snapshot's epoch; raises LookupError for what a sweep gave and is none."""
    if value is not None and (isinstance(value, bool | str) or value <= 0):
        raise LookupError(f"snapshot {value!r} is no epoch; write a number such as 0.5")
    return None if value is None else float(value)


def _filled(step: Step, params: Mapping[str, Scalar]) -> Step:
    return Step(name=step.name, args=substitute(step.args, params))


def cells(study: Study) -> list[Cell]:
    """Return one cell per trained arm and seed, and one per untrained arm."""
    return [cell for arm in expand(study) for cell in _cells(arm, study.seeds)]


def _cells(arm: ExpandedArm, seeds: list[int]) -> list[Cell]:
    if not arm.is_trained:
        return [Cell(arm, None, shifted(seeds[0], arm.replicate))]
    return [Cell(arm, seed, shifted(seed, arm.replicate)) for seed in seeds]


def shifted(seed: int, replicate: int) -> int:
    """Return the seed of a replicate: a new draw of everything random, the same for every arm with this replicate."""
    if not replicate:
        return seed
    digest = hashlib.sha256(f"replicate {replicate} of seed {seed}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
