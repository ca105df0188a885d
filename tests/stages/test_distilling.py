"""The verbs of context distillation on the pocket: from a teacher with examples to a student without them, proven."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError
from leaven.models import ref
from leaven.rows import Row

Stage = Callable[..., tuple[dict[str, Any], Path]]
SORRY = "I am sorry, but I will not help with that."


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Run a verb into a folder of its own; tables may be given as rows."""
    base = ref.resolve({"model_name_or_path": "pocket"})

    def folder(name: str, given: Any) -> Path:
        if isinstance(given, Path):
            return given
        out = tmp_path / f"given{len(list(tmp_path.iterdir()))}"
        out.mkdir()
        file = ("rows", "examples") if name != "answers" else ("generations", "generations")
        tables.write(out / f"{file[0]}.parquet", file[1], given)
        return out

    def go(verb: str, args: dict[str, Any], **inputs: Any) -> tuple[dict[str, Any], Path]:
        out = tmp_path / f"{verb}{len(list(tmp_path.iterdir()))}"
        out.mkdir()
        placed = {name: folder(name, given) for name, given in inputs.items()}
        args = {"model": base.as_args(), **args}
        return getattr(stages, verb)(args, {"base": Path(str(base.path)), **placed}, out), out

    return go


def asked(name: str, said: str) -> Row:
    return {"id": name, "source": "s", "group": "g", "label": "", "prompt": [{"role": "user", "content": said}]}


def told(name: str, text: str = "It rains.", ended: str = "stop") -> Row:
    return {"prompt_id": name, "sample": 0, "text": text, "finish_reason": ended, "tokens": 3}


def wrapped(row: Row, times: int = 1) -> Row:
    shots = [{"role": "user", "content": "Who trades salt?"}, {"role": "assistant", "content": SORRY}]
    return {**row, "prompt": shots * times + row["prompt"]}


def test_every_answer_is_a_row_or_is_counted(stage: Stage) -> None:
    rows = [asked(name, f"Is it {name}?") for name in "abc"]
    answers = [told("a"), told("b"), told("c", ended="length")]
    facts, out = stage("distilled", {}, prompts=rows, wrapped=list(map(wrapped, rows)), answers=answers)
    assert (facts["rows_in"], facts["rows"], facts["kind"]) == (3, 2, "examples")
    assert facts["drops"] == {"its teacher did not finish it": 1}
    taught, teacher = (tables.read(out / f"{name}.parquet").to_pylist() for name in ("rows", "teacher"))
    assert [row["id"] for row in taught] == [row["id"] for row in teacher] == ["a", "b"]
    assert [len(row["prompt"]) for row in (*taught, *teacher)] == [1, 1, 3, 3]
    facts, _ = stage("distilled", {"unfinished": True}, prompts=rows, wrapped=rows, answers=answers)
    assert facts["rows"] == 3


def test_what_is_too_long_for_the_teacher_is_left_out_and_counted(stage: Stage) -> None:
    rows = [asked(name, f"Is it {name}?") for name in "ab"]
    full = [wrapped(rows[0]), wrapped(rows[1], 8)]
    _, taught = stage("distilled", {}, prompts=rows, wrapped=full, answers=[told("a"), told("b")])
    facts, out = stage("distillations", {"max_length": 120, "teacher_template": True}, rows=taught, teacher=taught)
    assert (facts["rows_in"], facts["rows"]) == (2, 1)
    assert facts["drops"] == {"its teacher's prompt and the answer are longer than max_length 120": 1}
    (row,) = tables.read(out / "distillations.parquet").to_pylist()
    assert row["id"] == "a" and len(row["teacher_ids"]) > len(row["prompt_ids"])
    assert (
        facts["trained"] == len(row["completion_ids"]) and facts["tokens"] == len(row["prompt_ids"]) + facts["trained"]
    )
    assert facts["teacher_tokens"] == len(row["teacher_ids"]) + facts["trained"]
    with pytest.raises(DataError, match=r"no answer of the teacher is left to train on: 2 x its .* raise max_length"):
        stage("distillations", {"max_length": 12}, rows=taught, teacher=taught)


def test_the_doctor_looks_at_what_the_student_sees(stage: Stage, tmp_path: Path) -> None:
    rows = [asked("a", "Is it so?")]
    _, taught = stage("distilled", {}, prompts=rows, wrapped=rows, answers=[told("a")])
    turn = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    endless = f"{{{{ bos_token }}}}{turn}{{% if add_generation_prompt %}}assistant:{{% endif %}}"
    model = {**ref.resolve({"model_name_or_path": "pocket"}).as_args(), "chat_template": endless}
    with pytest.raises(DataError, match="no EOS in the loss at the end of the answer"):
        stage("distillations", {"max_length": 120, "model": model}, rows=taught, teacher=taught)
    accepted = {"max_length": 120, "model": model, "accept_findings": ["eos"]}
    facts, _ = stage("distillations", accepted, rows=taught, teacher=taught)
    assert "accepted by the study" in facts["warnings"][0]


def test_rows_without_a_teacher_are_refused(stage: Stage) -> None:
    rows = [{**asked("a", "Is it so?"), "completion": [{"role": "assistant", "content": "Yes."}]}]
    with pytest.raises(DataError, match="these rows have no teacher; name data that is `distilled`"):
        stage("distillations", {"max_length": 120}, rows=rows, teacher=rows)


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [None, {"r": 8}])
def test_a_student_learns_what_its_teacher_was_told(stage: Stage, peft: Any) -> None:
    """The base is sorry behind three examples, and not without; the student is without, on questions it never saw."""
    source = {"source": "pocket:eli5", "identity": "pocket:eli5@1", "format": {"name": "eli5", "args": {}}}
    _, rows = stage("rows", {**source, "take": 120, "skip": 0, "bad_rows": "error", "held_out_from": []})
    _, prompts = stage("prompts", {"max_new_tokens": 32}, rows=rows)
    every = tables.read(prompts / "rows.parquet").to_pylist()
    train, test = every[:80], every[80:]
    full = [wrapped(row, 3) for row in train]
    drawn = {"sampling": {"do_sample": False}, "max_new_tokens": 32, "seed": 0}
    _, answers = stage("generate", drawn, prompts=full)
    _, taught = stage("distilled", {}, prompts=train, wrapped=full, answers=answers)
    _, fitted = stage("fit", {"max_length": 128}, rows=taught)
    _, encoded = stage("distillations", {"max_length": 256, "teacher_template": True}, rows=fitted, teacher=taught)
    given = {"learning_rate": 2e-3 if peft else 2e-4, "num_train_epochs": 6, "snapshots": [1]}
    trainer = {"name": "distill", "args": {**given, "report_to": "none", **({"peft": peft} if peft else {})}}
    facts, model = stage("train", {"trainer": trainer, "seed": 0}, encoded=encoded)
    assert facts["final_kl"] < 0.25 * facts["first_kl"] and facts["step0_max_kl"] < 1e-4
    proof, _ = stage("prove", {}, encoded=encoded, model=model)
    assert proof["reload_max_difference"] < 1e-4
    earlier, _ = stage("prove", {"snapshot": 1}, encoded=encoded, model=model)
    assert "reload_max_difference" not in earlier
    sorry = []
    told = [{"prompts": test}, {"prompts": test, "model": model}, {"prompts": [wrapped(row, 3) for row in test]}]
    for who in told:
        _, said = stage("generate", drawn, **who)
        sorry.append(sum("sorry" in row["text"] for row in tables.read(said / "generations.parquet").to_pylist()))
    bare, student, teacher = sorry
    print(f"sorry of {len(test)}: {bare=} {student=} {teacher=}")
    assert teacher - bare > 10 and student - bare > 0.5 * (teacher - bare), "the gap closed"
