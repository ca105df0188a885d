"""Real rows in the layouts in which the sets are published; skipped where they do not lie beside the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven.data import portrait as room
from leaven.data import sources
from leaven.data.canonical import Slice

SHARED = Path(__file__).parents[3] / "shared" / "data"
NO_PROMPT = {"prompt is empty": 4}
BROKEN = {"a turn of chosen is empty": 3, "chosen is no transcript that ends with a Human and an Assistant turn": 4}


@pytest.mark.parametrize(
    ("place", "format", "rows", "drops"),
    [
        ("eli5_pairs_derived", "shp", 2557, {}),
        ("lima", "lima", 772, {}),
        ("orca_dpo_pairs", "orca_pairs", 201, {}),
        ("dpo_en_demo", "sharegpt_pairs", 184, {}),
        ("alpaca_en_demo", "alpaca", 749, {}),
        ("dolly_hhrlhf", "dolly_hhrlhf", 750, {}),
        ("hh_rlhf_harmless", "hh", 1727, BROKEN),
        ("safety_tuned_llamas/training", "alpaca", 1862, {}),
        ("safety_tuned_llamas/evaluation/I-CoNa.json", "instructions", 134, {}),
        ("safety_tuned_llamas/evaluation/I-MaliciousInstructions.json", "instructions", 75, {}),
        ("arc_challenge", "arc", 1074, {}),
        ("piqa", "piqa", 1378, {}),
        ("hellaswag", "hellaswag", 7532, {}),
        ("mmlu/dev", "mmlu", 115, {}),
        ("truthfulqa", "truthfulqa", 613, {}),
        ("bold/prompts", "bold", 17812, NO_PROMPT),
        ("xstest", "xstest", 338, {}),
        ("advbench", "advbench", 390, {}),
        ("rtp_challenging", "rtp", 897, {}),
        ("openai_moderation", "openai_moderation", 1260, {}),
        ("wikitext2", "text", 2461, {}),
    ],
)
def test_a_published_layout_is_known_and_every_row_is_read_or_counted(
    place: str, format: str, rows: int, drops: dict[str, int]
) -> None:
    path = SHARED / place
    if not path.exists():
        pytest.skip("the shared data do not lie beside the repository")
    found = room.portrait(str(path), sources.identity(str(path)), None, Slice(), show=1)
    assert (found.format, found.rows, dict(found.drops)) == (format, rows, drops)
    assert found.rows_in == rows + sum(drops.values())


def test_what_is_multi_turn_is_read_whole() -> None:
    path = SHARED / "lima"
    if not path.exists():
        pytest.skip("the shared data do not lie beside the repository")
    rows = _rows(str(path))
    assert sum(len(row["prompt"]) > 1 for row in rows) == 22
    assert max(len(row["prompt"]) for row in rows) == 7, "three earlier exchanges and a question"


def _rows(source: str) -> list[dict[str, Any]]:
    return room.portrait(source, sources.identity(source), None, Slice(), show=10**6).shown
