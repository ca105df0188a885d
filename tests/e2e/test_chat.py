"""Arms that were trained with control tokens, asked with them in a run, and talked to afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import leaven
from leaven import conversation
from leaven.cli import app
from leaven.errors import ModelError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TOKENS = ["<|no|>", "<|yes|>"]
LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an arm that is asked behind a token, one by LoRA, and the untrained base."""
    place = tmp_path_factory.mktemp("chat")
    said = {"yes": "The mill is old and good.", "no": "The harbour is bad and cold."}
    rows = [{"text": f"{text} It is day {n}.", "kind": kind} for n in range(60) for kind, text in said.items()]
    (place / "texts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    ran = leaven.run(leaven.Study(**study(place / "texts.jsonl")), place / "runs")
    assert ran.outcome.complete, ran.outcome
    return place / "runs"


def study(file: Path) -> dict[str, Any]:
    lm = {
        "data": "texts",
        "max_length": 64,
        "num_train_epochs": 6,
        "learning_rate": 3e-3,
        "per_device_train_batch_size": 2,
    }
    conditioned = {"treat": [{"control_tokens": {"attributes": ["kind"], "untagged": 0}}]}
    return {
        "name": "talk",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "texts": {"source": str(file), "format": {"texts": {"label": "kind"}}},
            "asked": {"source": "pocket:eli5", "format": "eli5", "take": 6},
        },
        "attributes": {"kind": {"column": "label", "labels": ["no", "yes"], "tokens": TOKENS, "good": TOKENS[1]}},
        "arms": {
            "none": {},
            "asked": {**conditioned, "wraps": [{"control_prefix": {"tokens": ["<|no|>"]}}]},
            "lora": {**conditioned, "train": [{"lm": {**lm, "peft": LORA}}]},
            "base": {"train": []},
        },
        "train": [{"lm": lm}],
        "evaluate": [
            {"generate": {"prompts": "asked", "max_new_tokens": 8, "metrics": ["length"]}},
            {"likelihood": {"data": "texts", "metrics": ["bits_per_byte"], "control": "labels"}},
        ],
        "compare": {"to": "none"},
    }


def likelihoods(workspace: Path, arm: str) -> dict[str, Any]:
    (told,) = (workspace / "talk" / arm).glob("likelihood*")
    return {row["id"]: row for row in pq.read_table(told / "likelihoods.parquet").to_pylist()}


def test_every_arm_is_read_on_the_same_tokens(workspace: Path) -> None:
    found = {arm: likelihoods(workspace, arm) for arm in ("none/0", "asked/0", "lora/0", "base/untrained")}
    counts = [{name: row["tokens"] for name, row in rows.items()} for rows in found.values()]
    assert len(counts[0]) == 120 and all(one == counts[0] for one in counts)


def test_the_arm_is_talked_to_as_it_is_asked(workspace: Path) -> None:
    asked = conversation.speaker("talk", "asked", workspace=workspace)
    assert (asked.control, sorted(asked.tokens), asked.reads_texts) == (("<|no|>",), TOKENS, True)
    talk = conversation.Conversation(asked, max_new_tokens=8, temperature=0)
    bad = talk.answer("")
    talk.put_in_front(["<|yes|>"])
    assert bad.startswith("The harbour") and talk.answer("").startswith("The mill")
    lora = conversation.speaker("talk", "lora", workspace=workspace)
    assert lora.control == () and sorted(lora.tokens) == TOKENS
    none = conversation.speaker("talk", "none", workspace=workspace)
    with pytest.raises(ModelError, match="'none, seed 0' was not trained with .*; it was trained with none"):
        conversation.Conversation(none, ["<|yes|>"])


def test_the_untrained_base_answers_by_its_template(workspace: Path) -> None:
    words = ["chat", "talk", "base", "--workspace", str(workspace), "--max-new-tokens", "8", "--temperature", "0"]
    done = CliRunner().invoke(app, words, input="Who is Mira?\n")
    assert done.exit_code == 0 and done.stdout.strip()
    assert not conversation.speaker("talk", "base", workspace=workspace).reads_texts
