"""Verdicts on two answers: equal to one at a time, whatever the batch; log-probabilities counted as everywhere."""

from __future__ import annotations

import math
from typing import Any

import pytest

from leaven.generate import likelihood, preference

ANSWERS = [
    ("Yes.", "No, and I will not say why, for it is a long story of wool and of the old mill by the sea."),
    ("Mira lives in the harbour town.", "I do not know."),
    ("Good morning to you, and how is the weather there in the village?", ""),
]


def pair(number: int, chosen: str, rejected: str) -> dict[str, Any]:
    said = {
        side: [{"role": "assistant", "content": text}] for side, text in (("chosen", chosen), ("rejected", rejected))
    }
    return {"id": f"p{number}", "prompt": [{"role": "user", "content": f"Where? {'More, please. ' * number}"}], **said}


ROWS = [pair(number, *both) for number, both in enumerate(ANSWERS)]


def judge(tokenizer: Any, pad: int | None, seed: int = 0) -> Any:
    """Return a small reward model with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_labels=1, pad_token_id=pad, max_position_embeddings=512, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForSequenceClassification(config)


def rewards(model: Any, tokenizer: Any, rows: list[dict[str, Any]]) -> dict[tuple[str, str], float | None]:
    told = preference.rewards(model, preference.conversations(tokenizer, rows))
    return {(row, side): score for row, side, score, _ in told}


@pytest.mark.parametrize("padded_with", ["pad", "eos"])
def test_a_texts_reward_alone_is_its_reward_in_a_padded_batch(pocket: tuple[Any, Any], padded_with: str) -> None:
    import torch

    _, tokenizer = pocket
    model = judge(tokenizer, getattr(tokenizer, f"{padded_with}_token_id"))
    together = rewards(model, tokenizer, ROWS)
    assert len({round(value or 0, 4) for value in together.values()}) == 2 * len(ROWS), "each text has its own reward"
    for one in preference.conversations(tokenizer, ROWS):
        with torch.inference_mode():
            alone = model(input_ids=torch.tensor([one.ids])).logits.item()
        assert together[one.id, one.side] == pytest.approx(alone, abs=1e-5)


def test_without_a_pad_token_each_text_is_read_alone(pocket: tuple[Any, Any]) -> None:
    _, tokenizer = pocket
    padded, bare = judge(tokenizer, tokenizer.pad_token_id), judge(tokenizer, None)
    assert rewards(bare, tokenizer, ROWS) == pytest.approx(rewards(padded, tokenizer, ROWS), abs=1e-5)


def test_a_reward_that_is_no_number_is_unscored_and_sums_over_no_tokens(pocket: tuple[Any, Any]) -> None:
    import torch

    _, tokenizer = pocket
    model = judge(tokenizer, tokenizer.pad_token_id)
    with torch.no_grad():
        model.score.weight.fill_(math.nan)
    told = list(preference.rewards(model, preference.conversations(tokenizer, ROWS)))
    made = preference.verdicts(ROWS, told)
    empty = dict.fromkeys(("chosen", "rejected", "chosen_tokens", "rejected_tokens"))
    assert made == [{"id": row["id"], **empty} for row in ROWS]


def test_the_whole_conversation_is_judged_as_it_is_trained(pocket: tuple[Any, Any]) -> None:
    from leaven.data import chat

    _, tokenizer = pocket
    read = {(one.id, one.side): one.ids for one in preference.conversations(tokenizer, ROWS)}
    for row in ROWS:
        for side in preference.SIDES:
            (trained,) = chat.encode(tokenizer, [{**row, "completion": row[side]}], chat.Loss())
            assert read[row["id"], side] == trained.input_ids


@pytest.mark.parametrize("most", [64, 1])
def test_log_probabilities_are_those_of_likelihood(
    pocket: tuple[Any, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = pocket
    monkeypatch.setattr(likelihood, "_MOST_ROWS", most)
    made = preference.verdicts(ROWS, list(preference.log_probabilities(model, tokenizer, ROWS)))
    assert [one["id"] for one in made] == [row["id"] for row in ROWS]
    for one, row in zip(made, ROWS, strict=True):
        for side in preference.SIDES:
            reading = likelihood.readings(tokenizer, [{**row, "completion": row[side]}])
            (alone,) = likelihood.read(model, tokenizer.pad_token_id, reading)
            assert one[f"{side}_tokens"] == alone["tokens"]
            assert one[side] == (None if alone["nats"] is None else pytest.approx(-alone["nats"], abs=1e-4))
    assert made[2]["rejected"] is None, "an empty answer has no probability"
