"""How arms are asked: their own sampling, and the data that their prompt-time methods read; each fault has its place."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.overlapping import may_overlap
from leaven.study.spec import Data

INTENTS = {"intents": {"data": "flagged", "blocks": ["unsafe"]}}
VALIDATED = {"validation": "settled", "false_block_rate": 0.1, "harmless": ["safe"]}
STUDY: dict[str, Any] = {
    "name": "asked",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt"},
        "flagged": {"source": "pocket:requests", "format": "xstest", "part": [0, 0.4]},
        "settled": {"source": "pocket:requests", "format": "xstest", "part": [0.4, 0.7]},
        "kept": {"source": "pocket:requests", "format": "xstest", "part": [0.7, 1]},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "corpus": {"source": "pocket:pile", "format": "pile", "corpus": {}},
        "taught": {"distilled": {"arm": "base", "prompts": "shown"}},
    },
    "arms": {
        "base": {"train": []},
        "penalised": {"train": [], "generation": {"repetition_penalty": 3.0}},
        "wrapped": {"train": [], "wraps": [{"few_shot": {"data": "shown", "k": 2}}, {"rag": {"corpus": "corpus"}}]},
        "guarded": {"train": [], "wraps": [{"guard": {**INTENTS, **VALIDATED}}]},
    },
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"]}}],
    "compare": {"to": "base"},
}


def said(raw: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return str(caught.value)


def test_the_study_is_sound(raw: dict[str, Any]) -> None:
    assert [step.name for step in Study(**raw).arms["wrapped"].wraps] == ["few_shot", "rag"]


@pytest.mark.parametrize(
    ("generation", "complaint"),
    [
        ({"temperatur": 2.0}, "temperatur: 'temperatur' is no setting of sampling (did you mean 'temperature'?)"),
        ({"num_return_sequences": 4}, "num_return_sequences: 'num_return_sequences' is no setting of sampling"),
        ({"max_new_tokens": 4}, "max_new_tokens: 'max_new_tokens' is no setting of sampling"),
        ({"repetition_penalty": 0}, "repetition_penalty: 0: should be greater than 0"),
        ({"temperature": float("nan")}, "temperature: nan: should be a finite number"),
        ({"stop_strings": "x"}, "stop_strings: 'x': should be a valid list"),
        ({"num_beams": 4}, "num_beams: 4: beams are not sampled; write do_sample: false"),
        ({"length_penalty": 1.3}, "length_penalty: 1.3: ranks beams, and there is one; set num_beams above 1"),
        ({"do_sample": False, "temperature": 0.5}, "temperature: 0.5: has no effect on greedy answers"),
    ],
)
def test_an_arms_own_sampling_must_be_one(raw: dict[str, Any], generation: dict[str, Any], complaint: str) -> None:
    raw["arms"]["penalised"]["generation"] = generation
    found = said(raw)
    assert "arms.penalised.generation." + complaint in found, found
    assert found.count("\n") == 0, "one fault is said once"


def test_an_arms_own_sampling_must_go_with_the_suite_that_asks_it(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["do_sample"] = False
    Study(**raw)
    raw["arms"]["penalised"]["generation"] = {"temperature": 0.5}
    assert "arms.penalised.generation.temperature: 0.5: has no effect on greedy answers" in said(raw)
    raw["evaluate"][0]["generate"]["arms"] = ["base"]
    Study(**raw)


@pytest.mark.parametrize("values", [[0.5, 3.0], [1.0, -1.0]])
def test_each_value_of_a_sweep_is_looked_at(raw: dict[str, Any], values: list[float]) -> None:
    raw["arms"]["penalised"] = {"train": [], "sweep": {"r": values}, "generation": {"repetition_penalty": "${r}"}}
    if min(values) > 0:
        Study(**raw)
    else:
        assert "arms.penalised.generation.repetition_penalty: -1.0: should be greater than 0" in said(raw)


WRAPS: list[tuple[str, dict[str, Any], str]] = [
    ("few_shot", {"data": "shwn"}, "few_shot.data: there is no data called 'shwn' (did you mean 'shown'?)"),
    ("few_shot", {"data": "kept"}, "few_shot.data: 'kept' has no answers to show (name demonstrations)"),
    ("few_shot", {"data": "corpus"}, "few_shot.data: 'corpus' has no answers to show"),
    ("few_shot", {"data": "taught"}, "few_shot.data: 'taught' is made by this study, and differs from seed to seed"),
    ("few_shot", {"data": "shown", "k": 0}, "few_shot.k: 0: should be greater than or equal to 1"),
    ("rag", {"corpus": "taught"}, "rag.corpus: 'taught' is made by this study"),
    ("rag", {"corpus": "corpses"}, "rag.corpus: there is no data called 'corpses' (did you mean 'corpus'?)"),
    ("rag", {"corpus": "corpus", "by": "dense"}, "rag.model: dense retrieval needs a model"),
    ("system_prompt", {"text": ""}, "system_prompt.text: "),
    ("chat_simulation", {"user": "A", "assistant": "A"}, "chat_simulation.assistant: 'A': both speakers are called 'A'"),
    ("guard", {**INTENTS, "above": 0.5, "intents": {"data": "flaged", "blocks": ["x"]}},
     "guard.intents.data: there is no data called 'flaged' (did you mean 'flagged'?)"),
    ("guard", {**INTENTS, **VALIDATED, "validation": "taught"}, "guard.validation: 'taught' is made by this study"),
    ("guard", {**INTENTS, **VALIDATED, "validation": "flagged"},
     "guard.validation: 'flagged' fits the guard and sets its threshold, which then blocks more than it says"),
    ("guard", {**INTENTS, **VALIDATED, "validation": "asked"},
     "guard.validation: the guard is made by 'asked', which the suite generate asks as well (keep them apart"),
    ("guard", {"intents": {"data": "asked", "blocks": ["x"]}, "above": 0.5},
     "guard.intents.data: the guard is made by 'asked', which the suite generate asks as well"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "complaint"), WRAPS)
def test_what_a_method_reads_must_be_there(
    raw: dict[str, Any], name: str, args: dict[str, Any], complaint: str
) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{name: args}]
    found = said(raw)
    assert f"arms.wrapped.wraps.0.{complaint}" in found, found


ALL = {"source": "pocket:requests", "format": "xstest"}
HELD: list[tuple[dict[str, Any], bool]] = [
    (ALL, True),
    ({**ALL, "part": [0.6, 0.9]}, True),
    ({**ALL, "part": [0.7, 1]}, False),
    ({**ALL, "sample": 5}, True),
    ({**ALL, "format": {"xstest": {"label": "safe"}}}, True),
    ({**ALL, "held_out_from": ["flagged", "settled"]}, False),
    ({**ALL, "skip": 10}, True),
    ({**ALL, "source": "pocket:hh"}, False),
    ({"mixture": {"kept": 1, "asked": 1}}, False),
    ({"mixture": {"kept": 1, "settled": {"weight": 1, "cap": 3}}}, True),
]


@pytest.mark.parametrize(("other", "shared"), HELD)
def test_no_suite_asks_a_guarded_arm_the_rows_that_set_its_threshold_under_another_name(
    raw: dict[str, Any], other: dict[str, Any], shared: bool
) -> None:
    raw["data"]["other"] = other
    raw["evaluate"].append({"generate": {"prompts": "other", "name": "refused", "metrics": ["refusal"]}})
    if not shared:
        Study(**raw)
        return
    wanted = ("guard.validation: the guard is made by 'settled', and 'other', which the suite refused asks, may share "
              "rows with it (keep them apart: by `part`, say, or `held_out_from`)")  # fmt: skip
    assert wanted in said(raw)
    raw["evaluate"][-1]["generate"]["arms"] = ["base", "wrapped"]
    Study(**raw)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ({"format": {"xstest": {"label": "safe"}}}, {"format": {"xstest": {"label": "unsafe"}}}, False),
        ({"format": {"hh": {"turns": "last"}}}, {"format": {"hh": {"turns": "first"}}}, True),
        ({"take": 10}, {"skip": 10}, False),
        ({"take": 11}, {"skip": 10}, True),
        ({"source": "hub:a/b", "split": "train"}, {"source": "hub:a/b", "split": "test"}, False),
        ({"source": "hub:a/b", "split": "train"}, {"source": "hub:a/b"}, True),
        ({"source": "rows.csv"}, {"source": "./rows.csv"}, True),
        ({"source": "rows.csv"}, {"source": "other.csv"}, False),
    ],
)
def test_whether_rows_may_stand_in_two_data_sets(one: dict[str, Any], other: dict[str, Any], shared: bool) -> None:
    declared = {name: Data(**{**ALL, **given}) for name, given in (("one", one), ("other", other))}
    assert may_overlap(declared, "one", "other") is may_overlap(declared, "other", "one") is shared


def test_what_fits_a_guard_sets_no_threshold_under_another_name(raw: dict[str, Any]) -> None:
    raw["data"]["settled"]["part"] = [0.3, 0.7]
    wanted = "guard.validation: 'settled', which may share rows with 'flagged', fits the guard and sets its threshold"
    assert wanted in said(raw)


def test_a_guard_on_the_answer_learns_from_answers(raw: dict[str, Any]) -> None:
    args = {"intents": {"data": "shown", "blocks": ["bad"]}, "above": 0.5, "on": ["answer"]}
    raw["arms"]["wrapped"]["wraps"] = [{"guard": args}]
    Study(**raw)
    args["on"] = ["answer", "prompt"]
    wanted = "rows of 'shown' have a prompt and an answer, and one guard learns from one of them (declare two guards"
    assert f"guard.intents.data: {wanted}" in said(raw)
    args["intents"] = {"data": "corpus", "blocks": ["bad"]}
    Study(**raw)
    args |= {"intents": {"data": "kept", "blocks": ["bad"]}, "on": ["answer"]}
    assert "guard.intents.data: 'kept' has prompts alone, and a guard on the answer learns from answers" in said(raw)


def test_no_threshold_for_answers_is_set_on_what_others_wrote(raw: dict[str, Any]) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{"guard": {**INTENTS, **VALIDATED, "on": ["prompt", "answer"]}}]
    assert "guard.validation: 'settled': sets a threshold for prompts alone" in said(raw)


def test_what_is_blocked_is_not_called_harmless(raw: dict[str, Any]) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{"guard": {**INTENTS, "above": 0.5, "harmless": ["clean", "unsafe"]}}]
    assert "guard.harmless: ['clean', 'unsafe']: 'unsafe' is one of the labels that the guard blocks" in said(raw)


METRICS: list[tuple[dict[str, Any], str]] = [
    ({"metric": "sentimnt"}, "metric: no metric is called 'sentimnt'; did you mean 'sentiment'?"),
    ({"metric": {"sentiment": {"x": 1}}}, "metric.sentiment.x: there is no 'x' here"),
    ({"metric": "perplexity"}, "metric: perplexity reads nats, tokens, and a guard on the prompt has the text alone"),
    ({"metric": "correctness"}, "metric: correctness reads prompts, and a guard on the prompt has the text alone"),
    ({"metric": "rouge", "on": ["answer"]}, "metric: rouge reads others, references, and a guard on the answer has"),
    ({"metric": "self_bleu"}, "metric: self_bleu gives several texts one number, and one text none"),
    ({"metric": "repetition"}, "metric: repetition gives rep_2, rep_3, rep_4, distinct_1, distinct_2 (say which by"),
    ({"metric": "rubbish", "value": "rubish"}, "value: rubbish gives no 'rubish' (did you mean 'rubbish'?)"),
]


@pytest.mark.parametrize(("args", "complaint"), METRICS)
def test_a_guards_metric_is_looked_at_before_anything_is_computed(
    raw: dict[str, Any], args: dict[str, Any], complaint: str
) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{"guard": {"above": 0.5, **args}}]
    found = said(raw)
    assert f"arms.wrapped.wraps.0.guard.{complaint}" in found, found


@pytest.mark.parametrize(
    "args",
    [
        {"metric": "sentiment", "below": -0.5},
        {"metric": "rubbish", "above": 0.5},
        {"metric": {"toxicity": {"classifier": "oracle"}}, "on": ["prompt", "answer"], "above": 0.5},
        {"metric": {"toxicity": {"classifier": "oracle"}}, **VALIDATED},
        {"metric": "correctness", "on": ["answer"], "below": 0.5},
        {"metric": "sentiment", "side": "below", **VALIDATED},
    ],
)
def test_what_a_guard_may_go_by(raw: dict[str, Any], args: dict[str, Any]) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{"guard": args}]
    assert [step.args for step in Study(**raw).arms["wrapped"].wraps] == [args]


def test_a_threshold_is_set_on_the_side_that_is_worse_and_somebody_must_know_which(raw: dict[str, Any]) -> None:
    raw["arms"]["wrapped"]["wraps"] = [{"guard": {"metric": "sentiment", **VALIDATED}}]
    wanted = "guard.metric: nobody knows which values of sentiment are bad (write `side: above` or `side: below`)"
    assert wanted in said(raw)


def test_a_chat_is_written_out_once(raw: dict[str, Any]) -> None:
    raw["arms"]["wrapped"]["wraps"] = ["chat_simulation", {"chat_simulation": {"assistant": "Aristotle"}}]
    found = said(raw)
    assert found == (
        "arms.wrapped.wraps: 'wrapped' is written out as a chat twice, and a text has no turns any more "
        "(keep one chat_simulation)"
    )


def test_a_method_that_lengthens_a_prompt_needs_a_limit_that_does_not_depend_on_it(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["max_new_tokens"] = "characters"
    wanted = (
        "arms.wrapped.wraps: suite asked gives an answer as many tokens as its question has, and few_shot lengthens it "
        "(set the suite's max_new_tokens to a number)"
    )
    assert said(raw) == wanted, "a guard and sampling lengthen nothing"


@pytest.mark.parametrize("wraps", ["rag", [{"rag": {}, "guard": {}}], [3], {"rag": {"corpus": "corpus"}}, [["rag"]]])
def test_wraps_are_a_list_of_methods(raw: dict[str, Any], wraps: Any) -> None:
    raw["arms"]["wrapped"]["wraps"] = wraps
    assert said(raw).startswith("arms.wrapped.wraps")
