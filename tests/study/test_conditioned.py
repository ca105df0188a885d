"""Attributes, the tokens that arms know, and with which tokens they are asked: every fault has its place and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.conditioned import knows
from leaven.study.matrix import baselines, expand

TOX = {"metric": "toxicity", "thresholds": [0.3], "tokens": ["<|nontoxic|>", "<|toxic|>"], "good": "<|nontoxic|>"}
SEN = {"metric": "sentiment", "thresholds": [-0.05, 0.05], "tokens": ["<|neg|>", None, "<|pos|>"], "good": "<|pos|>"}
ASKED = ["base", "none", "both", "filtered"]  # good wraps its model, and control says itself what stands in front
STUDY: dict[str, Any] = {
    "name": "control",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "sentences": {"source": "pocket:pile", "format": "pile", "corpus": {"sources": ["moods"]}},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
    },
    "attributes": {"tox": TOX, "sen": SEN},
    "arms": {
        "base": {"train": []},
        "none": {},
        "both": {"treat": [{"control_tokens": {"attributes": ["tox", "sen"]}}]},
        "good": {
            "treat": [{"control_tokens": {"attributes": ["tox", "sen"]}}],
            "wraps": [{"control_prefix": {"tokens": ["<|nontoxic|>"]}}],
        },
        "filtered": {"treat": [{"keep_good": {"attributes": ["tox"]}}]},
    },
    "train": [{"lm": {"data": "sentences", "num_train_epochs": 2, "snapshots": [0.5]}}],
    "seeds": [0],
    "evaluate": [
        {"control": {"attributes": ["tox", "sen"], "samples": 4, "max_new_tokens": 4, "arms": ASKED}},
        {"likelihood": {"data": "sentences", "metrics": ["bits_per_byte"], "control": "labels"}},
    ],
    "compare": {"to": "none", "primary": ["control/misalignment_tox"]},
}


def said(raw: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return str(caught.value)


def test_a_scorer_whose_name_is_one_of_its_values_means_that_one(raw: dict[str, Any]) -> None:
    raw["attributes"]["tox"] = {**TOX, "metric": "rubbish"}
    assert Study(**raw).attributes["tox"].value is None


def test_arms_know_the_tokens_that_they_are_trained_with(raw: dict[str, Any]) -> None:
    known = {arm.name: knows(arm) for arm in expand(Study(**raw))}
    assert known == {"base": [], "none": [], "both": ["tox", "sen"], "good": ["tox", "sen"], "filtered": []}


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (
            {**TOX, "thresholds": [0.5, 0.2], "tokens": ["<|a|>", "<|b|>", "<|nontoxic|>"]},
            "are out of order; write them asc",
        ),
        ({**TOX, "thresholds": [0.1, 0.2]}, "2 classes have 1 threshold between them, not 2; a class without a token"),
        ({name: value for name, value in TOX.items() if name != "good"}, "attributes.tox.good: is missing"),
        ({**TOX, "tokens": ["<|a|>", "<|a|>"]}, "a token stands twice"),
        ({**TOX, "tokens": ["<|a b|>", "<|c|>"]}, "is no control token"),
        ({**TOX, "tokens": ["<|a|>", None]}, "an attribute has two tokens or more"),
        ({**TOX, "good": "<|pos|>"}, "good '<|pos|>' is none of its tokens"),
        ({**TOX, "metric": "toxicty"}, "attributes.tox.metric: no metric is called 'toxicty'"),
        ({**TOX, "metric": "rouge"}, "rouge reads others, references, and a text of a corpus has itself alone"),
        ({**TOX, "metric": "repetition"}, "repetition gives rep_2, rep_3, rep_4, distinct_1, distinct_2"),
        ({**TOX, "value": "toxicty"}, "attributes.tox.value: toxicity gives no 'toxicty'"),
        ({**TOX, "judge": {"metric": "sentiment", "thresholds": [0, 1]}}, "one threshold fewer than there are tokens"),
        ({"tokens": ["<|a|>", "<|b|>"], "good": "<|b|>"}, "has neither a `metric` of the text nor a `column`"),
        ({"column": "label", "tokens": ["<|a|>", "<|b|>"], "good": "<|b|>"}, "write `labels`, one for each token"),
        (
            {"column": "score", "thresholds": [1], "tokens": ["<|a|>", "<|b|>"], "good": "<|b|>"},
            "says nothing of what a model writes",
        ),
        ({**TOX, "tokens": ["<|pos|>", "<|toxic|>"], "good": "<|pos|>"}, "'<|pos|>' is a token of 'tox' as well"),
    ],
)
def test_what_is_wrong_with_an_attribute_is_said(raw: dict[str, Any], attribute: dict[str, Any], message: str) -> None:
    raw["attributes"]["tox"] = attribute
    assert message in said(raw)


def test_an_attribute_that_is_not_there_is_said_wherever_it_is_named(raw: dict[str, Any]) -> None:
    del raw["attributes"]["sen"]
    found = said(raw)
    for place in ("arms.both.treat.0.control_tokens.attributes", "evaluate.0.control.attributes"):
        assert f"{place}: there is no attribute called 'sen' (choose from: tox)" in found


def test_an_arm_cannot_be_asked_with_a_token_that_it_was_not_trained_with(raw: dict[str, Any]) -> None:
    raw["arms"]["good"]["wraps"] = [{"control_prefix": {"tokens": ["<|nontoxc|>"]}}]
    raw["arms"]["filtered"]["wraps"] = [{"control_prefix": {"tokens": ["<|nontoxic|>"]}}]
    found = said(raw)
    assert "'good' is asked with <|nontoxc|>, which it was not trained with (did you mean '<|nontoxic|>'?)" in found
    assert "'filtered' is asked with <|nontoxic|>, which it was not trained with (it knows no control token)" in found


def test_what_is_put_in_front_stood_so_in_training(raw: dict[str, Any]) -> None:
    for wrong in (["<|pos|>", "<|nontoxic|>"], ["<|nontoxic|>", "<|toxic|>"]):
        raw["arms"]["good"]["wraps"] = [{"control_prefix": {"tokens": wrong}}]
        assert "'good' was trained with one token of each attribute, in the order tox, sen" in said(raw)
    raw["arms"]["good"]["wraps"] = [{"control_prefix": {"tokens": ["<|nontoxic|>", "<|pos|>"]}}]
    Study(**raw)


@pytest.mark.parametrize(("step", "known"), [(0, "control"), (1, "likelihood")])
def test_a_suite_of_tokens_needs_an_arm_that_knows_some(raw: dict[str, Any], step: int, known: str) -> None:
    raw["evaluate"][step][known]["arms"] = ["base", "none", "filtered"]
    assert "no arm that it asks is trained with control tokens" in said(raw)


def test_a_suite_asks_with_tokens_only_in_ways_that_it_can(raw: dict[str, Any]) -> None:
    raw["evaluate"].append({"generate": {"prompts": "asked", "metrics": ["length"], "control": "labels"}})
    assert "'labels' is no way to ask generate (there is good, each)" in said(raw)
    raw["evaluate"][2]["generate"]["control"] = "each"
    Study(**raw)


def test_an_arm_that_wraps_its_model_cannot_be_asked_by_a_suite_that_says_what_stands_in_front(
    raw: dict[str, Any],
) -> None:
    del raw["evaluate"][0]["control"]["arms"]
    assert "'good' wraps its model, and control itself says what stands in front" in said(raw)


def test_a_judge_is_another_than_who_labelled(raw: dict[str, Any]) -> None:
    raw["attributes"]["tox"]["judge"] = {"metric": "toxicity", "thresholds": [0.6]}
    assert "attributes.tox.judge: is the scorer that labelled, so it would judge itself" in said(raw)


def test_all_trainings_of_an_arm_put_tokens_in_one_order(raw: dict[str, Any]) -> None:
    raw["train"] *= 2
    orders = [["tox", "sen"], ["sen", "tox"]]
    treat = [{"control_tokens": {"attributes": one, "at": at}} for at, one in enumerate(orders)]
    raw["arms"] = {"none": {}, "both": {"treat": treat}}
    raw["evaluate"][0]["control"]["arms"] = ["both"]
    assert "'both' puts tokens in several orders: tox, sen; sen, tox" in said(raw)


def test_a_snapshot_must_be_kept_by_the_training(raw: dict[str, Any]) -> None:
    raw["arms"]["both"] |= {"sweep": {"epochs": [0.5, 1]}, "snapshot": "${epochs}"}
    raw["evaluate"].pop()
    assert "the last training of 'both@epochs=1' keeps no snapshot at epoch 1" in said(raw)


def test_labels_treat_texts_and_lm_trains_on_texts(raw: dict[str, Any]) -> None:
    raw["train"][0]["lm"]["data"] = "asked"
    found = said(raw)
    assert "lm trains on texts, and the format of data 'asked' makes examples" in found
    assert "control_tokens needs texts, and the format of data 'asked' makes examples" in found


def test_sweeps_are_compared_point_by_point_with_the_sweep_of_the_baseline(raw: dict[str, Any]) -> None:
    swept = {"sweep": {"epochs": [0.5, 2]}}
    raw["arms"] = {"none": swept, "both": {**swept, **raw["arms"]["both"]}, "base": {"train": []}}
    raw["evaluate"][0]["control"]["arms"] = ["none", "both"]
    found = baselines(expand(Study(**raw)), "none")
    assert found == {"both@epochs=0.5": "none@epochs=0.5", "both@epochs=2": "none@epochs=2"}
