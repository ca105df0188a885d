"""How expected given texts are to a model: batched, padded on the right, equal whatever the batch (in float32)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leaven.data import front
from leaven.data.chat import render
from leaven.data.texts_encoded import text_ids
from leaven.errors import ModelError
from leaven.generate.batches import halved, packed, vocabulary
from leaven.rows import Row

_MOST_ROWS = 64
_MOST_LOGITS = 1 << 27  # in one batch: tokens times vocabulary, half a gigabyte of float32


@dataclass(frozen=True)
class Reading:
    """One row as the model reads it: its ids, which of them are the completion's text, and that text's bytes."""

    id: str
    ids: list[int]
    counted: list[int]  # positions in ``ids``, never the first: nothing says what comes first
    bytes: int


def readings(tokenizer: Any, rows: Sequence[Row]) -> list[Reading]:
    """Encode prompt and completion by the chat template, and find the completion's own text among the tokens.

    A token that holds the text's beginning together with what stands before it counts. Where the template changes the
    text (some take a model's reasoning out), nothing can be counted and ``counted`` is empty.
    """
    if not rows:
        return []
    if not tokenizer.is_fast:
        raise ModelError("likelihood must know which characters a token holds; save a fast tokenizer (tokenizer.json)")
    texts = [render(tokenizer, [*row["prompt"], *row["completion"]]) for row in rows]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    made = []
    for row, text, ids, offsets in zip(rows, texts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        start, end, size = _span(tokenizer, row, text)
        counted = [place for place, (a, b) in enumerate(offsets) if place and a < end and b > start and a < b]
        made.append(Reading(row["id"], ids, counted, size))
    return made


def _span(tokenizer: Any, row: Row, text: str) -> tuple[int, int, int]:
    """Return where the completion's text begins and ends in the rendered whole, and its bytes; (0, 0, bytes) if not."""
    said = row["completion"][-1]["content"].strip()
    before = render(tokenizer, row["prompt"], add_generation_prompt=True)
    differ = (place for place, (one, other) in enumerate(zip(before, text, strict=False)) if one != other)
    shared = next(differ, min(len(before), len(text)))
    start = text.rfind(said) if len(row["completion"]) > 1 else text.find(said, shared)
    size = len(said.encode())
    return (start, start + len(said), size) if said and start >= 0 else (0, 0, size)


def text_readings(tokenizer: Any, rows: Sequence[Row], context: int | None = None) -> list[Reading]:
    """Encode texts (rows with ``id``, ``text`` and ``control``), each by itself, behind its own control tokens.

    A text is encoded alone and stands behind the BOS, or the EOS where the tokenizer has none; all of its own tokens
    count, and nothing else; a special token that it spells is read letter by letter (``data.texts_encoded``). Of a text
    that is longer than ``context``, with what is in front, nothing counts.
    """
    if not rows:
        return []
    start, made = front.beginning(tokenizer), []
    for row, ids in zip(rows, text_ids(tokenizer, [row["text"] for row in rows]), strict=True):
        before = [*start, *front.control_ids(tokenizer, row["control"] or ())]
        counted = list(range(len(before), len(before) + len(ids)))
        made.append(within(Reading(row["id"], [*before, *ids], counted, len(row["text"].encode())), context))
    return made


def behind(tokenizer: Any, reading: Reading, control: Sequence[int], context: int | None = None) -> Reading:
    """Return a reading with control tokens in front of it (``data.front``); the same tokens count as without them."""
    ids = front.put(tokenizer, reading.ids, control)
    counted = [place + len(ids) - len(reading.ids) for place in reading.counted]
    return within(replace(reading, ids=ids, counted=counted), context)


def within(reading: Reading, context: int | None) -> Reading:
    """Return a reading as it is, or one that counts nothing where it is longer than the context: it is never cut."""
    if context is None or len(reading.ids) <= context:
        return reading
    return replace(reading, ids=reading.ids[:1], counted=[])


def read(model: Any, pad: int, wanted: Sequence[Reading], without: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
    """Yield one row of schema *likelihoods* for each reading, in no particular order.

    ``nats`` is minus the sum of the log-probabilities of the counted tokens, each given all before it; null where none
    is counted. ``without``: ids that the model is not to expect anywhere, so that one whose vocabulary was grown by
    control tokens compares with one that was not; the rest is renormalised.
    """
    model.eval()
    scores = vocabulary(model)

    def fits(count: int, row: Reading) -> bool:
        return count <= _MOST_ROWS and count * len(row.ids) * scores <= _MOST_LOGITS

    for batch in packed(sorted(wanted, key=lambda one: (len(one.ids), one.id)), fits):
        yield from halved(batch, lambda part: _read(model, pad, part, without))


def _read(model: Any, pad: int, batch: Sequence[Reading], without: Sequence[int]) -> list[dict[str, Any]]:
    import torch

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([row.ids + [pad] * (width - len(row.ids)) for row in batch], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in batch], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        nats = [_nats(logits[at], ids[at], row.counted, without) for at, row in enumerate(batch)]
    return [
        {"id": row.id, "nats": one, "tokens": len(row.counted), "bytes": row.bytes}
        for row, one in zip(batch, nats, strict=True)
    ]


def _nats(logits: Any, ids: Any, counted: Sequence[int], without: Sequence[int]) -> float | None:
    """Return minus the log-probability of the counted ids; position ``p`` is told by the logits at ``p - 1``."""
    import torch

    if not counted:
        return None
    places = torch.tensor(counted, device=logits.device)
    said = logits[places - 1].float()
    if without:
        said[:, list(without)] = float("-inf")
    told = torch.log_softmax(said, dim=-1)
    return -float(told.gather(1, ids[places, None]).double().sum())
