"""The section in the page and in the other formats: there only where it has something, whatever the texts hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from leaven.report.conditioned.section import section
from leaven.report.findings import AskedSample, BalanceInfo, Findings, FunnelInfo
from leaven.report.formats import render as written
from leaven.report.means import means
from leaven.report.page import render

HOSTILE = [
    "<script>window.pwned = 1</script>",
    "</section><img src=x onerror=alert(1)>",
    "a|b",
    "{{ 7*7 }}",
    "\u202egnp.exe",
]


@pytest.fixture(scope="module")
def page(two: Findings) -> str:
    return render(two)


def test_other_studies_have_neither_section_nor_style(findings: Findings) -> None:
    assert section(findings, means(findings.measurements)) is None
    made = render(findings)
    assert 'id="control"' not in made and ".matrix" not in made and "#control" not in made
    for name in ("md", "latex"):
        assert "Control tokens" not in written(findings, name) and "Asked for" not in written(findings, name)
    assert "control_tokens" not in json.loads(written(findings, "json"))


def test_the_section_stands_behind_the_tables_and_in_the_contents(page: str) -> None:
    assert '<a href="#control">Control tokens</a>' in page
    assert (
        page.index('<section id="results">')
        < page.index('<section id="control">')
        < page.index('<section id="figures">')
    )


def test_the_same_findings_give_the_same_page(two: Findings, page: str) -> None:
    assert render(two) == page


def test_a_class_asked_for_is_marked_for_those_who_do_not_see_it(page: str) -> None:
    body = page[page.index('<section id="control">') :]
    cells = re.findall(r'<td class="h\d+ asked[^"]*">.*?</td>', body)
    # Two combinations of one attribute in tox and in sen; four of two attributes in toxsen.
    assert len(cells) == 2 + 2 + 4 * 2
    assert all("(asked for)" in cell for cell in cells)


def test_charts_have_names_of_their_own(two: Findings) -> None:
    made = section(two, means(two.measurements))
    assert made is not None and made.labels is not None
    charts = [chart for suite in made.suites for chart, _, _ in suite.charts]
    charts += [chart for chart, _, _ in made.labels.histograms]
    assert [chart.name for chart in charts] == [
        "misalignment-1",
        "misalignment-2",
        "attributes-1",
        "histogram-1",
        "histogram-2",
    ]
    tox = charts[0].svg
    assert "toxsen" in tox and "by the scorer that labelled" in tox and "seed 2" in tox
    assert ("diamond", "by the scorer that labelled") in charts[0].legend
    assert "by the scorer that labelled" not in charts[1].svg, "sen has no judge"


def test_a_corpus_alone_is_shown(two: Findings) -> None:
    made = section(Findings(name="n", question="q", funnels=two.funnels), {})
    assert made is not None and made.suites == [] and made.labels is None
    assert "Corpus <bdi>sentences</bdi>" in render(Findings(name="n", question="q", funnels=two.funnels))


def test_matrices_without_measurements_are_shown(two: Findings) -> None:
    bare = replace(
        two, measurements=None, comparisons=[], primary=[], analyses=Findings(name="n", question="q").analyses
    )
    made = section(bare, {})
    assert made is not None and made.suites[0].charts == [] and made.suites[0].effects is None
    assert len(made.suites[0].matrices) == 4
    assert 'id="control"' in render(bare)


@pytest.mark.parametrize("word", HOSTILE)
def test_whatever_models_and_data_say_stays_text(two: Findings, word: str) -> None:
    attacked = replace(
        two,
        asked=[AskedSample("toxsen", 0, "control", word, word, word, word), *two.asked[:9]],
        funnels=[FunnelInfo(word, [(word, word, 5)], {word: 2}, {word: 3}, {word: 1})],
        labels=[replace(two.labels[0], attribute=word, scorer=word, tokens=(word, word)), replace(two.labels[0], said={word: 4})],
        balances=[BalanceInfo(word, 0, 5, {word: {word: 5}}, 1, {word: 2}, [(word, word, 0.9)])],
        obeyed=[replace(one, scorer=word, attribute=word, shares={word: {word: 0.5}}) for one in two.obeyed[:4]],
    )  # fmt: skip
    made = render(attacked)
    body = made[made.index('<section id="control">') :]
    assert (
        "<img" not in body
        and "window.pwned = 1</script>" not in body
        and "49" not in re.findall(r"<bdi>(\d+)</bdi>", body)
    )
    assert "\u202e" not in body
    parsed = MarkdownIt("commonmark").enable("table").parse(written(attacked, "md"))
    kinds = {token.type for block in parsed for token in [block, *(block.children or [])]}
    assert not {"html_inline", "html_block", "link_open", "image"} & kinds
    tables = [token for token in parsed if token.type == "table_open"]
    assert len(tables) >= 6
    assert "<script>" not in written(attacked, "latex")
    json.loads(written(attacked, "json"))


def test_the_formats_have_its_tables(two: Findings) -> None:
    text = written(two, "md").replace("\u00a0", " ")
    for title in (
        "Asked for and measured: toxsen",
        "What the good tokens do",
        "Balance of the classes",
        "Corpus sentences: dropped",
    ):
        assert f"### {title}" in text
    assert "| nontoxic+neg | 84 % (83 to 85; labeller 86 %), asked for |" in text
    assert "| too_short | 3,100 | 14.8 % |" in text
    latex = written(two, "latex")
    assert (
        "Asked for and measured: toxsen, sen." in latex
        and "\\textless{}\\textbar{}neg\\textbar{}\\textgreater{}" in latex
    )
    told = json.loads(written(two, "json"))["control_tokens"]
    assert len(told["obeyed"]) == len(two.obeyed) and told["funnels"][0]["drops"]["too_short"] == 3100
