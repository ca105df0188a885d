"""How much memory a model takes to train or to answer, before anything is loaded.

``least`` is certain: weights, gradients and the optimiser's state. ``likely`` adds activations and caches by rules of
thumb (Korthikanti et al. 2022 for transformer layers: about 34 bytes per token, layer and hidden unit in 16 bits; the
logits once in the model's precision and twice in float32), which `docs/memory.md` compares with what was measured.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

from leaven.models.ref import Base

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_STATES = {"adamw_torch": 2, "adafactor": 0, "sgd": 0}  # numbers kept per trained weight
_LAYER_BYTES = 34 / 2  # per token, layer and hidden unit, for each byte of precision
_CHECKPOINTED = 2  # the same, with activation checkpointing: what enters each layer
_TILE = (4096, 32768)  # tokens and words of the logits that TRL's DPO has at once
_MB = 1024**2
_SCALES = {4: 4 / 64, 8: 0.001}  # bytes of scales per weight: a float32 for 64 weights; one for a row
_PREPARED = 4  # bytes per number that stays whole while an adapter over a quantised base is trained


@dataclass(frozen=True)
class Shape:
    """What a model's size follows from; 0 where its configuration does not say."""

    parameters: int
    hidden_size: int
    layers: int
    vocabulary: int
    precision: int  # bytes per number
    whole: int = 0  # of its parameters those that quantisation leaves as they are: what is read and written, by word
    bits: int | None = None  # into how many each other one is quantised

    @property
    def weight_bytes(self) -> float:
        """What its weights take: quantised ones with the scale that each block of 4 bits, or each row, has."""
        if self.bits is None:
            return self.parameters * self.precision
        return self.whole * self.precision + (self.parameters - self.whole) * (self.bits / 8 + _SCALES[self.bits])


@dataclass(frozen=True)
class Footprint:
    """Memory in MiB: what is certain, and what is likely at the peak."""

    weights: int
    least: int
    likely: int


def shape(base: Base) -> Shape | None:
    """Read a local base's shape from its files' heads; None for one of the hub, or one that cannot be read."""
    if base.path is None:
        return None
    try:
        config = json.loads((Path(base.path) / "config.json").read_text(encoding="utf-8"))
        hidden, layers, words = (_stated(config, *names) for names in _NAMES)
        files = _weight_files(Path(base.path))
        parameters = sum(map(_parameters, files)) if files else _guessed(hidden, layers, words)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        struct.error,
    ):  # loading it will say what is wrong
        return None
    tables = words * hidden * (1 if config.get("tie_word_embeddings") else 2)
    whole = 0 if base.bits is None else min(tables, parameters)
    return Shape(parameters, hidden, layers, words, _BYTES[base.dtype], whole, base.bits)


_NAMES = (("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("vocab_size",))  # the second are GPT-2's


def _stated(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if config.get(name)), 0)


def _guessed(hidden: int, layers: int, words: int) -> int:
    """Return about how many parameters a transformer has of which there is a config alone (Kaplan et al. 2020)."""
    return 12 * layers * hidden**2 + words * hidden


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that are loaded: some folders hold the same weights once more in another layout."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        return sorted({folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    whole = folder / "model.safetensors"
    return [whole] if whole.exists() else sorted(folder.glob("*.safetensors"))


def _parameters(file: Path) -> int:
    """Count the numbers in a safetensors file by its header."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > 100_000_000:  # the format's own limit for a header
            raise ValueError(f"{file} has no header of safetensors")
        header = json.loads(stream.read(length))
    return sum(prod(about["shape"]) for name, about in header.items() if name != "__metadata__")


def training(model: Shape, settings: dict[str, Any]) -> Footprint:
    """Return what a training takes; ``settings`` are the trainer's arguments, by TRL's names.

    Trainers of preferences (they alone declare ``max_prompt_length``) read two answers a row, and make no logits of
    the whole batch: TRL's DPO goes through the vocabulary in tiles, a reward model has none. A reference of whole
    weights that is asked at every step lies beside the policy.
    """
    pairs = "max_prompt_length" in settings
    second = pairs and settings.get("peft") is None and settings.get("precompute_ref_log_probs") is False
    model = model if model.bits is None else replace(model, precision=_PREPARED)
    weights = model.weight_bytes * (2 if second else 1)
    own = model.parameters * model.precision
    trained = own * (1 + _STATES.get(settings["optim"], 2)) if settings.get("peft") is None else 0
    tokens = settings["per_device_train_batch_size"] * settings["max_length"] * (2 if pairs else 1)
    bytes_per_unit = _CHECKPOINTED if settings["activation_checkpointing"] else _LAYER_BYTES
    layers = tokens * model.layers * model.hidden_size * bytes_per_unit * model.precision
    logits = _logits(model, tokens, settings)
    return Footprint(
        round(weights / _MB), round((weights + trained) / _MB), round((weights + trained + layers + logits) / _MB)
    )


def _logits(model: Shape, tokens: int, settings: dict[str, Any]) -> int:
    if "max_prompt_length" not in settings:
        return tokens * model.vocabulary * (model.precision + 8)
    tile = min(tokens, _TILE[0]) * min(model.vocabulary, _TILE[1]) * model.precision
    return tile if "precompute_ref_log_probs" in settings else 0


def answering(model: Shape, rows: int, tokens: int) -> Footprint:
    """Return what generation takes: weights, the cache of ``tokens`` positions in all, and float64 scores per row."""
    weights = model.weight_bytes
    cache = 2 * tokens * model.layers * model.hidden_size * model.precision
    return Footprint(
        round(weights / _MB), round(weights / _MB), round((weights + cache + 4 * 8 * rows * model.vocabulary) / _MB)
    )
