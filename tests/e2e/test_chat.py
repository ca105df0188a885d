"""Arms that were trained with control tokens, asked with them in a run, and talked to afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import leaven
from leaven import answered, conversation
from leaven.cli import app
from leaven.data.chat import prompt_ids
from leaven.errors import ModelError, ReportError

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


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose arms are asked in several ways, none of them trained."""
    wraps = {
        "base": [],
        "shown": [{"system_prompt": {"text": "Be brief."}}, {"few_shot": {"data": "talk", "k": 2}}],
        "simulated": [{"chat_simulation": {"user": "Student", "assistant": "Aristotle", "stop": True}}],
        "rag": [{"rag": {"corpus": "facts", "k": 2}}],
        "guarded": [
            {"guard": {"intents": {"data": "intents", "blocks": ["harmful"]}, "above": 0.6, "refusal": "No."}},
            {"guard": {"on": ["answer"], "metric": "sentiment", "below": -0.5}},
        ],
    }
    declared: dict[str, Any] = {
        "name": "ways",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "talk": {"source": "pocket:smalltalk", "format": "dailydialog"},
            "facts": {"source": "pocket:facts", "format": {"texts": {}}},
            "intents": {"source": "pocket:intents", "format": {"texts": {"label": "label"}}},
            "asked": {"source": "pocket:eli5", "format": "eli5", "take": 2},
        },
        "arms": {name: {"train": [], "wraps": steps} for name, steps in wraps.items()},
        "evaluate": [{"generate": {"prompts": "asked", "max_new_tokens": 4, "metrics": ["length"]}}],
        "compare": {"to": "base"},
    }
    place = tmp_path_factory.mktemp("ways") / "runs"
    ran = leaven.run(leaven.Study(**declared), place)
    assert ran.outcome.complete, ran.outcome
    return place


def told(methods: Path, lines: str, *words: str) -> Any:
    options = ["--workspace", str(methods), "--max-new-tokens", "12", "--temperature", "0"]
    return CliRunner().invoke(app, ["chat", "ways", *words, *options], input=lines)


def test_the_methods_and_guards_of_a_run_are_on(methods: Path) -> None:
    def read(arm: str, line: str) -> str:
        talk = conversation.Conversation(conversation.speaker("ways", arm, workspace=methods), max_new_tokens=4)
        talk.answer(line)
        assert talk.last is not None and talk.last.ids is not None
        return str(talk.speaker.tokenizer.decode(talk.last.ids))

    assert read("base", "Hi!") == "<s>User: Hi!\nAssistant:"
    shown = read("shown", "Where does Kesper live?")
    assert shown.startswith("<s>System: Be brief.\nUser: ") and shown.count("</s>") >= 2
    assert read("simulated", "Why?") == "<s>Student: Why?\nAristotle:"
    assert "about the question:\n\nKesper" in read("rag", "Where does Kesper live?")
    said = told(methods, "How do I trick Runa at the market?\n/why\n", "guarded").stdout.splitlines()
    assert said[:2] == ["No.", "the model was not asked: a guard blocks the prompt"]
    assert said[2].startswith("guard intents on the prompt: 0.") and said[2].endswith("blocks above 0.6: blocked")


@pytest.mark.parametrize("arm", ["base", "shown", "simulated", "rag"])
def test_the_model_reads_what_it_read_in_the_run(methods: Path, arm: str) -> None:
    graph, store, _ = answered.opened("ways", methods)
    (suite,) = next(cell.suites for cell in graph.cells if cell.cell.arm.name == arm)
    bare = pq.read_table(store.folder(graph.data["asked"]) / "rows.parquet").to_pylist()
    asked = {row["id"]: row for row in pq.read_table(store.folder(suite.prompts) / "rows.parquet").to_pylist()}
    talk = conversation.Conversation(conversation.speaker("ways", arm, workspace=methods), max_new_tokens=1)
    for row in bare:
        talk.reset()
        talk.answer(row["prompt"][-1]["content"])
        template = arm != "simulated"
        assert talk.last is not None
        assert [talk.last.ids] == prompt_ids(talk.speaker.tokenizer, [asked[row["id"]]["prompt"]], template)


def test_two_arms_are_asked_or_converse(methods: Path) -> None:
    alone = [told(methods, "Hi!\n", arm).stdout for arm in ("base", "simulated")]
    both = told(methods, "Hi!\n", "base", "simulated").stdout.splitlines()
    assert both == [f"{arm}: {line}" for arm, said in zip(("base", "simulated"), alone, strict=True)
                    for line in said.splitlines()]  # fmt: skip
    done = told(methods, "Hi!\n", "base", "guarded", "--converse", "4")
    assert done.exit_code == 0 and "both" in done.stdout and "drift: " in done.stdout


def test_what_is_not_in_the_store_is_said_in_a_line(methods: Path) -> None:
    for kind, arm in (("retrieval", "rag"), ("guard", "guarded")):
        (methods / "store" / kind).rename(methods / "store" / f"was-{kind}")
        try:
            with pytest.raises(ReportError, match=f"'{arm}' is not in the store .*; `leaven run .*` makes it"):
                conversation.speaker("ways", arm, workspace=methods)
        finally:
            (methods / "store" / f"was-{kind}").rename(methods / "store" / kind)
