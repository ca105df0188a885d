"""Masked language models: a base that fills gaps instead of going on; it can be read and not trained."""

from __future__ import annotations

from typing import Any

from leaven.errors import ModelError
from leaven.models import load
from leaven.models.ref import Base

_HEAD = "MaskedLM"


def is_masked(model: Base) -> bool:
    """Say whether a base's config names a masked model and no other; reads no weights."""
    named = getattr(load.config(model), "architectures", None) or []
    return bool(named) and all(str(name).endswith(_HEAD) for name in named)


def masked_lm(model: Base) -> Any:
    """Load the base's weights for filling gaps, in the study's dtype, onto the GPU if there is one."""
    how = {**load.origin_of(model), **load.manner_of(model)}
    return load.weights(load.name_of(model), kind="AutoModelForMaskedLM", **how)


def tokenizer(model: Base) -> Any:
    """Load the base's tokenizer; raises ModelError if it has no mask token. EOS and a template are not needed."""
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(**load.origin_of(model))
    except Exception as error:  # the loader raises many kinds, all of which mean: no usable tokenizer there
        raise ModelError(f"no tokenizer can be loaded for {load.name_of(model)}: {load.first_line(error)}") from error
    if loaded.mask_token_id is None:
        raise ModelError(f"the tokenizer of {load.name_of(model)} has no mask token, so a masked model cannot be read")
    return loaded


def context_length(config: Any, loaded_tokenizer: Any) -> int | None:
    """Return how many ids a text may have: the tokenizer's limit too, as some models keep positions for themselves."""
    limits = (load.context_length(config), getattr(loaded_tokenizer, "model_max_length", None))
    known = [int(limit) for limit in limits if limit]
    return min(known) if known else None
