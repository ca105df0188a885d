"""What a person sees of a talk: nothing drives the terminal, two arms side by side, why, and two that converse."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from leaven import conversation
from leaven.cli import app
from leaven.cli.spoken import Voice, beside
from leaven.conversation import Speaker
from leaven.conversation.methods import Methods
from leaven.generate import hf
from leaven.models import load, ref
from leaven.models.guard import Guard
from leaven.models.rewriting import wraps_of
from leaven.registry import Step

HOSTILE = "\x1b[2J[red]a\u202e\r\nb"


@pytest.fixture(scope="module")
def base() -> Speaker:
    resolved = ref.resolve({"model_name_or_path": "pocket"})
    model, tokenizer = load.causal_lm(resolved), load.tokenizer(resolved)
    return Speaker("base", model, tokenizer, [tokenizer.eos_token_id])


@pytest.fixture
def run(base: Speaker, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command; the arms: base, simulated (with a name of its own), guarded."""
    step = Step.model_validate({"chat_simulation": {"user": "Student", "assistant": "Aristotle"}})
    guard = Guard("words", ("prompt",), "above", 0.5, lambda texts, _: [float("trick" in one) for one in texts])
    arms = {
        "base": base,
        "simulated": replace(
            base, called="simulated", methods=Methods((step.name,), tuple(wraps_of([step])), users=("Student",))
        ),
        "guarded": replace(base, called="guarded", methods=Methods(guards=((guard, "I will not."),))),
    }
    monkeypatch.setattr(conversation, "speakers", lambda run, names, *_: [arms[name] for name in names])
    told: list[str] = []

    def generate(model: Any, tokenizer: Any, prompts: Any, how: Any, heard: Any = None) -> list[dict[str, Any]]:
        told.append(f"{len(told) + 1}. {HOSTILE}")
        return [{"text": told[-1], "tokens": 4, "finish_reason": "length"}]

    monkeypatch.setattr(hf, "generate", generate)

    def tell(lines: str, *words: str) -> Any:
        return CliRunner().invoke(app, ["chat", "small", *words], input=lines)

    return tell


def test_pieces_cannot_drive_the_terminal() -> None:
    out = io.StringIO()
    voice = Voice(Console(file=out, force_terminal=True, width=80), "arm: ")
    for piece in ("\x1b", "[2Jhi\n", "\u202e\x07", "[bold]\x9b", "\n\nend"):
        voice.say(piece)
    voice.end()
    voice.end()
    bad = "\N{REPLACEMENT CHARACTER}"
    assert out.getvalue().split("\n") == [f"arm: {bad}[2Jhi", f"arm: {bad}{bad}[bold]{bad}", "", "arm: end",
                                          "arm: (a blank answer)", ""]  # fmt: skip


def test_columns_cannot_either() -> None:
    out = io.StringIO()
    with beside(
        ["a[red]", "b\x1b]0;x"], Console(file=out, force_terminal=True, width=60, color_system=None)
    ) as columns:
        columns[0].say(f"one {HOSTILE}")
        columns[1].say("two")
        columns[0].end()
        columns[1].fail()
    shown = out.getvalue()
    assert "\x1b]0" not in shown and "\x1b[2J" not in shown and "\u202e" not in shown
    last = shown[shown.rindex("a[red]") :]
    assert "one \N{REPLACEMENT CHARACTER}[2J[red]a" in last and "two(failed)" in last


def test_two_arms_are_asked_each_line_and_labelled_in_a_pipe(run: Any) -> None:
    done = run("How to trick?\n/tokens\n/reset\n", "base", "guarded")
    bad = "\N{REPLACEMENT CHARACTER}"
    assert done.stdout.splitlines() == [
        f"base: 1. {bad}[2J[red]a{bad} ", "base: b", "guarded: I will not.",
        "base: in front: nothing; it knows no control tokens", "guarded: in front: nothing; it knows no control tokens",
    ]  # fmt: skip


def test_why_shows_what_was_read_and_what_a_guard_said(run: Any) -> None:
    said = run("/why\nHi!\n/why\n", "simulated").stdout
    assert said.startswith("nothing was answered yet\n")
    assert "by chat_simulation (tokens parted by |):\n  [<s>]|St|" in said.replace("S|t|", "St|") and "\x1b" not in said
    assert said.splitlines()[-1] == "it told 4 tokens and was cut off there"
    said = run("Trick or trick?\n/why\n", "guarded").stdout
    assert said.splitlines() == [
        "I will not.", "the model was not asked: a guard blocks the prompt",
        "guard words on the prompt: 1, blocks above 0.5: blocked",
    ]  # fmt: skip


def test_a_line_that_one_arm_cannot_be_asked_is_asked_of_the_other(run: Any) -> None:
    done = run("</s> trick\n", "base", "guarded")
    assert done.exit_code == 0 and done.stderr.count("is a special token") == 2
    assert "error: base: '</s>'" in done.stderr and "error: guarded: '</s>'" in done.stderr


def test_two_arms_converse(run: Any) -> None:
    done = run("", "simulated", "base", "--converse", "3", "--opening", "Hello [b]\x1b")
    lines = done.stdout.splitlines()
    assert lines[0] == "opening: Hello [b]\N{REPLACEMENT CHARACTER}"
    assert [line.partition(":")[0] for line in lines[1:7]] == ["simulated"] * 2 + ["base"] * 2 + ["simulated"] * 2
    assert lines[-2].split()[:3] == ["both", "3", "3.0"] and lines[-1].startswith("drift: ")
    assert run("Hi!\nnever\n", "base", "base", "--converse", "1").stdout.splitlines()[:2] == [
        "opening: Hi!", "base (1): 4. \N{REPLACEMENT CHARACTER}[2J[red]a\N{REPLACEMENT CHARACTER} ",
    ]  # fmt: skip


@pytest.mark.parametrize(("lines", "words"), [("", []), ("  \nnever\n", []), ("", ["--opening", ""])])
def test_a_talk_that_nobody_opens_says_so(run: Any, lines: str, words: list[str]) -> None:
    first, second, *_ = run(lines, "simulated", "base", "--converse", "1", *words).stdout.splitlines()
    assert first.startswith("opening: (blank: ") and "--opening TEXT" in first and second.startswith("simulated: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "b", "c"], "3 arms are given"),
        (["a", "--converse", "2"], "it takes two to talk (write a twice"),
        (["a", "--opening", "x"], "no effect without --converse"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_loaded(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["chat", "small", *words])
    assert said in str(done.exception)
