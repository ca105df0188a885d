"""How expected sentences are to a model, each by itself: no chat template, no prompt, no padding.

A causal model is read as the safety score was published (Hosseini et al. 2023): tokens 2..T, each given those before
it, with nothing in front; with ``bos`` the first token counts too, given the BOS token. A masked model gives its
pseudo-log-likelihood (Salazar et al. 2020, ACL): each token given all others, one mask at a time, between the special
tokens that the tokenizer puts around a text.

Sentences of equal length make a batch, so that nothing is padded and no mask is needed: values do not depend on the
batch, in float32 but for rounding.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.generate.batches import halved, vocabulary
from leaven.generate.spellings import HELD, specials
from leaven.rows import Row

if TYPE_CHECKING:
    from torch import Tensor

_TOKENS_ON_CPU = 2048  # in one batch: more would fall out of a core's cache
_TOKENS_ON_GPU = 32768
_NOTHING = -100  # a target that counts nothing
_MOST_LOGITS = 1 << 27  # in one batch: tokens times vocabulary, half a gigabyte of float32


@dataclass(frozen=True)
class Sentence:
    """One sentence as a model reads it: its ids, the places that count, and its bytes (UTF-8)."""

    id: str
    ids: tuple[int, ...]
    counted: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class _Reading:
    """One row of a batch; ``place`` is the first that counts, of a masked model the one that is hidden."""

    at: int  # which sentence
    ids: tuple[int, ...]
    place: int


def unreadable(tokenizer: Any, rows: Sequence[Row]) -> dict[str, str]:
    """Return, by row, why a text cannot be read as the text that it is; those that can are not in it."""
    spelled = specials(tokenizer)
    return {row["id"]: HELD for row in rows if any(token in row["text"] for token in spelled)}


def encoded(
    tokenizer: Any, rows: Sequence[Row], *, bos: bool = False, masked: bool = False, front: Sequence[int] = ()
) -> list[Sentence]:
    """Encode rows with ``id`` and ``text``; raises ModelError if ``bos`` is asked for and there is none.

    What is ``unreadable`` is to be left out before. Without ``bos`` a text of one token counts none: nothing stands
    before it. A masked model has its own special tokens around the text, and ``bos`` says nothing to it. ``front``:
    control tokens before the text, behind the BOS; the same tokens count as without them.
    """
    if not rows:
        return []
    start = _start(tokenizer) if bos and not masked else ()
    made = tokenizer([row["text"] for row in rows], add_special_tokens=masked, return_special_tokens_mask=masked)
    marks = made.get("special_tokens_mask", itertools.repeat(None))
    found = []
    for row, ids, special in zip(rows, made["input_ids"], marks, strict=False):
        whole = (*start, *front, *ids)
        first = len(front) + 1
        counted = range(first, len(whole)) if special is None else (at for at, mark in enumerate(special) if not mark)
        found.append(Sentence(row["id"], whole, tuple(counted), len(row["text"].encode())))
    return found


def _start(tokenizer: Any) -> tuple[int, ...]:
    if tokenizer.bos_token_id is None:
        raise ModelError("the tokenizer has no BOS token to put before a text; take `bos: true` out")
    return (int(tokenizer.bos_token_id),)


def read(
    model: Any,
    sentences: Sequence[Sentence],
    context: int | None,
    mask: int | None = None,
    without: Sequence[int] = (),
) -> Iterator[Row]:
    """Yield a row of schema *likelihoods* for each sentence, in no particular order.

    ``mask`` is the mask token's id of a masked model, None for a causal one. ``nats`` is minus the sum of the counted
    tokens' log-probabilities; null where none counts and where the sentence is longer than the ``context``, which is
    never cut. ``without``: ids that a causal model is not to expect anywhere (control tokens by which its vocabulary
    was grown); the rest is renormalised.
    """
    readable = [bool(one.counted) and (context is None or len(one.ids) <= context) for one in sentences]
    for one, is_read in zip(sentences, readable, strict=True):
        if not is_read:
            yield _row(one, None)
    nats, missing = [0.0] * len(sentences), [len(one.counted) for one in sentences]
    wanted = [
        _Reading(at, one.ids, place)
        for at, one in enumerate(sentences)
        if readable[at]
        for place in (one.counted[:1] if mask is None else one.counted)
    ]
    for reading, value, tokens in _values(model, wanted, mask, without):
        at = reading.at
        nats[at], missing[at] = nats[at] + value, missing[at] - tokens
        if not missing[at]:
            yield _row(sentences[at], nats[at])


def _row(one: Sentence, nats: float | None) -> Row:
    return {"id": one.id, "nats": nats, "tokens": len(one.counted), "bytes": one.bytes}


def _values(
    model: Any, wanted: Sequence[_Reading], mask: int | None, without: Sequence[int]
) -> Iterator[tuple[_Reading, float, int]]:
    """Yield each reading with its nats and how many tokens these are of; batches go side by side over the cores."""
    on_cpu = model.device.type == "cpu"
    limit = _TOKENS_ON_CPU if on_cpu else _TOKENS_ON_GPU
    limit = min(limit, _MOST_LOGITS // vocabulary(model))
    batches = list(_batches(sorted(wanted, key=lambda one: (len(one.ids), one.at, one.place)), limit))
    told = functools.partial(_told, model, mask=mask, without=without)
    model.eval()
    with _side_by_side(on_cpu) as each:
        for batch, found in zip(batches, each(lambda one: halved(one, told), batches), strict=True):
            for reading, value in zip(batch, found, strict=True):
                yield reading, value, len(reading.ids) - reading.place if mask is None else 1


def _batches(readings: Sequence[_Reading], limit: int) -> Iterator[list[_Reading]]:
    """Yield readings of one length, as many as stay within the limit in tokens, at least one."""
    for length, alike in itertools.groupby(readings, key=lambda one: len(one.ids)):
        most = max(1, limit // length)
        while batch := list(itertools.islice(alike, most)):
            yield batch


@contextlib.contextmanager
def _side_by_side(on_cpu: bool) -> Iterator[Callable[..., Any]]:
    """Give a ``map``: on several cores a batch a core, where small operations would only wait for one another."""
    import torch

    cores = torch.get_num_threads() if on_cpu else 1
    if cores == 1:
        yield map
        return
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(cores)


def _told(model: Any, batch: Sequence[_Reading], mask: int | None, without: Sequence[int]) -> list[float]:
    """Return the nats of each reading."""
    import torch

    with torch.inference_mode():
        return _causal(model, batch, without) if mask is None else _masked(model, batch, mask)


def _causal(model: Any, batch: Sequence[_Reading], without: Sequence[int]) -> list[float]:
    import torch

    ids = torch.tensor([one.ids for one in batch], device=model.device)
    logits = model(input_ids=ids, use_cache=False).logits
    if without:
        logits[..., list(without)] = float("-inf")
    # What the last token tells is left out, by a target that counts nothing: without it the logits would be copied.
    following = torch.nn.functional.pad(ids[:, 1:], (0, 1), value=_NOTHING)
    for row, one in enumerate(batch):
        if one.place > 1:  # control tokens are in front, and are read only
            following[row, : one.place - 1] = _NOTHING
    each = _nats(logits.flatten(0, 1), following.flatten())
    found: list[float] = each.view(len(batch), -1).sum(dim=1).tolist()
    return found


def _masked(model: Any, batch: Sequence[_Reading], mask: int) -> list[float]:
    import torch

    ids = torch.tensor([one.ids for one in batch], device=model.device)
    rows, places = torch.arange(len(batch)), torch.tensor([one.place for one in batch])
    hidden = ids[rows, places].clone()
    ids[rows, places] = mask
    found: list[float] = _nats(model(input_ids=ids).logits[rows, places], hidden).tolist()
    return found


def _nats(logits: Tensor, ids: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.float(), ids, reduction="none", ignore_index=_NOTHING).double()
