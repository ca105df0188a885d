"""Formats of statements: nothing is guessed, and the text stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven.data import canonical
from leaven.data.canonical import Slice
from leaven.data.formats import BadRow
from leaven.data.statements import group_statements, safenlp
from leaven.pocket.corpora import corpus
from leaven.registry import FORMATS, Step

ROW: dict[str, Any] = {
    "id": 0,
    "text": " as said",
    "toxicity_score": 4.5,
    "label": "hate",
    "target_groups": ["a", "b c"],
}
TOXIGEN = Path(__file__).parents[3] / "shared" / "data" / "safenlp" / "toxiGen.json.gz"


def test_a_statement_keeps_its_text_to_the_letter() -> None:
    assert safenlp(ROW) == {"label": "hate", "text": " as said", "toxicity": 4.5, "groups": ["a", "b c"]}
    assert FORMATS.get("safenlp").traits["makes"] == "statements"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": " "}, "text is empty"),
        ({"toxicity_score": 0}, "must be above 0"),
        ({"toxicity_score": "high"}, "toxicity_score is a str, not a number"),
        ({"toxicity_score": float("nan")}, "not a finite number"),
        ({"label": "hateful"}, "label is 'hateful', neither hate nor neutral"),
        ({"label": None}, "label is None"),
        ({"target_groups": []}, "target_groups is a list, not a list of texts"),
        ({"target_groups": "women"}, "target_groups is a str"),
        ({"target_groups": ["a", "a"]}, "names a group twice"),
        ({"target_groups": ["a", ""]}, "a text of target_groups is empty"),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        safenlp({**ROW, **wrong})


def test_the_pockets_statements_are_read() -> None:
    made = [group_statements(row) for row in corpus("toxigen")]
    assert {row["label"] for row in made} == {"hate", "neutral"}
    assert all(row["toxicity"] == 1.0 and len(row["groups"]) == 1 for row in made)


def test_the_real_file_comes_through_whole() -> None:
    if not TOXIGEN.exists():
        pytest.skip("SafeNLP's files are not beside this checkout")
    made = list(canonical.canonical(str(TOXIGEN), Step(name="safenlp"), Slice(), "error"))
    assert sum(len(batch.rows) for batch in made) == 4886
    assert canonical.fitting({name: None for name in ("id", "text", "toxicity_score", "label", "target_groups")})[
        0
    ] == ("safenlp")
