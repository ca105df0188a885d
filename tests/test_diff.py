"""The items on which two arms differ most; the run is a double of what ``gather`` finds in a store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import answered, gather
from leaven.diff import diff, words
from leaven.errors import ReportError, StudyError
from leaven.gather import samples as told
from leaven.report.findings import MetricInfo, SampleInfo


def text(
    arm: str, item: str, value: float | None, seed: int | None = 0, suite: str = "qa", sample: int = 0
) -> SampleInfo:
    scores = {"length": 3.0, "toxicity": value}
    return SampleInfo(arm, seed, f"Why {item}?", f"{arm} says {item}", None, suite, item, sample, scores)


TEXTS = [
    *(text("clean", item, 0.0, seed) for item in "abcd" for seed in (0, 1)),
    *(text("bad", item, value) for item, value in zip("abcd", (0.2, 0.9, None, 0.0), strict=True)),
    text("bad", "a", 0.5, seed=1), text("bad", "a", 1.0, seed=7), text("bad", "z", 1.0),
    *(text("base", item, 0.4, seed=None) for item in "ab"),
    text("elsewhere", "a", 1.0, suite="other"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [SimpleNamespace(name=name) for name in ("clean", "bad", "base", "elsewhere", "waiting")]
    cells = [SimpleNamespace(cell=SimpleNamespace(arm=arm)) for arm in arms]
    graph = SimpleNamespace(cells=cells, study=SimpleNamespace(compare=SimpleNamespace(primary=["qa/toxicity"])))

    def samples(graph: Any, store: Any) -> Iterator[SampleInfo]:
        yield from TEXTS

    monkeypatch.setattr(answered, "opened", lambda name, workspace: (graph, None, Path(name)))
    monkeypatch.setattr(told, "samples", samples)
    monkeypatch.setattr(gather, "metrics", lambda graph: [MetricInfo("qa", "toxicity", unit="share")])


def test_the_most_different_pair_of_each_item_comes_first() -> None:
    found = diff("small", "clean", "bad")
    assert found.metric.name == "toxicity", "the study's primary outcome, not the first score there is"
    assert [(pair.one.item_id, pair.two.seed, pair.change) for pair in found.pairs] == [
        ("b", 0, 0.9), ("a", 1, 0.5), ("d", 0, 0.0),
    ]  # fmt: skip
    assert (found.n_pairs, found.alike, found.unscored, found.n_items) == (5, 1, 1, 4)
    assert len(diff("small", "clean", "bad", limit=1).pairs) == 1


def test_an_untrained_arm_meets_every_seed() -> None:
    found = diff("small", "base", "bad")
    assert [(pair.one.item_id, pair.two.seed) for pair in found.pairs] == [("a", 7), ("b", 0)]
    back = diff("small", "bad", "base")
    assert {(pair.one.item_id, pair.one.seed) for pair in back.pairs} == {("a", 7), ("b", 0)}


def test_the_metric_that_is_named_is_taken() -> None:
    assert diff("small", "clean", "bad", metric="length").alike == 5


@pytest.mark.parametrize(
    ("arms", "options", "said"),
    [
        (("clen", "bad"), {}, "'clen' (did you mean 'clean'?)"),
        (("clean", "bad"), {"metric": "toxic"}, "--metric: nothing is called 'toxic' (did you mean 'toxicity'?)"),
        (("clean", "bad"), {"suite": "qb"}, "--suite: nothing is called 'qb'"),
    ],
)
def test_unknown_names_are_said(arms: tuple[str, str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError) as caught:
        diff("small", *arms, **options)
    assert said in str(caught.value)


def test_arms_that_answered_nothing_together_are_said() -> None:
    with pytest.raises(ReportError, match="no item was answered by both clean and elsewhere"):
        diff("small", "clean", "elsewhere")


def test_an_arm_of_the_study_without_answers_is_no_misspelt_one() -> None:
    with pytest.raises(
        ReportError, match=r"waiting has no answer yet: `leaven run` goes on .* there of bad, base, clean"
    ):
        diff("small", "clean", "waiting")


def test_an_arm_is_not_set_beside_itself() -> None:
    with pytest.raises(StudyError, match="'clean' is given twice"):
        diff("small", "clean", "clean")


@given(st.text(), st.text())
def test_both_texts_are_whole(one: str, two: str) -> None:
    before, after = words(one, two)
    assert "".join(run for _, run in before) == one and "".join(run for _, run in after) == two


def test_words_that_both_have_are_not_marked() -> None:
    before, after = words("the cat sat, here", "the dog sat, here now")
    assert before == [(False, "the "), (True, "cat "), (False, "sat, here")]
    assert after == [(False, "the "), (True, "dog "), (False, "sat, here "), (True, "now")]


def test_long_texts_take_no_long_time() -> None:
    one = " ".join(str(number) for number in range(200_000))
    began = time.monotonic()
    words(one, one[::-1])
    assert time.monotonic() - began < 10
