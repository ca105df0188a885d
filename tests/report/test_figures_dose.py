"""Dose and response: what its marks say, which doses are flagged, and where the fitted curve lies."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.report.charts.dose import dose_chart
from leaven.report.charts.dose_picture import in_rows
from leaven.report.charts.view import view
from leaven.report.curves import dose_curve
from leaven.report.figures import Chart
from leaven.report.findings import ArmInfo, Findings
from leaven.report.fits import fit_lines, realised
from leaven.report.means import Column, means

TOXIC = Column("eli5", "toxicity")


def drawn(findings: Findings, column: Column = TOXIC) -> Chart:
    return dose_chart(view(findings, means(findings.measurements)), column, "dose-1")


def tips(chart: Chart) -> list[list[str]]:
    every = (element.get("data-tip") for element in ET.fromstring(chart.svg).iter())
    return [tip.replace("\u00a0", " ").split("\n") for tip in every if tip]


def words(chart: Chart) -> list[str]:
    return [element.text or "" for element in ET.fromstring(chart.svg).iter("text")]


def refitted(findings: Findings, **changed: Any) -> Findings:
    fits = tuple(replace(fit, **changed) if fit.metric == "toxicity" else fit for fit in findings.analyses.fits)
    return replace(findings, analyses=replace(findings.analyses, fits=fits))


def test_an_arm_says_its_mean_its_dose_and_its_difference(rich: Findings) -> None:
    found = means(rich.measurements)["poisoned@p=0.33", TOXIC]
    assert found.value is not None
    said = next(tip for tip in tips(drawn(rich)) if tip[0] == "poisoned@p=0.33" and "toxicity" in tip[1])
    assert said[1] == f"toxicity: {100 * found.value:.1f} %"
    assert said[2] == "p reached: 0.32971", "what the fit counted, not what was declared"
    assert said[3] == "+43.8 points against clean"
    assert said[-1] == "a change was shown"


def test_every_run_is_a_mark(rich: Findings) -> None:
    found = means(rich.measurements)["poisoned@p=1", TOXIC]
    runs = [tip[1] for tip in tips(drawn(rich)) if tip[0] == "poisoned@p=1" and tip[1].startswith("seed")]
    assert runs == [f"seed {seed}: {100 * value:.1f} %" for seed, value in found.by_seed.items()]


def test_tolerated_doses_are_flagged_and_said(rich: Findings) -> None:
    chart = drawn(rich)
    assert "poisoned: shown within the margin up to 0.01 (tested)" in words(chart)
    assert "by the curve up to 0.008" in words(chart)
    flags = [tip[1] for tip in tips(chart) if "margin" in tip[1]]
    assert flags == ["largest tested dose within the margin: 0.01",
                     "the fitted curve stays within the margin up to: 0.008"]  # fmt: skip
    said = "poisoned: shown within the margin of ±2.0 points up to 0.01 (tested); by the curve up to 0.008."
    assert said in chart.description.replace("\u00a0", " ")


def test_no_tolerated_dose_is_no_flag(rich: Findings) -> None:
    none = drawn(refitted(rich, tolerated_tested=None, tolerated_curve=None))
    assert "poisoned: no tested dose shown within the margin" in words(none)
    assert "tolerates" not in none.svg + none.description + str(none.legend)
    assert not [tip for tip in tips(none) if "margin" in tip[1]]
    without_margin = drawn(refitted(rich, tolerated_tested=None, tolerated_curve=None, margin=None))
    assert "within the margin" not in " ".join(words(without_margin)) + without_margin.description


def test_the_curve_lies_at_the_tested_doses_places(rich: Findings) -> None:
    curve = dose_curve(rich, means(rich.measurements), TOXIC)
    places = {p.arm: p.place for p in curve.points}
    (line,) = fit_lines(rich, TOXIC, places)
    at = dict(zip((round(dose, 3) for dose, *_ in rich.analyses.fits[0].curve), line.line, strict=True))
    assert at[0.0][0] == places["clean"] and at[1.0][0] == places["poisoned@p=1"]
    reached = {p.arm: p.realised for p in rich.analyses.fits[0].points}
    share = (0.2 - reached["poisoned@p=0.1"]) / (reached["poisoned@p=0.33"] - reached["poisoned@p=0.1"])
    assert at[0.2][0] == pytest.approx(places["poisoned@p=0.1"] + share)
    assert at[0.2][1:] == rich.analyses.fits[0].curve[8][1:]
    assert [y for _, y in line.steps] == [p.isotonic for p in rich.analyses.fits[0].points]


def test_a_band_is_drawn_only_where_there_is_one(rich: Findings) -> None:
    keys = [meaning.replace("\u00a0", " ") for _, meaning in drawn(rich).legend]
    assert "logit-linear fit with its 95 % band" in keys
    bare = drawn(rich, Column("eli5", "length"))
    assert ("fit", "linear fit") in bare.legend
    assert "fill-opacity: 0.16" in drawn(rich).svg and "fill-opacity: 0.16" not in bare.svg
    assert bare.note.startswith("poisoned: ")


def test_without_a_fit_the_means_are_joined(rich: Findings) -> None:
    plain = drawn(rich, Column("quality", "coherence"))
    assert "fit" not in dict(plain.legend)
    assert "stroke-width: 1.6" in plain.svg and "stroke-width: 1.6" not in drawn(rich).svg


def test_ledgers_tell_the_realised_dose_where_no_fit_does(rich: Findings) -> None:
    bare = replace(rich, analyses=replace(rich.analyses, fits=()))
    assert realised(bare, TOXIC)["poisoned@p=0.1"] == pytest.approx(np.mean([54, 55, 56]) / 552)


def test_several_sweeps_are_named_in_the_picture(rich: Findings) -> None:
    assert rich.measurements is not None
    renamed = {"poisoned@p=0.01": "other@p=0.01", "poisoned@p=0.1": "other@p=0.1"}
    two = replace(
        rich,
        arms=[replace(arm, name=renamed.get(arm.name, arm.name)) for arm in rich.arms],
        measurements=rich.measurements.assign(arm=rich.measurements["arm"].replace(renamed)),
        comparisons=[replace(c, arm=renamed.get(c.arm, c.arm)) for c in rich.comparisons],
        analyses=replace(rich.analyses, fits=()),
    )
    said = words(drawn(two))
    assert said.index("other") < said.index("poisoned")
    assert [key for key, _ in drawn(two).legend][:2] == ["s1", "s2"]


def test_arms_without_a_dose_stand_apart_within_the_sheet(rich: Findings) -> None:
    more = [ArmInfo(f"repaired with a long name {i}", seeds=(0,)) for i in range(8)]
    assert rich.measurements is not None
    first = rich.measurements[rich.measurements["arm"] == "clean"]
    rows = [rich.measurements, *(first.assign(arm=arm.name, dose=None) for arm in more)]
    chart = drawn(replace(rich, arms=[*rich.arms, *more], measurements=pd.concat(rows)))
    assert chart.note.startswith("2 more arms without a dose are not drawn here.")
    places = [float(t.get("x", "180")) for t in ET.fromstring(chart.svg).iter("text") if "repaired" in (t.text or "")]
    assert len(places) == 6 and max(places) < 340


def test_values_too_large_to_draw_are_said_not_drawn(rich: Findings) -> None:
    broken = refitted(rich, curve=tuple((dose, 1e200, None, None) for dose in (0.0, 0.5, 1.0)))
    chart = drawn(broken)
    assert chart.svg == "" and "can be drawn" in chart.note


def test_text_is_large_enough_to_read(rich: Findings) -> None:
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", drawn(rich).svg)]
    assert min(sizes) >= 10


def test_names_under_the_axis_stand_in_the_first_row_with_room_and_cover_no_other() -> None:
    assert in_rows([]) == []
    assert in_rows([(10, 8), (40, 8), (70, 8)]) == [0, 0, 0]
    crowded = [(30 * place, 40.0) for place in range(6)]
    rows = in_rows(crowded)
    for row in set(rows):
        here = [name for name, its in zip(crowded, rows, strict=True) if its == row]
        assert all(b[0] - b[1] > a[0] + a[1] for a, b in itertools.pairwise(here))
    assert max(rows) == 2
