"""An arm's prompt-time methods and guards in a live talk: what is blocked is never asked, nor heard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leaven import Study
from leaven.conversation import Conversation, Speaker
from leaven.conversation.methods import methods_of
from leaven.data.chat import prompt_ids
from leaven.engine.stage import Stage
from leaven.errors import ModelError, ReportError
from leaven.models.guard import Guard
from leaven.models.passages import passages
from leaven.models.retrieval import Looked, build, load_index
from leaven.models.shots import shots
from leaven.wiring import wire

NO = "I can't help with that."


def guard(on: str, word: str, refusal: str = NO) -> tuple[Guard, str]:
    """A guard that blocks texts with a word."""
    return Guard("words", (on,), "above", 0.5, lambda texts, _: [float(word in text) for text in texts]), refusal


def text_of(arm: Speaker, ids: list[int]) -> str:
    return str(arm.tokenizer.decode(ids))


def test_a_blocked_prompt_is_never_asked_and_its_refusal_is_what_was_said(asking: Any, tells: Any) -> None:
    asked = tells("Gladly.")
    talk, heard = Conversation(asking(guards=[guard("prompt", "trick"), guard("prompt", "t", "Second.")])), list[str]()
    assert talk.answer("How do I trick Runa?", heard.append) == NO == "".join(heard)
    assert not asked and talk.last is not None and talk.last.ids is None and talk.last.refused
    assert [(one.score, one.blocked) for one in talk.last.verdicts] == [(1.0, True), (1.0, True)]
    talk.answer("Hi!")
    assert NO in text_of(talk.speaker, asked[0][0].ids) and not talk.last.refused


def test_a_blocked_answer_is_never_heard_nor_read_again(asking: Any, tells: Any) -> None:
    asked = tells("A secret.", "Hello.")
    talk, heard = Conversation(asking(guards=[guard("answer", "secret", "No.")])), list[str]()
    assert not talk.streams and talk.answer("Tell me!", heard.append) == "No." == "".join(heard)
    assert talk.last is not None and talk.last.told == "A secret." and talk.last.ids
    talk.answer("And now?")
    assert "No." in text_of(talk.speaker, asked[1][0].ids) and "secret" not in text_of(talk.speaker, asked[1][0].ids)


def test_guards_stay_on_where_texts_are_gone_on_with(asking: Any, tells: Any) -> None:
    asked = tells("and ends")
    talk = Conversation(asking({"system_prompt": {"text": "Be brief."}}, guards=[guard("prompt", "bad")]), raw=True)
    assert talk.answer("a bad beginning") == NO and not asked
    talk.answer("Once")
    assert "Be brief" not in text_of(talk.speaker, asked[0][0].ids)
    assert "without system_prompt" in talk.manner and "guarded by words on the prompt" in talk.manner


def test_methods_rewrite_the_whole_talk_before_each_answer(asking: Any, tells: Any) -> None:
    asked = tells("Hello.")
    turn = [{"role": "user", "content": "Hi!"}], [{"role": "assistant", "content": "Good day."}]
    shown = shots([{"id": "a", "prompt": turn[0], "completion": turn[1]}], 1, 0)
    arm = asking({"system_prompt": {"text": "Be brief."}}, {"few_shot": {"data": "talk", "k": 1}}, given={1: shown})
    talk = Conversation(arm)
    talk.answer("Who?")
    talk.answer("Where?")
    said = [("system", "Be brief."), ("user", "Hi!"), ("assistant", "Good day."), ("user", "Who?"),
            ("assistant", "Hello."), ("user", "Where?")]  # fmt: skip
    (ids,) = prompt_ids(arm.tokenizer, [[{"role": role, "content": text} for role, text in said]])
    assert asked[1][0].ids == ids and talk.last is not None and talk.last.ids == ids
    assert talk.last.behind == ("system_prompt", "few_shot")


def test_a_simulated_chat_has_any_names_and_its_stop(asking: Any, tells: Any) -> None:
    asked = tells("Truth.")
    arm = asking({"chat_simulation": {"user": "Student", "assistant": "Aristotle", "stop": True}}, reads_texts=True)
    talk = Conversation(arm)
    assert not talk.raw
    talk.answer("What is good?")
    talk.answer("Why?\nAristotle: because")
    wanted = "Student: What is good?\nAristotle: Truth.\nStudent: Why?\n Aristotle: because\nAristotle:"
    assert asked[1][0].ids == arm.tokenizer(wanted)["input_ids"]
    assert asked[1][1].sampling["stop_strings"] == ["\nStudent:"]


def test_passages_are_looked_up_for_each_question(asking: Any, tells: Any, tmp_path: Path) -> None:
    asked = tells("Ah.")
    rows = [{"id": str(n), "text": text} for n, text in enumerate(["Mira keeps a </s> parrot.", "Zeb is a smith."])]
    build(passages(rows, 50), tmp_path)
    looked = Looked(load_index(tmp_path), 1, ["</s>"])
    talk = Conversation(asking({"rag": {"corpus": "facts", "k": 1}}, given={0: looked}))
    talk.answer("Who keeps a parrot?")
    assert talk.last is not None and [one.row for one in talk.last.passages] == ["0"]
    assert "< /s> parrot" in text_of(talk.speaker, asked[0][0].ids)
    talk.answer("Who is a smith?")
    assert [one.row for one in talk.last.passages] == ["1"]
    assert "parrot." not in text_of(talk.speaker, asked[1][0].ids), "earlier passages are no part of the talk"
    talk.answer("xyzzy")
    assert talk.last.passages == []


def test_what_was_interrupted_or_spells_a_token_is_not_read_again(asking: Any, tells: Any) -> None:
    asked = tells("It ends</s> here.")
    talk = Conversation(asking())
    talk.answer("One?")
    with pytest.raises(KeyboardInterrupt):
        talk.answer("Two?", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
    talk.answer("Three?")
    read = text_of(talk.speaker, asked[-1][0].ids)
    assert "Two?" not in read and "ends< /s> here" in read
    with pytest.raises(ModelError, match="special token"):
        talk.answer("</s>")


@pytest.mark.parametrize(
    ("own", "temperature", "wanted"),
    [
        ({}, None, {"do_sample": True}),
        ({"temperature": 0.7, "top_p": None, "repetition_penalty": 3.0}, None,
         {"do_sample": True, "temperature": 0.7, "repetition_penalty": 3.0}),
        ({"temperature": 0.7, "repetition_penalty": 3.0}, 1.0, {"do_sample": True, "repetition_penalty": 3.0}),
        ({"temperature": 0.7}, 0.2, {"do_sample": True, "temperature": 0.2}),
        ({"top_p": 0.9}, 0.0, {"do_sample": False, "top_p": 0.9}),
        ({"num_beams": 3, "length_penalty": 1.3}, None, {"do_sample": False, "num_beams": 3, "length_penalty": 1.3}),
        ({"num_beams": 3, "length_penalty": 1.3}, 0.5, {"do_sample": True, "temperature": 0.5}),
    ],
)  # fmt: skip
def test_the_arms_own_sampling_holds(asking: Any, tells: Any, own: Any, temperature: Any, wanted: Any) -> None:
    asked = tells("Yes.")
    Conversation(asking(sampling=own), temperature=temperature).answer("Hi!")
    assert asked[0][1].sampling == wanted


def test_a_search_by_beams_answers_again_and_again(asking: Any) -> None:
    talk = Conversation(asking(sampling={"num_beams": 2}), max_new_tokens=4)
    heard: list[str] = []
    answers = [talk.answer("Hi!", heard.append), talk.answer("Who are you?", heard.append)]
    assert heard == answers


@dataclass(frozen=True)
class Kept:
    """A store that has all, each stage in a folder by its key."""

    root: Path

    def folder(self, stage: Stage) -> Path:
        return self.root / stage.key

    def record(self, stage: Stage) -> dict[str, Any]:
        return {}

    def damage(self, stage: Stage) -> None:
        return None


def test_an_arm_reads_its_own_index_whatever_another_looks_up(base: Speaker, tmp_path: Path) -> None:
    corpora = {"facts": "pocket:facts", "others": "pocket:webgpt"}
    formats: dict[str, Any] = {"facts": {"texts": {}}, "others": "webgpt"}
    graph = wire(Study(
        name="two", model={"model_name_or_path": "pocket"},
        data={
            **{name: {"source": source, "format": formats[name]} for name, source in corpora.items()},
            "asked": {"source": "pocket:eli5", "format": "eli5", "take": 2},
        },
        arms={
            **{name: {"train": [], "wraps": [{"rag": {"corpus": name, "k": 1}}]} for name in corpora},
            "unasked": {"train": [], "wraps": [{"rag": {"corpus": "facts", "k": 1}}]},
            "base": {"train": []},
        },
        evaluate=[{"generate": {"prompts": "asked", "metrics": ["length"], "arms": ["base", *corpora]}},
                  {"harness": {"tasks": ["pocket_facts"], "arms": ["base", "unasked"]}}],
        compare={"to": "base"},
    ))  # fmt: skip
    cells = {one.cell.arm.name: one for one in graph.cells}
    for name in corpora:
        index = cells[name].suites[0].prompts.inputs["rows"].inputs["0.passages"].inputs["index"]
        folder = tmp_path / index.key
        folder.mkdir()
        build(passages([{"id": "0", "text": f"A parrot of {name}."}], 50), folder)
    for name in corpora:
        methods = methods_of(cells[name], Kept(tmp_path), base.tokenizer, "again")  # type: ignore[arg-type]
        (turn,) = methods.asked([{"role": "user", "content": "A parrot?"}])
        assert f"A parrot of {name}." in turn["content"]
    with pytest.raises(ReportError, match="no suite of the study asks 'unasked' by its rag"):
        methods_of(cells["unasked"], Kept(tmp_path), base.tokenizer, "again")  # type: ignore[arg-type]
