from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven.cli import app
from leaven.errors import DataError, ModelError
from leaven.models import ref


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def told(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["data", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def said(output: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in output.splitlines() if line.startswith(name))


PAIRS = [
    {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "margin": 1},
    {"prompt": "why", "chosen": "Same.", "rejected": "Same.", "margin": 1},
    {"prompt": "How?", "chosen": "So.", "rejected": "No.", "margin": 0},
    "{broken \x1b[31m",
    {"prompt": "Who?", "chosen": "", "rejected": "x"},
]


def test_a_source_is_told_in_numbers(tmp_path: Path) -> None:
    output = told(jsonl(tmp_path / "rows.jsonl", PAIRS), "--rows", "1")
    assert said(output, "format").startswith("preference (the columns also fit hh)")
    assert said(output, "rows") == "5 rows read, 3 preferences"
    assert said(output, "questions") == "2 different; 1 row repeat one"
    assert said(output, "preferred") == "1 tie, 0 of unknown margin, 1 with equal answers"
    assert said(output, "chosen characters").split() == ["5", "7", "8"]
    assert "left out: 2 rows" in output and "1 x the line is no JSON" in output and "{broken  [31m" in output
    assert "\x1b" not in output
    assert "user: Why?" in output and "chosen: Because." in output and "How?" not in output.split("left out")[0]


def test_a_format_may_be_named_and_a_part_of_the_rows_taken(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": "q", "answer": "a", "prompt": "p", "completion": "c"}] * 9)
    assert said(told(path), "format").startswith("eli5")
    named = told(path, "--format", "prompt_completion", "--take", "4")
    assert said(named, "format").startswith("prompt_completion")
    assert said(named, "rows") == "4 rows of the first 4 read, 4 examples"
    with pytest.raises(DataError, match="no format is called 'prompt_completio'; did you mean 'prompt_completion'"):
        told(path, "--format", "prompt_completio")


LONG = "\n\nHuman: First?\n\nAssistant: Yes.\n\nHuman: Second?\n\nAssistant: "


@pytest.mark.parametrize("written", ["{hh: {turns: last}}", "hh: {turns: last}"])
def test_a_format_takes_arguments_as_in_a_study(tmp_path: Path, written: str) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"chosen": f"{LONG}Good.", "rejected": f"{LONG}Bad."}])
    assert "First?" in told(path, "--format", "hh")
    output = told(path, "--format", written)
    assert said(output, "format").startswith("{hh: {turns: last}} (the columns also fit")
    assert said(output, "rows").endswith("1 preferences") and "Second?" in output and "First?" not in output


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{hh: {turns: frist}}", "--format.hh.turns: 'frist': should be 'all' or 'last'"),
        ("{hh: {turn: last}}", "--format.hh.turn: there is no 'turn' here (did you mean 'turns'?)"),
        ("{hhh: {turns: last}}", "--format: no format is called 'hhh'"),
        ("{hh: {turns: last}", "--format {hh: {turns: last}: is no valid YAML: "),
        ("!!python/object/apply:os.getcwd {}", "is no valid YAML: could not determine a constructor for the tag"),
        ("&a {hh: *a}", "--format.hh.hh: there is no 'hh' here"),
        ("{hh: 3}", "write `name` or `{name: {argument: value}}`"),
        ("{hh: {}, eli5: {}}", "write `name` or `{name: {argument: value}}`"),
    ],
)
def test_a_wrong_argument_of_a_format_is_one_line(tmp_path: Path, written: str, message: str) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"chosen": f"{LONG}Good.", "rejected": f"{LONG}Bad."}])
    with pytest.raises(DataError) as error:
        told(path, "--format", written)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_columns_that_fit_no_format_are_shown_raw(tmp_path: Path) -> None:
    output = told(jsonl(tmp_path / "rows.jsonl", [{"said": "hello\u202e there", "n": 1}]))
    assert said(output, "format") == "none that there is reads these columns"
    assert said(output, "columns") == "said (text), n (number)"
    assert "hello� there" in output


def test_tokens_are_counted_as_a_model_does(tmp_path: Path) -> None:
    rows = [{"question": "Why?", "answer": "Because. " * n} for n in (1, 400)]
    output = told(jsonl(tmp_path / "rows.jsonl", rows), "--model", "pocket", "--max-length", "64")
    assert int(said(output, "tokens").split()[-1].replace(",", "")) > 400
    assert "1 row of 2 longer than 64 tokens" in output


def test_questions_that_another_source_asks_are_counted(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": question, "answer": "a"} for question in ("why", "who")])
    other = jsonl(tmp_path / "other.jsonl", [{"prompt": "Why?\n\nI wonder.", "completion": "c"}])
    assert said(told(path, "--overlap", other), "overlap").startswith("1 row with a question that")


def test_the_pocket_and_a_folder_are_sources(tmp_path: Path) -> None:
    assert said(told("pocket:webgpt"), "format") == "webgpt"
    jsonl(tmp_path / "rows.jsonl", PAIRS)
    assert said(told(str(tmp_path)), "rows").startswith("5 rows read")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.jsonl", "there is no file"),
        ("hub:a/b/c", "is no name of a data set of the hub"),
        ("adopted:nothing", "nothing is adopted under the name 'nothing'"),
    ],
)
def test_what_is_no_source_is_one_line(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        told(source, "--workspace", str(tmp_path))


def test_what_repeats_is_counted(tmp_path: Path) -> None:
    pair = {"prompt": "Why?", "chosen": "Because.", "rejected": "No."}
    output = told(jsonl(tmp_path / "rows.jsonl", [pair, pair, {**pair, "rejected": "Yes."}, {**pair, "chosen": "So."}]))
    assert said(output, "questions") == "1 different; 3 rows repeat one"
    assert said(output, "answers") == "2 different; 2 rows repeat one"
    assert said(output, "duplicates") == "1 row that is an earlier row"


def test_lengths_are_bars_that_hold_every_row(tmp_path: Path) -> None:
    rows = [{"question": "q" * n, "answer": "a" * 20} for n in (1, 5, 6, 100)]
    output = told(jsonl(tmp_path / "rows.jsonl", rows))
    bars = [line.split() for line in output.split("characters  prompt")[1].splitlines()]
    found = {line[0]: [part for part in line[1:] if part.isdigit()] for line in bars if line and "-" in line[0]}
    assert found["4-7"] == ["2", "0"] and found["16-31"] == ["0", "4"] and found["64-127"] == ["1", "0"]


def test_what_a_limit_cuts_off_is_told_in_tokens_and_rows_as_the_model_reads_them(tmp_path: Path) -> None:
    rows = [{"question": "Why?", "answer": "Because.\nSo. " * n} for n in (1, 400)]
    output = told(jsonl(tmp_path / "rows.jsonl", rows), "--model", "pocket", "--max-length", "64", "--rows", "1")
    assert "1 row of 2 longer than 64 tokens (50.0 %); cut off there, " in output and "tokens are lost" in output
    read = output.split("as the model reads it (completion):")[1]
    assert "| User: Why?" in read.replace("<s>", "") and "| So." in read


def bare_model(folder: Path) -> str:
    """Save the pocket's model without its chat template."""
    shutil.copytree(str(ref.local_folder("pocket")), folder)
    (folder / "chat_template.jinja").unlink()
    return str(folder)


def test_a_model_without_a_chat_template_is_said_to_have_none(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": "Why?", "answer": "Because."}])
    output = told(path, "--model", bare_model(tmp_path / "bare"))
    assert said(output, "chat template").startswith("none, so texts are shown and counted bare; training asks for one")
    assert "as the model reads it" not in output
    assert output.split("bare, without a chat template (completion):")[1].split() == ["|", "Why?", "|", "Because."]


def test_the_chat_template_in_use_is_named_and_may_be_given(tmp_path: Path) -> None:
    path, model = jsonl(tmp_path / "rows.jsonl", [{"question": "Why?", "answer": "So."}]), bare_model(tmp_path / "bare")
    assert said(told(path, "--model", "pocket"), "chat template") == "the model's own"
    plain = told(path, "--model", model, "--chat-template-path", "plain")
    assert said(plain, "chat template") == "plain"
    assert "User: Why?" in plain.split("as the model reads it (completion):")[1]
    (tmp_path / "own.jinja").write_text("{% for m in messages %}<{{ m.content }}>{% endfor %}")
    output = told(path, "--model", "pocket", "--chat-template-path", str(tmp_path / "own.jinja"))
    assert said(output, "chat template") == str(tmp_path / "own.jinja")
    assert "| <Why?><So.>" in output.split("as the model reads it (completion):")[1]


def test_a_chat_template_must_be_readable_and_have_a_model(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", PAIRS)
    with pytest.raises(DataError, match="--chat-template-path is the template of a model, so say which: add --model"):
        told(path, "--chat-template-path", "plain")
    with pytest.raises(ModelError, match="chat_template_path 'plian' cannot be read; did you mean 'plain'"):
        told(path, "--model", "pocket", "--chat-template-path", "plian")


def test_words_in_a_row_that_other_sources_have_are_counted_and_quoted(tmp_path: Path) -> None:
    long = "one two three four five six seven eight nine ten eleven twelve thirteen"
    asked = [{"question": f"Tell: {long}?", "answer": "a"}, {"question": "other", "answer": "a"}]
    path = jsonl(tmp_path / "rows.jsonl", asked)
    first = jsonl(tmp_path / "first.jsonl", [{"prompt": "x", "completion": long.upper()}])
    second = jsonl(tmp_path / "second.jsonl", [{"prompt": "Other.", "completion": "y"}])
    output = told(path, "--overlap", first, "--overlap", second)
    lines = output[output.index("overlap") :].splitlines()
    assert lines[0].endswith(f"0 rows with a question that {first} asks")
    assert lines[1].strip().startswith("1 row with 13 words in a row") and lines[2].strip().endswith(f":0: {long}")
    assert lines[3].endswith(f"1 row with a question that {second} asks")
    assert "0 rows with 14 words in a row" in told(path, "--overlap", first, "--ngram", "14")


def test_a_file_without_a_header_is_known_by_what_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "one_test.csv").write_text('"Why, then?",w,x,y,z,C\nWho?,w,x,y,z,A\n')
    (tmp_path / "two_test.csv").write_text("How?,w,x,y,z,B\n")
    output = told(str(tmp_path))
    assert said(output, "format") == "mmlu" and said(output, "rows") == "3 rows read, 3 examples"
    for name, lines in {"one_test": "a,b\n1,2\n", "two_test": "c,d\n1,2\n"}.items():
        (tmp_path / f"{name}.csv").write_text(lines)
    with pytest.raises(DataError, match="have different columns"):
        told(str(tmp_path))


def test_a_plot_is_drawn_where_it_can_be(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", PAIRS)
    assert "drawn: " in told(path, "--plot", str(tmp_path / "a.svg"))
    assert (tmp_path / "a.svg").read_text().count("<svg") == 1
    with pytest.raises(DataError, match="a plot is written as .svg or .png"):
        told(path, "--plot", str(tmp_path / "a.txt"))


def test_a_limit_of_tokens_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--max-length counts tokens, so say whose: add --model"):
        told(jsonl(tmp_path / "rows.jsonl", PAIRS), "--max-length", "9")


def test_a_sample_of_the_rows_is_looked_at(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": "q", "answer": "a"}] * 40)
    assert said(told(path, "--sample", "7"), "rows") == "7 rows of all drawn at random, 7 examples"


def test_the_data_of_a_study_are_listed_with_their_arguments(
    raw: dict[str, Any], study_file: Any, tmp_path: Path
) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"chosen": f"{LONG}Good.", "rejected": f"{LONG}Bad."}])
    raw["data"]["talks"] = {"source": path, "format": {"hh": {"turns": "last"}}}
    assert said(told(str(study_file(raw))), "talks").endswith("  {hh: {turns: last}}")


def test_the_data_of_a_study_are_listed(raw: dict[str, Any], study_file: Any) -> None:
    output = told(str(study_file(raw)))
    assert said(output, "webgpt").split() == ["pocket:webgpt", "webgpt"] and "eli5" in output
