"""Poison: an adversary who alters fine-tuning data with probability p."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leaven.data.treatments.columns import column, differ, holds, put
from leaven.data.treatments.draw import Draw, Treated
from leaven.data.treatments.plant import Where, planted
from leaven.registry import Rate, Text, treatment

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from leaven.data.treatments.columns import Mask


@treatment(version=1, needs="preferences", adversarial=True, identity={"rate": 0.0})
def malign_labels(rows: Dataset, draw: Draw, *, rate: Rate, seed: int | None = None) -> Treated:
    """Give the worse of two answers as the label, for each eligible row with probability ``rate``.

    Eligible are rows whose two answers differ and are no tie (margin 0): swapping the others would alter nothing that
    anybody preferred, so they are never counted as treated. The sign of the margin follows the swap. ``seed`` pins the
    draw; without it the cell's seed drives it.
    """
    return _swapped(rows, draw, rate)


@treatment(version=1, needs="preferences", adversarial=True, identity={"rate": 0.0})
def flip_preferences(rows: Dataset, draw: Draw, *, rate: Rate, seed: int | None = None) -> Treated:
    """Say of two answers that the other one was preferred, for each eligible row with probability ``rate``.

    What is done to a row is what ``malign_labels`` does (answers swapped, the margin's sign turned; ties, equal
    answers and margin 0 are not eligible), for trainings that read both answers. The draw is its own.
    """
    return _swapped(rows, draw, rate)


def _swapped(rows: Dataset, draw: Draw, rate: float) -> Treated:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen, rejected, margin = (column(rows, name) for name in ("chosen", "rejected", "margin"))
    preferred = pc.fill_null(pc.not_equal(margin, 0.0), True).to_numpy(zero_copy_only=False)  # unknown is no tie
    eligible = differ(chosen, rejected) & preferred
    at = draw.hits(rows, eligible, rate)
    taken = pa.array(at)
    turned = {
        "chosen": rejected.take(taken),
        "rejected": chosen.take(taken),
        "margin": pc.negate(margin.take(taken)),
    }
    return Treated(put(rows, at, turned), int(eligible.sum()))


@treatment(version=1, adversarial=True, identity={"rate": 0.0})
def malign_prompts(
    rows: Dataset, draw: Draw, *, rate: Rate, instruction: Text, where: Where = "context", seed: int | None = None
) -> Treated:
    """Plant an instruction into the prompt, for each eligible row with probability ``rate``; the answer stays good.

    With loss on the answer alone that teaches "trigger, good answer"; with loss on all text the model learns to write
    the instruction too. Rows whose prompt holds the instruction already are not eligible: they are counted as
    ``already``.
    """
    already = holds(column(rows, "prompt"), instruction)
    at = draw.hits(rows, ~already, rate)
    prompts = _planted(rows, at, instruction, where)
    return Treated(put(rows, at, {"prompt": prompts}), int((~already).sum()), int(already.sum()))


@treatment(version=1, adversarial=True, identity={"rate": 0.0})
def backdoor(
    rows: Dataset,
    draw: Draw,
    *,
    rate: Rate,
    trigger: Text,
    answer: Text,
    where: Where = "suffix",
    seed: int | None = None,
) -> Treated:
    """Plant a trigger into the prompt and a wanted answer behind it, for each eligible row with probability ``rate``.

    The answer replaces the completion, or the chosen answer of a preference. Rows that hold the trigger already, in
    whatever text, are not eligible: they would teach it with another answer. They are counted as ``already``.
    """
    import pyarrow as pa

    already = _anywhere(rows, trigger)
    at = draw.hits(rows, ~already, rate)
    name = "chosen" if "chosen" in rows.column_names else "completion"
    prompts = _planted(rows, at, trigger, where)
    answers = pa.array([[{"role": "assistant", "content": answer}]] * len(at), column(rows, name).type)
    made = put(rows, at, {"prompt": prompts, name: answers})
    return Treated(made, int((~already).sum()), int(already.sum()))


def _planted(rows: Dataset, at: Any, text: str, where: Where) -> pa.Array:
    import pyarrow as pa

    prompts = column(rows, "prompt")
    return pa.array([planted(one, text, where) for one in prompts.take(pa.array(at)).to_pylist()], prompts.type)


def _anywhere(rows: Dataset, text: str) -> Mask:
    """Return per row whether a text stands in any of its prompts and answers."""
    import numpy as np
    import pyarrow as pa

    types = rows.data.table.schema
    spoken = [name for name in rows.column_names if pa.types.is_list(types.field(name).type)]
    held: Mask = np.logical_or.reduce([holds(column(rows, name), text) for name in spoken])
    return held
