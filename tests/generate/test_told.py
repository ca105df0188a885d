"""Generation goes on by row id: what an attempt told is kept, what is torn or edited is asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows, stages
from leaven.generate import hf
from leaven.generate.told import Told
from leaven.models import ref
from leaven.stages import speaker


def told(count: int, file: Path) -> Told:
    kept = Told(file)
    for index in range(count):
        kept.add({"prompt_id": f"q{index}", "sample": 0, "text": f"é\n{index}", "finish_reason": "stop", "tokens": 2})
    return kept


def test_what_was_told_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "resume" / "told.jsonl"
    before = told(3, file)
    assert Told(file).rows == before.rows and len(before.rows) == 3


def test_a_torn_end_is_dropped_and_the_next_line_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "resume" / "told.jsonl"
    told(3, file)
    file.write_bytes(file.read_bytes()[:-5])
    again = Told(file)
    assert {item for item, _ in again.rows} == {"q0", "q1"}
    again.add({"prompt_id": "q2", "sample": 0, "text": "new", "finish_reason": "stop", "tokens": 1})
    assert len(Told(file).rows) == 3 and Told(file).rows["q2", 0]["text"] == "new"


def test_no_edited_byte_gets_through(tmp_path: Path) -> None:
    file = tmp_path / "resume" / "told.jsonl"
    rows_told = told(2, file).rows
    whole = file.read_bytes()
    for position in range(len(whole)):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert all(row == rows_told[key] for key, row in Told(file).rows.items()), f"byte {position}"


def test_a_stage_asks_only_for_what_is_missing_and_ends_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "prompts"
    asked.mkdir()
    lines = [
        {"id": f"q{n}", "prompt": [{"role": "user", "content": f"Where does Bram live, {n}?"}],
         "completion": [{"role": "assistant", "content": "In Ardel."}], "group": None, "label": None}
        for n in range(6)
    ]  # fmt: skip
    rows.write(asked / "rows.parquet", "examples", lines)
    base = ref.resolve({"model_name_or_path": "pocket"})
    sampling = {"num_return_sequences": 2, "temperature": 0.7}
    args = {"model": base.as_args(), "max_new_tokens": 6, "seed": 0, "sampling": sampling}
    inputs = {"prompts": asked, "base": Path(str(base.path))}

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    stages.generate(args, inputs, whole)
    stock, count = hf._answer, []

    def dies_after_one_batch(*given: Any) -> Any:
        if count:
            raise KeyboardInterrupt
        count.append(1)
        return stock(*given)

    monkeypatch.setattr(hf, "_MOST_ROWS", 5)
    monkeypatch.setattr(hf, "_answer", dies_after_one_batch)
    with pytest.raises(KeyboardInterrupt):
        stages.generate(args, inputs, stopped)
    monkeypatch.setattr(hf, "_answer", stock)
    facts = stages.generate(args, inputs, stopped)
    assert facts["resumed"] == 5 and facts["generations"] == 12
    assert (whole / "generations.parquet").read_bytes() == (stopped / "generations.parquet").read_bytes()


def test_stages_on_one_model_in_one_process_load_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.models import load

    asked = tmp_path / "prompts"
    asked.mkdir()
    line = {"id": "q", "prompt": [{"role": "user", "content": "Where?"}], "completion": None, "group": None}
    rows.write(asked / "rows.parquet", "examples", [line])
    base = ref.resolve({"model_name_or_path": "pocket"})
    stock, loads = load.causal_lm, []
    monkeypatch.setattr(load, "causal_lm", lambda model: (loads.append(model), stock(model))[1])
    speaker._untrained.cache_clear()
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        args = {"model": base.as_args(), "max_new_tokens": 2, "seed": seed, "sampling": {}}
        stages.generate(args, {"prompts": asked, "base": Path(str(base.path))}, tmp_path / str(seed))
    assert len(loads) == 1
