"""What a run does to its folder before anything is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from leaven import Study, verbs
from leaven.engine import run as engine
from leaven.errors import StoreError, StudyError
from leaven.study.matrix import expand


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", stop)


def begin(raw: dict[str, Any], workspace: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        verbs.run(Study(**raw), workspace)
    return workspace / raw["name"]


def test_an_answer_does_not_outlive_its_study(raw: dict[str, Any], tmp_path: Path, interrupted: None) -> None:
    folder = begin(raw, tmp_path)
    (folder / "report.html").write_text("the answer to the study as it was")
    begin(raw, tmp_path)
    assert (folder / "report.html").exists(), "the same study: its answer stays until there is a newer one"
    begin({**raw, "seeds": [7]}, tmp_path)
    assert not (folder / "report.html").exists()


def test_two_studies_cannot_be_at_work_under_one_name(raw: dict[str, Any], tmp_path: Path, interrupted: None) -> None:
    folder = begin(raw, tmp_path)
    before = (folder / "study.yaml").read_text()
    with FileLock(str(folder / ".events.lock")):
        begin(raw, tmp_path)  # another run of the same study shares the work
        with pytest.raises(StoreError, match="another study of this name is running there"):
            verbs.run(Study(**{**raw, "seeds": [7]}), tmp_path)
    assert (folder / "study.yaml").read_text() == before


def test_the_study_that_is_kept_has_the_arms_of_the_one_that_ran(raw: dict[str, Any], study_file: Any) -> None:
    """A report that is made again must call its arms as the run did: sweeps and arms keep their order."""
    raw["arms"] = {
        "zero": {},
        "a": {"sweep": {"p": [0, 1], "loss": [True]}, "treat": [{"malign_labels": {"rate": "${p}"}}]},
    }
    raw["compare"] = {"to": "zero"}
    made = Study(**raw)
    file = study_file({})
    file.write_text(verbs.to_yaml(made))
    kept = verbs.load(file)
    assert [arm.name for arm in expand(kept)] == ["zero", "a@p=0,loss=true", "a@p=1,loss=true"]
    assert [arm.name for arm in expand(kept)] == [arm.name for arm in expand(made)]


def test_a_lock_that_is_refused_leaves_the_one_that_is_there_as_it_was(raw: dict[str, Any], tmp_path: Path) -> None:
    verbs.lock(Study(**raw), tmp_path)
    file = tmp_path / "small" / "lock.json"
    old = {name: value for name, value in json.loads(file.read_text()).items() if name not in ("by", "seeds", "beside")}
    file.write_text(json.dumps({**old, "by": "lock"}))  # as an older version wrote it
    before = file.read_bytes()
    with pytest.raises(StudyError, match="another block was locked here"):
        verbs.lock(Study(**{**raw, "compare": {**raw["compare"], "primary": ["length"]}}), tmp_path)
    assert file.read_bytes() == before
    file.write_text(json.dumps({**old, "before_results": False}))
    before = file.read_bytes()
    with pytest.raises(StudyError, match="results are there already"):
        verbs.lock(Study(**raw), tmp_path)
    assert file.read_bytes() == before
