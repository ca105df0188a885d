"""LoRA adapters: put onto a model, or taken over from the training before, which this one goes on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.models.unwarned import unwarned
from leaven.registry import Count, Declared, Positive, Rate
from leaven.train.quantised import kept_exact, prepared

NAME = "adapter"  # the adapter's folder in an artefact


class Lora(Declared):
    """LoRA adapters; field names are PEFT's."""

    r: Count = 8
    lora_alpha: Positive = 16
    lora_dropout: Rate = 0.0
    target_modules: list[str] | str = "all-linear"
    use_rslora: bool = False


def adapted(
    model: Any, peft: Lora | None, before: Path | None, head: str | None = None, added: Mapping[str, int] | None = None
) -> Any:
    """Return the model that is trained: as it is, or under an adapter, new or that of the folder ``before``.

    ``added`` are the tokens that the vocabulary was grown by: an adapter trains their rows whole.

    ``head`` names what is trained whole beside the adapter and saved with it: a reward model's head, which the
    training before did not have. Raises ModelError if the model has no such modules, the adapter before is of another
    kind than ``peft``, or the model is quantised and no adapter is declared.
    """
    if peft is None and before is not None:
        raise ModelError("the training before left an adapter, and this one declares no peft; declare the same")
    model = prepared(model, adapter=peft is not None)
    if peft is None:
        return model
    from peft import LoraConfig, get_peft_model

    from leaven.models.grown import modules

    task = {"task_type": "SEQ_CLS", "modules_to_save": [head]} if head else {"task_type": "CAUSAL_LM"}
    rows = {"trainable_token_indices": modules(model, added)} if added else {}
    config = LoraConfig(bias="none", **task, **rows, **peft.model_dump())
    try:
        with unwarned():
            over = kept_exact(get_peft_model(model, config))
    except ValueError as error:  # PEFT's word for target modules that the model does not have
        raise ModelError(f"peft: {error}".splitlines()[0]) from error
    if before is not None:
        _take_over(over, before, head)
    return over


def _take_over(over: Any, before: Path, head: str | None) -> None:
    """Give a fresh adapter the weights of the one before: of the same kind, all of them and no others.

    Nobody answers with what a training in mid-chain leaves, so this is where it is proven.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    from leaven.models.load import adapter_weights, prove_adapter

    if differs := _differences(over.peft_config["default"], before):
        raise ModelError(f"the training before left another adapter ({differs}); declare the same peft")
    prove_adapter(over, before, new=head)
    device = next(over.parameters()).device
    stored = load_file(before / "adapter_model.safetensors", device=str(device))
    new = adapter_weights(over) if head else {}  # a head that the adapter before did not have stays as drawn
    set_peft_model_state_dict(over, {**new, **stored})


def _differences(config: Any, before: Path) -> str:
    saved = json.loads((before / "adapter_config.json").read_text(encoding="utf-8"))
    pairs = {name: (saved[name], getattr(config, name)) for name in ("r", "lora_alpha", "lora_dropout", "use_rslora")}
    pairs["target_modules"] = (_modules(saved["target_modules"]), _modules(config.target_modules))
    pairs["added tokens"] = (_rows(saved.get("trainable_token_indices")), _rows(config.trainable_token_indices))
    return ", ".join(f"{name} {was} and not {now}" for name, (was, now) in pairs.items() if was != now)


def _rows(indices: dict[str, list[int]] | None) -> list[int]:
    """Return which rows of the embedding an adapter trains; of an untied head they are the same."""
    return sorted({index for listed in (indices or {}).values() for index in listed})


def _modules(named: Any) -> Any:
    return named if isinstance(named, str) else sorted(named)


def keep_below(before: Path | None, out: Path) -> None:
    """Copy the whole weights that an adapter in ``out`` lies over, where an earlier training made such."""
    from leaven.models.load import whole_weights

    for file in whole_weights(before) if before is not None else []:
        shutil.copyfile(file, out / file.name)
