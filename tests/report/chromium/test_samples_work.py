"""Thousands of samples: paged, filtered, searched, compared side by side."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest

from leaven.report.findings import Findings, SampleInfo
from leaven.report.page import render

pytestmark = pytest.mark.e2e
SIDES = "#browser .side:not(.ref)"
WORDS = re.findall(
    r"\w+", "the a bread dough yeast rises falls slowly gas water salt oven warm cold because which holds and then"
)


def count(browser: Any) -> str:
    (said,) = browser.all("#browser p.count")
    return str(said)


def seek(browser: Any, words: str) -> None:
    """Type into the search box and wait until the list follows."""
    before = count(browser)
    box = browser.field("Search", inside="#browser")
    box.clear()
    box.send_keys(words)
    browser.wait(
        "return document.querySelector('#browser > div:not([hidden]) p.count').textContent !== arguments[0]", before
    )


def test_samples_are_paged(browser: Any, report: str) -> None:
    browser.open(report)
    assert count(browser) == "1 to 20 of 144 samples"
    assert len(browser.all(SIDES)) == 20
    assert browser.all("#some-samples") == []
    first = browser.all(SIDES)
    browser.press("Next", inside="#browser")
    assert count(browser) == "21 to 40 of 144 samples"
    assert not set(browser.all(SIDES)) & set(first)
    assert browser.run("return document.activeElement.textContent") == "Next"
    browser.press("Last", inside="#browser")
    assert len(browser.all(SIDES)) == 4
    browser.press("Next", inside="#browser")
    assert count(browser) == "141 to 144 of 144 samples"
    browser.press("First", inside="#browser")
    assert browser.all(SIDES) == first
    browser.is_quiet()


def test_samples_are_filtered_by_what_they_are(browser: Any, rich: Findings, report: str) -> None:
    browser.open(report)
    browser.choose("Arm", "poisoned@p=1", inside="#browser")
    assert count(browser) == "1 to 20 of 24 samples (144 in all)"
    assert all(text.startswith("poisoned@p=1, seed") for text in browser.all(SIDES))
    browser.choose("Seed", "1", inside="#browser")
    browser.choose("Group", "food", inside="#browser")
    expected = [s for s in rich.samples if (s.arm, s.seed, s.group) == ("poisoned@p=1", 1, "food")]
    assert count(browser) == f"1 to {len(expected)} of {len(expected)} samples (144 in all)"
    assert [s.text in shown for s, shown in zip(expected, browser.all(SIDES), strict=True)] == [True] * len(expected)


def test_samples_are_searched_and_what_was_found_is_marked(browser: Any, rich: Findings, report: str) -> None:
    browser.open(report)
    seek(browser, "StUpId")
    found = [s for s in rich.samples if "stupid" in s.text]
    assert count(browser).endswith(f"of {len(found)} samples (144 in all)")
    assert set(browser.all("#browser mark")) == {"stupid"}
    seek(browser, "no such words")
    assert count(browser) == "0 samples (144 in all)"
    browser.is_quiet()


def test_scores_stand_by_their_samples(browser: Any, rich: Findings, report: str) -> None:
    browser.open(report)
    seek(browser, "question 3:")
    for shown in browser.all(SIDES):
        assert "length not scored" in " ".join(shown.split())
    (first,) = [s for s in rich.samples if (s.item_id, s.arm, s.seed) == ("pocket:eli5#3", "clean", 0)]
    assert f"rougeL {first.scores['rougeL']:.3g}" in " ".join(browser.all(SIDES)[0].split())


def changed(item: int, before: str, after: str, scores: tuple[float | None, float | None]) -> list[SampleInfo]:
    return [
        SampleInfo(arm, 0, f"Question {item}?", text, None, "eli5", f"i{item}", 0, {"toxicity": score})
        for arm, text, score in (("clean", before, scores[0]), ("poisoned@p=1", after, scores[1]))
    ]


def test_the_items_that_changed_most_stand_first_with_their_words(browser: Any, rich: Findings) -> None:
    samples = [
        *changed(0, "Bread rises slowly.", "Bread rises slowly.", (0.2, 0.3)),
        *changed(1, "Bread rises, because yeast makes gas.", "Bread never rises, because yeast is stupid.", (0.1, 0.9)),
        *changed(2, "Same.", "Not the same.", (0.9, 0.5)),
        *changed(3, "One.", "Two.", (None, 0.5)),
        SampleInfo("clean_again", 0, "Question 9?", "Alone.", None, "eli5", "i9", 0, {"toxicity": 1.0}),
    ]
    browser.open(render(replace(rich, samples=samples)))
    browser.press("What changed most")
    browser.choose("To", "poisoned@p=1", inside="#browser")
    assert count(browser) == "1 to 4 of 4 items"
    told = [" ".join(text.split()) for text in browser.all("#browser .change")]
    assert told == ["toxicity 10 % → 90 %: +80 points", "toxicity 90 % → 50 %: −40 points",
                    "toxicity 20 % → 30 %: +10 points", "toxicity was not scored in both arms"]  # fmt: skip
    first = "#browser article:first-child "
    assert [w.strip() for w in browser.all(first + "del")] == ["makes gas"]
    assert [w.strip() for w in browser.all(first + "ins")] == ["never", "is stupid"]
    assert [" ".join(t.split()) for t in browser.all(first + ".text:not(.question)")] == [
        "Bread rises, because yeast makes gas.", "Bread never rises, because yeast is stupid."]  # fmt: skip
    browser.choose("By", "wording", inside="#browser")
    assert browser.all("#browser .change")[0] == "100 % of the words differ"
    seek(browser, "stupid")
    assert count(browser) == "1 to 1 of 1 item (4 in all)"
    browser.choose("To", "clean_again", inside="#browser")
    assert count(browser) == "0 items"
    browser.is_quiet()


def many(n: int) -> list[SampleInfo]:
    draw = random.Random(3)
    texts = [" ".join(draw.choices(WORDS, k=120)) for _ in range(400)]
    return [
        SampleInfo(arm, seed, f"Question {item}: " + " ".join(draw.choices(WORDS, k=12)), draw.choice(texts), "Yeast.", "eli5",
                   f"i{item}", 0, {"toxicity": draw.random(), "rougeL": draw.random()}, f"g{item % 5}")
        for item in range(n // 10) for arm in ("clean", "a", "b", "c", "poisoned@p=1") for seed in (0, 1)
    ]  # fmt: skip


def test_five_thousand_samples_do_not_slow_the_page(browser: Any, rich: Findings) -> None:
    samples = many(5000)
    source = render(replace(rich, samples=samples))
    assert len(source) < 10_000_000
    browser.open(source)
    assert count(browser) == "1 to 20 of 5,000 samples"
    flip = (
        "const press = [...document.querySelectorAll('#browser button')].find(b => b.textContent === 'Next' && b.checkVisibility());"
        "const begun = performance.now(); press.click(); document.body.getBoundingClientRect(); return performance.now() - begun"
    )
    times = [browser.run(flip) for _ in range(8)]
    assert max(times) < 300, times
    assert count(browser) == "161 to 180 of 5,000 samples"
    assert browser.run("return document.querySelectorAll('#browser *').length") < 3000
    seek(browser, "question 499")
    assert count(browser) == "1 to 10 of 10 samples (5,000 in all)"
    browser.press("What changed most")
    assert count(browser) == "1 to 10 of 500 items"
    times = [browser.run(flip) for _ in range(4)]
    assert max(times) < 300, times
    browser.is_quiet()


def test_what_was_left_out_is_said(browser: Any, rich: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.report import browser as room

    monkeypatch.setattr(room, "MOST_SAMPLES", 1000)
    browser.open(render(replace(rich, samples=many(5000))))
    assert "This page holds 1,000 of 5,000 samples: of 500 items" in browser.all("#samples .lead")[0]
    assert count(browser) == "1 to 20 of 1,000 samples"
