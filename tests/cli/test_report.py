"""report as a person sees it: a page or text, where it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from leaven import answered
from leaven.answer import Answer
from leaven.cli import report as commands
from leaven.errors import StoreError, StudyError
from leaven.report.findings import Findings


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    (tmp_path / "report.html").write_text("<p>the page</p>")
    found = Findings(name="small", question="?", unfinished="1 of 2 stages are done; `leaven run small` goes on.")
    made_again = Answer(tmp_path / "report.html", found, [], [], [])
    monkeypatch.setattr(answered, "answer", lambda name, workspace: made_again)
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


def test_a_folder_that_was_made_for_a_file_is_named(app: typer.Typer, tmp_path: Path) -> None:
    out = tmp_path / "new" / "file"
    said = [CliRunner().invoke(app, ["small", "--out", str(out)]).output.replace("\n", "") for _ in range(2)]
    assert f"made the folder {out.parent}" in said[0] and "made the folder" not in said[1]


def test_what_is_unfinished_is_said_before_the_page(app: typer.Typer) -> None:
    lines = CliRunner().invoke(app, ["small"]).output.splitlines()
    assert lines[0] == "1 of 2 stages are done; `leaven run small` goes on." and lines[1].startswith("report: ")


def test_a_folder_is_no_file_and_is_refused_before_anything_is_made(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("something was made")

    monkeypatch.setattr(answered, "answer", never)
    monkeypatch.setattr(answered, "text", never)
    for words in ((), ("--format", "md")):
        done = CliRunner().invoke(app, ["small", *words, "--out", str(tmp_path)])
        assert isinstance(done.exception, StudyError) and "--out needs a file name" in str(done.exception)


def test_a_place_that_cannot_be_written_is_said_in_a_line(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, ["small", "--format", "md", "--out", "/proc/x.md"])
    assert isinstance(done.exception, StoreError)
    assert str(done.exception) == (
        "--out /proc/x.md: no file can be written there (No such file or directory); name another one"
    )


@pytest.mark.parametrize("words", [("--format", "md"), ("--out", "page.html")])
def test_the_live_page_does_not_ignore_what_it_cannot_do(app: typer.Typer, words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["small", "--live", *words])
    assert isinstance(done.exception, StudyError) and words[0] in str(done.exception)
