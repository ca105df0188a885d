"""report as a person sees it: a page or text, where it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leaven import answered
from leaven.cli import report as commands
from leaven.errors import StoreError


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    (tmp_path / "report.html").write_text("<p>the page</p>")
    monkeypatch.setattr(answered, "report", lambda name, workspace: tmp_path / "report.html")
    monkeypatch.setattr(answered, "text", lambda name, format, workspace: f"{name} as {format}\n")
    made = typer.Typer()
    made.command()(commands.report)
    return made


@pytest.mark.parametrize(("words", "held"), [((), "<p>the page</p>"), (("--format", "csv"), "small as csv\n")])
def test_it_is_written_where_it_was_asked_for(
    app: typer.Typer, tmp_path: Path, words: tuple[str, ...], held: str
) -> None:
    out = tmp_path / "new" / "file"
    done = CliRunner().invoke(app, ["small", *words, "--out", str(out)])
    assert done.exit_code == 0 and out.read_text() == held and str(out) in done.output.replace("\n", "")


def test_without_a_file_text_is_all_that_is_printed(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["small", "--format", "md"]).output == "small as md\n"


def test_a_place_that_cannot_be_written_is_said_in_a_line(app: typer.Typer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["small", "--format", "md", "--out", str(tmp_path)])
    assert isinstance(done.exception, StoreError) and str(tmp_path) in str(done.exception)
