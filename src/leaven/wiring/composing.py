"""Adapters of several arms -> one artefact: beside each other, weighted, or merged into the base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from leaven import needs
from leaven.engine.stage import Stage
from leaven.graph import WiredCell
from leaven.models import ref
from leaven.study.matrix import Cell
from leaven.wiring.sourcing import Sourcing, stage
from leaven.wiring.training import where


def composition(sourcing: Sourcing, cell: Cell, base: ref.Base, of: Callable[[str, int], WiredCell]) -> Stage:
    """What an arm composes of the adapters that other arms of its seed trained."""
    declared, seed = cell.arm.compose, cell.seed
    assert declared is not None and seed is not None, "a composed arm has a run for each seed"
    parts = [of(part.arm, seed) for part in declared.parts]
    inputs = {f"adapter.{index}": part.artefact for index, part in enumerate(parts) if part.artefact is not None}
    assert len(inputs) == len(parts), "validated: each part trains an adapter"
    whole = replace(base, dtype="float32") if declared.merge else base  # adapters are added up in full precision
    takes, at = needs.answering(whole, sourcing.shape(whole)), where(cell)
    drawn = {"seed": cell.effective} if declared.combination_type.startswith("dare") else {}
    args: dict[str, Any] = {"model": base.as_args(), "how": declared.how, **drawn}
    if any(part.cell.arm.snapshot is not None for part in parts):
        args["snapshots"] = [part.cell.arm.snapshot for part in parts]
    inputs["encoded"] = inputs["adapter.0"].inputs["encoded"]  # rows of which its proof is told what it makes
    return stage("compose", args, inputs, takes, together=f"train {at}", where=at)
