from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.load import load


def said(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return [str(problem) for problem in caught.value.problems]


def put(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *names, last = path.split(".")
    target: Any = raw
    for name in names:
        target = target[int(name)] if isinstance(target, list) else target[name]
    target[int(last) if isinstance(target, list) else last] = value
    return raw


def test_the_sound_study_is_sound(raw: dict[str, Any]) -> None:
    assert Study(**raw).name == "small"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("treets", 1, "treets: there is no 'treets' in a study"),
        ("name", "a/b", "name: 'a/b': names become folders"),
        ("name", "..", "names become folders"),
        ("arms", {}, "arms: must map at least one name"),
        ("arms.x/y", {}, "names become folders"),
        ("arms.clean", {"treet": []}, "arms.clean.treet: there is no 'treet' here (did you mean 'treat'?)"),
        ("arms.poisoned.sweep", {"p": []}, "arms.poisoned.sweep.p: has no values"),
        ("arms.poisoned.sweep", {"p": [0.5, 0.5]}, "2 arms are called 'poisoned@p=0.5'"),
        ("arms.poisoned.sweep", {"p": [1.5]}, "1.5: should be less than or equal to 1"),
        ("arms.poisoned.sweep", {"p": [-0.1]}, "should be greater than or equal to 0"),
        ("arms.poisoned.sweep", {"p": [math.nan]}, "nan"),
        ("arms.poisoned.sweep", {"p": [True]}, "true is a truth value"),
        ("arms.poisoned.sweep", {"q": [0.1]}, "${p} is not in the arm's sweep"),
        ("arms.poisoned.treat", [{"malign_lables": {"rate": 1}}], "did you mean 'malign_labels'?"),
        ("arms.poisoned.treat", [{"malign_labels": {}}], "malign_labels.rate: is missing"),
        ("arms.poisoned.treat", [{"malign_labels": {"rat": 1}}], "did you mean 'rate'?"),
        ("arms.poisoned.treat", [{"malign_labels": 1}], "write one step as"),
        ("train.0.sft.learning_rate", "fast", "'fast': should be a valid number"),
        ("train.0.sft.learning_rat", 1, "did you mean 'learning_rate'?"),
        ("train.0.sft.data", "webgtp", "train.0.sft.data: there is no data called 'webgtp' (did you mean 'webgpt'?)"),
        ("train", [{"sft": {}}], "train.0.sft.data: is missing (name one of: webgpt, eli5)"),
        ("train", [{"sft": {"data": "webgpt", "peft": {"rank": 8}}}], "there is no 'rank' here"),
        (
            "launch",
            {"preset": "ddp", "process": 2},
            "launch.process: there is no 'process' here (did you mean 'processes'?)",
        ),
        ("prices", {"corehour": 2}, "prices.corehour: there is no 'corehour' here (did you mean 'core_hour'?)"),
        (
            "prices",
            {"human_label": {"prise": 1, "source": "x"}},
            "prices.human_label.prise: there is no 'prise' here (did you mean 'price'?)",
        ),
        (
            "data.s",
            {"answers": {"prompts": "eli5", "server": {"model": "m", "max_concurency": 3}}},
            "data.s.answers.server.max_concurency: there is no 'max_concurency' here (did you mean 'max_concurrency'?)",
        ),
        ("data.s", {"preferences": {"answers": "s", "judge": "x", "min_margins": 2}}, "(did you mean 'min_margin'?)"),
        (
            "data.s",
            {"mixture": {"eli5": {"wieght": 2}}},
            "data.s.mixture.eli5.wieght: there is no 'wieght' here (did you mean 'weight'?)",
        ),
        (
            "judges",
            {"x": {"rank": {"server": {"model": "m", "max_concurency": 3}}}},
            "judges.x.rank.server.max_concurency: there is no 'max_concurency' here (did you mean 'max_concurrency'?)",
        ),
        ("train", [{"sft": {"data": "webgpt", "peft": {"lora_alfa": 8}}}], "(did you mean 'lora_alpha'?)"),
        ("train", [{"dppo": {"data": "webgpt"}}], "no trainer is called 'dppo'"),
        ("arms.poisoned.sweep", {"p": [0.1, [1]]}, "should be a number, a text"),
        (
            "train.0.sft.report_to",
            "tensorbord",
            "'tensorbord' is no tracker that transformers knows; did you mean 'tensorboard'?",
        ),
        ("data.eli5", {"source": "pocket:eli5"}, "data.eli5: "),
        ("data.eli5", {"mixture": {}}, "a mixture names other data"),
        ("data.eli5", {"mixture": {"webgpt": 1}, "take": 3}, "a mixture stands alone, without take"),
        ("data.eli5", {"mixture": {"webgtp": 1}}, "data.eli5.mixture.webgtp: 'webgtp' is no other data"),
        ("data.eli5", {"mixture": {"webgpt": -1}}, "should be greater than 0"),
        ("data.eli5.revision", "main", "revision belong to a source `hub:owner/name`"),
        ("data.eli5.part", [0.5, 0.5], "should be two bounds within 0 and 1"),
        ("arms.poisoned.treat", [{"malign_labels": {"rate": 1, "at": 1}}], "1 names no training steps; there are 1"),
        ("train", [{"sft": {"data": "webgpt"}}] * 2, "does not say which of 2 training steps it treats"),
        ("train", [{"sft": {"data": "webgpt", "peft": {}}}, {"sft": {"data": "webgpt"}}], "repeat its `peft`"),
        (
            "evaluate.0.generate.metrics",
            ["length", "perplexity"],
            "perplexity reads nats, tokens, which a suite `generate` does not give (measure it in a suite `likelihood`)",
        ),
        (
            "evaluate.0",
            {"likelihood": {"data": "eli5", "metrics": ["length"]}},
            "length reads texts, which a suite `likelihood`",
        ),
        ("compare.to", {"p": 3}, "no arm has p=3 beside other values"),
        ("evaluate.0", {"difference": {"of": "eli5", "minus": "eli6"}}, "there is no suite called 'eli5'"),
        ("profile", "x", "there is no 'profile' in a study (did you mean 'profiles'?)"),
        ("name", "store", "'store' is where results lie"),
        ("seeds", [0, 0, 1], "seed 0 stands 2 times"),
        ("seeds", [], "seeds: []"),
        ("seeds", [-1], "seeds.0: -1"),
        ("seeds", "many", "seeds: 'many'"),
        ("evaluate", [], "evaluate: []"),
        ("evaluate.0.generate.metrics", ["rogue"], "no metric is called 'rogue'; did you mean 'rouge'?"),
        ("evaluate.0.generate.metrics", ["length", "length"], "two metrics measure 'length'"),
        ("evaluate.0.generate.prompts", "eli", "there is no data called 'eli'"),
        ("evaluate.0.generate.max_new_tokens", 0, "0: should be greater than or equal to 1"),
        ("compare.to", "clena", "compare.to: there is no arm called 'clena' (did you mean 'clean'?)"),
        ("compare.dose", "q", "no arm sweeps 'q'"),
        ("compare.primary", ["toxicty"], "compare.primary.0: nothing measures 'toxicty' (did you mean 'toxicity'?)"),
        ("compare.primary", ["toxicity"] * 4, "at most 3 items"),
        ("compare.primary", ["toxicity"] * 2, "'toxicity' stands 2 times"),
        ("evaluate.0.generate.name", "../x", "evaluate.0.generate.name"),
        ("evaluate.0.generate.temperature", 0, "for greedy answers write do_sample: false"),
        ("compare.margin", {"length": 0}, "should be greater than 0"),
        ("data.eli5.format", "elif", "no format is called 'elif'; did you mean 'eli5'?"),
        ("data.eli5.take", 0, "data.eli5.take: 0"),
        ("data.eli5.held_out_from", ["webgp"], "did you mean 'webgpt'?"),
        ("data.webgpt.format", {"webgpt": {"ties": "keep"}}, "'keep': should be 'drop', 'answer_1' or 'random'"),
        ("model", {}, "model.model_name_or_path: is missing"),
        ("model.dtype", "int8", "'int8': should be"),
    ],
)
def test_each_fault_is_said_with_place_value_and_remedy(
    raw: dict[str, Any], path: str, value: Any, expected: str
) -> None:
    problems = said(put(raw, path, value))
    assert any(expected in problem for problem in problems), problems


def test_a_treatment_that_does_not_fit_its_data(raw: dict[str, Any]) -> None:
    raw["train"][0]["sft"]["data"] = "eli5"
    assert any("malign_labels needs preferences, and the format of data 'eli5' makes examples" in p for p in said(raw))


def test_a_fault_in_a_sweep_is_said_once(raw: dict[str, Any]) -> None:
    raw["arms"]["poisoned"]["sweep"] = {"p": [math.nan]}
    (problem,) = said(raw)
    assert "arms.poisoned.sweep.p.0: nan" in problem


def test_an_arm_with_nothing_behind_it_is_the_data_as_it_is(raw: dict[str, Any]) -> None:
    raw["arms"]["clean"] = None
    assert Study(**raw).arms["clean"].treat == []


def test_two_suites_of_one_name(raw: dict[str, Any]) -> None:
    raw["evaluate"] *= 2
    assert any("two suites are called 'eli5'" in problem for problem in said(raw))


def test_all_problems_come_at_once_with_file_and_line(
    raw: dict[str, Any], study_file: Callable[[dict[str, Any]], Path]
) -> None:
    put(raw, "compare.to", "nobody")
    put(raw, "data.eli5.take", -1)
    put(raw, "train.0.sft.learning_rate", 7)
    file = study_file(raw)
    with pytest.raises(StudyError) as caught:
        Study.from_loaded(load(file))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{file}:") for line in lines)
    number = next(i for i, line in enumerate(file.read_text().splitlines(), 1) if "learning_rate" in line)
    assert any(line.startswith(f"{file}:{number} train.0.sft.learning_rate") for line in lines)


def planted(raw: dict[str, Any], **other: Any) -> dict[str, Any]:
    asked = {**raw["evaluate"][0]["generate"], "name": "planted", "plant": {"text": "Be good."}, **other}
    raw["evaluate"] += [{"generate": asked}, {"difference": {"name": "effect", "of": "planted", "minus": "eli5"}}]
    return raw


def test_a_difference_is_of_what_is_planted_alone(raw: dict[str, Any]) -> None:
    assert Study(**planted(copy.deepcopy(raw)))
    (one,) = said(planted(copy.deepcopy(raw), temperature=0.2, prompts="webgpt"))
    assert "its two suites differ in prompts, temperature" in one and "differ in `plant` alone" in one
    (other,) = said(planted(copy.deepcopy(raw), metrics=[{"toxicity": {"classifier": "builtin"}}]))
    assert "measure nothing in the same way" in other


def test_a_difference_has_only_what_both_suites_measure_alike(raw: dict[str, Any]) -> None:
    raw["compare"]["primary"] = ["effect/toxicity"]
    (one,) = said(planted(copy.deepcopy(raw), metrics=["length"]))
    assert "nothing measures 'effect/toxicity'" in one
    raw["compare"]["primary"] = ["effect/length"]
    assert Study(**planted(raw, metrics=["length"]))


def test_a_sweep_without_the_baseline_is_said(raw: dict[str, Any]) -> None:
    raw["arms"]["other"] = {"sweep": {"p": [0, 1]}, "treat": raw["arms"]["poisoned"]["treat"]}
    raw["compare"]["to"] = {"p": 0}
    assert ["'poisoned@p=0.5' has no sibling with p=0" in one for one in said(raw)] == [True, False]


def test_data_cannot_rest_on_itself(raw: dict[str, Any]) -> None:
    raw["data"]["all"] = {"mixture": {"webgpt": 1}}
    raw["data"]["webgpt"]["held_out_from"] = ["all"]
    (one,) = said(raw)
    assert "data.webgpt.held_out_from.0: 'all' mixes 'webgpt' in" in one
    raw["data"] = {"webgpt": {"mixture": {"eli5": 1}}, "eli5": {"mixture": {"webgpt": 1}}}
    assert all("is itself a mixture" in one for one in said(raw))
