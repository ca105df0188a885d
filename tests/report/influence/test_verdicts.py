"""A paragraph for each data set: gains and costs only where shown, nothing of a recipe from one seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from leaven.report import formats
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.means import means
from leaven.report.page import render
from leaven.report.verdicts import Paragraph, verdicts
from leaven.stats.coherence import Coherence, Degenerate


def said(findings: Findings, arm: str) -> Paragraph:
    return next(one for one in verdicts(findings, means(findings.measurements)) if one.arm == arm)


def changed(findings: Findings, arm: str, **fields: Any) -> Findings:
    return replace(findings, comparisons=[replace(c, **fields) if c.arm == arm else c for c in findings.comparisons])


def test_the_head_says_what_an_arm_was_trained_on(influence: Findings) -> None:
    assert said(influence, "sft-lima").head == "sft-lima (SFT on lima, 1,000 rows; 3 seeds)"
    chain = said(influence, "sft-orca+dpo-hh").head
    assert chain == "sft-orca+dpo-hh (SFT on orca, 1,000 rows, then DPO on hh, 900 rows; 3 seeds)"


def test_gains_and_costs_are_what_was_shown(influence: Findings) -> None:
    text = said(influence, "sft-orca+dpo-hh").text.replace("\u00a0", " ")
    gains, _, rest = text.partition(" Costs ")
    assert "truthfulqa_mc2 acc +4.0 points [+2.0 to +6.0], p-value 0.008" in gains and "safety_score +0.084" in gains
    assert "mmlu acc −5.0 points" in rest and "reasoning average −5.0 points" in rest
    assert "mmlu" not in gains


def test_what_is_better_low_is_gained_by_falling(influence: Findings) -> None:
    turned = replace(influence, metrics=[replace(m, better="lower") for m in influence.metrics])
    text = said(turned, "sft-shp+dpo-shp").text
    assert text.startswith("Gains arc_challenge acc_norm") and "No cost is shown." in text
    undirected = replace(influence, metrics=[replace(m, better=None) for m in influence.metrics])
    assert said(undirected, "sft-shp+dpo-shp").text.startswith("No gain and no cost is shown. Changes arc_challenge")


def test_nothing_is_named_where_nothing_was_shown(influence: Findings) -> None:
    text = said(influence, "sft-shp").text
    assert text.startswith("No gain and no cost is shown. Not told apart from base in arc_challenge acc_norm")
    assert "Gains" not in text and "Costs" not in text


def test_no_change_is_said_only_where_it_was_shown(influence: Findings) -> None:
    near = changed(influence, "sft-shp", equivalent=True)
    text = said(near, "sft-shp").text.replace("\u00a0", " ")
    assert "No change within the margin: arc_challenge acc_norm [−2.0 to +1.2] of ±2.0 points" in text
    assert "Not told apart" not in text


def test_one_seed_or_two_show_nothing_of_a_recipe(influence: Findings) -> None:
    for n, closing in ((1, "One seed: no winner is named."), (2, "Two seeds: nothing is claimed about the recipe")):
        text = said(changed(influence, "sft-lima", n_seeds=n, equivalent=True), "sft-lima").text
        assert text.startswith("In these runs: ") and closing in text
        assert "Gains" not in text and "within the margin" not in text


def test_a_constant_answer_is_neither_gain_nor_cost(influence: Findings) -> None:
    text = said(influence, "sft-orca+dpo-hh").text
    assert "Tells nothing: toxigen acc_norm, −9.9\u00a0points (in base every prediction is 'No'" in text
    assert "toxigen" not in text.partition("Tells nothing")[0]
    told = replace(influence, analyses=replace(influence.analyses, degenerate=()))
    assert "toxigen acc_norm −9.9" in said(told, "sft-orca+dpo-hh").text.partition("Costs")[2]


def test_an_accuracy_like_a_constants_hides_no_change_where_the_answers_vary(influence: Findings) -> None:
    def told(*arms: str, **fields: Any) -> str:
        note = "40 of 100 right is what always answering 'No' gives"
        varied = [Degenerate(arm, "toxigen", "accuracy", value, note, **fields) for arm, value in
                  (("base", 0.4319), ("sft-orca+dpo-hh", 0.333)) if arm in arms]  # fmt: skip
        findings = replace(influence, analyses=replace(influence.analyses, degenerate=varied))
        return said(findings, "sft-orca+dpo-hh").text

    for arms in (("base",), ("sft-orca+dpo-hh",), ("base", "sft-orca+dpo-hh")):
        assert "toxigen acc_norm −9.9" in told(*arms).partition("Costs")[2] and "Tells nothing" not in told(*arms)
        assert "Tells nothing: toxigen acc_norm" in told(*arms, constant=True)


def test_at_most_five_outcomes_are_named_of_which_nothing_can_be_said(influence: Findings) -> None:
    text = said(influence, "sft-shp").text
    named = "arc_challenge acc_norm, piqa acc_norm, hellaswag acc_norm, mmlu acc, truthfulqa_mc2 acc and 2 more"
    assert text.partition("Not told apart from base in ")[2].startswith(f"{named}.")


def test_one_value_in_one_arm_alone_may_be_a_gain(influence: Findings) -> None:
    def told(*arms: str) -> str:
        flat = [Degenerate(arm, "truthfulqa_mc2", "acc", 0.44, "all 99 scored items have one value") for arm in arms]
        return said(replace(influence, analyses=replace(influence.analyses, degenerate=flat)), "sft-lima").text

    assert told("sft-lima").startswith("Gains truthfulqa_mc2 acc")
    assert "Tells nothing: truthfulqa_mc2 acc" in told("sft-lima", "base")


def test_what_could_not_be_compared_is_named(influence: Findings) -> None:
    none = [replace(c, effect=None) if (c.arm, c.suite) == ("sft-lima", "piqa") else c for c in influence.comparisons]
    assert "Not compared: piqa acc_norm." in said(replace(influence, comparisons=none), "sft-lima").text


def test_a_broken_model_is_told(influence: Findings) -> None:
    gate = Coherence("sft-lima", "base", "incoherent", {}, failed=("rep_4",))
    broken = replace(influence, analyses=replace(influence.analyses, coherence=(gate,)))
    assert "worse than its margin on rep_4" in said(broken, "sft-lima").text


def test_baselines_and_their_repeats_have_no_paragraph(influence: Findings) -> None:
    again = [*influence.arms, ArmInfo("base-again", replicate=1)]
    twin = [replace(c, arm="base-again") for c in influence.comparisons if c.arm == "sft-shp"]
    arms = [
        one.arm for one in verdicts(replace(influence, arms=again, comparisons=[*influence.comparisons, *twin]), {})
    ]
    assert arms == [arm.name for arm in influence.arms if arm.data]


def test_a_study_that_names_no_data_says_nothing_new(influence: Findings) -> None:
    bare = replace(influence, boards=(), arms=[replace(arm, data=()) for arm in influence.arms])
    assert verdicts(bare, means(bare.measurements)) == []
    assert "What each data set did" not in render(bare)


def test_every_format_has_the_paragraphs(influence: Findings) -> None:
    text = said(influence, "sft-lima").text
    assert text in render(influence).replace("&#39;", "'")
    for kind in ("md", "latex", "json"):
        assert "SFT on lima" in formats.render(influence, kind), kind
    long = formats.render(influence, "md")
    assert "characters)" not in long, "no paragraph is cut"


def test_what_no_gain_is_shown_in_is_said_where_other_outcomes_changed(influence: Findings) -> None:
    """What is neither primary nor on a board may have changed as well: the tables below mark it."""
    metrics = [*influence.metrics, MetricInfo("held_out", "bits_per_byte", better="lower"),
               MetricInfo("answers", "length", unit="words"), MetricInfo("answers", "refusal", better="lower")]  # fmt: skip
    (plain, *_) = [c for c in influence.comparisons if c.arm == "sft-shp" and c.kind == "difference"]
    beside: dict[str, Any] = {"family": "exploratory", "p_holm": None, "group": None}
    shown = replace(plain, suite="held_out", metric="bits_per_byte", effect=-1.031, p_bh=0.001, **beside)
    longer = replace(plain, suite="answers", metric="length", effect=12.7, p_bh=0.001, **beside)
    open_ = replace(plain, suite="answers", metric="refusal", effect=0.4, p_bh=0.6, **beside)
    wide = replace(influence, metrics=metrics, comparisons=[*influence.comparisons, shown, longer, open_])
    text = said(wide, "sft-shp").text.replace("\u00a0", " ")
    assert text.startswith("No gain and no cost is shown in the boards and the primary outcomes. ")
    told = "a change was shown: bits_per_byte −1.031 (better), length +12.7 words."
    assert f"Beside the boards and the primary outcomes, {told}" in text and "refusal" not in text
    narrow = replace(wide, boards=(), primary=["safety_score"])
    assert "No gain and no cost is shown in the primary outcomes." in said(narrow, "sft-shp").text
    assert "Beside the primary outcomes, a change" in said(narrow, "sft-shp").text
    without = replace(influence, comparisons=[*influence.comparisons, open_])
    assert "Beside" not in said(without, "sft-shp").text


def test_one_row_is_one_row(influence: Findings) -> None:
    alone = [replace(t, rows=1) if t.arm == "sft-lima" else t for t in influence.trainings]
    assert said(replace(influence, trainings=alone), "sft-lima").head == "sft-lima (SFT on lima, 1 row; 3 seeds)"
