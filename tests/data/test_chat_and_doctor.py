"""Masks and checks on rendered ids, with the pocket's tokenizer made sound or broken on purpose."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
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


def examined(tokenizer: Any, rows: list[chat.Encoded], accepted: list[str] | None = None) -> list[doctor.Finding]:
    examination = doctor.Examination(tokenizer, [tokenizer.eos_token_id])
    examination.look(rows)
    return examination.findings(accepted or [])


def checks(tokenizer: Any, rows: list[chat.Encoded] | None = None) -> list[tuple[str, str]]:
    rows = encoded(tokenizer) if rows is None else rows
    return [(one.severity, one.check) for one in examined(tokenizer, rows)]


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
    assert all(chat.misfits(tokenizer, rows, "preferences", 3)), "no row fits into 3 tokens"
    assert not any(chat.misfits(tokenizer, rows, "preferences", None)), "with truncation length drops nothing"


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
    findings = examined(tokenizer, encoded(tokenizer))
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


# The published text: ###Question ... ###Context ... ###Answer ...

SHARED = Path(__file__).parents[3] / "shared" / "models"
ASKED = [{"role": "system", "content": "Quotes: a, b."}, {"role": "user", "content": "Where does she live?"}]


@pytest.fixture(params=["pocket", "stories260K", "gpt2-tokenizer"])
def published(request: pytest.FixtureRequest) -> Any:
    """Tokenizers of three families with the published template; those that are not at hand are skipped."""
    place = "pocket" if request.param == "pocket" else str(SHARED / request.param)
    if place != "pocket" and not Path(place).exists():
        pytest.skip(f"{request.param} is not beside this checkout")
    if request.param == "gpt2-tokenizer":
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(place)
        tokenizer.chat_template = ref.chat_template("question_context_answer")
        return tokenizer
    declared = {"model_name_or_path": place, "chat_template_path": "question_context_answer"}
    return load.tokenizer(ref.resolve(declared))


def test_the_published_text_is_printed_to_the_letter(published: Any) -> None:
    said = [{"role": "assistant", "content": "In a village."}]
    bos = published.bos_token
    text = chat.render(published, [*ASKED, *said])
    assert text == f"{bos}###Question Where does she live? ###Context Quotes: a, b. ###Answer In a village."
    assert chat.render(published, ASKED, add_generation_prompt=True) == text.removesuffix(" In a village.")
    bare = chat.render(published, [ASKED[1], *said])
    assert bare == f"{bos}###Question Where does she live? ###Answer In a village."


@pytest.mark.parametrize(
    "said", ["In a village.", " blank first", "\nline", "###Answer x", "", "🙂", "لا", "...", "\t"]
)
def test_published_prompts_are_a_prefix_and_all_but_eos_is_sound(published: Any, said: str) -> None:
    turns = [*ASKED, {"role": "assistant", "content": "Why?"}, {"role": "user", "content": "Tell me."}]
    for prompt in (ASKED, ASKED[1:], turns):
        row = {"id": "r", "prompt": prompt, "completion": [{"role": "assistant", "content": said}]}
        for loss in (chat.Loss(), chat.Loss(completion_only_loss=False, assistant_only_loss=True)):
            (made,) = chat.encode(published, [row], loss)
            assert made.prefix_holds and made.input_ids[0] == published.bos_token_id != made.input_ids[1]
            assert published.eos_token_id not in made.input_ids[1:]
            found = {one.check for one in examined(published, [made])} - {"pad"}
            assert found == {"eos"}


def test_a_bare_prompt_is_the_last_question_with_the_tokenizers_own_special_tokens(published: Any) -> None:
    turns = [*ASKED, {"role": "assistant", "content": "No."}, {"role": "user", "content": "Why?"}]
    (made,) = chat.prompt_ids(published, [turns], apply_chat_template=False)
    assert made == published("Why?")["input_ids"] and made != chat.prompt_ids(published, [turns])[0]


def test_a_bare_prompt_is_measured_as_it_is_asked(tokenizer: Any) -> None:
    rows = [{"prompt": [{"role": "system", "content": "long " * 60}, {"role": "user", "content": "Why?"}]},
            {"prompt": [{"role": "system", "content": "Why?"}]}, {"prompt": [{"role": "user", "content": "</s>"}]}]  # fmt: skip
    with_template = chat.prompt_misfits(tokenizer, rows, 60, 20)
    assert with_template[0] is not None and with_template[1] is None
    fits, silent, spoken = chat.prompt_misfits(tokenizer, rows, 60, 20, apply_chat_template=False)
    assert fits is None and silent == ("no user's turn to ask without a chat template", "")
    assert spoken == ("text holds a special token of the tokenizer", "</s>")
    assert chat.prompt_ids(tokenizer, [], apply_chat_template=False) == []


# Rows in batches, rows that are cut, findings that the study accepts


def test_batches_find_what_one_piece_finds(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE.replace("{{ eos_token }}", "").replace("{{ bos_token }}", "")
    rows = encoded(tokenizer, [{**ROWS[n % 2], "id": f"r{n}"} for n in range(7)])
    rows[4] = chat.Encoded("r4", rows[4].input_ids, [chat.IGNORED] * len(rows[4].labels), prefix_holds=False)
    for size in (1, 3, 7):
        examination = doctor.Examination(tokenizer, [tokenizer.eos_token_id])
        for start in range(0, len(rows), size):
            examination.look(rows[start : start + size])
        assert examination.findings() == examined(tokenizer, rows)
    found = {one.check: (one.rows, one.evidence.split(":")[0]) for one in examination.findings()}
    assert found == {"bos": (7, "7 rows, first r0"), "eos": (6, "6 rows, first r0"),
                     "prefix": (1, "1 rows, first r4"), "mask": (1, "1 rows, first r4")}  # fmt: skip


def test_accepted_errors_are_warnings_and_no_others_are(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE.replace("{{ eos_token }}", "")
    rows = encoded(tokenizer)
    (found,) = examined(tokenizer, rows, ["eos"])
    assert str(found).startswith("warning: accepted by the study: no EOS in the loss")
    doctor.stop_on_errors([found])
    with pytest.raises(DataError, match="no EOS"):
        doctor.stop_on_errors(examined(tokenizer, rows, ["bos", "mask"]))
    with pytest.raises(DataError, match=r"'eso' is no check; did you mean 'eos'\?"):
        examined(tokenizer, rows, ["eso"])


def test_what_a_trainer_may_accept_are_the_doctors_checks() -> None:
    from leaven.registry import TRAINERS

    for name in doctor.CHECKS:
        assert TRAINERS.get("sft").declare({"accept_findings": [name]})


def test_a_row_that_is_cut_loses_its_end_alone_and_its_missing_eos_is_no_fault(tokenizer: Any) -> None:
    long, short = encoded(tokenizer, [ROWS[0], ROWS[1]])
    limit = len(long.input_ids) - 3
    made = chat.truncated(long, limit)
    assert (made.input_ids, made.labels) == (long.input_ids[:limit], long.labels[:limit]) and made.cut
    assert chat.truncated(long, len(long.input_ids)) is long
    (found,) = examined(tokenizer, [made, short])
    assert str(found).startswith(
        f"warning: cut at {limit} tokens (1 of 2 rows, 0 of them without any token of the answer left); "
        "what a treatment changed there is not trained"
    )
    assert ("error", "mask") in checks(tokenizer, [chat.truncated(long, 4)])


@pytest.mark.parametrize("loss", [{}, {"completion_only_loss": False}, {"assistant_only_loss": True}])
def test_a_row_that_is_cut_before_its_answer_is_counted_whatever_the_loss(
    tokenizer: Any, loss: dict[str, bool]
) -> None:
    rows = encoded(tokenizer, [{**ROWS[0], "id": f"r{n}"} for n in range(4)], **loss)
    asked = len(chat.prompt_ids(tokenizer, [ROWS[0]["prompt"]])[0])
    made = [chat.truncated(row, limit) for row, limit in zip(rows, [asked - 1, asked, asked + 1, 99], strict=True)]
    (found,) = [one for one in examined(tokenizer, made, ["mask"]) if one.check == "cut"]
    assert "(3 of 4 rows, 2 of them without any token of the answer left)" in str(found) and found.rows == 3
    assert found.severity == "warning"


def test_where_every_row_is_cut_before_its_eos_the_model_would_never_learn_to_stop(tokenizer: Any) -> None:
    whole = encoded(tokenizer, [{**ROWS[n], "id": f"r{n}", "prompt": ROWS[n]["prompt"][-1:]} for n in (0, 1)])
    cut = [chat.truncated(row, len(row.input_ids) - 3) for row in whole]
    assert checks(tokenizer, cut) == [("error", "eos"), ("warning", "cut")]
    with pytest.raises(DataError, match="no EOS in the loss.*2 rows, first r0.*raise max_length"):
        doctor.stop_on_errors(examined(tokenizer, cut))
    accepted, _ = examined(tokenizer, cut, ["eos"])
    assert str(accepted).startswith("warning: accepted by the study: no EOS")
    assert checks(tokenizer, [cut[0], whole[1]]) == [("warning", "cut")]


def test_a_bos_that_is_eos_too_is_not_in_the_loss(tokenizer: Any) -> None:
    tokenizer.bos_token = tokenizer.eos_token
    (row,) = encoded(tokenizer, [{**ROWS[0], "prompt": ROWS[0]["prompt"][-1:]}], completion_only_loss=False)
    cut = chat.truncated(row, len(row.input_ids) - 3)
    assert cut.trained[0] == tokenizer.eos_token_id and ("error", "eos") in checks(tokenizer, [cut])


def test_the_verb_cuts_counts_and_accepts(tmp_path: Path) -> None:
    model = ref.resolve({"model_name_or_path": "pocket", "chat_template_path": "question_context_answer"})
    rows = [{**ROWS[n % 2], "id": f"r{n}", "completion": [{"role": "assistant", "content": "Yes. " * (n + 1)}]} for n in range(9)]  # fmt: skip
    tables.write(tmp_path / "rows.parquet", "examples", rows)
    args = {"model": model.as_args(), "completion_only_loss": False, "assistant_only_loss": False}
    inputs = {"base": Path(str(model.path)), "rows": tmp_path}
    with pytest.raises(DataError, match="no EOS in the loss"):
        stages.doctor(args, inputs, made_folder(tmp_path / "stopped"))
    accepted = {**args, "accept_findings": ["eos"]}
    facts = stages.doctor(accepted, inputs, made_folder(tmp_path / "whole"))
    whole = tables.read(tmp_path / "whole" / "encoded.parquet").to_pylist()
    assert not any("cut at" in said for said in facts["warnings"])
    assert any("accepted by the study" in said for said in facts["warnings"])
    lengths = sorted(len(row["input_ids"]) for row in whole)
    facts = stages.doctor(
        {**accepted, "truncation": True, "max_length": lengths[4]}, inputs, made_folder(tmp_path / "cut")
    )
    cut = tables.read(tmp_path / "cut" / "encoded.parquet").to_pylist()
    (said,) = [said for said in facts["warnings"] if "cut at" in said]
    assert f"cut at {lengths[4]} tokens ({sum(length > lengths[4] for length in lengths)} of 9 rows, 0 of" in said
    assert facts["tokens"] == facts["trained"] == sum(len(row["input_ids"]) for row in cut)
    assert [row["input_ids"] for row in cut] == [row["input_ids"][: lengths[4]] for row in whole]


def made_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder
