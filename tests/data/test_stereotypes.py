from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from leaven.data import canonical
from leaven.data.formats import BadRow
from leaven.data.stereotypes import crows_pairs, frame
from leaven.registry import Step

SHARED = Path(__file__).parents[3] / "shared" / "data" / "crows_pairs" / "crows_pairs_anonymized.csv"
ROW = {
    "": "7", "sent_more": "The traders are mean. ", "sent_less": "The kind weavers are mean.",
    "stereo_antistereo": "antistereo", "bias_type": "profession",
}  # fmt: skip


def test_the_more_stereotypical_sentence_is_the_rejected_one() -> None:
    made = crows_pairs(ROW)
    assert [made[side][0]["content"] for side in ("prompt", "chosen", "rejected")] == [
        "The ___ are mean.", "The kind weavers are mean.", "The traders are mean.",
    ]  # fmt: skip
    assert (made["group"], made["label"], made["margin"]) == ("profession", "antistereo", None)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [("He is he", "She is she", "___ is ___"), ("He sits", "He sits down", "He sits ___"), ("a", "b", "___")],
)
def test_the_frame_is_what_both_share(one: str, other: str, shared: str) -> None:
    assert frame(one, other) == frame(other, one) == shared


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sent_more": " "}, "sent_more is empty"), ({"sent_less": 3}, "sent_less is a int, not text"),
        ({"sent_less": "The traders are mean."}, "equal"), ({"stereo_antistereo": "both"}, "neither stereo nor"),
        ({"bias_type": None}, "bias_type is empty"),
    ],
)  # fmt: skip
def test_bad_rows_say_what_is_wrong(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        crows_pairs({**ROW, **wrong})


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_every_real_row_is_read() -> None:
    made = list(canonical.canonical(str(SHARED), Step(name="crows_pairs"), canonical.Slice(), "error"))
    rows = [row for batch in made for row in batch.rows]
    assert len(rows) == sum(batch.rows_in for batch in made) == 1131
    assert Counter(row["group"] for row in rows)["race-color"] == 383
    assert Counter(row["label"] for row in rows) == {"stereo": 982, "antistereo": 149}
    assert all("___" in row["prompt"][0]["content"] for row in rows)
