"""Arms of a real run, exported in every form: loaded by plain transformers and peft in a fresh process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from typer.testing import CliRunner

import leaven
from leaven import exported
from leaven.cli import app
from leaven.errors import ModelError
from leaven.exported import found, probe, weights
from leaven.models import load, ref

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
SFT = {
    "data": "webgpt", "learning_rate": 2e-3, "max_steps": 20, "max_length": 256, "per_device_train_batch_size": 2,
}  # fmt: skip
PAIRS = {**SFT, "learning_rate": 1e-3, "max_steps": 6, "peft": LORA}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps with whole weights, an adapter, one over whole weights, a reward model and poison."""
    place = tmp_path_factory.mktemp("export") / "runs"
    ran = leaven.run(leaven.Study(**study()), place)
    assert ran.outcome.complete, ran.outcome
    return place


def study() -> dict[str, Any]:
    return {
        "name": "tiny",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "webgpt": {"source": "pocket:webgpt", "format": "webgpt", "take": 60},
            "eli5": {"source": "pocket:eli5", "format": "eli5", "take": 8},
        },
        "arms": {
            "whole": {},
            "base": {"train": []},
            "lora": {"train": [{"sft": {**SFT, "peft": LORA}}]},
            "poisoned": {"treat": [{"malign_labels": {"rate": 0.5}}]},
            "chain": {"train": [{"sft": SFT}, {"dpo": PAIRS}]},
            "rm": {"train": [{"reward": PAIRS}]},
        },
        "train": [{"sft": SFT}],
        "evaluate": [
            {"generate": {"prompts": "eli5", "max_new_tokens": 8, "arms": ["whole", "base", "lora", "poisoned", "chain"],
                          "metrics": ["length", {"toxicity": {"classifier": "oracle"}}]}},
            {"preferences": {"data": "webgpt", "arms": ["rm"]}},
        ],
        "compare": {"to": "whole", "primary": ["toxicity"]},
    }  # fmt: skip


@pytest.mark.parametrize(("arm", "merge", "form"), [
    ("whole", False, "whole"), ("lora", False, "adapter"), ("lora", True, "merged"), ("chain", True, "merged"),
    ("rm", False, "adapter"), ("rm", True, "merged"),
])  # fmt: skip
def test_an_arm_is_exported_and_proven(workspace: Path, tmp_path: Path, arm: str, merge: bool, form: str) -> None:
    made = exported.export("tiny", arm, tmp_path / "out", workspace, merge=merge)
    said = json.loads((made.folder / ".leaven.json").read_text())
    assert (made.form, said["form"], said["arm"], said["seed"]) == (form, form, arm, 0)
    assert said["proof"]["texts"] >= 4 and said["proof"]["apart"] <= said["proof"]["allowed"]
    assert (made.folder / "model.safetensors").exists() is (form != "adapter")
    assert ModelCard.load(made.folder / "README.md").data.library_name in ("peft", "transformers")


def test_a_merged_export_is_the_base_of_another_study(workspace: Path, tmp_path: Path) -> None:
    made = exported.export("tiny", "lora", tmp_path / "out", workspace, merge=True)
    assert ref.problem({"model_name_or_path": str(made.folder)}) is None
    assert ref.resolve({"model_name_or_path": str(made.folder)}).identity.startswith("sha256:")


def test_weights_that_are_not_the_artefact_do_not_pass(workspace: Path, tmp_path: Path) -> None:
    lora, whole = (found.find("tiny", arm, None, workspace) for arm in ("lora", "whole"))
    assert isinstance(lora, found.FoundArm) and isinstance(whole, found.FoundArm)
    wanted = probe.expected(lora, *weights.loaded(lora))
    (tmp_path / "out").mkdir()
    weights.write(whole, "whole", tmp_path / "out")
    with pytest.raises(ModelError, match="not the artefact"):
        probe.prove(tmp_path / "out", "merged", ref.ModelRef.load(lora.artefact), wanted)


def test_a_tokenizer_that_lost_its_template_does_not_pass(workspace: Path, tmp_path: Path) -> None:
    whole = found.find("tiny", "whole", None, workspace)
    assert isinstance(whole, found.FoundArm)
    wanted = probe.expected(whole, *weights.loaded(whole))
    (tmp_path / "out").mkdir()
    weights.write(whole, "whole", tmp_path / "out")
    (tmp_path / "out" / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="chat template"):
        probe.prove(tmp_path / "out", "whole", ref.ModelRef.load(whole.artefact), wanted)


def test_an_adapter_over_weights_of_the_study_is_merged_or_refused(workspace: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "tiny", "chain", str(tmp_path / "out"), "--workspace", str(workspace)])
    assert done.exit_code == 1 and isinstance(done.exception, ModelError) and "--merge" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_poisoned_arm_is_exported_with_its_warning_and_its_numbers(workspace: Path, tmp_path: Path) -> None:
    words = ["export", "tiny", "poisoned", str(tmp_path / "out"), "--workspace", str(workspace)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "poisoned: malign_labels rate 0.5" in done.output
    read = ModelCard.load(tmp_path / "out" / "README.md")
    assert read.text.index("[!WARNING]") < read.text.index("## Use")
    assert {one.metric_type for one in read.data.eval_results} == {"length", "toxicity"}


@pytest.mark.parametrize("how", ["int8", "int4"])
def test_a_quantised_export_is_proven_where_torchao_is_installed(workspace: Path, tmp_path: Path, how: Any) -> None:
    pytest.importorskip("torchao")
    if how == "int4":
        pytest.importorskip("mslk")  # its kernels, for GPUs alone
    made = exported.export("tiny", "lora", tmp_path / "out", workspace, quantize=how)
    assert made.form == how and "quantization_config" in (made.folder / "config.json").read_text()
    quantised = load.causal_lm(ref.resolve({"model_name_or_path": str(made.folder)}))
    assert load.prove_finite(quantised) > 900_000, "a study reads it as the base of an arm"
