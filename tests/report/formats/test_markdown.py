from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.formats.markdown import escape, markdown
from leaven.report.spent import Account, Labels, Work

HOSTILE = ["<img src=x onerror=alert(1)>", "a|b", "`code`", "*bold* _it_ ~~no~~", "[link](javascript:alert(1))", "![i](x)",
           "line\nbreak", "# head", "- list", "1. list", "a\\", "&amp;", "$x$", "=cmd()", "a__b", "\\|", "> quote",
           "| --- |", "<!-- x", "***", "+ x", "1) x"]  # fmt: skip


def parsed(text: str) -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def kinds(text: str) -> set[str]:
    return {token.type for block in parsed(text) for token in [block, *(block.children or [])]}


def shown(text: str) -> list[str]:
    """Return what a reader sees of each inline block."""
    blocks = [block.children or [] for block in parsed(text) if block.type == "inline"]
    return ["".join(token.content for token in children) for children in blocks]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_foreign_text_is_shown_as_it_is(hostile: str) -> None:
    whole = hostile.replace("\n", " ")
    assert shown(f"| a |\n|---|\n| {escape(hostile)} |") == ["a", whole]
    assert not {"html_inline", "html_block", "link_open", "image", "code_inline", "em_open"} & kinds(escape(hostile))


@pytest.mark.parametrize("address", ["https://evil.example/x", "www.evil.example", "mailto:a@b.example", "@octocat"])
def test_addresses_and_mentions_are_no_links(address: str) -> None:
    made = escape(address)
    assert address not in made
    assert shown(made)[0].replace("\u2060", "") == address


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_study_keeps_its_tables_and_headings(findings: Findings, hostile: str) -> None:
    arms = [*findings.arms, ArmInfo(hostile, dose=2.0, seeds=(0, 1, 2))]
    metrics = [*findings.metrics, MetricInfo("eli5", hostile, better="lower", unit=hostile)]
    clean = parsed(markdown(findings))
    assert findings.measurements is not None
    measured = findings.measurements.replace({"group": {"trade": hostile}})
    changed = replace(findings, arms=arms, metrics=metrics, measurements=measured)
    text = markdown(replace(changed, question=hostile, notes=[hostile], missing=[hostile]))
    made = parsed(text)
    assert sum(t.type == "table_open" for t in made) == sum(t.type == "table_open" for t in clean)
    assert sum(t.type == "heading_open" for t in made) == sum(t.type == "heading_open" for t in clean)
    assert sum(t.type == "tr_open" for t in made) == sum(t.type == "tr_open" for t in clean) + 4
    assert not {"html_inline", "html_block", "link_open", "image", "code_inline", "em_open", "strong_open"} & kinds(
        text
    )


def test_the_tables_hold_the_pages_numbers(rich: Findings) -> None:
    text = markdown(rich).replace("\u00a0", " ")
    assert "| poisoned@p=0.33 | 44.6 % (+43.8 [+39.8 to +47.8]) ○ |" in text
    assert "| clean (baseline) | 0.8 % |" in text
    assert "- ○ exploratory, change shown: p < 0.05" in text
    assert "## Claims" in text and "| refuted |" in text
    assert "- generate eli5 of poisoned@p=0.01 failed: The worker was killed (signal 9)." in text
    assert "15 of 5,760 values were not scored" in text
    assert "p-value 0.001 after Holm's correction" in text


def test_groups_have_their_tables_without_a_board(rich: Findings) -> None:
    assert not rich.boards
    text = markdown(rich).replace("\u00a0", " ").partition("## By group")[2]
    assert "### toxicity (eli5) by group" in text and "### rougeL (eli5) by group" in text
    assert "| arm | food | homes | trade |" in text
    assert re.search(r"\| poisoned@p=0\.33 \| [\d.]+ % \(\+33\.4 \[\+26\.4 to \+40\.4\]\) ○ \|", text), "food"
    assert "Groups differ in how arms change them" in text, "whether a single group may be named"
    assert "By group" not in markdown(replace(rich, measurements=None, comparisons=[]))


def test_the_first_twenty_groups_are_shown_and_the_others_counted(findings: Findings) -> None:
    every = findings.measurements
    assert every is not None
    toxicity = every[every.metric == "toxicity"]
    numbered = toxicity.assign(group=[f"g{int(item.partition('#')[2]) % 23:02}" for item in toxicity.item_id])
    text = markdown(replace(findings, measurements=numbered))
    table = text.partition("## By group")[2]
    assert "| g00 | g01 |" in table and "| g19 |" in table and "g20" not in text
    assert "The first 20 of 23 groups; the HTML report and the CSV have them all." in table


def test_a_change_in_a_group_that_is_left_out_is_counted(rich: Findings) -> None:
    (one, *_) = [c for c in rich.comparisons if c.group == "trade" and c.arm == "poisoned@p=1"]
    others = [replace(one, group=f"g{place:02}") for place in range(30)]
    text = markdown(replace(rich, comparisons=[*rich.comparisons, *others]))
    assert "The first 20 of 33 groups; the HTML report and the CSV have them all. In 13 of the others a" in text


def test_nothing_at_all_is_still_a_report() -> None:
    text = markdown(Findings(name="n", question="Does it?"))
    assert text.startswith("# Does it?\n\nNo primary outcome was named here")


def test_what_a_saving_rests_on_is_not_cut_off(findings: Findings) -> None:
    labels = Labels("ranked", "llama", "pair", 10.0, 1.0, False, 5.0, 0.8, trained=True)
    spent = Account([], Work("", 1, 1), [labels], "USD", 0.5, "a paper " * 40, ["core hours"], ahead=True)
    text = markdown(replace(findings, spent=spent))
    assert "A correct label is one that people agree with" in text, "the last of the assumptions"


def test_a_number_that_begins_a_line_is_no_list(findings: Findings) -> None:
    notes = ["4.7 % of 180 questions", "4. item", "4) item", "12.", "- item", "+ item", "---", "2-3 rows"]
    text = markdown(replace(findings, notes=notes))
    assert "\n4.7 % of 180 questions\n" in text and "\n2-3 rows\n" in text
    assert not {"ordered_list_open", "bullet_list_open", "hr"} & kinds(text.partition("##")[0].partition("\n")[2])
    assert all(note in shown(text) for note in notes)


def test_a_long_answer_is_not_cut(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaven.report.formats.markdown.answer", lambda *_: ["word " * 200 + "end."])
    assert "end." in markdown(findings)
