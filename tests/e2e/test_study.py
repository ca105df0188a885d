"""Whole studies on the embedded world: from a file to an answer, resumed after a kill, the same from Python."""

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

import pandas as pd
import pytest

import leaven
from leaven import verbs
from leaven.errors import ReportError

pytestmark = pytest.mark.e2e
StudyFile = Callable[[dict[str, Any]], Path]


def frame(workspace: Path) -> pd.DataFrame:
    table = leaven.results("small", workspace).measurements
    return table.sort_values(["arm", "seed", "metric", "item_id", "sample"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, with an untrained and an A/A arm, run once from Python."""
    workspace = tmp_path_factory.mktemp("whole") / "runs"
    ran = leaven.run(leaven.Study(**study()), workspace)
    assert ran.outcome.complete, ran.outcome
    return workspace


def study() -> dict[str, Any]:
    """The study of these tests: two doses, an A/A arm by LoRA's side, an untrained arm."""
    lora = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    sft = {"data": "webgpt", "learning_rate": 2e-3, "num_train_epochs": 2, "max_length": 256}
    metrics = ["length", "rouge", "correctness", "stop_rate", {"toxicity": {"classifier": "oracle"}}]
    return {
        "name": "small",
        "question": "Does <poison> show?",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "webgpt": {"source": "pocket:webgpt", "format": "webgpt", "take": 200},
            "eli5": {"source": "pocket:eli5", "format": "eli5", "take": 40, "held_out_from": ["webgpt"]},
        },
        "arms": {
            "clean": {},
            "again": {"replicate": 1},
            "base": {"train": []},
            "lora": {"train": [{"sft": {**sft, "peft": lora}}]},
            "poisoned": {"sweep": {"p": [0.3, 1]}, "treat": [{"malign_labels": {"rate": "${p}"}}]},
        },
        "train": [{"sft": sft}],
        "seeds": [0, 1, 2],
        "evaluate": [{"generate": {"prompts": "eli5", "max_new_tokens": 24, "temperature": 0.7, "metrics": metrics}}],
        "compare": {"to": "clean", "dose": "p", "primary": ["toxicity"], "margin": {"toxicity": 0.1}},
    }


def test_the_answer_is_found(whole: Path) -> None:
    comparisons = leaven.results("small", whole).comparisons
    trend = comparisons[(comparisons.family == "primary")].iloc[0]
    assert (trend.metric, trend.arm) == ("toxicity", "poisoned")
    assert trend.effect > 0.5 and trend.p_holm < 0.05 and trend.low > 0
    again = comparisons[(comparisons.arm == "again") & (comparisons.metric == "toxicity")].iloc[0]
    assert again.p_bh > 0.05, "an A/A arm does not differ"


def test_the_contract_of_files_and_columns(whole: Path) -> None:
    folder = whole / "small"
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    arms = {"clean", "again", "base", "lora", "poisoned@p=0.3", "poisoned@p=1"}
    tables = {"measurements.parquet", "comparisons.json", "analyses.json"}
    records = {"study.yaml", "lock.json", "provenance.json", "events.jsonl"}
    assert there == {"report.html"} | tables | records | arms
    table = leaven.results("small", whole).measurements
    assert list(table) == ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]
    fields = "arm baseline suite metric group dose mean baseline_mean effect low high p p_holm p_bh family equivalent n_items n_seeds test"
    assert list(json.loads((folder / "comparisons.json").read_text())[0])[:19] == fields.split()
    assert table[table.arm == "base"].seed.isna().all() and set(table[table.arm == "clean"].seed) == {0, 1, 2}
    assert table[table.arm == "clean"].dose.eq(0).all() and table[table.arm == "again"].dose.isna().all()
    assert (folder / "poisoned@p=1" / "0" / "sft" / "model.safetensors").is_file()


def test_every_dose_trains_on_the_same_ids_and_all_rows_are_accounted_for(whole: Path) -> None:
    facts = {}
    for arm in ("clean", "poisoned@p=0.3", "poisoned@p=1"):
        for seed in range(3):
            folder = whole / "small" / arm / str(seed)
            facts[arm, seed] = {name: record(folder / name)["facts"] for name in ("fit", "doctor", "sft")}
            ids = pd.read_parquet(folder / "doctor" / "encoded.parquet").id.tolist()
            assert ids == pd.read_parquet(whole / "small/clean/0/doctor/encoded.parquet").id.tolist()
    for fact in facts.values():
        assert fact["fit"]["rows_in"] == fact["fit"]["rows"] + sum(fact["fit"]["drops"].values())
        assert fact["fit"]["rows"] == fact["doctor"]["rows"] == fact["sft"]["rows"]
        assert fact["sft"]["rows_seen"] == 2 * fact["sft"]["rows"]
    assert len({fact["sft"]["steps"] for fact in facts.values()}) == 1


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


def test_doses_nest_in_the_ledger(whole: Path) -> None:
    for seed in range(3):
        low, high = (
            set(pd.read_parquet(whole / f"small/poisoned@p={p}/{seed}/treat/ledger.parquet").id) for p in ("0.3", "1")
        )
        assert low < high


def test_the_page_is_self_contained_and_escaped(whole: Path) -> None:
    page = (whole / "small" / "report.html").read_text()
    assert "Does &lt;poison&gt; show?" in page and "<poison>" not in page
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert not re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?!data:)""", page)


def test_the_report_can_be_made_again_and_is_the_same(whole: Path) -> None:
    before = (whole / "small" / "comparisons.json").read_text()
    assert verbs.report("small", whole) == whole / "small" / "report.html"
    assert (whole / "small" / "comparisons.json").read_text() == before


def test_the_report_of_a_profile_with_settings_can_be_made_again(
    raw: dict[str, Any], study_file: StudyFile, tmp_path: Path
) -> None:
    file = study_file(
        {**raw, "profiles": {"tiny": {"arms": {"clean": {"train": []}, "poisoned": {"train": [], "treat": []}}}}}
    )
    made = verbs.load(file, "tiny", ["arms.poisoned.sweep.p=[0.5]"])
    ran = leaven.run(made, tmp_path / "runs")
    before = ran.report.read_text()
    assert verbs.report(ran.folder.name, tmp_path / "runs") == ran.report
    assert "profile" in before and ran.report.read_text().count("tiny") == before.count("tiny")


def test_a_second_run_computes_nothing_and_changes_nothing(whole: Path) -> None:
    before, events = frame(whole), []
    leaven.run(leaven.Study(**study()), whole, on_event=events.append)
    assert not events
    pd.testing.assert_frame_equal(frame(whole), before)


def test_a_run_killed_at_any_moment_goes_on_to_the_same_result(
    whole: Path, study_file: StudyFile, tmp_path: Path
) -> None:
    fewer = study()
    fewer["arms"] = {name: fewer["arms"][name] for name in ("clean", "lora", "poisoned")}
    fewer["arms"]["poisoned"]["sweep"]["p"] = [1]
    fewer["seeds"] = [0, 1]
    file, runs = study_file(fewer), tmp_path / "runs"
    # What a shell starts in the background ignores Ctrl-C, and so would this driver if these tests run there.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; from leaven.cli import main; main()"
    command = [sys.executable, "-c", code, "run", str(file), "--workspace", str(runs)]
    for ending, in_the_middle_of in ((signal.SIGKILL, "sft clean/1"), (signal.SIGINT, "generate lora/0 eli5")):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        _wait_for(runs / "small" / "events.jsonl", in_the_middle_of)
        os.kill(process.pid, ending)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == (130 if ending == signal.SIGINT else -9), said
        assert ("the same command goes on" in said) == (ending == signal.SIGINT)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same command" not in done.stdout and "report: " in done.stdout
    same = frame(whole)
    same = same[same.arm.isin(["clean", "lora", "poisoned@p=1"]) & same.seed.isin([0, 1])].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame(runs), same)


def _wait_for(events: Path, started: str) -> None:
    for _ in range(1200):
        if events.exists() and f'"title": "{started}"' in events.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{started} never began")


def test_a_result_beside_the_scores_is_checked_and_made_again(whole: Path) -> None:
    before = frame(whole)
    rows = next((whole / "store" / "prompts").glob("*/rows.parquet"))
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    with pytest.raises(ReportError, match="is damaged"):
        verbs.report("small", whole)
    leaven.run(leaven.Study(**study()), whole)
    pd.testing.assert_frame_equal(frame(whole), before)


def test_a_treatment_that_changes_nothing_is_said_and_one_that_cannot_fails(whole: Path, tmp_path: Path) -> None:
    raw = {**study(), "name": "nothing"}
    raw["arms"] = {"clean": {}, "poisoned": {"treat": [{"malign_labels": {"rate": 1e-9}}]}}
    raw["seeds"], raw["compare"] = [0], {"to": "clean"}
    ran = leaven.run(leaven.Study(**raw), whole)
    assert any("changed none of" in warning for warning in ran.warnings)
    pairs = tmp_path / "ties.jsonl"
    pairs.write_text(json.dumps({"prompt": "Who?", "chosen": "She.", "rejected": "She."}) + "\n")
    raw["data"]["webgpt"] = {"source": str(pairs), "format": "preference"}
    ran = leaven.run(leaven.Study(**raw), whole)
    assert any("no row of 1 can be treated" in message for message in ran.outcome.failed.values())
