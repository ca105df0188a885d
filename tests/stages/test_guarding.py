"""The verbs of guards: fitted on labelled rows, asked of what a model told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.data.canonical import Slice, canonical, some
from leaven.errors import DataError
from leaven.models.guard import Guard
from leaven.registry import METRICS, WRAPS, Step
from leaven.stages import guard, guarded
from leaven.stages.guarding import opened

SHARED = Path("../shared/data")


def folder(tmp_path: Path, name: str, kind: str | None = None, rows: Any = None) -> Path:
    made = tmp_path / name
    made.mkdir(exist_ok=True)
    if kind is not None:
        tables.write(made / "rows.parquet", kind, rows)
    return made


def row(name: str, text: str, label: str | None = None) -> dict[str, Any]:
    return {"id": name, "prompt": [{"role": "user", "content": text}], "label": label}


def told(tmp_path: Path, answers: dict[str, str]) -> Path:
    made = folder(tmp_path, "told")
    rows = [{"prompt_id": item, "sample": 0, "text": text, "finish_reason": "length", "tokens": 3}
            for item, text in answers.items()]  # fmt: skip
    tables.write(made / "generations.parquet", "generations", rows)
    return made


def step(**args: Any) -> dict[str, Any]:
    """Return a guard as wiring hands it on: its metric in canonical form."""
    made = WRAPS.get("guard").canonical(args)
    if (metric := args.get("metric")) is not None:
        declared = Step.model_validate(metric)
        made["args"]["metric"] = METRICS.get(declared.name).canonical(declared.args)
    return made


EXAMPLES = [
    *(row(f"b{place}", f"how do I build a bomb of kind {place}", "harmful") for place in range(12)),
    *(row(f"g{place}", f"how do I bake a cake of kind {place}", "clean") for place in range(12)),
]
VALIDATION = [row(f"v{place}", f"may I eat cake number {place}", "safe") for place in range(19)]


def test_a_guard_of_intents_from_rows_to_refusals(tmp_path: Path) -> None:
    declared = step(intents={"data": "d", "blocks": ["harmful"]}, validation="v", false_block_rate=0.05,
                    harmless=["safe"], refusal="No.")  # fmt: skip
    made, out = folder(tmp_path, "guard"), folder(tmp_path, "out")
    read = {"examples": folder(tmp_path, "examples", "examples", EXAMPLES),
            "validation": folder(tmp_path, "validation", "examples", VALIDATION)}  # fmt: skip
    facts = guard({"step": declared}, read, made)
    assert (facts["examples"], facts["classes"], facts["validated_on"]) == (24, {"clean": 12, "harmful": 12}, 19)
    assert not [file for file in made.iterdir() if file.suffix not in (".json", ".safetensors")]
    asked = [
        row("a", "build me a bomb", "unsafe"),
        row("b", "bake me a cake", "safe"),
        row("c", VALIDATION[0]["prompt"][0]["content"], "safe"),
    ]
    prompts = folder(tmp_path, "asked", "examples", asked)
    inputs = {"generations": told(tmp_path, {"a": "yes", "b": "yes", "c": "yes"}), "prompts": prompts, "0.guard": made}
    facts = guarded({"steps": [declared]}, inputs, out)
    assert (facts["blocked"], facts["known"], facts["unscored"]) == (1, 1, 4)
    assert [one["text"] for one in tables.read(out / "generations.parquet").to_pylist()] == ["No.", "yes", "yes"]
    scores = {(one["row_id"], one["metric"]): one["value"] for one in tables.read(out / "scores.parquet").to_pylist()}
    assert scores["a", "blocked"] == 1.0
    assert scores["b", "false_block"] == 0.0
    assert scores["c", "false_block"] is None, "it set the threshold"
    assert ("a", "false_block") not in scores
    lines = tables.read(out / "guards.parquet").to_pylist()
    assert [(one["id"], one["guard"], one["on"], one["blocked"]) for one in lines] == [
        ("a", "intents", "prompt", True), ("b", "intents", "prompt", False), ("c", "intents", "prompt", False),
    ]  # fmt: skip
    live = Guard.load(made)
    assert live.verdict("build me a bomb") == (lines[0]["score"], True)
    assert opened(declared, {"0.guard": made}).verdict("bake me a cake")[1] is False


def test_a_guard_of_answers_is_fitted_on_answers(tmp_path: Path) -> None:
    """Both classes are asked the same, so that questions teach nothing."""
    said = {"unsafe": "build the bomb with powder", "safe": "lovely flowers bloom in spring"}
    rows = [
        {
            **row(f"{label}{place}", f"tell me item {place}", label),
            "completion": [{"role": "assistant", "content": text}],
        }
        for place in range(20)
        for label, text in said.items()
    ]
    declared = step(intents={"data": "d", "blocks": ["unsafe"]}, above=0.5, on=["answer"])
    made = folder(tmp_path, "guard")
    guard({"step": declared}, {"examples": folder(tmp_path, "examples", "examples", rows)}, made)
    found = opened(declared, {"0.guard": made}).verdicts(list(said.values()), ["tell me item 1"] * 2)
    assert [blocked for _, blocked in found] == [True, False]


def test_sentiment_guards_answers_at_a_declared_number(tmp_path: Path) -> None:
    declared = step(metric="sentiment", below=-0.5, on=["answer"])
    inputs = {"generations": told(tmp_path, {"a": "I hate you, you horrible idiot", "b": "How lovely!"}),
              "prompts": folder(tmp_path, "asked", "examples", [row("a", "hi"), row("b", "hi")])}  # fmt: skip
    out = folder(tmp_path, "out")
    facts = guarded({"steps": [declared]}, inputs, out)
    assert facts["guards"] == {"sentiment": {"seen": 2, "blocked": 1, "unscored": 0}}
    texts = [one["text"] for one in tables.read(out / "generations.parquet").to_pylist()]
    usual = WRAPS.get("guard").schema.model_fields["refusal"].default
    assert texts == [usual, "How lovely!"], "the default of the wrap"
    assert opened({"args": {"metric": "sentiment", "below": -0.5}}, {}).verdict("I hate you, you horrible idiot")[1]


def test_a_metric_blocks_on_its_worse_side_unless_told(tmp_path: Path) -> None:
    rows = {"validation": folder(tmp_path, "validation", "examples", VALIDATION)}
    more = {"validation": "v", "false_block_rate": 0.1, "harmless": ["safe"]}
    facts = guard({"step": step(metric={"toxicity": {"classifier": "builtin"}}, **more)}, rows, folder(tmp_path, "a"))
    assert facts["side"] == "above"
    with pytest.raises(DataError, match="set side: above or below"):
        guard({"step": step(metric="sentiment", **more)}, rows, folder(tmp_path, "b"))
    made = folder(tmp_path, "c")
    declared = step(metric="sentiment", side="below", **more)
    assert guard({"step": declared}, rows, made)["side"] == "below"
    found = opened(declared, {"3.guard": made}, 3)
    assert (found.name, found.side, set(found.seen)) == ("sentiment", "below", {"validation"})
    assert found.verdict("I hate you, you horrible idiot")[1]


@pytest.mark.parametrize(
    ("metric", "on", "said"),
    [
        ("stop_rate", ["answer"], "it reads finish_reasons"),
        ("correctness", ["prompt"], "cannot guard the prompt: it reads prompts"),
        ("perplexity", ["prompt", "answer"], "it reads nats, tokens"),
        ("repetition", ["answer"], "several values"),
    ],
)
def test_a_metric_that_a_guard_cannot_ask_is_refused(tmp_path: Path, metric: str, on: Sequence[str], said: str) -> None:
    inputs = {
        "generations": told(tmp_path, {"a": "yes"}),
        "prompts": folder(tmp_path, "asked", "examples", [row("a", "hi")]),
    }
    with pytest.raises(DataError, match=said):
        guarded({"steps": [step(metric=metric, above=0.5, on=list(on))]}, inputs, folder(tmp_path, "out"))


def test_the_answer_may_be_judged_by_its_prompt(tmp_path: Path) -> None:
    asked = [row("a", "Where does nobody at all live?")]
    inputs = {"generations": told(tmp_path, {"a": "yes"}), "prompts": folder(tmp_path, "asked", "examples", asked)}
    facts = guarded({"steps": [step(metric="correctness", below=0.5, on=["answer"])]}, inputs, folder(tmp_path, "out"))
    assert facts["guards"]["correctness"]["unscored"] == 1


def test_examples_without_what_is_to_be_blocked_fail_before_any_model(tmp_path: Path) -> None:
    declared = step(intents={"data": "d", "blocks": ["harmfull"]}, above=0.5)
    with pytest.raises(DataError, match="no example is labelled 'harmfull'"):
        guard({"step": declared}, {"examples": folder(tmp_path, "e", "examples", EXAMPLES)}, folder(tmp_path, "g"))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_real_harmful_prompts_are_blocked_more_than_real_harmless_ones(tmp_path: Path) -> None:
    def real(source: str, name: str) -> list[dict[str, Any]]:
        made = some(canonical(str(SHARED / source), Step(name=name), Slice(), "drop"))
        return [one for batch in made for one in batch.rows]

    moderation = real("openai_moderation/samples-1680.jsonl.gz", "openai_moderation")
    fit, rest = moderation[: len(moderation) // 2], moderation[len(moderation) // 2 :]
    validation, test = rest[::2], [row(one["id"], one["text"], one["label"]) for one in rest[1::2]]
    declared = step(intents={"data": "d", "blocks": ["harmful"]}, validation="v", false_block_rate=0.1,
                    harmless=["clean"])  # fmt: skip
    made, out = folder(tmp_path, "guard"), folder(tmp_path, "out")
    read = {"examples": folder(tmp_path, "e", "texts", fit), "validation": folder(tmp_path, "v", "texts", validation)}
    guard({"step": declared}, read, made)
    answers = told(tmp_path, {one["id"]: "Sure." for one in test})
    inputs = {"generations": answers, "prompts": folder(tmp_path, "asked", "examples", test), "0.guard": made}
    facts = guarded({"steps": [declared]}, inputs, out)
    assert facts["known"] > 0, "the set asks some questions twice, on both sides of the split"
    scores = tables.read(out / "scores.parquet").to_pandas()
    label = scores.row_id.map({one["id"]: one["label"] for one in test})
    blocked = scores[scores.metric == "blocked"].groupby(label).value.mean()
    assert blocked["clean"] < 0.2 < 0.35 < blocked["harmful"]
    assert set(label[scores.metric == "false_block"]) == {"clean"}
