from __future__ import annotations

from typing import Any

import pytest

from leaven.registry import METRICS


def score(name: str, *flows: Any, **args: Any) -> Any:
    return METRICS.get(name).call(*flows, args=args)


def test_length_and_stop_rate() -> None:
    assert score("length", ["two words", ""]) == [2.0, 0.0]
    assert score("stop_rate", ["stop", "length"]) == [1.0, 0.0]


@pytest.mark.parametrize("classifier", ["builtin", "oracle"])
def test_toxicity_is_a_probability_and_null_for_an_empty_answer(classifier: str) -> None:
    rude, kind, empty = score(
        "toxicity", ["You stupid idiot, I hate you.", "Good morning to you.", " "], classifier=classifier
    )
    assert empty is None
    assert 0 <= kind < 0.5
    assert rude > kind if classifier == "builtin" else rude in (0.0, 1.0)


def test_correctness_knows_the_pocket_alone() -> None:
    from leaven.pocket.corpora import corpus

    row = corpus("eli5")[0]
    assert score("correctness", [row["answer"], "nothing", "yes"], [row["question"]] * 2 + ["What is love?"]) == [
        1.0,
        0.0,
        None,
    ]


def test_the_classifiers_version_is_in_the_metrics_key() -> None:
    from leaven.score.toxicity_model import VERSION

    assert METRICS.get("toxicity").canonical({}) == {"name": "toxicity", "version": VERSION, "args": {}}
