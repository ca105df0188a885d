"""Chat templates and tokenizers that are broken on purpose, one for each known failure; silence on sound ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from leaven.data import chat
from leaven.data.doctor.dump import dumped
from leaven.data.doctor.layers import layers
from leaven.data.doctor.markers import Markers
from leaven.data.doctor.template import dated, differ, of_template, probes, without_template
from leaven.data.doctor.turns import Turns
from leaven.data.doctor.vocabulary import of_generation, of_size, of_tokenizer
from leaven.models import load, ref

SOUND = (
    "{{ bos_token }}{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def pocket() -> Any:
    return load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))


@pytest.fixture
def tokenizer(pocket: Any) -> Any:
    return copy.deepcopy(pocket)


def templated(tokenizer: Any, template: str) -> Any:
    tokenizer.chat_template = template
    return tokenizer


def found(tokenizer: Any, *, declared: list[int] | None = None, systems: bool = False) -> list[tuple[str, str]]:
    stops = [tokenizer.eos_token_id]
    return [(one.severity, one.check) for one in of_template(tokenizer, stops, declared or stops, systems)]


def test_sound_templates_are_silent(tokenizer: Any) -> None:
    assert without_template(tokenizer) == [] and found(tokenizer, systems=True) == []
    assert found(templated(tokenizer, SOUND), systems=True) == []
    assert of_tokenizer(tokenizer) == []


@pytest.mark.parametrize(
    ("template", "finding"),
    [
        # An end of turn at which generation does not stop (TRL 2059): the answer runs on.
        (SOUND.replace("{{ eos_token }}", "<|im_end|>"), ("error", "stop")),
        # EOS after the last answer only: what the model reads of a conversation is not how it should answer.
        (SOUND.replace("m.role == 'assistant'", "m.role == 'assistant' and loop.last"), ("warning", "turns")),
        # add_generation_prompt ignored: the model is trained to write its own header, and prints the template.
        (SOUND.replace("{% if add_generation_prompt %}Assistant:{% endif %}", ""), ("error", "prompt")),
        # No system turn: refused, or swallowed.
        (
            SOUND.replace("{% for m in messages %}", "{% for m in messages %}{% if m.role == 'system' %}"
                          "{{ raise_exception('System role not supported') }}{% endif %}"),
            ("warning", "system"),
        ),
        (SOUND.replace("in messages %}", "in messages if m.role != 'system' %}"), ("warning", "system")),
    ],
)  # fmt: skip
def test_a_broken_template_is_told(tokenizer: Any, template: str, finding: tuple[str, str]) -> None:
    if "<|im_end|>" in template:
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    assert found(templated(tokenizer, template)) == [finding]


def test_a_system_turn_in_the_data_makes_it_an_error(tokenizer: Any) -> None:
    swallows = SOUND.replace("in messages %}", "in messages if m.role != 'system' %}")
    assert found(templated(tokenizer, swallows), systems=True) == [("error", "system")]


def test_an_end_of_turn_that_generation_config_does_not_name(tokenizer: Any) -> None:
    assert found(tokenizer, declared=[5]) == [("warning", "stop")]


@pytest.mark.parametrize("template", [None, "{% for m in messages %}{{ m.content }", "{{ messages.nothing.at_all }}"])
def test_no_template_or_one_that_fails(tokenizer: Any, template: str | None) -> None:
    (one,) = without_template(templated(tokenizer, template or ""))
    assert (one.severity, one.check) == ("error", "template") and one.remedy
    if template and "nothing" not in template:
        assert "Syntax" in one.evidence


def test_a_template_that_prints_the_date(tokenizer: Any) -> None:
    bare, fixed = copy.deepcopy(tokenizer), tokenizer
    bare.chat_template = SOUND.replace("{{ bos_token }}", "{{ bos_token }}Today is {{ strftime_now('%d %b %Y') }}.\n")
    fixed.chat_template = bare.chat_template.replace("strftime_now('%d %b %Y')", "'01 Jan 2026'")
    (one,) = dated(bare, fixed)
    assert one.check == "date" and dated(fixed, fixed) == []


def test_another_template_beside_is_shown_where_it_differs(tokenizer: Any) -> None:
    templated(tokenizer, SOUND)
    (one,) = differ(tokenizer, SOUND.replace(": ", "> "), "the other", "keep one", "error")
    assert one.severity == "error" and "> What" in one.evidence
    assert differ(tokenizer, SOUND + "{# the same #}", "the other", "keep one") == []


def test_bos_is_counted_layer_by_layer(tokenizer: Any) -> None:
    def told() -> list[int]:
        return [one.bos for one in layers(tokenizer)]

    assert told() == [1, 1, 1, 2], "the template's BOS, and the tokenizer's in front of rendered text"
    templated(tokenizer, SOUND.removeprefix("{{ bos_token }}"))
    assert told() == [1, 0, 0, 1]
    templated(tokenizer, "{{ bos_token }}" + SOUND)
    assert told() == [1, 2, 2, 3]


def test_a_tokenizer_without_eos_or_pad(tokenizer: Any) -> None:
    tokenizer.pad_token = None
    assert [(one.severity, one.check) for one in of_tokenizer(tokenizer)] == [("warning", "pad")]
    tokenizer.eos_token = None
    assert [(one.severity, one.check) for one in of_tokenizer(tokenizer)] == [("error", "eos"), ("warning", "pad")]


def test_ids_that_the_model_has_no_row_for(tokenizer: Any) -> None:
    size = len(tokenizer)
    assert of_size(tokenizer, size, size) == [] and of_size(tokenizer, size + 64, size + 64) == []
    tokenizer.add_tokens(["<|new|>"])
    (one,) = of_size(tokenizer, size, None)
    assert one.severity == "error" and "<|new|>" in one.evidence
    assert of_size(tokenizer, size + 1, size) != [], "the embedding on disk is what counts"


class Generation:
    def __init__(self, eos: Any, pad: int | None):
        self.eos_token_id, self.pad_token_id, self.bos_token_id = eos, pad, 1


def test_generation_config_that_pads_with_eos(tokenizer: Any) -> None:
    def checks(eos: Any, pad: int | None) -> list[tuple[str, str]]:
        told = of_generation(tokenizer, Generation(eos, pad), len(tokenizer))
        return [(one.severity, one.check) for one in told]

    assert checks(2, 0) == [] and checks([1, 2], None) == []
    assert checks(2, 2) == checks([1, 2], 1) == [("warning", "generation_config")]
    assert checks([2, 32000], 0) == [("error", "generation_config")]


def test_marks_of_a_speaker_in_answers(tokenizer: Any) -> None:
    def told(answer: str, prompt: str = "Why?") -> list[Any]:
        markers = Markers()
        markers.look([{"id": "a", "prompt": [{"role": "user", "content": prompt}],
                       "completion": [{"role": "assistant", "content": answer}]}])  # fmt: skip
        return markers.findings()

    for answer in (
        "No.\nUser: and then?",
        'He said "no." User: and then?',
        "Human: hello",
        "<|user|>",
        "### Instruction: go",
        "[INST] so",
        "<|im_start|>",
    ):
        (one,) = told(answer)
        assert one.check == "markers" and "answers" in one.message, answer
    for silent in ("The user: a person. Humans are many.", "call Models.User: it is a class", "as this User: wrote"):
        assert told(silent) == [], silent
    assert "prompts" in told("No.", "Hi\n\nAssistant: yes")[0].message


def test_turns_that_are_trained_must_each_end(tokenizer: Any) -> None:
    def told(template: str) -> list[str]:
        turns = Turns(tokenizer, [tokenizer.eos_token_id])
        turns.look(chat.encode(templated(tokenizer, template), probes(), chat.Loss(assistant_only_loss=True)))
        return [one.severity for one in turns.findings()]

    assert told(SOUND) == []
    assert told(SOUND.replace("m.role == 'assistant'", "m.role == 'assistant' and loop.index == 4")) == ["error"]


def test_the_dump_says_what_is_trained(tokenizer: Any) -> None:
    rows = chat.encode(tokenizer, probes(), chat.Loss())
    one, two = dumped(tokenizer, rows, longest=30)
    assert "".join(token.text for token in one.tokens) == tokenizer.decode(rows[0].input_ids)
    assert "".join(token.text for token in one.tokens if token.trained).strip() == "The first is a stone.</s>"
    assert one.tokens[0].special and not one.skipped
    assert two.skipped == two.total - 30 and len(two.tokens) == 30 and two.skipped_at == 15


def test_bytes_of_half_a_character_are_spelt(tokenizer: Any) -> None:
    row: Callable[[str], Any] = lambda text: chat.Encoded("x", ids := tokenizer(text)["input_ids"], ids)  # noqa: E731
    (one,) = dumped(tokenizer, [row("☃ snow")])
    assert all(token.text and "\N{REPLACEMENT CHARACTER}" not in token.text for token in one.tokens)
