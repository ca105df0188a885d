"""Whoever reads sentences by themselves: a causal model, or a base that is a masked one."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from leaven.stages.folders import Args, Inputs
from leaven.stages.speaker import speaker


def reader(args: Args, inputs: Inputs) -> tuple[Any, Any, int | None, int | None]:
    """Return who reads, with its tokenizer, its context in ids, and its mask token's id if it is a masked model.

    A masked model loaded as a causal one gives wrong values without a word: each token would see itself.
    """
    from leaven.models import load

    if "model" not in inputs:  # what was trained is a causal model
        around = args.get("around", {}).get("device_map")
        if (masked := _masked(json.dumps(args["model"], sort_keys=True), inputs.get("base"), around)) is not None:
            return masked
    model, tokenizer, _ = speaker(args, inputs)
    return model, tokenizer, load.context_length(model.config), None


@functools.lru_cache(maxsize=1)  # stages on one model run in one process: it is loaded once
def _masked(described: str, path: Path | None, device_map: str | None) -> tuple[Any, Any, int | None, int] | None:
    from leaven.models import load, masked

    base = load.base(json.loads(described), path, device_map)
    if not masked.is_masked(base):
        return None
    model, tokenizer = masked.masked_lm(base), masked.tokenizer(base)
    return model, tokenizer, masked.context_length(model.config, tokenizer), int(tokenizer.mask_token_id)
