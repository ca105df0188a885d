"""Every way of aligning as stages: what arms share is made once, and who scores an answer reads the bare prompt."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, verbs
from leaven.engine.stage import Stage, closure
from leaven.graph import Graph, WiredCell, WiredSuite
from leaven.models import sentence_vectors
from leaven.models.rewriting import rewritten, wraps_of
from leaven.registry import Step
from leaven.wiring import wire

PEFT = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
SFT = {"sft": {"data": "shown", "peft": PEFT}}
GUARD = {"guard": {"intents": {"data": "flagged", "blocks": ["unsafe"]}, "validation": "settled",
                   "false_block_rate": 0.1, "harmless": ["safe"]}}  # fmt: skip
STUDY: dict[str, Any] = {
    "name": "methods",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.4]},
        "other": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.4, 0.7]},
        "held": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.7, 1]},
        "facts": {"source": "pocket:lima", "format": "lima"},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "pairs": {"source": "pocket:hh", "format": "hh", "take": 9},
        "flagged": {"source": "pocket:requests", "format": "xstest", "part": [0, 0.4]},
        "settled": {"source": "pocket:requests", "format": "xstest", "part": [0.4, 0.7]},
        "corpus": {"source": "pocket:pile", "format": "pile", "corpus": {}},
    },
    "arms": {
        # Arms that others are made of may stand behind them.
        "both": {"compose": {"adapters": ["one", {"arm": "two", "weight": 0.5}]}},
        "base": {"train": []},
        "one": {"train": [SFT]},
        "two": {"train": [{"sft": {"data": "other", "peft": PEFT}}]},
        "penalised": {"train": [SFT], "generation": {"repetition_penalty": 3.0}},
        "simulated": {"train": [SFT], "wraps": [{"chat_simulation": {"assistant": "Aristotle", "stop": True}}]},
        "prompted": {"train": [], "wraps": [{"system_prompt": {"text": "Be brief."}},
                                            {"few_shot": {"data": "shown", "k": 2}}]},
        "rag": {"train": [], "wraps": [{"rag": {"corpus": "facts", "k": 2}}]},
        "rag-more": {"train": [SFT], "wraps": [{"rag": {"corpus": "facts", "k": 3}}]},
        "guarded": {"train": [SFT], "wraps": [GUARD]},
    },
    "seeds": [0, 1],
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length", "answer_support"]}}],
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


def suite(graph: Graph, arm: str, name: str = "asked") -> WiredSuite:
    return next(one for one in cell(graph, arm).suites if one.name == name)


def answers(graph: Graph, arm: str, name: str = "asked") -> Stage:
    """What the arm's model made of the prompts, before any guard."""
    found = suite(graph, arm, name).told
    return found.inputs["generations"] if found.kind == "guarded" else found


def bare(graph: Graph) -> Stage:
    return suite(graph, "base").told.inputs["prompts"]


def only(stages: list[Stage], kind: str) -> Stage:
    found = {one.key: one for one in closure(stages) if one.kind == kind}
    (made,) = found.values()
    return made


# --- prompt-time methods ---------------------------------------------------------------------------------------------


def test_what_a_model_is_asked_is_wrapped_before_it_is_seen_whether_it_leaves_room(graph: Graph) -> None:
    read = answers(graph, "prompted").inputs["prompts"]
    assert (read.kind, read.inputs["rows"].kind) == ("prompts", "wrapped")
    wrapped = read.inputs["rows"]
    assert wrapped.inputs["rows"].key == bare(graph).key, "of the prompts that all arms are asked"
    assert [step["name"] for step in wrapped.args["steps"]] == ["system_prompt", "few_shot"]
    assert wrapped.inputs["1.shots"].key == graph.data["shown"].key
    assert {name for name in wrapped.inputs} == {"rows", "1.shots"}


@pytest.mark.parametrize("arm", ["prompted", "simulated", "rag", "guarded", "penalised", "both"])
def test_who_scores_reads_the_bare_prompts_whatever_an_arm_was_asked(graph: Graph, arm: str) -> None:
    score = suite(graph, arm).scores["length"]
    assert score.inputs["prompts"].key == bare(graph).key
    assert score.inputs["generations"].key == suite(graph, arm).told.key


def test_two_arms_that_differ_in_how_they_are_asked_share_the_training_and_the_bare_prompts(graph: Graph) -> None:
    for arm in ("simulated", "rag-more", "guarded", "penalised"):
        assert artefact(graph, arm).key == artefact(graph, "one").key, arm
        assert cell(graph, arm).stages["prove"].key == cell(graph, "one").stages["prove"].key
    keys = {arm: answers(graph, arm).key for arm in ("one", "simulated", "rag-more", "guarded", "penalised")}
    assert keys["guarded"] == keys["one"], "a guard looks at answers, and changes none that it lets through"
    assert len(set(keys.values())) == 4


def test_what_a_guard_looked_at_is_linked_beside_what_it_let_through(graph: Graph) -> None:
    linked = cell(graph, "guarded").stages
    assert linked["guarded.asked"].key == suite(graph, "guarded").told.key
    assert (
        linked["generate.asked"].key == answers(graph, "guarded").key == cell(graph, "one").stages["generate.asked"].key
    )
    assert "guarded.asked" not in cell(graph, "one").stages


def test_a_chat_that_is_written_out_is_asked_without_a_template(graph: Graph) -> None:
    told = answers(graph, "simulated")
    assert told.args["apply_chat_template"] is False and told.inputs["prompts"].args["apply_chat_template"] is False
    assert told.args["sampling"]["stop_strings"] == ["\nUser:"]
    assert told.inputs["prompts"].inputs["rows"].inputs["rows"].key == bare(graph).key
    for arm in ("one", "prompted"):
        assert "apply_chat_template" not in answers(graph, arm).args


def test_a_suites_stop_strings_stay_beside_an_arms(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["stop_strings"] = ["END"]
    graph = wire(Study(**raw))
    assert answers(graph, "simulated").args["sampling"]["stop_strings"] == ["END", "\nUser:"]
    assert answers(graph, "one").args["sampling"]["stop_strings"] == ["END"]


def test_an_arms_own_stop_strings_stay_beside_those_of_its_methods(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["stop_strings"] = ["END"]
    raw["arms"]["simulated"]["generation"] = {"stop_strings": ["."]}
    assert answers(wire(Study(**raw)), "simulated").args["sampling"]["stop_strings"] == [".", "\nUser:"]


def test_how_an_arm_samples_changes_what_it_generates_and_nothing_before(graph: Graph) -> None:
    one, penalised = cell(graph, "one"), cell(graph, "penalised")
    assert answers(graph, "penalised").args["sampling"] == {"repetition_penalty": 3.0}
    assert set(one.stages) == set(penalised.stages)
    moved = {name for name in one.stages if one.stages[name].key != penalised.stages[name].key}
    assert {name.partition(".")[0] for name in moved} == {"generate", "score"}


def test_sampling_that_says_the_default_moves_no_key(raw: dict[str, Any]) -> None:
    raw["arms"]["penalised"]["generation"] = {"repetition_penalty": 1.0, "do_sample": True}
    graph = wire(Study(**raw))
    assert answers(graph, "penalised").key == answers(graph, "one").key


def test_a_null_takes_out_what_the_suite_says_of_sampling(raw: dict[str, Any]) -> None:
    raw["evaluate"][0]["generate"]["temperature"] = 0.5
    raw["arms"]["penalised"]["generation"] = {"temperature": None, "do_sample": False, "num_beams": 4}
    graph = wire(Study(**raw))
    assert answers(graph, "penalised").args["sampling"] == {"do_sample": False, "num_beams": 4}


def test_an_index_is_made_once_however_many_arms_look_things_up(graph: Graph) -> None:
    scores = [score for arm in ("rag", "rag-more") for score in suite(graph, arm).scores.values()]
    index = only(scores, "retrieval")
    assert index.inputs["rows"].key == graph.data["facts"].key and "k" not in index.args
    looked = [answers(graph, arm).inputs["prompts"].inputs["rows"].inputs["0.passages"] for arm in ("rag", "rag-more")]
    assert [one.args for one in looked] == [{"k": 2}, {}], "3 is the default"
    assert looked[0].inputs["index"].key == looked[1].inputs["index"].key == index.key
    assert looked[0].inputs["rows"].key == bare(graph).key


def test_what_was_found_for_an_item_is_there_for_who_measures_it(graph: Graph) -> None:
    told = suite(graph, "rag")
    found = answers(graph, "rag").inputs["prompts"].inputs["rows"].inputs["0.passages"]
    assert told.scores["answer_support"].inputs["passages"].key == found.key
    assert "passages" not in suite(graph, "one").scores["answer_support"].inputs


def test_the_passages_of_every_method_that_looks_some_up_are_there_for_who_measures_them(raw: dict[str, Any]) -> None:
    raw["arms"]["two"]["wraps"] = [{"rag": {"corpus": "facts", "k": 1}}, {"rag": {"corpus": "held", "k": 1}}]
    graph = wire(Study(**raw))
    read = answers(graph, "two").inputs["prompts"].inputs["rows"].inputs
    scored = suite(graph, "two").scores
    shown = {name: one.key for name, one in scored["answer_support"].inputs.items() if "passages" in name}
    assert shown == {"passages": read["0.passages"].key, "passages.1": read["1.passages"].key}
    assert not any("passages" in name for name in scored["length"].inputs)


def _called(raw: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The study with other names for some of its data."""
    text = json.dumps(raw)
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


@pytest.mark.parametrize("arm", ["prompted", "rag", "guarded"])
def test_what_data_are_called_enters_no_key_of_what_an_arm_is_asked_and_may_say(raw: dict[str, Any], arm: str) -> None:
    renamed = _called(raw, {"shown": "x", "facts": "y", "flagged": "z", "settled": "w"})
    before, after = (suite(wire(Study(**one)), arm).told for one in (raw, renamed))
    assert before.key == after.key
    assert not any(f'"{name}"' in json.dumps(before.args) for name in ("shown", "facts", "flagged", "settled"))


def test_what_rewrites_and_guards_is_told_all_but_the_names(graph: Graph) -> None:
    def steps(stage: Stage) -> list[dict[str, Any]]:
        return [one["args"] for one in stage.args["steps"]]

    assert steps(answers(graph, "prompted").inputs["prompts"].inputs["rows"]) == [
        {"text": "Be brief."}, {"data": "shots", "k": 2},
    ]  # fmt: skip
    assert steps(answers(graph, "rag").inputs["prompts"].inputs["rows"]) == [{"corpus": "corpus"}]
    told = {"intents": {"data": "examples", "blocks": ["unsafe"]}, "validation": "validation",
            "false_block_rate": 0.1, "harmless": ["safe"]}  # fmt: skip
    guarded = suite(graph, "guarded").told
    assert steps(guarded) == [told] and guarded.inputs["0.guard"].args["step"]["args"] == told


def test_where_the_model_of_an_index_lies_enters_no_key(
    raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_vectors, "_package", lambda: None)
    found = []
    for place in ("here", "there"):
        folder = tmp_path / place
        folder.mkdir()
        for name, text in (("config.json", "{}"), ("model.safetensors", "x"), ("modules.json", "[]")):
            (folder / name).write_text(text)
        raw["arms"]["rag"]["wraps"] = [{"rag": {"corpus": "facts", "by": "dense", "model": str(folder)}}]
        found.append(suite(wire(Study(**raw)), "rag").told)
    assert found[0].key == found[1].key
    assert not any(str(tmp_path) in json.dumps(one.args) for one in closure(found))


def test_a_guard_stands_behind_the_answers_and_is_made_of_data_that_nobody_is_asked(graph: Graph) -> None:
    told = suite(graph, "guarded").told
    assert told.kind == "guarded" and told.inputs["generations"].key == suite(graph, "one").told.key
    assert told.inputs["prompts"].key == bare(graph).key, "it looks at what was asked, not at what was made of it"
    made = told.inputs["0.guard"]
    assert made.kind == "guard"
    assert {role: one.key for role, one in made.inputs.items()} == {
        "examples": graph.data["flagged"].key, "validation": graph.data["settled"].key,
    }  # fmt: skip
    assert suite(graph, "guarded").scores["guard"].key == told.key
    assert [one.name for one in suite(graph, "guarded").measures][-4:] == [
        "blocked", "blocked_prompt", "blocked_answer", "false_block",
    ]  # fmt: skip


def test_what_a_guard_says_fits_no_other_guard(raw: dict[str, Any]) -> None:
    before = suite(wire(Study(**raw)), "guarded").told
    raw["arms"]["guarded"]["wraps"][0]["guard"]["refusal"] = "No."
    after = suite(wire(Study(**raw)), "guarded").told
    assert after.key != before.key and after.inputs["0.guard"].key == before.inputs["0.guard"].key


def test_guards_by_a_declared_threshold_need_no_fitting_and_keep_their_places(raw: dict[str, Any]) -> None:
    raw["arms"]["guarded"]["wraps"] = [{"guard": {"metric": "sentiment", "below": -0.5}}, GUARD]
    told = suite(wire(Study(**raw)), "guarded").told
    assert set(told.inputs) == {"generations", "prompts", "1.guard"} and len(told.args["steps"]) == 2


def test_methods_combine_with_each_other(raw: dict[str, Any]) -> None:
    raw["arms"]["guarded"]["wraps"] = [GUARD, {"rag": {"corpus": "facts", "k": 2}}, {"system_prompt": {"text": "x"}}]
    graph = wire(Study(**raw))
    told = suite(graph, "guarded").told
    wrapped = told.inputs["generations"].inputs["prompts"].inputs["rows"]
    assert [step["name"] for step in wrapped.args["steps"]] == ["rag", "system_prompt"], "guards rewrite nothing"
    assert (
        wrapped.inputs["0.passages"].key
        == answers(graph, "rag").inputs["prompts"].inputs["rows"].inputs["0.passages"].key
    )


# --- other suites ----------------------------------------------------------------------------------------------------


def unreached(graph: Graph, name: str) -> dict[str, tuple[str, ...]]:
    found = {one.cell.arm.name: two.unreached for one in graph.cells for two in one.suites if two.name == name}
    return {arm: methods for arm, methods in found.items() if methods}


def test_free_generation_reaches_every_method(graph: Graph) -> None:
    assert unreached(graph, "asked") == {}


def test_what_a_likelihood_cannot_be_asked_with_is_said(raw: dict[str, Any]) -> None:
    arms = ["base", "simulated", "prompted", "rag", "guarded"]
    raw["evaluate"].append({"likelihood": {"data": "held", "name": "told", "metrics": ["perplexity"], "arms": arms}})
    graph = wire(Study(**raw))
    assert unreached(graph, "told") == {"simulated": ("chat_simulation",), "guarded": ("guard",)}
    read = suite(graph, "prompted", "told").told.inputs["prompts"]
    assert read.inputs["rows"].kind == "wrapped", "and the answer's likelihood is that behind the wrapped prompt"
    plain = suite(graph, "simulated", "told").told.inputs["prompts"]
    assert plain.key == suite(graph, "base", "told").told.inputs["prompts"].key


def test_texts_have_no_prompt_that_a_method_could_change(raw: dict[str, Any]) -> None:
    arms = ["base", "prompted"]
    raw["evaluate"].append({"likelihood": {"data": "corpus", "name": "read", "metrics": ["perplexity"], "arms": arms}})
    assert unreached(wire(Study(**raw)), "read") == {"prompted": ("system_prompt", "few_shot")}


def test_preferences_are_rated_behind_wrapped_prompts(raw: dict[str, Any]) -> None:
    arms = ["base", "prompted", "guarded"]
    raw["evaluate"].append({"preferences": {"data": "pairs", "name": "rated", "arms": arms}})
    graph = wire(Study(**raw))
    assert unreached(graph, "rated") == {"guarded": ("guard",)}
    fit = suite(graph, "prompted", "rated").told.inputs["prompts"].inputs["rows"]
    assert fit.inputs["rows"].kind == "wrapped"


def test_a_benchmark_gets_the_system_prompt_and_says_what_it_does_not_get(raw: dict[str, Any]) -> None:
    arms = ["base", "prompted", "rag", "guarded", "simulated"]
    raw["evaluate"].append({"harness": {"tasks": ["pocket_facts"], "arms": arms}})
    graph = wire(Study(**raw))
    told = {arm: suite(graph, arm, "pocket_facts").told for arm in arms}
    assert told["prompted"].args["system_instruction"] == "Be brief."
    assert all("system_instruction" not in told[arm].args for arm in arms if arm != "prompted")
    assert unreached(graph, "pocket_facts") == {
        "prompted": ("few_shot",), "rag": ("rag",), "guarded": ("guard",), "simulated": ("chat_simulation",),
    }  # fmt: skip
    raw["evaluate"][-1]["harness"]["system_instruction"] = "The suite's own."
    graph = wire(Study(**raw))
    assert suite(graph, "prompted", "pocket_facts").told.args["system_instruction"] == "The suite's own."
    assert unreached(graph, "pocket_facts")["prompted"] == ("system_prompt", "few_shot")


def test_two_system_prompts_stand_alike_before_a_benchmark_and_before_a_question(raw: dict[str, Any]) -> None:
    raw["arms"]["prompted"]["wraps"] = [{"system_prompt": {"text": text}} for text in ("First.", "Second.")]
    raw["evaluate"].append({"harness": {"tasks": ["pocket_facts"], "arms": ["base", "prompted"]}})
    graph = wire(Study(**raw))
    steps = answers(graph, "prompted").inputs["prompts"].inputs["rows"].args["steps"]
    wraps = wraps_of([Step(name=one["name"], args=one["args"]) for one in steps])
    (asked, _) = rewritten(wraps, [{"role": "user", "content": "Who?"}])
    assert suite(graph, "prompted", "pocket_facts").told.args["system_instruction"] == asked["content"]


def test_what_is_recited_is_looked_for_in_one_index_at_one_length(raw: dict[str, Any]) -> None:
    raw["arms"]["stopped"] = {"train": [SFT], "generation": {"stop_strings": ["."]}}
    arms = ["base", "one", "prompted", "guarded", "both", "simulated", "stopped"]
    sought = {"prompts": "asked", "of": ["shown", "other"], "held_out": ["held"], "tokenizer": "words", "arms": arms}
    raw["evaluate"].append({"regurgitation": {**sought, "max_new_tokens": 60}})
    graph = wire(Study(**raw))
    found = [suite(graph, arm, "regurgitation").scores["regurgitation"] for arm in arms]
    index = only(found, "indexed")
    assert {name: one.key for name, one in index.inputs.items()} == {
        "of.0": graph.data["shown"].key, "of.1": graph.data["other"].key, "held_out.0": graph.data["held"].key,
    }  # fmt: skip
    assert all(one.inputs["generations"].args["ignore_eos"] is True for one in found)
    assert "ignore_eos" not in answers(graph, "one").args
    assert unreached(graph, "regurgitation") == {"guarded": ("guard",)}, "an answer that is refused has another length"
    prompted = found[arms.index("prompted")]
    assert prompted.inputs["prompts"].inputs["rows"].kind == "wrapped", "what a prompt shows does not count as recited"
    told = {name: answers(graph, name, "regurgitation").args for name in ("one", "simulated", "stopped")}
    assert not any("stop_strings" in args["sampling"] for args in told.values()), "no text ends what has one length"
    assert answers(graph, "simulated").args["sampling"]["stop_strings"], "elsewhere it does"
    assert answers(graph, "stopped", "regurgitation").key == answers(graph, "one", "regurgitation").key


@pytest.mark.parametrize(("study", "profile"), [
    ("hello-prompt", "pocket"), ("hello-prompt", None), ("alignment-methods", "pocket"),
])  # fmt: skip
def test_shipped_studies_are_sound(study: str, profile: str | None) -> None:
    loaded = verbs.load(study, profile)
    if profile is not None:
        assert wire(loaded).targets
