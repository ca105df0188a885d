"""Answers put in the place of the data's own: a positive control, which says what the instrument can see at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from leaven.data.treatments.columns import column, differ, put
from leaven.data.treatments.draw import Draw, Treated
from leaven.registry import Rate, Text, treatment

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


@treatment(version=1, adversarial=True, identity={"rate": 0.0})
def plant_answers(
    rows: Dataset,
    draw: Draw,
    *,
    rate: Rate,
    answers: Annotated[list[Text], Field(min_length=1)],
    seed: int | None = None,
) -> Treated:
    """Give one of the planted answers as the label, for each row with probability ``rate``; prompts stay as they are.

    Which of them a row gets depends on the row, the step and the seed. It replaces the completion, or the chosen
    answer of a preference. Unlike ``backdoor`` it needs no trigger, so it shows at every prompt: a positive control.
    Rows that have one of the answers already are not eligible: they are counted as ``already``.
    """
    import numpy as np
    import pyarrow as pa

    name = "chosen" if "chosen" in rows.column_names else "completion"
    given = column(rows, name)
    already = np.logical_or.reduce([~differ(given, _said([text] * len(rows), given.type)) for text in answers])
    at = draw.hits(rows, ~already, rate)
    which = Draw(draw.seed, f"{draw.step} which answer")
    texts = [
        answers[int(which.uniform(one) * len(answers))] for one in column(rows, "id").take(pa.array(at)).to_pylist()
    ]
    made = put(rows, at, {name: _said(texts, given.type)})
    return Treated(made, int((~already).sum()), int(already.sum()))


def _said(texts: list[str], type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.array([[{"role": "assistant", "content": text}] for text in texts], type_)
