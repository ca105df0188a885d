"""The verb `compose`: what it leaves is an artefact like any other, loaded, proven, trained on and exported as one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from leaven import rows as tables
from leaven import stages
from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.stages import speaker

LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
OTHER = {"r": 2, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]}
TEXTS = [[1, 40, 41, 300, 17, 99, 5, 2], [1, 7, 8, 9, 55, 60, 61, 2], [1, 90, 91, 92, 93, 14, 2], [1, 33, 34, 35, 2]]
IDS = torch.tensor(TEXTS[:1])


@pytest.fixture(scope="module")
def base() -> ref.Base:
    torch.set_num_threads(1)
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoded")
    lines = [{"id": f"r:{i}", "input_ids": ids, "labels": [-100] * 3 + ids[3:]} for i, ids in enumerate(TEXTS)]
    tables.write(folder / "encoded.parquet", "encoded", lines)
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    lines = [
        {"id": f"p:{i}", "prompt_ids": ids[:3], "chosen_ids": ids[3:], "rejected_ids": [*reversed(ids[3:-1]), 2]}
        for i, ids in enumerate(TEXTS[:3])
    ]
    tables.write(folder / "pairs.parquet", "pairs", lines)
    return folder


@pytest.fixture(scope="module")
def parts(base: ref.Base, encoded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two arms' artefacts, trained apart and for a few steps, with adapters of other ranks and modules."""
    folder = tmp_path_factory.mktemp("parts")
    for seed, peft in enumerate((LORA, OTHER)):
        trained(base, folder / str(seed), encoded, seed=seed, peft=peft)
    return [folder / "0", folder / "1"]


def trained(base: ref.Base, out: Path, encoded: Path, name: str = "sft", seed: int = 0, **given: Any) -> Path:
    out.mkdir()
    before = {"before": given.pop("before")} if "before" in given else {}
    few = {"max_steps": 3, "per_device_train_batch_size": 4, "learning_rate": 1e-2, **given}
    asked = {"model": base.as_args(), "seed": seed, "trainer": {"name": name, "version": 1, "args": few}}
    inputs = {"base": Path(str(base.path)), "encoded": encoded, **before}
    stages.train({**asked, "around": {"report_to": "none"}}, inputs, out)
    return out


def composed(base: ref.Base, parts: list[Path], out: Path, how: dict[str, Any], **more: Any) -> dict[str, Any]:
    out.mkdir()
    encoded = {"encoded": more.pop("encoded")} if "encoded" in more else {}
    inputs = {f"adapter.{index}": folder for index, folder in enumerate(parts)}
    return stages.compose({"model": base.as_args(), "how": how, **more},
                          {**inputs, **encoded, "base": Path(str(base.path))}, out)  # fmt: skip


def logits(folder: Path | None, base: ref.Base) -> torch.Tensor:
    model = load.causal_lm(base) if folder is None else load.trained(folder, Path(str(base.path)))[0]
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def test_a_composition_is_an_artefact_that_answers(base: ref.Base, parts: list[Path], tmp_path: Path) -> None:
    facts = composed(base, parts, tmp_path / "out", {"weights": [1.0, 0.5]})
    assert (facts["parts"], facts["combination_type"], facts["r"]) == (2, "cat", 6) and facts["apart_from_sum"] < 1e-6
    told = ref.ModelRef.load(tmp_path / "out")
    assert (told.base, told.adapters, told.makes) == (base.as_args(), ("adapter",), "policy")
    _, tokenizer, stops = speaker.speaker({}, {"model": tmp_path / "out", "base": Path(str(base.path))})
    assert tokenizer.chat_template == load.tokenizer(base).chat_template and stops == [2]
    assert not list((tmp_path / "out").rglob("*.bin")) and not list((tmp_path / "out").rglob("*.pt"))


def test_what_lies_under_each_part_is_told(base: ref.Base, parts: list[Path], tmp_path: Path) -> None:
    composed(base, parts, tmp_path / "both", {"weights": [1.0, 0.5]})
    (entry,) = ref.ModelRef.load(tmp_path / "both").lineage
    assert (entry["trainer"], entry["trained"], entry["base"]) == ("compose", "adapter", base.identity)
    assert entry["weights"] == [1.0, 0.5] and "seed" not in entry, "nothing was drawn"
    assert [[one["seed"] for one in part] for part in entry["parts"]] == [[0], [1]]
    file = "adapter/adapter_model.safetensors"
    assert entry["started_from"] == {f"adapter.{i}/{file}": ref.hashes(part)[file] for i, part in enumerate(parts)}
    drawn = {"weights": [1.0, 0.5], "combination_type": "dare_linear_svd", "density": 0.5}
    composed(base, [tmp_path / "both", parts[0]], tmp_path / "again", drawn, seed=3)
    (outer,) = ref.ModelRef.load(tmp_path / "again").lineage
    assert outer["seed"] == 3 and outer["density"] == 0.5
    assert [part[0]["trainer"] for part in outer["parts"]] == ["compose", "sft"]
    assert outer["parts"][0][0]["parts"] == entry["parts"], "a composition of a composition tells of all under it"


def test_merged_it_is_whole_and_says_the_same(base: ref.Base, parts: list[Path], tmp_path: Path) -> None:
    how = {"weights": [1.0, 0.5]}
    composed(base, parts, tmp_path / "beside", how)
    composed(base, parts, tmp_path / "merged", {**how, "merge": True})
    assert ref.ModelRef.load(tmp_path / "merged").adapters == () and load.whole_weights(tmp_path / "merged")
    one, other, bare = logits(tmp_path / "beside", base), logits(tmp_path / "merged", base), logits(None, base)
    assert torch.allclose(one, other, atol=1e-5) and (one - bare).abs().max() > 0.1
    assert ref.ModelRef.load(tmp_path / "merged").lineage[0]["trained"] == "whole"


def test_in_16_bits_the_sum_is_rounded_once(base: ref.Base, parts: list[Path], tmp_path: Path) -> None:
    """Added in bfloat16 a small change would be lost in most weights; added in float32, each is as near as can be."""
    half = replace(base, dtype="bfloat16")
    for part in parts:
        told = ref.ModelRef.load(part)
        (tmp_path / part.name).mkdir()
        for file in part.rglob("*"):
            if file.is_file():
                (tmp_path / part.name / file.relative_to(part)).parent.mkdir(exist_ok=True)
                (tmp_path / part.name / file.relative_to(part)).write_bytes(file.read_bytes())
        replace(told, base=half.as_args()).save(tmp_path / part.name)
    both = [tmp_path / part.name for part in parts]
    composed(half, both, tmp_path / "merged", {"weights": [1.0, 1.0], "merge": True})
    composed(base, parts, tmp_path / "exact", {"weights": [1.0, 1.0], "merge": True})
    rounded = dict(load.left_by(tmp_path / "merged", Path(str(base.path)), None).named_parameters())
    exact = load.left_by(tmp_path / "exact", Path(str(base.path)), None).named_parameters()
    assert all(torch.equal(rounded[name], weight.bfloat16()) for name, weight in exact)


def test_the_proof_of_it_holds_in_a_fresh_process(
    base: ref.Base, parts: list[Path], encoded: Path, pairs: Path, tmp_path: Path
) -> None:
    composed(base, parts, tmp_path / "out", {"weights": [1.0, 0.5]}, encoded=pairs)
    (tmp_path / "proof").mkdir()
    said = {"model": str(tmp_path / "out"), "base": str(base.path), "encoded": str(pairs)}
    code = (
        "import json, sys; from pathlib import Path; from leaven import stages; inputs = json.loads(sys.argv[1]); "
        "print(json.dumps(stages.prove({}, {k: Path(v) for k, v in inputs.items()}, Path(sys.argv[2]))))"
    )
    words = [sys.executable, "-c", code, json.dumps(said), str(tmp_path / "proof")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["reload_max_difference"] <= 1e-4 and (tmp_path / "proof/proof.json").exists()


def test_a_proof_fails_where_another_adapter_lies_there(
    base: ref.Base, parts: list[Path], pairs: Path, tmp_path: Path
) -> None:
    for name, weight in (("one", 1.0), ("other", 0.2)):
        composed(base, parts, tmp_path / name, {"weights": [1.0, weight]}, encoded=pairs)
    file = "adapter/adapter_model.safetensors"
    (tmp_path / "one" / file).write_bytes((tmp_path / "other" / file).read_bytes())
    (tmp_path / "proof").mkdir()
    place = {"model": tmp_path / "one", "base": Path(str(base.path)), "encoded": pairs}
    with pytest.raises(ModelError, match="the artefact is not what was trained"):
        stages.prove({}, place, tmp_path / "proof")


def test_a_training_goes_on_from_a_composition(
    base: ref.Base, parts: list[Path], encoded: Path, pairs: Path, tmp_path: Path
) -> None:
    composed(base, parts, tmp_path / "beside", {"weights": [1.0, 0.5]})
    with pytest.raises(ModelError, match="left another adapter .*r 6 and not 4"):
        trained(base, tmp_path / "wrong", encoded, before=tmp_path / "beside", peft=LORA)
    same = {"r": 6, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"]}
    on = trained(base, tmp_path / "dpo", pairs, "dpo", before=tmp_path / "beside", peft=same, beta=0.1)
    assert [one["trainer"] for one in ref.ModelRef.load(on).lineage] == ["compose", "dpo"]
    assert (logits(on, base) - logits(tmp_path / "beside", base)).abs().max() > 1e-3


def test_trained_on_top_of_a_merged_one_the_adapter_lies_over_the_merged_weights(
    base: ref.Base, parts: list[Path], encoded: Path, tmp_path: Path
) -> None:
    composed(base, parts[:1], tmp_path / "merged", {"weights": [1.0], "merge": True})
    assert torch.allclose(logits(tmp_path / "merged", base), logits(parts[0], base), atol=1e-5)
    on = trained(base, tmp_path / "on", encoded, before=tmp_path / "merged", peft=OTHER)
    other = trained(base, tmp_path / "other", encoded, before=tmp_path / "merged", peft=OTHER, seed=5)
    told = ref.ModelRef.load(on)
    assert told.adapters and load.whole_weights(on) and [one["trainer"] for one in told.lineage] == ["compose", "sft"]
    facts = composed(base, [on, other], tmp_path / "third", {"weights": [1.0, -1.0]})
    assert facts["r"] == 4 and load.whole_weights(tmp_path / "third"), "what lies below is kept"
    with pytest.raises(ModelError, match="adapters 1 and 2 lie over different weights"):
        composed(base, [on, parts[1]], tmp_path / "refused", {"weights": [1.0, 1.0]})


def test_a_snapshot_of_a_part_is_meant_where_it_is_named(base: ref.Base, parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the training left no snapshot at 0.5"):
        composed(base, parts, tmp_path / "out", {"weights": [1.0, 1.0]}, snapshots=[0.5, None])
