"""In which tokens spans are counted: words, or those of a tokenizer; where each token begins and ends, in bytes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from leaven.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

WORDS = "words"
_WORD = re.compile(r"\S+")
_FILES = {"tokenizer.json", "tokenizer.model", "vocab.json"}


class Tokens(NamedTuple):
    """Where each token of a text begins and ends, in bytes; a space in front of a token is no part of it."""

    starts: Places
    ends: Places


class Resolved(NamedTuple):
    """What a declared tokenizer is: for a stage's arguments, and where a local one lies."""

    args: str | dict[str, Any]
    path: str | None


def resolve(name: str, *, ask: bool = True) -> Resolved:
    """Find out what a declared tokenizer is; loads nothing.

    A folder is known by its content, a name of the hub by the commit that it is now. ``ask`` false keeps the network
    out. Raises ModelError with the remedy where it cannot be told.
    """
    from leaven.models import ref

    if name == WORDS:
        return Resolved(WORDS, None)
    folder = ref.local_folder(name)
    if folder is not None:
        if not _FILES & {path.name for path in folder.iterdir()}:
            raise ModelError(f"tokenizer '{name}' is a folder without a tokenizer; name one that has a tokenizer.json")
        return Resolved({"identity": ref.folder_identity(folder)}, str(folder.resolve()))
    if name.count("/") > 1 or name.startswith((".", "/", "~")) or Path(name).exists():
        raise ModelError(f"tokenizer '{name}' is no folder; write `words`, a folder, or a name of the hub")
    try:
        return Resolved({"identity": f"hub:{name}@{ref.commit(name, None, ask=ask)}"}, None)
    except ModelError as error:
        said = str(error).replace("pin model.revision to a full commit, or name", "name")
        raise ModelError(f"regurgitation's tokenizer: {said}") from error


def counting(declared: str | Mapping[str, Any], path: Path | None) -> Callable[[Sequence[str]], list[Tokens]]:
    """Return what cuts texts into tokens: ``declared`` is "words", or names a tokenizer as ``resolve`` does.

    Raises ModelError if there is none, or it does not say where its tokens stand.
    """
    if isinstance(declared, str):
        assert declared == WORDS, declared
        return lambda texts: [_by_words(text) for text in texts]
    loaded = _loaded(json.dumps(dict(declared), sort_keys=True), path)
    return lambda texts: _by_tokenizer(loaded, texts)


@functools.lru_cache(maxsize=1)  # stages of one study that run in one process count in the same tokens
def _loaded(described: str, path: Path | None) -> Any:
    from transformers import AutoTokenizer

    from leaven.models import load

    base = load.base(json.loads(described), path)
    try:
        loaded = AutoTokenizer.from_pretrained(**load.origin_of(base))
    except Exception as error:  # the loader raises many kinds, all of which mean: no usable tokenizer there
        raise ModelError(f"no tokenizer can be loaded for {load.name_of(base)}: {load.first_line(error)}") from error
    if not loaded.is_fast:
        raise ModelError(
            f"the tokenizer of {load.name_of(base)} does not say where its tokens stand in a text; name another as the "
            "suite's `tokenizer`, or `words`"
        )
    return loaded


def _by_words(text: str) -> Tokens:
    return _in_bytes(text, [word.span() for word in _WORD.finditer(text)])


def _by_tokenizer(tokenizer: Any, texts: Sequence[str]) -> list[Tokens]:
    if not texts:
        return []
    found = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [_in_bytes(text, spans) for text, spans in zip(texts, found["offset_mapping"], strict=True)]


def _in_bytes(text: str, spans: Sequence[tuple[int, int]]) -> Tokens:
    """Turn places in characters into places in bytes. Of a character that is several tokens each is the whole."""
    import numpy as np

    cut = np.asarray([(start + text.startswith(" ", start), end) for start, end in spans], dtype=np.int64)
    starts, ends = np.maximum.accumulate(cut.reshape(-1, 2), axis=0).T  # what has no text may stand anywhere
    if text.isascii():
        return Tokens(starts, ends)
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    places = np.concatenate([[0], np.cumsum(sizes)])
    return Tokens(places[starts], places[ends])
