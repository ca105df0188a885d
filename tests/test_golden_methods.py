"""Golden outputs of what asks, wraps, guards, rewards and measures a greeting, on tiny inputs.

As in tests/test_golden_outputs.py: a result that changes without a raised version fails here. When a version is raised
on purpose, write the file anew: ``LEAVEN_REWRITE_GOLDEN=1 python -m pytest tests/test_golden_methods.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from leaven import registry, stages
from leaven import rows as tables
from leaven.data.formats import BadRow, Skipped
from leaven.models import ref

GOLDEN = Path(__file__).parent / "golden" / "methods.json"
FORMATS: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "prose": [
        ({"file": "plato.txt", "paragraph": "Glaucon: I know\nnothing."}, args)
        for args in ({}, {"speakers": "drop", "lines": "join"}, {"min_words": 9})
    ],
    "prose_completion": [
        ({"paragraph": "Glaucon: What is it? Say.", "next": after, "file": "plato.txt"}, args)
        for after, args in (
            ("Socrates: I know.", {}), ("Socrates: I know.", {"speaker": "Zeno"}), (None, {"by": "sentences"}),
        )
    ],
    "dailydialog": [
        *(({"text": "Hi , I ' m here . __eou__ Good . __eou__ Bye . __eou__ Bye ! __eou__", "topic": 4}, {"turns": one})
          for one in ("all", "last", "first")),
        ({"dialog": ["Hi ."]}, {}),
    ],
    "truthfulqa_judge": [({"prompt": "Q: Is it so?\nA: It is.\nTrue:", "completion": " yes"}, args)
                         for args in ({}, {"keep": False})],
    "hello": [({"kind": "blank", "prompt": "", "reference": "Hello!"}, args) for args in ({}, {"without": ["blank"]})],
}  # fmt: skip
ASKED = ["Hello", "Where does Mira live?", "Hi", "Hi"]
TOLD = [
    "Hello! How are you?",
    "Mira lives in Vell.\nUser: and Odo?",
    "I know that I know. " * 9,
    "</s> </s> x1x1x1 \ufffd",
]
WANTED = ["Hello! How can I help?", "In Vell.", "", None]
FOUND = [["Hello", "how"], ["Mira lives in Ost."], [], None]
METRICS: dict[str, list[Any]] = {
    "answers_something": [[*TOLD, " ... ", None]],
    "answer_support": [TOLD, FOUND],
    "retrieval_hit": [WANTED, FOUND],
    "echo": [["<s> Hi", "Where does Mira live? There.", *TOLD[2:]], ASKED],
    "engagement": [TOLD],
    "eos_loop": [TOLD],
    "hallucinated": [
        ["Sanna looks after a cat.", "Lune is a baker.", "A cat. He is a sailor."],
        ["", "", "What is it?"],
    ],
    "length_ratio": [TOLD, WANTED],
    "loops": [TOLD],
    "passes": [TOLD, ["stop", "stop", "length", "stop"], ASKED, WANTED, ["hello", "philosophy", "hello", None]],
    "relevance": [TOLD, ASKED, WANTED],
    "rubbish": [TOLD],
    "user_turn": [TOLD],
}


def _format(name: str, row: dict[str, Any], args: dict[str, Any]) -> Any:
    try:
        return registry.FORMATS.get(name).call(row, args=args)
    except (BadRow, Skipped) as reason:
        return f"{type(reason).__name__}: {reason}"


def _wrap(name: str, args: dict[str, Any]) -> dict[str, Any]:
    return registry.WRAPS.get(name).canonical(args)


class Line:
    """A few rows of the pocket through the verbs, and what each verb made of them."""

    def __init__(self, folder: Path):
        base = ref.resolve({"model_name_or_path": "pocket"})
        self.folder, self.place = folder, {"base": Path(str(base.path))}
        self.model: dict[str, Any] = {"model": base.as_args()}
        self.made: dict[str, Any] = {}

    def rows(self, name: str, take: int, read_as: str | None = None) -> Path:
        used = {"name": read_as or name, "args": {}}
        known = {"source": f"pocket:{name}", "identity": f"pocket:{name}@1", "format": used}
        plain = {"skip": 0, "bad_rows": "error", "held_out_from": []}
        (out := self.folder / f"{name} {take}").mkdir()
        stages.rows({**known, **plain, "take": take}, {}, out)
        return out

    def go(self, verb: str, args: dict[str, Any], inputs: dict[str, Path], *files: str, name: str = "") -> Path:
        (out := self.folder / (name or verb)).mkdir()
        facts = getattr(stages, verb)(args, {**self.place, **inputs}, out) or {}
        told = {file: tables.read(out / f"{file}.parquet").to_pylist() for file in files}
        facts = {name: value for name, value in facts.items() if name != "bm25s"}  # which version of it is installed
        self.made[f"stage {name or verb}"] = {"version": stages.VERSIONS[verb], "output": told or facts}
        return out

    def prompted(self) -> None:
        """What is asked under every method, answered, and guarded."""
        asked, corpus, shown = self.rows("eli5", 3), self.rows("webgpt", 60), self.rows("lima", 9)
        prompts = self.folder / "asked"
        prompts.mkdir()
        stages.prompts({**self.model, "max_new_tokens": 8}, {**self.place, "rows": asked}, prompts)
        index = self.go("retrieval", {"passage_words": 20}, {"rows": corpus})
        found = self.go("retrieved", {"k": 2}, {"index": index, "rows": prompts}, "passages")
        steps = [_wrap("rag", {"corpus": "c", "k": 2}), _wrap("few_shot", {"data": "s", "k": 1}),
                 _wrap("system_prompt", {"text": "Be brief."})]  # fmt: skip
        read = {"rows": prompts, "0.passages": found, "1.shots": shown}
        self.go("wrapped", {**self.model, "steps": steps}, read, "rows")
        chat = [_wrap("chat_simulation", {"assistant": "Zeno"})]
        plain = self.go("wrapped", {**self.model, "steps": chat}, {"rows": prompts}, "rows", name="wrapped as a chat")
        args = {**self.model, "sampling": {}, "max_new_tokens": 8, "seed": 3, "apply_chat_template": False}
        told = self.go("generate", args, {"prompts": plain}, "generations", name="generate as a chat")
        self.go(
            "generate", {**args, "ignore_eos": True}, {"prompts": plain}, "generations", name="generate at one length"
        )
        self.guarded(prompts, told)
        self.taught(prompts, plain, told)

    def guarded(self, prompts: Path, told: Path) -> None:
        """A guard that is fitted, and one by a metric."""
        labelled = self.rows("requests", 40, "xstest")
        fitted = _wrap("guard", {"intents": {"data": "d", "blocks": ["unsafe"]}, "above": 0.5})
        made = self.go("guard", {"step": fitted}, {"examples": labelled})
        metric = _wrap("guard", {"metric": "length", "on": ["answer"], "above": 3})
        metric["args"]["metric"] = registry.METRICS.get("length").canonical({})
        read = {"generations": told, "prompts": prompts, "0.guard": made}
        self.go("guarded", {"steps": [fitted, metric]}, read, "generations", "scores")

    def taught(self, prompts: Path, wrapped: Path, told: Path) -> None:
        """Lessons of a teacher who was asked in another way than its student, and what is recited of training data."""
        read = {"prompts": prompts, "wrapped": wrapped, "answers": told}
        lessons = self.go("distilled", {"unfinished": True}, read, "rows", "teacher")
        about = {**self.model, "max_length": 96, "teacher_template": False}
        self.go("distillations", about, {"rows": lessons, "teacher": lessons}, "distillations")
        index = self.go("indexed", {"seed": 0}, {"of.0": lessons, "held_out.0": prompts})
        sought = {"span": 4, "tokenizer": "words"}
        self.go("regurgitated", sought, {"index": index, "generations": told, "prompts": prompts}, "scores")
        words = self.go("lexicon", {}, {"of.lessons": lessons})
        self.go("unknown_words", {}, {"lexicon": words, "generations": told}, "scores")
        self.judged()
        asked = self.go("asked_ids", {**self.model, "max_new_tokens": 12}, {"rows": prompts}, "asked")
        self.rewarded(asked)

    def judged(self) -> None:
        """Answers that people called true or false, and others judged by them."""
        said = [
            ("It is blue by day", "true"),
            ("It is green", "false"),
            ("It has no colour", "false"),
            ("Blue", "true"),
        ]
        told = ["Blue by day", "it is GREEN", "Who knows?", ""]
        rows = [{"id": str(n), "prompt": [{"role": "user", "content": "What is the sky?"}], "label": label,
                 "completion": [{"role": "assistant", "content": text}]} for n, (text, label) in enumerate(said)]  # fmt: skip
        answers = [{"prompt_id": "0", "sample": n, "text": text} for n, text in enumerate(told)]
        (labelled := self.folder / "labelled").mkdir()
        tables.write(labelled / "rows.parquet", "examples", rows)
        tables.write(labelled / "generations.parquet", "generations", answers)
        people = self.go("people_said", {}, {"rows": labelled})
        read = {"people": people, "generations": labelled, "prompts": labelled}
        self.go("truthful", {}, read, "scores")

    def rewarded(self, asked: Path) -> None:
        """Reinforcement learning by a metric; its losses are looked at beside each other, as those of all trainers."""
        declared = {"max_steps": 2, "learning_rate": 1e-3, "max_completion_length": 8, "num_generations": 2,
                    "per_device_train_batch_size": 4}  # fmt: skip
        step = registry.TRAINERS.get("rl").canonical(declared)
        reward = {"metric": registry.METRICS.get("length").canonical({}), "weight": -1}
        (out := self.folder / "rl").mkdir()
        args = {**self.model, "trainer": step, "seed": 0, "reward": reward, "around": {"report_to": "none"}}
        facts = stages.train(args, {**self.place, "encoded": asked}, out)
        kept = ("steps", "answers_sampled", "reward/first", "reward/last")
        self.made["trainer rl"] = {"version": step["version"], "output": {name: facts[name] for name in kept}}


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    line = Line(tmp_path_factory.mktemp("golden"))
    line.prompted()
    outputs = line.made
    for name, cases in FORMATS.items():
        made = [_format(name, *case) for case in cases]
        outputs[f"format {name}"] = {"version": registry.FORMATS.get(name).version, "output": made}
    for name, flows in METRICS.items():
        metric = registry.METRICS.get(name)
        outputs[f"metric {name}"] = {"version": metric.version, "output": metric.call(*flows, args={})}
    return dict(json.loads(json.dumps(rounded(outputs), sort_keys=True)))


def test_outputs_change_only_with_a_version(found: dict[str, Any]) -> None:
    if os.environ.get("LEAVEN_REWRITE_GOLDEN"):
        known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        for name in found.keys() & known.keys():
            changed = found[name]["output"] != known[name]["output"]
            assert not changed or found[name]["version"] > known[name]["version"], f"{name} needs a higher version"
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    golden = json.loads(GOLDEN.read_text())
    trained, known = found.pop("trainer rl"), golden.pop("trainer rl")
    assert trained["output"] == pytest.approx(known["output"], abs=2e-3) and trained["version"] == known["version"]
    assert found == golden
