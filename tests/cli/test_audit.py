"""audit as a person sees it; the run is a double of what the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from leaven import answered
from leaven.cli import audit as commands
from leaven.report.findings import Findings, SampleInfo

app = typer.Typer()
app.command()(commands.audit)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    samples = [
        SampleInfo("clean", 0, f"Why {i}?", f"text of {i}", suite="qa", item_id=f"i{i}", scores={"toxicity": i % 2})
        for i in range(20)
    ]
    found = Findings(name="small", question="q", primary=["toxicity"], samples=samples)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "study.yaml").write_text("name: small\n")
    monkeypatch.setattr(answered, "findings", lambda study, workspace: found)
    return tmp_path


def audited(workspace: Path, typed: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["small", "--workspace", str(workspace), "--n", "10", *options], input=typed)


def test_the_end_of_the_input_says_what_is_kept_and_how_to_go_on(workspace: Path) -> None:
    done = audited(workspace, "y\nn\n")
    assert done.exit_code == 1 and "Aborted" not in done.output
    last = done.stdout.splitlines()[-1]
    assert last.startswith("stopped: 2 of 10 answers done, and kept in ") and "audit-qa-toxicity.jsonl" in last
    assert "leaven audit small --metric qa/toxicity --n 10 --seed 0 --workspace" in last


def test_what_is_no_answer_is_asked_again_without_the_text(workspace: Path) -> None:
    done = audited(workspace, "\nyellow\nb\nyes\n")
    assert "'yellow' is no answer: y yes, n no" in done.stdout and "there is nothing to go back to" in done.stdout
    assert done.stdout.count("1 of 10 ─") == 1 and done.stdout.count("2 of 10 ─") == 1


def test_a_draw_that_nobody_labelled_is_drawn_anew(workspace: Path) -> None:
    assert "0 of 10 answers" in audited(workspace, "").stdout
    assert "0 of 6 answers" in audited(workspace, "y\n", "--n", "6").stdout
    assert "goes on with the 6 answers drawn with seed 0" in audited(workspace, "").stdout
