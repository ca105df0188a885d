from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from leaven.generate.hf import Decoding, Prompt, generate
from leaven.generate.sampler import processors, row_key, uniform

SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95}


def prompts(tokenizer: Any, count: int = 10) -> list[Prompt]:
    words = ["Who", "What do you know of the village", "Tell me", "Good morning to you, and how is the weather there"]
    return [Prompt(f"i{n}", 0, tokenizer(f"User: {words[n % 4]}?\nAssistant:")["input_ids"]) for n in range(count)]


def texts(pocket: tuple[Any, Any], asked: list[Prompt], sampling: dict[str, Any], seed: int = 0) -> dict[str, str]:
    model, tokenizer = pocket
    made = generate(model, tokenizer, asked, Decoding(12, sampling, seed, [tokenizer.eos_token_id]))
    return {f"{one['prompt_id']}/{one['sample']}": one["text"] for one in made}


@pytest.mark.parametrize("sampling", [SAMPLED, {"do_sample": False}])
def test_a_text_does_not_depend_on_its_batch(pocket: tuple[Any, Any], sampling: dict[str, Any]) -> None:
    asked = prompts(pocket[1])
    together = texts(pocket, asked, sampling)
    alone = {key: text for one in asked for key, text in texts(pocket, [one], sampling).items()}
    assert together == alone
    assert texts(pocket, asked[::-1], sampling) == together


def test_noise_differs_by_item_sample_seed_and_position(pocket: tuple[Any, Any]) -> None:
    first = prompts(pocket[1])[1]
    same_prompt = [Prompt(f"j{n}", sample, first.ids) for n in range(4) for sample in range(2)]
    hot = {"do_sample": True, "temperature": 3.0}
    made = texts(pocket, same_prompt, hot)
    assert len(set(made.values())) == 8
    assert not set(made.values()) & set(texts(pocket, same_prompt, hot, seed=1).values())
    keys = torch.tensor([row_key(0, "a", 0)])
    assert not torch.equal(uniform(keys, 0, 50), uniform(keys, 1, 50))


def test_the_draw_is_the_softmax() -> None:
    """Over many rows the share of each token is its probability, within sampling error."""
    from leaven.generate.sampler import RowNoise

    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    keys = [row_key(0, str(n), 0) for n in range(20_000)]
    noisy = RowNoise(keys, 5, "cpu")(torch.zeros((len(keys), 5)), logits.expand(len(keys), -1))
    share = torch.bincount(noisy.argmax(dim=1), minlength=4) / len(keys)
    assert torch.allclose(share, torch.tensor([0.5, 0.3, 0.15, 0.05]), atol=0.012)


@pytest.mark.parametrize(
    "more",
    [{"repetition_penalty": 6.0}, {"no_repeat_ngram_size": 2}, {"repetition_penalty": 0.5, "no_repeat_ngram_size": 3}],
)
def test_penalties_are_those_of_transformers(pocket: tuple[Any, Any], more: dict[str, Any]) -> None:
    model, tokenizer = pocket
    asked = prompts(tokenizer, 4)
    made = texts(pocket, asked, {"do_sample": False, **more})
    for one in asked:
        ids = torch.tensor([one.ids])
        whole = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, **more)
        text = tokenizer.decode(whole[0, len(one.ids) :], skip_special_tokens=True).strip()
        assert made[f"{one.item}/0"] == text
    assert made != texts(pocket, asked, {"do_sample": False})


def test_filters_leave_what_those_of_transformers_leave(pocket: tuple[Any, Any]) -> None:
    """After penalties, temperature, top-k, top-p and min-p the same tokens are possible, with the same chances."""
    from transformers import GenerationConfig

    model, _ = pocket
    given = {"temperature": 0.7, "top_k": 30, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.4}
    settings = GenerationConfig(do_sample=True, num_beams=1, no_repeat_ngram_size=2, **given)
    ids = torch.randint(5, 1000, (64, 9), generator=torch.Generator().manual_seed(0))
    logits = 4 * torch.randn((64, 1024), generator=torch.Generator().manual_seed(1))
    stock = model._get_logits_processor(settings, input_ids_seq_length=9, device="cpu")(ids, logits.clone())
    keys = [row_key(0, str(n), 0) for n in range(64)]
    ours = processors({**given, "no_repeat_ngram_size": 2}, keys, [0] * 64, 9, "cpu")
    before_noise = type(ours)(ours[:-1])(ids, logits.clone())
    assert torch.equal(before_noise, stock)
    assert (before_noise > -torch.inf).sum(dim=1).max() < 30, "filters filter"


def test_noise_for_what_filters_left_is_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.generate import sampler

    scores = torch.randn((8, 1000), generator=torch.Generator().manual_seed(0))
    scores[scores < 1.5] = -torch.inf
    noise = sampler.RowNoise([row_key(0, str(n), 0) for n in range(8)], 5, "cpu")
    few = noise(torch.zeros((8, 7)), scores)
    monkeypatch.setattr(sampler, "_DENSE", 0.0)
    assert torch.equal(few, noise(torch.zeros((8, 7)), scores))


def test_uniforms_are_uniform_inside_the_open_interval_and_golden() -> None:
    keys = torch.tensor([row_key(0, str(n), 0) for n in range(500)])
    drawn = uniform(keys, 3, 200)
    assert float(drawn.min()) > 0 and float(drawn.max()) < 1
    assert abs(float(drawn.mean()) - 0.5) < 0.005 and abs(float(drawn.var()) - 1 / 12) < 0.002
    assert abs(float(torch.corrcoef(drawn[:2])[0, 1])) < 0.25
    assert row_key(7, "item", 1) == ROW_KEY
    assert uniform(torch.tensor([ROW_KEY]), 2, 3)[0].tolist() == pytest.approx(DRAWN, abs=1e-15)


def test_a_checkpoints_own_settings_cannot_slip_in(pocket: tuple[Any, Any]) -> None:
    model, tokenizer = pocket
    asked, before = prompts(tokenizer, 4), copy.deepcopy(model.generation_config)
    plain = texts(pocket, asked, {"do_sample": False})
    model.generation_config.update(
        repetition_penalty=50.0, no_repeat_ngram_size=1, num_beams=3, max_length=3, do_sample=True
    )
    try:
        assert texts(pocket, asked, {"do_sample": False}) == plain
        assert model.generation_config.repetition_penalty == 50.0
    finally:
        model.generation_config = before


def test_finish_reason_and_length(pocket: tuple[Any, Any]) -> None:
    model, tokenizer = pocket
    asked = prompts(tokenizer, 2)
    every = list(range(len(tokenizer)))
    stopped = list(generate(model, tokenizer, asked, Decoding(6, {"do_sample": False}, 0, every)))
    assert {(one["finish_reason"], one["tokens"], one["text"]) for one in stopped} == {("stop", 0, "")}
    cut = list(generate(model, tokenizer, asked, Decoding(6, {"do_sample": False}, 0, [tokenizer.pad_token_id])))
    assert {(one["finish_reason"], one["tokens"]) for one in cut} == {("length", 6)}


ROW_KEY = 1981394037621365023
DRAWN = [0.5239378476719639, 0.7382428469289651, 0.16449487743591418]
