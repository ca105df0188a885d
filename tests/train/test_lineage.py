"""What lies under an artefact, and that it is loaded over that and nothing else; the verbs that train on preferences."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError, ModelError
from leaven.models import load, ref, rewarding
from leaven.stages import speaker

Train = Callable[..., dict[str, Any]]
LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}

pytestmark = pytest.mark.e2e  # trains


@pytest.fixture(scope="module")
def encoded(pairs: Dataset, rows: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoded")
    for name, kind, table in (("pairs", "pairs", pairs), ("encoded", "encoded", rows)):
        (folder / name).mkdir()
        lines = [{"id": f"r:{index}", **row} for index, row in enumerate(table)]
        tables.write(folder / name / f"{name}.parquet", kind, lines)
    return {"pairs": folder / "pairs", "encoded": folder / "encoded"}


def trained(
    base: ref.Base, out: Path, name: str, encoded: Path, before: Path | None = None, **args: Any
) -> dict[str, Any]:
    out.mkdir()
    few = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-3, "peft": LORA, **args}
    inputs = {"base": Path(str(base.path)), "encoded": encoded, **({"before": before} if before else {})}
    asked = {"model": base.as_args(), "seed": 0, "trainer": {"name": name, "version": 1, "args": few}}
    return stages.train({**asked, "around": {"report_to": "none"}}, inputs, out)


@pytest.fixture(scope="module")
def chain(base: ref.Base, encoded: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    trained(base, folder / "sft", "sft", encoded["encoded"])
    trained(base, folder / "dpo", "dpo", encoded["pairs"], folder / "sft")
    trained(base, folder / "reward", "reward", encoded["pairs"], folder / "dpo")
    return folder


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_an_artefact_names_every_training_under_it(base: ref.Base, chain: Path) -> None:
    told = ref.ModelRef.load(chain / "reward")
    assert [one["trainer"] for one in told.lineage] == ["sft", "dpo", "reward"] and told.makes == "reward"
    assert {one["base"] for one in told.lineage} == {base.identity}
    assert {(one["trained"], one["seed"]) for one in told.lineage} == {("adapter", 0)}
    file = "adapter/adapter_model.safetensors"
    started = [one["started_from"] for one in told.lineage]
    assert started == [{}, {file: digest(chain / "sft" / file)}, {file: digest(chain / "dpo" / file)}]


def test_an_artefact_of_before_there_was_a_lineage_is_a_policy_without_one(chain: Path, tmp_path: Path) -> None:
    found = json.loads((chain / "sft" / "ref.json").read_text())
    (tmp_path / "ref.json").write_text(json.dumps({name: found[name] for name in ("base", "adapters")}))
    old = ref.ModelRef.load(tmp_path)
    assert (old.makes, old.lineage) == ("policy", ())


def test_what_was_trained_before_there_was_a_lineage_stays_under_what_goes_on_from_it(
    base: ref.Base, chain: Path, encoded: dict[str, Path], tmp_path: Path
) -> None:
    old = Path(shutil.copytree(chain / "sft", tmp_path / "old"))
    found = json.loads((old / "ref.json").read_text())
    (old / "ref.json").write_text(json.dumps({name: found[name] for name in ("base", "adapters")}))
    trained(base, tmp_path / "dpo", "dpo", encoded["pairs"], old, max_steps=1)
    first, second = ref.ModelRef.load(tmp_path / "dpo").lineage
    assert first == {"trainer": "unknown", "trained": "adapter", "base": base.identity}
    assert second["trainer"] == "dpo" and second["started_from"]


def test_an_adapter_is_loaded_over_its_own_base_alone(
    base: ref.Base, chain: Path, encoded: dict[str, Path], tmp_path: Path
) -> None:
    other = Path(shutil.copytree(str(base.path), tmp_path / "other"))
    (other / "config.json").write_text((other / "config.json").read_text() + " ")
    for asked in (load.trained, load.continued):
        with pytest.raises(ModelError, match="the adapter was trained over the base sha256:.*give it its own base"):
            asked(chain / "dpo", other)
    with pytest.raises(ModelError, match="the adapter was trained over the base"):
        rewarding.reward_model(chain / "reward", other)
    another = ref.resolve({"model_name_or_path": str(other)})
    with pytest.raises(ModelError, match="the adapter was trained over the base"):
        trained(another, tmp_path / "out", "dpo", encoded["pairs"], chain / "sft")


def test_the_proof_holds_in_a_fresh_place_and_fails_for_another_artefact(
    base: ref.Base, chain: Path, encoded: dict[str, Path], tmp_path: Path
) -> None:
    place = {"base": Path(str(base.path)), "encoded": encoded["pairs"]}
    for name in ("dpo", "reward"):
        (tmp_path / name).mkdir()
        facts = stages.prove({}, {**place, "model": chain / name}, tmp_path / name)
        assert facts["reload_max_difference"] <= 1e-4 and facts["parameters"] > 900_000
        proof = json.loads((tmp_path / name / "proof.json").read_text())
        assert ("text" in proof) is (name == "dpo"), "a reward model answers nothing"
    mixed = Path(shutil.copytree(chain / "dpo", tmp_path / "mixed"))
    shutil.copyfile(chain / "sft/adapter/adapter_model.safetensors", mixed / "adapter/adapter_model.safetensors")
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match="the artefact is not what was trained"):
        stages.prove({}, {**place, "model": mixed}, tmp_path / "out")


def test_who_judges_is_told_by_what_was_trained(base: ref.Base, chain: Path) -> None:
    path = {"base": Path(str(base.path))}
    assert speaker.judge({}, {**path, "model": chain / "reward"})[2] is True
    assert speaker.judge({}, {**path, "model": chain / "dpo"})[2] is False
    assert speaker.judge({"model": base.as_args()}, path)[2] is False
    with pytest.raises(ModelError, match="this is a reward model"):
        speaker.speaker({}, {**path, "model": chain / "reward"})


def test_rows_of_the_other_kind_are_refused(base: ref.Base, encoded: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dpo reads preferences, and these rows are none"):
        trained(base, tmp_path / "a", "dpo", encoded["encoded"])
    with pytest.raises(DataError, match="sft reads examples, and these rows are none"):
        trained(base, tmp_path / "b", "sft", encoded["pairs"])
