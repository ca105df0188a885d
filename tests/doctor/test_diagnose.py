"""`leaven doctor` from end to end: models that are broken on purpose, and silence where nothing is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.doctor import Asked, Diagnosis, diagnose
from leaven.errors import DataError, LeavenError
from leaven.models import ref
from leaven.registry import Step

SHARED = Path(__file__).parents[2].parent / "shared"
Edit = Callable[[dict[str, Any]], None]


def told(found: Diagnosis) -> list[tuple[str, str]]:
    return [(one.severity, one.check) for one in found.findings]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a copy of the pocket's folder, to break."""
    return Path(shutil.copytree(ref.local_folder("pocket") or Path(), tmp_path / "model"))


def edit(file: Path, **values: Any) -> None:
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, **values}))


@pytest.mark.parametrize("data", [None, "pocket:webgpt", "pocket:eli5", "pocket:pile"])
def test_sound_models_and_data_are_silent(data: str | None) -> None:
    found = diagnose(Asked(model="pocket", data=data))
    assert told(found) == [] and found.counts["rows"] > 0 and found.dumped


def test_a_rewards_training_on_sound_pairs_is_silent() -> None:
    assert told(diagnose(Asked(model="pocket", data="pocket:hh", training="reward"))) == []


def test_pad_that_is_eos_is_followed_to_where_it_hurts(model: Path) -> None:
    edit(model / "tokenizer_config.json", pad_token="</s>")
    edit(model / "generation_config.json", pad_token_id=2)
    found = diagnose(Asked(model=str(model), data="pocket:hh", training="reward"))
    assert set(told(found)) == {
        ("error", "pad"), ("error", "pooling"), ("warning", "collator"), ("warning", "generation_config"),
    }  # fmt: skip
    assert ("warning", "pooling") in told(diagnose(Asked(model=str(model))))


def test_a_turn_that_ends_where_generation_does_not_stop(model: Path) -> None:
    file = model / "chat_template.jinja"
    file.write_text(file.read_text().replace("{{ eos_token }}", "{{ pad_token }}"))
    found = diagnose(Asked(model=str(model), data="pocket:lima"))
    assert told(found) == [("error", "stop")], "told once, not a second time as rows without EOS"
    assert "<pad>" in found.findings[0].evidence
    assert told(diagnose(Asked(model=str(model), data="pocket:lima", eos_token="<pad>")))[0][1] != "stop"


def test_two_bos_in_the_rows_and_none(model: Path) -> None:
    file, text = model / "chat_template.jinja", (model / "chat_template.jinja").read_text()
    file.write_text("{{ bos_token }}" + text)
    assert told(diagnose(Asked(model=str(model), data="pocket:lima"))) == [("error", "bos")]
    file.write_text(text.replace("{{ bos_token }}", ""))
    assert told(diagnose(Asked(model=str(model)))) == [("error", "bos")]


def test_a_template_with_a_syntax_error_stops_there(model: Path) -> None:
    (model / "chat_template.jinja").write_text("{{ bos_token }}\n{% for m in messages %}\n{{ m.content }")
    found = diagnose(Asked(model=str(model), data="pocket:lima"))
    assert told(found) == [("error", "template")] and "Syntax" in found.findings[0].evidence
    assert "in its line 3" in found.findings[0].evidence
    assert told(diagnose(Asked(model=str(model), data="pocket:pile"))) == [], "texts are trained without a template"


def test_ids_beyond_the_embedding_and_a_smaller_config(model: Path) -> None:
    edit(model / "config.json", vocab_size=1000)
    assert told(diagnose(Asked(model=str(model))))[:2] == [("error", "vocabulary")] * 2


def test_another_template_in_the_tokenizers_config(model: Path) -> None:
    edit(
        model / "tokenizer_config.json",
        chat_template="{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}",
    )
    found = diagnose(Asked(model=str(model)))
    assert told(found) == [("warning", "template")] and "tokenizer_config.json" in found.findings[0].message


def test_a_model_that_was_trained_with_another_template(model: Path) -> None:
    (model / "ref.json").write_text(
        json.dumps({"base": {"chat_template": "{{ bos_token }}{{ messages[0].content }}"}, "adapters": []})
    )
    found = diagnose(Asked(model=str(model)))
    assert told(found) == [("error", "template")] and "trained" in found.findings[0].message


def test_a_template_that_a_study_puts_in_the_models_place() -> None:
    assert told(diagnose(Asked(model="pocket", chat_template_path="plain"))) == [("warning", "template")]


def rows(tmp_path: Path, *answers: str) -> str:
    file = tmp_path / "rows.jsonl"
    lines = [{"prompt": "Who is it?", "completion": answer} for answer in answers]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_rows_that_no_training_takes_are_counted(tmp_path: Path) -> None:
    file = rows(tmp_path, "A friend.", "It is </s> so.", "so " * 400, "Nobody.\nUser: and then?")
    found = diagnose(Asked(model="pocket", data=file, max_length=64))
    assert set(told(found)) == {("warning", "rows"), ("warning", "markers")}
    assert found.counts["rows"] == 2 and sum(found.left_out.values()) == 2
    cut = diagnose(Asked(model="pocket", data=file, max_length=64, truncation=True))
    assert ("warning", "cut") in told(cut) and cut.counts["rows"] == 3
    none = diagnose(Asked(model="pocket", data=file, max_length=4))
    assert ("error", "rows") in told(none)


def test_packing_is_tried(tmp_path: Path) -> None:
    assert told(diagnose(Asked(model="pocket", data="pocket:lima", packing="bfd"))) == []
    assert told(diagnose(Asked(model="pocket", data="pocket:lima", packing="wrapped"))) == [("error", "packing")]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for asked in (
        Asked(model=str(tmp_path / "nothing")),
        Asked(model="pocket", data=str(tmp_path / "nothing.jsonl")),
        Asked(model="pocket", data="pocket:webgqt"),
        Asked(model="pocket", data="pocket:pile", training="dpo"),
    ):
        with pytest.raises(LeavenError):
            diagnose(asked)
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"alpha": 1}\n')
    with pytest.raises(DataError, match="--format"):
        diagnose(Asked(model="pocket", data=str(odd)))


def test_a_study_names_model_and_data(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(
        "name: a\nmodel: {model_name_or_path: pocket}\ndata: {talk: {source: 'pocket:lima', format: lima}}\n"
        "arms: {bare: {train: []}, taught: {}}\ntrain: [{sft: {data: talk}}]\n"
        "evaluate: [{generate: {prompts: talk, metrics: [length]}}]\ncompare: {to: bare}\n"
    )
    found = diagnose(Asked(model=str(file), data="talk"))
    assert told(found) == [] and found.format == "lima"
    with pytest.raises(DataError, match="it has: talk"):
        diagnose(Asked(model=str(file), data="tlak"))


def declared(tmp_path: Path, **arms: dict[str, Any]) -> str:
    """Write a study of talk, and of two halves that are mixed; each arm trains as it says."""
    file = tmp_path / "study.yaml"
    study = {
        "name": "a",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "talk": {"source": "pocket:lima", "format": "lima"},
            "other": {"source": "pocket:eli5", "format": "eli5"},
            "both": {"mixture": {"talk": {}, "other": {}}},
        },
        "arms": {"bare": {"train": []}, **{name: {"train": [{"sft": sft}]} for name, sft in arms.items()}},
        "evaluate": [{"generate": {"prompts": "other", "metrics": ["length"]}}],
        "compare": {"to": "bare"},
    }
    file.write_text(json.dumps(study))
    return str(file)


def test_a_study_says_how_long_a_row_may_be(tmp_path: Path) -> None:
    study = declared(tmp_path, wide={"data": "talk", "max_length": 256}, tight={"data": "both", "max_length": 24})
    tight, wide = (diagnose(Asked(model=study, data="talk", max_length=given)) for given in (None, 256))
    assert any("longer than 24 tokens" in reason for reason in tight.left_out)
    (note,) = (one for one in tight.notes if "max_length" in one)
    assert "max_length is 24" in note and "sft in the arm tight" in note and "smallest of 2" in note
    assert not wide.left_out and not any("max_length" in one for one in wide.notes), "what is given goes before"


def test_rows_that_a_study_cuts_are_not_left_out(tmp_path: Path) -> None:
    study = declared(tmp_path, cut={"data": "talk", "max_length": 24, "truncation": True})
    found = diagnose(Asked(model=study, data="talk"))
    assert ("warning", "cut") in told(found) and not any("longer" in reason for reason in found.left_out)


def test_data_that_are_no_json_are_said_to_be_none(tmp_path: Path) -> None:
    junk = tmp_path / "junk.jsonl"
    for line, why in ((b"\x93\x00\xff junk\n", "not UTF-8"), (b"no json\n", "no JSON"), (b"[1]\n", "a JSON list")):
        junk.write_bytes(line)
        with pytest.raises(DataError, match=rf"it is no \.jsonl \(line 1: .*{why}") as said:
            diagnose(Asked(model="pocket", data=str(junk)))
        assert "--format" not in str(said.value)


def test_a_model_and_data_the_other_way_round(tmp_path: Path, model: Path) -> None:
    file, folder = rows(tmp_path, "A friend."), tmp_path / "folder"
    folder.mkdir()
    shutil.copy(file, folder)
    for first, second in ((file, str(model)), (str(folder), str(model)), ("pocket:lima", "pocket"), (file, None)):
        with pytest.raises(DataError, match=r"is no model, and the model comes first: leaven doctor \S+ "):
            diagnose(Asked(model=first, data=second))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared models are not here")
def test_stories_has_no_pad_and_never_saw_its_eos() -> None:
    found = diagnose(Asked(model=str(SHARED / "models" / "stories260K")))
    assert set(told(found)) == {
        ("error", "template"), ("warning", "pad"), ("warning", "generation_config"), ("warning", "untrained"),
    }  # fmt: skip
    plain = diagnose(Asked(model=str(SHARED / "models" / "stories260K"), chat_template_path="plain"))
    assert not plain.errors and ("warning", "collator") in told(plain)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared models are not here")
def test_a_tokenizer_alone_says_what_is_missing() -> None:
    found = diagnose(Asked(model=str(SHARED / "models" / "gpt2-tokenizer")))
    assert told(found) == [("error", "template"), ("warning", "pad")]
    assert any("no config.json" in note for note in found.notes)


def test_as_json() -> None:
    found = diagnose(Asked(model="pocket", data="pocket:lima", format=Step(name="lima"), take=5, rows=1))
    said = json.loads(json.dumps(found.as_dict()))
    assert said["errors"] == 0 and said["counts"]["rows_in"] == 5 and len(said["dumped"]) == 1
