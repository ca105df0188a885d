"""How expected two sentences that differ in a word or two are to a model: causal, or masked."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leaven.errors import ModelError
from leaven.generate import sentences
from leaven.generate.likelihood import Reading, read
from leaven.generate.spellings import HELD, specials

SIDES = ("more", "less")
Pairs = Mapping[str, tuple[str, str]]  # a row's id -> the more stereotypical sentence, and the other
Found = dict[str, tuple[float | None, float | None, str | None]]  # -> log-probabilities, and why there is none


def unreadable(
    tokenizer: Any, pairs: Pairs, context: int | None, *, bos: bool, masked: bool, front: int = 0
) -> dict[str, str]:
    """Return, by row, why a pair cannot be scored; those that can are not in it. ``front``: how many control tokens."""
    spelled = specials(tokenizer)
    around = tokenizer.num_special_tokens_to_add() if masked else int(bos)
    found = {}
    for row, texts in pairs.items():
        lengths = [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]]
        if any(token in text for token in spelled for text in texts):
            found[row] = HELD
        elif context is not None and max(lengths) + around + front > context:
            found[row] = "longer than the model's context"
        elif min(lengths) + around < 2:
            found[row] = "one token alone: nothing says what comes first"
    return found


def by_causal(
    model: Any,
    tokenizer: Any,
    pairs: Pairs,
    *,
    bos: bool = False,
    shared: bool = False,
    front: Sequence[int] = (),
    without: Sequence[int] = (),
) -> Found:
    """Return the log-probability of each sentence: of its tokens after the first, each given all before it.

    No chat template. Without ``bos`` the first token is read and not scored; with it a BOS (EOS, where the tokenizer
    has no BOS) stands before the sentence, and every token is scored. ``shared``: only the tokens that both sentences
    have, behind the first that differs (those before it are equally likely). ``front``: control tokens before the
    sentence, behind the BOS; the same tokens count as without them. ``without``: as for ``likelihood.read``. Batched;
    equal whatever the batch in float32.
    """
    before, wanted = [_beginning(tokenizer)] if bos else [], []
    for row, texts in pairs.items():
        both = [[*before, *ids] for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
        counted = _behind_the_first_that_differs(*both) if shared else [list(range(1, len(ids))) for ids in both]
        for side, ids, places, text in zip(SIDES, both, counted, texts, strict=True):
            asked, later = [*before, *front, *ids[len(before) :]], [place + len(front) for place in places]
            wanted.append(Reading(f"{side}:{row}", asked, later, len(text.encode())))
    told = {one["id"]: one["nats"] for one in read(model, tokenizer.pad_token_id, wanted, without)}
    nothing = "nothing that both share follows the words that differ"
    return {row: _found(told[f"more:{row}"], told[f"less:{row}"], nothing) for row in pairs}


def _behind_the_first_that_differs(one: list[int], other: list[int]) -> list[list[int]]:
    """Return, of each of two sentences, the places of the tokens that both have, from where they begin to differ."""
    same = itertools.takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))
    first = max(1, sum(1 for _ in same))
    blocks = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    places = [(block.a + at, block.b + at) for block in blocks for at in range(block.size)]
    kept = [both for both in places if min(both) >= first]
    return [[both[side] for both in kept] for side in (0, 1)]


def _found(more: float | None, less: float | None, nothing: str) -> tuple[float | None, float | None, str | None]:
    """Return both log-probabilities, or that there is ``nothing`` to read them off."""
    return (None, None, nothing) if more is None or less is None else (-more, -less, None)


def _beginning(tokenizer: Any) -> int:
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if token is None:
        raise ModelError("the tokenizer has neither BOS nor EOS to stand before a sentence; write `bos: false`")
    return int(token)


def by_masked(model: Any, tokenizer: Any, pairs: Pairs) -> Found:
    """Return the published score of CrowS-Pairs for masked models: the pseudo-log-likelihood of the shared tokens.

    Each token that both sentences share is hidden in turn, and its log-probability given all others is summed; tokens
    in which they differ are given and never hidden, so a rare name costs nothing (Nangia et al. 2020, after Salazar et
    al. 2020). The original rounds each sum to three digits before it compares; nothing is rounded here.
    """
    wanted = [one for row, texts in pairs.items() for one in _shared(tokenizer, row, texts)]
    told = {one["id"]: one["nats"] for one in sentences.read(model, wanted, None, tokenizer.mask_token_id)}
    nothing = "the sentences share no token"
    return {row: _found(told[f"more:{row}"], told[f"less:{row}"], nothing) for row in pairs}


def _shared(tokenizer: Any, row: str, texts: Sequence[str]) -> Iterator[sentences.Sentence]:
    """Yield both sentences of a pair; what counts of each are the tokens that both have, but for special ones."""
    both = tokenizer(list(texts))["input_ids"]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    blocks = difflib.SequenceMatcher(None, both[0], both[1], autojunk=False).get_matching_blocks()
    for number, (side, ids, text) in enumerate(zip(SIDES, both, texts, strict=True)):
        places = (block[number] + at for block in blocks for at in range(block.size))
        counted = tuple(place for place in places if ids[place] not in special)
        yield sentences.Sentence(f"{side}:{row}", tuple(ids), counted, len(text.encode()))
