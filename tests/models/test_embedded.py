"""What a few rows on disk say: a token that no training held, an adapter that is fresh or of another base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.models.adapting import of_adapter
from leaven.models.embedded import matrix, untrained

SHARED = Path(__file__).parents[2].parent / "shared" / "models" / "stories260K"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))


def saved(folder: Path, rows: torch.Tensor) -> Any:
    save_file({"model.embed_tokens.weight": rows}, folder / "model.safetensors")
    return matrix(folder)


def test_the_pockets_eos_was_trained(tokenizer: Any) -> None:
    found = matrix(ref.local_folder("pocket") or Path())
    assert found is not None and found.shape == (1024, 128)
    assert untrained(found, tokenizer, [2]) == []


def test_a_row_like_many_others_a_copy_and_nothing(tmp_path: Path, tokenizer: Any) -> None:
    drawn = torch.randn(1024, 32, generator=torch.Generator().manual_seed(0))
    assert untrained(saved(tmp_path, drawn), tokenizer, [2]) == []
    pushed = drawn.clone()
    pushed[[2, 5, 6, 7, 200, 400]] = drawn[2] + 0.01 * drawn[:6]
    (one,) = untrained(saved(tmp_path, pushed), tokenizer, [2])
    assert (one.severity, one.check) == ("warning", "untrained") and "</s>" in one.message
    nothing = drawn.clone()
    nothing[2] = 0
    (one,) = untrained(saved(tmp_path, nothing.bfloat16()), tokenizer, [1, 2])
    assert "norm 0" in one.evidence


def test_the_head_is_read_where_there_is_one(tmp_path: Path) -> None:
    ones = {"lm_head.weight": torch.ones(4, 3), "model.embed_tokens.weight": torch.ones(5, 3)}
    save_file(ones, tmp_path / "model.safetensors")
    assert matrix(tmp_path).name == "lm_head.weight"  # type: ignore[union-attr]
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="no file of safetensors"):
        matrix(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared models are not here")
def test_stories_never_saw_their_eos() -> None:
    base = ref.resolve({"model_name_or_path": str(SHARED), "chat_template_path": "plain"})
    found = matrix(SHARED)
    assert found is not None
    (one,) = untrained(found, load.tokenizer(base), [1, 2])
    assert "</s> (2)" in one.evidence, "<s> separated the stories, so it was trained"


def adapter(folder: Path, base: Path, up: torch.Tensor, width: int = 128) -> Path:
    folder.mkdir()
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {f"{module}.lora_A.weight": torch.ones(4, width), f"{module}.lora_B.weight": up}
    save_file(weights, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    return folder


def test_an_adapter_that_is_fresh_or_of_another_base(tmp_path: Path) -> None:
    pocket = ref.local_folder("pocket") or Path()
    trained = adapter(tmp_path / "trained", pocket, torch.ones(128, 4))
    assert of_adapter(trained) == []
    (one,) = of_adapter(adapter(tmp_path / "fresh", pocket, torch.zeros(128, 4)))
    assert one.severity == "error" and "never trained" in one.message
    (one,) = of_adapter(adapter(tmp_path / "other", pocket, torch.ones(128, 4), width=64))
    assert one.severity == "error" and "does not fit" in one.message
    (one,) = of_adapter(adapter(tmp_path / "stacked", trained, torch.ones(128, 4)))
    assert one.severity == "error" and "over another adapter" in one.message
