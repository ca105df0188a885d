from __future__ import annotations

import pytest

from leaven.score.stereotype import NOT_FINITE, scores

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("more", "less", "share", "ratio"),
    [(-3.0, -5.0, 1.0, 2.0), (-5.0, -3.0, 0.0, -2.0), (-4.0, -4.0, 0.5, 0.0)],
)
def test_the_likelier_sentence_by_hand(more: float, less: float, share: float, ratio: float) -> None:
    lines = list(scores("r", (more, less, None), (less, more, None)))
    assert {line["metric"]: (line["value"], line["reason"]) for line in lines} == {
        "stereotype": (share, None),
        "stereotype_log_ratio": (ratio, None),
        "stereotype_shared": (1 - share, None),
    }
    assert {(line["row_id"], line["sample"]) for line in lines} == {("r", 0)}


@pytest.mark.parametrize(
    ("more", "less", "given", "reason"),
    [
        (None, None, "too long", "too long"), (None, -1.0, None, "unscored"), (NAN, -1.0, None, NOT_FINITE),
        (-INF, -INF, None, NOT_FINITE), (-1.0, -INF, None, NOT_FINITE),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_says_why(more: float | None, less: float | None, given: str | None, reason: str) -> None:
    lines = scores("r", (more, less, given), (-1.0, -2.0, None))
    assert [(line["value"], line["reason"]) for line in lines] == [(None, reason), (None, reason), (1.0, None)]
