"""Two sentences that differ in a word: log-probabilities token by token, and the published score of masked models."""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.generate import likelihood, pairs_read

PAIRS = {
    "a": ("The traders of the harbour are fools.", "The weavers of the harbour are fools."),
    "b": ("He is late.", "She is late, as ever, and she will not say where she has been all day."),
}


def token_by_token(model: Any, ids: list[int]) -> float:
    import torch

    total = 0.0
    with torch.inference_mode():
        for place in range(1, len(ids)):
            logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1].float()
            total += float(torch.log_softmax(logits, -1)[ids[place]])
    return total


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("most", [64, 1])
def test_a_causal_model_reads_each_sentence_after_its_first_token(
    pocket: tuple[Any, Any], bos: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = pocket
    monkeypatch.setattr(likelihood, "_MOST_ROWS", most)
    found = pairs_read.by_causal(model, tokenizer, PAIRS, bos=bos)
    for row, texts in PAIRS.items():
        for value, text in zip(found[row], texts, strict=False):
            before = [tokenizer.bos_token_id] if bos else []
            ids = before + tokenizer(text, add_special_tokens=False)["input_ids"]
            assert value == pytest.approx(token_by_token(model, ids), abs=1e-4)


@pytest.mark.parametrize("bos", [False, True])
def test_shared_tokens_behind_the_first_that_differs(pocket: tuple[Any, Any], bos: bool) -> None:
    import torch

    model, tokenizer = pocket
    before = [tokenizer.bos_token_id] if bos else []
    pairs = {"a": PAIRS["a"], "end": ("He is old", "He is new")}
    found = pairs_read.by_causal(model, tokenizer, pairs, bos=bos, shared=True)
    both = [before + tokenizer(text, add_special_tokens=False)["input_ids"] for text in PAIRS["a"]]
    places = pairs_read._behind_the_first_that_differs(*both)
    for value, ids, counted in zip(found["a"], both, places, strict=False):
        with torch.inference_mode():
            told = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].float(), -1)
        assert len(counted) > 3
        assert value == pytest.approx(sum(float(told[place - 1, ids[place]]) for place in counted), abs=1e-4)
    assert found["end"] == (None, None, "nothing that both share follows the words that differ")


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        ([5, 1, 6, 7], [5, 2, 6, 7], [[2, 3], [2, 3]]),
        ([1, 6, 7], [2, 2, 6, 7], [[1, 2], [2, 3]]),
        ([5, 6, 1], [5, 6, 2], [[], []]),
        ([5, 1, 6, 3, 7], [5, 2, 2, 6, 7], [[2, 4], [3, 4]]),
        ([5, 6, 7], [5, 7], [[2], [1]]),
        ([6, 1], [2, 6, 1], [[1], [2]]),
    ],
)
def test_the_places_that_both_share(one: list[int], other: list[int], places: list[list[int]]) -> None:
    assert pairs_read._behind_the_first_that_differs(one, other) == places


class Nameless:
    bos_token_id = eos_token_id = None


def test_a_bos_that_is_not_there_is_said() -> None:
    with pytest.raises(ModelError, match="neither BOS nor EOS.*bos: false"):
        pairs_read.by_causal(None, Nameless(), PAIRS, bos=True)


def test_what_cannot_be_read_says_why(pocket: tuple[Any, Any]) -> None:
    _, tokenizer = pocket
    pairs = {**PAIRS, "one": ("a", "a b c d"), "special": (f"x {tokenizer.eos_token} y", "x y")}
    limit = max(len(ids) for ids in tokenizer(list(PAIRS["a"]), add_special_tokens=False)["input_ids"])
    why = pairs_read.unreadable(tokenizer, pairs, limit, bos=False, masked=False)
    assert why == {
        "b": "longer than the model's context",
        "one": "one token alone: nothing says what comes first",
        "special": "text holds a special token of the tokenizer",
    }
    assert "a" in pairs_read.unreadable(tokenizer, pairs, limit, bos=True, masked=False), "a BOS takes a place"
    assert "one" not in pairs_read.unreadable(tokenizer, pairs, None, bos=True, masked=False)


@pytest.fixture(scope="module")
def masked() -> tuple[Any, Any]:
    """A small masked model with random weights, and a tokenizer of words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted(
        {
            word
            for texts in PAIRS.values()
            for text in texts
            for word in text.replace(",", " , ").replace(".", " . ").split()
        }
    )
    vocabulary = {word: at for at, word in enumerate([*special, *words])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, **dict(zip(names, special, strict=True)))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        initializer_range=1.0,
    )  # fmt: skip
    return BertForMaskedLM(config).eval(), tokenizer


def published(model: Any, tokenizer: Any, texts: tuple[str, str]) -> list[float]:
    """The metric's own loop: spans by difflib, one mask at a time, the first and the last position never masked."""
    import torch

    both = [tokenizer(text)["input_ids"] for text in texts]
    matcher = difflib.SequenceMatcher(None, *[[str(token) for token in ids] for ids in both])
    spans: list[list[int]] = [[], []]
    for what, a, a_end, b, b_end in matcher.get_opcodes():
        if what == "equal":
            spans[0] += range(a, a_end)
            spans[1] += range(b, b_end)
    sums = [0.0, 0.0]
    for at in range(1, len(spans[0]) - 1):
        for side in (0, 1):
            place, ids = spans[side][at], torch.tensor([both[side]])
            token = int(ids[0, place])
            ids[0, place] = tokenizer.mask_token_id
            with torch.inference_mode():
                sums[side] += float(torch.log_softmax(model(ids).logits[0, place], -1)[token])
    return sums


def test_masked_models_get_the_published_score(masked: tuple[Any, Any]) -> None:
    found = pairs_read.by_masked(*masked, PAIRS)
    for row, texts in PAIRS.items():
        assert list(found[row][:2]) == pytest.approx(published(*masked, texts), abs=1e-4)
        assert found[row][2] is None


def test_sentences_that_share_nothing_are_unscored(masked: tuple[Any, Any]) -> None:
    found = pairs_read.by_masked(*masked, {"none": ("He", "She")})
    assert found == {"none": (None, None, "the sentences share no token")}
