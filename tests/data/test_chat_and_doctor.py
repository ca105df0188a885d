"""Masks and checks on rendered ids, with the pocket's tokenizer made sound or broken on purpose."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from leaven.data import chat, doctor
from leaven.errors import DataError, ModelError
from leaven.models import load, ref
from leaven.rows import Row

ROWS: list[Row] = [
    {
        "id": f"r{n}",
        "prompt": [
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Good day."},
            {"role": "user", "content": question},
        ],
        "completion": [{"role": "assistant", "content": answer}],
    }
    for n, (question, answer) in enumerate([("Where does she live?", "In a village."), ("Why?", "Nobody knows that.")])
]
TEMPLATE = """{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}User: {{ m.content }}
{% else %}Assistant: {{ m.content }}{{ eos_token }}
{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"""


@pytest.fixture(scope="module")
def pocket() -> Any:
    return load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))


@pytest.fixture
def tokenizer(pocket: Any) -> Any:
    return copy.deepcopy(pocket)


def encoded(tokenizer: Any, rows: list[Row] = ROWS, **loss: bool) -> list[chat.Encoded]:
    return chat.encode(tokenizer, rows, chat.Loss(**loss))


def text_of(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids))


def checks(tokenizer: Any, rows: list[chat.Encoded] | None = None) -> list[tuple[str, str]]:
    rows = encoded(tokenizer) if rows is None else rows
    return [(one.severity, one.check) for one in doctor.examine(tokenizer, rows, [tokenizer.eos_token_id])]


def test_completion_only_trains_the_last_answer_and_its_eos(tokenizer: Any) -> None:
    row = encoded(tokenizer)[0]
    assert text_of(tokenizer, row.trained).strip() == "In a village.</s>"
    assert row.prefix_holds and len(row.labels) == len(row.input_ids)


def test_assistant_only_trains_every_answer(tokenizer: Any) -> None:
    row = encoded(tokenizer, assistant_only_loss=True)[0]
    said = text_of(tokenizer, row.trained)
    assert "Good day.</s>" in said and "In a village.</s>" in said and "Where" not in said


def test_without_switches_all_text_is_trained(tokenizer: Any) -> None:
    row = encoded(tokenizer, completion_only_loss=False)[0]
    assert row.trained == row.input_ids


def test_both_candidates_count_for_length_before_any_treatment(tokenizer: Any) -> None:
    short, long = [{"role": "assistant", "content": "No."}], [{"role": "assistant", "content": "No. " * 50}]
    rows = [
        {"prompt": ROWS[0]["prompt"], "chosen": short, "rejected": short},
        {"prompt": ROWS[0]["prompt"], "chosen": short, "rejected": long},
        {"prompt": ROWS[0]["prompt"], "chosen": long, "rejected": short},
    ]
    fits = [misfit is None for misfit in chat.misfits(tokenizer, rows, "preferences", 64)]
    assert fits == [True, False, False]
    with pytest.raises(DataError, match="max_length 3 cuts off every answer"):
        chat.misfits(tokenizer, rows, "preferences", 3)


def test_text_that_would_become_control_tokens_is_left_out(tokenizer: Any) -> None:
    row = {"prompt": ROWS[0]["prompt"], "completion": [{"role": "assistant", "content": "see </s> ok"}]}
    (misfit,) = chat.misfits(tokenizer, [row], "examples", 64)
    assert misfit == ("text holds a special token of the tokenizer", "</s>")
    asked = {"prompt": [{"role": "user", "content": "<s>Hi"}]}
    assert chat.prompt_misfits(tokenizer, [asked], None, 8)[0] is not None


def test_a_template_that_renders_the_last_turn_otherwise_is_found(tokenizer: Any) -> None:
    """Spans for assistant_only_loss are measured on parts; where a part is rendered otherwise, they would lie."""
    tokenizer.chat_template = TEMPLATE.replace(
        "Assistant: {{ m.content }}", "Assistant:{% if loop.last %} Hm.{% endif %} {{ m.content }}"
    )
    assert ("error", "prefix") in checks(tokenizer, encoded(tokenizer, assistant_only_loss=True))


def test_a_template_that_prints_the_date_means_the_same_on_every_day(tmp_path: Path) -> None:
    file = tmp_path / "dated.jinja"
    file.write_text("{{ bos_token }}{{ strftime_now('%d %b %Y') }}" + TEMPLATE.removeprefix("{{ bos_token }}"))
    dated = load.tokenizer(ref.resolve({"model_name_or_path": "pocket", "chat_template_path": str(file)}))
    assert "01 Jan 2026" in chat.render(dated, ROWS[0]["prompt"])


def test_the_doctor_is_silent_on_a_sound_template(tokenizer: Any) -> None:
    assert checks(tokenizer) == []


def test_an_equal_template_of_another_hand_is_sound_too(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE
    assert checks(tokenizer) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("{{ bos_token }}", "{{ bos_token }}{{ bos_token }}", ("error", "bos")),
        ("{{ bos_token }}", "", ("error", "bos")),
        ("{{ eos_token }}", "", ("error", "eos")),
        ("{% if add_generation_prompt %}Assistant:{% endif %}", "{% if add_generation_prompt %}Bot:{% endif %}", ("error", "prefix")),
    ],
)  # fmt: skip
def test_a_broken_template_is_found(tokenizer: Any, old: str, new: str, found: tuple[str, str]) -> None:
    tokenizer.chat_template = TEMPLATE.replace(old, new)
    assert found in checks(tokenizer)


def test_pad_that_is_eos_is_reported_and_stays_in_the_loss(tokenizer: Any) -> None:
    tokenizer.pad_token = tokenizer.eos_token
    assert checks(tokenizer) == [("warning", "pad")]
    assert encoded(tokenizer)[0].trained[-2:].count(tokenizer.eos_token_id) == 1


def test_a_row_without_a_trained_token_is_an_error(tokenizer: Any) -> None:
    masked = chat.Encoded("r", [1, 5, 6], [chat.IGNORED] * 3)
    assert ("error", "mask") in checks(tokenizer, [*encoded(tokenizer), masked])


def test_errors_stop_and_name_evidence_and_remedy(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE.replace("{{ eos_token }}", "")
    findings = doctor.examine(tokenizer, encoded(tokenizer), [tokenizer.eos_token_id])
    with pytest.raises(DataError, match=r"no EOS in the loss.*2 rows, first r0.*end the assistant's turn"):
        doctor.stop_on_errors(findings)


@pytest.mark.parametrize(
    ("template", "said"),
    [(None, "set model.chat_template_path"), ("{% for %}", "the chat template fails"), ("{{ raise_exception('no') }}", "fails")],
)  # fmt: skip
def test_no_template_or_a_failing_one_is_one_clear_line(tokenizer: Any, template: str | None, said: str) -> None:
    tokenizer.chat_template = template
    with pytest.raises(ModelError, match=said):
        encoded(tokenizer)
