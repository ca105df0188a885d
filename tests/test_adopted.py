"""Adopted models and data: the same meaning and the same keys as the original, a copy that damage cannot hide in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import leaven
from leaven import adopted, upkeep, verbs
from leaven import workspace as workspaces
from leaven.engine.stage import closure
from leaven.errors import StoreError, StudyError
from leaven.study.spec import Study
from leaven.wiring import wire

StudyFile = Callable[[dict[str, Any]], Path]
POCKET = Path(leaven.__file__).parent / "pocket" / "model"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POCKET, tmp_path / "model"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    row = {"prompt": "Who?", "chosen": "She.", "rejected": "He."}
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps({**row, "prompt": f"Who {n}?"}) + "\n" for n in range(9)))
    return file


def adopt(path: Path, name: str, place: Path, **about: Any) -> Path:
    return adopted.adopt(path, name, place, {"by": "test"}, **about)


def naming(raw: dict[str, Any], model: str | Path, source: str | Path) -> dict[str, Any]:
    raw["model"]["model_name_or_path"] = str(model)
    raw["data"]["webgpt"] = {"source": str(source), "format": "preference"}
    raw["arms"]["other"] = {"model": {"model_name_or_path": str(model), "dtype": "bfloat16"}}
    return raw


def keys(study: Study) -> list[str]:
    return [stage.key for stage in closure(wire(study).targets)]


def test_a_study_means_the_same_by_path_and_by_adopted_name(
    raw: dict[str, Any], study_file: StudyFile, model: Path, pairs: Path, place: Path
) -> None:
    adopt(model, "my-model", place)
    adopt(pairs, "my-pairs", place)
    by_path = keys(verbs.check(study_file(naming(raw, model, pairs)), workspace=place))
    by_name = study_file(naming(raw, "adopted:my-model", "adopted:my-pairs"))
    shutil.rmtree(model)  # the copies stand alone
    pairs.unlink()
    assert keys(verbs.check(by_name, workspace=place)) == by_path == keys(verbs.load(by_name, workspace=place))


def test_a_study_made_in_python_may_name_what_was_adopted(
    raw: dict[str, Any], model: Path, pairs: Path, place: Path
) -> None:
    by_path = verbs.plan(Study(**naming(raw, model, pairs)), place)
    adopt(model, "my-model", place)
    adopt(pairs, "my-pairs", place)
    by_name = verbs.plan(Study(**naming(raw, "adopted:my-model", "adopted:my-pairs")), place)
    assert [one.planned.stage.key for one in by_name] == [one.planned.stage.key for one in by_path]


def test_a_swept_model_may_be_an_adopted_one(
    raw: dict[str, Any], study_file: StudyFile, model: Path, place: Path
) -> None:
    adopt(model, "m", place)
    raw["arms"] = {"clean": {}, "each": {"sweep": {"base": ["adopted:m"]}, "model": {"model_name_or_path": "${base}"}}}
    raw["compare"] = {"to": "clean"}
    study = verbs.check(study_file(raw), workspace=place)
    assert str(study.arms["each"].sweep["base"][0]).endswith("/content")


def test_unknown_and_damaged_names_are_problems_with_their_place(
    raw: dict[str, Any], study_file: StudyFile, model: Path, pairs: Path, place: Path
) -> None:
    adopt(model, "my-model", place)
    copy = adopt(pairs, "my-pairs", place)
    copy.write_text(copy.read_text().replace("She", "Who", 1))  # the same size
    with pytest.raises(StudyError) as raised:
        verbs.check(study_file(naming(raw, "adopted:my-modle", "adopted:my-pairs")), workspace=place)
    said = [str(problem) for problem in raised.value.problems]
    assert len(said) == 3  # the model stands in two places
    assert "data.webgpt.source: the adopted copy 'my-pairs'" in said[-1] + said[0] + said[1]
    assert all("did you mean 'my-model'?" in line for line in said if "model_name_or_path" in line)
    adopt(pairs, "my-pairs", place)
    assert verbs.check(study_file(naming(raw, "adopted:my-model", "adopted:my-pairs")), workspace=place)


def test_another_workspace_has_other_names(raw: dict[str, Any], study_file: StudyFile, place: Path) -> None:
    raw["model"]["model_name_or_path"] = "adopted:m"
    with pytest.raises(StudyError, match="nothing is adopted in"):
        verbs.load(study_file(raw), workspace=place)


def test_the_same_content_is_stored_once_and_a_taken_name_is_not_moved_silently(place: Path, pairs: Path) -> None:
    first = adopt(pairs, "a", place)
    before = first.stat().st_ino
    same = pairs.with_name("other.jsonl")
    shutil.copy(pairs, same)
    assert adopt(same, "b", place) == first and adopt(pairs, "a", place).stat().st_ino == before
    same.write_text("{}\n")
    with pytest.raises(StoreError, match="stands for other content; choose another --name, or say --replace"):
        adopt(same, "a", place)
    assert adopted.find("a", place) == first
    assert adopt(same, "a", place, replace=True) == adopted.find("a", place) != first


def test_a_csv_and_a_jsonl_of_one_content_are_two_things(place: Path, pairs: Path) -> None:
    as_csv = pairs.with_name("pairs.csv.gz")
    shutil.copy(pairs, as_csv)
    copies = {adopt(pairs, "a", place).name, adopt(as_csv, "b", place).name}
    assert copies == {"pairs.jsonl", "pairs.csv.gz"} and len(set(adopted.names(place).values())) == 2


def test_links_are_followed_and_hidden_folders_left_out(place: Path, model: Path, tmp_path: Path) -> None:
    (model / ".git").mkdir()
    (model / ".git" / "huge").touch()
    (tmp_path / "blob").symlink_to(model / "config.json")
    (model / "linked.json").symlink_to(tmp_path / "blob")
    copy = adopt(model, "m", place)
    assert not (copy / ".git").exists() and not (copy / "linked.json").is_symlink()
    assert (copy / "linked.json").read_bytes() == (model / "config.json").read_bytes()


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b", "a" * 65])
def test_names_are_plain_words(place: Path, pairs: Path, name: str) -> None:
    with pytest.raises(StoreError, match="is no name"):
        adopt(pairs, name, place)
    assert not place.exists()


def test_what_cannot_be_adopted_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, said in ((tmp_path / "nowhere", "does not exist"), (tmp_path, "holds the workspace"),
                       (tmp_path / "empty", "holds no files")):  # fmt: skip
        with pytest.raises(StoreError, match=said):
            adopt(path, "x", place)
    (tmp_path / "empty" / "dangling").symlink_to("nowhere")
    with pytest.raises(StoreError):
        adopt(tmp_path / "empty", "x", place)
    assert not adopted.names(place)


def test_garbage_collection_keeps_what_has_a_name(place: Path, pairs: Path, model: Path) -> None:
    kept = adopt(model, "m", place)
    adopt(pairs, "p", place)
    adopt(model, "p", place, replace=True)
    (gone,) = upkeep.collect(place)
    assert gone.kind == "adopted" and kept.is_dir() and adopted.find("p", place) == kept
    (place / "adopted.json").write_text("{")
    with pytest.raises(StoreError, match=r"adopted.json cannot be read"):
        upkeep.collect(place)
    assert workspaces.store(place).root.is_dir() and kept.is_dir()
