"""Files of others' kinds in a study: the Handbook's in a training's place, accelerate's for how trainings are started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.outside import problems
from leaven.study.load import Loaded, load

HANDBOOK = """\
model_name_or_path: pocket
torch_dtype: float32
dataset_mixer: {owner/chosen: 1.0}
dataset_splits: [train_sft, test_sft]
learning_rate: 2.0e-05
lr_scheduler_type: cosine
num_train_epochs: 2
per_device_train_batch_size: 16
gradient_checkpointing: true
max_seq_length: 2048
logging_steps: 5
save_steps: 100
seed: 42
"""
STUDY = """\
name: published
arms: {base: {train: []}, sft: {}}
train: [{sft: {config: FILE, gradient_accumulation_steps: 4}}]
data: {asked: {source: "pocket:eli5", format: eli5, take: 3}}
evaluate: [{generate: {prompts: asked, metrics: [length]}}]
compare: {to: base}
"""


def loaded(tmp_path: Path, handbook: str = HANDBOOK, study: str = STUDY) -> Loaded:
    (tmp_path / "config_full.yaml").write_text(handbook)
    (tmp_path / "study.yaml").write_text(study.replace("FILE", str(tmp_path / "config_full.yaml")))
    return load(tmp_path / "study.yaml")


def test_the_handbooks_file_stands_in_the_place_of_arguments(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    study = Study.from_loaded(found)
    args = study.train[0].args
    assert (args["learning_rate"], args["num_train_epochs"], args["max_length"]) == (2e-5, 2, 2048)
    assert (args["per_device_train_batch_size"], args["gradient_accumulation_steps"]) == (16, 4)
    assert args["activation_checkpointing"] is True and args["train_sampling_strategy"] == "random"
    assert study.model.model_name_or_path == "pocket" and study.seeds == [42]
    data = study.data[args["data"]]
    assert (data.source, data.split, data.format and data.format.name) == ("hub:owner/chosen", "train_sft", "messages")
    assert any("per_device_train_batch_size" in note for note in study.notes)


def test_what_stands_beside_the_file_goes_before(tmp_path: Path) -> None:
    text = STUDY.replace("gradient_accumulation_steps: 4", "learning_rate: 1e-4, data: asked")
    args = Study.from_loaded(loaded(tmp_path, study=text)).train[0].args
    assert (args["learning_rate"], args["data"]) == (1e-4, "asked")


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("packing: true", "config_full.yaml:14 packing: True: rows are trained one by one; set packing to false"),
        ("nonsense: 1", "config_full.yaml:14 nonsense: no key of the Alignment Handbook's"),
        ("chat_template: x", "is a template's text"),
    ],
)
def test_a_key_that_is_refused_is_named_with_file_and_line(tmp_path: Path, more: str, complaint: str) -> None:
    with pytest.raises(StudyError) as caught:
        loaded(tmp_path, f"{HANDBOOK}{more}\n")
    assert complaint in str(caught.value)


def test_file_and_study_may_not_name_two_models(tmp_path: Path) -> None:
    study = f"{STUDY}model: {{model_name_or_path: other/model}}\n"
    with pytest.raises(StudyError, match="'pocket' is not what the study says: 'other/model'"):
        loaded(tmp_path, study=study)


def wrong(tmp_path: Path, handbook: str, study: str = STUDY) -> list[str]:
    with pytest.raises(StudyError) as caught:
        loaded(tmp_path, handbook, study)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_that_cannot_be_read_is_told_where_the_study_names_it(tmp_path: Path) -> None:
    (found,) = wrong(tmp_path, HANDBOOK, STUDY.replace("FILE", "nowhere/config_ful.yaml"))
    assert "study.yaml:3 train.0.sft.config: 'nowhere/config_ful.yaml' cannot be read: No such file" in found
    (found,) = wrong(tmp_path, "- 1\n")
    assert "study.yaml:3 train.0.sft.config: " in found and "holds no mapping of names to values" in found
    (found,) = wrong(tmp_path, "a: [1\n")
    assert "config_full.yaml:2: is no valid YAML" in found, "a line of the file says more"


def test_all_that_is_wrong_with_a_handbooks_file_is_told_at_once(tmp_path: Path) -> None:
    unsound = HANDBOOK.replace("learning_rate: 2.0e-05", "learning_rates: 1\nlr: -3").replace("cosine", "cosin")
    found = wrong(tmp_path, unsound, STUDY.replace("to: base", "to: bse"))
    assert [one.split("config_full.yaml:")[-1].split(":")[0] for one in found[:2]] == ["5 learning_rates", "6 lr"]
    assert "config_full.yaml:7 train.0.sft.lr_scheduler_type: 'cosin': should be" in found[2]
    assert "'bse'" in found[3] and len(found) == 4, "and what is wrong with the study itself"


def test_what_a_refused_mixer_leaves_out_is_no_second_fault(tmp_path: Path) -> None:
    unsound = HANDBOOK.replace("{owner/chosen: 1.0}", "{owner/chosen: -1}").replace("cosine", "cosin")
    found = wrong(tmp_path, unsound)
    assert len(found) == 2 and "dataset_mixer: " in found[0] and "'cosin'" in found[1]


def launched(tmp_path: Path, config: str) -> str:
    (tmp_path / "zero3.yaml").write_text(config)
    text = STUDY.replace("{config: FILE, gradient_accumulation_steps: 4}", "{data: asked}")
    study = f"{text}model: {{model_name_or_path: pocket}}\nlaunch: {{config: {tmp_path / 'zero3.yaml'}}}\n"
    return "\n".join(map(str, problems(loaded(tmp_path, study=study))))


def test_accelerates_file_is_looked_at_before_anything_runs(tmp_path: Path) -> None:
    good = "distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 3, zero3_save_16bit_model: true}\nnum_processes: 4\n"
    assert launched(tmp_path, good) == ""
    said = launched(tmp_path, good.replace("true", "false"))
    assert "zero3_save_16bit_model" in said and "what is saved would be empty" in said
    assert "one machine" in launched(tmp_path, f"{good}num_machines: 2\n")


BASE: dict[str, Any] = {
    "name": "held",
    "model": {"model_name_or_path": "pocket"},
    "data": {"shown": {"source": "pocket:webgpt", "format": "webgpt"}, "asked": {"source": "pocket:eli5", "format": "eli5"}},
    "arms": {"sft": {}},
    "train": [{"sft": {"data": "shown", "eval_data": "asked"}}],
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"]}}],
    "compare": {"to": "sft"},
}  # fmt: skip


def test_a_held_out_loss_is_that_of_a_source_and_of_demonstrations() -> None:
    from leaven.wiring import wire

    stages = wire(Study(**BASE)).cells[0].stages
    assert stages["sft"].inputs["eval"].inputs["rows"].title == "fit asked"
    assert (
        stages["sft"].key != wire(Study(**{**BASE, "train": [{"sft": {"data": "shown"}}]})).cells[0].stages["sft"].key
    )
    with pytest.raises(StudyError, match="there is no data called 'askd'"):
        Study(**{**BASE, "train": [{"sft": {"data": "shown", "eval_data": "askd"}}]})
    with pytest.raises(StudyError, match="dpo measures no held-out loss"):
        Study(**{**BASE, "train": [{"dpo": {"data": "shown", "eval_data": "asked"}}]})
