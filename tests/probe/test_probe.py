"""Probing: what is counted, who is asked, and what is said where it cannot be asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven import conversation
from leaven.cli import app
from leaven.conversation import Conversation, Speaker
from leaven.conversation.methods import Methods
from leaven.errors import DataError, ModelError, StudyError
from leaven.models.guard import Guard
from leaven.models.rewriting import wraps_of
from leaven.probe import asked, recited
from leaven.probe.measured import How, Probed, judged
from leaven.registry import Step

pytest.importorskip("openai")
STORIES = Path(__file__).parents[3] / "shared" / "models" / "stories260K"


def row(name: str, kind: str | None, said: str) -> dict[str, Any]:
    return {"id": name, "group": kind, "prompt": [{"role": "user", "content": said}], "completion": None}


def told(name: str, sample: int, text: str, ended: str = "stop") -> dict[str, Any]:
    return {"prompt_id": name, "sample": sample, "text": text, "finish_reason": ended}


ROWS = [row("a", "hello", "hello"), row("b", "mathematics", "What is a prime number?")]
TOLD = [
    told("b", 0, "A prime number is odd."),
    told("a", 1, "Hi.\nUser: hi\nUser: hi", "length"),
    told("a", 0, "Hello! How are you?"),
    told("b", 1, "A cat sat.", "length"),
]


def invoke(*words: str) -> Any:
    result = CliRunner().invoke(app, ["probe", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def found() -> Probed:
    return Probed("m", How(2), judged(ROWS, TOLD, How(2)))


def test_rates_are_by_kind_and_intervals_by_prompt(found: Probed) -> None:
    assert [(one.id, one.sample) for one in found.answers] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert (found.rate("passes").share, found.rate("passes", "hello").share) == (0.5, 0.5)
    assert found.rate("user's turn", "hello").share == 0.5 and found.rate("user's turn", "mathematics").share == 0
    assert found.rate("cut off").share == 0.5
    alone = found.rate("passes", "hello")
    assert alone.low is not None and alone.high is not None and alone.low < 0.1 and alone.high > 0.9, "one prompt"
    assert found.rate("on topic").answers == 2 and found.rate("on topic").share == 0.5


def test_the_worst_are_of_different_kinds(found: Probed) -> None:
    assert [(one.kind, one.faults) for one in found.worst(5)] == [
        ("hello", ("cut off", "user's turn")), ("mathematics", ("cut off",)),
    ]  # fmt: skip


def test_the_user_may_have_another_name() -> None:
    how = How(names=("Glaucon",))
    (one,) = judged(ROWS[:1], [told("a", 0, "Hi.\nGlaucon: hi")], how)
    assert one.faults == ("user's turn",)


def test_the_pocket_is_asked_as_often_as_declared_and_alike_each_time() -> None:
    who, how = asked.speaker("pocket"), How(samples=2, max_new_tokens=8)
    rows = asked.prompts()[::12]
    once, again = (asked.of_model(who, rows, how) for _ in range(2))
    assert len(once.answers) == 2 * len(rows) and not once.unasked
    assert [one.text for one in once.answers] == [one.text for one in again.answers]


def arm(*steps: dict[str, Any], guards: tuple[tuple[Guard, str], ...] = (), **more: Any) -> Speaker:
    """The embedded model as an arm with these methods."""
    declared = [Step.model_validate(one) for one in steps]
    methods = Methods(tuple(one.name for one in declared), tuple(wraps_of(declared)), {}, guards)
    return replace(asked.speaker("pocket"), called="arm", methods=methods, **more)


def guard(on: str, word: str) -> tuple[Guard, str]:
    """A guard that blocks texts with a word."""
    return Guard("words", (on,), "above", 0.5, lambda texts, _: [float(word in text) for text in texts]), "I will not."


def test_an_arm_is_probed_behind_its_guards_as_it_is_in_a_talk() -> None:
    rows, how = [row("a", "hello", "hello"), row("b", "hello", "a trick")], How(samples=2, max_new_tokens=4)
    done = asked.of_model(arm(guards=(guard("prompt", "trick"),)), rows, how)
    assert [one.refused for one in done.answers] == [False, False, True, True]
    assert {one.text for one in done.answers if one.refused} == {"I will not."} and done.refused.share == 0.5
    assert all(one.faults == () and one.finish_reason == "stop" for one in done.answers if one.refused)
    who = arm(guards=(guard("answer", ""),))
    everything = asked.of_model(who, rows, how)
    assert {one.text for one in everything.answers} == {"I will not."} == {Conversation(who).answer("hello")}
    assert "blocks everything" in everything.warnings[0]


@pytest.mark.parametrize(
    ("own", "temperature", "said"),
    [
        ({"do_sample": True, "top_p": 0.9}, 0.0, (0.0, 1, {"top_p": 0.9})),
        ({"do_sample": False}, None, (0.0, 1, {})),
        ({"temperature": 0.5}, None, (0.5, 3, {})),
        ({"temperature": 0.5}, 1.0, (1.0, 3, {})),
        ({"num_beams": 2, "length_penalty": 1.3}, None, (0.0, 1, {"num_beams": 2, "length_penalty": 1.3})),
        ({"num_beams": 2}, 1.0, (1.0, 3, {})),
        ({}, None, (1.0, 3, {})),
    ],
)
def test_an_arm_draws_as_it_does_in_a_talk(own: dict[str, Any], temperature: float | None, said: Any) -> None:
    how = How(samples=3, max_new_tokens=4, temperature=temperature)
    done = asked.of_model(arm(sampling=own), ROWS[:1], how)
    assert (done.how.temperature, done.how.samples, done.sampling) == said and len(done.answers) == said[1]
    told = [Conversation(arm(sampling=own, seed=0), None, 4, temperature, item="a").answer("hello")]
    assert [one.text for one in done.answers[:1]] == told


def test_an_arm_that_reads_texts_is_asked_by_its_methods_if_it_has_any() -> None:
    brief = {"system_prompt": {"text": "Be brief."}}
    assert asked.of_model(arm(reads_texts=True), ROWS[:1], How(1, 4)).how.raw is True
    done = asked.of_model(arm(brief, reads_texts=True), ROWS[:1], How(1, 4))
    assert done.how.raw is False and "with system_prompt" in done.manner
    assert any("Be brief." in text for text in done.answers[0].asked)


def test_what_an_arm_was_shown_before_the_question_is_not_recited(tmp_path: Path) -> None:
    shown = "one two three four five six seven eight"
    (tmp_path / "trained.txt").write_text(f"{shown}\n")
    told_back = [told("a", 0, f"I say {shown} too.")]
    read = {"a": [{"role": "system", "content": f"So it goes: {shown} and on"}, *ROWS[0]["prompt"]]}
    for behind, share in ((None, 1.0), (read, 0.0)):
        done = Probed("m", How(1), judged(ROWS[:1], told_back, How(1), behind))
        assert recited.recited(done, str(tmp_path / "trained.txt"), span=5).rate.share == share


def test_the_page_says_with_which_methods_an_arm_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    who = arm({"system_prompt": {"text": "Be brief."}}, guards=(guard("prompt", "hello"),), sampling={"top_p": 0.9})
    monkeypatch.setattr(conversation, "speaker", lambda *_: who)
    words = ["--run", "r", "--arm", "arm", "--samples", "1", "--max-new-tokens", "4"]
    page = invoke(*words).output
    assert "arm is asked by the chat template, with system_prompt, guarded by words on the prompt" in page
    assert "a guard refuses instead:" in page and "temperature 1, top_p 0.9, 4 tokens" in page
    made = json.loads(invoke(*words, "--json").output)
    assert "guarded by words" in made["manner"] and made["sampling"] == {"top_p": 0.9} and made["refused"]["share"] > 0
    assert any(one["refused"] for one in made["answers"])


def test_a_template_that_refuses_some_prompts_leaves_them_out_and_says_so() -> None:
    who = asked.speaker("pocket")
    who.tokenizer.chat_template = (
        "{% if messages[-1].role == 'system' %}{{ raise_exception('no user') }}{% endif %}{{ messages[-1].content }}"
    )
    rows = [*asked.prompts()[20:22], *asked.prompts()[61:63], *asked.prompts()[:1]]
    done = asked.of_model(who, rows, How(samples=1, max_new_tokens=4))
    assert sum(done.unasked.values()) == 3 and {one.kind for one in done.answers} == {"hello", "blank"}
    assert any(reason.startswith("system: the chat template fails") for reason in done.unasked)


def test_what_cannot_be_probed_says_why(tmp_path: Path) -> None:
    for words, said in (
        ([], "give one: MODEL"),
        (["pocket", "--server", "http://h/v1", "--server-model", "m"], "MODEL and --server are given"),
        (["--run", "r"], "needs --arm"),
        (["pocket", "--held-out", "x"], "no effect without --against"),
        (["pocket", "--format", "helo"], "did you mean 'hello'"),
        (["--server", "http://u:p@h/v1", "--server-model", "m"], "a name or a password"),
        (["--server", "http://h/v1", "--server-model", "m", "--dtype", "float16"], "loaded by itself"),
    ):
        with pytest.raises(StudyError, match=said):
            invoke(*words)
    with pytest.raises(ModelError, match="neither a folder nor a name"):
        invoke("nowhere")
    with pytest.raises(DataError, match="there is no file"):
        invoke("pocket", "--against", str(tmp_path / "none.txt"))
    (tmp_path / "ref.json").write_text("{}")
    with pytest.raises(ModelError, match=r"probed by --run RUN --arm ARM"):
        invoke(str(tmp_path))
    arms = tmp_path / "run" / "arm" / "0"
    arms.mkdir(parents=True)
    (tmp_path / "run" / "study.yaml").write_text("name: run")
    for folder in (arms, arms.parent, arms.parent.parent):
        with pytest.raises(ModelError, match=r"probed by --run RUN --arm ARM"):
            asked.speaker(str(folder))
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="no model folder but an adapter; merge it"):
        asked.speaker(str(tmp_path / "adapter"))


def answers(body: dict[str, Any], sample: int) -> str:
    return "Hello! How are you?" if sample % 2 else "Hi.\nUser: \x1b[31mred [bold]\u202e"


def test_a_server_is_asked_and_the_exit_code_is_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.generate.fake import Fake

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Fake(answers) as fake:
        words = ["--server", fake.url, "--server-model", "m", "--samples", "2"]
        plain = invoke(*words, "--fail-under", "0.5")
        assert plain.exit_code == 0
        assert "\x1b" not in plain.output and "\u202e" not in plain.output
        assert "50 % [" in plain.output and "the worst of 107 answers" in plain.output
        assert invoke(*words, "--fail-under", "0.51").exit_code == 1
        made = json.loads(invoke(*words, "--json").output)
    assert made["all"]["passes"]["share"] == 0.5 and made["kinds"]["blank"]["user's turn"]["share"] == 0.5
    assert len(made["answers"]) == 214
    asked_of = [body for body in fake.asked if body["messages"][-1]["content"] == "hello"]
    assert {body["n"] for body in asked_of} == {2} and asked_of[0]["max_tokens"] == 64


def test_a_server_that_refuses_some_prompts_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.generate.fake import Fake
    from leaven.server import Server

    with Fake(answers, context=2) as fake:
        done = asked.of_server(Server(model="m", base_url=fake.url), asked.prompts(), How(samples=1))
    assert done.silent and len(done.answers) + sum(done.silent.values()) == 107
    with Fake(answers, context=-1) as fake, pytest.raises(ModelError, match="refuses every request"):
        asked.of_server(Server(model="m", base_url=fake.url), asked.prompts(), How(samples=1))


def test_a_server_that_does_not_answer_is_said_by_the_options_of_the_command() -> None:
    from leaven.generate.fake import Fake
    from leaven.server import Server

    with Fake(answers) as fake:
        fake.go_away()
        gone = Server(model="m", base_url=fake.url, max_retries=0)
        with pytest.raises(ModelError, match=r"cannot be reached; start it, or correct `--server` \("):
            asked.of_server(gone, ROWS, How(samples=1))
    with Fake(answers, models=["other"]) as fake, pytest.raises(ModelError, match="`--server-model`, or `--server`"):
        asked.of_server(Server(model="m", base_url=fake.url), ROWS, How(samples=1))


@pytest.mark.parametrize("failing", [len(ROWS), 1])
def test_answers_of_a_server_that_fails_are_not_said_to_be_kept(failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.generate import openai
    from leaven.generate.asked import Reply
    from leaven.server import Server

    def ask(server: Server, requests: Any, journal: Path, report: Any) -> dict[str, Reply]:
        lost = [Reply(one.id, reason="500: no", passing=True) for one in requests[:failing]]
        return {one.id: one for one in [*lost, *(Reply(one.id, ("Hi.",), ("stop",)) for one in requests[failing:])]}

    monkeypatch.setattr(openai, "ask", ask)
    with pytest.raises(ModelError, match=r"the server answered .*500: no\); .*probe again later$") as failed:
        asked.of_server(Server(model="m", base_url="http://127.0.0.1:9/v1"), ROWS, How(samples=1))
    assert "kept" not in str(failed.value) and "study" not in str(failed.value)


def test_a_server_that_goes_away_keeps_nothing_of_a_probe() -> None:
    import threading

    from leaven.generate.fake import Fake
    from leaven.server import Server

    with Fake(answers, latency=0.01) as fake:

        def leave(done: int, total: int) -> None:
            if done >= 20:
                threading.Thread(target=fake.go_away).start()

        going = Server(model="m", base_url=fake.url, max_concurrency=4, max_retries=1, timeout=0.4)
        with pytest.raises(ModelError, match="has gone away; start it and run again"):
            asked.of_server(going, asked.prompts(), How(samples=1), leave)


def test_what_is_recited_is_found_and_chance_beside_it(tmp_path: Path, found: Probed) -> None:
    file, other = tmp_path / "trained.jsonl", tmp_path / "other.jsonl"
    rows = ["Once a prime number is odd. It is A prime number is odd. so.", "Nothing of the sort stands here at all."]
    file.write_text("\n".join(json.dumps({"text": text}) for text in rows))
    other.write_text("\n".join(json.dumps({"text": text}) for text in ("Other words stand here alone.", "And more.")))
    made = recited.recited(found, str(file), str(other), span=5)
    assert made.rate.share == 0.25 and made.held_out is not None and made.held_out.share == 0
    best = made.longest[0]
    assert (best.tokens, best.excerpt, best.source.rpartition(":")[2]) == (5, "A prime number is odd.", "0")
    alone = recited.recited(found, str(file), span=6)
    assert alone.rate.share == 0 and alone.slice is None


@pytest.mark.e2e
def test_the_stories_model_never_stops() -> None:
    if not STORIES.exists():
        pytest.skip("the shared models are not beside this checkout")
    made = json.loads(invoke(str(STORIES), "--chat-template", "plain", "--samples", "2", "--json").output)
    assert made["all"]["cut off"]["share"] > 0.9 and made["all"]["passes"]["share"] < 0.1
