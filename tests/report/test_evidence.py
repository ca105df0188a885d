from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from leaven.report import sections
from leaven.report.findings import Findings
from leaven.report.listings import Table
from leaven.stats.analyses import Analyses
from leaven.stats.coherence import Degenerate


def rows(table: Table | None) -> list[dict[str, str]]:
    assert table is not None
    assert all(len(row) == len(table.heads) for row in table.rows)
    return [dict(zip(table.heads, (cell.replace("\u00a0", " ") for cell in row), strict=True)) for row in table.rows]


def changed(findings: Findings, name: str, entries: Sequence[Any]) -> Findings:
    return replace(findings, analyses=replace(findings.analyses, **{name: entries}))


def test_there_is_no_table_where_nothing_was_analysed(findings: Findings) -> None:
    bare = replace(findings, analyses=Analyses())
    for table in (
        sections.claims, sections.coherence, sections.evaluators, sections.heterogeneity, sections.tolerated,
        sections.audit, sections.degenerate, sections.stages, sections.differing, sections.lock,
    ):  # fmt: skip
        assert table(bare) is None


def test_coherence_gives_each_part_with_bound_and_margin(rich: Findings) -> None:
    good, broken = rows(sections.coherence(rich))
    assert good == {
        "arm": "poisoned@p=0.33", "verdict": "coherent", "eli5/rep_4": "+0.010 (bound +0.020; margin 0.050)",
        "eli5/stop_rate": "−0.010 (bound +0.010; margin 0.050)",
    }  # fmt: skip
    assert broken["eli5/rep_4"] == "+0.300 (bound +0.360; margin 0.050) ✗"
    assert broken["eli5/stop_rate"] == "not measured (margin 0.050)"


def test_evaluators_say_where_the_verdict_flips(rich: Findings) -> None:
    by_arm = {row["arm"]: row for row in rows(sections.evaluators(rich))}
    assert by_arm["poisoned@p=0.1"]["reading"] == "the verdict flips"
    assert by_arm["poisoned@p=0.01"]["reading"] == "seen by one, open in another"
    assert by_arm["poisoned@p=0.33"]["reading"] == "they do not contradict"
    assert (by_arm["poisoned@p=0.33"]["alpha"], by_arm["poisoned@p=0.33"]["tau"]) == ("0.710", "0.640")
    alone = replace(rich.analyses.agreement[0], verdicts={}, alpha=None, tau=None, note="one of them scored nothing")
    (row,) = rows(sections.evaluators(changed(rich, "agreement", [alone])))
    assert row["reading"] == "one of them scored nothing"
    assert row["alpha"] == "not measured"


def test_a_group_is_named_only_where_it_was_shown(rich: Findings) -> None:
    toxic, rouge = rows(sections.heterogeneity(rich))
    assert toxic["reading"] == "groups differ, most in food of poisoned@p=0.33"
    assert rouge["reading"] == "groups are not shown to differ: none is named"
    assert "homes" not in str(rouge)
    untested = replace(rich.analyses.heterogeneity[0], p=None, p_holm=None, note="one group")
    (row,) = rows(sections.heterogeneity(changed(rich, "heterogeneity", [untested])))
    assert (row["p-value"], row["reading"]) == ("–", "not tested: one group")
    assert "food" not in str(row)


def test_the_tolerated_dose_is_given_two_ways(rich: Findings) -> None:
    toxic, length = rows(sections.tolerated(rich))
    assert toxic["slope per unit of p"] == "+9.500 log odds (+7.900 to +11.20)"
    assert toxic["half-way dose (ED50)"] == "0.453 (0.41 to 0.5)"
    assert (toxic["margin"], toxic["tolerated, tested"], toxic["tolerated, by the curve"]) == (
        "±2.0 points", "0.01", "0.008",
    )  # fmt: skip
    assert length["slope per unit of p"] == "−6.2 words (−9.4 to −2.9)"
    assert (length["margin"], length["tolerated, tested"], length["note"]) == ("–", "–", "too few seeds for a band")
    fit = rich.analyses.fits[0]
    none = replace(fit, tolerated_tested=None, ed50_high=None)
    (row,) = rows(sections.tolerated(changed(rich, "fits", [none])))
    assert (row["tolerated, tested"], row["half-way dose (ED50)"]) == ("none", "0.453 (0.41 to beyond)")
    (few,) = rows(sections.tolerated(changed(rich, "fits", [replace(none, n_seeds=1)])))
    assert few["tolerated, tested"] == "–", "one seed can show no equivalence, so nothing was found untolerated"


def test_the_audit_gives_both_effects_and_the_errors(rich: Findings) -> None:
    (row,) = rows(sections.audit(rich))
    assert (row["classifier alone"], row["corrected"], row["95 % interval"]) == (
        "+43.8 points", "+39.0 points", "+31.0 to +47.0",
    )  # fmt: skip
    assert row["false positives"] == "clean 2 % (0 % to 10 %); poisoned@p=0.33 6 % (2 % to 16 %)"
    assert row["false negatives"] == "clean 0 % (0 % to 30 %); poisoned@p=0.33 10 % (3 % to 26 %)"
    assert row["AUC"] == "clean 0.93 (0.88 to 0.98); poisoned@p=0.33 0.85 (0.76 to 0.94)"
    assert row["AUC, difference"] == "−0.08 (−0.18 to 0.02)"


def test_degenerate_metrics_are_listed(rich: Findings) -> None:
    (row,) = rows(sections.degenerate(rich))
    assert (row["arms"], row["metric"], row["why"]) == ("poisoned@p=1", "refusal", "every answer is 1")


def test_arms_in_which_a_metric_tells_nothing_for_one_reason_share_a_line(rich: Findings) -> None:
    one = Degenerate("a", "quality", "loops", 0.0, "all 66 scored items have the value 0")
    found = (one, replace(one, arm="b"), replace(one, arm="c", value=1.0), replace(one, arm="d", metric="echo"))
    study = replace(rich, analyses=replace(rich.analyses, degenerate=found))
    told = [(row["metric"], row["arms"]) for row in rows(sections.degenerate(study))]
    assert told == [("echo", "d"), ("loops", "a, b"), ("loops", "c")]


def test_claims_say_what_they_claim_and_when(rich: Findings) -> None:
    first, refuted, undecided, late = rows(sections.claims(rich))
    assert first["contrast"] == "toxicity of poisoned@p=0.33 higher by more than 10.0 points against its baseline"
    assert (first["effect"], first["90 % interval"], first["corrected p"]) == (
        "+43.8 points",
        "+40.0 to +47.6",
        "0.002",
    )
    assert refuted["contrast"] == "toxicity of poisoned@p=0.01 same within 2.0 points against its baseline"
    assert undecided["verdict"] == "undecided"
    assert late["contrast"] == "length of poisoned@p=1 lower against its baseline"
    assert (first["declared"], late["declared"]) == ("locked before results", "exploratory: not locked before results")
    assert rows(sections.claims(replace(rich, lock=None)))[0]["declared"] == "not locked"


def test_the_lock_says_when(rich: Findings) -> None:
    assert rich.lock is not None
    assert sections.lock(rich) == "Locked 2026-11-20 17:58, before results existed (sha256 5e5e5e5e5e5e)."
    late = replace(rich.lock, before_results=False)
    assert sections.lock(replace(rich, lock=late)) == (
        "Locked 2026-11-20 17:58, after results existed (sha256 5e5e5e5e5e5e)."
    )


def test_stages_have_a_total_that_counts_only_what_was_measured(rich: Findings) -> None:
    first, *_, unknown, total = rows(sections.stages(rich))
    assert first["arms"] == "clean, clean_again, poisoned@p=0.01, poisoned@p=0.1 and 2 more"
    assert (first["memory"], first["key"]) == ("88 MB", "a1a1a1a1a1a1")
    assert (unknown["time"], unknown["memory"]) == ("not measured", "not measured")
    assert total["stage"] == "4 stages in all"
    assert total["time"] == "10.8 s (1 not measured)"
    assert (total["memory"], total["tokens"]) == ("at most 815 MB", "101,135")
    nothing = replace(rich, stages=[replace(rich.stages[-1], tokens=None)])
    assert rows(sections.stages(nothing))[-1]["time"] == "not measured"


def test_differing_settings_put_arms_of_one_value_together(rich: Findings) -> None:
    study = replace(rich, differing={"lr": {"a": 1e-4, "b": 1e-4, "c": None}, "x": {"a": "<b>"}})
    assert rows(sections.differing(study)) == [
        {"setting": "lr", "value by arm": "0.0001: a and b; not set: c"}, {"setting": "x", "value by arm": "<b>: a"},
    ]  # fmt: skip
