"""What is said of the base of trainings: from files alone, in the words of what is trained, and never a failure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from leaven.models import load, ref
from leaven.report.text import clip
from leaven.stages import doctor_base

EMBEDDED = "model.embed_tokens.weight"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a copy of the pocket's folder, to break."""
    return Path(shutil.copytree(ref.local_folder("pocket") or Path(), tmp_path / "model"))


def never_stopped(model: Path) -> None:
    """Push the row of EOS, and those of many others, to one place."""
    weights = load_file(model / "model.safetensors")
    name = EMBEDDED if EMBEDDED in weights else "lm_head.weight"
    weights[name][[2, *range(3, 400)]] = weights[name][2] * torch.ones(398, 1)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def told(model: Path, out: Path, trains: str = "adapter", **base: Any) -> list[str]:
    load.identity_of.cache_clear()  # a test edits a folder, which no run does
    args = {"identity": ref.folder_identity(model), **base}
    out.mkdir(exist_ok=True)
    return list(doctor_base({"model": args, "trains": trains}, {"base": model}, out)["warnings"])


def test_a_sound_base_is_silent(model: Path, tmp_path: Path) -> None:
    assert told(model, tmp_path / "out") == []
    assert json.loads((tmp_path / "out" / "findings.json").read_text()) == []


def test_an_end_that_no_training_held_is_told_for_what_is_trained(model: Path, tmp_path: Path) -> None:
    never_stopped(model)
    (adapter,), (whole,) = (told(model, tmp_path / name, name) for name in ("adapter", "whole"))
    assert adapter.startswith("warning: generation stops at </s>, which the model never saw in training")
    assert "an adapter leaves this row as it is" in adapter and "adapter" not in whole
    (found,) = json.loads((tmp_path / "adapter" / "findings.json").read_text())
    assert found["check"] == "untrained"


def test_the_page_shows_it_whole(model: Path, tmp_path: Path) -> None:
    never_stopped(model)
    (said,) = told(model, tmp_path / "out")
    said = f"the base of gentle-lora, strong-lora: {said}"
    assert clip(said) == said


def test_weights_that_are_drawn_anew_hold_no_row(model: Path, tmp_path: Path) -> None:
    never_stopped(model)
    assert told(model, tmp_path / "out", "whole", from_config=True) == []


def test_what_would_be_an_error_elsewhere_is_a_warning(model: Path, tmp_path: Path) -> None:
    said = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(json.dumps({**said, "bos_token_id": 99999}))
    (one,) = told(model, tmp_path / "out")
    assert one.startswith("warning: generation_config names ids that the model does not have")


def test_rows_that_cannot_be_read_fail_nothing(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").write_bytes(b"no tensors")
    (one,) = told(model, tmp_path / "out")
    assert one.startswith("warning: the base's rows of tokens could not be looked at") and "no file of saf" in one


@pytest.mark.parametrize("sharded", [False, True])
def test_a_base_of_the_hub_is_read_where_it_is_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharded: bool
) -> None:
    """Of a base in several files, the one with the matrix is enough."""
    import huggingface_hub.constants

    never_stopped(model)
    commit, kept = "a" * 40, tmp_path / "hub"
    place = kept / "models--own--er" / "snapshots" / commit
    shutil.copytree(model, place)
    if sharded:
        (place / "model.safetensors").rename(place / "model-00001-of-00002.safetensors")
        files = {EMBEDDED: "model-00001-of-00002.safetensors", "model.norm.weight": "model-00002-of-00002.safetensors"}
        (place / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
        absent = kept / "models--own--er" / ".no_exist" / commit
        absent.mkdir(parents=True)
        (absent / "model.safetensors").touch()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(kept))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    out = tmp_path / "out"
    out.mkdir()
    args = {"model": {"identity": f"hub:own/er@{commit}"}, "trains": "adapter"}
    (one,) = doctor_base(args, {}, out)["warnings"]
    assert "never saw in training" in one
