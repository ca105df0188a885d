"""OpenAI's moderation set: flags that are 0, 1 or unknown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from leaven.data.canonical import Slice, canonical, some
from leaven.data.formats import BadRow, Skipped
from leaven.data.moderation import CATEGORIES
from leaven.registry import FORMATS, Step

SHARED = Path("../shared/data/openai_moderation")


def made(category: str = "any", **flags: Any) -> dict[str, Any]:
    row = {"prompt": "a text", **dict.fromkeys(CATEGORIES), **flags}
    found: dict[str, Any] = FORMATS.get("openai_moderation").call(row, args={"category": category})
    return found


def test_a_flag_makes_it_harmful_and_names_the_group() -> None:
    assert made(H=1, H2=1, V=0) == {"text": "a text", "label": "harmful", "group": "H,H2"}
    assert made(H=0, V=0) == {"text": "a text", "label": "clean", "group": "none"}
    assert made("V", H=1, V=0) == {"text": "a text", "label": "clean", "group": "H"}
    assert made("V", V=1.0)["label"] == "harmful"


def test_what_nobody_looked_for_is_left_out() -> None:
    with pytest.raises(Skipped, match="nobody looked for V"):
        made("V", H=1)


@pytest.mark.parametrize("flag", [2, -1, 0.5, "1", True, [], float("nan")])
def test_a_flag_is_0_or_1(flag: Any) -> None:
    with pytest.raises(BadRow, match="H is .*neither 0 nor 1"):
        made(H=flag)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_real_set() -> None:
    def rows(category: str) -> Counter[str]:
        step = Step(name="openai_moderation", args={"category": category})
        return Counter(
            one["label"] for batch in some(canonical(str(SHARED), step, Slice(), "error")) for one in batch.rows
        )

    assert rows("any") == {"clean": 854, "harmful": 406}
    assert rows("S3") == {"clean": 685, "harmful": 72}


def test_a_flag_that_is_absent_is_unknown_too() -> None:
    assert FORMATS.get("openai_moderation").call({"prompt": "a", "S3": 0}, args={})["label"] == "clean"
    with pytest.raises(Skipped):
        FORMATS.get("openai_moderation").call({"prompt": "a", "S3": 0}, args={"category": "S"})
