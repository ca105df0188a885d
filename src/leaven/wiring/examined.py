"""The base that trainings begin with -> a stage that examines it; no training rests on it, so it changes no key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from leaven import needs
from leaven.graph import EXAMINED, WiredCell
from leaven.models import ref
from leaven.registry import TRAINERS
from leaven.study.matrix import Cell
from leaven.study.own import trainings_own
from leaven.wiring.sourcing import stage

_ROWS = (
    "lm_head",
    "embed_out",
    "embed_tokens",
    "wte",
    "word_embeddings",
    "embed_in",
)  # modules that have a row a token


def examine(made: WiredCell, base: ref.Base) -> None:
    """What the doctor says of a run's base: one stage for all runs that train it in the same way.

    What does not touch a finding stays out of its key: precision, template, and the control tokens of an arm. A reward
    model gives no answers, so how its base ends them is nothing to it.
    """
    cell = made.cell
    if any(TRAINERS.get(step.name).traits.get("makes") == "reward" for step in cell.arm.train):
        return
    exact: dict[str, Any] = {one.name: one.default for one in fields(base) if one.name in ref.QUANTISES}
    bare = replace(base, dtype="float32", attn_implementation=None, chat_template=None, added_tokens=(), **exact)
    args = {"model": bare.as_args(), "trains": _trains(cell)}
    made.stages[EXAMINED] = stage(EXAMINED, args, {}, needs.reading(base), together="data", where=cell.arm.name)


def _trains(cell: Cell) -> str:
    """Say whether any training of a run can move a token's row: "whole", or "adapter" where none can."""
    settings = (TRAINERS.get(step.name).declare(trainings_own(step)).model_dump() for step in cell.arm.train)
    return "adapter" if all(_leaves_rows(one.get("peft")) for one in settings) else "whole"


def _leaves_rows(peft: Mapping[str, Any] | None) -> bool:
    """Say whether an adapter leaves the rows of tokens as they are: it does unless it names their modules itself."""
    if peft is None:
        return False
    targets = peft["target_modules"]
    named = " ".join([targets] if isinstance(targets, str) else targets)
    return not any(name in named for name in _ROWS)
