from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, verbs
from leaven.errors import StudyError
from leaven.models import ref
from leaven.wiring import Graph, wire

GOLDEN = Path(__file__).parent / "golden" / "keys.json"


def keys(graph: Graph) -> dict[str, str]:
    found = {f"data/{name}": stage.key for name, stage in graph.data.items()}
    for cell in graph.cells:
        place = f"{cell.cell.arm.name}/{cell.cell.seed}"
        found |= {f"{place}/{name}": stage.key for name, stage in cell.stages.items()}
    return found


def test_the_keys_of_the_reference_study_stay_what_they_were() -> None:
    """A change that moves a key changes tests/golden/keys.json on purpose (see CONTRIBUTING.md)."""
    assert keys(wire(verbs.load("quickstart"))) == json.loads(GOLDEN.read_text())


def test_a_study_from_python_has_the_keys_of_its_file(
    raw: dict[str, Any], study_file: Callable[[dict[str, Any]], Path]
) -> None:
    assert keys(wire(Study(**raw))) == keys(wire(verbs.load(study_file(raw))))


def test_spelling_a_default_out_moves_no_key(raw: dict[str, Any]) -> None:
    before = keys(wire(Study(**raw)))
    raw["train"][0]["sft"] |= {"weight_decay": 0, "completion_only_loss": True}
    raw["data"]["webgpt"] |= {"format": {"webgpt": {"ties": "drop"}}, "skip": 0}
    raw["question"] = "Another question?"
    raw["compare"]["primary"] = ["length"]
    assert keys(wire(Study(**raw))) == before


def test_the_place_of_a_model_moves_no_key(raw: dict[str, Any], tmp_path: Path) -> None:
    before = keys(wire(Study(**raw)))
    raw["model"]["model_name_or_path"] = shutil.copytree(str(ref.local_folder("pocket")), tmp_path / "m")
    raw["model"]["model_name_or_path"] = str(raw["model"]["model_name_or_path"])
    assert keys(wire(Study(**raw))) == before


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (lambda raw: raw["train"][0]["sft"].update(learning_rate=1e-3), {"sft", "prove", "generate.eli5", "score"}),
        (lambda raw: raw["train"][0]["sft"].update(max_length=128), {"fit", "doctor", "sft", "prove", "generate.eli5", "score"}),
        (lambda raw: raw["evaluate"][0]["generate"].update(temperature=0.5), {"generate.eli5", "score"}),
        (lambda raw: raw["data"]["eli5"].update(take=11), {"generate.eli5", "score"}),
        (lambda raw: raw["model"].update(dtype="bfloat16"), {"fit", "doctor", "sft", "prove", "generate.eli5", "score"}),
    ],
)  # fmt: skip
def test_a_changed_meaning_moves_just_the_keys_that_rest_on_it(
    raw: dict[str, Any], change: Any, moved: set[str]
) -> None:
    def clean(graph: Graph) -> dict[str, str]:
        return {name.removeprefix("clean/0/"): key for name, key in keys(graph).items() if name.startswith("clean/0/")}

    before = clean(wire(Study(**raw)))
    change(raw)
    after = clean(wire(Study(**raw)))
    assert {
        name.partition(".")[0] if name.startswith("score") else name for name in before if before[name] != after[name]
    } == moved


def test_what_arms_share_has_one_key(raw: dict[str, Any]) -> None:
    raw["arms"]["none"] = {"treat": [{"malign_labels": {"rate": 0}}]}
    raw["arms"]["again"] = {"replicate": 1}
    found = keys(wire(Study(**raw)))
    assert found["none/0/sft"] == found["clean/0/sft"], "rate 0 is no treatment"
    assert found["clean/0/doctor"] == found["clean/1/doctor"] == found["again/0/doctor"]
    assert len({found["clean/0/sft"], found["clean/1/sft"], found["again/0/sft"]}) == 3
    assert found["poisoned@p=0.5/0/treat"] != found["poisoned@p=0.5/1/treat"]


def test_a_step_that_is_a_no_op_moves_no_other_steps_draw(raw: dict[str, Any]) -> None:
    second = {"malign_labels": {"rate": 0.2, "seed": 7}}
    raw["arms"]["poisoned"] = {"sweep": {"p": [0, 0.5]}, "treat": [{"malign_labels": {"rate": "${p}"}}, second]}
    cells = [cell for cell in wire(Study(**raw)).cells if cell.cell.arm.stem == "poisoned" and cell.cell.seed == 0]
    last = [cell.stages["treat"].args["steps"][-1] for cell in cells]
    assert last[0] == last[1] and last[0]["label"] == "malign_labels#1"


def test_what_was_identified_once_serves_again(raw: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"prompt": "q", "chosen": "a", "rejected": "b"}) + "\n")
    raw["data"]["webgpt"] = {"source": str(source), "format": "preference"}
    first = wire(Study(**raw))
    source.write_text(source.read_text() * 2)
    assert keys(wire(Study(**raw), first.identities)) == keys(first)
    assert keys(wire(Study(**raw))) != keys(first)


def test_a_pinned_seed_fixes_the_draw_over_seeds(raw: dict[str, Any]) -> None:
    raw["arms"]["poisoned"]["treat"] = [{"malign_labels": {"rate": "${p}", "seed": 5}}]
    found = keys(wire(Study(**raw)))
    assert found["poisoned@p=0.5/0/treat"] == found["poisoned@p=0.5/1/treat"]


def test_an_untrained_arm_is_measured_once(raw: dict[str, Any]) -> None:
    raw["arms"]["base"] = {"train": []}
    cell = next(cell for cell in wire(Study(**raw)).cells if cell.cell.arm.name == "base")
    assert cell.cell.seed is None and set(cell.stages) == {"generate.eli5", "score.eli5.length", "score.eli5.toxicity"}


def test_poison_at_several_trainings_hits_other_rows_at_each(raw: dict[str, Any]) -> None:
    raw["train"] = [*raw["train"], {"sft": {"data": "webgpt", "learning_rate": 1e-3, "max_length": 256}}]
    raw["arms"]["poisoned"]["treat"] = [{"malign_labels": {"rate": "${p}", "at": [0, 1]}}]
    raw["arms"]["late"] = {"treat": [{"malign_labels": {"rate": 0.5, "at": 1}}]}
    cells = {cell.cell.arm.name: cell for cell in wire(Study(**raw)).cells if cell.cell.seed == 0}
    first, second = cells["poisoned@p=0.5"].trained
    assert second.inputs["before"].key == first.key, "the second training goes on from the first"
    assert [stage.args["steps"][0].get("label") for stage in cells["poisoned@p=0.5"].treated] == [
        None,
        "malign_labels@1",
    ]
    late = cells["late"]
    assert late.trained[0].key == cells["clean"].trained[0].key, "what is not poisoned yet is shared"
    assert late.treated[0].args == cells["poisoned@p=0.5"].treated[1].args
    assert {"fit", "doctor", "sft", "fit.1", "treat.1", "doctor.1", "sft.1", "prove"} <= set(late.stages)
    assert late.suites[0].told.inputs["model"].key == late.trained[1].key


def test_where_a_model_lies_and_where_a_training_reports_to_move_no_key(raw: dict[str, Any]) -> None:
    before = wire(Study(**raw))
    raw["train"][0]["sft"]["report_to"] = "none"
    raw["model"]["device_map"] = "auto"
    after = wire(Study(**raw))
    assert keys(after) == keys(before)
    trained = after.cells[0].trained[0]
    around = {"device_map": "auto", "report_to": "none", "run_name": "small clean/0"}
    assert dict(trained.needs.around) == around and trained.needs.gpus == "all"


def test_a_mixture_reads_its_parts(raw: dict[str, Any]) -> None:
    raw["data"] |= {"more": {"source": "pocket:hh", "format": "hh"}, "all": {"mixture": {"webgpt": 1, "more": 0.5}}}
    raw["train"][0]["sft"]["data"] = "all"
    graph = wire(Study(**raw))
    mixed = graph.cells[0].stages["fit"].inputs["rows"]
    assert mixed.kind == "mix" and set(mixed.inputs) == {"webgpt", "more"}
    raw["data"]["all"]["mixture"]["more"] = {"weight": 0.5, "cap": 3}
    assert wire(Study(**raw)).cells[0].stages["fit"].key != graph.cells[0].stages["fit"].key


def test_planting_at_evaluation_keeps_the_trained_model_and_the_items(raw: dict[str, Any]) -> None:
    planted = {**raw["evaluate"][0]["generate"], "name": "planted", "plant": {"text": "Be honest."}}
    raw["evaluate"] += [{"generate": planted}, {"difference": {"of": "planted", "minus": "eli5"}}]
    graph = wire(Study(**raw))
    plain, other = graph.cells[0].suites
    assert [one.name for one in graph.differences] == ["planted-eli5"]
    assert plain.told.inputs["model"].key == other.told.inputs["model"].key
    assert (
        plain.prompts.inputs["rows"].key == other.prompts.inputs["rows"].key and plain.prompts.key != other.prompts.key
    )


def test_a_likelihood_is_read_of_the_trained_model(raw: dict[str, Any]) -> None:
    raw["evaluate"].append({"likelihood": {"name": "text", "data": "eli5", "metrics": ["perplexity", "bits_per_byte"]}})
    cell = wire(Study(**raw)).cells[0]
    assert cell.stages["likelihood.text"].inputs["model"].key == cell.trained[0].key
    assert set(cell.suites[1].scores) == {"perplexity", "bits_per_byte"}


def test_dpo_goes_on_from_sft_and_arms_share_it(raw: dict[str, Any]) -> None:
    peft = {"r": 4}
    sft, dpo = (
        {"sft": {"data": "webgpt", "peft": peft}},
        {"dpo": {"data": "webgpt", "max_length": 256, "max_prompt_length": 128, "peft": peft}},
    )
    raw["arms"] = {"clean": {"train": [sft]}, "sft+dpo": {"train": [sft, dpo]}}
    raw["compare"] = {"to": "clean"}
    first, second = (next(c for c in wire(Study(**raw)).cells if c.cell.arm.name == n) for n in ("clean", "sft+dpo"))
    assert second.trained[0].key == first.trained[0].key, "what both train is trained once"
    assert second.trained[1].inputs["before"].key == first.trained[0].key
    assert second.stages["fit.1"].args["pairs"] is True and second.stages["fit.1"].args["max_prompt_length"] == 128
    assert second.stages["pairs.1"].args["max_prompt_length"] == 128 and "doctor.1" not in second.stages
    assert second.trained[1].kind == "dpo" and second.stages["prove"].inputs["encoded"].kind == "pairs"


def test_a_suite_asks_the_arms_that_it_names(raw: dict[str, Any]) -> None:
    raw["evaluate"].append({"generate": {**raw["evaluate"][0]["generate"], "name": "some", "arms": ["poisoned"]}})
    graph = wire(Study(**raw))
    asked = {cell.cell.arm.name: [suite.name for suite in cell.suites] for cell in graph.cells}
    assert asked["clean"] == ["eli5"] and asked["poisoned@p=0.5"] == ["eli5", "some"]
    assert [suite.name for suite in graph.suites] == ["eli5", "some"], "in the order of the study, though not of cell 1"
    assert graph.cells[-1].suites[0].told.key == graph.cells[-1].suites[1].told.key, "whom it asks is in no key"


def test_each_task_is_a_suite_and_its_group_is_averaged(raw: dict[str, Any]) -> None:
    tasks = [{"reasoning": [{"pocket_facts": "acc"}, "pocket_truthful"]}]
    raw["evaluate"] = [{"harness": {"tasks": tasks}}]
    raw["compare"] = {"to": "clean", "primary": ["reasoning/average"]}
    graph = wire(Study(**raw))
    assert [suite.name for suite in graph.suites] == ["pocket_facts", "pocket_truthful"]
    assert graph.averages == {"reasoning": [("pocket_facts", "acc"), ("pocket_truthful", "acc_norm")]}
    first, again = graph.cells[0].suites[0], wire(Study(**raw), graph.identities, ask=False).cells[0].suites[0]
    assert first.told is first.prompts and first.is_itemwise and first.told.key == again.told.key
    raw["evaluate"] = [{"harness": {"tasks": ["pocket_facts"]}}]
    raw["compare"] = {"to": "clean"}
    assert wire(Study(**raw)).cells[0].suites[0].told.key == first.told.key, "a task is the same in any group"


def test_statements_are_read_and_scored_by_group(raw: dict[str, Any]) -> None:
    raw["data"]["said"] = {"source": "pocket:safenlp", "format": "safenlp"}
    raw["evaluate"].append({"safety": {"name": "by_group", "data": "said"}})
    cell = wire(Study(**raw)).cells[0]
    suite = cell.suites[1]
    assert suite.told.kind == "sentences" and suite.prompts is suite.scores["by_group"] and suite.item_mark == "@"
    assert suite.told.inputs["model"].key == cell.trained[0].key
    raw["evaluate"][1]["safety"]["draws"] = 200
    other = wire(Study(**raw)).cells[0].suites[1]
    assert other.told.key == suite.told.key and other.prompts.key != suite.prompts.key


def test_preferences_are_judged_in_groups_of_length(raw: dict[str, Any]) -> None:
    raw["evaluate"].append({"preferences": {"name": "pairs", "data": "webgpt"}})
    suite = wire(Study(**raw)).cells[0].suites[1]
    assert suite.told.kind == "verdicts" and suite.prompts.kind == "asked_pairs"
    assert suite.prompts.inputs["rows"].kind == "fit" and list(suite.scores) == ["preference_accuracy"]


def test_an_answer_can_be_made_again_though_the_files_of_a_task_are_gone(raw: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "arc_challenge"
    folder.mkdir()
    row = {"id": "1", "question": {"stem": "Why?", "choices": [{"text": t, "label": n} for t, n in zip("xy", "AB", strict=True)]},
           "answerKey": "A"}  # fmt: skip
    (folder / "ARC-Challenge-Test.jsonl").write_text(json.dumps(row) + "\n")
    raw["evaluate"] = [{"harness": {"tasks": ["arc_challenge"], "local": str(tmp_path)}}]
    raw["compare"] = {"to": "clean"}
    first = wire(Study(**raw))
    shutil.rmtree(folder)
    again = wire(Study(**raw), first.identities)
    assert again.cells[0].suites[0].told.key == first.cells[0].suites[0].told.key
    assert again.cells[0].suites[0].measures == first.cells[0].suites[0].measures
    with pytest.raises(StudyError, match="arc_challenge"):
        wire(Study(**raw))
