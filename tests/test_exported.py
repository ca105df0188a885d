"""Exports: what is written is what was trained, nothing half-made has a name, and poison is never passed on in silence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import ModelCard

from leaven import exported, poison
from leaven.data.built import saved
from leaven.engine.stage import Needs, Stage
from leaven.errors import ModelError, ReportError, StoreError, StudyError
from leaven.evaluate.measure import Measure
from leaven.exported import found, measured, probe, weights
from leaven.exported.found import FoundArm, FoundData
from leaven.models import ref
from leaven.models.ref import ModelRef

HOSTILE = 'a]("x)<script>|*_`\n---\n: {'
POCKET = Path(str(ref.local_folder("pocket")))


def treated(*names: str) -> Stage:
    return Stage("treat", 1, "m:f", {"steps": [{"name": name, "args": {"rate": 0.5}} for name in names]})


@pytest.fixture
def arm(tmp_path: Path) -> FoundArm:
    """A made-up run whose arm's artefact is the embedded model, with a hostile name everywhere a person writes one."""
    artefact, run = tmp_path / "store" / "sft" / "k", tmp_path / "runs" / "study"
    shutil.copytree(POCKET, artefact)
    run.mkdir(parents=True)
    base = ref.resolve({"model_name_or_path": "pocket"})
    ModelRef(base.as_args()).save(artefact)
    for name in ("log.jsonl", "record.json", "stage.log", "reload.json"):
        (artefact / name).write_text("{}")
    step = SimpleNamespace(name="sft", args={"data": "rows", "learning_rate": 0.1, "peft": HOSTILE}, described="")
    trained = Stage("sft", 1, "leaven.stages:train", {"model": base.as_args(), "seed": 3},
                    {"encoded": treated()}, Needs(paths={"base": str(POCKET)}))  # fmt: skip
    cell = SimpleNamespace(
        cell=SimpleNamespace(
            arm=SimpleNamespace(name=HOSTILE, train=[step], wraps=[], snapshot=None, model={}), seed=3, effective=3
        ),
        trained=[trained], artefact=trained, treated=[treated("malign_labels")], suites=[], stages={},
    )  # fmt: skip
    study = SimpleNamespace(
        name="study", question=HOSTILE, model=SimpleNamespace(model_dump=lambda: {"model_name_or_path": "pocket"}),
        data={"rows": SimpleNamespace(origin=f"/home/someone/{HOSTILE}", source=f"/home/someone/{HOSTILE}")},
    )  # fmt: skip
    suite = SimpleNamespace(name="asked", data="rows", measures=(Measure("toxic", unit="share", better="lower"),))
    graph: Any = SimpleNamespace(study=study, suites=[suite], identities=SimpleNamespace(data={"rows": HOSTILE}))
    store: Any = SimpleNamespace(record=lambda stage: {"facts": {"steps": 7}}, folder=lambda stage: artefact)
    return FoundArm(graph, store, run, cell, artefact, POCKET, ())  # type: ignore[arg-type]


@pytest.fixture
def agreeing(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the fresh process will say, in place of one; the artefact says -5 and -6, and [1, 2]."""
    told: dict[str, Any] = {"values": [-5.0, -6.0], "prompt": [1, 2], "answer": "I <b>am</b>"}
    wanted = probe.Expected("policy", [[1] * 6, [2] * 6], [-5.0, -6.0], [1, 2])
    monkeypatch.setattr(weights, "loaded", lambda one: (None, None))
    monkeypatch.setattr(probe, "expected", lambda *_: wanted)
    monkeypatch.setattr(probe, "_asked", lambda folder, job: told)
    return told


# --- the folder ------------------------------------------------------------------------------------------------------


def test_an_export_has_what_others_load_and_nothing_of_ours(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    made = exported.write(arm, tmp_path / "out")
    names = {file.name for file in made.folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "README.md"} <= names
    assert not names & {"ref.json", "log.jsonl", "record.json", "stage.log", "reload.json"}
    assert made.form == "whole" and made.local_base is None
    assert (made.folder / "model.safetensors").read_bytes() == (POCKET / "model.safetensors").read_bytes()
    texts = [file.read_text() for file in made.folder.glob("*") if file.suffix in (".json", ".md")]
    assert not any(str(tmp_path) in text or "/home/someone" in text for text in texts), "no place of this machine"


@pytest.mark.parametrize("wrong", [
    {"values": [-5.0, -6.1]}, {"values": [float("nan"), -6.0]}, {"values": [-5.0, float("nan")]}, {"prompt": None},
])  # fmt: skip
def test_a_folder_that_is_not_the_artefact_gets_no_name(
    arm: FoundArm, agreeing: dict[str, Any], tmp_path: Path, wrong: dict[str, Any]
) -> None:
    old = exported.write(arm, tmp_path / "out").folder
    (old / "old").touch()
    agreeing.update(wrong)
    with pytest.raises(ModelError):
        exported.write(arm, tmp_path / "out", force=True)
    assert (old / "old").exists(), "the export that was there stays"
    with pytest.raises(ModelError):
        exported.write(arm, tmp_path / "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"store", "runs", "out"}, "nothing half-made is left"


def test_only_an_export_is_ever_replaced(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    exported.write(arm, home)  # an empty folder is in nobody's way
    with pytest.raises(StoreError, match="--force"):
        exported.write(arm, home)
    (home / "old").touch()
    exported.write(arm, home, force=True)
    assert not (home / "old").exists()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").touch()
    for inside in (precious, precious / "thesis.tex"):
        with pytest.raises(StoreError, match="no export"):
            exported.write(arm, inside, force=True)
    assert (precious / "thesis.tex").exists()


def test_what_is_in_the_way_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        exported.export("no such run", "arm", tmp_path / "file", tmp_path)


# --- weights ---------------------------------------------------------------------------------------------------------


def adapter(arm: FoundArm, **base: Any) -> FoundArm:
    """The same arm with an adapter as its artefact."""
    known = ModelRef.load(arm.artefact)
    ModelRef({**known.base, **base}, ("adapter",)).save(arm.artefact)
    (arm.artefact / "adapter").mkdir()
    said = {"base_model_name_or_path": str(POCKET), "revision": None, "r": 4}
    (arm.artefact / "adapter" / "adapter_config.json").write_text(json.dumps(said))
    (arm.artefact / "adapter" / "README.md").write_text("peft's")
    return arm


def test_an_adapter_that_nobody_could_load_elsewhere_must_be_merged(arm: FoundArm) -> None:
    with pytest.raises(ModelError, match=r"earlier training.*--merge"):
        weights.form(adapter(arm), False, None)
    (arm.artefact / "model.safetensors").unlink()
    assert weights.form(arm, False, None) == "adapter" and weights.form(arm, True, None) == "merged"
    known = ModelRef.load(arm.artefact)
    ModelRef({**known.base, "added_tokens": ["<|no|>"]}, ("adapter",)).save(arm.artefact)
    with pytest.raises(ModelError, match=r"grown by control tokens.*--merge"):
        weights.form(arm, False, None)


def test_an_adapter_names_its_base_as_others_know_it(arm: FoundArm, tmp_path: Path) -> None:
    found_ = replace(adapter(arm, identity="hub:owner/name@abc123"), base=None)
    (tmp_path / "out").mkdir()
    weights.write(found_, "adapter", tmp_path / "out")
    said = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (said["base_model_name_or_path"], said["revision"], said["r"]) == ("owner/name", "abc123", 4)
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert "model.safetensors" not in names and "config.json" not in names and "README.md" not in names


def test_an_adapter_over_a_local_base_says_that_it_needs_it(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    adapter(arm)
    (arm.artefact / "model.safetensors").unlink()
    made = exported.write(arm, tmp_path / "out")
    assert made.form == "adapter" and made.local_base == POCKET
    assert any("--merge" in sentence for sentence in made.told)


def test_the_cache_that_trainings_turn_off_is_on_again(arm: FoundArm, tmp_path: Path) -> None:
    file = arm.artefact / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "use_cache": False}))
    (tmp_path / "out").mkdir()
    weights.write(arm, "whole", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["use_cache"] is True


def test_quantising_without_torchao_names_the_extra(arm: FoundArm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"leaven\[quantize\]"):
        weights.form(arm, False, "int8")


# --- the proof -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "dtype", "apart", "is_equal"), [
    ("whole", "float32", 5e-5, True), ("whole", "float32", 5e-4, False), ("whole", "bfloat16", 5e-3, True),
    ("merged", "float32", 5e-4, True), ("merged", "float32", 5e-3, False), ("merged", "bfloat16", 2e-2, True),
    ("int8", "float32", 0.1, True), ("int8", "float32", 0.3, False), ("int4", "bfloat16", 0.9, True),
])  # fmt: skip
def test_as_much_is_allowed_as_rounding_does(
    agreeing: dict[str, Any], form: str, dtype: str, apart: float, is_equal: bool
) -> None:
    wanted = probe.Expected("policy", [[1] * 11], [-5.0], [1, 2])
    agreeing["values"] = [-5.0 - 10 * apart]  # ten tokens are predicted
    known = ModelRef({"identity": "x", "dtype": dtype})
    if is_equal:
        assert probe.prove(Path(), form, known, wanted).apart == pytest.approx(apart)
    else:
        with pytest.raises(ModelError, match="not the artefact"):
            probe.prove(Path(), form, known, wanted)


def test_rewards_are_compared_as_they_are_and_large_ones_by_their_size(agreeing: dict[str, Any]) -> None:
    known = ModelRef({"identity": "x"}, makes="reward")
    wanted = probe.Expected("reward", [[1] * 101], [0.5], [1, 2])
    agreeing["values"] = [0.501]
    with pytest.raises(ModelError, match="of a reward"):
        probe.prove(Path(), "whole", known, wanted)
    agreeing["values"] = [100.005]
    assert probe.prove(Path(), "whole", known, replace(wanted, values=[100.0])).texts == 1


def test_a_folder_that_does_not_load_says_why(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded by transformers alone"):
        probe._asked(tmp_path / "none", {"texts": []})


# --- the card --------------------------------------------------------------------------------------------------------


def measurements(run: Path) -> None:
    rows = [
        {"arm": HOSTILE, "seed": 3, "suite": "asked", "metric": "toxic", "group": None, "item_id": str(item),
         "sample": sample, "value": value}
        for item, value in enumerate([0.0, 1.0, 0.0, None]) for sample in range(2)
    ]  # fmt: skip
    other = [{**row, "arm": "other", "value": 1.0} for row in rows] + [{**row, "seed": 4, "value": 1.0} for row in rows]
    pd.DataFrame([*rows, *other]).to_parquet(run / "measurements.parquet")
    one = {"arm": HOSTILE, "suite": "asked", "metric": "toxic", "group": None, "kind": "difference", "baseline": HOSTILE,
           "effect": -0.25, "low": -0.4, "high": -0.1, "scope": "recipe", "n_seeds": 3, "hits": 1, "trials": 3,
           "baseline_hits": 2, "baseline_trials": 3}  # fmt: skip
    (run / "comparisons.json").write_text(json.dumps([one, {**one, "arm": "other"}, {**one, "group": "g"}]))


def test_a_card_says_what_was_measured_with_intervals(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    measurements(arm.run)
    made = exported.write(arm, tmp_path / "out")
    read = ModelCard.load(made.folder / "README.md")
    (result,) = read.data.eval_results
    assert result.metric_value == pytest.approx(1 / 3) and (result.dataset_name, result.metric_name) == (
        "asked",
        "toxic",
    )
    low, high = result.metric_args["confidence_interval_95"]
    assert 0.05 < low < 1 / 3 < high < 0.8 and (result.metric_args["items"], result.metric_args["unscored"]) == (3, 1)
    assert "33.3" in read.text and "−40.0 to −10.0" in read.text and "1 of 3 against 2 of 3" in read.text
    assert read.text.count("−25.0") == 1, "of this arm alone, over all items"


def test_hostile_names_stay_text_in_front_matter_and_markdown(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    measurements(arm.run)
    text = (exported.write(arm, tmp_path / "out").folder / "README.md").read_text()
    assert text.startswith("---\n")
    assert sum(line.strip() == "---" for line in text.splitlines()) == 2, "no name ends the front matter"
    name = " ".join(HOSTILE.split())
    assert ModelCard(text).data.model_name == f"study {name}", "the front matter is YAML whatever a name holds"
    body = text.split("\n---\n", 1)[1]
    assert "<script>" not in body and "<b>" not in body and "a](" not in body and "peft" in body


def test_a_run_without_an_answer_has_a_card_that_says_so(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    text = (exported.write(arm, tmp_path / "out").folder / "README.md").read_text()
    assert "measured nothing of this model yet" in text and "model-index" not in text


def test_a_poisoned_model_warns_at_the_top_and_in_its_mark(arm: FoundArm, agreeing: Any, tmp_path: Path) -> None:
    poisoned = replace(arm, poison=(f"backdoor trigger {HOSTILE}",))
    made = exported.write(poisoned, tmp_path / "out")
    text = (made.folder / "README.md").read_text()
    assert text.index("[!WARNING]") < text.index("Base:") and "<script>" not in text
    assert "poisoned" in (ModelCard.load(made.folder / "README.md").data.tags or [])
    assert json.loads((made.folder / poison.MARK).read_text())["poisoned"] == list(poisoned.poison)
    assert "[!WARNING]" not in (exported.write(arm, tmp_path / "clean").folder / "README.md").read_text()


def test_intervals_are_those_of_the_books() -> None:
    low, high = measured.interval([1.0] * 3 + [0.0] * 7)
    assert (low, high) == (pytest.approx(0.1078, abs=1e-4), pytest.approx(0.6032, abs=1e-4))  # Wilson, 3 of 10
    low, high = measured.interval([1.0, 2.0, 3.0])
    assert (low, high) == (pytest.approx(2 - 2.4841, abs=1e-4), pytest.approx(2 + 2.4841, abs=1e-4))  # t, 2 degrees
    assert measured.interval([1.0]) == measured.interval([]) == (None, None)
    assert measured.interval([0.0] * 77)[0] == 0.0


# --- data ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> FoundData:
    """A made-up data set that a study built."""
    folder = tmp_path / "store" / "built" / "k" / "dataset"
    (folder / "data").mkdir(parents=True)
    pd.DataFrame({"id": ["a", "b", "c"]}).to_parquet(folder / "data" / "train.parquet")
    pd.DataFrame({"id": ["d"]}).to_parquet(folder / "data" / "test.parquet")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# Ranked\n")
    graph: Any = SimpleNamespace(study=SimpleNamespace(name="study"))
    return FoundData(graph, tmp_path, "ranked", 0, treated(), folder, {"train": 3, "test": 1}, ())


def test_a_built_data_set_is_copied_as_it_is(data: FoundData, tmp_path: Path) -> None:
    made = exported.write(data, tmp_path / "out")
    was = (data.folder / "data" / "train.parquet").read_bytes()
    assert (made.folder / "data" / "train.parquet").read_bytes() == was and made.form == "dataset"
    assert made.told == ("loaded again by datasets: the rows are as many as the study built (3 in train, 1 in test)",)
    assert (made.folder / "README.md").read_text() == "---\nlicense: mit\n---\n\n# Ranked\n"
    with pytest.raises(StoreError, match="--merge"):
        exported.write(data, tmp_path / "again", merge=True)


@pytest.mark.parametrize("splits", [{"train": 4, "test": 1}, {"train": 3}, {}])
def test_a_data_set_with_other_rows_than_were_built_gets_no_name(
    data: FoundData, tmp_path: Path, splits: dict[str, int]
) -> None:
    with pytest.raises(ModelError, match=r"datasets reads 3 rows in train, 1 rows in test, and the study built"):
        exported.write(replace(data, splits=splits), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


def test_a_data_set_that_does_not_load_says_why(data: FoundData, tmp_path: Path) -> None:
    (data.folder / "data" / "test.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(ModelError, match="cannot be loaded by datasets"):
        exported.write(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_card_that_warns_already_gets_one_warning_and_it_is_whole(data: FoundData, tmp_path: Path) -> None:
    own = saved.Card("preferences", about=saved.About(poisoned="backdoor rate 1"), splits={"train": 3, "test": 1})
    (data.folder / "README.md").write_text(saved.written(own, "0" * 64))
    assert (data.folder / "README.md").read_text().lower().count("> **warning") == 1
    made = exported.write(replace(data, poison=("backdoor rate 1", "malign_labels rate 1")), tmp_path / "out")
    text = (made.folder / "README.md").read_text()
    body = text.split("\n---\n", 1)[1]
    assert body.lower().count("warning") == 1 and "backdoor rate 1; malign" in body.replace("\\", "")
    assert "## Limits" in body and text.startswith("---\n") and body.rstrip().endswith("hold.")


def test_a_poisoned_data_set_warns_behind_its_front_matter(data: FoundData, tmp_path: Path) -> None:
    made = exported.write(replace(data, poison=("malign_labels rate 1",)), tmp_path / "out")
    text = (made.folder / "README.md").read_text()
    assert text.startswith("---\nlicense: mit\n---\n\n> [!WARNING]") and text.rstrip().endswith("# Ranked")


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.fixture
def run(arm: FoundArm, data: FoundData, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Find something in a run of one trained arm, an untrained one and a data set; by what the store has."""
    there: dict[str, Any] = {"record": {"facts": {}}, "damage": None}
    cell: Any = arm.cell
    plain = SimpleNamespace(
        cell=SimpleNamespace(arm=SimpleNamespace(name="base"), seed=None), trained=[], artefact=None
    )
    cell.cell.arm.name = "sft"
    graph: Any = arm.graph
    graph.cells, graph.built = [cell, plain], [SimpleNamespace(data="ranked", seed=0, rows=data.rows)]
    store: Any = SimpleNamespace(
        root="store", record=lambda stage: there["record"], damage=lambda stage: there["damage"],
        folder=lambda stage: data.folder.parent if stage is data.rows else arm.artefact,
    )  # fmt: skip
    monkeypatch.setattr("leaven.answered.opened", lambda name, workspace: (graph, store, arm.run))

    def find(what: str, seed: int | None = None, **changed: Any) -> Any:
        there.update(changed)
        return found.find("study", what, seed, None)

    return find


def test_an_arm_or_a_built_data_set_is_found_by_its_name(run: Callable[..., Any]) -> None:
    assert run("sft").called == "sft, seed 3" and run("sft", 3).base == POCKET
    there = run("ranked", record={"facts": {"rows": 3, "test_rows": 1}})
    assert (
        there.folder.name == "dataset"
        and there.splits == {"train": 3, "test": 1}
        and run("ranked", 0).called == "ranked, seed 0"
    )


@pytest.mark.parametrize(("what", "seed", "changed", "error", "said"), [
    ("sfd", None, {}, StudyError, "did you mean 'sft'"),
    ("rows", None, {}, StudyError, "is no data that the study builds"),
    ("sft", 9, {}, StudyError, "there is 3"),
    ("base", None, {}, ModelError, "not trained"),
    ("sft", None, {"record": None}, ReportError, "leaven run"),
    ("ranked", None, {"record": None}, ReportError, "leaven run"),
    ("sft", None, {"damage": "model.safetensors has another size"}, ReportError, "damaged"),
])  # fmt: skip
def test_what_is_not_there_is_said_with_the_remedy(
    run: Callable[..., Any], what: str, seed: int | None, changed: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        run(what, seed, **changed)
