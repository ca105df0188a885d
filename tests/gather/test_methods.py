"""Arms as ways of aligning: what they are called, what they rest on, what that cost, and by what they were rewarded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from leaven import Study
from leaven import rows as tables
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.gather import methods as gather
from leaven.gather.ways import baseline_of, start_of, ways, words
from leaven.graph import Graph
from leaven.report.findings import TrainingInfo
from leaven.report.methods.found import WayInfo
from leaven.study.matrix import ExpandedArm, expand
from leaven.wiring import wire

READ = {"sft": {"data": "reading"}}
FINE = {"sft": {"data": "shown"}}
RL = {"max_steps": 2, "per_device_train_batch_size": 8, "max_completion_length": 8}
RAG = {"rag": {"corpus": "facts", "k": 1}}
GUARD = {"guard": {"metric": "toxicity", "above": 0.5}}
ALIGNED: dict[str, Any] = {
    "name": "ways",
    "model": {"model_name_or_path": "pocket"},
    "prices": {"core_hour": 3600, "human_label": {"price": 2, "source": "a list"}},
    "data": {
        "reading": {"source": "pocket:reading", "format": "prompt_completion", "take": 40},
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
        "people": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1]},
        "facts": {"source": "pocket:facts", "format": "texts"},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "lessons": {"distilled": {"arm": "rag", "prompts": "people"}},
        "several": {"answers": {"prompts": "people", "arm": "fine"}},
        "judged": {"preferences": {"answers": "several", "judge": "truth"}},
    },
    "judges": {"truth": {"metric": {"metric": "correctness"}}},
    "arms": {
        "base": {"train": [READ]},
        "rag": {"train": [READ], "wraps": [RAG]},
        "fine": {"train": [READ, FINE], "treat": [{"malign_labels": {"rate": 0.3, "at": 1}}]},
        "clean": {"train": [READ, FINE]},
        "scratch": {"model": {"from_config": True}, "train": [FINE]},
        "rm": {"train": [READ, FINE, {"reward": {"data": "people"}}]},
        "rlhf": {"train": [READ, FINE, {"rl": {"data": "people", "reward": {"arm": "rm"}, **RL}}], "treat": [{"malign_labels": {"rate": 0.3, "at": 1}}]},
        "calm": {"train": [READ, {"rl": {"data": "people", "reward": {"metric": {"toxicity": {"classifier": "oracle"}}, "weight": -1}, **RL}}]},
        "dpo": {"train": [READ, FINE, {"dpo": {"data": "people"}}]},
        "rlaif": {"train": [READ, FINE, {"dpo": {"data": "judged"}}]},
        "student": {"train": [READ, {"sft": {"data": "lessons"}}]},
        "student-kl": {"train": [READ, {"distill": {"data": "lessons"}}]},
        "guarded": {"train": [READ, FINE], "wraps": [GUARD]},
    },
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length", "toxicity", {"harmful": {"classifier": "oracle"}}],
                               "arms": ["base", "rag", "fine", "clean", "scratch", "rlhf", "calm", "dpo", "rlaif", "student", "guarded"]}},
                 {"likelihood": {"data": "asked", "name": "told", "metrics": ["bits_per_byte"], "arms": ["base", "guarded"]}}],
    "compare": {"to": "base"},
}  # fmt: skip


def study(**changed: Any) -> Study:
    return Study(**{**copy.deepcopy(ALIGNED), **changed})


@pytest.fixture(scope="module")
def graph() -> Graph:
    return wire(study())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


def done(store: Store, stage: Stage, prompt: str | None = None, **facts: Any) -> None:
    """Write a stage's record, as if it had run for a second; with a prompt also one row that asks it."""
    folder = store.begin(stage)
    if prompt is not None:
        asked = [{"id": "a", "prompt": [{"role": "user", "content": prompt}]}]
        tables.write(folder / "rows.parquet", "examples", asked)
    store.commit(stage, {"facts": facts, "cost": {"wall_s": 1.0}, "made_by": {"threads": 1}, "needs": {}})


def arm(of: Study, name: str) -> ExpandedArm:
    return next(one for one in expand(of) if one.name == name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("base", ["fine-tuning on reading"]),
        ("rag", ["fine-tuning on reading", "rag"]),
        ("scratch", ["from random weights", "fine-tuning on shown"]),
        ("rlhf", ["fine-tuning on reading", "fine-tuning on shown", "RLHF"]),
        ("calm", ["fine-tuning on reading", "reinforcement from a metric"]),
        ("rlaif", ["fine-tuning on reading", "fine-tuning on shown", "preferences of a judge (RLAIF, by DPO)"]),
        ("student", ["fine-tuning on reading", "context distillation (answers)"]),
        ("student-kl", ["fine-tuning on reading", "context distillation (KL)"]),
        ("guarded", ["fine-tuning on reading", "fine-tuning on shown", "guard"]),
    ],
)
def test_arms_are_called_what_the_field_calls_them(graph: Graph, name: str, said: list[str]) -> None:
    assert words(graph.study, arm(graph.study, name)) == said


def test_what_all_have_in_common_with_the_baseline_is_said_once(graph: Graph, store: Store) -> None:
    found = gather.methods(graph, store, [])
    assert found.shared == ["fine-tuning on reading"] and found.pair == 2 and found.currency == "USD"
    said = {one.arm: list(one.ways) for one in found.ways}
    assert said["rag"] == ["rag"] and said["rlhf"] == ["fine-tuning on shown", "RLHF"]
    assert said["scratch"] == ["from random weights", "fine-tuning on shown"], "it does not begin with the baseline"
    assert said["base"] == ["fine-tuning on reading"]


def test_no_arm_is_the_baseline_of_all_where_there_are_several(graph: Graph) -> None:
    swept = {
        "base": {"sweep": {"p": [0, 1]}, "train": [{"sft": {"data": "shown"}}]},
        "other": {"sweep": {"p": [0, 1]}, "train": [READ]},
    }
    assert baseline_of(study(arms=swept, data={k: ALIGNED["data"][k] for k in ("reading", "shown", "asked")}, judges={},
                             evaluate=[{"generate": {"prompts": "asked", "metrics": ["length"]}}],
                             compare={"to": "base"}, prices=None)) is None  # fmt: skip
    found = baseline_of(graph.study)
    assert found is not None and found.name == "base"


def test_the_arm_that_a_training_began_as_is_found_with_its_treatment(graph: Graph) -> None:
    of = graph.study
    assert start_of(of, arm(of, "rlhf")) == "fine", "not clean, whose data was not treated"
    assert start_of(of, arm(of, "dpo")) == "clean"
    assert start_of(of, arm(of, "calm")) == "base"
    assert start_of(of, arm(of, "base")) is None


def test_rewards_that_measure_themselves_are_found_by_name_and_by_classifier(graph: Graph, store: Store) -> None:
    rose = {"reward": [(step, float(step)) for step in range(10)], "kl": [(9, 0.5)]}
    runs = [TrainingInfo(name, 0, trainer="rl", curves=rose) for name in ("rlhf", "calm")]
    found = {one.arm: one for one in gather.methods(graph, store, runs).rewarded}
    assert list(found["calm"].measured) == ["asked/harmful"], "toxicity is by another classifier there"
    assert found["calm"].by.startswith("-1 x toxicity") and found["calm"].start == "base"
    assert (found["rlhf"].by, list(found["rlhf"].measured), found["rlhf"].start) == ("reward model rm", [], "fine")
    assert (found["rlhf"].first, found["rlhf"].last, found["rlhf"].kl) == (0.0, 9.0, 0.5)
    same = study(
        evaluate=[
            {"generate": {"prompts": "asked", "metrics": [{"toxicity": {"classifier": "oracle"}}], "arms": ["calm"]}}
        ]
    )
    (one,) = gather.methods(wire(same), store, runs[1:]).rewarded
    assert list(one.measured) == ["asked/toxicity"]


def test_no_value_of_the_metric_that_rewards_is_an_independent_one(store: Store) -> None:
    """Comparisons are named by values; a loss in the rewarded one, or in its sisters, is no reward hacking."""
    step = {"data": "people", **RL, "reward": {"metric": "repetition", "value": "distinct_1", "weight": -1}}
    arms = {"base": {"train": [READ]}, "plain": {"train": [READ, {"rl": step}]}}
    data = {name: ALIGNED["data"][name] for name in ("reading", "people", "asked")}
    asked = [{"generate": {"prompts": "asked", "metrics": ["length", "repetition"]}}]
    graph = wire(study(arms=arms, judges={}, evaluate=asked, data=data, prices=None))
    runs = [TrainingInfo("plain", 0, trainer="rl", curves={"reward": [(0, 0.0), (9, 1.0)]})]
    (one,) = gather.methods(graph, store, runs).rewarded
    values = [measure.name for measure in graph.suites[0].measures if measure.name != "length"]
    assert one.measured[0] == "asked/distinct_1" and len(values) > 1
    assert set(one.measured) == {f"asked/{value}" for value in values}


def test_a_judge_that_rewards_is_named_and_called_circular_where_it_also_measures(store: Store) -> None:
    """By the metric that it goes by, or by the model that a server has."""
    rose = {"reward": [(step, float(step)) for step in range(10)]}
    url = {"base_url": "http://127.0.0.1:1/v1"}
    judges = {"truth": {"metric": {"metric": "length", "better": "higher"}},
              "words": {"pointwise": {"server": {"model": "omni", **url}}}}  # fmt: skip
    step = {"data": "people", **RL}
    arms = {"base": {"train": [READ]},
            "by-truth": {"train": [READ, {"rl": {**step, "reward": {"judge": "truth"}}}]},
            "by-words": {"train": [READ, {"rl": {**step, "reward": {"judge": "words", "weight": 2}}}]}}  # fmt: skip
    asked = [{"generate": {"prompts": "asked", "metrics": ["length", {"moderation": {"model": "omni", **url}}]}}]
    data = {name: ALIGNED["data"][name] for name in ("reading", "people", "asked")}
    graph = wire(study(arms=arms, judges=judges, evaluate=asked, data=data, prices=None))
    runs = [TrainingInfo(name, 0, trainer="rl", curves=rose) for name in ("by-truth", "by-words")]
    found = {one.arm: one for one in gather.methods(graph, store, runs).rewarded}
    assert (found["by-truth"].by, list(found["by-truth"].measured)) == ("judge truth (metric length)", ["asked/length"])
    assert found["by-words"].by == "2 x judge words (pointwise by omni)"
    assert found["by-words"].measured and all("moderation" in one for one in found["by-words"].measured)
    assert words(graph.study, arm(graph.study, "by-words"))[-1] == "a judge as the reward (RLAIF)"


def test_costs_are_those_of_all_that_a_model_rests_on(graph: Graph, store: Store) -> None:
    cells = {cell.cell.arm.name: cell for cell in graph.cells}
    for stage in closure([cell.artefact for cell in cells.values() if cell.artefact is not None]):
        done(store, stage, rows=7, tokens_trained=100) if stage.kind != "answers" else done(store, stage)
    found: dict[str, WayInfo] = {one.arm: one for one in ways(graph, store)}
    counted = {name: one.trainings for name, one in found.items()}
    assert (counted["base"], counted["rag"], counted["dpo"], counted["student"]) == (1, 1, 3, 2)
    assert counted["rlhf"] == 5, "its reward model began at other rows than it"
    assert found["rlhf"].rest_on == ["rm"] and found["student"].rest_on == ["rag"]
    assert found["base"].trained == 100 and found["rlhf"].trained == 500
    assert found["base"].price is not None and found["dpo"].price is not None
    assert found["dpo"].price > found["clean"].price > found["base"].price  # type: ignore[operator]
    assert (found["dpo"].pairs, found["rlhf"].pairs, found["rm"].pairs) == (7, 7, 7)
    assert (found["rlaif"].pairs, found["clean"].pairs) == (0, 0), "a judge made them; and answers that are shown"


def test_answers_cost_what_looking_up_and_guarding_take_too(graph: Graph, store: Store) -> None:
    for cell in graph.cells:
        for suite in (one for one in cell.suites if one.name == "asked"):
            told = suite.told.inputs.get("generations", suite.told)
            for stage in (suite.told, told):
                if store.record(stage) is None:  # arms may share it
                    done(store, stage, generations=10)
            for stage in closure([told.inputs["prompts"]]):
                if store.record(stage) is None:
                    done(store, stage, "q" * (30 if "wrapped" in [one.kind for one in closure([stage])] else 10))
    found = {one.arm: one for one in ways(graph, store)}
    assert found["base"].answered == 100 and found["guarded"].answered == 200
    assert found["rag"].answered == 300, "an index is made once for all, what is found for a question is not"
    assert (found["rag"].read, found["rag"].bare, found["base"].read) == (30, 10, 10)
    assert found["rm"].answered is None


def test_nothing_is_shown_where_arms_differ_in_data_alone(raw: dict[str, Any], store: Store) -> None:
    assert not gather.methods(wire(Study(**raw)), store, [])


def test_suites_that_cannot_ask_with_a_method_are_named(graph: Graph, store: Store) -> None:
    found = gather.methods(graph, store, [])
    assert dict(found.unreached) == {("guarded", "told"): ("guard",)}
    assert found.curved == {}


@pytest.mark.parametrize(("blocked", "said"), [(0, 2), (3, 0)])
def test_a_guard_is_odd_that_blocks_nothing_anywhere(store: Store, blocked: int, said: int) -> None:
    """Not one that lets through the harmless prompts of one suite and blocks those of another."""
    asked = {"prompts": "asked", "metrics": ["length"], "arms": ["guarded"]}
    suites = [{"generate": {**asked, "name": f"s{most}", "max_new_tokens": most}} for most in (8, 9)]
    made = wire(study(evaluate=suites, compare={"to": "guarded"}))
    cell = next(one for one in made.cells if one.cell.arm.name == "guarded" and one.suites)
    warning = ["the guard toxicity blocks nothing of the 9 texts"]
    for suite, some in zip(cell.suites, (0, blocked), strict=True):
        counts = {"seen": 9, "blocked": some, "unscored": 0}
        done(store, suite.told, guards={"toxicity": counts}, warnings=[] if some else warning)
    found = gather.methods(made, store, []).guards
    assert sum(len(one.warnings) for one in found) == said


def test_what_is_odd_of_a_guard_is_said_once_for_all_seeds(store: Store) -> None:
    """Seeds answer differently, so each run counts other texts: it is still one thing of one arm."""
    asked = {"prompts": "asked", "metrics": ["length"], "arms": ["guarded"]}
    made = wire(study(evaluate=[{"generate": asked}], compare={"to": "guarded"}, seeds=[0, 1, 2]))
    told = [cell.suites[0].told for cell in made.cells if cell.suites]
    known = "2 of 9 prompts are among the examples rows by which a guard was made"
    for place, stage in enumerate(told):
        seen = 7 + place
        counts = {"seen": seen, "blocked": 0, "unscored": place}
        said = [f"the guard toxicity blocks nothing of the {seen} texts that it looks at", known]
        done(store, stage, guards={"toxicity": counts}, warnings=said)
    (found,) = gather.methods(made, store, []).guards
    assert (len(told), found.looked, found.unscored) == (3, 24, 3)
    assert list(found.warnings) == [
        "the guard toxicity blocks nothing of the 24 texts that it looks at",
        "the guard toxicity cannot score 3 of 24 texts; they are not blocked",
        known,
    ]


@pytest.mark.parametrize(("harmless", "said"), [(0, 2), (4, 0)])
def test_that_no_prompt_is_harmless_is_said_where_that_is_so_in_every_suite(
    store: Store, harmless: int, said: int
) -> None:
    asked = {"prompts": "asked", "metrics": ["length"], "arms": ["guarded"]}
    suites = [{"generate": {**asked, "name": f"s{most}", "max_new_tokens": most}} for most in (8, 9)]
    made = wire(study(evaluate=suites, compare={"to": "guarded"}))
    cell = next(one for one in made.cells if one.cell.arm.name == "guarded" and one.suites)
    warning = ["no prompt is labelled harmless (safe), so false_block is not measured"]
    for suite, some in zip(cell.suites, (0, harmless), strict=True):
        counts = {"toxicity": {"seen": 9, "blocked": 1, "unscored": 0}}
        done(store, suite.told, guards=counts, harmless=some, warnings=[] if some else warning)
    assert sum(len(one.warnings) for one in gather.methods(made, store, []).guards) == said


def test_a_guard_that_blocks_everything_in_one_seed_alone_is_not_said_to_do_so(store: Store) -> None:
    asked = {"prompts": "asked", "metrics": ["length"], "arms": ["guarded"]}
    made = wire(study(evaluate=[{"generate": asked}], compare={"to": "guarded"}, seeds=[0, 1]))
    for cell, blocked in zip((one for one in made.cells if one.suites), (9, 2), strict=True):
        said = ["the guard toxicity blocks everything of the 9 texts that it looks at"] if blocked == 9 else []
        counts = {"toxicity": {"seen": 9, "blocked": blocked, "unscored": 0}}
        done(store, cell.suites[0].told, guards=counts, warnings=said)
    (found,) = gather.methods(made, store, []).guards
    assert (found.blocked, list(found.warnings)) == (11, [])
