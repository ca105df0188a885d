"""What a trained model makes of a few of its rows, written beside it: whoever loads it can prove that it is the one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.models import reading

if TYPE_CHECKING:
    from leaven.rows import Row

FILE = "reload.json"
ROWS = 4
_SIDES = (("chosen answer", "rejected answer"), ("text",))
_EXACT, _HALF = (1e-4, 1e-6), (1e-2, 1e-3)  # nats or rewards apart, and that share of the value: float32, 16 bits


def write(folder: Path, model: Any, rows: Sequence[Row], makes: str) -> None:
    """Write ``reload.json``: what a model makes of both answers of the first rows; of texts, of each text's ids."""
    told = [list(values) for values in _told(model, rows, makes)]
    found = {"makes": makes, **_computed(model), "told": told}
    (folder / FILE).write_text(json.dumps(found, indent=1), encoding="utf-8")


def text_of(row: Row) -> Row:
    """Return an encoded prompt and its answer, if it has one, as one text."""
    return {"input_ids": [*row["prompt_ids"], *row.get("completion_ids", ())]}


def prove(folder: Path, model: Any, rows: Sequence[Row]) -> float:
    """Return by how much a loaded model differs at most from what was written when it was trained.

    Raises ModelError if that is more than rounding: then what was loaded is not what was trained.
    """
    written = json.loads((folder / FILE).read_text(encoding="utf-8"))
    exact = written["dtype"] == "float32" and _computed(model) == {name: written[name] for name in ("dtype", "device")}
    apart, share = _EXACT if exact else _HALF
    furthest = 0.0
    for row, (was, now) in enumerate(zip(written["told"], _told(model, rows, written["makes"]), strict=True)):
        for side, before, after in zip(_SIDES[written["makes"] == "texts"], was, now, strict=True):
            furthest = max(furthest, abs(after - before))
            if not abs(after - before) <= apart + share * abs(before):
                raise ModelError(
                    f"the artefact is not what was trained: training row {row}'s {side} was given {before:.6g} "
                    f"before it was saved and {after:.6g} after it was loaded; run it again, and report it if it stays"
                )
    return furthest


def _told(model: Any, rows: Sequence[Row], makes: str) -> Sequence[tuple[float, ...]]:
    model.eval()
    if makes == "texts":
        return [(reading.log_probability(model, row["input_ids"]),) for row in rows[:ROWS]]
    if makes == "policy":
        return [reading.log_probabilities(model, row) for row in rows[:ROWS]]
    texts = [reading.conversations([row]) for row in rows[:ROWS]]
    return [(reading.rewards(model, [chosen])[0], reading.rewards(model, [other])[0]) for chosen, other in texts]


def _computed(model: Any) -> dict[str, str]:
    return {"dtype": str(model.dtype).removeprefix("torch."), "device": str(model.device.type)}
