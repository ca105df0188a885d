"""Load reward models: a base, or what a training left, under a head that gives a text one number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.models import load
from leaven.models.ref import Base, ModelRef

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_SCORING: dict[str, Any] = {"kind": "AutoModelForSequenceClassification", "num_labels": 1}


def rewarding(
    model: Base, before: Path | None = None, base_path: Path | None = None
) -> tuple[PreTrainedModel, Path | None]:
    """Load a base, or what the training ``before`` left, under a head that gives a text one number, yet untrained.

    Returns the model and the folder of the adapter before, if it left one. Raises ModelError if ``before`` is a reward
    model already.
    """
    if before is None:
        return load.based(model, new_head=True, **_SCORING), None
    if ModelRef.load(before).makes == "reward":
        raise ModelError("the training before made a reward model already; train `reward` once, after sft or dpo")
    scoring = load.left_by(before, base_path, model.device_map, new_head=True, **_SCORING)
    return scoring, load.adapter_of(before)


def reward_model(
    folder: Path, base_path: Path | None, device_map: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a trained reward model, whole or an adapter with its head, and the tokenizer saved beside it.

    Its logits have shape (texts, 1). Raises ModelError if the artefact is a policy, or lies over another base.
    """
    from transformers import AutoTokenizer

    if ModelRef.load(folder).makes != "reward":
        raise ModelError("this artefact is a policy, which gives no rewards; train one by `reward`")
    loaded_tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    adapter = load.adapter_of(folder)
    model = load.left_by(folder, base_path, device_map, new_head=adapter is not None, **_SCORING)
    model.config.get_text_config().pad_token_id = loaded_tokenizer.pad_token_id  # where a padded text ends
    return (model if adapter is None else load.under(model, adapter)), loaded_tokenizer
