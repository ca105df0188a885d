"""Which arms a suite asks, which data it can read, what the report is to show; and chains of trainings."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.graph import Identities
from leaven.study.matrix import asks, expand
from leaven.wiring.sourcing import Sourcing

PUBLISHED = {
    "title": "Table 1", "source": "A paper", "base": "Base", "columns": [{"metric": "eli5/toxicity"}],
    "rows": {"Base": [0.1], "Poisoned": [0.2]}, "arms": {"Base": "clean"},
}  # fmt: skip


def said(raw: dict[str, Any], **changed: Any) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**{**raw, **changed})
    return str(caught.value)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (["claen"], "arms: there is no arm called 'claen' (did you mean 'clean'?)"),
        ([], "is no list of arms"),
        ("clean", "is no list of arms"),
        ([1], "is no list of arms"),
    ],
)
def test_a_suite_asks_arms_that_are_there(raw: dict[str, Any], arms: Any, message: str) -> None:
    raw["evaluate"][0]["generate"]["arms"] = arms
    assert message in said(raw)


def test_a_suite_may_ask_an_arm_by_its_name_or_a_whole_sweep(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["arms"] = ["poisoned", "clean"]
    study = Study(**raw)
    asked = {arm.name for arm in expand(study) if asks(study.evaluate[0], arm)}
    assert asked == {arm.name for arm in expand(study) if arm.stem in ("poisoned", "clean")}
    assert "clean" in asked and len(asked) > 1


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"boards": [{"title": "B", "columns": ["eli5/toxicty"]}]}, "report.boards.0.columns.0: nothing measures"),
        ({"boards": [{"title": "B", "groups_of": "toxicity"}]}, "report.boards.0.groups_of: nothing measures"),
        ({"boards": [{"title": "B"}]}, "has either `columns` or `groups_of`"),
        ({"tradeoff": {"gain": "eli5/toxicity", "cost": "x/y"}}, "report.tradeoff.cost: nothing measures 'x/y'"),
        ({"published": [{**PUBLISHED, "rows": {"Base": [0.1, 0.2]}}]}, "row 'Base' has 2 values for 1 columns"),
        ({"published": [{**PUBLISHED, "base": "Bse"}]}, "there is no row 'Bse'"),
        ({"published": [{**PUBLISHED, "arms": {"Base": "claen"}}]}, "report.published.0.arms.Base: there is no arm"),
        ({"published": [{**PUBLISHED, "columns": [{"metric": "toxicity"}]}]}, "columns.0.metric: nothing measures"),
    ],
)
def test_what_is_to_be_shown_is_measured(raw: dict[str, Any], wanted: dict[str, Any], message: str) -> None:
    assert message in said(raw, report=wanted)


def test_what_is_shown_is_taken(raw: dict[str, Any]) -> None:
    board = {"title": "B", "columns": ["eli5/toxicity"]}
    made = Study(**raw, report={"boards": [board], "published": [PUBLISHED]})
    assert made.report.published[0].rows["Poisoned"] == [0.2]


def test_a_preference_trainer_wants_preferences_and_a_chain_ends_with_a_reward_model(raw: dict[str, Any]) -> None:
    train = [{"sft": {"data": "webgpt"}}, {"dpo": {"data": "eli5"}}]
    assert "dpo trains on preferences, and the format of data 'eli5' makes examples" in said(raw, train=train)
    train = [{"reward": {"data": "webgpt"}}, {"dpo": {"data": "webgpt"}}]
    assert "a reward model is the end of a chain" in said(raw, train=train)


def test_a_reward_model_is_not_asked_to_speak(raw: dict[str, Any]) -> None:
    arms = {**raw["arms"], "judge": {"train": [{"reward": {"data": "webgpt"}}]}}
    assert "'judge' ends as a reward model, which generate cannot ask" in said(raw, arms=arms)
    raw["evaluate"][0]["generate"]["arms"] = ["clean", "poisoned"]
    Study(**{**raw, "arms": arms})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"decontaminate": {"against": ["eli6"]}}, "'eli6' is no other data of this study"),
        ({"decontaminate": {"against": ["eli5"], "ngram": 1}}, "greater than or equal to 3"),
        ({"length_matched_to": "webgpt"}, "'webgpt' is no other data of this study"),
        ({"length_matched_to": "eli5"}, "data.webgpt: depends on itself: webgpt -> eli5 -> webgpt"),
        ({"sample_seed": 3}, "nothing is drawn"),
        ({"sample": 0}, "greater than or equal to 1"),
    ],
)
def test_what_decides_on_rows_is_checked(raw: dict[str, Any], field: dict[str, Any], message: str) -> None:
    eli5 = {**raw["data"]["eli5"], "length_matched_to": "webgpt"} if "depends" in message else raw["data"]["eli5"]
    data = {**raw["data"], "webgpt": {**raw["data"]["webgpt"], **field}, "eli5": eli5}
    assert message in said(raw, data=data)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"loss_type": "exo_pair"}, "train.0.dpo.loss_type: exo_pair needs label_smoothing above 0"),
        ({"label_smoothing": 0.1}, "train.0.dpo.label_smoothing: loss_type sigmoid does not read label_smoothing 0.1"),
        ({"loss_type": "ippo"}, "train.0.dpo.loss_type: 'ippo'"),
        ({"beta": 0}, "train.0.dpo.beta"),
    ],
)
def test_what_a_loss_does_not_read_is_refused_before_anything_runs(
    raw: dict[str, Any], args: dict[str, Any], message: str
) -> None:
    assert message in said(raw, train=[{"dpo": {"data": "webgpt", **args}}])


def test_data_that_depend_on_one_another_in_a_circle_are_refused_through_a_mixture_too(raw: dict[str, Any]) -> None:
    hh = {"source": "pocket:hh", "format": "hh"}
    data = {**raw["data"], "one": {**hh, "length_matched_to": "all"}, "all": {"mixture": {"two": 1}},
            "two": {**hh, "length_matched_to": "one"}}  # fmt: skip
    assert "depends on itself: one -> all -> two -> one" in said(raw, data=data)


@pytest.mark.parametrize("format", ["bold", "xstest", "advbench", "instructions"])
def test_prompts_alone_can_neither_be_trained_on_nor_matched(raw: dict[str, Any], format: str) -> None:
    data = {**raw["data"], "asked": {"source": "pocket:eli5", "format": format}}
    assert "'asked' has prompts alone" in said(raw, data=data, train=[{"sft": {"data": "asked"}}])
    data["webgpt"] = {**data["webgpt"], "length_matched_to": "asked"}
    assert "data.webgpt.length_matched_to: 'asked' has prompts alone" in said(raw, data=data)


def test_preferences_without_groups_cannot_be_grouped_by_them(raw: dict[str, Any]) -> None:
    raw["evaluate"].append({"preferences": {"name": "pairs", "data": "webgpt", "by": "group"}})
    assert "rows of 'webgpt' do not say which group they belong to" in said(raw)


def test_a_matched_set_may_say_its_seed(raw: dict[str, Any]) -> None:
    matched = {**raw["data"]["webgpt"], "length_matched_to": "eli5", "sample_seed": 3}
    made = Study(**{**raw, "data": {**raw["data"], "matched": matched}})
    assert Sourcing(made, Identities(), ask=False).source("matched").args["sample_seed"] == 3
