"""What a person sees when something is wrong: one clear line, the exit code, no traceback, nothing half-written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.cli.study import _to_go_on
from leaven.engine.machine import Gpu
from leaven.errors import StageError

pytestmark = pytest.mark.e2e  # starts many real processes

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


def test_a_wrong_classifier_is_found_by_check_at_its_place(raw: dict[str, Any], study_file: StudyFile) -> None:
    raw["evaluate"][0]["generate"]["metrics"][1] = {"toxicity": {"classifier": "orcale"}}
    done = leaven("check", study_file(raw))
    (said,) = done.stderr.splitlines()
    assert done.returncode == 2 and "evaluate.0.generate.metrics.1: toxicity's classifier 'orcale'" in said
    assert re.search(r"study.yaml:\d+ evaluate", said) and "did you mean 'oracle'?" in said


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
        ([["not", "an", "object"]], "row 0: the row is a JSON list"),
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
    page = (tmp_path / "runs/small/report.html").read_text()
    assert "Nothing was measured yet." in page and "row 150: chosen is empty" in page


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


# --- plan ------------------------------------------------------------------------------------------------------------


def test_a_plan_says_in_few_lines_what_would_run(raw: dict[str, Any], study_file: StudyFile, tmp_path: Path) -> None:
    done = leaven("plan", study_file(raw), "--workspace", tmp_path / "runs")
    *lines, finds, rises, least = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 14 and not (tmp_path / "runs").exists()
    assert finds.startswith("eli5/toxicity: ") and "3 doses" in rises and least.startswith("Smallest p of the trend")
    assert any(line.startswith("run") and "sft clean/0 and 8 others" in line for line in lines)
    assert lines[-3] == "63 to run, 0 there, 0 not needed any more"
    assert "what 63 stages cost is unknown" in lines[-2]
    assert lines[-1].startswith("memory: the largest stage, ") and "may be used" in lines[-1]
    each = leaven("plan", study_file(raw), "--all", "--workspace", tmp_path / "runs").stdout.splitlines()[:-3]
    assert len(each) == 1 + 63 + 3 and all(line.startswith("run") for line in each[1:-3])
    assert len({line[: line.index("no result yet")].rindex(" ") for line in each[1:-3]}) == 1  # columns are aligned


def test_a_plan_that_does_not_fit_the_machine_has_exit_code_2_and_says_why(
    raw: dict[str, Any], study_file: StudyFile, tmp_path: Path
) -> None:
    done = leaven("plan", study_file(raw), "--memory", "0.01", "--workspace", tmp_path / "runs")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    errors = done.stderr.splitlines()
    assert (
        len(errors) == 1
        and "sft clean/0 and 8 others" in errors[0]
        and all("needs at least 15 MiB of main memory, and 10 MiB may be used" in line for line in errors)
    )
    blocked = [line for line in done.stdout.splitlines() if line.startswith("blocked")]
    assert "needs at least" in blocked[0] and any("rests on sft clean/0" in line for line in blocked)
    assert "18 to run, 0 there, 0 not needed any more, 45 blocked" in done.stdout


def test_more_gpus_than_there_are_cannot_be_asked_for(
    raw: dict[str, Any], study_file: StudyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaven.cli import options

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert options.machine(None, 1, None).gpus == (Gpu("0"),) and options.machine(None, 0, None).gpus == ()
    with pytest.raises(StageError, match="--gpus 2: there are 1"):
        options.machine(None, 2, None)
    done = leaven("plan", study_file(raw), "--gpus", "2")
    assert done.returncode == 1 and "--gpus 2" in done.stderr


# --- run -------------------------------------------------------------------------------------------------------------


def test_the_command_that_goes_on_does_not_discard_again_what_was_just_made() -> None:
    words = ["run", "my study.yaml", "--again", "sft", "--set", "seeds=[0]", "--again=k*", "--again", "--again"]
    assert _to_go_on(words) == "leaven run 'my study.yaml' --set 'seeds=[0]'"


@pytest.mark.e2e
def test_a_run_that_is_terminated_stops_cleanly_and_goes_on(
    raw: dict[str, Any], study_file: StudyFile, tmp_path: Path
) -> None:
    raw["train"][0]["sft"]["num_train_epochs"] = 20
    file, runs = study_file(raw), tmp_path / "runs"
    code = "from leaven.cli import main; main()"
    command = [sys.executable, "-c", code, "run", str(file), "--workspace", str(runs), "--cores", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for _ in range(600):
        if list(runs.glob("store/sft/.partial-*/resume/progress.json")):
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert said.splitlines()[-1] == (
        f"interrupted; the same command goes on where this one stopped: leaven run {file} --workspace {runs} --cores 1"
    )
    status = leaven("status", "small", "--workspace", runs)
    assert status.returncode == 0 and "begun and stopped" in status.stdout and "failed" not in status.stdout


# --- around ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "written", "name"),
    [
        ("mine.yaml", "mine.yaml", "mine"),
        ("my study", "my study.yaml", "my-study"),
        ("store.yml", "store.yml", "my-store"),
    ],
)
def test_init_writes_a_sound_study_and_never_over_another(tmp_path: Path, file: str, written: str, name: str) -> None:
    done = leaven("init", file, cwd=tmp_path)
    assert done.returncode == 0 and f"written: {written}" in done.stdout
    text = (tmp_path / written).read_text()
    assert text.startswith("# Begun from the study quickstart.") and f"\nname: {name}\n" in text
    assert leaven("check", written, cwd=tmp_path).stdout.startswith(f"{name}: sound (6 arms, 18 runs, 1 suite)")
    again = leaven("init", file, cwd=tmp_path)
    assert again.returncode == 2 and "is not overwritten" in again.stderr
    assert (tmp_path / written).read_text() == text


def test_init_from_what_is_not_shipped(tmp_path: Path) -> None:
    for recipe, said in (("quickstrat", "did you mean 'quickstart'?"), ("no.yaml", "`leaven list studies`")):
        done = leaven("init", "--from", recipe, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr and not list(tmp_path.iterdir())


def test_env_says_that_a_token_is_set_and_never_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "token").write_text("hf_other")
    done = leaven("env", "--workspace", tmp_path / "runs")
    said = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert done.returncode == 0 and "secret" not in done.stdout and "hf_" not in done.stdout
    assert (said["HF_TOKEN"], said["HF_HUB_OFFLINE"], said["OPENAI_API_KEY"]) == ("set", "1", "not set")
    assert " there" in done.stdout and int(said["cores"]) >= 1 and "free: " in said["workspace"]


def test_env_imports_no_torch() -> None:
    code = "import sys\nfrom leaven.cli import app\napp(['env'], standalone_mode=False)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
