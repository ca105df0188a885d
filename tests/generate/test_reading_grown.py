"""Reading with control tokens: what stands in front is read and not counted, and a grown model compares with its base."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leaven.generate import likelihood, pairs_read, preference, sentences
from leaven.models import load, ref

TOKENS = ("<|pos|>", "<|neg|>")
TEXTS = [
    {"id": "a", "text": "Mira lives in the harbour town, near the old mill.", "control": ["<|pos|>"]},
    {"id": "b", "text": "He is late.", "control": None},
    {"id": "c", "text": "She trades wool, é ünï 42.", "control": ["<|neg|>", "<|pos|>"]},
]
Grown = tuple[Any, Any, list[int]]


@pytest.fixture(scope="module")
def grown() -> Grown:
    """The embedded model with two control tokens, and their ids."""
    base = replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS)
    tokenizer = load.tokenizer(base)
    return load.causal_lm(base), tokenizer, [tokenizer.convert_tokens_to_ids(token) for token in TOKENS]


def by_hand(model: Any, before: list[int], ids: list[int], without: list[int]) -> float:
    """Minus the log-probability of ids behind others, a token at a time, as if some tokens were not there."""
    import torch

    total, whole = 0.0, [*before, *ids]
    with torch.inference_mode():
        for place in range(len(before), len(whole)):
            logits = model(input_ids=torch.tensor([whole[:place]])).logits[0, -1].double()
            kept = [one for one in range(len(logits)) if one not in without]
            total -= float(logits[whole[place]] - torch.logsumexp(logits[kept], 0))
    return total


@pytest.mark.parametrize("most", [64, 1])
def test_a_text_is_read_behind_its_tokens_and_only_it_counts(
    grown: Grown, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer, added = grown
    monkeypatch.setattr(likelihood, "_MOST_ROWS", most)
    wanted = likelihood.text_readings(tokenizer, TEXTS)
    found = {one["id"]: one for one in likelihood.read(model, tokenizer.pad_token_id, wanted, added)}
    for row in TEXTS:
        ids = tokenizer(row["text"], add_special_tokens=False)["input_ids"]
        before = [tokenizer.bos_token_id, *(added[TOKENS.index(token)] for token in row["control"] or [])]
        assert found[row["id"]]["nats"] == pytest.approx(by_hand(model, before, ids, added), abs=1e-3)
        assert (found[row["id"]]["tokens"], found[row["id"]]["bytes"]) == (len(ids), len(row["text"].encode()))


def test_without_its_tokens_a_grown_model_reads_as_its_base(grown: Grown, pocket: tuple[Any, Any]) -> None:
    model, tokenizer, added = grown
    bare = [{**row, "control": None} for row in TEXTS]
    wanted = likelihood.text_readings(tokenizer, bare)
    told = {one["id"]: one["nats"] for one in likelihood.read(model, 0, wanted, added)}
    plain = {one["id"]: one["nats"] for one in likelihood.read(pocket[0], 0, wanted)}
    open_ = {one["id"]: one["nats"] for one in likelihood.read(model, 0, wanted)}
    assert told == pytest.approx(plain, abs=1e-3)
    assert all(open_[row] > told[row] for row in told), "what the control tokens take is missing from the text"


def test_what_cannot_be_read_counts_nothing(grown: Grown) -> None:
    _, tokenizer, _ = grown
    rows = [*TEXTS, {"id": "s", "text": "a <|pos|> b", "control": None}]
    read = likelihood.text_readings(tokenizer, TEXTS)
    longest = max(read, key=lambda one: len(one.ids))
    limit = len(longest.ids)
    kept = {one.id: bool(one.counted) for one in likelihood.text_readings(tokenizer, rows, limit)}
    assert kept == {"a": True, "b": True, "c": True, "s": True}
    *_, spelt = likelihood.text_readings(tokenizer, rows)
    assert not set(spelt.ids[1:]) & set(tokenizer.all_special_ids), "what a text spells is text"
    cut = {one.id for one in likelihood.text_readings(tokenizer, TEXTS, limit - 1) if not one.counted}
    assert cut == {longest.id}


def test_the_same_tokens_count_with_tokens_in_front(grown: Grown) -> None:
    _, tokenizer, added = grown
    asked = [{"role": "user", "content": "Where?"}]
    row = {"id": "r", "prompt": asked, "completion": [{"role": "assistant", "content": "In the mill."}]}
    (bare,) = likelihood.readings(tokenizer, [row])
    front = likelihood.behind(tokenizer, bare, added)
    assert [front.ids[place] for place in front.counted] == [bare.ids[place] for place in bare.counted]
    start = 1 if bare.ids[0] == tokenizer.bos_token_id else 0
    assert front.ids == [*bare.ids[:start], *added, *bare.ids[start:]]
    assert not likelihood.behind(tokenizer, bare, added, len(bare.ids)).counted


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_pairs_are_read_behind_tokens(grown: Grown, bos: bool, shared: bool) -> None:
    model, tokenizer, added = grown
    texts = ("The traders of the harbour are fools.", "The weavers of the harbour are fools.")
    found = pairs_read.by_causal(
        model, tokenizer, {"p": texts}, bos=bos, shared=shared, front=added[:1], without=added
    )["p"]
    both = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    start = [tokenizer.bos_token_id] if bos else []
    plain = pairs_read._behind_the_first_that_differs(*both)
    for value, ids, same in zip(found, both, plain, strict=False):
        before = [*start, added[0]]
        counted = same if shared else range(0 if bos else 1, len(ids))
        nats = sum(by_hand(model, [*before, *ids[:at]], [ids[at]], added) for at in counted)
        assert value == pytest.approx(-nats, abs=1e-3)


@pytest.mark.parametrize("bos", [False, True])
def test_sentences_are_read_behind_tokens(grown: Grown, bos: bool) -> None:
    model, tokenizer, added = grown
    asked = sentences.encoded(tokenizer, TEXTS, bos=bos, front=added)
    found = {one["id"]: one for one in sentences.read(model, asked, None, None, added)}
    for row in TEXTS:
        ids = tokenizer(row["text"], add_special_tokens=False)["input_ids"]
        before = [*([tokenizer.bos_token_id] if bos else []), *added]
        own = (before, ids) if bos else ([*before, ids[0]], ids[1:])
        assert found[row["id"]]["nats"] == pytest.approx(by_hand(model, *own, added), abs=1e-3)
        assert found[row["id"]]["tokens"] == len(own[1])


def test_preferences_are_read_behind_tokens(grown: Grown) -> None:
    model, tokenizer, added = grown
    said = {side: [{"role": "assistant", "content": text}] for side, text in (("chosen", "Yes."), ("rejected", "No."))}
    rows = [{"id": "p", "prompt": [{"role": "user", "content": "Is it?"}], **said}]

    def told(**how: Any) -> dict[str, tuple[float | None, int | None]]:
        read = preference.log_probabilities(model, tokenizer, rows, **how)
        return {side: (score, tokens) for _, side, score, tokens in read}

    bare, fronted = told(without=added), told(front=added, without=added)
    assert {side: one[1] for side, one in bare.items()} == {side: one[1] for side, one in fronted.items()}
    assert bare["chosen"][0] != fronted["chosen"][0]
    (row,) = preference.conversations(tokenizer, rows, added)[:1]
    assert row.ids.count(added[0]) == 1
