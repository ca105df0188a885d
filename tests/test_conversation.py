"""Talking to an arm: what its model is asked from, what is refused, what is forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven import answered, conversation
from leaven.cli import app
from leaven.conversation import Conversation, Speaker, found
from leaven.data.chat import prompt_ids
from leaven.errors import ModelError, ReportError, StudyError
from leaven.generate import hf
from leaven.models import load, ref

TOKENS = ("<|pos|>", "<|neg|>")


@pytest.fixture(scope="module")
def arm() -> Speaker:
    """The embedded model with two control tokens, one of which the arm puts in front."""
    base = replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS)
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return Speaker("good, seed 0", model, tokenizer, [tokenizer.eos_token_id], TOKENS, ("<|pos|>",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[hf.Prompt, hf.Decoding]]:
    """What was asked; each answer is told by its number, and tries to drive the terminal."""
    seen: list[tuple[hf.Prompt, hf.Decoding]] = []

    def generate(
        model: Any, tokenizer: Any, prompts: list[hf.Prompt], how: hf.Decoding, heard: Any = None
    ) -> list[dict[str, Any]]:
        seen.append((prompts[0], how))
        text = f"[red]answer[/red] {len(seen)}\x1b[2J\nand \u202emore"
        return [{"text": text, "tokens": 9, "finish_reason": "stop"}]

    monkeypatch.setattr(hf, "generate", generate)
    return seen


def ids(arm: Speaker, *tokens: str) -> list[int]:
    return [int(arm.tokenizer.convert_tokens_to_ids(token)) for token in tokens]


def test_questions_are_asked_by_the_template_with_what_was_said_before(arm: Speaker, asked: Any) -> None:
    talk = Conversation(arm, max_new_tokens=7)
    first, _ = talk.answer("Who is Mira?"), talk.answer("And where?")
    turns = [("user", "Who is Mira?"), ("assistant", first), ("user", "And where?")]
    (plain,) = prompt_ids(arm.tokenizer, [[{"role": role, "content": said} for role, said in turns]])
    start = 1 if plain[0] == arm.tokenizer.bos_token_id else 0
    (_, how), (prompt, _) = asked
    assert prompt.ids == [*plain[:start], *ids(arm, "<|pos|>"), *plain[start:]]
    assert (how.max_new_tokens, how.sampling, sorted(how.banned)) == (7, {"do_sample": True}, sorted(ids(arm, *TOKENS)))
    assert asked[0][0].sample != asked[1][0].sample, "each answer has noise of its own"
    talk.reset()
    talk.answer("Who is Mira?")
    assert asked[2][0].ids == asked[0][0].ids


def test_a_line_is_gone_on_from_alone(arm: Speaker, asked: Any) -> None:
    talk = Conversation(replace(arm, reads_texts=True), ["<|neg|>"], temperature=0)
    talk.answer("Once")
    talk.answer("")
    bos = arm.tokenizer.bos_token_id
    own = arm.tokenizer("Once", add_special_tokens=False)["input_ids"]
    assert [one.ids for one, _ in asked] == [[bos, *ids(arm, "<|neg|>"), *own], [bos, *ids(arm, "<|neg|>")]]
    assert asked[0][1].sampling == {"do_sample": False}
    assert not Conversation(replace(arm, reads_texts=True), raw=False).raw


def test_tokens_that_it_was_not_trained_with_are_refused(arm: Speaker) -> None:
    with pytest.raises(ModelError, match=r"control token '<\|poss\|>'; it knows <\|pos\|> <\|neg\|>"):
        Conversation(arm, ["<|poss|>"])
    with pytest.raises(ModelError, match="it was trained with none"):
        Conversation(replace(arm, tokens=(), control=()), ["<|pos|>"])
    with pytest.raises(ModelError, match="special token of the model"):
        Conversation(arm).answer("say <|neg|>")


def test_the_oldest_turns_are_left_out_of_a_long_conversation(arm: Speaker, asked: Any) -> None:
    talk = Conversation(arm)
    long = "Who is Mira? " * 20
    for _ in range(4):
        talk.answer(long)
    (note,) = talk.notes()
    assert "oldest turns" in note and not talk.notes()
    context = load.context_length(arm.model.config) or 0
    assert all(len(prompt.ids) + how.max_new_tokens <= context for prompt, how in asked)
    with pytest.raises(ModelError, match=f"this question has .* the model reads {context}"):
        talk.answer(long * 20)
    talk.answer("Who?")


def cell(arm: str, seed: int | None, key: str | None) -> Any:
    named = SimpleNamespace(arm=SimpleNamespace(name=arm), seed=seed)
    return SimpleNamespace(cell=named, artefact=key)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with a trained arm of two seeds, one of them there, one whose training is gone, and an untrained one."""
    cells = [cell("good", 0, "gone"), cell("good", 1, "there"), cell("bad", 0, "gone"), cell("base", None, None)]
    store = SimpleNamespace(record=lambda key: None if key == "gone" else {}, root=Path("store"))
    opened = (SimpleNamespace(cells=cells, study=None), store, Path("runs/small"))
    monkeypatch.setattr(answered, "opened", lambda name, workspace: opened)
    monkeypatch.setattr(answered, "goes_on", lambda study, folder: SimpleNamespace(command="`leaven run small`"))
    monkeypatch.setattr(found, "_loaded", lambda cell, store, again: cell)


@pytest.mark.usefixtures("run")
def test_the_training_that_is_there_speaks() -> None:
    good: Any = conversation.speaker("small", "good")
    assert good.cell.seed == 1
    untrained: Any = conversation.speaker("small", "base", 5)
    assert untrained.cell.seed is None
    with pytest.raises(StudyError, match="no arm 'godo' .*did you mean 'good'"):
        conversation.speaker("small", "godo")
    with pytest.raises(StudyError, match="not trained with seed 7 .there is 0, 1"):
        conversation.speaker("small", "good", 7)
    for seed in (None, 0):
        with pytest.raises(ReportError, match="is not in the store store; `leaven run small` makes it"):
            conversation.speaker("small", "bad", seed)


@pytest.fixture
def told(arm: Speaker, asked: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command on lines of a pipe."""
    monkeypatch.setattr(conversation, "speakers", lambda run, arms, *_: [arm for _ in arms])

    def tell(lines: str | bytes, *options: str) -> Any:
        return CliRunner().invoke(app, ["chat", "small", "good", *options], input=lines)

    return tell


def test_a_pipe_is_answered_and_no_answer_drives_the_terminal(told: Any) -> None:
    done = told("Who?\n\n/reset\nAnd who?\n")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "[red]answer[/red] 1\N{REPLACEMENT CHARACTER}[2J", "and \N{REPLACEMENT CHARACTER}more",
        "[red]answer[/red] 2\N{REPLACEMENT CHARACTER}[2J", "and \N{REPLACEMENT CHARACTER}more",
    ]  # fmt: skip


def test_commands(told: Any, arm: Speaker, asked: Any) -> None:
    done = told("/tokens\n/tokens <|bad|>\n/tokens <|neg|>\n//wrong\nhi\n/tokens none\nho\n/quit\nnever\n", "--raw")
    said = done.stdout.splitlines()
    assert said[:2] == ["in front: <|pos|>; it knows <|pos|> <|neg|>", "in front: <|neg|>; it knows <|pos|> <|neg|>"]
    assert "not trained with the control token '<|bad|>'" in done.stderr
    assert [prompt.ids[1] for prompt, _ in asked[:2]] == ids(arm, "<|neg|>", "<|neg|>")
    assert asked[0][0].ids[2:] == arm.tokenizer("/wrong", add_special_tokens=False)["input_ids"], "a text may begin so"
    assert len(asked) == 3 and asked[2][0].ids[1] not in ids(arm, *TOKENS)


@pytest.mark.parametrize("option", ["--raw", "--no-raw"])
@pytest.mark.parametrize("line", ["/wrong", "/wrong2 it is", "/", "/re-set", "/\x1b[2Jx"])
def test_a_line_that_begins_with_a_slash_and_is_no_command_is_not_asked(
    told: Any, asked: Any, option: str, line: str
) -> None:
    said = told(f"{line}\n", option).stdout
    assert said.startswith("there is no command '/") and "/reset forgets" in said and "\x1b" not in said
    assert not asked


def test_what_is_no_text_and_what_is_stopped(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(b"\xff\xfe who?\n").exit_code == 0

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(hf, "generate", stopped)
    assert told("Who?\n").exit_code == 0


def test_tokens_of_the_command_line_stand_instead_of_the_arms(told: Any, arm: Speaker, asked: Any) -> None:
    told("a\n", "--raw", "--tokens", "<|neg|>", "--tokens", "<|pos|>")
    told("a\n", "--raw", "--tokens", "")
    assert asked[0][0].ids[1:3] == ids(arm, "<|neg|>", "<|pos|>")
    assert asked[1][0].ids[1] not in ids(arm, *TOKENS)
