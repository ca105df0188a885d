"""Which of two answers a model prefers: log-probabilities of a language model, or rewards of a reward model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leaven.data import chat
from leaven.data.front import put
from leaven.generate import likelihood
from leaven.generate.batches import halved, packed
from leaven.models import reading
from leaven.rows import Row

SIDES = ("chosen", "rejected")
_MOST_ROWS = 64
_MOST_TOKENS = 1 << 15  # in one batch, with padding

Told = tuple[str, str, float | None, int | None]  # a row's id, which answer, its score, and the tokens it sums over


@dataclass(frozen=True)
class Conversation:
    """A prompt with one of its two answers as a reward model reads it: the whole rendered conversation."""

    id: str
    side: str
    ids: list[int]


def log_probabilities(
    model: Any, tokenizer: Any, rows: Sequence[Row], front: Sequence[int] = (), without: Sequence[int] = ()
) -> Iterator[Told]:
    """Yield the summed log-probability of each answer's own text, given its prompt, in no particular order.

    Counted as by the verb ``likelihood``: what the chat template puts around the answer, EOS too, is read and not
    counted. The score is null where nothing can be counted. ``front``: control tokens in front of both conversations;
    ``without``: ids that the model is not to expect anywhere.
    """
    wanted = []
    for side in SIDES:
        shown = [{**row, "completion": row[side]} for row in rows]
        read = likelihood.readings(tokenizer, shown)
        asked = [likelihood.behind(tokenizer, one, front) for one in read] if front else read
        wanted += [replace(one, id=f"{side}:{one.id}") for one in asked]
    for one in likelihood.read(model, tokenizer.pad_token_id, wanted, without):
        side, _, row = one["id"].partition(":")
        yield row, side, None if one["nats"] is None else -one["nats"], one["tokens"]


def conversations(tokenizer: Any, rows: Sequence[Row], front: Sequence[int] = ()) -> list[Conversation]:
    """Encode each row's two whole conversations by the chat template, as they are trained on, behind control tokens."""
    made = []
    for side in SIDES:
        texts = [chat.render(tokenizer, [*row["prompt"], *row[side]]) for row in rows]
        encoded = [put(tokenizer, ids, front) for ids in chat.ids(tokenizer, texts)]
        made += [Conversation(row["id"], side, ids) for row, ids in zip(rows, encoded, strict=True)]
    return made


def rewards(model: Any, wanted: Sequence[Conversation]) -> Iterator[Told]:
    """Yield the reward of each conversation, in no particular order; null where it is no finite number.

    Batched by length and padded on the right with the model's own pad token, by which it finds a text's end: a text's
    reward alone is its reward in a batch (in float32 to 1e-5). A reward sums over no tokens, so there are none.
    """
    model.eval()
    most = _MOST_ROWS if model.config.get_text_config().pad_token_id is not None else 1

    def fits(count: int, row: Conversation) -> bool:
        return count <= most and count * len(row.ids) <= _MOST_TOKENS

    for batch in packed(sorted(wanted, key=lambda one: (len(one.ids), one.id, one.side)), fits):
        yield from halved(batch, lambda part: _rewards(model, part))


def _rewards(model: Any, batch: Sequence[Conversation]) -> list[Told]:
    found = reading.rewards(model, [row.ids for row in batch])
    return [
        (row.id, row.side, value if math.isfinite(value) else None, None)
        for row, value in zip(batch, found, strict=True)
    ]


def verdicts(rows: Sequence[Row], told: Sequence[Told]) -> list[Row]:
    """Return one row of schema *verdicts* for each preference, in their order."""
    found = {(row, side): (score, tokens) for row, side, score, tokens in told}
    made = []
    for row in rows:
        both = {side: found[row["id"], side] for side in SIDES}
        scores = {side: score for side, (score, _) in both.items()}
        made.append({"id": row["id"], **scores, **{f"{side}_tokens": tokens for side, (_, tokens) in both.items()}})
    return made
