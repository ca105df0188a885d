"""Real logs of Inspect 0.3.285 with its mockllm model; what needs Inspect's own reader is skipped without it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from leaven.errors import ReportError
from leaven.readers import read
from leaven.readers.inspect_log import values_of

DATA = Path(__file__).parent / "data" / "inspect"


def test_without_inspect_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(ReportError, match="pip install inspect-ai") as caught:
        read(DATA / "one" / "say_word.eval")
    assert "\n" not in str(caught.value)


def test_epochs_are_samples_and_scorers_metrics() -> None:
    pytest.importorskip("inspect_ai")
    brought = read(DATA / "one")
    table = brought.measurements
    assert (brought.kind, brought.label) == ("Inspect", "model") and set(table["suite"]) == {"say_word", "pick_word"}
    said = table[table["metric"] == "includes"].set_index(["item_id", "sample"])["value"].to_dict()
    assert said == {("q0", 0): 1, ("q0", 1): 1, ("q1", 0): 0, ("q1", 1): 0, ("q2", 0): 1, ("q2", 1): 1}
    assert {one.better for one in brought.metrics} == {"higher"}
    assert brought.samples[-1].prompt == "Say the word red." and brought.samples[-1].arm == "model"


def test_choices_are_predictions() -> None:
    pytest.importorskip("inspect_ai")
    told = read(DATA / "one" / "pick_word.eval").predictions
    assert told is not None
    assert list(told["prediction"]) == ["A", "B", "A"] and set(told["label"]) == {"A"} and set(told["arm"]) == {"model"}


@pytest.mark.parametrize("cut", [9_000, 12_000])
def test_a_damaged_log_is_refused(tmp_path: Path, cut: int) -> None:
    pytest.importorskip("inspect_ai")
    whole = (DATA / "one" / "say_word.eval").read_bytes()
    (tmp_path / "cut.eval").write_bytes(whole[:cut])
    (tmp_path / "torn.eval").write_bytes(whole[:6_000] + bytes(500) + whole[6_500:])
    for name in ("cut.eval", "torn.eval"):
        with pytest.raises(ReportError, match=name):
            read(tmp_path / name)


def test_two_logs_of_one_task_are_refused() -> None:
    pytest.importorskip("inspect_ai")
    with pytest.raises(ReportError, match="stand there twice"):
        read(DATA)


@pytest.mark.parametrize(
    ("value", "made", "graded"),
    [
        ("C", {"s": 1.0}, True), ("I", {"s": 0.0}, True), ("P", {"s": 0.5}, True), ("N", {"s": 0.0}, True),
        (True, {"s": 1.0}, False), ("yes", {"s": 1.0}, False), (0.3, {"s": 0.3}, False), ("0.3", {"s": 0.3}, False),
        (float("nan"), {"s": None}, False), ({"a": "C", "b": 2}, {"s.a": 1.0, "s.b": 2.0}, False), ([1, 2], {}, False),
    ],
)  # fmt: skip
def test_scores_count_as_in_inspects_own_metrics(value: object, made: dict[str, float], graded: bool) -> None:
    assert values_of("s", value) == (made, graded)


def test_a_score_in_words_is_refused() -> None:
    with pytest.raises(ValueError, match="the score of s: 'good' is no number"):
        values_of("s", "good")
