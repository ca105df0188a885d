"""A few rows of a model's vocabulary, read from its safetensors without loading it: was a token ever trained?

A token that no text of the training held is pushed away from every hidden state alike, so that all such tokens end as
(almost) one row of the output matrix; a token that was trained has a row of its own (Land and Bartolo 2024, "Fishing
for Magikarp"). Rows that were never touched at all are zero, or copies of one another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leaven.data.doctor import Finding
from leaven.errors import ModelError

# The head, or the embedding that it is tied to; the first that is there turns hidden states into tokens.
_NAMES = (
    "lm_head.weight", "embed_out.weight", "embed_tokens.weight", "wte.weight", "word_embeddings.weight",
    "embed_in.weight",
)  # fmt: skip
_INDEX = "model.safetensors.index.json"
_ALIKE = 0.99  # the cosine from which two rows are one; hardly two tokens that were trained reach 0.9
_NOTHING = 0.01  # below this share of the others' norm there is no row
_BESIDE = 512  # rows that a token's is compared with


@dataclass(frozen=True)
class Matrix:
    """Where the rows of a vocabulary lie: a file, a tensor's name, and its shape (tokens, width)."""

    file: Path
    name: str
    shape: tuple[int, ...]


def matrix(folder: Path) -> Matrix | None:
    """Return the matrix of a folder's whole weights that gives tokens; None where there is none. Reads headers only.

    Raises ModelError if a file is no safetensors.
    """
    there = dict(tensors(folder))
    for ending in _NAMES:
        for name, file in there.items():
            if name.endswith(ending):
                with opened(file) as stored:
                    return Matrix(file, name, tuple(stored.get_slice(name).get_shape()))
    return None


def tensors(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every tensor of a folder's whole weights, and the file that it lies in."""
    if (folder / _INDEX).is_file():
        listed = json.loads((folder / _INDEX).read_text(encoding="utf-8")).get("weight_map", {})
        yield from ((name, folder / Path(file).name) for name, file in listed.items() if (folder / file).is_file())
        return
    for file in sorted(folder.glob("model*.safetensors")):
        with opened(file) as stored:
            yield from ((name, file) for name in stored.keys())  # noqa: SIM118 - it is no mapping


def opened(file: Path) -> Any:
    """Open a file of safetensors, without reading it; raises ModelError if it is none."""
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(file, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file} is no file of safetensors ({error}); save the model again") from error


def fetched(name: str, revision: str) -> Path | None:
    """Return the folder in the hub's cache with the file that holds the matrix; one that is not there is downloaded.

    It is a file that a training loads anyway. None where the weights are no safetensors.
    """
    from transformers.utils import cached_file

    def file(called: str) -> Path | None:
        found = cached_file(name, called, revision=revision, _raise_exceptions_for_missing_entries=False)
        return None if found is None else Path(found)

    if (whole := file("model.safetensors")) is not None:
        return whole.parent
    if (index := file(_INDEX)) is None:
        return None
    listed = json.loads(index.read_text(encoding="utf-8")).get("weight_map", {})
    shard = next((listed[one] for ending in _NAMES for one in listed if one.endswith(ending)), None)
    return None if shard is None or file(shard) is None else index.parent


def untrained(found: Matrix, tokenizer: Any, stops: Iterable[int], trains: str = "nothing") -> list[Finding]:
    """Return the stop tokens whose rows say that no training ever held them; reads about 500 rows.

    Of a token that was trained the nearest row is another one; of one that was not, many rows are the same. The remedy
    is for trainings of an "adapter", of the "whole" model, or for "nothing" that is known of them.
    """
    size = found.shape[0]
    asked = [one for one in dict.fromkeys(stops) if 0 <= one < size]
    beside = [one for one in _others(tokenizer, size) if one not in asked]
    if not asked or not beside or len(found.shape) != 2:
        return []
    with opened(found.file) as stored:
        rows = stored.get_slice(found.name)
        others = _read(rows, beside)
        mine = _read(rows, asked)
    told = (_told(found, tokenizer, token, row, beside, others) for token, row in zip(asked, mine, strict=True))
    return [replace(one, remedy=_REMEDIES[trains]) for one in told if one is not None]


def _read(rows: Any, wanted: list[int]) -> Any:
    """Return some rows in float32: shape (rows, width)."""
    import torch

    return torch.cat([rows[one : one + 1] for one in wanted]).float()


def _others(tokenizer: Any, size: int) -> list[int]:
    """Return ids to compare with: rare ones by their kind (special, bytes, reserved), and some spread over all."""
    kinds = [*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder]
    known = [one for word, one in tokenizer.get_vocab().items() if word.startswith("<0x") or "reserved" in word.lower()]
    spread = range(0, size, max(1, size // (_BESIDE // 2)))
    listed = [int(one) for one in dict.fromkeys([*kinds, *sorted(known), *spread]) if 0 <= int(one) < size]
    return listed[:_BESIDE]


def _told(found: Matrix, tokenizer: Any, token: int, row: Any, beside: list[int], others: Any) -> Finding | None:
    norm, norms = float(row.norm()), others.norm(dim=1)
    word = str(tokenizer.convert_ids_to_tokens(token))
    if norm <= _NOTHING * float(norms.median()):
        return _finding(word, token, f"its row of {found.name} has norm {norm:.2g}, the median is {norms.median():.2g}")
    alike = ((others @ row) / (norms * norm).clamp_min(1e-12)) >= _ALIKE
    same = [beside[at] for at in alike.nonzero().flatten().tolist()]
    if not same:
        return None
    words = ", ".join(repr(str(tokenizer.convert_ids_to_tokens(one))) for one in same[:2])
    shown = f"its row of {found.name} is that of {len(same)} of {len(beside)} other tokens (cosine {_ALIKE} or more)"
    return _finding(word, token, f"{shown}, such as {words}")


def _finding(word: str, token: int, shown: str) -> Finding:
    said = f"generation stops at {word}, which the model never saw in training: it does not know how to stop"
    return Finding("warning", "untrained", said, f"{word} ({token}): {shown}", "", 0)


_OTHER = "or set model.eos_token to a token that it knows"
_REMEDIES = {
    "nothing": "expect the untrained base to run on to its longest; train answers that end in it, the whole model or "
    f"long enough (an adapter leaves this row as it is), {_OTHER}",
    "adapter": f"an adapter leaves this row as it is, so answers tend to run on: train the whole model, {_OTHER}",
    "whole": f"train enough answers that end in it (stop_rate tells), {_OTHER}",
}
