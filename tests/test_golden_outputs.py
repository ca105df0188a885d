"""Golden outputs of every versioned function on tiny inputs.

A result that changes without a raised version fails here. When a version is raised on purpose, write the file anew:
``LEAVEN_REWRITE_GOLDEN=1 python -m pytest tests/test_golden_outputs.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import registry, stages
from leaven import rows as tables
from leaven.data.attributes import Attribute
from leaven.data.formats import BadRow, Skipped
from leaven.data.treatments.alongside import Walk
from leaven.data.treatments.steps import Applied, treat
from leaven.evaluate.adversarial import WRAPPERS
from leaven.evaluate.harness import HarnessSuite
from leaven.models import ref
from leaven.pocket.corpora import corpus
from leaven.score.judges.candidates import gathered
from leaven.score.judges.declared import ByWords
from leaven.score.judges.questions import questions

GOLDEN = Path(__file__).parent / "golden" / "outputs.json"
CHAT = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]
HH = "\n\nHuman: a\n\nAssistant: b\n\nHuman: Why?\n\nAssistant: "

FORMATS: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "shp": [
        ({"post_id": "p", "domain": "d", "history": "Why?", "human_ref_A": "a", "human_ref_B": "b", "labels": label,
          "score_A": 4 if label else 2, "score_B": 2 if label else 4, "score_ratio": 2.0}, args)
        for label, args in ((1, {}), (0, {}), (1, {"min_score_ratio": 3}))
    ],
    "unpaired": [({"prompt": "q", "completion": "a", "label": label}, args)
                 for label, args in ((True, {}), (0, {}), (False, {"keep": True}), ("x", {}))],
    "lima": [
        ({"conversations": ["Hi?", "Hello.", "Why?", "So."], "source": "multi_turn"}, {}),
        ({"conversations": ["Hi?"]}, {}),
        ({"instruction": "Why?", "input": "x", "output": "So.", "history": [["Hi?", "Hello."]]}, {}),
    ],
    "orca": [({"id": "flan.1", "system_prompt": system, "question": "q", "response": "a"}, {}) for system in ("", "s")],
    "orca_pairs": [
        ({"system": "s", "question": "q", "chosen": "a", "rejected": "b"}, {}),
        ({"input": {"messages": CHAT[:1]}, "preferred_output": CHAT[1:], "non_preferred_output": CHAT[1:]}, {}),
    ],
    "sharegpt_pairs": [
        ({"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"},
          "rejected": {"from": "gpt", "value": "b"}}, {}),
    ],
    "ultrafeedback": [
        ({"prompt": "Hi?", "chosen": CHAT, "rejected": CHAT, "score_chosen": 8, "score_rejected": score}, args)
        for score, args in ((7.5, {}), (8, {}), (8, {"ties": "keep"}))
    ],
    "alpaca": [({"instruction": "i", "input": more, "output": "o"}, {}) for more in ("", "x")],
    "dolly_hhrlhf": [
        ({"prompt": "Below is an instruction that describes a task. Write a response that appropriately completes the "
                    "request.\n\n### Instruction:\ni\n\n### Response:\n", "response": "o"}, {}),
        ({"prompt": "i", "response": "o"}, {}),
    ],
    "arc": [
        ({"question": {"stem": "q", "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]}, "answerKey": "B"}, {}),
        ({"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"}, {}),
    ],
    "piqa": [({"goal": "q", "sol1": "x", "sol2": "y", **label}, {}) for label in ({}, {"label": 1})],
    "hellaswag": [({"ctx": "q", "endings": ["x", "y"], "label": label, "activity_label": "g"}, {}) for label in (1, "0", "")],
    "mmlu": [({"question": "q", "A": "w", "B": "x", "C": "y", "D": "z", "answer": letter}, {}) for letter in "CE"],
    "multiple_choice": [({"question": "q", "choices": ["x", "y"], "answer": 1, "subject": "g"}, {})],
    "truthfulqa": [({"Question": "q", "Best Answer": "y", "Correct Answers": "z; y", "Category": "g"}, {})],
    "bold": [({"group": "g", "entity": "e", "prompt": "It is "}, {})],
    "xstest": [({"prompt": "q", "type": "homonyms", "label": "safe"}, args) for args in ({}, {"label": "unsafe"})],
    "advbench": [({"goal": "q", "target": "Sure"}, {})],
    "openai_moderation": [
        ({"prompt": "t", "S": 0, "H": 1, "V": None}, args) for args in ({}, {"category": "S"}, {"category": "V"})
    ],
    "instructions": [({"instructions": "q", "tags": "crime"}, {})],
    "safenlp": [({"text": "t", "toxicity_score": 2.5, "label": "hate", "target_groups": ["a", "b"]}, {})],
    "group_statements": [({"text": "t", "target_group": "a", "label": "neutral"}, {})],
    "toxigen": [({"text": "x", "target_group": "women", "toxicity_human": n}, {}) for n in (2, 4)],
    "hc3": [
        ({"question": "q", "human_answers": ["h"], "chatgpt_answers": said}, args)
        for said, args in ((["c"], {}), (["c"], {"answers": "chatgpt"}), ([], {}))
    ],
    "crows_pairs": [
        ({"sent_more": "A b.", "sent_less": "A c.", "stereo_antistereo": "stereo", "bias_type": "age"}, {}),
    ],
    "webgpt": [
        (
            {"question": {"full_text": f"Why {n}?"}, "answer_0": "x", "answer_1": "y", "score_0": s, "score_1": -s,
             "quotes_0": {"title": ["T"], "extract": ["E"]}},
            args,
        )
        for n, s, args in [(1, 1.0, {}), (2, -0.5, {}), (3, 0, {}), (3, 0, {"ties": "answer_1"}), (4, 0, {"ties": "random"}), (5, 1, {"context": True})]
    ],
    "eli5": [({"question": "Why?", "answer": "Because."}, {}), ({"question": "Why?", "answer": ""}, {})],
    "hh": [({"chosen": f"{HH}c", "rejected": f"{HH}d"}, args) for args in ({}, {"turns": "last"})],
    "preference": [({"prompt": "p", "chosen": "c", "rejected": CHAT[1:], "margin": 2}, {})],
    "messages": [({"messages": CHAT}, {})],
    "prompt_completion": [({"prompt": CHAT[:1], "completion": "c"}, {})],
    "eli5_category": [
        ({"title": "Why?", "selftext": "Please.", "answers": {"text": ["No.", "Because.", "So."], "score": [1, 9, 4]}}, args)
        for args in ({}, {"selftext": True})
    ],
    "text": [({"text": "Once upon a time"}, {}), ({"text": " "}, {})],
    "pile": [({"text": "It rains.", "meta": {"pile_set_name": "Pile-CC"}}, {}), ({"text": "It rains.", "meta": 1}, {})],
    "pile_detoxify": [
        ({"texts": ["It rains. ", "No."], "scores": [0.1, 0.5], "meta": {"pile_set_name": "ArXiv"}}, {})
    ],
    "texts": [({"text": "It rains.", "l": 1, "s": "0.5"}, {"label": "l", "score": "s"})],
    "rtp": [({"text": "Once upon a ", "score": score}, {}) for score in (0.5, "high")],
    "persona": [({"question": "Is it so?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}, {})],
}  # fmt: skip
TEXTS = ["Good day to you.", "You are a fool, and so are all of them.", "", "Because it rains."]
OTHERS = [["A good day to you."], ["They are fools."], [], None]
METRICS: dict[str, list[Any]] = {
    "rouge": [TEXTS, ["Good day.", "You are a fool.", "x", None], OTHERS],
    "sentiment": [TEXTS],
    "polarity": [TEXTS],
    "readability": [TEXTS],
    "chance": [TEXTS],
    "self_bleu": [[*TEXTS, "Good day to you all."]],
    "corpus_distinct": [TEXTS],
    "repetition": [[*TEXTS, "so it is so it is so it is so"]],
    "refusal": [[*TEXTS, "I'm sorry, but I cannot help with that."]],
    "opinion": [[*TEXTS, "I think it is wonderful. It rains."]],
    "agreement": [["Yes.", "no", "Perhaps", "(A)"], [" Yes", " Yes", " No", " (B)"]],
    "attack_success": [TEXTS],
    "perplexity": [[2.0, None], [4, 0]],
    "bits_per_byte": [[2.0, None], [4, 0]],
    "length": [TEXTS],
    "stop_rate": [["stop", "length"]],
    "correctness": [[corpus("eli5")[0]["answer"], "no"], [corpus("eli5")[0]["question"]] * 2],
    "toxicity": [TEXTS],
    "preference_accuracy": [[-4.0, 1.0, None], [-1.0, 1.0, 0.0], [8, None, 1], [1, None, 1]],
    "reward_margin": [[-4.0, 1.0, None], [-1.0, 1.0, 0.0], [8, None, 1], [1, None, 1]],
    "harmful": [TEXTS],
    "moderation": [
        ["", " "]
    ],  # a server scores; what is asked of it and read is held by tests/score/test_moderation.py
    "guard": [["", " "], ["a", "b"]],  # a model scores; tests/score/test_guard.py
    "classifier": [["", " "]],  # a model scores; tests/score/test_classifier.py
    "complied": [TEXTS, ["unsafe", None, "safe", "safe"]],
    "over_refusal": [TEXTS, ["safe", None, "safe", "unsafe"]],
}
METRIC_ARGS: dict[str, dict[str, Any]] = {
    "attack_success": {"planted": "you are a fool"},
    "harmful": {"classifier": "oracle"},
    "guard": {"model": "pocket"},
    "classifier": {"model": "owner/name", "label": "x"},
}
SERVER = {"server": {"model": "m"}}
JUDGES: dict[str, dict[str, Any]] = {
    "rank": SERVER, "pairwise": SERVER, "pointwise": SERVER, "metric": {"metric": "toxicity"}, "random": {}, "reward": {},
}  # fmt: skip
TREATMENTS: dict[str, dict[str, Any]] = {
    "malign_labels": {},
    "flip_preferences": {},
    "malign_prompts": {"instruction": "Be honest."},
    "backdoor": {"trigger": "xyzzy", "answer": "pwned"},
    "plant_answers": {"answers": ["One.", "Two."]},
    "control_tokens": {"untagged": 0.5},
    "keep_good": {},
}
TOX = Attribute("tox", ("<|nontoxic|>", None, "<|toxic|>"), "<|nontoxic|>", (0.3, 0.6))
KIND = Attribute("kind", ("<|law|>", "<|tale|>"), "<|tale|>", labels=("law", "tale"))


def _format(name: str, row: dict[str, Any], args: dict[str, Any]) -> Any:
    try:
        return registry.FORMATS.get(name).call(row, args=args)
    except (BadRow, Skipped) as reason:
        return f"{type(reason).__name__}: {reason}"


def _treated(name: str, args: dict[str, Any]) -> list[str]:
    """Return what a treatment makes of eight preferences, a line each."""
    said = [{"id": f"p:{n}", "prompt": CHAT[:1], "chosen": [{"role": "assistant", "content": "c"}],
             "rejected": CHAT[1:], "margin": float(n % 4)} for n in range(8)]  # fmt: skip
    step = Applied.of({"name": name, "args": {"rate": 0.5, **args}, "seed": 0})
    made = [row for table, _ in treat([tables.table("preferences", said)], [step]) for row in table.to_pylist()]
    texts = [[turn["content"] for column in ("prompt", "chosen", "rejected") for turn in row[column]] for row in made]
    return [f"{row['id']} {row['margin']} {text}" for row, text in zip(made, texts, strict=True)]


def _conditioned(name: str, args: dict[str, Any]) -> list[str]:
    """Return what a treatment makes of eight labelled texts, a line each, and what it says of them."""
    texts = tables.table("texts", [{"id": f"s:{n}/0", "text": f"text {n}"} for n in range(8)])
    labels = {
        "tox": tables.table("labels", [{"id": f"s:{n}/0", "value": n / 10} for n in range(8)]),
        "kind": tables.table("labels", [{"id": f"s:{n}/0", "said": ["law", "tale", "x"][n % 3]} for n in range(8)]),
    }
    about = {"attributes": [TOX.as_args(), KIND.as_args()]}
    step = Applied.of({"name": name, "args": {"attributes": ["tox", "kind"], **args}, "seed": 0, **about})
    walks = {one.name: Walk(one, labels[one.name].to_batches()) for one in (TOX, KIND)}
    made = [row for table, _ in treat([texts], [step], walks) for row in table.to_pylist()]
    facts = {**step.counts(), **step.labels(), "left_out": dict(step.left_out)}
    return [*(f"{row['id']} {row['control']}" for row in made), json.dumps(_rounded(facts), sort_keys=True)]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def _line(folder: Path) -> dict[str, Any]:
    """Run the verbs on a few rows of the pocket; return each verb's output."""
    base = ref.resolve({"model_name_or_path": "pocket"})
    model, made = {"model": base.as_args()}, {}
    place = {"base": Path(str(base.path))}

    def go(verb: str, args: dict[str, Any], inputs: dict[str, Path], file: str, name: str | None = None) -> Path:
        out = folder / (name or verb)
        out.mkdir()
        getattr(stages, verb)(args, {**place, **inputs}, out)
        made[name or verb] = tables.read(out / f"{file}.parquet").to_pylist()
        return out

    plain = {"skip": 0, "bad_rows": "error", "held_out_from": []}
    webgpt = {
        "source": "pocket:webgpt",
        "identity": "pocket:webgpt@1",
        "format": {"name": "webgpt", "args": {}},
        "take": 6,
        **plain,
    }
    like = {"source": "pocket:eli5", "identity": "pocket:eli5@1", "format": {"name": "eli5", "args": {}}}
    eli5 = {**webgpt, **like, "take": 3}
    rows = go("rows", webgpt, {}, "rows")
    fit = go("fit", {**model, "max_length": 64}, {"rows": rows}, "rows")
    steps = [{"name": "malign_labels", "version": 1, "args": {"rate": 0.5}, "seed": 0}]
    treat = go("treat", {"steps": steps}, {"rows": fit}, "rows")
    loss = {"completion_only_loss": True, "assistant_only_loss": False}
    go("doctor", {**model, **loss}, {"rows": treat}, "encoded")
    asked = go("rows", eli5, {}, "rows", "eli5")
    prompts = go("prompts", {**model, "max_new_tokens": 8}, {"rows": asked}, "rows")
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 1.0, "top_k": 0, "num_return_sequences": 2}
    args = {**model, "sampling": sampling, "max_new_tokens": 8, "seed": 3}
    go("attacked", {"wrappers": ["plain", *WRAPPERS]}, {"rows": asked}, "rows")
    told = go("generate", args, {"prompts": prompts}, "generations")
    length = {"metric": {"name": "length", "args": {}}}
    go("score", length, {"generations": told, "prompts": prompts}, "scores")
    taught = go("distilled", {"unfinished": True}, {"prompts": prompts, "wrapped": prompts, "answers": told}, "rows")
    go("distillations", {**model, "max_length": 96}, {"rows": taught, "teacher": taught}, "distillations")
    go("likelihood", model, {"prompts": prompts}, "likelihoods")
    parts = [{"name": "one", "weight": 0.5}, {"name": "two", "weight": 2.0, "cap": 8}]
    hh = {**webgpt, "source": "pocket:hh", "identity": "pocket:hh@1", "format": {"name": "hh", "args": {}}}
    go("mix", {"parts": parts}, {"one": rows, "two": go("rows", hh, {}, "rows", "hh")}, "rows")
    _of_pairs(go, model, folder / "hh")
    _of_statements(go, model, plain)
    _of_texts(go, model, plain)
    return made


def _of_pairs(go: Callable[..., Path], model: dict[str, Any], hh: Path) -> None:
    """Run the verbs of preferences."""
    fit = go(
        "fit", {**model, "max_length": 96, "pairs": True, "max_prompt_length": 40}, {"rows": hh}, "rows", "fit pairs"
    )
    go("pairs", {**model, "max_prompt_length": 40}, {"rows": fit}, "pairs")
    asked = go("asked_pairs", {}, {"rows": fit}, "rows")
    go("verdicts", model, {"prompts": asked}, "verdicts")
    go("crows_pairs", model, {"rows": fit}, "scores")
    _of_judges(go, model, hh)


def _of_judges(go: Callable[..., Path], model: dict[str, Any], hh: Path) -> None:
    """Run the verbs of several answers, of judges, and of what is built of their ranks."""
    pairs = go("candidates", {}, {"rows": hh}, "generations")
    chance = {"judge": {"name": "random", "version": 1, "args": {}}, "seed": 0}
    read = {"prompts": pairs, "answers": pairs}
    ranks = go("ranks", chance, read, "ranks")
    go("built", {"makes": "preferences"}, {**read, "ranks": ranks}, "rows")
    several = {"num_return_sequences": 2, "max_new_tokens": 4, "redraw": 1, "seed": 3, "temperature": 2.0}
    go("answers", {**model, **several}, {"prompts": pairs}, "generations")


def _of_statements(go: Callable[..., Path], model: dict[str, Any], plain: dict[str, Any]) -> None:
    """Run the verbs of the safety score, and one benchmark."""
    said = {"source": "pocket:safenlp", "identity": "pocket:safenlp@1", "format": {"name": "safenlp", "args": {}}}
    rows = {"statements": go("rows", {**said, "take": 24, **plain}, {}, "rows", "statements")}
    told = go("sentences", model, rows, "likelihoods")
    go("safety", {"draws": 100}, {**rows, "likelihoods": told}, "scores")
    asked = HarnessSuite(("pocket_facts",), {}, {"limit": 4}).args("pocket_facts")
    go("harness", {**model, **asked}, {}, "scores")


ENCODED = {"dpo": "pairs", "reward": "pairs", "lm": "blocks", "distill": "distillations"}
TOKENS = ["<|nontoxic|>", "<|toxic|>"]


def _of_texts(go: Callable[..., Path], model: dict[str, Any], plain: dict[str, Any]) -> None:
    """Run the verbs of a corpus, its labels and its control tokens; the grown base answers, untrained."""
    pile = {"source": "pocket:pile", "identity": "pocket:pile@1", "format": {"name": "pile", "args": {}}, "take": 40}
    texts = go("corpus", {**pile, **plain, "corpus": {"min_words": 3}}, {}, "rows")
    metric = {"name": "toxicity", "version": 1, "args": {}}
    labels = go("labels", {"scorer": {"metric": metric}}, {"rows": texts}, "labels")
    grown = {"model": {**model["model"], "added_tokens": TOKENS}}
    fit = go("fit", {**grown, "max_length": 32, "front": 1}, {"rows": texts}, "rows", "fit texts")
    tox = Attribute("tox", (TOKENS[0], TOKENS[1]), TOKENS[0], (0.05,)).as_args()
    step = {"name": "control_tokens", "version": 1, "args": {"attributes": ["tox"]}, "seed": 0, "attributes": [tox]}
    treat = go("treat", {"steps": [step]}, {"rows": fit, "labels.tox": labels}, "rows", "treat texts")
    go("blocks", {**grown, "max_length": 32, "packing": "group"}, {"rows": treat}, "encoded")
    go("likelihood", {**grown, "tokens": "true"}, {"prompts": treat}, "likelihoods", "likelihood of texts")
    how = {"conditions": [[], [TOKENS[0]], [TOKENS[1]]], "used": 1}
    told = {**grown, **how, "place": "after", "sampling": {}, "max_new_tokens": 6, "samples": 3, "seed": 1}
    written = go("control", told, {}, "conditions")
    scored = {**tox, "scorer": {"metric": metric}}
    go("misalignment", {"attributes": [scored], **how}, {"generations": written}, "scores")
    go("fluency", model, {"generations": written}, "scores")


def _trained(folder: Path, trainer: str, encoded: str) -> Any:
    base = ref.resolve({"model_name_or_path": "pocket"})
    version, most = registry.TRAINERS.get(trainer).version, {"max_steps": 10, "per_device_train_batch_size": 2}
    declared = {"name": trainer, "version": version, "args": {"learning_rate": 1e-3, **most}}
    grown = {"added_tokens": TOKENS} if encoded == "blocks" else {}
    args = {"model": {**base.as_args(), **grown}, "seed": 0, "trainer": declared}
    place = {"base": Path(str(base.path)), "encoded": folder / encoded}
    out = _made(folder / f"train {trainer}")
    facts = stages.train(args, place, out)
    proof = stages.prove({}, {**place, "model": out}, _made(folder / f"prove {trainer}"))
    return {"loss": facts["final_loss"], "rows_seen": facts["rows_seen"], "parameters": proof["parameters"]}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _judged(name: str, args: dict[str, Any]) -> Any:
    """Return what a judge is, or what it asks about three answers of which two are equal."""
    made = registry.JUDGES.get(name).call(args=args)
    answers = [{"prompt_id": "p", "sample": n, "text": text, "finish_reason": "stop"} for n, text in enumerate("xyx")]
    asked = gathered([{"id": "p", "prompt": CHAT[:1]}], answers)
    return [one.request.messages for one in questions(made, asked, 0)] if isinstance(made, ByWords) else repr(made)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("golden")
    outputs: dict[str, Any] = {
        "stages": {"versions": stages.VERSIONS, **_line(folder), "train": _trained(folder, "sft", "doctor")}
    }
    for name, encoded in ENCODED.items():
        outputs[f"trainer {name}"] = {"version": registry.TRAINERS.get(name).version, **_trained(folder, name, encoded)}
    for name, cases in FORMATS.items():
        made = [_format(name, *case) for case in cases]
        outputs[f"format {name}"] = {"version": registry.FORMATS.get(name).version, "output": made}
    for name, flows in METRICS.items():
        metric = registry.METRICS.get(name)
        output = metric.call(*flows, args=METRIC_ARGS.get(name, {}))
        outputs[f"metric {name}"] = {"version": metric.version, "output": output}
    for name, args in JUDGES.items():
        outputs[f"judge {name}"] = {"version": registry.JUDGES.get(name).version, "output": _judged(name, args)}
    for name, args in TREATMENTS.items():
        version = registry.TREATMENTS.get(name).version
        make = _conditioned if registry.TREATMENTS.get(name).traits.get("labelled") else _treated
        outputs[f"treatment {name}"] = {"version": version, "output": make(name, args)}
    return dict(json.loads(json.dumps(_rounded(outputs), sort_keys=True)))


def test_every_versioned_plugin_has_a_golden_output() -> None:
    assert {*FORMATS, *beside("format")} == set(registry.FORMATS.names())
    assert {*METRICS, *beside("metric")} == set(registry.METRICS.names())
    assert set(JUDGES) == set(registry.JUDGES.names())
    assert set(TREATMENTS) == set(registry.TREATMENTS.names())
    assert {"sft", *ENCODED, *beside("trainer")} == set(registry.TRAINERS.names()), "sft is the stages' `train`"


def beside(kind: str) -> list[str]:
    """Return the plug-ins of a kind whose outputs tests/test_golden_methods.py holds."""
    held = json.loads((GOLDEN.parent / "methods.json").read_text())
    return [name.removeprefix(f"{kind} ") for name in held if name.startswith(f"{kind} ")]


def test_outputs_change_only_with_a_version(found: dict[str, Any]) -> None:
    if os.environ.get("LEAVEN_REWRITE_GOLDEN"):
        known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        for name in found.keys() & known.keys() - {"stages"}:
            changed = found[name].get("output") != known[name].get("output")
            assert not changed or found[name]["version"] > known[name]["version"], f"{name} needs a higher version"
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    golden = json.loads(GOLDEN.read_text())
    for one, known in (
        (found["stages"].pop("train"), golden["stages"].pop("train")),
        *((found.pop(f"trainer {name}"), golden.pop(f"trainer {name}")) for name in ENCODED),
    ):
        assert one == pytest.approx(known, abs=2e-3)
    assert found == golden
