"""Real output of lm-eval 0.4.13 (our own tasks, two tiny models, the first documents of each), and files that lie."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ReportError
from leaven.readers import Brought, read
from leaven.readers.lm_eval_line import parse

DATA = Path(__file__).parent / "data" / "lm_eval"
STORIES = DATA / "stories"
Write = Callable[..., Path]


def line(doc_id: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "doc_id": doc_id, "target": "yes", "filter": "none", "metrics": ["exact_match"], "exact_match": 1.0,
        "arguments": {"gen_args_0": {"arg_0": f"Question {doc_id}?", "arg_1": {"until": ["."]}}},
        "resps": [["yes"]], "filtered_resps": ["yes"], "doc_hash": f"d{doc_id}", "prompt_hash": "p", "target_hash": "t",
    } | more  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def made(*lines: Any, name: str = "samples_task_2026-01-01T00-00-00.jsonl") -> Path:
        file = tmp_path / name
        file.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
        return file

    return made


def values(brought: Brought, suite: str, metric: str) -> list[float]:
    table = brought.measurements
    return list(table[(table["suite"] == suite) & (table["metric"] == metric)]["value"])


def raw(task: str) -> list[dict[str, Any]]:
    (file,) = STORIES.glob(f"samples_{task}_*.jsonl")
    return [json.loads(one) for one in file.read_text().splitlines()]


def test_a_folder_is_read_as_lm_eval_scored_it() -> None:
    brought = read(STORIES)
    assert (brought.kind, brought.label, brought.arms) == ("lm-eval", "stories260K", ["stories260K"])
    found = set(brought.measurements[["suite", "metric"]].itertuples(index=False, name=None))
    assert found == {
        ("stories", "acc"), ("stories", "acc_norm"), ("story_text", "bits_per_byte"), ("story_thrice", "exact_match"),
        ("story_word", "exact_match,strict-match"), ("story_word", "exact_match,flexible-extract"),
    }  # fmt: skip
    assert values(brought, "stories", "acc") == [
        one["acc"] for task in ("story_away", "story_home") for one in raw(task)
    ]
    strict = [one["exact_match"] for one in raw("story_word") if one["filter"] == "strict-match"]
    assert values(brought, "story_word", "exact_match,strict-match") == strict
    assert brought.measurements["seed"].isna().all(), "nobody knows how a foreign model was trained"


def test_tasks_that_lm_eval_aggregates_are_groups_of_one_suite_and_else_suites(tmp_path: Path) -> None:
    table = read(STORIES).measurements
    assert set(table[table["suite"] == "stories"]["group"]) == {"story_home", "story_away"}
    (home,) = STORIES.glob("samples_story_home_*")
    alone = read(home).measurements
    assert set(alone["suite"]) == {"story_home"} and alone["group"].isna().all()
    for file in STORIES.iterdir():
        if "story_away" not in file.name:  # the group is not whole
            shutil.copy(file, tmp_path)
    assert "stories" not in set(read(tmp_path).measurements["suite"])


def test_directions_come_from_the_summary_beside_the_samples() -> None:
    ways = {(one.suite, one.name): one.better for one in read(STORIES).metrics}
    assert ways["stories", "acc"] == "higher" and ways["story_text", "bits_per_byte"] == "lower"
    assert ways["story_word", "exact_match,strict-match"] == "higher"


def test_bits_per_byte_are_the_texts_and_what_is_no_number_per_document_is_named() -> None:
    brought, (first, *_) = read(STORIES), raw("story_text")
    log_likelihood, n_bytes = first["bits_per_byte"]
    assert values(brought, "story_text", "bits_per_byte")[0] == pytest.approx(-log_likelihood / n_bytes / math.log(2))
    assert [note for note in brought.notes if "word_perplexity, byte_perplexity" in note]


def test_choices_are_predictions_and_their_texts_are_shown() -> None:
    brought, first = read(STORIES), raw("story_away")[0]
    assert brought.predictions is not None
    told = brought.predictions.set_index("item_id").loc["story_away/0"]
    likely = [float(one[0]) for one in first["filtered_resps"]]
    assert told["prediction"] == str(likely.index(max(likely))) and told["label"] == first["target"]
    assert (told["prediction"] == told["label"]) == bool(first["acc"])
    sample = next(one for one in brought.samples if one.item_id == "story_away/0")
    assert sample.text.strip() == first["doc"]["choices"][int(told["prediction"])]
    assert (sample.reference or "").strip() == first["doc"]["choices"][first["doc"]["answer"]]


def test_generated_texts_have_the_scores_of_all_filters_and_repeats_stand_apart() -> None:
    samples = read(STORIES).samples
    told = next(one for one in samples if one.item_id == "story_word/0")
    assert set(told.scores) == {"exact_match,strict-match", "exact_match,flexible-extract"}
    assert [one.sample for one in samples if one.item_id == "story_thrice/0"] == [0, 1, 2]


def test_only_suites_where_something_was_drawn_are_not_greedy() -> None:
    assert set(read(STORIES).greedy) == {"stories", "story_text", "story_word"}


def test_the_newest_file_of_each_task_is_read(write: Write, tmp_path: Path) -> None:
    write(line(), name="samples_task_2026-01-01T00-00-00.jsonl")
    write(line(exact_match=0.0), name="samples_task_2026-01-02T00-00-00.jsonl")
    brought = read(tmp_path)
    assert values(brought, "task", "exact_match") == [0.0]
    assert "not samples_task_2026-01-01" in brought.notes[0]


def test_two_models_in_one_folder_are_refused() -> None:
    with pytest.raises(ReportError, match="2 models"):
        read(DATA)


def test_packed_and_older_lines_are_read(tmp_path: Path, write: Write) -> None:
    older = line(arguments=[["Question?", {"until": ["."]}]])
    del older["metrics"], older["filter"]
    file = tmp_path / "samples_task.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(older).encode()))
    brought = read(file)
    assert values(brought, "task", "exact_match") == [1.0]
    assert brought.samples[0].prompt == "Question?" and brought.samples[0].text == "yes"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(), '{"doc_id": 1, "exact'], "line 2: is no JSON"),
        ([line(), "", "[1]"], "line 3: is a JSON list"),
        ([line(), '{"doc_id": 1, "x": ' + "[" * 100_000], "line 2: is nested too deeply"),
        ([line(), {"metrics": ["acc"], "acc": 1}], "line 2: has no doc_id"),
        ([line(), line(1, exact_match="good")], "line 2: metric exact_match: 'good' is no number"),
        ([line(), line(1), line(1)], "item task/1"),
        ([line(), line(0, filter="other", doc_hash="another")], "line 2: doc_id 0 stands here with another document"),
        ([line(metrics=[])], "no metric"),
        ([line(doc_id=True)], "line 1: True is no name"),
        ([line(metrics=["bits_per_byte"], bits_per_byte=["a", 1])], "line 1: metric bits_per_byte"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(write: Write, lines: list[Any], said: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(write(*lines))
    assert said in str(caught.value)


def test_a_broken_summary_is_not_passed_over(write: Write, tmp_path: Path) -> None:
    file = write(line())
    (tmp_path / "results_2026-01-01T00-00-00.json").write_text("{")
    with pytest.raises(ReportError, match="results_2026-01-01T00-00-00.json: is no JSON"):
        read(file)


def test_what_is_not_scored_is_null_and_never_zero(write: Write) -> None:
    lines = [line(0, exact_match=None), '{"doc_id": 1, "metrics": ["exact_match"], "exact_match": NaN}']
    lines.append('{"doc_id": 2, "metrics": ["exact_match"], "exact_match": Infinity}')
    found = values(read(write(*lines)), "task", "exact_match")
    assert [math.isnan(one) for one in found] == [True, True, False] and found[2] == math.inf


def test_hostile_texts_are_kept_as_text(write: Write) -> None:
    long = "<script>alert(1)</script>\u202e" * 40_000  # about 1 MB
    brought = read(write(line(resps=[[long]])))
    assert brought.samples[0].text == long


def test_groups_that_hold_themselves_do_not_hang(write: Write, tmp_path: Path) -> None:
    file = write(line())
    about = {"groups": {"g": {}}, "group_subtasks": {"g": ["h"], "h": ["g", "task", "other"]}, "model_name": "a/b"}
    (tmp_path / "results_2026-01-01T00-00-00.json").write_text(json.dumps(about))
    brought = read(file.parent)
    assert brought.label == "b" and set(brought.measurements["suite"]) == {"task"}


@pytest.mark.parametrize(("logged", "value"), [([-(10**400), 1], math.inf), ([-8.0, 10**400], 0.0), ([-8.0, 0], None)])
def test_bits_of_numbers_beyond_any_float_do_not_end_the_reading(logged: list[Any], value: float | None) -> None:
    line = {"doc_id": 1, "metrics": ["bits_per_byte"], "bits_per_byte": logged}
    assert parse(line).values == {"bits_per_byte": value}
