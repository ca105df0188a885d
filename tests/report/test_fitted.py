"""From measurements through stats to the sentence: a trend speaks of the doses in its fit, and names the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from leaven.report import curves, listings
from leaven.report.answer import answer
from leaven.report.findings import ArmInfo, Findings
from leaven.report.means import Column, means
from leaven.stats.compare import compare


def fitted(findings: Findings, measured: pd.DataFrame, **changed: Any) -> Findings:
    """Return the findings with the comparisons that stats makes of these measurements."""
    study = replace(findings, measurements=measured, **changed)
    made = compare(measured, to=study.baseline, dose=study.dose_name, primary=study.primary, margin=study.margin)
    return replace(study, comparisons=made)


def said(findings: Findings) -> str:
    return " ".join(answer(findings)).replace("\u00a0", " ")


def reading(findings: Findings) -> list[str]:
    listed = listings.trends(findings, means(findings.measurements))
    assert listed is not None
    return [cell.replace("\u00a0", " ") for row in listed.rows if row[1].startswith("toxicity · ") for cell in row]


@pytest.fixture
def measured(findings: Findings) -> pd.DataFrame:
    assert findings.measurements is not None
    return findings.measurements


def test_a_whole_sweep_lacks_nothing(findings: Findings, measured: pd.DataFrame) -> None:
    text = said(fitted(findings, measured))
    assert "As the dose p rises from 0 to 1, toxicity rises from 0.8 % to 98.8 %" in text
    assert "missing" not in text


def test_an_arm_that_failed_bounds_the_sentence(findings: Findings, measured: pd.DataFrame) -> None:
    study = fitted(findings, measured[measured["arm"] != "poisoned@p=1"])
    text = said(study)
    assert "As the dose p rises from 0 to 0.33, toxicity rises from 0.8 % to 44.6 %" in text
    assert "Dose 1 is missing: nothing was scored for poisoned@p=1." in text
    assert " to 1," not in text
    effect = next(c.effect for c in study.comparisons if (c.arm, c.metric) == ("poisoned", "toxicity"))
    assert effect is not None
    assert f"a straight-line trend of +{33 * effect:.1f} points over that range" in text
    row = reading(study)
    assert row[3] == f"+{33 * effect:.1f} points over 0 to 0.33"
    assert "dose 1 is missing" in row[2]


def test_a_dose_within_the_range_may_be_missing(findings: Findings, measured: pd.DataFrame) -> None:
    text = said(fitted(findings, measured[measured["arm"] != "poisoned@p=0.1"]))
    assert "rises from 0 to 1" in text
    assert "Dose 0.1 is missing: nothing was scored for poisoned@p=0.1." in text


def test_a_dose_that_was_never_scored_is_said_once_in_the_table(findings: Findings, measured: pd.DataFrame) -> None:
    unscored = measured.assign(value=measured["value"].where(measured["arm"] != "poisoned@p=1"))
    study = fitted(findings, unscored)
    assert "rises from 0 to 0.33" in said(study)
    assert reading(study)[2].count("nothing was scored for poisoned@p=1") == 1


def test_an_untrained_baseline_is_no_end_of_the_trend(findings: Findings, measured: pd.DataFrame) -> None:
    rest = measured[(measured["arm"] != "clean_again") & ((measured["arm"] != "clean") | (measured["seed"] == 0))]
    rows = rest.assign(seed=rest["seed"].where(rest["arm"] != "clean"))
    study = fitted(findings, rows, arms=[replace(a, seeds=()) if a.name == "clean" else a for a in findings.arms])
    text = said(study)
    lowest = means(rows)["poisoned@p=0.01", Column("eli5", "toxicity")].value
    assert lowest is not None
    assert f"As the dose p rises from 0.01 to 1, toxicity rises from {100 * lowest:.1f} % to 98.8 %" in text
    assert "Dose 0 is missing: clean was not trained." in text


@pytest.mark.parametrize("margins", [{"toxicity": 0.9, "eli5/toxicity": 0.95}, {"eli5/toxicity": 0.95}])
def test_the_margin_drawn_and_printed_is_the_one_tested(
    findings: Findings, measured: pd.DataFrame, margins: Mapping[str, float]
) -> None:
    flat = measured.assign(value=measured["value"].where(measured["metric"] != "toxicity", 0.0))
    study = fitted(findings, flat, margin=margins, primary=["eli5/toxicity"])
    assert "within the margin of ±95.0 points" in said(study)
    assert curves.dose_curve(study, means(flat), Column("eli5", "toxicity")).margin == 0.95


def test_plain_names_are_one_series_in_the_chart_as_in_stats(findings: Findings) -> None:
    arms = [ArmInfo("clean", dose=0.0, is_baseline=True), ArmInfo("p01", dose=0.01), ArmInfo("p33", dose=0.33)]
    curve = curves.dose_curve(replace(findings, arms=arms, measurements=None), {}, Column("eli5", "toxicity"))
    assert len({p.series for p in curve.points if p.role == "dose"}) == 1
