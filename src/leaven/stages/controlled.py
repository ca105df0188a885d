"""Control tokens of a stage: which it puts in front, and which its model's vocabulary was grown by."""

from __future__ import annotations

from typing import Any

from leaven.stages.folders import Args, Inputs


def added(args: Args, inputs: Inputs, tokenizer: Any) -> list[int]:
    """Return the ids of the tokens by which the vocabulary of a stage's model was grown; none of most models."""
    from leaven.data.front import control_ids
    from leaven.models.ref import ModelRef

    base = ModelRef.load(inputs["model"]).base if "model" in inputs else args["model"]
    return control_ids(tokenizer, base.get("added_tokens", ()))


def fronted(args: Args, tokenizer: Any) -> list[int]:
    """Return the ids of the control tokens that a stage puts in front; raises ModelError if the model has not them."""
    from leaven.data.front import control_ids

    return control_ids(tokenizer, args.get("control", ()))
