"""What a model is asked under each combination of control tokens: a start, the tokens, and the prompt if there is one.

Control tokens are put by their id, never by their text; what a prompt spells out stays text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from leaven.data import texts_encoded
from leaven.data.front import beginning, control_ids
from leaven.errors import ModelError
from leaven.generate.hf import Prompt

Place = Literal["after", "before"]  # the prompt


def asked(
    tokenizer: Any,
    items: Mapping[str, str],
    conditions: Mapping[str, Sequence[str]],
    *,
    samples: int,
    place: Place,
    mark: str,
) -> list[Prompt]:
    """Return each answer that is wanted: of every item (id -> the text to go on from), condition and sample.

    They are called by the item, ``mark`` and the condition, and draw with the item's noise whatever the condition.
    The start is no part of a text, so penalties do not look at it.
    """
    first, fronts = beginning(tokenizer), {name: control_ids(tokenizer, one) for name, one in conditions.items()}
    encoded = dict(zip(items, texts_encoded.text_ids(tokenizer, list(items.values())), strict=True))
    return [
        Prompt(f"{item}{mark}{name}", sample, [*first, *_placed(front, ids, place)], noise=item, unseen=len(first))
        for item, ids in encoded.items()
        for name, front in fronts.items()
        for sample in range(samples)
    ]


def _placed(front: list[int], ids: list[int], place: Place) -> list[int]:
    return [*ids, *front] if place == "after" else [*front, *ids]


def prove_room(prompts: Sequence[Prompt], max_new_tokens: int, context: int | None) -> None:
    """Raise ModelError if a prompt and its answer do not fit into the model's context."""
    longest = max(prompts, key=lambda one: len(one.ids), default=None)
    if longest is not None and context is not None and len(longest.ids) + max_new_tokens > context:
        raise ModelError(
            f"a prompt has {len(longest.ids)} tokens with its start and control tokens, and {max_new_tokens} new ones "
            f"do not fit into a context of {context}; lower max_new_tokens, or take shorter prompts if there are some"
        )
