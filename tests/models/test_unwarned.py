"""Whoever loads an adapter is not told by which name PEFT asks transformers, and of all else is."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from leaven.models import adapters, load, ref
from leaven.models.unwarned import unwarned


@pytest.fixture(scope="module")
def base() -> ref.Base:
    torch.set_num_threads(1)
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def adapter(base: ref.Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("adapter")
    over = get_peft_model(load.causal_lm(base), LoraConfig(r=2, task_type="CAUSAL_LM"))
    over.save_pretrained(folder / "adapter", selected_adapters=["default"])
    ref.ModelRef(base.as_args(), ("adapter",), "policy", ()).save(folder)
    return folder


def test_an_adapter_is_loaded_without_a_word(base: ref.Base, adapter: Path) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        load.under(load.causal_lm(base), adapter / "adapter")
        adapters._with_parts(load.causal_lm(base), [adapter, adapter], adapters.How((1.0, 0.5)))
    assert not [one for one in said if "is_gradient_checkpointing" in str(one.message)]


def test_any_other_warning_shows() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with unwarned():
            warnings.warn("`is_gradient_checkpointing` is deprecated and will be removed", FutureWarning, stacklevel=1)
            warnings.warn("`another_name` is deprecated", FutureWarning, stacklevel=1)
            warnings.warn("`is_gradient_checkpointing` is deprecated", UserWarning, stacklevel=1)
        warnings.warn("`is_gradient_checkpointing` is deprecated", FutureWarning, stacklevel=1)
    assert [one.category for one in said] == [FutureWarning, UserWarning, FutureWarning]
    assert "another_name" in str(said[0].message)
