from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.report.findings import (
    ArmInfo,
    DataInfo,
    FailureInfo,
    Findings,
    LedgerInfo,
    MetricInfo,
    SampleInfo,
    TrainingInfo,
)
from leaven.report.packing import unpacked
from leaven.report.page import render
from leaven.report.policy import policy, script

Make = Callable[..., Comparison]
HOSTILE = [
    "<img onerror=alert(1)>", "<script>alert(1)</script>", "</style></title></svg><b id=escaped>", "--><!--",
    "javascript:alert(1)", "\u202egnp.exe", "nul\x00bell\x07", "\ud800lone", "$x^2$ $\\frac{", "{{ 7*7 }}{% raw %}",
    "a" * 5000, "", "\u2066\u2067deep", "מזון", "https://example.org/x.js", "' onmouseover='x", '" onload="x',
    "]]>&amp;", "line\nbreak\ttab", "\U0001f956 bread", "\ufffe\uffff",
]  # fmt: skip
TEXTS = {"data-tip", "data-study", "data-suite", "data-arm", "aria-label", "value"}  # attributes that only hold words
COLUMNS = ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]


class Page(HTMLParser):
    """Collects tags, attributes, visible text and scripts, as a browser would see them."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.blocks: dict[str, str] = {}
        self.inside: dict[str, str] | None = None
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        if tag in ("script", "style"):
            self.inside = {"tag": tag, **{key: value or "" for key, value in attrs}}

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside is None:
            self.words.append(data)
        elif self.inside["tag"] == "script" and "type" in self.inside:
            self.blocks[self.inside["id"]] = data
        elif self.inside["tag"] == "script":
            self.scripts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def check_is_safe(source: str) -> Page:
    page = Page(source)
    source.encode("utf-8")
    assert page.scripts == [script()]
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", block) for block in page.blocks.values())
    assert page.tags.count("script") == 1 + len(page.blocks)
    assert not {"img", "iframe", "object", "embed", "base", "form", "b"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on")]
    links = [value for key, value in page.attributes if key in ("href", "src", "xlink:href", "action", "srcset")]
    assert all(re.fullmatch(r"#[\w-]+|data:,", link) for link in links)
    asked = [value for key, value in page.attributes if key not in TEXTS]
    assert not [value for value in asked if "http:" in value or "https:" in value]
    ids = [value for key, value in page.attributes if key == "id"]
    assert len(ids) == len(set(ids))
    markup = source.replace(script(), "")
    assert "@import" not in markup
    assert not re.search(r"url\((?!#)", markup)
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", source)
    return page


def hostile_findings(word: str, make: Make) -> Findings:
    rows = [(f"{arm}{word}", dose, seed, word, word, word, f"{word}{i}", 0, 0.1 * i * (1 + dose))
            for arm, dose in (("a", 0.0), ("b", 1.0)) for seed in (0, 1, 2) for i in range(3)]  # fmt: skip
    # Arrow, and pandas over it, cannot hold what UTF-8 cannot: such text comes by other ways than measurements.
    measured = None if "\ud800" in word else pd.DataFrame(rows, columns=COLUMNS)
    ledger = LedgerInfo("b" + word, 0, word, 3, 2, 1, 0.5, [(word, word, word)], word)
    arms = [
        ArmInfo("a" + word, word, 0.0, (0, 1, 2), is_baseline=True),
        ArmInfo("b" + word, word, 1.0, (0, 1, 2)),
        ArmInfo("c" + word, word, None, (0,), replicate=1),
        ArmInfo("d" + word, word),
    ]
    names = {"arm": "b" + word, "baseline": "a" + word, "suite": word, "metric": word, "note": word}
    return Findings(
        name=word, question=word, profile=word, arms=arms, metrics=[MetricInfo(word, word, word, "lower", word)],
        measurements=measured, baseline="a" + word, dose_name=word, primary=[word],
        comparisons=[make(**names), make(**names, kind="trend", test="trend " + word), make(**{**names, "group": word})],
        margin={word: 0.1}, ledgers=[ledger],
        data=[DataInfo(word, word, word, 3, 2, {word: 1}, word)], trainings=[TrainingInfo("b" + word, 0)],
        settings={word: word}, doctor=[word], failures=[FailureInfo(word, 0, word, word, [word, word])],
        missing=[word], provenance={word: word}, samples=[SampleInfo(word, 0, word, word, word)], warnings=[word],
    )  # fmt: skip


def test_the_page_answers_first(findings: Findings) -> None:
    source = render(findings)
    page = check_is_safe(source)
    order = ["How much label poison", "The answer", "As the dose p rises", "Dose and response", "Arms and metrics",
             "Trends over", "More figures", "Samples", "What the treatments changed", "Data sources", "Trainings",
             "What the doctor found", "Failures and gaps", "Provenance what value"]  # fmt: skip
    places = [page.text.index(words, page.text.index("How much label poison can")) for words in order]
    assert places == sorted(places)
    assert len(source.encode()) < 500_000


def test_a_study_with_everything_is_a_page(rich: Findings) -> None:
    source = render(rich)
    page = check_is_safe(source)
    order = ["The answer", "A third of flipped labels raises toxicity", "Claims", "Dose and response", "Arms and metrics",
             "How much is tolerated", "How far to trust it", "Is the model still coherent?", "Do the evaluators agree?",
             "Do groups differ?", "Corrected by people's labels", "More figures", "Samples", "Settings in which arms differ",
             "Stages: what each cost"]  # fmt: skip
    places = [page.text.index(words, page.text.index("Skip to the report")) for words in order]
    assert len(source.encode()) < 1_000_000
    contents = page.text.index("Theme: auto")
    assert all(place > 0 for place in places)
    later = [page.text.index(words, contents) for words in order]
    assert later == sorted(later)


def test_a_claim_is_said_once_above_the_table(rich: Findings) -> None:
    answer = Page(render(rich)).text.partition("The answer ")[2].partition("stage failed")[0]
    assert "As the dose p rises" in answer
    assert "Claim supported" not in answer
    assert "A/A arm" in answer


def test_the_policy_is_in_the_page(findings: Findings) -> None:
    attributes = Page(render(findings)).attributes
    assert ("content", policy(script())) in attributes


def test_a_live_page_has_a_place_and_may_ask_its_server(findings: Findings) -> None:
    still, live = (Page(render(findings, live=live)).attributes for live in (False, True))
    assert ("id", "live") in live
    assert ("id", "live") not in still
    assert [value for key, value in live if key == "content" and "connect-src 'self'" in value]


def test_tables_can_be_taken_along_as_text(rich: Findings) -> None:
    texts = unpacked(Page(render(rich)).blocks["exports"])
    assert set(texts) == {"md", "tex", "csv"}
    assert "\\toprule" in texts["tex"]
    assert texts["csv"].startswith("arm,baseline,")
    assert "| clean (baseline) |" in texts["md"]


def test_what_a_chart_says_can_be_read_without_a_pointer(rich: Findings) -> None:
    source = render(rich)
    tips = [html.unescape(tip) for tip in re.findall(r'data-tip="([^"]*)"', source)]
    text = Page(source).text
    assert len(tips) > 50
    assert all(" ".join(tip.replace("\u00a0", " ").split()) in text for tip in tips)


def test_two_renders_are_equal(findings: Findings) -> None:
    assert render(findings) == render(findings)


def test_charts_are_made_without_pyplot() -> None:
    code = "import sys, leaven.report.page as p; from leaven.report.findings import Findings as F\n"
    code += "assert not {'pandas', 'matplotlib', 'jinja2'} & set(sys.modules)\n"
    code += "p.render(F(name='s', question='q')); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("word", HOSTILE, ids=[ascii(word)[:24] for word in HOSTILE])
def test_hostile_text_stays_text(word: str, comparison: Make) -> None:
    for changed in ({}, {"dose_name": None, "arms": [ArmInfo("a" + word, is_baseline=True), ArmInfo("b" + word)]}):
        source = render(replace(hostile_findings(word, comparison), **changed))
        check_is_safe(source)
        assert len(source) < 500_000


def test_dollars_are_no_mathematics(comparison: Make) -> None:
    chart = re.search(r"<svg.*?</svg>", render(hostile_findings("$x^2$", comparison)), re.DOTALL)
    assert chart is not None
    assert "a$x^2$" in chart[0]


def test_long_texts_are_clipped_with_their_length(comparison: Make) -> None:
    page = Page(render(hostile_findings("a" * 5000, comparison)))
    before, _, provenance = page.text.rpartition("Provenance")
    assert "a" * 401 not in before
    assert "a" * 4001 not in provenance
    assert "(5,000 characters)" in page.text


def test_samples_stand_side_by_side(findings: Findings) -> None:
    text = Page(render(findings)).text
    assert text.count("Why does bread rise") == 1
    assert "(1,600 characters)" in text


def test_nothing_at_all_is_a_page() -> None:
    page = check_is_safe(render(Findings(name="empty", question="What does nothing do?")))
    assert "No primary outcome was named here" in page.text
    assert "Nothing was measured" in page.text
    assert "No stage failed" in page.text


def degenerate(findings: Findings) -> dict[str, Findings]:
    measured = findings.measurements
    assert measured is not None
    one = measured[(measured["arm"] == "clean") & (measured["seed"] == 0)].head(1)
    only = measured[(measured["metric"] != "rougeL") | (measured["arm"] == "clean")]
    return {
        "no measurements": replace(findings, measurements=measured.head(0)),
        "no columns": replace(findings, measurements=pd.DataFrame(), comparisons=[]),
        "no comparisons": replace(findings, comparisons=[]),
        "an arm without results": replace(findings, measurements=measured[measured["arm"] != "poisoned@p=0.1"]),
        "all equal": replace(findings, measurements=measured.assign(value=0.5)),
        "all zero": replace(findings, measurements=measured.assign(value=0.0), comparisons=[]),
        "n = 1": replace(findings, measurements=one, comparisons=[]),
        "all null": replace(findings, measurements=measured.assign(value=None)),
        "infinite": replace(findings, measurements=measured.assign(value=float("inf"))),
        "huge": replace(findings, measurements=measured.assign(value=1e300)),
        "in one arm only": replace(findings, measurements=only, comparisons=[]),
        "seed null": replace(findings, measurements=measured.assign(seed=None)),
        "nullable": replace(findings, measurements=measured.convert_dtypes()),
        "no doses": replace(findings, arms=[replace(arm, dose=None) for arm in findings.arms], dose_name=None),
        "no arms": replace(findings, arms=[]),
        "no baseline": replace(findings, arms=[replace(a, is_baseline=False) for a in findings.arms], baseline=""),
        "no metrics": replace(findings, metrics=[]),
    }


def test_degenerate_findings_make_a_page(findings: Findings) -> None:
    for name, odd in degenerate(findings).items():
        page = check_is_safe(render(odd))
        assert not re.search(r"\b(nan|None|inf)\b", page.text), name


def test_what_was_not_measured_is_never_zero(findings: Findings) -> None:
    measured = findings.measurements
    assert measured is not None
    odd = replace(findings, measurements=measured.assign(value=None), comparisons=[])
    cells = re.findall(r'<td data-sort=""><span class="v[^>]*>([^<]*)', render(odd))
    assert len(cells) >= 24
    assert set(cells) == {"not measured"}


def test_sixty_arms(findings: Findings, comparison: Make) -> None:
    names = ["clean", *(f"arm-{i:02d}-with-a-long-name" for i in range(60))]
    rows = [(arm, None, seed, "eli5", "toxicity", None, f"i{i}", 0, (i + len(arm)) % 7 / 7)
            for arm in names for seed in (0, 1, 2) for i in range(5)]  # fmt: skip
    many = replace(
        findings, dose_name=None, arms=[ArmInfo(n, seeds=(0, 1, 2), is_baseline=n == "clean") for n in names],
        measurements=pd.DataFrame(rows, columns=COLUMNS), comparisons=[comparison(arm=n) for n in names[1:]],
        ledgers=[LedgerInfo(n, s, "step", 9, 9, 9, 1.0, [("i", "w" * 999, "b")] * 9) for n in names for s in (0, 1, 2)],
    )  # fmt: skip
    swept = [ArmInfo(n, dose=float(i), is_baseline=i == 0) for i, n in enumerate(names)]
    for study in (many, replace(many, arms=swept, dose_name="d")):
        source = render(study)
        check_is_safe(source)
        assert len(source.encode()) < 3_000_000
