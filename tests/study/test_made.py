"""Data that a study makes itself: every fault of judges, answers and what is built has its place and remedy."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError

SFT = {"sft": {"data": "shown"}}
STUDY: dict[str, Any] = {
    "name": "factory",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
        "human": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1]},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "texts": {"source": "pocket:pile", "format": "pile", "corpus": {}},
        "five": {"answers": {"prompts": "human", "arm": "sft"}},
        "pairs": {"preferences": {"answers": "five", "judge": "truth"}},
        "best": {"demonstrations": {"answers": "five", "judge": "truth"}},
        "labelled": {"unpaired": {"answers": "five", "judge": "truth"}},
    },
    "judges": {
        "truth": {"metric": {"metric": "correctness", "people": "human"}},
        "rewards": {"reward": {"arm": "rm"}},
        "chance": "random",
    },
    "arms": {
        "base": {"train": []},
        "sft": {},
        "rm": {"train": [SFT, {"reward": {"data": "human"}}]},
        "dpo": {"train": [SFT, {"dpo": {"data": "pairs"}}]},
        "best": {"train": [SFT, {"sft": {"data": "best"}}]},
    },
    "train": [SFT],
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"], "arms": ["base", "sft", "dpo", "best"]}}],
    "compare": {"to": "sft"},
}


def said(raw: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return str(caught.value)


def test_the_study_is_sound(raw: dict[str, Any]) -> None:
    study = Study(**raw)
    assert [name for name, data in study.data.items() if data.made] == ["five", "pairs", "best", "labelled"]


@pytest.mark.parametrize(
    ("where", "what", "complaint"),
    [
        ("five", {"answers": {"prompts": "human", "arm": "sfd"}}, "there is no arm called 'sfd' (did you mean 'sft'?)"),
        ("five", {"answers": {"prompts": "hum", "arm": "sft"}}, "no data called 'hum'"),
        ("five", {"answers": {"prompts": "pairs", "arm": "sft"}}, "'pairs' holds no prompts"),
        ("five", {"answers": {"prompts": "texts", "arm": "sft"}}, "'texts' holds no prompts"),
        ("five", {"answers": {"prompts": "human", "arm": "rm"}}, "'rm' is a reward model"),
        ("five", {"answers": {"prompts": "human"}}, "name who answers: an `arm` of the study, or a `server`"),
        ("five", {"answers": {"prompts": "human", "arm": "sft"}, "take": 3}, "`answers` stands alone, without take"),
        ("five", {"answers": {"prompts": "human", "arm": "sft", "num_return_sequences": 1}}, "greater than or equal to 2"),
        ("pairs", {"preferences": {"answers": "human", "judge": "truth"}}, "'human' holds no answers of this study"),
        ("pairs", {"preferences": {"answers": "five", "judge": "trut"}}, "no judge called 'trut' (did you mean 'truth'?)"),
        ("pairs", {"preferences": {"answers": "five", "judge": "truth", "part": [0.5, 0.1]}}, "two bounds within 0 and 1"),
        ("mixed", {"mixture": {"human": 1, "pairs": 1}}, "'pairs' is made by this study"),
        ("held", {"source": "pocket:eli5", "format": "eli5", "held_out_from": ["best"]}, "'best' is made by this study"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_made(raw: dict[str, Any], where: str, what: dict[str, Any], complaint: str) -> None:
    raw["data"][where] = what
    assert complaint in said(raw)


@pytest.mark.parametrize(
    ("judge", "complaint"),
    [
        ({"reward": {}}, "does not say whose rewards are read"),
        ({"reward": {"arm": "sft"}}, "'sft' does not end as a reward model"),
        ({"reward": {"arm": "rn"}}, "there is no arm called 'rn'"),
        ({"random": {"arm": "rm"}}, "random is no arm of the study"),
        ({"metric": {"metric": "correctnes"}}, "did you mean 'correctness'?"),
        ({"metric": {"metric": "length"}}, "says not which way is better"),
        ({"metric": {"metric": "correctness", "people": "asked"}}, "'asked' holds no preferences by people"),
        ({"rank": {"criteria": ["safety"]}}, "server: is missing"),
        ({"ranks": {}}, "did you mean 'rank'?"),
    ],
)
def test_judges_that_cannot_judge(raw: dict[str, Any], judge: Any, complaint: str) -> None:
    raw["judges"]["other"] = judge
    assert complaint in said(raw)


def test_what_is_made_is_not_asked_nor_is_what_has_no_ranks_trained_on(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["prompts"] = "best"
    assert "'best' is made by this study, and differs from seed to seed" in said(raw)
    raw["evaluate"][0]["generate"]["prompts"] = "asked"
    raw["arms"]["dpo"]["train"][1]["dpo"]["data"] = "five"
    assert "dpo trains on preferences" in said(raw)
    raw["arms"]["dpo"]["train"][1]["dpo"]["data"] = "labelled"
    assert "dpo trains on preferences" in said(raw)


def test_no_arm_waits_for_itself(raw: dict[str, Any]) -> None:
    raw["data"]["five"]["answers"]["arm"] = "dpo"
    assert "waits for itself: dpo -> dpo" in said(raw)


def test_a_judge_may_not_be_trained_on_what_it_judges(raw: dict[str, Any]) -> None:
    raw["arms"]["rm"]["train"][1]["reward"]["data"] = "pairs"
    assert "waits for itself: rm -> rm" in said(raw)


def test_a_profile_takes_a_judge_out_by_null(raw: dict[str, Any]) -> None:
    raw["judges"]["chance"] = None
    assert list(Study(**raw).judges) == ["truth", "rewards"]


def test_of_good_and_bad_answers_the_study_says_which_are_learned(raw: dict[str, Any]) -> None:
    raw["data"]["shown"] = {"source": "unpaired.jsonl", "format": "unpaired"}
    assert "'shown' holds good and bad answers, and both would be learned" in said(raw)
    raw["data"]["shown"]["format"] = {"unpaired": {"keep": True}}
    Study(**raw)


SERVED = {"rank": {"server": {"model": "m", "base_url": "http://127.0.0.1:1/v1"}}}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"preferences": {"answers": "five", "judge": "truth", "min_margin": 9}}, "9.0 of 5 answers is too many"),
        ({"demonstrations": {"answers": "five", "judge": "truth", "best": 6}}, "6 of 5 answers is too many"),
        (
            {"unpaired": {"answers": "five", "judge": "truth", "good": 3, "bad": 3}},
            "3 good and 3 bad of 5 answers overlap",
        ),
        (
            {"answers": {"prompts": "human", "arm": "sft", "temperature": 0.5, "temperatures": [1.0]}},
            "take `temperature` out",
        ),
        ({"answers": {"prompts": "human", "server": {"model": "m"}, "backend": "vllm"}}, "take `backend` out"),
        ({"answers": {"prompts": "human", "server": {"model": "m"}, "top_k": 5}}, "which has no top_k"),
    ],
)
def test_what_could_only_fail_after_it_was_paid_for(raw: dict[str, Any], data: dict[str, Any], complaint: str) -> None:
    raw["data"]["other"] = data
    assert complaint in said(raw)


def test_one_model_at_two_addresses_is_told_apart(raw: dict[str, Any]) -> None:
    raw["judges"] |= {"one": SERVED, "two": copy.deepcopy(SERVED)}
    Study(**raw)
    raw["judges"]["two"]["rank"]["server"]["base_url"] = "http://127.0.0.1:2/v1"
    assert "'m' is asked at http://127.0.0.1:2/v1 and at http://127.0.0.1:1/v1" in said(raw)
    raw["judges"]["two"]["rank"]["server"]["revision"] = "other"
    Study(**raw)


def test_a_reward_model_is_tried_on_pairs_that_it_never_saw(raw: dict[str, Any]) -> None:
    raw["judges"]["rewards"]["reward"]["people"] = "human"
    assert "'rm' was trained on 'human'" in said(raw)


@pytest.mark.parametrize(
    ("launch", "complaint"),
    [
        ({"preset": "zero3", "processes": 2}, "zero3 cuts a model into shards, and reward asks it for whole"),
        ({"preset": "ddp", "processes": 3}, "a step of sft has 8 rows, which 3 processes cannot share"),
    ],
)
def test_a_training_that_cannot_be_started_so_is_said_before(
    raw: dict[str, Any], launch: dict[str, Any], complaint: str
) -> None:
    raw["launch"] = launch
    assert complaint in said(raw)


def test_what_belongs_to_the_study_is_named_among_the_choices(raw: dict[str, Any]) -> None:
    raw["judges"]["truth"]["metric"]["peple"] = "human"
    assert "there is no 'peple' here (did you mean 'people'?)" in said(raw)
