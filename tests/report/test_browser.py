"""Which samples the page holds, and what its script will read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from leaven.report.browser import LONGEST, browser
from leaven.report.findings import Findings, SampleInfo
from leaven.report.packing import unpacked


def sample(item: int, arm: str, text: str = "text", **changed: Any) -> SampleInfo:
    plain: dict[str, Any] = {"seed": 0, "suite": "s", "item_id": f"i{item}", "prompt": f"Question {item}?"}
    return SampleInfo(arm=arm, text=text, **{**plain, **changed})


def study(samples: list[SampleInfo]) -> Findings:
    return Findings(name="n", question="q", samples=samples, baseline="a")


def test_all_samples_are_held_where_they_fit(rich: Findings) -> None:
    made = browser(rich)
    held = unpacked(made.blob)
    assert (made.kept, made.left_out, made.items, made.items_left_out) == (144, 0, 12, 0)
    assert len(held["prompts"]) == 12
    assert held["arms"][held["baseline"]] == "clean"
    back = set()
    for prompt, arm, seed, number, text, scores in held["samples"]:
        item, asked, reference, group = held["prompts"][prompt]
        suite, name = held["items"][item]
        named = {m["name"]: score for m, score in zip(held["suites"][suite]["metrics"], scores, strict=True)}
        suite = held["suites"][suite]["name"]
        back.add(
            (
                held["arms"][arm],
                seed,
                asked,
                text,
                reference,
                suite,
                name,
                number,
                json.dumps(named),
                held["groups"][group],
            )
        )
    order = [m["name"] for m in held["suites"][0]["metrics"]]
    assert order[:2] == ["toxicity", "rougeL"]
    assert back == {
        (s.arm, s.seed, s.prompt, s.text, s.reference, s.suite, s.item_id, s.sample,
         json.dumps({name: s.scores[name] for name in order}), s.group)
        for s in rich.samples
    }  # fmt: skip


def test_without_samples_there_is_nothing() -> None:
    assert browser(study([])).blob == ""


def scattered(n: int) -> list[SampleInfo]:
    """Items of incompressible texts; item i differs by i between its two arms."""
    import random

    draw = random.Random(5)
    return [
        sample(i, arm, f"{draw.getrandbits(4000):x}", scores={"m": float(i if arm == "b" else 0)})
        for i in range(n) for arm in ("a", "b")
    ]  # fmt: skip


@pytest.mark.parametrize("budget", [200, 8_000, 40_000])
def test_what_does_not_fit_is_counted_and_whole_items_are_kept(budget: int) -> None:
    samples = scattered(100)
    made = browser(study(samples), budget=budget)
    held = unpacked(made.blob)
    assert len(made.blob) <= max(budget, 200)
    assert made.kept == len(held["samples"]) == 2 * made.items
    assert made.kept + made.left_out == 200
    assert made.items + made.items_left_out == 100
    assert made.items < 100
    assert browser(study(samples), budget=budget) == made


def test_the_items_that_differ_most_come_first_and_others_by_chance() -> None:
    samples = scattered(100)
    one, other = (unpacked(browser(study(samples), budget=40_000, seed=seed).blob) for seed in (0, 1))
    names = [{name for _, name in held["items"]} for held in (one, other)]
    certain = {f"i{i}" for i in range(99, 99 - len(names[0]) // 2 + 2, -1)}
    assert len(names[0]) >= 10
    assert certain <= names[0]
    assert certain <= names[1]
    assert names[0] != names[1]


def test_too_many_samples_for_any_browser_are_not_even_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.report import browser as room

    monkeypatch.setattr(room, "MOST_SAMPLES", 50)
    made = browser(study(scattered(100)))
    assert made.kept == 50
    assert made.left_out == 150


def test_a_long_answer_is_cut_and_its_length_told() -> None:
    held = unpacked(browser(study([sample(0, "a", "word " * 200_000)])).blob)
    beginning, length = held["samples"][0][4]
    assert len(beginning) == LONGEST
    assert length == 1_000_000


def test_odd_samples_are_held() -> None:
    odd = [
        sample(0, "a", seed=None, scores={"m": float("inf"), "k": None}, group=None),
        sample(0, "a", seed=None, scores={"m": float("nan")}, group="g"),
        sample(0, "b\u202e", "\ud800\x00\u202e", reference="r"),
        sample(0, "a", scores={"m": 0.5, "k": 1.0}),
        replace(sample(1, "a"), item_id="", suite="other"),
    ]
    held = unpacked(browser(study(odd)).blob)
    assert [line[5] for line in held["samples"]] == [[None, None], [None, None], [None, None], [0.5, 1.0], []]
    assert held["samples"][2][4] == "\ufffd␀‹U+202E›"
    assert held["arms"] == ["a", "b‹U+202E›"]
    assert held["items"] == [[0, "i0"], [1, "Question 1?"]]


def test_scores_that_are_all_equal_rank_nothing() -> None:
    equal = [sample(i, arm, scores={"m": 1.0}) for i in range(3) for arm in ("a", "b")]
    assert browser(study(equal), budget=1).items == 0
    assert browser(study(equal)).items == 3


def test_a_study_that_only_differs_in_order_keeps_the_same_items() -> None:
    samples = scattered(60)
    one, other = (unpacked(browser(study(order), budget=20_000).blob) for order in (samples, samples[::-1]))
    assert {name for _, name in one["items"]} == {name for _, name in other["items"]}
