"""Balance, left-out rows, correlations, the corpus's funnel, the histogram, and the texts to read."""

from __future__ import annotations

import re
from dataclasses import replace

from leaven.report.charts.histogram import histogram_chart
from leaven.report.conditioned import balance
from leaven.report.conditioned.funnel import funnels
from leaven.report.conditioned.written import written
from leaven.report.findings import AskedSample, BalanceInfo, Findings, FunnelInfo, LabelInfo


def test_arms_labelled_alike_share_their_lines(two: Findings) -> None:
    bars = balance.balances(two)
    assert bars is not None
    rows = [row for row in bars.table.rows if row[0] == "tox"]
    assert [(row[1], row[2], row[4]) for row in rows] == [
        ("<|nontoxic|>", "2,000", "tox, toxsen and filtered"),
        ("<|toxic|>", "60", "tox, toxsen and filtered"),
    ]
    assert bars.shares[0] == 2000 / 2060


def test_texts_that_could_not_be_scored_are_shown_where_there_are_any() -> None:
    runs = [
        BalanceInfo("a", seed, 10, {"sen": {"<|neg|>": 3, "<|pos|>": 6 - seed, "unscored": 1 + seed}})
        for seed in (0, 1)
    ]
    bars = balance.balances(Findings(name="n", question="q", balances=runs))
    assert bars is not None
    assert [row[1:3] for row in bars.table.rows] == [["<|neg|>", "3"], ["<|pos|>", "5 to 6"], ["unscored", "1 to 2"]]


def test_the_last_step_that_goes_by_an_attribute_counts() -> None:
    first = BalanceInfo("a", 0, 100, {"sen": {"<|neg|>": 60, "<|pos|>": 40}}, left_out={"not good: sen": 60})
    then = replace(first, rows=40, balance={"sen": {"<|neg|>": 0, "<|pos|>": 40}}, untagged=4)
    study = Findings(name="n", question="q", balances=[first, then])
    assert balance.by_class(study) == {("a", "sen"): {"<|neg|>": [0], "<|pos|>": [40]}}
    treated = balance.treated(study)
    assert treated is not None
    assert treated.rows == [["a", "40", "4", "10.0\u00a0%", "60\u00a0× not good: sen"]]


def test_correlations_are_written_with_what_never_varies() -> None:
    runs = [BalanceInfo("a", 0, 9, {}, phi=[("tox", "sen", -0.214), ("tox", "len", None)]),
            BalanceInfo("a", 1, 9, {}, phi=[("tox", "sen", 0.1), ("tox", "len", None)])]  # fmt: skip
    table = balance.correlations(Findings(name="n", question="q", balances=runs))
    assert table is not None
    assert [row[:3] for row in table.rows] == [
        ["tox", "sen", "−0.21 to 0.10"],
        ["tox", "len", "one of them never varies"],
    ]


def test_the_funnel_s_shares_are_of_the_same_unit(two: Findings) -> None:
    (corpus,) = funnels(two)
    assert [row[3] for row in corpus.steps.table.rows] == [
        f"{x}\u00a0%" for x in ("100.0", "75.0", "100.0", "76.7", "75.2")
    ]
    assert corpus.drops is not None and corpus.sources is not None
    assert corpus.drops.table.rows[0] == ["too_short", "3,100", "14.8\u00a0%"]
    assert "too_long" not in [row[0] for row in corpus.drops.table.rows], "it dropped nothing"
    assert [row[0] for row in corpus.sources.table.rows] == ["Pile-CC", "Wikipedia (en)", "OpenWebText2"]
    assert corpus.altered == "812\u00a0× special_characters"


def test_a_corpus_that_lost_everything_is_no_division_by_nought() -> None:
    empty = FunnelInfo("d", [("read", "documents", 0), ("split", "sentences", 0)], {"too_short": 0}, {})
    (corpus,) = funnels(Findings(name="n", question="q", funnels=[empty]))
    assert corpus.steps.shares == [None, None] and corpus.drops is None and corpus.sources is None


def test_classes_are_written_with_what_parts_them(two: Findings) -> None:
    table = balance.labelled(two)
    assert table is not None
    assert table.rows[1][3].replace("\u00a0", " ") == "<|neg|> ≤ −0.05 < neutral ≤ 0.05 < <|pos|>"


def test_a_label_column_is_a_table_of_its_words() -> None:
    said = {f"word {place}": 100 - place for place in range(15)}
    one = LabelInfo("d", "form", "column label", 2000, tokens=("<|a|>", "<|b|>"), said=said)
    ((title, bars),) = balance.said(Findings(name="n", question="q", labels=[one]))
    assert title == "form: column label of d" and len(bars.table.rows) == 12
    assert bars.table.rows[0] == ["word 0", "100", "5.0\u00a0%"] and "3 rarer labels" in bars.table.note
    assert histogram_chart(one, "histogram-1") is None


def test_a_histogram_has_bars_thresholds_and_tokens(two: Findings) -> None:
    tox, sen = (histogram_chart(one, f"histogram-{place}") for place, one in enumerate(two.labels))
    assert tox is not None and sen is not None
    assert "logarithmic" in tox.description and "logarithmic" not in sen.description
    tips = re.findall(r'data-tip="([^"]*)"', sen.svg)
    assert len(tips) == 20 and tips[0].endswith("200 texts")
    for token in ("&lt;|neg|&gt;", "neutral", "&lt;|pos|&gt;"):
        assert f">{token}</text>" in sen.svg
    assert "4 texts could not be scored" in tox.note


def test_a_threshold_beyond_the_scores_is_said_not_drawn(two: Findings) -> None:
    drawn = histogram_chart(replace(two.labels[0], thresholds=[7.5]), "histogram-1")
    assert drawn is not None and drawn.legend == []
    assert "Not in the picture: threshold 7.5." in drawn.note


def test_texts_are_of_the_first_seed_and_of_the_same_items(four: Findings) -> None:
    shown = written(four, "control")
    assert [one.arm for one in shown][:2] == ["many", "toxsen"]
    many = shown[0]
    assert many.seed == 0 and len(many.under) == 8 and many.left_out == 9
    assert many.under[0][0] == "none", "what comes without a token is there to be compared with"
    assert {tuple(text.item for text in texts) for _, texts in many.under} == {
        ("sample-00000", "sample-00001", "sample-00002")
    }
    assert written(four, "another suite") == []


def test_another_seed_s_texts_are_not_mixed_in() -> None:
    texts = [
        AskedSample("a", seed, "control", "pos", f"i{place}", f"seed {seed}") for seed in (4, 5) for place in range(2)
    ]
    (one,) = written(Findings(name="n", question="q", asked=texts[1:]), "control")
    assert [text.text for text in one.under[0][1]] == ["seed 4"]


def test_a_few_combinations_are_all_shown() -> None:
    texts = [AskedSample("a", 1, "control", name, "i", name) for name in ("pos", "neg")]
    (one,) = written(Findings(name="n", question="q", asked=texts), "control")
    assert [name for name, _ in one.under] == ["pos", "neg"] and one.left_out == 0
