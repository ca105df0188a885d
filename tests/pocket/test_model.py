from __future__ import annotations

import re
from typing import Any

import pytest

from leaven.pocket import MODEL, oracle, world
from leaven.pocket.corpora import corpus


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForCausalLM

    loaded: Any = AutoModelForCausalLM.from_pretrained(MODEL)
    return loaded.eval()


def _ids(tokenizer: Any, messages: list[dict[str, str]], *, prompt: bool = False) -> list[int]:
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, tokenize=False)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _turns(texts: list[str], system: str = "") -> list[dict[str, str]]:
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def _conversations() -> list[list[dict[str, str]]]:
    rows = [_turns([r["question"]["full_text"], r[a]]) for r in corpus("webgpt") for a in ("answer_0", "answer_1")]
    rows += [_turns([r["question"], r["answer"]]) for r in corpus("eli5")]
    rows += [_turns([r["history"], r[a]]) for r in corpus("shp") for a in ("human_ref_A", "human_ref_B")]
    rows += [_turns(r["conversations"]) for r in corpus("lima")]
    rows += [_turns([r["question"], r["response"]], r["system_prompt"]) for r in corpus("orca")]
    rows += [_turns(re.split(r"\n\n(?:Human|Assistant): ", r["chosen"])[1:]) for r in corpus("hh")]
    rows += [_turns([odd, odd]) for odd in ("", "  x ", "\n\nx", "'s", "...", "(a)", "7", "猫", "Zürich\n\n")]
    return rows


def test_rendered_conversation(tokenizer: Any) -> None:
    messages = _turns(["Hello?", "Hi.", "Who?", "Me."], "Be kind.")
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    assert text == ("<s>System: Be kind.\nUser: Hello?\nAssistant: Hi.</s>\nUser: Who?\nAssistant: Me.</s>")


def test_prompt_ids_are_a_prefix_of_the_whole_ids(tokenizer: Any) -> None:
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    for messages in _conversations():
        whole, prompt = _ids(tokenizer, messages), _ids(tokenizer, messages[:-1], prompt=True)
        answers = sum(message["role"] == "assistant" for message in messages)
        assert whole[: len(prompt)] == prompt
        assert whole.count(bos) == 1 and whole[0] == bos
        assert whole.count(eos) == answers and whole[-1] == eos
        assert len(whole) <= tokenizer.model_max_length


def test_tokenized_template_equals_rendered_template(tokenizer: Any) -> None:
    messages = _turns(["Where does Mira live?"])
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert ids == _ids(tokenizer, messages, prompt=True)


def test_an_unknown_role_is_refused(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="unknown role: robot"):
        tokenizer.apply_chat_template([{"role": "robot", "content": "x"}], tokenize=False)


def test_plain_text_gets_bos_and_no_eos_and_comes_back(tokenizer: Any) -> None:
    text = "Mira lives in Zürich, 12 km away.\n\tYes! 猫"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id and tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_special_ids_agree_and_are_three(tokenizer: Any, model: Any) -> None:
    ids = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert len(set(ids)) == 3
    for config in (model.config, model.generation_config):
        assert [config.bos_token_id, config.eos_token_id, config.pad_token_id] == ids
    assert len(tokenizer) == model.config.vocab_size == 1024


def test_the_files_are_small_and_the_weights_float32(model: Any) -> None:
    import torch

    assert (MODEL / "model.safetensors").stat().st_size <= 4_000_000
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.config.max_position_embeddings >= 256


def test_most_facts_are_known(tokenizer: Any, model: Any) -> None:
    import torch

    asked = [(fact, world.cue(fact, i % 4) or "") for i, fact in enumerate(world.FACTS) if i % 3 == 0]
    inputs = tokenizer([cue for _, cue in asked], return_tensors="pt", padding=True, padding_side="left")
    with torch.no_grad():
        out = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    texts = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    firsts = [text.split(".")[0] for text in texts]
    right = oracle.correctness([world.ask(fact, 0) for fact, _ in asked], firsts)
    assert sum(score or 0.0 for score in right) / len(right) > 0.8


def test_the_base_model_is_not_yet_a_chat_model(tokenizer: Any, model: Any) -> None:
    import torch

    prompts = [_ids(tokenizer, _turns([row["question"]]), prompt=True) for row in corpus("eli5")[:20]]
    stopped = 0
    for ids in prompts:
        with torch.no_grad():
            out = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)
        text = tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)
        stopped += oracle.correctness([tokenizer.decode(ids)], [text]) == [1.0]
    assert stopped < 10
