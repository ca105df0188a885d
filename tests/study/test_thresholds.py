"""A guard's threshold that no score can lie beyond, or every score does, is refused where the metric says its range."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.thresholds import range_of

INTENTS = {"intents": {"data": "flagged", "blocks": ["unsafe"]}}
STUDY: dict[str, Any] = {
    "name": "thresholds",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "flagged": {"source": "pocket:requests", "format": "xstest"},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
    },
    "arms": {"base": {"train": []}, "guarded": {"train": []}},
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"]}}],
    "compare": {"to": "base"},
}


def guarded(raw: dict[str, Any], args: dict[str, Any]) -> list[str]:
    raw["arms"]["guarded"]["wraps"] = [{"guard": args}]
    try:
        Study(**raw)
    except StudyError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("args", "side", "expected"),
    [
        ({"metric": "sentiment", "above": -2}, "above", "above -2 blocks everything: sentiment lies in -1..1"),
        ({"metric": "sentiment", "above": 1}, "above", "above 1 blocks nothing: sentiment lies in -1..1"),
        ({"metric": "polarity", "below": -1}, "below", "below -1 blocks nothing: polarity lies in -1..1"),
        ({"metric": "sentiment", "below": 1.5}, "below", "below 1.5 blocks everything: sentiment lies in -1..1"),
        ({"metric": "toxicity", "above": 1}, "above", "above 1 blocks nothing: toxicity lies in 0..1"),
        ({"metric": "toxicity", "above": -0.1}, "above", "above -0.1 blocks everything: toxicity lies in 0..1"),
        ({"metric": "toxicity", "below": 0}, "below", "below 0 blocks nothing: toxicity lies in 0..1"),
        ({**INTENTS, "above": 60}, "above", "above 60 blocks nothing: an intent's probability lies in 0..1"),
        ({**INTENTS, "above": 1}, "above", "above 1 blocks nothing: an intent's probability lies in 0..1"),
    ],
)
def test_what_blocks_all_or_nothing_is_refused(
    raw: dict[str, Any], args: dict[str, Any], side: str, expected: str
) -> None:
    (only,) = guarded(raw, args)
    assert only.startswith(f"arms.guarded.wraps.0.guard.{side}: {expected} (write a number between ")


@pytest.mark.parametrize(
    "args",
    [
        {"metric": "sentiment", "above": -1}, {"metric": "sentiment", "below": 1}, {"metric": "toxicity", "above": 0},
        {"metric": "toxicity", "below": 1}, {"metric": "toxicity", "above": 0.5}, {**INTENTS, "above": 0},
        {"metric": "length", "above": 400}, {"metric": "length", "below": 0},
    ],
)  # fmt: skip
def test_what_can_go_either_way_is_sound_and_of_an_unknown_range_all_is(
    raw: dict[str, Any], args: dict[str, Any]
) -> None:
    assert guarded(raw, args) == []


def test_a_swept_threshold_is_looked_at_value_by_value(raw: dict[str, Any]) -> None:
    raw["arms"]["guarded"]["sweep"] = {"t": [0.2, 2]}
    (only,) = guarded(raw, {"metric": "toxicity", "above": "${t}"})
    assert "above 2 blocks nothing" in only


def test_a_metric_that_is_not_there_is_said_once(raw: dict[str, Any]) -> None:
    (only,) = guarded(raw, {"metric": "toxicty", "above": 7})
    assert "toxicity" in only


def test_ranges() -> None:
    assert range_of("toxicity") == (0, 1) and range_of("sentiment") == (-1, 1)
    assert range_of("perplexity") is None and range_of("nothing of the kind") is None
