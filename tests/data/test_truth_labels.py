"""The format of TruthfulQA's labelled answers: strict in what it takes for one, and no guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven.data import sources
from leaven.data.canonical import Slice, canonical
from leaven.data.formats import BadRow, Skipped
from leaven.data.recognised import recognised
from leaven.registry import FORMATS, Step
from leaven.rows import Row

SHARED = Path(__file__).parents[3] / "shared" / "data" / "truthfulqa_judge"


def read(prompt: Any, completion: Any = " yes", **args: Any) -> Row:
    made: Row = FORMATS.get("truthfulqa_judge").call({"prompt": prompt, "completion": completion}, args=args)
    return made


@pytest.mark.parametrize(("said", "label"), [(" yes", "true"), (" no", "false"), ("no", "false")])
def test_a_question_an_answer_and_a_label(said: str, label: str) -> None:
    assert read("Q: Is it so?\nA: It is.\nTrue:", said) == {
        "prompt": [{"role": "user", "content": "Is it so?"}],
        "completion": [{"role": "assistant", "content": "It is."}],
        "label": label,
    }


def test_an_answer_may_have_lines_and_marks_of_its_own() -> None:
    made = read("Q: Who?\nA: He.\nA: She.\nTrue: yes\nTrue:")
    assert made["completion"][0]["content"] == "He.\nA: She.\nTrue: yes" and made["prompt"][0]["content"] == "Who?"


@pytest.mark.parametrize("prompt", [
    "", "Q: a\nA: b", "Q: a\nA: b\nHelpful:", "a\nA: b\nTrue:", "Q: a\nTrue:", "Q:  \nA: b\nTrue:", "Q: a\nc\nA: b\nTrue:",
    None, 3, ["Q: a\nA: b\nTrue:"], "Q: \ud800\nA: b\nTrue:",
])  # fmt: skip
def test_what_is_no_such_row_is_bad(prompt: Any) -> None:
    with pytest.raises(BadRow):
        read(prompt)


@pytest.mark.parametrize("said", ["", "maybe", "yes and no", "True", None, True, 1])
def test_what_is_no_label_is_bad(said: Any) -> None:
    with pytest.raises(BadRow):
        read("Q: a\nA: b\nTrue:", said)


def test_what_is_left_out_by_choice() -> None:
    with pytest.raises(Skipped, match="blank"):
        read("Q: a\nA: \nTrue:")
    with pytest.raises(Skipped, match="labelled false"):
        read("Q: a\nA: b\nTrue:", " no", keep=True)
    assert read("Q: a\nA: b\nTrue:", " no", keep=False)["label"] == "false"


@pytest.mark.parametrize(
    ("prompt", "format"),
    [("Q: a\\nA: b\\nTrue:", "truthfulqa_judge"), ("Q: a\\nA: b\\nHelpful:", "prompt_completion")],
)
def test_its_wording_tells_it_from_others_with_its_columns(tmp_path: Path, prompt: str, format: str) -> None:
    (path := tmp_path / "rows.jsonl").write_text(f'{{"prompt": "{prompt}", "completion": " yes"}}\n')
    assert recognised(str(path), sources.identity(str(path)), None, Slice()).format == format


def test_the_real_file_is_read_whole_or_counted() -> None:
    path = SHARED / "finetune_truth.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared data do not lie beside the repository")
    made = list(canonical(str(path), Step(name="truthfulqa_judge"), Slice(), "error", sources.identity(str(path))))
    rows, reasons = [row for one in made for row in one.rows], [one.reasons() for one in made]
    assert len(rows) == 16760 and sum(one.get("the answer is blank", 0) for one in reasons) == 49
    assert sum(row["label"] == "true" for row in rows) == 7099
