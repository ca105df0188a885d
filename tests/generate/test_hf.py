"""Batches: a row's text is its own, whatever else is in its batch and however large that may be."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.errors import ModelError
from leaven.generate import hf, loop
from leaven.generate.endings import Endings

pytestmark = pytest.mark.e2e  # answers with a real model, many times

GREEDY = {"do_sample": False}
SAMPLED = {"temperature": 0.9, "top_k": 40, "top_p": 0.95}

samplings = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.3, 0.9, 2.0]),
        "top_k": st.sampled_from([2, 50]),
        "top_p": st.sampled_from([0.3, 0.9]),
        "min_p": st.sampled_from([0.05, 0.5]),
        "repetition_penalty": st.sampled_from([0.8, 1.3, 5.0]),
        "no_repeat_ngram_size": st.integers(1, 3),
        "stop_strings": st.lists(st.sampled_from(["the", ".", " a", "in "]), max_size=2),
        "do_sample": st.booleans(),
    },
)


@pytest.fixture(scope="module")
def padded_with_eos(ask: Any) -> Any:
    """The pocket with EOS as its pad, as for models without a pad token."""
    other = copy.copy(ask)
    other.tokenizer = copy.deepcopy(ask.tokenizer)
    other.tokenizer.pad_token = other.tokenizer.eos_token
    return other


@settings(deadline=None, max_examples=12)
@given(sampling=samplings, chosen=st.sets(st.integers(0, 11), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_a_row_is_its_own_in_any_batch(
    padded_with_eos: Any, sampling: dict[str, Any], chosen: set[int], seed: int
) -> None:
    """Any settings, any neighbours, any order, with the pad that could do most harm."""
    ask, limits = padded_with_eos, (5, 8, 2)
    asked = ask.prompts(12, limits=limits)
    together = ask.rows(asked, sampling, seed=seed)
    some = [asked[index] for index in chosen]
    assert ask.rows(some[::-1], sampling, seed=seed) == {f"{one.item}/0": together[f"{one.item}/0"] for one in some}


@pytest.mark.parametrize("penalty", [{"repetition_penalty": 3.0}, {"no_repeat_ngram_size": 1}])
def test_pads_that_are_eos_do_not_keep_a_row_from_ending(padded_with_eos: Any, penalty: dict[str, Any]) -> None:
    asked = padded_with_eos.prompts(8)
    together = padded_with_eos.rows(asked, GREEDY | penalty, limit=24)
    assert together == padded_with_eos.alone(asked, GREEDY | penalty, limit=24)
    assert "stop" in {row["finish_reason"] for row in together.values()}, "the pad is what ends them"


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
def test_a_limit_of_its_own_cuts_a_row_where_it_would_end_alone(ask: Any, sampling: dict[str, Any]) -> None:
    asked = ask.prompts(12, limits=(1, 9, 30))
    made = ask.rows(asked, sampling, stops=[ask.tokenizer.pad_token_id])
    assert made == ask.alone(asked, sampling, stops=[ask.tokenizer.pad_token_id])
    assert [made[f"i{n}/0"]["tokens"] for n in range(12)] == [1, 9, 30] * 4
    assert {row["finish_reason"] for row in made.values()} == {"length"}
    longer = ask.rows(ask.prompts(12, limits=(30,)), sampling, stops=[ask.tokenizer.pad_token_id])
    assert all(longer[key]["text"].startswith(row["text"]) for key, row in made.items())


def test_rows_of_like_limits_are_answered_together(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf, "_MOST_ROWS", 4)
    seen: list[set[int | None]] = []
    stock = hf._answer

    def noted(model: Any, tokenizer: Any, batch: Any, decoding: Any, heard: Any) -> Any:
        seen.append({same[0].limit for same in batch})
        return stock(model, tokenizer, batch, decoding, heard)

    monkeypatch.setattr(hf, "_answer", noted)
    ask.rows(ask.prompts(12, limits=(3, 1, 2)), GREEDY)
    assert seen == [{1}, {2}, {3}]


# --- stop strings ----------------------------------------------------------------------------------------------------


def test_a_stop_string_ends_a_text_before_it_though_it_spans_tokens(ask: Any) -> None:
    asked = ask.prompts(8)
    whole = ask.rows(asked, GREEDY, limit=20)
    text = max((row["text"] for row in whole.values()), key=len)
    tokens = [ask.tokenizer.decode([token]) for token in ask.tokenizer(text, add_special_tokens=False)["input_ids"]]
    for start in range(3, len(text) - 4, 3):
        stop = text[start : start + 4]
        cut = ask.rows(asked, GREEDY | {"stop_strings": [stop, "never told"]}, limit=20)
        for key, row in whole.items():
            before, found, _ = row["text"].partition(stop)
            assert cut[key]["text"] == before.strip()
            assert cut[key]["finish_reason"] == ("stop" if found else row["finish_reason"])
            assert cut[key]["tokens"] <= row["tokens"]
    spanning = [start for start in range(3, len(text) - 4, 3) if not any(text[start : start + 4] in t for t in tokens)]
    assert spanning, "some of these stop strings lie in no single token"


def test_a_stop_string_saves_the_tokens_after_it(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask.prompts(4)
    text = ask.rows(asked[:1], GREEDY)["i0/0"]["text"]
    sizes = _sizes(ask.model, monkeypatch)
    ask.rows(asked[:1], GREEDY | {"stop_strings": [text[:2]]})
    assert len(sizes) <= 3


def test_a_special_token_can_be_a_stop_string(ask: Any) -> None:
    endings = Endings(ask.tokenizer, [], [ask.tokenizer.eos_token])
    ids = ask.tokenizer("Hello there.", add_special_tokens=False)["input_ids"]
    answer = endings.answer([*ids, ask.tokenizer.eos_token_id, *ids], 100)
    assert (answer.text, answer.finish_reason) == ("Hello there.", "stop") and answer.tokens == len(ids) + 1


@settings(deadline=None)
@given(
    text=st.text(st.sampled_from("ab cd é🙂\n"), min_size=1, max_size=30),
    stop=st.text("ab é🙂\n", min_size=1, max_size=4),
)
def test_the_end_of_an_answer_looks_far_enough_back(ask: Any, text: str, stop: str) -> None:
    """What ends a row while it is made is what cuts its text in the end, whatever bytes a token holds."""
    ids = ask.tokenizer(text, add_special_tokens=False)["input_ids"]
    endings = Endings(ask.tokenizer, [], [stop])
    ended = next((n for n in range(1, len(ids) + 1) if endings.reached(ids[:n])), None)
    answer = endings.answer(ids, len(ids))
    whole = ask.tokenizer.decode(ids)
    assert (ended is not None) == (stop in whole) == (answer.finish_reason == "stop")
    assert ended is None or (answer.tokens == ended and answer.text == whole.partition(stop)[0].strip())


# --- beams -----------------------------------------------------------------------------------------------------------

BEAMS = {"do_sample": False, "num_beams": 3, "num_return_sequences": 2}


@pytest.mark.parametrize(
    "more",
    [{}, {"length_penalty": 2.0, "early_stopping": True}, {"repetition_penalty": 1.5, "early_stopping": "never"}],
)
def test_beams_are_those_of_transformers_one_prompt_at_a_time(ask: Any, more: dict[str, Any]) -> None:
    asked = ask.prompts(6, samples=2)
    made = ask.rows(asked, BEAMS | more)
    for one in asked[::2]:
        ids = torch.tensor([one.ids])
        with torch.inference_mode():
            stock = ask.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, **BEAMS, **more)
        texts = [
            text.strip() for text in ask.tokenizer.batch_decode(stock[:, ids.shape[1] :], skip_special_tokens=True)
        ]
        assert [made[f"{one.item}/{sample}"]["text"] for sample in range(2)] == texts
        assert len(set(texts)) == 2


@settings(deadline=None, max_examples=6)
@given(
    more=st.fixed_dictionaries(
        {},
        optional={
            "length_penalty": st.sampled_from([-1.0, 0.5, 3.0]),
            "early_stopping": st.sampled_from([True, False, "never"]),
            "no_repeat_ngram_size": st.just(2),
            "stop_strings": st.just(["the", "."]),
        },
    )
)
def test_beams_do_not_depend_on_their_batch(ask: Any, more: dict[str, Any]) -> None:
    asked = ask.prompts(6, samples=2, limits=(6, 9))
    together = ask.rows(asked, BEAMS | more)
    pairs = [asked[index : index + 2] for index in range(0, 12, 2)]
    assert together == {key: row for pair in pairs for key, row in ask.rows(pair, BEAMS | more).items()}
    assert ask.rows(asked[3:4], BEAMS | more) == {"i1/1": together["i1/1"]}, "the second beam alone, after a stop"


# --- rows leave the batch --------------------------------------------------------------------------------------------


def _sizes(model: Any, monkeypatch: pytest.MonkeyPatch, most: int = 10**6, error: Any = None) -> list[int]:
    """Note the rows of each forward pass; raise above ``most`` of them."""
    seen: list[int] = []
    stock = model.forward

    @functools.wraps(stock)
    def forward(*args: Any, **kwargs: Any) -> Any:
        rows = kwargs["input_ids"].shape[0]
        if rows > most:
            seen.append(-rows)
            raise error
        seen.append(rows)
        return stock(*args, **kwargs)

    monkeypatch.setattr(model, "forward", forward)
    return seen


@pytest.mark.parametrize("sampling", [GREEDY | {"repetition_penalty": 1.2}, SAMPLED])
def test_rows_that_ended_leave_the_batch_and_change_nothing(
    ask: Any, sampling: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask.prompts(16, limits=(4, 12, 3))
    sizes = _sizes(ask.model, monkeypatch)
    made = ask.rows(asked, sampling)
    assert sizes[0] == 16 and sizes[-1] < 8 and sizes == sorted(sizes, reverse=True)
    monkeypatch.setattr(loop, "_can_shrink", lambda inputs, rows: False)
    assert ask.rows(asked, sampling) == made
    assert set(sizes[-12:]) == {16}, "where rows cannot leave, they are carried on"


# --- memory ----------------------------------------------------------------------------------------------------------

FULL = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
]


@pytest.mark.parametrize("error", FULL, ids=["cuda", "python", "torch on linux", "torch elsewhere"])
@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
def test_a_full_memory_halves_the_batches_once_and_changes_no_text(
    ask: Any, sampling: dict[str, Any], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask.prompts(20)
    whole = ask.rows(asked, sampling, limit=4)
    monkeypatch.setattr(hf, "_MOST_ROWS", 12)
    sizes = _sizes(ask.model, monkeypatch, most=4, error=error)
    assert ask.rows(asked, sampling, limit=4) == whole
    assert [size for size in sizes if size < 0] == [-12, -6], "later batches begin with what fitted"
    assert max(sizes) == 3


def test_beams_are_halved_too(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask.prompts(4, samples=2)
    whole = ask.rows(asked, BEAMS, limit=4)
    _sizes(ask.model, monkeypatch, most=6, error=torch.OutOfMemoryError())
    assert ask.rows(asked, BEAMS, limit=4) == whole


def test_one_answer_that_does_not_fit_is_one_clear_line(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _sizes(ask.model, monkeypatch, most=0, error=torch.OutOfMemoryError())
    with pytest.raises(ModelError, match="does not hold one answer of .* 7 new ones; lower max_new_tokens"):
        ask.rows(ask.prompts(3), GREEDY, limit=7)


def test_another_error_is_not_taken_for_a_full_memory(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _sizes(ask.model, monkeypatch, most=1, error=RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        ask.rows(ask.prompts(3), GREEDY)


# --- adapters --------------------------------------------------------------------------------------------------------


def _adapted(model: Any, task: str | None) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type=task)
    made = get_peft_model(copy.deepcopy(model), config)
    for name, weight in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return made


@pytest.mark.parametrize(("sampling", "task"), [(GREEDY, "CAUSAL_LM"), (SAMPLED, "CAUSAL_LM"), (BEAMS, None)])
def test_an_adapter_answers_as_if_merged_and_its_base_is_untouched(
    ask: Any, sampling: dict[str, Any], task: str | None
) -> None:
    over = _adapted(ask.model, task)
    before = {name: value.clone() for name, value in over.state_dict().items()}
    asked = ask.prompts(6, samples=2)
    made = type(ask)(over, ask.tokenizer).rows(asked, sampling)
    merged = copy.deepcopy(over).merge_and_unload()
    assert made == type(ask)(merged, ask.tokenizer).rows(asked, sampling)
    assert made != ask.rows(asked, sampling), "the adapter says something of its own"
    assert all(torch.equal(value, before[name]) for name, value in over.state_dict().items())


# --- as a stage ------------------------------------------------------------------------------------------------------

Told = Callable[..., tuple[dict[str, Any], list[dict[str, Any]]]]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Run the stage ``generate`` on questions and references."""
    from leaven import rows, stages
    from leaven.models import ref

    def run(asked: list[tuple[str, str]], **args: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        lines = [
            {"id": f"q{n}", "prompt": [{"role": "user", "content": question}],
             "completion": [{"role": "assistant", "content": reference}], "group": None, "label": None}
            for n, (question, reference) in enumerate(asked)
        ]  # fmt: skip
        rows.write(tmp_path / "rows.parquet", "examples", lines)
        base = ref.resolve({"model_name_or_path": "pocket"})
        inputs = {"prompts": tmp_path, "base": Path(str(base.path))}
        (out := tmp_path / f"out{len(list(tmp_path.iterdir()))}").mkdir()
        given_args = {"model": base.as_args(), "seed": 0, "sampling": {}, "max_new_tokens": 8, **args}
        facts = stages.generate(given_args, inputs, out)
        return facts, rows.read(out / "generations.parquet").to_pylist()

    return run


def test_characters_of_question_and_reference_limit_each_answer(told: Told, ask: Any) -> None:
    asked = [("Who?", "Me"), ("Where is it?", ""), ("Why? " * 100, "x" * 2000)]
    hot = {"temperature": 3.0, "stop_strings": []}
    _, made = told(asked, max_new_tokens="characters", sampling=hot)
    room = 512 - len(
        ask.tokenizer.apply_chat_template([{"role": "user", "content": asked[2][0]}], add_generation_prompt=True)[
            "input_ids"
        ]
    )
    limits = [6, 12, room]
    assert all(row["tokens"] <= limit for row, limit in zip(made, limits, strict=True))
    assert any(
        row["tokens"] == limit and row["finish_reason"] == "length" for row, limit in zip(made, limits, strict=True)
    )


def test_without_the_template_the_bare_question_is_asked(told: Told, ask: Any) -> None:
    asked = [("Bram lives in", "x"), ("The village is", "x")]
    _, bare = told(asked, apply_chat_template=False, sampling=GREEDY)
    prompts = [hf.Prompt(f"q{n}", 0, ask.tokenizer(question)["input_ids"]) for n, (question, _) in enumerate(asked)]
    assert bare == list(ask.rows(prompts, GREEDY, limit=8).values())
    assert bare != told(asked, sampling=GREEDY)[1]


def test_the_record_says_how_answers_were_drawn(told: Told) -> None:
    facts, _ = told([("Who?", "Me")], sampling={"temperature": 0.7})
    assert facts["sampling"] == {"do_sample": True, "temperature": 0.7}


def test_a_checkpoints_own_settings_are_used_where_the_study_says_so(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GenerationConfig

    from leaven.stages import answering

    asked = [("Where does Bram live?", "Me"), ("Who is it?", "You")]
    stock = answering.speaker

    def speaker(args: Any, inputs: Any) -> Any:
        model, tokenizer, stops = stock(args, inputs)
        model = copy.copy(model)
        model.generation_config = GenerationConfig(do_sample=True, temperature=2.5, top_p=0.9, repetition_penalty=1.3)
        return model, tokenizer, stops

    own = {"temperature": 2.5, "top_p": 0.9, "top_k": 50, "repetition_penalty": 1.3}
    _, declared = told(asked, sampling=own)
    _, plain = told(asked)
    monkeypatch.setattr(answering, "speaker", speaker)
    facts, checkpoints = told(asked, sampling={"generation_config": "checkpoint"})
    assert checkpoints == declared != plain
    assert facts["sampling"].items() >= {**own, "do_sample": True}.items()
    assert told(asked)[1] == plain, "else the checkpoint's settings are not looked at"
    _, colder = told(asked, sampling={"generation_config": "checkpoint", "temperature": 1.0})
    monkeypatch.undo()
    assert colder == told(asked, sampling={**own, "temperature": 1.0})[1] != declared
