"""What a person sees when something is wrong: one clear line, the exit code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

StudyFile = Callable[[dict[str, Any]], Path]


def leaven(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from leaven.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_check_says_sound(raw: dict[str, Any], study_file: StudyFile) -> None:
    done = leaven("check", study_file(raw))
    assert (done.returncode, done.stdout) == (0, "small: sound (3 arms, 9 runs, 1 suite)\n")


def test_every_problem_at_once_in_and_outside_the_file(raw: dict[str, Any], study_file: StudyFile) -> None:
    raw["data"]["eli5"]["source"] = "pocket:eli6"
    raw["model"]["model_name_or_path"] = "poket"
    raw["compare"]["to"] = "clena"
    done = leaven("check", study_file(raw))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 3 and all(line.startswith("error: ") for line in lines)
    assert all(f"did you mean '{word}'?" in done.stderr for word in ("eli5", "clean"))


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: [", "is no valid YAML"),
        (b"\x80\x81\x00", "is not UTF-8 text"),
        (b"a: !!python/object:os.system x", "the YAML tag"),
        (b"", "a study is a mapping"),
    ],
)
def test_files_that_are_no_studies(tmp_path: Path, verb: str, content: bytes, said: str) -> None:
    (tmp_path / "s.yaml").write_bytes(content)
    done = leaven(verb, "s.yaml", cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_the_models_of_arms_and_profiles_nobody_asked_for_are_checked_too(
    raw: dict[str, Any], study_file: StudyFile
) -> None:
    raw["arms"]["other"] = {"model": {"model_name_or_path": "./nowhere"}}
    raw["profiles"] = {"bad": {"modle": 1}}
    done = leaven("check", study_file(raw))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "'./nowhere' is no folder of a model" in done.stderr and "there is no 'modle' in a study" in done.stderr


def rows(path: Path, *lines: Any) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


GOOD = {"prompt": "Who?", "chosen": "She.", "rejected": "He."}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "is empty"),
        ([{"question": "q", "answer": "a"}], "these columns fit the format eli5"),
        ([{"x": 1}], "they fit no format"),
        ([GOOD, {**GOOD, "chosen": ""}], "row 1: chosen is empty"),
        ([{**GOOD, "rejected": None}], "row 0: rejected is empty (null)"),
        ([["not", "an", "object"]], "row 0: the line is a JSON list"),
    ],
)
def test_bad_data_at_the_head_is_found_by_check(
    raw: dict[str, Any], study_file: StudyFile, tmp_path: Path, lines: list[Any], said: str
) -> None:
    raw["data"]["webgpt"] = {"source": rows(tmp_path / "rows.jsonl", *lines), "format": "preference"}
    done = leaven("check", study_file(raw))
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.e2e
def test_bad_data_in_the_depth_fails_the_run_with_exit_code_1(
    raw: dict[str, Any], study_file: StudyFile, tmp_path: Path
) -> None:
    source = rows(tmp_path / "rows.jsonl", *[GOOD] * 150, {**GOOD, "chosen": None})
    raw["data"]["webgpt"] = {"source": source, "format": "preference"}
    done = leaven("run", study_file(raw), "--workspace", tmp_path / "runs")
    assert done.returncode == 1 and "Traceback" not in done.stderr + done.stdout
    assert "row 150: chosen is empty (null)" in done.stdout and "bad_rows: drop" in done.stdout
    assert "was not measured" in (tmp_path / "runs/small/report.html").read_text()


@pytest.mark.e2e
def test_a_max_length_that_cuts_off_every_answer(raw: dict[str, Any], study_file: StudyFile, tmp_path: Path) -> None:
    raw["train"][0]["sft"]["max_length"] = 4
    done = leaven("run", study_file(raw), "--workspace", tmp_path / "runs")
    assert done.returncode == 1 and "max_length 4 cuts off every answer" in done.stdout


def test_a_workspace_that_cannot_be_written(raw: dict[str, Any], study_file: StudyFile, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = leaven("run", study_file(raw), "--workspace", tmp_path / "file" / "runs")
    assert done.returncode == 1 and "choose a --workspace" in done.stderr and "Traceback" not in done.stderr


def test_a_report_of_no_run_names_those_there_are(tmp_path: Path) -> None:
    done = leaven("report", "nothing", "--workspace", tmp_path)
    assert done.returncode == 1 and "no run is called 'nothing'; there are no runs in" in done.stderr


@pytest.mark.parametrize(
    ("what", "name"),
    [("studies", "quickstart"), ("metrics", "toxicity"), ("treatments", "malign_labels"), ("formats", "hh")],
)
def test_list(what: str, name: str) -> None:
    done = leaven("list", what)
    assert done.returncode == 0 and any(line.startswith(name) for line in done.stdout.splitlines())
    assert leaven("list", "metrix").returncode == 2
