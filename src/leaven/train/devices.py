"""What a training computes on, and in which precision: refused in words where the libraries would fail obscurely."""

from __future__ import annotations

from typing import Any

from leaven.errors import ModelError


def is_laid_out(model: Any) -> bool:
    """Say whether a model lies on several GPUs, layer by layer, so that several may be visible to its training."""
    return len(_places(model) - {"cpu", "disk"}) > 1


def show_gpus(arguments: Any, model: Any) -> None:
    """Let a training count the GPUs its model was laid over; raises ModelError if over none, and it sees several.

    transformers would wrap such a model in DataParallel and multiply the batch, silently. A ``device_map`` may find one
    GPU enough; then one is all that its training counts.
    """
    if arguments.n_gpu <= 1 or is_laid_out(model):
        return
    if len(places := _places(model)) != 1 or places & {"cpu", "disk"}:
        raise ModelError(f"{arguments.n_gpu} GPUs are visible to one training; show it one by CUDA_VISIBLE_DEVICES")
    arguments._n_gpu = 1  # what transformers itself sets for a model over several


def _places(model: Any) -> set[Any]:
    return set((getattr(model, "hf_device_map", None) or {}).values())


def prove_precision(model: Any, *, bf16: bool, fp16: bool) -> None:
    """Raise ModelError if mixed precision cannot work with this model on this machine."""
    import torch

    if bf16 and fp16:
        raise ModelError("bf16 and fp16 are both set; set one of them")
    gpu = torch.cuda.is_available()
    if fp16 and not gpu:
        raise ModelError("fp16 needs a GPU, and this training sees none; set bf16 or neither")
    if bf16 and gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ModelError("this GPU does not compute in bf16; set fp16 or neither")
    halves = any(weight.requires_grad and weight.dtype == torch.float16 for weight in model.parameters())
    if fp16 and halves:
        raise ModelError(
            "fp16 trains weights in float32, and model.dtype is float16; set model.dtype: float32, or peft"
        )
