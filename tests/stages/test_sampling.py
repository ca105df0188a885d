"""The verb ``answers`` on the pocket: k answers a prompt, repeats drawn again, schedules, and going on after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import ModelError
from leaven.generate import hf
from leaven.generate.fake import Fake
from leaven.models import ref
from leaven.progress import FOLDER
from leaven.stages.sampling import asked_with, scheduled

QUESTIONS = ["Where does Mira live?", "What does Odo eat?", "What is Fenn's favourite colour?"]


@pytest.fixture(scope="module")
def base() -> ref.Base:
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    asked = tmp_path / "prompts"
    asked.mkdir()
    rows = [{"id": f"q-{n}", "prompt": [{"role": "user", "content": text}]} for n, text in enumerate(QUESTIONS)]
    tables.write(asked / "rows.parquet", "examples", rows)
    return asked


def sample(base: ref.Base, prompts: Path, out: Path, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    out.mkdir(exist_ok=True)
    how = {
        "num_return_sequences": 4,
        "max_new_tokens": 8,
        "redraw": 3,
        "seed": 5,
        "temperature": 2.0,
        "model": base.as_args(),
        **more,
    }
    facts = stages.answers(how, {"prompts": prompts, "base": Path(str(base.path))}, out)
    return tables.read(out / "generations.parquet").to_pylist(), facts


def test_each_prompt_has_k_answers_and_no_two_are_equal(base: ref.Base, prompts: Path, tmp_path: Path) -> None:
    rows, facts = sample(base, prompts, tmp_path / "out")
    assert [(row["prompt_id"], row["sample"]) for row in rows] == [(f"q-{n}", k) for n in range(3) for k in range(4)]
    assert facts["still_equal"] == 0
    for n in range(3):
        assert len({row["text"] for row in rows if row["prompt_id"] == f"q-{n}"}) == 4


def test_answers_to_a_prompt_do_not_depend_on_the_others(base: ref.Base, prompts: Path, tmp_path: Path) -> None:
    whole, _ = sample(base, prompts, tmp_path / "whole")
    one = tables.read(prompts / "rows.parquet").slice(1, 1)
    tables.write(prompts / "rows.parquet", "examples", one)
    alone, _ = sample(base, prompts, tmp_path / "alone")
    assert alone == [row for row in whole if row["prompt_id"] == "q-1"]


def test_repeats_are_drawn_again_as_often_as_declared_and_counted(
    base: ref.Base, prompts: Path, tmp_path: Path
) -> None:
    cold, facts = sample(base, prompts, tmp_path / "cold", temperature=0.01, redraw=2)
    assert facts["repeats"] > 0
    assert facts["repeats"] == facts["redrawn"] + facts["still_equal"]
    assert facts["draws"] <= 2 * facts["repeats"]
    never, none = sample(base, prompts, tmp_path / "never", temperature=0.01, redraw=0)
    assert none["draws"] == 0
    assert len(never) == len(cold) == 12


def test_a_stage_that_was_stopped_goes_on_to_the_same_answers(
    base: ref.Base, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = sample(base, prompts, tmp_path / "whole")
    stock, batches = hf._answer, iter([True, False])
    monkeypatch.setattr(hf, "_MOST_ROWS", 4)

    def stopped(*args: Any) -> Any:
        if not next(batches):
            raise KeyboardInterrupt
        return stock(*args)

    monkeypatch.setattr(hf, "_answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        sample(base, prompts, tmp_path / "again")
    monkeypatch.setattr(hf, "_answer", stock)
    assert (tmp_path / "again" / FOLDER / "answers.jsonl").exists()
    again, facts = sample(base, prompts, tmp_path / "again")
    assert again == whole
    assert facts["resumed"] == 4


def test_a_schedule_goes_round_the_samples() -> None:
    args = {"temperature": 0.5, "temperatures": [0.7, 1.0], "systems": ["Be short.", "Be kind.", "Be exact."]}
    assert [scheduled(args, k)[0]["temperature"] for k in range(4)] == [0.7, 1.0, 0.7, 1.0]
    assert [scheduled(args, k)[1] for k in range(4)] == ["Be short.", "Be kind.", "Be exact.", "Be short."]
    assert scheduled({"top_p": 0.9}, 3) == ({"top_p": 0.9}, None)


def test_a_system_prompt_stands_behind_the_one_that_is_there() -> None:
    asked = [{"role": "user", "content": "Hello"}]
    assert asked_with(asked, None) == asked
    assert asked_with(asked, "Be kind.")[0] == {"role": "system", "content": "Be kind."}
    there = [{"role": "system", "content": "You are old."}, *asked]
    assert asked_with(there, "Be kind.")[0] == {"role": "system", "content": "You are old. Be kind."}


def test_each_system_prompt_is_asked_with(base: ref.Base, prompts: Path, tmp_path: Path) -> None:
    plain, _ = sample(base, prompts, tmp_path / "plain", num_return_sequences=2)
    spoken, _ = sample(base, prompts, tmp_path / "spoken", num_return_sequences=2, systems=["Be rude.", "Be kind."])
    assert len(spoken) == len(plain) == 6
    assert [row["text"] for row in spoken] != [row["text"] for row in plain]


def by_server(prompts: Path, out: Path, fake: Fake, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    out.mkdir(exist_ok=True)
    around = {"server": {"base_url": fake.url, "timeout": 5.0, "max_retries": 0}}
    how = {"num_return_sequences": 3, "max_new_tokens": 8, "redraw": 2, "seed": 5, "server": {"model": "fake"}}
    facts = stages.answers({**how, "around": around, **more}, {"prompts": prompts}, out)
    return tables.read(out / "generations.parquet").to_pylist(), facts


def test_a_server_answers_each_sample_in_its_own_way(prompts: Path, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    said = lambda asked, _: f"{asked['temperature']} {asked['seed']}"  # noqa: E731
    with Fake(said) as fake:
        rows, facts = by_server(prompts, tmp_path / "out", fake, temperatures=[0.5, 1.0], stop_strings=["."])
        assert len(fake.asked) == 9
        again, _ = by_server(prompts, tmp_path / "out", fake, temperatures=[0.5, 1.0], stop_strings=["."])
        assert len(fake.asked) == 9
    assert rows == again
    assert [row["text"].split()[0] for row in rows[:3]] == ["0.5", "1.0", "0.5"]
    assert len({row["text"] for row in rows}) == 9  # each has a seed of its own
    assert facts["requests"] == 9
    assert {asked["stop"][0] for asked in fake.asked} == {"."}


def test_what_a_server_does_not_answer_is_null_with_a_reason(prompts: Path, tmp_path: Path) -> None:
    pytest.importorskip("openai")
    count = iter(range(1000))
    with Fake(lambda *_: f"answer {next(count)}", failures=[400]) as fake:
        rows, _ = by_server(prompts, tmp_path / "out", fake)
    silent = [row for row in rows if row["text"] is None]
    assert len(silent) == 1
    assert "400" in silent[0]["finish_reason"]


def test_a_server_is_not_asked_for_what_its_protocol_lacks(prompts: Path, tmp_path: Path) -> None:
    with Fake(lambda *_: "yes") as fake, pytest.raises(ModelError, match="takes no top_k; take it out"):
        by_server(prompts, tmp_path / "out", fake, top_k=5)
