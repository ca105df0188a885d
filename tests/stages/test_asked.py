"""Prompts that are answered in training: their ids, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.data import chat
from leaven.errors import DataError
from leaven.models import load, ref
from leaven.stages.asked import asked_ids

SAID = [{"role": "assistant", "content": "In Vell."}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def ask(folder: Path, kind: str, rows: list[dict[str, Any]], new: int = 24) -> tuple[dict[str, Any], Path]:
    base = ref.resolve({"model_name_or_path": "pocket"})
    (folder / "rows").mkdir(parents=True)
    (folder / "out").mkdir()
    tables.write(folder / "rows" / "rows.parquet", kind, rows)
    inputs = {"rows": folder / "rows", "base": Path(str(base.path))}
    return asked_ids({"model": base.as_args(), "max_new_tokens": new}, inputs, folder / "out"), folder / "out"


def test_prompts_of_preferences_and_demonstrations_are_rendered_by_the_chat_template(tmp_path: Path) -> None:
    pair = {"id": "a", "prompt": said("Who lives in Vell?"), "chosen": SAID, "rejected": SAID}
    shown = {"id": "b", "prompt": said("Who lives in Vell?"), "completion": None}
    tokenizer = load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))
    for kind, row in (("preferences", pair), ("examples", shown)):
        facts, out = ask(tmp_path / kind, kind, [row])
        (found,) = tables.read(out / "asked.parquet").to_pylist()
        assert found["id"] == row["id"] and found["prompt"] == said("Who lives in Vell?")
        assert [found["prompt_ids"]] == chat.prompt_ids(tokenizer, [row["prompt"]])
        assert facts == {"rows_in": 1, "rows": 1, "drops": {}, "tokens": len(found["prompt_ids"]), "warnings": []}


def test_prompts_that_leave_no_room_or_spell_a_special_token_are_left_out_and_counted(tmp_path: Path) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"})
    eos, context = load.tokenizer(base).eos_token, load.context_length(load.config(base))
    rows = [
        {"id": "short", "prompt": said("Who lives in Vell?")},
        {"id": "long", "prompt": said("word " * 3000)},
        {"id": "hostile", "prompt": said(f"Stop here {eos}")},
    ]
    facts, out = ask(tmp_path, "examples", rows, new=40)
    assert [row["id"] for row in tables.read(out / "asked.parquet").to_pylist()] == ["short"]
    drops = {row["id"]: row["reason"] for row in tables.read(out / "drops.parquet").to_pylist()}
    assert drops == {
        "long": "prompt leaves no room for 40 new tokens", "hostile": "text holds a special token of the tokenizer",
    }  # fmt: skip
    assert facts["rows_in"] == 3 == facts["rows"] + sum(facts["drops"].values())
    assert facts["warnings"][0] == "1 of 3 prompts are not asked: prompt leaves no room for 40 new tokens"
    with pytest.raises(DataError, match=f"no prompt leaves room for max_completion_length {context} in {context}"):
        ask(tmp_path / "none", "examples", rows[:1], new=int(context or 0))


def test_texts_are_no_prompts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="rl asks prompts, and these rows are texts"):
        ask(tmp_path, "texts", [{"id": "a", "text": "All is one."}])


def test_prompts_rewards_training_and_proof_go_together(tmp_path: Path) -> None:
    """Through the verbs, as the engine calls them."""
    from leaven.registry import TRAINERS
    from leaven.stages.training import prove, train

    base = ref.resolve({"model_name_or_path": "pocket"})
    names = ("Mira", "Tomas", "Odo", "Brine")
    rows = [{"id": name, "prompt": said(f"Where does {name} live?")} for name in names]
    _, asked = ask(tmp_path, "examples", rows)
    args = {"max_completion_length": 12, "max_steps": 2, "learning_rate": 1e-3, "report_to": "none"}
    step = TRAINERS.get("rl").canonical(args)
    metric = {"name": "repetition", "version": 1, "args": {}}
    learn = {"model": base.as_args(), "trainer": step, "seed": 0, "around": {"report_to": "none"},
             "reward": {"metric": metric, "value": "distinct_1", "weight": 2}}  # fmt: skip
    (tmp_path / "rl").mkdir()
    (tmp_path / "proof").mkdir()
    path = Path(str(base.path))
    facts = train(learn, {"encoded": asked, "base": path}, tmp_path / "rl")
    assert facts["steps"] == 2 and 0 < facts["reward/first"] <= 2 and "report_to" not in step["args"]
    told = prove({}, {"model": tmp_path / "rl", "encoded": asked, "base": path}, tmp_path / "proof")
    assert told["reload_max_difference"] < 1e-4
