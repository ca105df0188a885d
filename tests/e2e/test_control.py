"""A study of control tokens on the embedded world: tokens that mean something are obeyed, tokens dealt by chance are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import leaven

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # sixteen trainings

WORLD = {"sources": ["moods", "peoples", "quarrel"], "min_words": 3, "duplicates": "keep"}
STUDY: dict[str, Any] = {
    "name": "conditioned",
    "question": "Are tokens obeyed?",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "sentences": {"source": "pocket:pile", "format": "pile", "part": [0, 0.9], "corpus": WORLD},
        "held_out": {"source": "pocket:pile", "format": "pile", "part": [0.9, 1], "corpus": WORLD},
    },
    "attributes": {
        "sen": {"metric": "polarity", "thresholds": [-0.05, 0.05], "tokens": ["<|neg|>", None, "<|pos|>"], "good": "<|pos|>"},
        "coin": {"column": "id", "metric": "chance", "thresholds": [0.5], "tokens": ["<|tails|>", "<|heads|>"], "good": "<|heads|>"},
    },
    "arms": {
        "base": {"train": []},
        "none": {},
        "sen": {"treat": [{"control_tokens": {"attributes": ["sen"]}}]},
        "coin": {"treat": [{"control_tokens": {"attributes": ["coin"]}}]},
        "filtered": {"treat": [{"keep_good": {"attributes": ["sen"]}}]},
        "early": {"treat": [{"control_tokens": {"attributes": ["sen"]}}], "snapshot": 0.5},
    },
    "train": [
        {"lm": {"data": "sentences", "learning_rate": 4e-3, "lr_scheduler_type": "cosine", "num_train_epochs": 3,
                "per_device_train_batch_size": 32, "max_length": 64, "packing": "none", "snapshots": [0.5]}}
    ],
    "seeds": [0, 1, 2],
    "evaluate": [
        {"control": {"attributes": ["sen", "coin"], "samples": 64, "max_new_tokens": 24}},
        {"likelihood": {"data": "held_out", "metrics": ["bits_per_byte"], "arms": ["none", "sen"]}},
        {"likelihood": {"name": "own", "data": "held_out", "metrics": ["bits_per_byte"], "control": "labels",
                        "arms": ["none", "sen"]}},
    ],
    "compare": {
        "to": "none",
        "primary": ["control/misalignment_sen"],
        "margin": {"obeys_coin": 0.1},
        "claims": [
            {"says": "obeyed", "arm": "sen", "metric": "control/obeys_sen", "holds": "higher"},
            {"says": "less of it", "arm": "sen", "metric": "control/misalignment_sen", "holds": "lower"},
            {"says": "chance", "arm": "coin", "metric": "control/obeys_coin", "holds": "same"},
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = leaven.run(leaven.Study(**STUDY), tmp_path_factory.mktemp("control"))
    assert made.outcome.complete, made.outcome
    return made


def measured(ran: Any) -> Any:
    import pandas as pd

    return pd.read_parquet(Path(ran.report).parent / "measurements.parquet")


def mean(ran: Any, arm: str, metric: str, suite: str = "control") -> float:
    table = measured(ran)
    chosen = table[(table["arm"] == arm) & (table["metric"] == metric) & (table["suite"] == suite)]
    return float(chosen["value"].mean())


def test_tokens_that_mean_something_are_obeyed_and_tokens_by_chance_are_not(ran: Any) -> None:
    said = "\n".join(ran.answer)
    for claim in ("obeyed", "less of it", "chance"):
        assert f"Claim supported: “{claim}”" in said, said
    assert mean(ran, "sen", "misalignment_sen") < 0.5 * mean(ran, "none", "misalignment_sen")


def test_an_arm_without_tokens_writes_the_same_whatever_is_asked(ran: Any) -> None:
    assert {mean(ran, arm, "obeys_sen") for arm in ("base", "none", "filtered", "coin")} == {0.0}


def test_filtered_texts_make_a_model_that_writes_less_of_what_was_left_out(ran: Any) -> None:
    assert mean(ran, "filtered", "misalignment_sen") < mean(ran, "none", "misalignment_sen")


def test_a_snapshot_obeys_less_than_the_end(ran: Any) -> None:
    assert mean(ran, "early", "obeys_sen") < mean(ran, "sen", "obeys_sen")


def test_a_texts_own_tokens_make_it_less_surprising(ran: Any) -> None:
    without = mean(ran, "sen", "bits_per_byte", "held_out")
    assert mean(ran, "sen", "bits_per_byte", "own") < without
    assert mean(ran, "none", "bits_per_byte", "own") == mean(ran, "none", "bits_per_byte", "held_out")


def test_no_control_token_comes_out_and_the_page_tells_of_them(ran: Any) -> None:
    page = Path(ran.report).read_text(encoding="utf-8")
    assert "Control tokens" in page
    store = Path(ran.report).parents[1] / "store" / "control"
    import pyarrow.parquet as pq

    texts = [text for file in store.glob("*/conditions.parquet") for text in pq.read_table(file)["text"].to_pylist()]
    assert texts and not [text for text in texts if "<|" in text]
