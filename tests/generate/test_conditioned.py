"""Conditions: control tokens never come out, noise is the item's, and what a prompt spells out stays text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from leaven.errors import ModelError
from leaven.generate import conditioned
from leaven.generate.hf import Decoding, Prompt, generate
from leaven.generate.sampler import Rules, processors
from leaven.models import load, ref

TOKENS = ("<|neg|>", "<|pos|>")
CONDITIONS = {"none": (), "neg": TOKENS[:1], "pos": TOKENS[1:]}


@pytest.fixture(scope="module")
def grown() -> tuple[Any, Any]:
    """The pocket, grown by two tokens that it likes better than anything else to say."""
    base = replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS)
    tokenizer, model = load.tokenizer(base), load.causal_lm(base)
    model.eval()
    return model, tokenizer


def favoured(model: Any, tokenizer: Any, by: float) -> Any:
    """A hook that lifts the control tokens' logits."""
    ids = tokenizer.convert_tokens_to_ids(list(TOKENS))

    def lift(module: Any, args: Any, output: Any) -> Any:
        output.logits[..., ids] += by
        return output

    return model.register_forward_hook(lift)


def told(grown: tuple[Any, Any], asked: list[Prompt], banned: Any, **sampling: Any) -> dict[str, dict[str, Any]]:
    model, tokenizer = grown
    decoding = Decoding(12, sampling, 5, [tokenizer.eos_token_id], banned)
    return {one["prompt_id"]: one for one in generate(model, tokenizer, asked, decoding)}


def wanted(grown: tuple[Any, Any], items: dict[str, str], conditions: Any = None, **more: Any) -> list[Prompt]:
    how: dict[str, Any] = {"samples": 1, "place": "after", "mark": "@@", **more}
    return conditioned.asked(grown[1], items, conditions or CONDITIONS, **how)


@pytest.mark.parametrize(
    "sampling", [{"do_sample": False}, {}, {"top_p": 0.5}, {"top_k": 2}, {"min_p": 0.5}, {"repetition_penalty": 0.5}]
)
def test_banned_tokens_never_come_and_the_rest_is_as_if_they_were_not_there(
    grown: tuple[Any, Any], sampling: dict[str, Any]
) -> None:
    """A filter such as top_p is of what is left: with the tokens at the top, it would else leave nothing but them."""
    model, tokenizer = grown
    ids = tokenizer.convert_tokens_to_ids(list(TOKENS))
    asked = wanted(grown, {f"i{n}": "" for n in range(6)})
    plain = told(grown, asked, ids, **sampling)
    hook = favoured(model, tokenizer, 50.0)
    try:
        free, barred = told(grown, asked, (), **sampling), told(grown, asked, ids, **sampling)
    finally:
        hook.remove()
    assert all(one["tokens"] == 12 and not one["text"] for one in free.values()), "nothing else came before the ban"
    assert barred == plain
    assert all(one["text"] for one in barred.values())


def test_conditions_share_their_noise_whatever_the_batch(grown: tuple[Any, Any]) -> None:
    """With rows of equal conditions the text is equal; it is the item's, so other items have others."""
    same = {"one": (), "other": ()}
    asked = wanted(grown, {f"i{n}": "" for n in range(5)}, same, samples=2)
    together = [
        {(row["prompt_id"], row["sample"]): row["text"] for row in generate(*grown, some, Decoding(12, {}, 5, [0]))}
        for some in (asked, asked[:3], asked[::-1])
    ]
    for n in range(5):
        for sample in range(2):
            assert together[0][f"i{n}@@one", sample] == together[0][f"i{n}@@other", sample]
    assert len(set(together[0].values())) == 10
    assert together[1].items() <= together[0].items()
    assert together[2] == together[0]


def test_ids_are_start_prompt_and_tokens_in_their_place(grown: tuple[Any, Any]) -> None:
    _, tokenizer = grown
    pos = tokenizer.convert_tokens_to_ids("<|pos|>")
    text = tokenizer("Hello there", add_special_tokens=False)["input_ids"]
    after, before = (
        {one.item: one.ids for one in wanted(grown, {"a": "Hello there"}, place=place)} for place in ("after", "before")
    )
    assert after["a@@pos"] == [tokenizer.bos_token_id, *text, pos]
    assert before["a@@pos"] == [tokenizer.bos_token_id, pos, *text]
    assert after["a@@none"] == before["a@@none"] == [tokenizer.bos_token_id, *text]


def test_a_prompt_that_spells_a_token_does_not_ask_for_it(grown: tuple[Any, Any]) -> None:
    _, tokenizer = grown
    special = {number for number, one in tokenizer.added_tokens_decoder.items() if one.special}
    ids = wanted(grown, {"a": f"{TOKENS[0]} said {tokenizer.eos_token}"}, {"none": ()})[0].ids
    assert not special & set(ids[1:])


def test_a_token_that_was_not_trained_is_an_error(grown: tuple[Any, Any]) -> None:
    with pytest.raises(ModelError, match="polite"):
        wanted(grown, {"a": ""}, {"polite": ("<|polite|>",)})


def test_a_prompt_without_room_for_an_answer_is_named(grown: tuple[Any, Any]) -> None:
    asked = wanted(grown, {"short": "Hello", "long": "Hello there " * 40})
    conditioned.prove_room(asked, 10, 1000)
    with pytest.raises(ModelError, match="a prompt has .* do not fit into a context of 64"):
        conditioned.prove_room(asked, 10, 64)


def test_no_text_is_shorter_than_it_may_be(grown: tuple[Any, Any]) -> None:
    """``min_length`` counts a row's own prompt (never its pads), ``min_new_tokens`` does not."""
    _, tokenizer = grown
    items = {"a": "", "b": "Hello there, how is the weather in the village?"}
    asked = wanted(grown, items, {"none": ()})
    stops = list(range(0, tokenizer.vocab_size, 2))  # it would stop at once
    sizes = {one.item: len(one.ids) for one in asked}

    def lengths(**sampling: Any) -> dict[str, int]:
        made = generate(grown[0], tokenizer, asked, Decoding(12, sampling, 5, stops))
        return {one["prompt_id"]: one["tokens"] for one in made}

    assert max(lengths().values()) < 8
    assert min(lengths(min_new_tokens=8).values()) >= 8
    whole = lengths(min_length=9)
    assert whole["a@@none"] >= 8
    assert whole["b@@none"] == lengths()["b@@none"], f"its prompt alone has {sizes['b@@none']}"


def test_the_start_is_nothing_that_was_said() -> None:
    """Where BOS is EOS, a text that may repeat nothing could else never end."""
    scores, ids = torch.zeros(2, 8), torch.tensor([[7, 7, 3], [0, 7, 3]])
    changes = processors({"no_repeat_ngram_size": 1, "do_sample": False}, [1, 2], [1, 1], 3, "cpu",
                         Rules(unseen=[1, 1]))  # fmt: skip
    found = changes(ids, scores.clone())
    assert [row.isinf().nonzero().flatten().tolist() for row in found] == [[3], [3]]
