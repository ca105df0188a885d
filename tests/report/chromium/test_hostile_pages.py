"""What models and data may hold, and studies that went wrong: text stays text, and every page loads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from leaven.report.findings import ArmInfo, FailureInfo, Findings, MetricInfo, SampleInfo, TrainingInfo
from leaven.report.page import render

pytestmark = pytest.mark.e2e
COLUMNS = ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]
HOSTILE = [
    "<script>window.pwned = 1</script>", "</script><script>window.pwned = 1</script>", "</style><img src=x onerror='window.pwned = 1'>",
    "javascript:window.pwned=1", "<img src=x onerror=window.pwned=1>", "\u202egnp.exe\u2066", "<!-- <script>", "]]></svg>",
    "{{ 7*7 }}{% raw %}", "${window.pwned=1}", "' onmouseover='window.pwned=1", "nul\x00bell\x07", "\ud800", "\\u003cscript>",
    "__proto__", "constructor", "İstanbul", "a" * 1_000_000,
]  # fmt: skip


def attacked(rich: Findings, word: str) -> Findings:
    """Put a hostile text wherever the page has a place for one."""
    short = word[:300]
    samples = [
        SampleInfo(arm + short, seed, word, word, word, short, short, 0, {short: 1.0 if arm == "b" else 0.0}, short)
        for arm in ("a", "b") for seed in (0, 1)
    ]  # fmt: skip
    return replace(
        rich, name=short, question=word, arms=[ArmInfo("a" + short, word, is_baseline=True), ArmInfo("b" + short, word)],
        baseline="a" + short, samples=samples, doctor=[word], missing=[word], warnings=[word], notes=[word],
        metrics=[MetricInfo(short, short, word, "lower", "share")], settings={short: word}, provenance={short: word},
        failures=[FailureInfo(short, 0, short, word, [word])], profile=short,
        trainings=[TrainingInfo("b" + short, 0, 5, 5, 5, 1.0, 0.5, [(1, 0.7), (2, 0.5)], short)],
        comparisons=[replace(c, arm="b" + short, baseline="a" + short, suite=short, metric=short, note=word) for c in rich.comparisons[:6]],
        measurements=None if "\ud800" in word else pd.DataFrame(
            [(arm + short, None, seed, short, short, short, f"{short}{i}", 0, 0.1 * i) for arm in "ab" for seed in (0, 1, 2) for i in range(4)],
            columns=COLUMNS),
    )  # fmt: skip


@pytest.mark.parametrize("word", HOSTILE, ids=[ascii(word)[:28] for word in HOSTILE])
def test_hostile_text_stays_text(browser: Any, rich: Findings, word: str) -> None:
    browser.open(render(attacked(rich, word)), width=390)
    browser.press("What changed most")
    browser.choose("By", "wording", inside="#browser")
    browser.press("All samples")
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for press in browser.driver.find_elements("css selector", "#browser .more"):
        browser.run("arguments[0].click()", press)
    assert browser.run("return window.pwned") is None
    assert (
        browser.run(
            "return document.querySelectorAll('main script, main img, main iframe, main [onerror], main [onmouseover]').length"
        )
        == 0
    )
    assert browser.run("return [...document.links].every(a => a.getAttribute('href').startsWith('#'))")
    assert browser.sideways() == 0
    browser.is_quiet()
    if "İ" not in word and word.isprintable() and len(word) < 300:
        assert browser.run("return document.querySelector('#browser .side .text').textContent") == word


def test_a_long_answer_is_cut_and_its_length_said(browser: Any, rich: Findings) -> None:
    source = render(attacked(rich, "a" * 1_000_000))
    assert len(source) < 1_000_000
    browser.open(source)
    assert "The whole text has 1,000,000 characters; this page keeps the first 8,000." in browser.all("#browser .note")


def odd(rich: Findings) -> dict[str, Findings]:
    measured = rich.measurements
    assert measured is not None
    repeated = pd.concat([measured, measured.head(50)])
    names = ["clean", *(f"arm number {i} with a rather long name" for i in range(199))]
    crowd = [(arm, None, seed, "eli5", metric, None, f"i{i}", 0, (i + len(arm)) % 7 / 7)
             for arm in names for seed in (0, 1) for i in range(2) for metric in ("toxicity", *(f"m{k}" for k in range(12)))]  # fmt: skip
    bare = replace(rich, comparisons=[], analyses=type(rich.analyses)())
    crowded = replace(bare, trainings=[], ledgers=[], samples=[], dose_name=None)
    return {
        "no baseline": replace(rich, baseline="", arms=[replace(a, is_baseline=False) for a in rich.arms]),
        "an arm without results": replace(rich, arms=[*rich.arms, ArmInfo("never ran", seeds=(0, 1))]),
        "all equal": replace(rich, measurements=measured.assign(value=0.5)),
        "n = 1": replace(bare, measurements=measured[measured["item_id"] == "pocket:eli5#1"]),
        "all null": replace(rich, measurements=measured.assign(value=None)),
        "infinite": replace(rich, measurements=measured.assign(value=float("inf"))),
        "one arm only": replace(bare, measurements=measured[(measured["arm"] == "clean") | (measured["metric"] == "length")]),
        "repeated ids": replace(bare, measurements=repeated, samples=[*rich.samples, *rich.samples[:30]]),
        "nothing": Findings(name="n", question="q"),
        "200 arms": replace(crowded, measurements=pd.DataFrame(crowd, columns=COLUMNS),
                            arms=[ArmInfo(n, seeds=(0, 1), is_baseline=n == "clean") for n in names]),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["no baseline", "an arm without results", "all equal", "n = 1", "all null", "infinite",
                                  "one arm only", "repeated ids", "nothing", "200 arms"])  # fmt: skip
def test_odd_studies_load(browser: Any, rich: Findings, name: str) -> None:
    source = render(odd(rich)[name])
    assert len(source) < 3_500_000
    browser.open(source, width=390)
    assert browser.sideways() == 0
    browser.look(width=1280)
    assert browser.sideways() == 0
    assert browser.all("h1")
    browser.is_quiet()
