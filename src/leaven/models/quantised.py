"""Linear layers in 8 or 4 bits, by bitsandbytes, as a base is loaded (LLM.int8: Dettmers et al. 2022; QLoRA: 2023)."""

from __future__ import annotations

from typing import Any

from leaven.errors import ModelError
from leaven.models.ref import Base, quantisation_problem

_EIGHT = 8


def manner_of(model: Base) -> dict[str, Any]:
    """Return how bitsandbytes quantises the linear layers as they are loaded, for ``from_pretrained``; nothing if not.

    Codes of 4 bits are computed with in the model's own precision, unless the base says in which. Raises ModelError
    where bitsandbytes is not installed.
    """
    if model.bits is None:
        return {}
    import torch
    import transformers

    if (why := quantisation_problem(model.bits)) is not None:
        raise ModelError(why)
    if model.bits == _EIGHT:
        return {"quantization_config": transformers.BitsAndBytesConfig(load_in_8bit=True)}
    how = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=model.bnb_4bit_quant_type,
        bnb_4bit_compute_dtype=getattr(torch, model.bnb_4bit_compute_dtype or model.dtype),
        bnb_4bit_use_double_quant=model.bnb_4bit_use_double_quant,
    )
    return {"quantization_config": how}


def unpack(model: Any) -> None:
    """Keep weights of 4 bits on a CPU from being laid out anew when the model first answers.

    bitsandbytes 0.50 does so on CPUs with AVX-512 bfloat16, computes otherwise than in training from there on, and
    leaves other weights behind when the model's state is read, as each checkpoint does.
    """
    if getattr(model, "is_loaded_in_4bit", False):
        for module in model.modules():
            if hasattr(module, "support_avx512bf16_for_cpu"):
                module.support_avx512bf16_for_cpu = False
