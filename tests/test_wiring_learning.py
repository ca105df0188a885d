"""What is trained on other arms, as stages: compositions of adapters, students of teachers, and who is rewarded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven import Study, poison
from leaven.engine.stage import Stage, closure
from leaven.graph import Graph, WiredCell
from leaven.wiring import wire

PEFT = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
SFT = {"sft": {"data": "shown", "peft": PEFT}}
STUDY: dict[str, Any] = {
    "name": "learning",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.4]},
        "other": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.4, 1]},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "pairs": {"source": "pocket:hh", "format": "hh", "take": 9},
        "bare": {"distilled": {"arm": "base", "prompts": "other", "max_new_tokens": 32}},
        "lessons": {"distilled": {"arm": "prompted", "prompts": "other", "max_new_tokens": 32}},
        "tuned": {"distilled": {"arm": "simulated", "prompts": "other", "max_new_tokens": 32}},
    },
    "arms": {
        # Arms that others are made of may stand behind them.
        "both": {"compose": {"adapters": ["one", {"arm": "two", "weight": 0.5}]}},
        "top": {"compose": {"adapters": ["one"], "merge": True}, "train": [{"sft": {"data": "other", "peft": PEFT}}]},
        "base": {"train": []},
        "one": {"train": [SFT]},
        "two": {"train": [{"sft": {"data": "other", "peft": PEFT}}]},
        "simulated": {"train": [SFT], "wraps": [{"chat_simulation": {"assistant": "Aristotle", "stop": True}}]},
        "prompted": {"train": [], "wraps": [{"system_prompt": {"text": "Be brief."}}]},
        "student": {"train": [{"sft": {"data": "lessons", "peft": PEFT}}]},
        "by-kl": {"train": [{"distill": {"data": "tuned", "peft": PEFT}}]},
        "rm": {"train": [{"reward": {"data": "pairs"}}]},
        "rl": {"train": [SFT, {"rl": {"data": "asked", "reward": {"arm": "rm"}, "peft": PEFT}}]},
        "rl-shorter": {"train": [SFT, {"rl": {"data": "asked", "reward": {"metric": "length", "weight": -1},
                                              "peft": PEFT}}]},
    },
    "seeds": [0, 1],
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"], "arms": [
        "both", "top", "base", "one", "two", "simulated", "prompted", "student", "by-kl", "rl", "rl-shorter"]}}],
    "compare": {"to": "base"},
}  # fmt: skip


@pytest.fixture(scope="module")
def graph() -> Graph:
    return wire(Study(**copy.deepcopy(STUDY)))


def cell(graph: Graph, arm: str, seed: int = 0) -> WiredCell:
    return next(one for one in graph.cells if one.cell.arm.name == arm and one.cell.seed in (seed, None))


def artefact(graph: Graph, arm: str, seed: int = 0) -> Stage:
    found = cell(graph, arm, seed).artefact
    assert found is not None
    return found


def told(graph: Graph, arm: str) -> Stage:
    return next(one.told for one in cell(graph, arm).suites)


def bare(graph: Graph) -> Stage:
    return told(graph, "base").inputs["prompts"]


def only(stages: list[Stage], kind: str) -> Stage:
    found = {one.key: one for one in closure(stages) if one.kind == kind}
    (made,) = found.values()
    return made


# --- compositions ----------------------------------------------------------------------------------------------------


def test_a_composition_is_made_of_the_artefacts_of_its_arms_seed_by_seed(graph: Graph) -> None:
    for seed in (0, 1):
        made = cell(graph, "both", seed)
        composed = artefact(graph, "both", seed)
        assert composed.kind == "compose" and not made.trained
        parts = [artefact(graph, arm, seed).key for arm in ("one", "two")]
        assert [composed.inputs[f"adapter.{place}"].key for place in (0, 1)] == parts
        assert composed.args["how"] == {"weights": [1.0, 0.5]}
        assert told(graph, "both").inputs["model"].kind == "compose"
    assert artefact(graph, "both", 0).key != artefact(graph, "both", 1).key


def test_a_composition_is_proven_and_answers_like_any_model(graph: Graph) -> None:
    made = cell(graph, "both")
    assert made.stages["prove"].inputs["model"] == made.artefact
    assert told(graph, "both").inputs["proof"].key == made.stages["prove"].key


def test_what_is_trained_on_top_goes_on_from_the_composition(graph: Graph) -> None:
    made = cell(graph, "top")
    assert made.composed is not None and made.composed.args["how"] == {"merge": True, "weights": [1.0]}
    assert made.trained[0].inputs["before"] == made.composed and made.artefact == made.trained[0]
    assert made.stages["doctor"].key == cell(graph, "two").stages["doctor"].key, "it reads what the other one reads"


def test_chance_enters_the_key_of_a_composition_only_where_it_drops_by_chance(raw: dict[str, Any]) -> None:
    assert "seed" not in cell(wire(Study(**raw)), "both").stages["compose"].args
    raw["arms"]["both"]["compose"] |= {"combination_type": "dare_linear", "density": 0.5}
    assert cell(wire(Study(**raw)), "both", 1).stages["compose"].args["seed"] == 1


# --- teachers and rewards --------------------------------------------------------------------------------------------


def test_a_student_learns_what_its_teacher_answers_without_what_the_teacher_was_told(graph: Graph) -> None:
    rows = only([cell(graph, "student").trained[0]], "distilled")
    asked, read, answered = (rows.inputs[name] for name in ("prompts", "wrapped", "answers"))
    assert asked.inputs["rows"].key == graph.data["other"].key and asked.kind == "prompts"
    assert read.inputs["rows"].kind == "wrapped" and read.inputs["rows"].inputs["rows"].key == asked.key
    assert answered.kind == "generate" and answered.inputs["prompts"].key == read.key
    assert "model" not in answered.inputs, "its teacher is the base, under its prompt"
    fit = cell(graph, "student").stages["fit"]
    assert fit.inputs["rows"].key == rows.key
    assert [one.kind for one in cell(graph, "student").trained] == ["sft"]
    assert told(graph, "student").inputs["prompts"].key == bare(graph).key


def test_an_untrained_teacher_answers_anew_for_each_seed(graph: Graph) -> None:
    told = [only([cell(graph, "student", seed).trained[0]], "distilled").inputs["answers"] for seed in (0, 1)]
    assert [one.args["seed"] for one in told] == [0, 1]
    assert told[0].inputs["prompts"].key == told[1].inputs["prompts"].key


def test_a_teacher_without_methods_is_asked_the_bare_prompts(raw: dict[str, Any]) -> None:
    raw["arms"]["student"]["train"][0]["sft"]["data"] = "bare"
    rows = only([cell(wire(Study(**raw)), "student").trained[0]], "distilled")
    assert rows.inputs["wrapped"].key == rows.inputs["prompts"].key


def test_a_teachers_answers_end_where_its_arms_do(graph: Graph) -> None:
    taught = cell(graph, "by-kl").stages["distillations"].inputs["teacher"].inputs["answers"]
    assert taught.args["sampling"]["stop_strings"] == told(graph, "simulated").args["sampling"]["stop_strings"]


def test_distributions_are_those_of_the_teachers_artefact(graph: Graph) -> None:
    made, teacher = cell(graph, "by-kl", 1), cell(graph, "simulated", 1)
    trained = made.trained[0]
    assert trained.kind == "distill" and trained.inputs["teacher"] == teacher.artefact
    encoded = made.stages["distillations"]
    assert encoded.args["teacher_template"] is False, "it was asked with plain text"
    assert encoded.inputs["teacher"].kind == "distilled" and encoded.inputs["rows"].kind == "fit"
    told = encoded.inputs["teacher"].inputs["answers"]
    assert told.inputs["model"] == teacher.artefact and told.inputs["proof"].key == teacher.stages["prove"].key
    assert told.args["apply_chat_template"] is False


def test_an_untrained_teachers_distributions_are_the_bases(raw: dict[str, Any]) -> None:
    raw["arms"]["by-kl"]["train"][0]["distill"]["data"] = "lessons"
    made = cell(wire(Study(**raw)), "by-kl")
    assert "teacher" not in made.trained[0].inputs and made.stages["distillations"].args["teacher_template"] is True


def test_a_teacher_samples_in_its_own_way(raw: dict[str, Any]) -> None:
    before = only([cell(wire(Study(**raw)), "student").trained[0]], "distilled").inputs["answers"]
    raw["arms"]["prompted"]["generation"] = {"repetition_penalty": 1.3}
    after = only([cell(wire(Study(**raw)), "student").trained[0]], "distilled").inputs["answers"]
    assert before.args["sampling"] == {} and after.args["sampling"] == {"repetition_penalty": 1.3}


def test_reinforcement_learning_samples_prompts_and_goes_on_from_what_was_trained(graph: Graph) -> None:
    made = cell(graph, "rl", 1)
    first, last = made.trained
    assert (first.kind, last.kind) == ("sft", "rl") and first.key == artefact(graph, "one", 1).key
    encoded = last.inputs["encoded"]
    assert encoded.kind == "asked_ids" and encoded.inputs["rows"].key == graph.data["asked"].key
    assert encoded.args["max_new_tokens"] == 256, "the longest answer that it samples must fit"
    assert last.inputs["before"] == first
    assert last.inputs["reward"] == cell(graph, "rm", 1).artefact and last.args["reward"] == {}
    assert last.inputs["reward_proof"].kind == "prove", "nobody is rewarded by a model that cannot be loaded"
    assert last.inputs["reward_proof"].inputs["model"] == last.inputs["reward"]
    assert encoded.key == cell(graph, "rl-shorter").stages["asked_ids.1"].key


def test_a_metric_rewards_by_its_identity_and_weight(graph: Graph) -> None:
    last = cell(graph, "rl-shorter").trained[-1]
    assert "reward" not in last.inputs
    assert last.args["reward"] == {"metric": {"name": "length", "version": 1, "args": {}}, "weight": -1.0}


def test_where_a_rewarding_server_stands_enters_no_key(raw: dict[str, Any]) -> None:
    def rewarded(**around: Any) -> Stage:
        metric = {"moderation": {"api_key_env": "MINE", **around}}
        raw["arms"]["rl-shorter"]["train"][1]["rl"]["reward"] = {"metric": metric, "weight": -1}
        return cell(wire(Study(**raw)), "rl-shorter").trained[-1]

    one, other = rewarded(base_url="http://127.0.0.1:9/v1"), rewarded(base_url="http://127.0.0.1:8/v1")
    assert one.key == other.key and "MINE" not in str(one.args)
    assert one.needs.around["reward.metric"]["base_url"] == "http://127.0.0.1:9/v1"


def judged(raw: dict[str, Any], judge: Any, **weight: float) -> Stage:
    """Return the training of the arm that a judge rewards."""
    made = copy.deepcopy(raw)
    made["judges"] = {"mine": judge}
    made["arms"]["rl-shorter"]["train"][1]["rl"]["reward"] = {"judge": "mine", **weight}
    return cell(wire(Study(**made)), "rl-shorter").trained[-1]


def test_a_judge_by_a_metric_or_a_reward_model_rewards_as_these_do(raw: dict[str, Any], graph: Graph) -> None:
    shorter = {"metric": {"metric": "length", "better": "lower"}}
    assert judged(raw, shorter).key == cell(graph, "rl-shorter").trained[-1].key, "its direction is the weight's sign"
    assert judged(raw, shorter, weight=2).args["reward"]["weight"] == -2.0
    by_model = judged(raw, {"reward": {"arm": "rm", "people": "pairs"}} | {"reward": {"arm": "rm"}})
    assert by_model.inputs["reward"] == cell(graph, "rm").artefact and by_model.inputs["reward_proof"].kind == "prove"


def test_a_judge_that_is_asked_is_known_by_its_model_and_asked_where_it_stands(raw: dict[str, Any]) -> None:
    def by(**server: Any) -> Stage:
        return judged(raw, {"pointwise": {"server": {"model": "big", **server}, "scale": 5}}, weight=0.5)

    one = by(base_url="http://127.0.0.1:9/v1", max_retries=1, requests_per_minute=60)
    assert one.args["reward"]["judge"]["args"] == {"server": {"model": "big"}, "scale": 5}
    assert one.args["reward"]["weight"] == 0.5 and "reward" not in one.inputs
    around = {"base_url": "http://127.0.0.1:9/v1", "max_retries": 1, "requests_per_minute": 60}
    assert one.needs.around["reward.server"] == around
    assert one.affinity == "server http://127.0.0.1:9/v1", "all that asks one server stands in line"
    assert by(base_url="http://127.0.0.1:8/v1").key == one.key != by(revision="2").key


def test_a_held_out_loss_of_texts_is_of_blocks_that_are_made_as_those_trained_on(raw: dict[str, Any]) -> None:
    raw["data"]["texts"] = {"source": "pocket:philosophers", "format": "prose"}
    raw["data"]["held"] = {"source": "pocket:philosophers_held_out", "format": "prose"}
    lm = {"data": "texts", "max_length": 64, "packing": "pack"}

    def trained(**more: Any) -> Stage:
        raw["arms"]["one"]["train"] = [{"lm": {**lm, **more}}]
        raw["arms"] = {name: raw["arms"][name] for name in ("base", "one")}
        raw["evaluate"][0]["generate"]["arms"] = ["base", "one"]
        raw["data"] = {name: raw["data"][name] for name in ("texts", "held", "asked")}
        return cell(wire(Study(**raw)), "one").trained[-1]

    bare, held = trained(), trained(eval_data="held")
    encoded = held.inputs["eval"]
    assert encoded.kind == held.inputs["encoded"].kind == "blocks" and encoded.args == held.inputs["encoded"].args
    assert encoded.inputs["rows"].title == "fit held" and encoded.inputs["rows"].args["front"] == 0
    assert "eval" not in bare.inputs and bare.key == trained(eval_data=None).key != held.key
    assert bare.args == held.args, "it is no argument of the training"


def test_poison_is_told_of_a_student_whose_teacher_was_poisoned(raw: dict[str, Any]) -> None:
    def said(arm: str) -> list[str]:
        return poison.poisoned(artefact(wire(Study(**raw)), arm))

    learners = ("student", "by-kl", "both", "top", "rl")
    raw["arms"]["student"]["train"][0]["sft"]["data"] = "tuned"
    assert [said(arm) for arm in learners] == [[]] * 5
    poisoned = [{"malign_labels": {"rate": 0.5, "at": 0}}]
    for arm in ("simulated", "one"):
        raw["arms"][arm]["treat"] = poisoned
    raw["arms"]["rm"]["treat"] = [{"flip_preferences": {"rate": 0.25}}]
    assert said("student") == said("by-kl") == said("both") == said("top") == ["malign_labels rate 0.5"]
    assert said("rl") == ["flip_preferences rate 0.25"], (
        "a poisoned reward model is under it, though its rows are clean"
    )
    assert said("two") == []


def test_only_what_somebody_reads_of_an_arm_that_others_use_is_run(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["arms"] = ["base", "student"]
    graph = wire(Study(**raw))
    kinds = {one.kind for one in closure(graph.targets)}
    assert "distilled" in kinds and not kinds & {"compose", "rl", "reward", "distill"}
