"""What a person sees of the doctor: findings with evidence and remedy, tokens that are marked, the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from leaven.cli import app
from leaven.errors import DataError


def called(*words: str) -> Any:
    return CliRunner().invoke(app, ["doctor", *words], env={"NO_COLOR": "1", "TERM": "dumb"})


def test_a_sound_model_has_nothing_and_shows_its_tokens() -> None:
    done = called("pocket", "pocket:lima", "--rows", "1")
    assert done.exit_code == 0 and "nothing found" in done.output
    assert "[</s>]" in done.output and "<s>|" in done.output and "tokens trained" in done.output
    assert "template, then tokenizer" in done.output


def test_an_error_is_exit_code_1_with_evidence_and_remedy(tmp_path: Path) -> None:
    template = tmp_path / "broken.jinja"
    template.write_text("{{ bos_token }}{% for m in messages %}{{ m.content }")
    done = called("pocket", "--chat-template-path", str(template))
    assert done.exit_code == 1
    assert all(word in done.output for word in ("error [template]", "evidence", "remedy", "1 error"))


def test_the_template_goes_by_both_names() -> None:
    """`probe` calls it --chat-template, and a study chat_template_path."""
    for command in ("doctor", "probe"):
        known = [name for one in get_command(app).commands[command].params for name in one.opts]  # type: ignore[attr-defined]
        assert {"--chat-template", "--chat-template-path"} <= set(known), command
    done = called("pocket", "--chat-template", "plain", "--rows", "0")
    assert done.exit_code == 0 and "template  plain" in done.output


def test_hostile_data_does_not_drive_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"prompt": "a\x1b[31m", "completion": "User: \x1b]0;x\x07 b"}) + "\n")
    done = called("pocket", str(file))
    assert "\x1b]" not in done.output and "\x07" not in done.output


def test_json_is_all_of_it() -> None:
    done = called("pocket", "--json", "--rows", "2")
    said = json.loads(done.output)
    assert said["errors"] == 0 and len(said["dumped"]) == 2 and said["layers"][0]["bos"] == 1


@pytest.mark.parametrize("words", [("--for", "stf"), ("--packing", "dfd"), ("--format", "limma")])
def test_a_wrong_word_is_said(words: tuple[str, str]) -> None:
    done = called("pocket", "pocket:lima", *words)
    assert isinstance(done.exception, DataError) and "did you mean" in str(done.exception)
