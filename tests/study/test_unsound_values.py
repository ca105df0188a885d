"""Values of any kind where a name or a number belongs: told as problems, each with its place, and never a traceback."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError

SFT = {"sft": {"data": "shown"}}
STUDY: dict[str, Any] = {
    "name": "unsound",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt"},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "lessons": {"distilled": {"arm": "base", "prompts": "asked"}},
    },
    "arms": {
        "base": {"train": []},
        "student": {"train": [{"sft": {"data": "shown", "snapshots": [0.5]}}]},
        "by-kl": {"train": [{"distill": {"data": "lessons"}}]},
        "rl": {"train": [{"rl": {"data": "asked", "reward": {"metric": "length"}}}]},
    },
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"]}}],
    "compare": {"to": "base"},
}
ODD = [None, True, 0, -1, 1.5, "", "x", [], ["x"], [[]], {}, {"x": 1}, float("nan")]
PLACES = [
    ("student", "sft", "data"), ("student", "sft", "eval_data"), ("student", "sft", "snapshots"),
    ("student", "sft", "num_train_epochs"), ("by-kl", "distill", "data"), ("by-kl", "distill", "alpha"),
    ("by-kl", "distill", "num_train_epochs"), ("by-kl", "distill", "snapshots"), ("rl", "rl", "data"),
    ("rl", "rl", "num_generations"), ("rl", "rl", "per_device_train_batch_size"), ("rl", "rl", "algorithm"),
    ("rl", "rl", "gradient_accumulation_steps"), ("rl", "rl", "reward"),
]  # fmt: skip


@pytest.mark.parametrize(("arm", "trainer", "field"), PLACES)
def test_an_odd_value_is_a_problem_with_a_place(arm: str, trainer: str, field: str) -> None:
    for value in ODD:
        raw = copy.deepcopy(STUDY)
        raw["arms"][arm]["train"][0][trainer][field] = value
        try:
            Study(**raw)
        except StudyError as found:
            assert f"arms.{arm}.train.0.{trainer}.{field}" in str(found), (value, str(found))


def test_what_is_recited_is_looked_for_in_sources() -> None:
    raw = copy.deepcopy(STUDY)
    sought = {"prompts": "asked", "of": ["lessons"], "held_out": ["shown"], "tokenizer": "words"}
    raw["evaluate"].append({"regurgitation": sought})
    wanted = "evaluate.1.regurgitation.of.0: 'lessons' is made by this study, and differs from seed to seed"
    with pytest.raises(StudyError, match=wanted):
        Study(**raw)
