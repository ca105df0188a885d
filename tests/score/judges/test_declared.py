"""Judges as a study names them, and which way of a metric is better."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from leaven.errors import DataError
from leaven.registry import JUDGES
from leaven.score.judges import declared

SERVER = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}


def test_the_judges() -> None:
    assert JUDGES.names() == ["metric", "pairwise", "pointwise", "random", "rank", "reward"]
    by = {name: JUDGES.get(name).traits["by"] for name in JUDGES.names()}
    assert {name for name, needs in by.items() if needs == "server"} == {"rank", "pairwise", "pointwise"}
    assert (by["reward"], by["metric"], by["random"]) == ("model", "metric", None)
    assert all(JUDGES.get(name).says for name in by)


def test_a_declaration_calls_nobody() -> None:
    found = JUDGES.get("rank").call(args={"server": SERVER, "criteria": ["safety", "rhymes"]})
    assert isinstance(found, declared.Ranking)
    assert (found.criteria, found.again, found.server.base_url) == (("safety", "rhymes"), 0.2, SERVER["base_url"])
    assert JUDGES.get("pointwise").call(args={"server": SERVER}).scale == 10
    assert isinstance(JUDGES.get("random").call(args={}), declared.ByChance)
    assert isinstance(JUDGES.get("reward").call(args={}), declared.ByReward)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("rank", {}),
        ("rank", {"server": SERVER, "criteria": []}),
        ("rank", {"server": SERVER, "criteria": ["  "]}),
        ("rank", {"server": SERVER, "again": 1.5}),
        ("rank", {"server": SERVER, "temperature": -1}),
        ("rank", {"server": SERVER, "api_key": "sk-1"}),
        ("rank", {"server": {**SERVER, "api_key": "sk-1"}}),
        ("pointwise", {"server": SERVER, "scale": 1}),
        ("metric", {}),
        ("metric", {"metric": "toxicity", "better": "more"}),
        ("random", {"seed": 1}),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JUDGES.get(name).call(args=args)


def way(metric: Any, **args: Any) -> str:
    return declared.direction(JUDGES.get("metric").call(args={"metric": metric, **args}))


def test_which_way_is_better() -> None:
    assert way("toxicity") == way({"toxicity": {"classifier": "oracle"}}) == "lower"
    assert way("correctness") == "higher"
    assert way("length", better="lower") == "lower"
    assert way({"rouge": {}}, value="rougeL") == "higher"
    assert way("toxicity", better="higher") == "higher", "a study may ask for the opposite"


@pytest.mark.parametrize(
    ("metric", "args", "says"),
    [
        ("length", {}, "which way is better; write `better: higher`"),
        ("rouge", {}, "`value` is one of rouge1, rouge2"),
        ("rouge", {"value": "rouge9"}, "`value` is one of"),
        ("toxicity", {"value": "x"}, "`value` is one of toxicity"),
        ("perplexity", {}, "it reads nats"),
        ("self_bleu", {}, "all of them together"),
    ],
)
def test_a_metric_that_cannot_rank_is_refused(metric: str, args: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        way(metric, **args)
