"""Training over a base that is loaded in 8 or 4 bits (QLoRA: Dettmers et al. 2023): an adapter learns, codes do not."""

from __future__ import annotations

from typing import Any

from leaven.errors import ModelError

_FLAGS = {8: "is_loaded_in_8bit", 4: "is_loaded_in_4bit"}


def bits_of(model: Any) -> int | None:
    """Return into how many bits a model's weights were quantised as it was loaded, None if they were not."""
    return next((bits for bits, flag in _FLAGS.items() if getattr(model, flag, False)), None)


def prepared(model: Any, *, adapter: bool) -> Any:
    """Return a model as an adapter is put on it: of a quantised one what stayed whole is frozen, and in float32.

    Raises ModelError where quantised weights were to be trained themselves.
    """
    bits = bits_of(model)
    if bits is None:
        return model
    if not adapter:
        raise ModelError(f"the base is loaded in {bits} bits, and such weights are not trained; declare `peft`, or "
                         f"take load_in_{bits}bit out of `model`")  # fmt: skip
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # the trainer says whether


def kept_exact(over: Any) -> Any:
    """Return a model under an adapter that TRL leaves in float32: over a quantised base it would round it to bfloat16.

    That would cost a chain of trainings the digits of the adapter that each goes on from, and its saved weights would
    not be those that the next process computes with. TRL asks the outermost model, which then does not say.
    """
    if bits_of(over) is not None:
        for flag in _FLAGS.values():
            setattr(over, flag, False)
    return over
