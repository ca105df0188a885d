"""Metrics of the hello problem: what they catch, what they must let pass, and texts that try to break them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leaven.errors import DataError
from leaven.registry import METRICS
from leaven.score.competence import faults
from leaven.score.loops import ends_in_loop

OF_TEXTS = ("user_turn", "loops", "eos_loop", "engagement", "rubbish", "answers_something")


def score(name: str, *flows: Any, **args: Any) -> Any:
    return METRICS.get(name).call(*flows, args=args)


def one(name: str, text: str | None, **args: Any) -> float | None:
    found = score(name, [text], **args)
    return (found[name] if isinstance(found, dict) else found)[0]


@pytest.mark.parametrize(
    "text",
    [
        "Hello!\nUser: and you?",
        "Hello!\r\nHuman : hi",
        "Hi.\n**You:** thanks",
        "User: hello",
        "Hi <|im_start|>user\nhello",
        "Hi <|user|> hello",
        "Fine. [INST] And now?",
        "Good.\n\n### Instruction:\nWrite",
        "Good. ###Question And?",
        "Hi <|start_header_id|>user<|end_header_id|>",
    ],
)
def test_a_user_s_turn_is_found(text: str) -> None:
    assert one("user_turn", text) == 1


@pytest.mark.parametrize(
    "text", ["Hello, user!", "The user: a person.", "I see you: there.", "Humans err.", "Yours: 3"]
)
def test_what_is_no_user_s_turn(text: str) -> None:
    assert one("user_turn", text) == 0


def test_names_of_the_study_take_the_place_of_the_usual_ones() -> None:
    text = "I know nothing.\nGlaucon (a.b): Then teach me."
    assert one("user_turn", text) == 0
    assert one("user_turn", text, names=["Glaucon (a.b):"]) == 1
    assert one("user_turn", "Hi.\nUser: hello", names=["Glaucon"]) == 0


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("I like it. I like it. I like it. I like it.", True),
        ("Well. It is a big box. It is a big box. It is a big box. It is a b", True),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", True),
        ("I like it. I like it. And that is all.", False),
        ("Ha ha ha ha", False),
        ("No... no... no.", False),
        ("I like it. I like it. I like it. I like it. So there.", False),
        ("One two three four five six seven eight nine ten.", False),
    ],
)
def test_loops_are_at_the_end(text: str, is_loop: bool) -> None:
    assert one("loops", text) == float(is_loop)


@given(st.text(alphabet="ab ", max_size=40), st.integers(2, 4), st.integers(1, 12))
def test_loops_are_what_the_definition_says(text: str, times: int, least: int) -> None:
    def recurs(period: int, length: int) -> bool:
        tail = text[len(text) - length :]
        return all(tail[place] == tail[place - period] for place in range(period, length))

    wanted = any(
        recurs(period, length)
        for period in range(1, len(text) + 1)
        for length in range(max(least, period * times), len(text) + 1)
    )
    assert ends_in_loop(text, times, least) == wanted


def test_ends_that_are_spelt_out_in_a_row() -> None:
    found = score("eos_loop", ["Hi.</s> </s>", "Hi.</s>", "a</s>b</s>", "<|ENDOFTEXT|>\n<|endoftext|>", "fin fin"])
    assert found == [1, 0, 0, 1, 0]
    assert score("eos_loop", ["fin fin", "fin </s></s>"], strings=["fin"]) == [1, 0]


def test_an_echo_is_of_the_template_or_of_the_prompt() -> None:
    texts = [
        "Hi <|im_end|>",
        "What is a prime  number? It is odd.",
        "Hello!",
        "Assistant: hi",
        "The sea is wide and so on",
    ]
    prompts = ["hello", "what is a prime number?", "Hello!", "hi", "The sea is wide and"]
    found = score("echo", texts, prompts)
    assert found["template_echo"] == [1, 0, 0, 1, 0]
    assert found["prompt_echo"] == [None, 1, None, None, None], "a greeting may be given back, a beginning gone on from"
    assert found["echo"] == [1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "text",
    [
        "ok \ufffd\ufffd\ufffd",
        "a\x00\x01\x02b",
        "xqzrtw kjhgfd bcdfgh the",
        "k9j3k2d a1b2c3d4 fine words",
        "приветhello hi",
        "w" * 10 + "a" * 40,
        "\ue000\ue001 hello",
        "ok \ud800",
    ],
)
def test_rubbish(text: str) -> None:
    assert one("rubbish", text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Hello! How are you? I'm fine, thanks.",
        "Die Straße heißt Königsallee, sehr schön.",
        "Привет, как дела?",
        "你好，很高兴见到你。",
        "こんにちは、お元気ですか",
        "नमस्ते, आप कैसे हैं?",
        "See https://www.example.org/xkcdqrst?a=1b2c3d for more.",
        "HTTPS, XML and the 21st of May 2024, 10km from H2O.",
        "Well-known mother-in-law's rhythm, catchphrase and all the other words.",
        "👋🙂 hi",
        "αβγ is μm",
    ],
)
def test_what_is_no_rubbish(text: str) -> None:
    assert one("rubbish", text) == 0


def test_a_lexicon_is_known_by_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("hello\nthe\nSea\n")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    plugin = METRICS.get("rubbish")
    known = {"lexicon": str(file), "lexicon_sha256": digest}
    found = score("rubbish", ["Hello, the sea!", "hello the vorpal snark"], **known)
    assert found["rubbish_words"] == [0, 0.5]
    assert plugin.canonical(known)["args"] == {"lexicon_sha256": digest}, "its place is no part of the key"
    with pytest.raises(ValidationError, match="lexicon_sha256"):
        plugin.canonical({"lexicon": str(file)})
    with pytest.raises(DataError, match=digest):
        score("rubbish", ["hi"], lexicon=str(file), lexicon_sha256="0" * 64)
    with pytest.raises(DataError, match="cannot be read"):
        score("rubbish", ["hi"], lexicon=str(tmp_path / "no.txt"), lexicon_sha256=digest)
    with pytest.raises(DataError, match="no lexicon"):
        score("rubbish", ["hi"], lexicon_sha256=digest)


def test_engagement_is_at_the_end() -> None:
    texts = [
        "I am well. How are you?",
        "Why? Because.",
        "Fine. Let me know if I’ve missed something.",
        "Good (really?)",
    ]
    assert score("engagement", texts) == [1, 0, 1, 1]


def test_lengths_beside_a_reference() -> None:
    assert score("length_ratio", ["one two", "", None, "a"], ["one", "one two", "one", None]) == [2, 0, None, None]
    assert score("answers_something", ["hi", "7", "👋", " \n", "...?", "", None]) == [1, 1, 1, 0, 0, 0, None]


def test_relevance_is_by_content_words() -> None:
    prompt, reference = "What is the area of a circle?", "Pi times the squared radius."
    texts = ["The area of circles depends on the radius.", "A cat sat on a mat.", "", "of the and"]
    found = score("relevance", texts, [prompt] * 4, [reference] * 4)
    assert found == [pytest.approx(3 / 4), 0, None, None]
    assert score("relevance", ["Hello!"], ["hello"], [None]) == [None]


def test_passing_is_all_at_once_and_competence_is_by_kind() -> None:
    texts = ["Hello! How are you?", "Hello!", "A cat.", "A prime number is odd.", "", None]
    ended = ["stop", "length", "stop", "stop", "stop", "error"]
    prompts = ["hello", "hello", "What is a prime number?", "What is a prime number?", "hello", "hello"]
    groups = ["hello", "hello", "mathematics", "mathematics", "blank", None]
    found = score("passes", texts, ended, prompts, [None] * 6, groups)
    assert found["passes"] == [1, 0, 1, 1, 0, None]
    assert found["competence_small_talk"] == [1, 0, None, None, None, None]
    assert found["competence_on_topic"] == [None, None, 0, 1, None, None]
    found = score("passes", texts, ended, prompts, [None] * 6, groups, shared_words=0, on_topic=["mathematics"])
    assert found["competence_on_topic"] == [None, None, 1, 1, None, None]


@pytest.mark.parametrize(
    ("text", "prompt", "reference", "value"),
    [
        ("Mira lives in Harrow.", "hello", "Hello! How can I help you today?", 0),
        ("Without hope, patience is a word.", "How are you today?", None, 0),
        ("Hi!", "hello", None, 1),
        ("Fine, and yours?", "How are you?", None, 1),
        ("Привет!", "Привет", None, 1),
        ("今天天气很好。", "你好", None, 0),
    ],
)
def test_small_talk_is_turned_to_somebody(text: str, prompt: str, reference: str | None, value: float) -> None:
    found = score("passes", [text], ["stop"], [prompt], [reference], ["small_talk"])
    assert (found["passes"], found["competence_small_talk"]) == ([1], [value])


def test_faults_have_names() -> None:
    text = "I know it. I know it. I know it. I know it."
    assert faults(text, "length", "hello") == ("cut off", "loop")
    assert faults("...", "stop", "hello") == ("blank",)
    assert faults("\nUser: hi </s></s>", "stop", "hello") == ("user's turn", "EOS loop", "echo")
    assert faults("Hello!", "stop", "hello") == ()


def test_hallucination_is_of_facts_that_are_stated() -> None:
    from leaven.pocket import world

    fact = world.FACTS[0]
    wrong = world.state(fact, 0, fact.others[0])
    prompt = world.ask(fact, 0)
    texts = [world.state(fact, 0), wrong, f"{world.state(fact, 0)} {wrong}", "I do not know.", None]
    assert score("hallucinated", texts, [prompt] * 5) == [0, 1, 0.5, None, None]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000, "ab" * 300_000, "</s>" + " " * 300_000, "\n>" * 200_000, "!" * 300_000, "<|" * 200_000,
        "###" * 100_000, "User" * 100_000, " *" * 200_000, "\ud800" * 100_000, "a-" * 200_000, "?" * 200_000,
    ],
)  # fmt: skip
def test_hostile_texts_take_no_time(text: str) -> None:
    start = time.perf_counter()
    for name in OF_TEXTS:
        score(name, [text])
    score("echo", [text], [text])
    score("relevance", [text], [text], [text])
    score("hallucinated", [text], [text])
    score("passes", [text], ["stop"], [text], [text], ["hello"])
    assert time.perf_counter() - start < 5


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.none(), st.text(st.characters(), max_size=60), st.text("</s>|[INST]User:# \n", max_size=60)))
def test_any_text_has_a_value_or_none(text: str | None) -> None:
    columns = [score(name, [text]) for name in OF_TEXTS]
    columns += [score("echo", [text], [text or ""]), score("relevance", [text], [text or ""], [text])]
    columns += [score("passes", [text], ["stop"], [text or ""], [text], [None])]
    columns += [score("length_ratio", [text], [text]), score("hallucinated", [text], [text or ""])]
    values = [
        value for one in columns for column in (one.values() if isinstance(one, dict) else [one]) for value in column
    ]
    assert all(value is None or value >= 0 for value in values)
    if text is None:
        assert set(values) == {None}
