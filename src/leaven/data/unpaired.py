"""The format of answers that are good or bad alone: TRL's unpaired preferences, which KTO trains on."""

from __future__ import annotations

from typing import Any

from leaven.data.formats import BadRow, Skipped, answer_turns, asked_turns, seen
from leaven.registry import format
from leaven.rows import Row

_SAID = {"true": "true", "false": "false", "1": "true", "0": "false"}


@format(version=1, columns=("prompt", "completion", "label"), makes="examples", choose="keep")
def unpaired(row: Row, *, keep: bool | None = None) -> Row:
    """TRL's unpaired preferences: prompt, completion, and a label that is true for a good answer, false for a bad one.

    ``keep`` keeps the good (true) or the bad answers (false) alone: as demonstrations the good ones are learned, and
    both would be without it.
    """
    label = _truth(row["label"])
    if keep is not None and label != str(keep).lower():
        raise Skipped(f"labelled {label}")
    prompt = asked_turns(row["prompt"], "prompt")
    return {"prompt": prompt, "completion": answer_turns(row["completion"], "completion", prompt), "label": label}


def _truth(value: Any) -> str:
    """Return true or false: as JSON and Parquet have it, as the text that CSV has, or as 1 and 0."""
    if not isinstance(value, bool | int | str):
        raise BadRow(f"label is {seen(value)}, neither true nor false")
    said = _SAID.get(str(value).strip().lower())
    if said is None:
        raise BadRow("label is neither true nor false")
    return said
