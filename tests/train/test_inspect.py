"""Collators, packing and reward heads, tried on rendered ids: the known failures are found, sound ones pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven.data import chat
from leaven.data.doctor.template import probes
from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.train import inspect


@pytest.fixture(scope="module")
def base() -> Any:
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def config(base: Any) -> Any:
    return load.config(base)


@pytest.fixture
def tokenizer(base: Any) -> Any:
    return copy.deepcopy(load.tokenizer(base))


def rows(tokenizer: Any) -> list[chat.Encoded]:
    return chat.encode(tokenizer, probes(), chat.Loss())


def test_a_collator_that_masks_eos_is_run_and_told(tokenizer: Any) -> None:
    assert inspect.of_collators(tokenizer, rows(tokenizer), [tokenizer.eos_token_id]) == []
    tokenizer.pad_token = tokenizer.eos_token
    (one,) = inspect.of_collators(tokenizer, rows(tokenizer), [tokenizer.eos_token_id])
    assert (one.severity, one.check, one.rows) == ("warning", "collator", 2)
    assert "out of the loss in 2" in one.evidence and "trains with, in 0" in one.evidence


def test_a_collator_of_ours_that_lost_eos_would_be_an_error(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer.pad_token = tokenizer.eos_token
    monkeypatch.setattr(inspect, "_by_trl", inspect._by_transformers)
    (one,) = inspect.of_collators(tokenizer, rows(tokenizer), [tokenizer.eos_token_id])
    assert one.severity == "error"


def test_packing_with_position_ids_keeps_texts_apart(tokenizer: Any, config: Any) -> None:
    assert inspect.of_packing(rows(tokenizer), config, "bfd") == []
    assert inspect.of_packing(rows(tokenizer), config, "bfd", "eager") == []


def test_packing_without_isolation_is_an_error(tokenizer: Any, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = inspect.of_packing(rows(tokenizer), config, "wrapped")
    assert (one.severity, one.check) == ("error", "packing") and "start anew 1 times" in one.evidence
    packed = inspect._packed

    def ignored(texts: Any, strategy: str) -> dict[str, Any]:
        batch = packed(texts, strategy)
        batch["position_ids"] = batch["position_ids"].new_tensor([list(range(batch["input_ids"].shape[1]))])
        return batch

    monkeypatch.setattr(inspect, "_packed", ignored)  # a collator that does not let positions start anew
    assert [one.severity for one in inspect.of_packing(rows(tokenizer), config, "bfd")] == ["error"]


def test_an_architecture_that_cannot_be_drawn_is_said(tokenizer: Any, config: Any) -> None:
    with pytest.raises(ModelError, match="no small model of this architecture"):
        inspect.of_packing(rows(tokenizer), config, "bfd", "no_such_attention")


def test_a_reward_that_is_read_before_the_end(tokenizer: Any, config: Any) -> None:
    assert inspect.of_pooling(tokenizer, rows(tokenizer), config) == []
    tokenizer.pad_token = tokenizer.eos_token
    (one,) = inspect.of_pooling(tokenizer, rows(tokenizer), config, "error")
    assert (one.severity, one.check, one.rows) == ("error", "pooling", 2)
    assert "not at its last ('</s>')" in one.evidence


def test_a_reward_is_read_by_other_architectures_too(tokenizer: Any) -> None:
    from transformers import GPT2Config

    tokenizer.pad_token = tokenizer.eos_token
    assert [one.check for one in inspect.of_pooling(tokenizer, rows(tokenizer), GPT2Config())] == ["pooling"]
