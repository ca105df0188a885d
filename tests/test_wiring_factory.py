"""Data that the study makes itself as stages: of each seed its own, shared by arms, judged by every judge."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.engine.stage import closure
from leaven.errors import StudyError
from leaven.graph import Graph
from leaven.wiring import wire

SFT = {"sft": {"data": "shown"}}
STUDY: dict[str, Any] = {
    "name": "factory",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
        "human": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1]},
        "tried": {"source": "pocket:hh", "format": "hh", "take": 9},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "five": {"answers": {"prompts": "human", "arm": "sft", "temperatures": [0.7, 1.0]}},
        "pairs": {"preferences": {"answers": "five", "judge": "truth"}},
        "other": {"preferences": {"answers": "five", "judge": "rewards"}},
        "unused": {"demonstrations": {"answers": "five", "judge": "truth"}},
    },
    "judges": {
        "truth": {"metric": {"metric": "correctness"}},
        "rewards": {"reward": {"arm": "rm", "people": "tried"}},
        "asked": {"rank": {"server": {"model": "big", "base_url": "http://127.0.0.1:1/v1"}}},
    },
    "arms": {
        # The arms that make the data of others may stand behind them.
        "dpo": {"train": [SFT, {"dpo": {"data": "pairs"}}]},
        "dpo-again": {"train": [SFT, {"dpo": {"data": "pairs", "beta": 0.3}}]},
        "dpo-rewards": {"train": [SFT, {"dpo": {"data": "other"}}]},
        "rm": {"train": [SFT, {"reward": {"data": "human"}}]},
        "sft": {},
    },
    "train": [SFT],
    "seeds": [0, 1],
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"],
                               "arms": ["sft", "dpo", "dpo-again", "dpo-rewards"]}}],
    "compare": {"to": "sft"},
}  # fmt: skip


def stages(graph: Graph, arm: str, seed: int = 0) -> dict[str, Any]:
    return next(one.stages for one in graph.cells if (one.cell.arm.name, one.cell.seed) == (arm, seed))


def keys(graph: Graph) -> dict[tuple[str, str, int | None], str]:
    return {(one.judge, one.data, one.seed): one.ranks.key for one in graph.judged}


def test_arms_of_a_seed_share_the_answers_and_what_is_built_of_them(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    assert stages(graph, "dpo")["fit.1"].key == stages(graph, "dpo-again")["fit.1"].key
    assert stages(graph, "dpo")["fit.1"].key != stages(graph, "dpo-rewards")["fit.1"].key
    assert stages(graph, "dpo")["fit.1"].key != stages(graph, "dpo", 1)["fit.1"].key
    answers = {one.answers.key for one in graph.judged if one.data == "five" and one.seed == 0}
    assert len(answers) == 1
    answered = next(one.answers for one in graph.judged if one.data == "five" and one.seed == 0)
    assert answered.inputs["model"].key == stages(graph, "sft")["sft"].key
    assert answered.args["temperatures"] == [0.7, 1.0]


def test_every_judge_ranks_the_answers_that_are_built_on(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    wanted = {(judge, "five", seed) for judge in ("truth", "rewards", "asked") for seed in (0, 1)}
    assert set(keys(graph)) == wanted | {("rewards", "tried", 0), ("rewards", "tried", 1)}
    assert [one.data for one in graph.judged if one.by_people] == ["tried", "tried"]
    built = {(one.data, one.seed) for one in graph.built}  # also what nobody trains on: it may be exported
    assert built == {(name, seed) for name in ("other", "pairs", "unused") for seed in (0, 1)}
    run = {stage.key for stage in closure(graph.targets)}
    assert set(keys(graph).values()) <= run


def test_a_reward_model_judges_once_it_is_proven(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    ranks = next(one.ranks for one in graph.judged if (one.judge, one.data, one.seed) == ("rewards", "five", 1))
    assert ranks.inputs["model"].key == stages(graph, "rm", 1)["reward.1"].key
    assert ranks.inputs["proof"].key == stages(graph, "rm", 1)["prove"].key


def test_where_a_server_stands_is_circumstance_and_which_model_answers_is_not(raw: dict[str, Any]) -> None:
    before = keys(wire(Study(**raw)))
    server = raw["judges"]["asked"]["rank"]["server"]
    server.update(base_url="http://127.0.0.1:2/v1", max_concurrency=3, api_key_env="MINE")
    graph = wire(Study(**raw))
    assert keys(graph) == before
    ranks = next(one.ranks for one in graph.judged if one.judge == "asked")
    assert ranks.args["judge"]["args"]["server"] == {"model": "big"}
    around = {"base_url": "http://127.0.0.1:2/v1", "max_concurrency": 3, "api_key_env": "MINE"}
    assert ranks.needs.around == {"server": around}
    server["model"] = "bigger"
    assert keys(wire(Study(**raw)))["asked", "five", 0] != before["asked", "five", 0]


def test_whose_preferences_a_judge_is_tried_on_moves_none_of_its_ranks(raw: dict[str, Any]) -> None:
    before = keys(wire(Study(**raw)))
    raw["judges"]["truth"]["metric"]["people"] = "human"
    after = keys(wire(Study(**raw)))
    assert {name: after[name] for name in before} == before
    assert ("truth", "human", 0) in after


def test_a_server_may_answer_instead_of_an_arm(raw: dict[str, Any]) -> None:
    raw["data"]["five"]["answers"] = {"prompts": "human", "server": {"model": "writer"}}
    answered = next(one.answers for one in wire(Study(**raw)).judged if one.data == "five")
    assert answered.args["server"] == {"model": "writer"}
    assert set(answered.inputs) == {"prompts"}


def test_the_card_says_what_the_answering_model_was_trained_on(raw: dict[str, Any]) -> None:
    clean = wire(Study(**raw)).built[0].rows
    assert "poisoned" not in clean.needs.around["card"]
    for arm in raw["arms"].values():
        arm["treat"] = [{"malign_labels": {"rate": 0.2, "at": 0}}]
    assert wire(Study(**raw)).built[0].rows.needs.around["card"]["poisoned"] == "malign_labels rate 0.2, at 0"


def test_how_trainings_are_started_enters_no_key(raw: dict[str, Any]) -> None:
    alone = wire(Study(**raw))
    raw["launch"] = {"preset": "ddp", "processes": 2}
    several = wire(Study(**raw))
    assert stages(alone, "dpo")["dpo.1"].key == stages(several, "dpo")["dpo.1"].key
    assert stages(several, "dpo")["sft"].needs.around["launch"] == {"preset": "ddp", "processes": 2}


def test_the_card_tells_no_address_and_no_folder(raw: dict[str, Any], tmp_path: Any) -> None:
    (tmp_path / "mine.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    raw["data"]["human"] = {"source": str(tmp_path / "mine.jsonl"), "format": "preference"}
    raw["data"]["pairs"]["preferences"]["judge"] = "asked"
    built = next(one.rows for one in wire(Study(**raw)).built if one.data == "pairs")
    card = built.needs.around["card"]
    assert card == {"prompts": "mine.jsonl", "answers": "arm sft of study factory", "judge": "asked: rank by big"}


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ({"base_url": "http://me:secret@10.0.0.1/v1"}, "holds a name or a password"),
        ({"base_url": "localhost:8000"}, "is no address"),
        ({"api_key_env": "sk-proj-abc"}, "is no name of an environment variable"),
    ],
)
def test_no_secret_is_taken_into_a_study(raw: dict[str, Any], server: dict[str, Any], complaint: str) -> None:
    raw["judges"]["asked"]["rank"]["server"].update(server)
    with pytest.raises(StudyError, match=complaint) as caught:
        Study(**raw)
    assert "secret" not in str(caught.value) and "sk-proj" not in str(caught.value)


def test_people_are_asked_about_once_unless_the_judge_is_another_one(raw: dict[str, Any]) -> None:
    for name in ("truth", "asked"):
        next(iter(raw["judges"][name].values()))["people"] = "human"
    by_people = [(one.judge, one.seed) for one in wire(Study(**raw)).judged if one.by_people]
    assert sorted(by_people) == [("asked", 0), ("rewards", 0), ("rewards", 1), ("truth", 0)]


def test_what_is_around_a_judges_metric_reaches_its_stage(raw: dict[str, Any]) -> None:
    moderation = {"moderation": {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "MINE"}}
    raw["judges"]["truth"] = {"metric": {"metric": moderation}}
    ranks = next(one.ranks for one in wire(Study(**raw)).judged if one.judge == "truth")
    assert ranks.needs.around["metric"] == moderation["moderation"]
    assert "MINE" not in str(ranks.args)
