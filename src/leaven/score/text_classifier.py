"""Text-classification models of transformers as scorers: one label's probability for each text.

Safetensors only; texts are cut at the model's maximum, sorted by length and padded behind a mask, so that a text's
probability does not depend on its neighbours (in float32, to rounding).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.models.load import first_line

_ROWS, _TOKENS = 64, 16 * 512  # in one batch
_TOXIC = frozenset(
    ("toxic", "toxicity", "hate", "hateful", "hate speech", "hatespeech", "offensive", "offensive language", "abusive",
     "abuse")
)  # fmt: skip
_OFFSET = 2  # positions that models of RoBERTa's kind keep for padding


def probabilities(texts: Sequence[str], name: str, revision: str | None, label: str | None) -> list[float]:
    """Return the probability of ``label`` for each text, by a local folder or a model of the hub at its commit.

    As in transformers' own pipeline: sigmoid for several labels at once or for one alone, else softmax.
    """
    tokenizer, model = _loaded(name, revision)
    place = toxic_label({int(key): str(word) for key, word in model.config.id2label.items()}, label, name)
    ids = tokenizer(list(texts), truncation=True, max_length=_longest(tokenizer, model.config))["input_ids"]
    found = [0.0] * len(ids)
    for batch in _batches(ids):
        for index, value in zip(batch, _scored(model, tokenizer, [ids[index] for index in batch], place), strict=True):
            found[index] = value
    return found


def inspect(folder: Path, label: str | None) -> None:
    """Raise ModelError if a local folder is no classifier that can be used, or its label must be named."""
    files = {path.name for path in folder.iterdir()}
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        labels = {int(key): str(word) for key, word in config.get("id2label", {}).items()}
    except (OSError, ValueError, AttributeError):
        raise ModelError(f"{folder} has no readable config.json: it is no folder of a classifier") from None
    kinds = config.get("architectures") or ["ForSequenceClassification"]
    if not any(str(kind).endswith("ForSequenceClassification") for kind in kinds):
        raise ModelError(f"{folder} holds {kinds[0]}, which is no text-classification model; name one that is")
    if not any(file.endswith(".safetensors") for file in files):
        raise ModelError(f"{folder} has no *.safetensors; convert the weights (pickled weights are not loaded)")
    if not files & {"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"}:
        raise ModelError(f"{folder} has no tokenizer; save one beside the weights")
    toxic_label(labels or {0: "LABEL_0", 1: "LABEL_1"}, label, str(folder))


def toxic_label(labels: Mapping[int, str], wanted: str | None, name: str) -> int:
    """Return the place of the label that means "toxic": the one named, else the only one whose name says so.

    Raises ModelError, also for labels without names (LABEL_0, LABEL_1): which of them is toxic cannot be told.
    """
    listed = ", ".join(word if len(word) < 60 else f"{word[:60]}..." for word in list(labels.values())[:20])
    if wanted is not None:
        named = [place for place, word in labels.items() if word == wanted]
        if not named:
            raise ModelError(f"the classifier {name} has no label '{wanted}'; it has: {listed}")
        return named[0]
    said = [place for place, word in labels.items() if re.sub(r"[^a-z]+", " ", word.lower()).strip() in _TOXIC]
    if len(said) != 1:
        which = "several labels that could mean toxic" if said else "no label that says toxic"
        raise ModelError(f"the classifier {name} has {which} ({listed}); name one: label: ...")
    return said[0]


def by_detoxify(texts: Sequence[str], label: str | None) -> list[float]:
    """Return probabilities by the package detoxify, model ``original``; ``label`` is one of its classes."""
    model, label = _detoxify(), label or "toxicity"
    if label not in model.class_names:
        raise ModelError(f"detoxify has no label '{label}'; it has: {', '.join(model.class_names)}")
    found = [0.0] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), _ROWS // 4):
        batch = order[start : start + _ROWS // 4]
        made = model.predict([texts[index] for index in batch])[label]
        for index, value in zip(batch, made if isinstance(made, list) else [made], strict=True):
            found[index] = float(value)
    return found


@functools.lru_cache(maxsize=1)
def _detoxify() -> Any:
    import torch
    from detoxify import Detoxify

    try:
        return Detoxify("original", device="cuda" if torch.cuda.is_available() else "cpu")
    except Exception as error:  # it fetches its weights itself, and fails in many ways
        raise ModelError(f"detoxify cannot load its model: {first_line(error)}") from error


@functools.lru_cache(maxsize=1)  # the stages of one arm run in one process
def _loaded(name: str, revision: str | None) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    origin = {"revision": revision} if revision else {"local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **origin)
        model, info = AutoModelForSequenceClassification.from_pretrained(
            name, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **origin
        )
    except Exception as error:  # the loaders raise many kinds, all of which mean: no usable classifier there
        raise ModelError(
            f"the classifier {name} cannot be loaded: {first_line(error)}; it needs a tokenizer and *.safetensors (on "
            "the hub a revision such as refs/pr/1 may have them)"
        ) from error
    lacking = sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]]))
    if lacking:
        raise ModelError(f"{name} lacks {len(lacking)} weights of a classifier, first {lacking[0]}; name one that is")
    if tokenizer.pad_token_id is None:  # it pads nothing that counts: padding is masked
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelError(f"the tokenizer of the classifier {name} has no token to pad with; name another classifier")
    model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _longest(tokenizer: Any, config: Any) -> int:
    """Return how many tokens the model reads."""
    positions = int(getattr(config, "max_position_embeddings", None) or 512)
    if "roberta" in str(config.model_type) or config.model_type in ("camembert", "longformer", "mpnet", "esm"):
        positions -= _OFFSET
    return min(int(tokenizer.model_max_length), positions)


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield places of rows of similar length, the longest last in its batch."""
    batch: list[int] = []
    for index in sorted(range(len(ids)), key=lambda index: len(ids[index])):
        if batch and (len(batch) == _ROWS or (len(batch) + 1) * len(ids[index]) > _TOKENS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _scored(model: Any, tokenizer: Any, rows: list[list[int]], place: int) -> list[float]:
    import torch

    padded = tokenizer.pad({"input_ids": rows}, padding_side="right", return_tensors="pt").to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]).logits.float()
    several = model.config.problem_type == "multi_label_classification" or logits.shape[-1] == 1
    said = torch.sigmoid(logits) if several else torch.softmax(logits, dim=-1)
    return [float(value) for value in said[:, place]]
