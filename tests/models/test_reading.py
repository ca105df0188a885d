"""Rewards of texts: how a text's end is found, and what cannot be read without a pad token."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from leaven.errors import ModelError
from leaven.generate import preference
from leaven.models import reading


@pytest.fixture(scope="module")
def unpadded() -> Any:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
                         num_labels=1, initializer_range=0.5)  # fmt: skip
    return LlamaForSequenceClassification(config).eval()


def test_without_a_pad_token_texts_are_read_one_by_one_or_not_at_all(unpadded: Any) -> None:
    texts = [[1, 5, 6], [1, 7, 8, 9, 10]]
    assert unpadded.config.pad_token_id is None
    alone = [reading.rewards(unpadded, [text])[0] for text in texts]
    with pytest.raises(ModelError, match="names no pad token"):
        reading.rewards(unpadded, texts)
    wanted = [preference.Conversation(str(index), "chosen", text) for index, text in enumerate(texts)]
    assert [value for _, _, value, _ in preference.rewards(unpadded, wanted)] == alone
