"""Combinations of adapters: what they are is computed here by hand, from the adapters' own files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from leaven.errors import ModelError
from leaven.models import adapters, load, ref
from leaven.models.adapters import How

Made = Callable[..., Path]
IDS = torch.tensor([[1, 40, 41, 300, 17, 99, 5, 2]])


@pytest.fixture(scope="module")
def base() -> ref.Base:
    torch.set_num_threads(1)
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def made(base: ref.Base, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """An artefact with an adapter whose numbers are drawn, so that it says something."""
    return lambda seed, **declared: drawn(base, tmp_path_factory.mktemp("part"), seed, **declared)


def drawn(base: ref.Base, folder: Path, seed: int, added: dict[str, int] | None = None, **declared: Any) -> Path:
    from peft import LoraConfig, get_peft_model

    from leaven.models import grown

    model, torch_seed = load.causal_lm(base), torch.Generator().manual_seed(seed)
    rows = {"trainable_token_indices": grown.modules(model, added)} if added else {}
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"], **declared, **rows}
    over = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, weight in over.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn(weight.shape, generator=torch_seed) * 0.1
    over.save_pretrained(folder / "adapter", selected_adapters=["default"])
    over.generation_config.save_pretrained(folder)
    load.tokenizer(base).save_pretrained(folder)
    lineage = ({"trainer": "sft", "trained": "adapter", "base": base.identity, "seed": seed, "started_from": {}},)
    ref.ModelRef(base.as_args(), ("adapter",), "policy", lineage).save(folder)
    return folder


def changes(folder: Path) -> dict[str, torch.Tensor]:
    """What an adapter adds to each weight, from its file and nothing else: (alpha / r) B A."""
    said = json.loads((folder / "adapter/adapter_config.json").read_text())
    stored = load_file(folder / "adapter/adapter_model.safetensors")
    factor = said["lora_alpha"] / (said["r"] ** 0.5 if said["use_rslora"] else said["r"])
    firsts = [name for name in stored if ".lora_A." in name]
    return {
        name.removeprefix("base_model.model.").replace(".lora_A", ""): factor
        * (stored[name.replace(".lora_A.", ".lora_B.")] @ stored[name])
        for name in firsts
    }


def logits(model: Any) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def by_hand(base: ref.Base, parts: list[tuple[Path, float]]) -> torch.Tensor:
    """The logits of the base plus weight x change of each part."""
    model = load.causal_lm(base)
    state = dict(model.named_parameters())
    with torch.no_grad():
        for folder, weight in parts:
            for name, change in changes(folder).items():
                state[name] += weight * change
    return logits(model)


def hollow(base: ref.Base, folder: Path) -> Any:
    return adapters.hollow(folder, Path(str(base.path)))


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.7, -0.4)])
def test_cat_is_the_base_plus_each_change_times_its_weight(base: ref.Base, made: Made, weights: Any) -> None:
    one, other = made(1), made(2, r=8, lora_alpha=8, target_modules=["q_proj", "gate_proj"])
    over = adapters.combined(load.causal_lm(base), [one, other], How(weights))
    wanted = by_hand(base, [(one, weights[0]), (other, weights[1])])
    assert torch.allclose(logits(over), wanted, atol=2e-5), (logits(over) - wanted).abs().max()
    assert (wanted - logits(load.causal_lm(base))).abs().max() > 0.5, "the adapters say something"
    assert over.peft_config["default"].r == 12 and adapters.apart_from_sum(over, How(weights)) < 1e-6


def test_a_combination_of_rank_stabilised_adapters_is_exact_too(base: ref.Base, made: Made) -> None:
    """PEFT hands the first adapter's rslora on to the combination, which would then be sqrt(r) times too large."""
    one, other = made(1, use_rslora=True), made(2)
    how = How((1.0, 0.5))
    over = adapters.combined(load.causal_lm(base), [one, other], how)
    assert torch.allclose(logits(over), by_hand(base, [(one, 1.0), (other, 0.5)]), atol=2e-5)
    assert over.peft_config["default"].use_rslora is False and adapters.apart_from_sum(over, how) < 1e-6


def test_one_adapter_at_half_its_weight_is_half_of_its_change(base: ref.Base, made: Made) -> None:
    one = made(3)
    over = adapters.combined(load.causal_lm(base), [one], How((0.5,)))
    assert torch.allclose(logits(over), by_hand(base, [(one, 0.5)]), atol=2e-5)


def test_svd_of_full_rank_is_the_sum_and_of_low_rank_is_the_nearest(base: ref.Base, made: Made) -> None:
    one, other = made(1), made(2)
    full = How((1.0, 1.0), "svd", svd_rank=8)
    over = adapters.combined(hollow(base, one), [one, other], full)
    assert adapters.apart_from_sum(over, full) < 1e-5
    low = adapters.combined(hollow(base, one), [one, other], How((1.0, 1.0), "svd"))
    name = "model.layers.0.self_attn.q_proj.weight"
    layer = next(module for key, module in low.named_modules() if key.endswith("layers.0.self_attn.q_proj"))
    wanted = changes(one)[name] + changes(other)[name]
    u, s, v = torch.linalg.svd(wanted)
    assert torch.allclose(layer.get_delta_weight("default"), u[:, :4] @ torch.diag(s[:4]) @ v[:4], atol=1e-4)
    assert 0.1 < adapters.apart_from_sum(low, How((1.0, 1.0), "svd")) < 1


def test_linear_multiplies_every_factor_with_the_others_too(base: ref.Base, made: Made) -> None:
    """Two unrelated adapters: the sum's size again goes astray, which `apart_from_sum` says of the real ones."""
    one, other = made(1), made(2)
    how = How((1.0, 1.0), "linear")
    over = adapters.combined(hollow(base, one), [one, other], how)
    assert 0.8 < adapters.apart_from_sum(over, how) < 1.2


SPARSE = ["ties", "ties_svd", "dare_linear", "dare_ties", "dare_linear_svd", "dare_ties_svd", "magnitude_prune",
          "magnitude_prune_svd"]  # fmt: skip


@pytest.mark.parametrize("kind", SPARSE)
def test_what_is_left_out_follows_the_seed_and_nothing_else(base: ref.Base, made: Made, kind: str) -> None:
    parts, how = [made(1), made(2)], How((1.0, 0.5), kind, density=0.5)

    def combined(noise: int, seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(noise)
        over = adapters.combined(hollow(base, parts[0]), parts, how, seed)
        assert torch.initial_seed() == noise, "the caller's draw goes on as it was"
        return load.adapter_weights(over)

    one, again, other = combined(1, 7), combined(2, 7), combined(3, 8)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert all(torch.equal(one[name], other[name]) for name in one) is not how.draws
    assert all(torch.isfinite(weight).all() for weight in one.values())


def test_ties_is_what_its_paper_says_of_the_factors(base: ref.Base, made: Made) -> None:
    parts, how = [made(1), made(2)], How((1.0, 1.0), "ties", density=0.5)
    over = adapters.combined(hollow(base, parts[0]), parts, how)
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    trimmed = []
    for folder in parts:
        weight = load_file(folder / "adapter/adapter_model.safetensors")[key]
        smallest = weight.abs().flatten().kthvalue(weight.numel() // 2).values
        trimmed.append(torch.where(weight.abs() > smallest, weight, 0.0))
    both = torch.stack(trimmed)
    elected = torch.where(both.sum(0) >= 0, 1.0, -1.0)
    agree = both.sign() == elected
    wanted = 2**0.5 * (both * agree).sum(0) / agree.sum(0).clamp(min=1)  # alpha / r is 2, its root on each factor
    assert torch.allclose(load.adapter_weights(over)[key], wanted, atol=1e-6)


def test_dare_needs_a_seed(base: ref.Base, made: Made) -> None:
    with pytest.raises(ModelError, match="dare_linear leaves numbers out at random, and is given no seed"):
        adapters.combined(hollow(base, made(1)), [made(1), made(2)], How((1.0, 1.0), "dare_linear", density=0.5))


@pytest.mark.parametrize("kind", ["linear", "ties", "dare_ties", "magnitude_prune"])
def test_other_ranks_are_refused_with_what_takes_them(base: ref.Base, made: Made, kind: str) -> None:
    parts, how = [made(1), made(2, r=8)], How((1.0, 1.0), kind, density=0.5)
    with pytest.raises(ModelError, match=f"{kind} cannot combine these adapters: .*same r.*cat and svd take"):
        adapters.combined(hollow(base, parts[0]), parts, how, 0)


@pytest.mark.parametrize(("fault", "said"), [("lacks", "lacks 1 weights"), ("unknown", "has unknown 1 weights")])
def test_a_tensor_that_is_missing_or_unknown_is_an_error(
    base: ref.Base, made: Made, tmp_path: Path, fault: str, said: str
) -> None:
    bad = Path(shutil.copytree(made(2), tmp_path / "bad"))
    file = bad / "adapter/adapter_model.safetensors"
    stored = load_file(file)
    if fault == "lacks":
        stored.pop(min(stored))
    else:
        stored["base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight"] = torch.zeros(4, 4)
    save_file(stored, file, {"format": "pt"})
    with pytest.raises(ModelError, match=said):
        adapters.combined(hollow(base, bad), [made(1), bad], How((1.0, 1.0)))


def test_numbers_that_are_not_finite_are_an_error(base: ref.Base, made: Made, tmp_path: Path) -> None:
    bad = Path(shutil.copytree(made(2), tmp_path / "bad"))
    file = bad / "adapter/adapter_model.safetensors"
    stored = load_file(file)
    stored[min(stored)][0, 0] = float("nan")
    save_file(stored, file, {"format": "pt"})
    how = How((1.0, 1.0))
    over = adapters.combined(hollow(base, bad), [made(1), bad], how)
    with pytest.raises(ModelError, match="none that are finite"):
        adapters.apart_from_sum(over, how)
    with pytest.raises(ModelError, match="missing or not finite"):
        adapters.save(over, tmp_path / "out")


def test_merging_makes_whole_weights_that_say_the_same(base: ref.Base, made: Made) -> None:
    parts = [made(1), made(2, r=8)]
    model = load.exact(parts[0], Path(str(base.path)))
    whole = adapters.merged(adapters.combined(model, parts, How((0.7, -0.4))))
    assert not hasattr(whole, "peft_config") and not any("lora" in name for name, _ in whole.named_parameters())
    assert torch.allclose(logits(whole), by_hand(base, [(parts[0], 0.7), (parts[1], -0.4)]), atol=2e-5)


def test_one_adapter_at_weight_one_is_merged_as_an_export_merges_it(base: ref.Base, made: Made) -> None:
    one = made(1)
    ours = adapters.merged(adapters.combined(load.exact(one, Path(str(base.path))), [one], How((1.0,), merge=True)))
    theirs = load.trained(one, Path(str(base.path)))[0].merge_and_unload(safe_merge=True)
    pairs = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    assert all(name == other and torch.equal(mine, its) for (name, mine), (other, its) in pairs)


def test_an_adapter_of_weights_that_two_layers_share_is_not_merged(base: ref.Base, made: Made) -> None:
    assert load.config(base).tie_word_embeddings, "the pocket's head is its embedding"
    one = made(1, target_modules=["embed_tokens", "q_proj"])
    over = adapters.combined(load.exact(one, Path(str(base.path))), [one], How((1.0,), merge=True))
    with pytest.raises(ModelError, match="it changes weights that two layers share; leave it an adapter"):
        adapters.merged(over)


def test_an_adapter_that_comes_with_an_embedding_is_merged_only(base: ref.Base, made: Made) -> None:
    parts = [made(2), made(1, target_modules=["embed_tokens", "q_proj"])]
    with pytest.raises(ModelError, match="adapter 2 of 2 comes with the whole .*embed_tokens.*or compose with merge"):
        adapters.prove_composable(parts, base, How((1.0, 1.0)))
    adapters.prove_composable(parts, base, How((1.0, 1.0), merge=True))


def test_an_adapter_with_rows_for_control_tokens_is_merged_alone_and_combined_with_none(
    base: ref.Base, tmp_path: Path
) -> None:
    grown = replace(base, added_tokens=("<|neg|>", "<|pos|>"))
    parts = [drawn(grown, tmp_path / name, 1, load_ids(grown)) for name in "ab"]
    adapters.prove_composable(parts[:1], grown, How((1.0,), merge=True))
    with pytest.raises(ModelError, match=r"adapter 1 of 2 has rows of its own for <\|neg\|>, <\|pos\|>"):
        adapters.prove_composable(parts, grown, How((1.0, 1.0)))


def load_ids(grown: ref.Base) -> dict[str, int]:
    from leaven.models.grown import ids

    return ids(load.tokenizer(grown), grown.added_tokens)


def said_of(folder: Path, tmp_path: Path, **changed: Any) -> Path:
    """The same artefact that tells another thing of itself."""
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    told = ref.ModelRef.load(other)
    replace(told, **changed).save(other)
    return other


def test_parts_that_do_not_belong_together_are_refused_before_anything_is_loaded(
    base: ref.Base, made: Made, tmp_path: Path
) -> None:
    one, how = made(1), How((1.0, 1.0))
    refused: list[tuple[dict[str, Any], str]] = [
        ({"makes": "reward"}, "adapter 2 of 2 is that of a reward model"),
        ({"adapters": ()}, "adapter 2 of 2 is none: its training left whole weights; declare `peft`"),
        ({"base": {"identity": "sha256:other"}}, "the adapter was trained over the base sha256:other"),
        ({"base": {**base.as_args(), "dtype": "bfloat16"}}, "over the base with dtype 'bfloat16' and not 'None'"),
    ]
    for index, (changed, said) in enumerate(refused):
        (tmp_path / str(index)).mkdir()
        with pytest.raises(ModelError, match=said):
            adapters.prove_composable([one, said_of(one, tmp_path / str(index), **changed)], base, how)
    with pytest.raises(ModelError, match="1 adapters and 2 weights"):
        adapters.prove_composable([one], base, how)
    coarse = replace(base, load_in_4bit=True)
    with pytest.raises(ModelError, match="the base is loaded in 4 bits"):
        adapters.prove_composable([one, one], coarse, replace(how, merge=True))


def test_adapters_over_different_whole_weights_are_refused(base: ref.Base, made: Made, tmp_path: Path) -> None:
    one = Path(shutil.copytree(made(1), tmp_path / "one"))
    shutil.copyfile(Path(str(base.path)) / "model.safetensors", one / "model.safetensors")
    with pytest.raises(ModelError, match="adapters 1 and 2 lie over different weights, which earlier trainings"):
        adapters.prove_composable([made(1), one], base, How((1.0, 1.0)))
    adapters.prove_composable([one, one], base, How((1.0, 1.0)))


def test_what_is_plain_of_a_combination_stays_out_of_its_arguments() -> None:
    assert How((1, 2)).as_args() == {"weights": [1.0, 2.0]}
    how = How((1.0, 0.5), "ties", density=0.3, merge=True)
    assert how.as_args() == {"weights": [1.0, 0.5], "combination_type": "ties", "density": 0.3, "merge": True}
    assert How(**how.as_args()) == how
