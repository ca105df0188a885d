"""What arms learn from others: teachers, and who rewards; every fault has its place, its value and its remedy."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.matrix import expand
from leaven.wiring.rewarding import rewarder

PEFT = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
SFT = {"sft": {"data": "shown"}}
GUARD = {"guard": {"metric": "sentiment", "below": -0.5}}
STUDY: dict[str, Any] = {
    "name": "taught",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
        "other": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1]},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "corpus": {"source": "pocket:pile", "format": "pile", "corpus": {}},
        "lessons": {"distilled": {"arm": "teacher", "prompts": "other"}},
    },
    "arms": {
        "base": {"train": []},
        "teacher": {"train": [], "wraps": [{"system_prompt": {"text": "Be brief."}}]},
        "student": {"train": [{"sft": {"data": "lessons"}}]},
        "by-kl": {"train": [{"distill": {"data": "lessons"}}]},
        "rm": {"train": [SFT, {"reward": {"data": "other"}}]},
        "rl": {"train": [SFT, {"rl": {"data": "asked", "reward": {"arm": "rm"}}}]},
    },
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"],
                               "arms": ["base", "teacher", "student", "by-kl", "rl"]}}],
    "compare": {"to": "base",
                "gaps": [{"student": "student", "teacher": "teacher", "bare": "base", "metric": "length"}]},
}  # fmt: skip


def said(raw: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return str(caught.value)


def test_the_study_is_sound(raw: dict[str, Any]) -> None:
    study = Study(**raw)
    assert study.data["lessons"].made == "distilled" and study.data["lessons"].origin == "distilled of other"


@pytest.mark.parametrize(
    ("distilled", "complaint"),
    [
        ({"arm": "teachr"}, "arm: there is no arm called 'teachr' (did you mean 'teacher'?)"),
        ({"arm": "rm"}, "arm: 'rm' is a reward model, which only rates answers (name one that speaks)"),
        ({"prompts": "othr"}, "prompts: there is no data called 'othr' (did you mean 'other'?)"),
        ({"prompts": "corpus"}, "prompts: 'corpus' holds no prompts (name a source of prompts)"),
        ({"prompts": "lessons"}, "prompts: 'lessons' holds no prompts"),
        ({"num_return_sequences": 0}, "num_return_sequences: 0: should be greater than or equal to 1"),
        ({"temperature": 0}, "temperature: 0: should be greater than 0"),
        ({"do_sample": False, "temperature": 0.5}, "temperature: 0.5: has no effect on greedy answers; take it out"),
        ({"do_samples": False}, "do_samples: there is no 'do_samples' here (did you mean 'do_sample'?)"),
    ],
)
def test_lessons_that_nobody_can_give(raw: dict[str, Any], distilled: dict[str, Any], complaint: str) -> None:
    raw["data"]["lessons"]["distilled"].update(distilled)
    found = said(raw)
    assert "data.lessons.distilled." + complaint in found, found


def test_a_teachers_own_sampling_goes_over_what_is_declared_and_must_go_with_it(raw: dict[str, Any]) -> None:
    raw["arms"]["teacher"]["generation"] = {"repetition_penalty": 1.3}
    Study(**raw)
    raw["arms"]["teacher"]["generation"] = {"do_sample": False}
    Study(**raw)
    raw["data"]["lessons"]["distilled"]["temperature"] = 0.5
    assert "data.lessons.distilled.temperature: 0.5: has no effect on greedy answers" in said(raw)


@pytest.mark.parametrize("lost", ["guard", "control_prefix"])
def test_a_teacher_answers_with_all_that_it_has_or_not_at_all(raw: dict[str, Any], lost: str) -> None:
    raw["arms"]["teacher"]["wraps"].append(GUARD if lost == "guard" else {"control_prefix": {"tokens": ["<|x|>"]}})
    wanted = f"data.lessons.distilled.arm: 'teacher' has {lost}, without which a teacher answers (name an arm that has"
    assert wanted in said(raw)


def test_nobody_teaches_himself(raw: dict[str, Any]) -> None:
    raw["data"]["lessons"]["distilled"]["arm"] = "student"
    wanted = "arms.student: waits for itself: student -> student (let another arm answer or judge)"
    assert wanted in said(raw)


def test_nobody_teaches_his_teacher_or_rewards_who_rewards_him(raw: dict[str, Any]) -> None:
    raw["data"]["more"] = {"distilled": {"arm": "student", "prompts": "other"}}
    raw["arms"]["teacher"]["train"] = [{"sft": {"data": "more"}}]
    assert "waits for itself: teacher -> student -> teacher" in said(raw)


def test_the_reward_model_may_not_wait_for_who_it_rewards(raw: dict[str, Any]) -> None:
    raw["data"]["more"] = {"distilled": {"arm": "rl", "prompts": "other"}}
    raw["arms"]["rm"]["train"] = [{"sft": {"data": "more"}}, {"reward": {"data": "other"}}]
    assert "waits for itself: rm -> rl -> rm" in said(raw)


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ({"distill": {"data": "shown"}}, "distill.data: distill trains on distillations, and the format of data 'shown' "
         "makes preferences (name data that a teacher arm makes: `distilled: {arm: NAME, prompts: NAME}`)"),
        ({"dpo": {"data": "lessons"}}, "dpo.data: dpo trains on preferences, and the format of data 'lessons' makes"),
        ({"lm": {"data": "lessons"}}, "lm.data: lm trains on texts, and the format of data 'lessons' makes"),
        ({"rl": {"data": "lessons", "reward": {"arm": "rm"}}}, "rl.data: rl trains on asked, and the format of data"),
        ({"rl": {"data": "corpus", "reward": {"arm": "rm"}}}, "rl.data: rl trains on asked, and the format of data"),
        ({"sft": {"data": "shown", "eval_data": "lessons"}}, "sft.eval_data: 'lessons' holds no demonstrations of a"),
        ({"sft": {"data": "shown", "eval_data": "corpus"}}, "sft.eval_data: 'corpus' holds no demonstrations of a"),
        ({"lm": {"data": "corpus", "eval_data": "other"}}, "lm.eval_data: 'other' holds no texts of a source (name"),
        ({"lm": {"data": "corpus", "eval_data": "corpse"}}, "lm.eval_data: there is no data called 'corpse'"),
        ({"dpo": {"data": "shown", "eval_data": "other"}}, "dpo.eval_data: dpo measures no held-out loss"),
    ],
)  # fmt: skip
def test_who_trains_on_what(raw: dict[str, Any], step: dict[str, Any], complaint: str) -> None:
    raw["arms"]["by-kl"]["train"] = [step]
    found = said(raw)
    assert "arms.by-kl.train.0." + complaint in found, found


def test_what_is_made_by_a_teacher_is_trained_on_and_nothing_else(raw: dict[str, Any]) -> None:
    raw["data"]["mixed"] = {"mixture": {"lessons": 1, "shown": 1}}
    raw["data"]["held"] = {"source": "pocket:eli5", "format": "eli5", "held_out_from": ["lessons"]}
    raw["evaluate"].append({"generate": {"name": "n", "prompts": "lessons", "metrics": ["length"], "arms": ["base"]}})
    found = said(raw)
    for place in ("data.mixed.mixture.lessons", "data.held", "evaluate.1.generate.prompts"):
        assert f"{place}: 'lessons' is made by this study, and differs from seed to seed" in found, found


def test_whose_distributions_are_learnt_reads_the_same_tokens(raw: dict[str, Any]) -> None:
    raw["arms"]["teacher"]["model"] = {"eos_token": "x"}
    found = said(raw)
    assert "arms.by-kl.train.0.distill.data: its teacher 'teacher' is another model, whose tokens and template" in found
    assert "arms.student" not in found, "its answers can be learnt by anybody"


REWARDS: list[tuple[Any, str]] = [
    (None, ": is missing (write `reward: {arm: NAME}` of a reward model, `{metric: NAME}` or `{judge: NAME}`)"),
    ({}, ": name who rewards: an `arm` that ends as a reward model, a `metric`, or a `judge`"),
    ({"arm": "rm", "metric": "length"}, ": name who rewards"),
    ("rm", ": 'rm' is no mapping of names to values"),
    ([], ": [] is no mapping of names to values"),
    ({"judge": "words", "metric": "length"}, ": name who rewards"),
    ({"judge": "words", "value": "x"}, ": `value` is one of a metric's"),
    ({"judge": "word"}, ".judge: there is no judge called 'word' (did you mean 'words'?)"),
    (
        {"judge": "ranks"},
        ".judge: 'ranks' (rank) says of an answer by itself nothing, and a training asks what each"
        " is worth (name a judge that is `pointwise`, a `metric` or a `reward`)",
    ),
    ({"judge": "pairs"}, ".judge: 'pairs' (pairwise) says of an answer by itself nothing"),
    ({"judge": "dice"}, ".judge: 'dice' (random) says of an answer by itself nothing"),
    ({"arm": "rn"}, ".arm: there is no arm called 'rn' (choose from: rm)"),
    ({"arm": "base"}, ".arm: 'base' does not end as a reward model (name an arm whose last training is `reward`)"),
    ({"arm": "rm", "value": "x"}, ": `value` is one of a metric's; a reward model has one"),
    ({"arm": "rm", "weight": 0}, ": a weight of 0 rewards nothing"),
    ({"arm": "rm", "weight": float("inf")}, ".weight: inf: should be a finite number"),
    ({"arm": "rm", "wait": 1}, ".wait: there is no 'wait' here (did you mean 'weight'?)"),
    ({"metric": "lenth"}, ".metric: no metric is called 'lenth'; did you mean 'length'?"),
    ({"metric": {"length": {"x": 1}}}, ".metric.length.x: there is no 'x' here"),
    ({"metric": "perplexity"}, ".metric: perplexity reads nats, tokens, and a training has prompts and answers alone"),
    ({"metric": "rouge"}, ".metric: rouge reads others, references, and a training has"),
    ({"metric": "self_bleu"}, ".metric: self_bleu gives several texts one number, and one text none"),
    ({"metric": "repetition"}, ".metric: repetition gives rep_2, rep_3, rep_4, distinct_1, distinct_2 (say which by"),
    ({"metric": "repetition", "value": "rep_5"}, ".value: repetition gives no 'rep_5' (did you mean 'rep_4'?)"),
]


SERVER = {"server": {"model": "m", "base_url": "http://127.0.0.1:1/v1"}}
JUDGES: dict[str, Any] = {
    "words": {"pointwise": SERVER}, "ranks": {"rank": SERVER}, "pairs": {"pairwise": SERVER}, "dice": "random",
    "truth": {"metric": {"metric": "correctness"}}, "trained": {"reward": {"arm": "rm"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("judge", "by"), [("words", ("words", None)), ("truth", (None, None)), ("trained", (None, "rm"))]
)
def test_a_judge_that_judges_an_answer_by_itself_may_reward(
    raw: dict[str, Any], judge: str, by: tuple[str | None, str | None]
) -> None:
    raw["arms"]["rl"]["train"][1]["rl"]["reward"] = {"judge": judge, "weight": 0.5}
    study = Study(**raw, judges=JUDGES)
    found = rewarder(study, expand(study)[list(study.arms).index("rl")].train[1])
    assert (found.judge, found.arm) == by and (found.metric is not None) is (judge == "truth")


def test_a_judge_whose_metric_reads_what_no_training_has_cannot_reward(raw: dict[str, Any]) -> None:
    raw["arms"]["rl"]["train"][1]["rl"]["reward"] = {"judge": "near"}
    raw["judges"] = {"near": {"metric": {"metric": "rouge", "value": "rougeL"}}}
    wanted = "judges.near.metric.metric: rouge reads others, references, and a training has prompts and answers alone"
    assert wanted in said(raw)


def test_an_arm_does_not_wait_for_a_judge_that_waits_for_it(raw: dict[str, Any]) -> None:
    raw["data"]["more"] = {"distilled": {"arm": "rl", "prompts": "other"}}
    raw["arms"]["rm"]["train"] = [{"sft": {"data": "more"}}, {"reward": {"data": "other"}}]
    raw["arms"]["rl"]["train"][1]["rl"]["reward"] = {"judge": "trained"}
    raw["judges"] = {"trained": JUDGES["trained"]}
    assert "waits for itself: rm -> rl -> rm" in said(raw)


@pytest.mark.parametrize(("reward", "complaint"), REWARDS)
def test_who_cannot_reward(raw: dict[str, Any], reward: Any, complaint: str) -> None:
    raw["judges"] = JUDGES
    raw["arms"]["rl"]["train"][1]["rl"]["reward"] = reward
    found = said(raw)
    assert "arms.rl.train.1.rl.reward" + complaint in found, found


@pytest.mark.parametrize(
    "reward",
    [
        {"metric": "length", "weight": -1},
        {"metric": "correctness"},
        {"metric": "repetition", "value": "rep_4"},
        {"metric": {"toxicity": {"classifier": "oracle"}}},
        {"metric": "rubbish"},
    ],
)
def test_any_metric_of_an_answer_may_reward(raw: dict[str, Any], reward: dict[str, Any]) -> None:
    raw["arms"]["rl"]["train"][1]["rl"]["reward"] = reward
    train = Study(**raw).arms["rl"].train
    assert train is not None and train[1].args["reward"] == reward


def test_a_reward_model_over_another_base_brings_its_own_weights(raw: dict[str, Any]) -> None:
    raw["arms"]["rm"]["model"] = {"dtype": "bfloat16"}
    Study(**raw)
    raw["arms"]["rm"]["train"] = [{"reward": {"data": "other", "peft": PEFT}}]
    wanted = "arms.rl.train.1.rl.reward.arm: 'rm' is an adapter over another model than that of 'rl' (train its whole"
    assert wanted in said(raw)
    raw["arms"]["rl"]["model"] = {"dtype": "bfloat16"}
    Study(**raw)


def test_only_reinforcement_learning_is_rewarded(raw: dict[str, Any]) -> None:
    raw["arms"]["student"]["train"][0]["sft"]["reward"] = {"arm": "rm"}
    found = said(raw)
    assert found == "arms.student.train.0.sft.reward: sft rewards nothing (take it out, or train by `rl`)"


def test_the_place_of_a_step_that_all_arms_share_is_where_it_is_declared(raw: dict[str, Any]) -> None:
    raw["train"] = [{"rl": {"data": "asked", "reward": {"arm": "rn"}}}]
    raw["arms"]["shared"] = {}
    assert "\ntrain.0.rl.reward.arm: there is no arm called 'rn'" in f"\n{said(raw)}"


@pytest.mark.parametrize(
    ("gap", "complaint"),
    [
        ({"student": "studen"}, ".student: there is no arm called 'studen' (did you mean 'student'?)"),
        ({"teacher": "student"}, ": names an arm twice (name the student, its teacher, and the model without either)"),
        ({"metric": "lenth"}, ".metric: nothing measures 'lenth' (did you mean 'length'?)"),
        ({"bare": 3}, ".bare: 3: should be a valid string"),
    ],
)
def test_a_gap_is_between_three_arms_that_are_measured(
    raw: dict[str, Any], gap: dict[str, Any], complaint: str
) -> None:
    raw["compare"]["gaps"][0].update(gap)
    assert f"compare.gaps.0{complaint}" in said(raw)
