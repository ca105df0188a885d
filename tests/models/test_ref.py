from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from leaven.errors import ModelError
from leaven.models import load, ref

POCKET = ref.local_folder("pocket")
assert POCKET is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(str(POCKET), tmp_path / "model"))


def declared(folder: Path | str, **about: Any) -> dict[str, Any]:
    return {"model_name_or_path": str(folder), **about}


def test_a_model_is_known_by_its_files_not_its_place(folder: Path) -> None:
    assert ref.resolve(declared(folder)).identity == ref.resolve(declared("pocket")).identity
    config = folder / "generation_config.json"
    config.write_text(config.read_text().replace("}", ', "temperature": 0.5}'))
    assert ref.resolve(declared(folder)).identity != ref.resolve(declared("pocket")).identity


def test_the_place_is_not_among_the_arguments(folder: Path) -> None:
    base = ref.resolve(declared(folder, pad_token="<pad>"))
    assert set(base.as_args()) == {"identity", "pad_token"}
    assert base.path == str(folder)


def test_a_full_commit_needs_no_network() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    base = ref.resolve(declared("some/model", revision=commit))
    assert base.identity == f"hub:some/model@{commit}" and base.hub_name == ("some/model", commit)


def test_the_hub_out_of_reach_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network\nlong story")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
    with pytest.raises(ModelError, match="pin model.revision to a full commit") as caught:
        ref.resolve(declared("some/model"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        (["config.json"], "no config.json"),
        (["model.safetensors"], "no *.safetensors"),
        (["tokenizer.json"], "has no tokenizer"),
        (["chat_template.jinja"], "set model.chat_template_path"),
    ],
)
def test_what_a_folder_lacks(folder: Path, remove: list[str], said: str) -> None:
    for name in remove:
        (folder / name).unlink()
    assert said in (ref.problem(declared(folder)) or "")


def test_a_folder_has_no_revision(folder: Path) -> None:
    assert "has no revision" in (ref.problem(declared(folder, revision="main")) or "")


def test_names_that_are_no_models() -> None:
    hub = declared("owner/name", chat_template_path="nowhere.jinja")
    assert "cannot be read" in (ref.problem(hub) or "")
    assert "try `pocket`" in (ref.problem(declared("poket")) or "")
    assert "is no folder" in (ref.problem(declared("./nowhere/x")) or "")
    assert ref.problem(declared("owner/name")) is None
    assert "did you mean 'plain'" in (ref.problem(declared("pocket", chat_template_path="plian")) or "")


def test_special_tokens_must_be_in_the_vocabulary(folder: Path) -> None:
    with pytest.raises(ModelError, match="'<nope>' is not in the vocabulary"):
        load.tokenizer(ref.resolve(declared(folder, pad_token="<nope>")))


def test_broken_weights_are_one_clear_line(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load.causal_lm(ref.resolve(declared(folder)))
    assert "\n" not in str(caught.value)


def test_missing_weights_are_not_drawn_at_random(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "layers.1.mlp" in name)
    save_file(
        {key: value for key, value in weights.items() if key != name}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ModelError, match=f"lacks 1 weights that its config asks for, first {name}"):
        load.causal_lm(ref.resolve(declared(folder)))


def test_a_broken_tokenizer_is_one_clear_line(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(json.dumps({"model": 7}))
    with pytest.raises(ModelError, match="no tokenizer can be loaded"):
        load.tokenizer(ref.resolve(declared(folder)))


def test_weights_that_are_not_finite_are_found() -> None:
    import torch

    model = load.causal_lm(ref.resolve(declared("pocket")))
    assert load.prove_finite(model) > 900_000
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    with pytest.raises(ModelError, match="is not finite"):
        load.prove_finite(model)


@pytest.mark.parametrize("part", ["a", "b"])
def test_quantised_weights_are_finite_where_all_that_they_are_made_of_is(part: str) -> None:
    import torch
    from torch.testing._internal.two_tensor import TwoTensor  # as torchao's: a weight made of several tensors

    model = torch.nn.Linear(3, 2, bias=False)
    parts = {"a": torch.ones(2, 3), "b": torch.ones(2, 3)}
    model.weight = torch.nn.Parameter(TwoTensor(*parts.values()), requires_grad=False)
    assert load.prove_finite(cast("Any", model)) == 6
    parts[part][0, 0] = float("inf")
    with pytest.raises(ModelError, match="the weight weight is not finite"):
        load.prove_finite(cast("Any", model))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float4_e2m1fn_x2", "uint4", "int8", "complex64"])
def test_every_kind_of_number_can_be_asked_whether_it_is_finite(name: str) -> None:
    import torch

    dtype = getattr(torch, name, None)
    if dtype is None:
        pytest.skip("not in this torch")
    assert load._is_finite(torch.zeros(4, dtype=torch.uint8).view(dtype) if name != "complex64" else torch.ones(1) * 1j)
    if name in ("float8_e4m3fn", "float8_e5m2"):
        assert not load._is_finite(torch.tensor([1.0, float("nan")]).to(dtype))


def test_a_base_that_was_edited_after_it_was_identified_is_refused(tmp_path: Path) -> None:
    import shutil

    from leaven.models import load

    folder = tmp_path / "model"
    shutil.copytree(str(ref.local_folder("pocket")), folder)
    base = ref.resolve({"model_name_or_path": str(folder)})
    assert load.base(base.as_args(), folder).identity == base.identity
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    load.identity_of.cache_clear()  # as in the next process
    with pytest.raises(ModelError, match="was edited after the study began"):
        load.base(base.as_args(), folder)


def test_how_a_model_is_laid_over_gpus_enters_no_key(folder: Path) -> None:
    plain, split = ref.resolve(declared(folder)), ref.resolve(declared(folder, device_map="balanced"))
    assert split.device_map == "balanced" and split == plain and split.as_args() == plain.as_args()
    assert load.base(split.as_args(), folder, "balanced").device_map == "balanced"


@pytest.mark.parametrize(("gpus", "laid"), [(0, None), (1, None), (2, "balanced")])
def test_a_device_map_is_used_where_there_are_several_gpus(
    monkeypatch: pytest.MonkeyPatch, gpus: int, laid: str | None
) -> None:
    """No GPU is needed: what the loader is asked for is looked at, and the CPU is given instead."""
    import torch
    from transformers import AutoModelForCausalLM

    stock, asked = AutoModelForCausalLM.from_pretrained, []

    def from_pretrained(**given: Any) -> Any:
        asked.append(given.pop("device_map", None))
        return stock(**given)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    load.causal_lm(ref.resolve(declared("pocket", device_map="balanced")))
    load.causal_lm(ref.resolve(declared("pocket")))
    assert asked == [laid, None]


def test_a_model_that_is_laid_out_stays_where_it_lies() -> None:
    import torch

    class Nailed(torch.nn.Linear):
        def to(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("moved")

    model = Nailed(2, 2)
    with pytest.raises(AssertionError, match="moved"):
        load._placed(model)
    model.hf_device_map = {"a": 0, "b": 1}
    assert load._placed(model) is model
