"""Texts as ids, and the blocks they are put into: what a language model is trained on, token by token."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data import blocks as room
from leaven.data.blocks import Blocks, shuffled
from leaven.data.texts_encoded import encode, neutraliser, start_ids, text_ids
from leaven.errors import DataError, ModelError
from leaven.models import load, ref

TOKENS = ("<|neg|>", "<|pos|>")
NEG, POS = 1024, 1025


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load.tokenizer(replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS))


@pytest.fixture(scope="module")
def without_bos(tokenizer: Any) -> Any:
    import copy

    made = copy.deepcopy(tokenizer)
    made.bos_token = made.eos_token
    return made


def test_a_text_is_bos_control_ids_text_eos(tokenizer: Any, without_bos: Any) -> None:
    rows = [{"text": "the river", "control": ["<|pos|>", "<|neg|>"]}, {"text": "the river", "control": None}]
    (plain,) = text_ids(tokenizer, ["the river"])
    assert encode(tokenizer, rows) == [[1, POS, NEG, *plain, 2], [1, *plain, 2]]
    assert encode(without_bos, rows) == [[POS, NEG, *plain, 2], [*plain, 2]] and start_ids(without_bos) == []


def test_a_control_token_that_the_tokenizer_does_not_have_is_named(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match=r"<\|posi\|>"):
        encode(tokenizer, [{"text": "a", "control": ["<|posi|>"]}])


PIECES = st.sampled_from(["<|pos|>", "<|neg|>", "</s>", "<s>", "<", "|", "pos", ">", " ", "a"])


@given(st.lists(PIECES, max_size=20).map("".join))
def test_no_raw_text_becomes_a_special_token(tokenizer: Any, text: str) -> None:
    """Not even where nobody neutralised it; and neutralised it spells none."""
    special = {NEG, POS, 0, 1, 2}
    assert not special & set(text_ids(tokenizer, [text])[0])
    neutral = neutraliser(tokenizer)(text)
    assert not [token for token in (*TOKENS, "</s>", "<s>", "<pad>") if token in neutral]
    assert not special & set(tokenizer(neutral, add_special_tokens=False).input_ids)


def test_what_is_neutralised_stays_readable_and_else_nothing_changes(tokenizer: Any) -> None:
    neutral = neutraliser(tokenizer)
    assert neutral("so <|pos|> it is</s>") == "so < |pos|> it is< /s>"
    assert neutral("2 < 3 | <b>") == "2 < 3 | <b>"
    assert neutral("<<|pos|><|pos|>") == "<< |pos|>< |pos|>"


def texts(count: int = 200, seed: int = 0) -> list[tuple[str, list[int]]]:
    rng = random.Random(seed)
    return [(f"t{at}", [rng.randrange(3, 900) for _ in range(rng.randrange(2, 20))]) for at in range(count)]


@given(st.integers(1, 60), st.integers(20, 50), st.booleans())
def test_grouped_blocks_are_the_stream_cut_and_account_for_every_token(count: int, size: int, opening: bool) -> None:
    taken = texts(count)
    stream = [2] * opening + [token for _, ids in taken for token in ids]
    made = Blocks(size, "group", [2] * opening)
    if len(stream) < size:
        with pytest.raises(DataError, match=f"the texts have {len(stream)} tokens, too few for one block"):
            list(made.of(taken))
        return
    found = [ids for _, ids in made.of(taken)]
    assert all(len(ids) == size for ids in found)
    assert [token for ids in found for token in ids] == stream[: len(stream) // size * size] and made.cut == len(
        stream
    ) % size


@pytest.mark.parametrize("opening", [[], [2]])
def test_packed_blocks_hold_each_text_whole_and_once(opening: list[int]) -> None:
    taken = [(name, [at + 1000, *ids]) for at, (name, ids) in enumerate(texts(500))]
    made = Blocks(64, "pack", opening)
    found = [ids for _, ids in made.of(taken)]
    assert all(len(ids) <= 64 and ids[: len(opening)] == opening for ids in found) and made.cut == 0
    joined = [ids[len(opening) :] for ids in found]
    places = [(row, ids.index(at + 1000)) for at in range(500) for row, ids in enumerate(joined) if at + 1000 in ids]
    assert len(places) == 500
    for (row, start), (_, ids) in zip(places, taken, strict=True):
        assert joined[row][start : start + len(ids)] == ids
    filled = sum(map(len, found)) / (64 * len(found))
    assert filled > 0.9, "first fit leaves little room"


def test_without_packing_each_text_is_a_block_under_its_own_id() -> None:
    assert list(Blocks(64, "none", [2]).of([("a", [5, 6]), ("b", [7])])) == [("a", [2, 5, 6]), ("b", [2, 7])]


@pytest.mark.parametrize("packing", ["pack", "none"])
def test_a_whole_text_that_is_longer_than_a_block_is_named(packing: Any) -> None:
    with pytest.raises(DataError, match="the text long has 65 tokens, more than max_length 64; leave such texts out"):
        list(Blocks(64, packing, []).of([("long", [5] * 65)]))


def test_the_order_is_by_the_ids_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = texts()
    order = [name for name, _ in shuffled(taken, len(taken), tmp_path / "a")]
    assert sorted(order) == sorted(name for name, _ in taken) and order != [name for name, _ in taken]
    turned = list(shuffled(taken[::-1], len(taken), tmp_path / "a"))
    assert [name for name, _ in turned] == order and dict(turned) == dict(taken)
    few = [name for name, _ in shuffled(taken[50:150], 100, tmp_path / "a")]
    assert few == [name for name in order if name in set(few)], "texts that two arms share come in the same order"
    monkeypatch.setattr(room, "IN_HAND", 30)  # by way of files
    assert list(shuffled(taken, len(taken), tmp_path / "a")) == turned
    assert not list(tmp_path.iterdir())
