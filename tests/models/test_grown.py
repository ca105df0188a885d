"""Vocabularies that grow: old tokens are read as before, new rows are the same wherever they are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from leaven.errors import ModelError
from leaven.models import footprint, grown, load, ref, rewarding

TOKENS = ("<|neg|>", "<|pos|>")
Made = Callable[..., ref.Base]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A very small model with the pocket's tokenizer, tied or not, written to a folder."""
    from transformers import LlamaConfig, LlamaForCausalLM

    def made(*, tied: bool = True, words: int = 1024, tokens: tuple[str, ...] = TOKENS) -> ref.Base:
        folder = tmp_path_factory.mktemp("tiny")
        torch.manual_seed(0)
        shape = LlamaConfig(
            vocab_size=words, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, eos_token_id=2,
        )  # fmt: skip
        LlamaForCausalLM(shape).save_pretrained(folder)
        load.tokenizer(ref.resolve({"model_name_or_path": "pocket"})).save_pretrained(folder)
        return replace(ref.resolve({"model_name_or_path": str(folder)}), added_tokens=tokens)

    return made


@pytest.mark.parametrize("tied", [True, False])
def test_old_tokens_are_read_as_before(tiny: Made, tied: bool) -> None:
    base = tiny(tied=tied)
    before, after = load.causal_lm(replace(base, added_tokens=())), load.causal_lm(base)
    ids = torch.tensor([[1, 40, 41, 300, 2]])
    with torch.no_grad():
        was, now = before(input_ids=ids).logits, after(input_ids=ids).logits
    assert now.shape[-1] == was.shape[-1] + 2 == after.config.vocab_size
    assert torch.allclose(was, now[..., :1024], atol=1e-6)
    told, plain = torch.log_softmax(now, -1)[..., :1024], torch.log_softmax(was, -1)
    new = torch.log1p(-torch.softmax(now, -1)[..., 1024:].sum(-1, keepdim=True))
    assert torch.allclose(told, plain + new, atol=1e-5), "the softmax has two terms more, and nothing else changed"


@pytest.mark.parametrize("tied", [True, False])
def test_new_rows_lie_near_the_mean_and_are_the_same_each_time(tiny: Made, tied: bool) -> None:
    base = tiny(tied=tied)
    torch.manual_seed(1)
    one = grown.weights(load.causal_lm(base))
    torch.manual_seed(2)
    other = grown.weights(load.causal_lm(base))
    assert set(one) == ({"embedding"} if tied else {"embedding", "head"})
    for layer, weight in one.items():
        assert torch.equal(weight, other[layer])
        neg, pos = weight[1024:]
        old = weight[:1024]
        assert not torch.equal(neg, pos)
        assert (neg - old.mean(0)).abs().max() < 0.5 * old.std(0).max() and not torch.equal(neg, old.mean(0))


def test_a_row_depends_on_its_token_and_not_on_the_others(tiny: Made) -> None:
    two, one = load.causal_lm(tiny()), load.causal_lm(tiny(tokens=("<|pos|>",)))
    assert torch.equal(two.get_input_embeddings().weight[1025], one.get_input_embeddings().weight[1024])


def test_a_padded_embedding_does_not_grow_and_its_unused_rows_are_set_anew(tiny: Made) -> None:
    base = tiny(words=1100)
    before, after = load.causal_lm(replace(base, added_tokens=())), load.causal_lm(base)
    was, now = before.get_input_embeddings().weight, after.get_input_embeddings().weight
    assert now.shape == was.shape and torch.equal(was[:1024], now[:1024]) and torch.equal(was[1026:], now[1026:])
    assert not torch.equal(was[1024:1026], now[1024:1026])


def test_a_tokenizer_with_more_tokens_than_the_model_embeds_is_refused(tiny: Made) -> None:
    with pytest.raises(ModelError, match="1024 tokens, the model embeds 900; they do not belong together"):
        load.causal_lm(tiny(words=900))


def test_the_tokens_are_one_id_each_special_and_saved_with_the_tokenizer(tiny: Made, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = load.tokenizer(tiny())
    made.save_pretrained(tmp_path)
    for tokenizer in (made, AutoTokenizer.from_pretrained(tmp_path)):
        assert grown.ids(tokenizer, TOKENS) == {"<|neg|>": 1024, "<|pos|>": 1025}
        assert tokenizer("<|pos|>", add_special_tokens=False).input_ids == [1025]
        assert tokenizer.decode([1025, 1024], skip_special_tokens=True) == ""
        assert set(TOKENS) <= set(tokenizer.all_special_tokens) and tokenizer.eos_token == "</s>"


@pytest.mark.parametrize(("token", "place"), [("</s>", 2), ("<|pos|>", 1024), (None, 500)])
def test_a_token_that_is_there_already_is_named(tiny: Made, token: str | None, place: int) -> None:
    known = load.tokenizer(tiny(tokens=("<|pos|>",)))
    there = token or known.convert_ids_to_tokens(place)
    with pytest.raises(ModelError) as caught:
        grown.add_tokens(known, ["<|new|>", there])
    assert str(caught.value) == f"the token {there} is in the vocabulary already (id {place}); choose another"


def test_two_tokens_that_the_tokenizer_makes_equal_are_refused(tiny: Made) -> None:
    tokenizer = load.tokenizer(tiny(tokens=()))

    class Folding:
        """A tokenizer that reads all in small letters, as some slow ones do with what is added to them."""

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, text: str, **more: Any) -> Any:
            return tokenizer(text.lower(), **more)

    with pytest.raises(ModelError, match=r"not one of its own; choose another"):
        grown.add_tokens(Folding(), ["<|pos|>", "<|POS|>"])


def test_rows_that_did_not_move_or_became_equal_are_refused() -> None:
    before = {"<|a|>": torch.zeros(2), "<|b|>": torch.ones(2)}
    moved = {"<|a|>": torch.full((2,), 0.1), "<|b|>": torch.full((2,), 0.9)}
    grown.prove_trained(before, moved)
    with pytest.raises(ModelError, match=r"did not move the row of the token <\|b\|>; raise learning_rate"):
        grown.prove_trained(before, {**moved, "<|b|>": torch.ones(2)})
    with pytest.raises(ModelError, match=r"rows of the tokens <\|a\|> and <\|b\|> are equal"):
        grown.prove_trained(before, dict.fromkeys(before, torch.full((2,), 0.5)))
    grown.prove_trained(before, {"<|a|>": moved["<|a|>"]})  # a token that no text carries is not asked for


def test_weights_of_a_config_are_drawn_by_the_seed_and_never_loaded(tiny: Made) -> None:
    base = replace(tiny(), from_config=True)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    a, b, c = (load.causal_lm(base, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(state, torch.get_rng_state()), "drawing leaves the process's own randomness alone"
    loaded = load.causal_lm(replace(base, from_config=False)).state_dict()
    name = "model.layers.0.mlp.up_proj.weight"
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a[name], c[name]) and not torch.equal(a[name], loaded[name])
    assert a["model.embed_tokens.weight"].shape == (1026, 16)


def test_a_config_needs_no_weights_beside_it_and_has_no_untrained_model(tiny: Made) -> None:
    whole = tiny()
    (Path(str(whole.path)) / "model.safetensors").unlink()
    declared = {"model_name_or_path": whole.path, "from_config": True}
    assert ref.problem(declared) is None
    assert "no *.safetensors" in str(ref.problem({**declared, "from_config": False}))
    base = ref.resolve(declared)
    assert base.as_args()["from_config"] is True and base.weight_bytes is None
    shape = footprint.shape(base)
    assert shape is not None and shape.parameters == 12 * 16**2 + 1024 * 16
    load.causal_lm(base, 0)
    for ask in (lambda: load.causal_lm(base), lambda: load.based(base), lambda: rewarding.rewarding(base)):
        with pytest.raises(ModelError, match="draws weights anew for each training, so there is no base to ask"):
            ask()


def test_a_reward_models_embedding_grows_as_well(tiny: Made) -> None:
    scoring, _ = rewarding.rewarding(tiny(tied=False))
    assert scoring.get_input_embeddings().num_embeddings == 1026
    policy = load.causal_lm(tiny(tied=False))
    assert torch.equal(scoring.get_input_embeddings().weight, policy.get_input_embeddings().weight)


def test_a_base_without_added_tokens_says_nothing_of_them_in_its_key(tiny: Made) -> None:
    assert not {"added_tokens", "from_config"} & set(tiny(tokens=()).as_args())
    assert json.loads(json.dumps(tiny().as_args()))["added_tokens"] == list(TOKENS)
