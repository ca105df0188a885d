from __future__ import annotations

import pytest

from leaven.score.flows import flow, of_likelihoods

USER, WORD = [{"role": "user", "content": "q"}], "assistant"


def said(text: str) -> list[dict[str, str]]:
    return [{"role": WORD, "content": text}]


ASKED = {
    "e": {"prompt": USER, "completion": said("a"), "others": ["b", "c"]},
    "n": {"prompt": USER, "completion": None, "others": None},
    "p": {"prompt": USER, "chosen": said("good"), "rejected": said("bad")},
}
TOLD = [{"prompt_id": name, "text": name.upper(), "finish_reason": "stop"} for name in ASKED]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("texts", ["E", "N", "P"]),
        ("finish_reasons", ["stop"] * 3),
        ("prompts", ["q"] * 3),
        ("references", ["a", None, "good"]),
        ("others", [["b", "c"], None, ["bad"]]),
    ],
)
def test_what_flows_by_name(name: str, values: list[object]) -> None:
    assert flow(name, TOLD, ASKED) == values


def test_likelihoods_flow_too() -> None:
    told = of_likelihoods([{"id": "e", "nats": 1.5, "tokens": 2, "bytes": 3}])
    assert [flow(name, told, ASKED) for name in ("nats", "tokens", "bytes", "references")] == [[1.5], [2], [3], ["a"]]
