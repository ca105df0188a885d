"""The charts of a page as a whole: which there are, that none breaks, that all are safe, small and always the same."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.report.charts.looks import SHAPES, looks
from leaven.report.figures import Chart, gallery, headline
from leaven.report.findings import ArmInfo, Findings, MetricInfo, TrainingInfo
from leaven.report.means import means
from leaven.report.text import label

Make = Callable[..., Comparison]
COLUMNS = ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]
KINDS = ["dose", "forest", "tradeoff", "groups", "seeds", "training", "heat", "surface"]


def drawn(findings: Findings) -> list[Chart]:
    found = means(findings.measurements)
    return [*headline(findings, found), *gallery(findings, found)]


def check(charts: list[Chart]) -> None:
    """Hold charts to what a page needs of them: well-formed, nothing that acts, no id twice, no value that is none."""
    names = [chart.name for chart in charts]
    assert len(names) == len(set(names))
    ids = []
    for chart in charts:
        assert re.fullmatch(r"[a-z]+-\d+", chart.name)
        assert chart.svg or chart.note, f"{chart.name} says nothing"
        assert not re.search(r"\b(nan|None|inf)\b", chart.title + chart.description + chart.note + chart.svg)
        for element in ET.fromstring(chart.svg).iter() if chart.svg else ():
            assert element.tag in {"svg", "title", "desc", "g", "path", "use", "defs", "text", "clipPath", "rect"}
            assert not [key for key in element.attrib if key.startswith("on")]
            links = [element.attrib[key] for key in ("href", "clip-path") if key in element.attrib]
            assert all(re.fullmatch(rf"(url\()?#{chart.name}-[\w-]+\)?", link) for link in links)
            ids += [element.attrib["id"]] if "id" in element.attrib else []
    assert len(ids) == len(set(ids))


def test_every_kind_is_there_in_a_fixed_order(rich: Findings) -> None:
    found = means(rich.measurements)
    first, others = headline(rich, found), gallery(rich, found)
    check([*first, *others])
    assert [(chart.name, chart.metric) for chart in first] == [("dose-1", "toxicity"), ("dose-2", "rougeL")]
    assert list(dict.fromkeys(chart.kind for chart in others)) == KINDS
    assert others[0].name == "dose-3", "names count on from the headline's"
    assert all(chart.svg for chart in [*first, *others])


def test_without_doses_the_differences_show_the_answer(rich: Findings) -> None:
    plain = replace(rich, arms=[replace(arm, dose=None) for arm in rich.arms], dose_name=None)
    first = headline(plain, means(plain.measurements))
    assert [(chart.kind, chart.metric) for chart in first] == [("forest", "toxicity"), ("forest", "rougeL")]
    assert "dose" not in {chart.kind for chart in drawn(plain)}


def test_without_a_primary_outcome_the_first_metric_is_shown(rich: Findings) -> None:
    assert [chart.metric for chart in headline(replace(rich, primary=[]), means(rich.measurements))] == ["toxicity"]


def test_the_same_findings_give_the_same_bytes(rich: Findings) -> None:
    assert drawn(rich) == drawn(rich)


def test_a_usual_study_is_small(rich: Findings) -> None:
    assert sum(len(chart.svg.encode()) for chart in drawn(rich)) < 400_000


def lean(findings: Findings) -> Findings:
    """Return the findings with two metrics, which is enough for every kind of chart."""
    two = ("toxicity", "rougeL")
    assert findings.measurements is not None
    return replace(
        findings,
        metrics=[m for m in findings.metrics if m.name in two],
        measurements=findings.measurements[findings.measurements["metric"].isin(two)],
        comparisons=[c for c in findings.comparisons if c.metric in two],
        primary=["toxicity"],
    )


def odd(findings: Findings) -> dict[str, Findings]:
    """Return findings that a chart could stumble over; test_page has those that concern the whole page."""
    measured, c = findings.measurements, findings.comparisons
    assert measured is not None
    infinite = {"effect": np.inf, "low": -np.inf, "high": np.nan, "mean": np.nan}
    losses = [(1, np.nan), (2, 3.0), (3, np.inf)]
    first = (measured["arm"] == "clean") & (measured["seed"] == 0)
    return {
        "nothing": Findings(name="n", question="q"),
        "all null": replace(findings, measurements=measured.assign(value=None)),
        "huge": replace(findings, measurements=measured.assign(value=measured["value"] * 1e60)),
        "infinite comparisons": replace(findings, comparisons=[replace(one, **infinite) for one in c]),
        "huge comparisons": replace(findings, comparisons=[replace(one, effect=1e300, low=-1e300) for one in c]),
        "no effects": replace(findings, comparisons=[replace(one, effect=None, low=None, high=None) for one in c]),
        "one arm": replace(findings, arms=findings.arms[:1], measurements=measured[first], comparisons=[]),
        "untrained": replace(findings, measurements=measured.assign(seed=None)),
        "losses": replace(
            findings, trainings=[replace(t, losses=losses[: 1 + i]) for i, t in enumerate(findings.trainings)]
        ),
    }


def test_odd_findings_get_a_note_and_never_a_wrong_picture(rich: Findings) -> None:
    every = odd(lean(rich))
    for findings in every.values():
        check(drawn(findings))
    (nothing,) = headline(every["all null"], means(every["all null"].measurements))
    assert nothing.svg == "" and nothing.note
    assert not headline(every["nothing"], {})


HOSTILE = {
    "markup": "<img onerror=alert(1)></style></title></svg><b>' onload='x ]]>&amp;",
    "mathematics": "$x^2$ $\\frac{ {{ 7*7 }}",
    "long": "a" * 5000,
    "control": "\u202egnp.exe nul\x00bell\x07 line\nbreak",
    "script": "מזון \U0001f956",
}


@pytest.mark.parametrize("word", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_stay_text(rich: Findings, word: str) -> None:
    rich = lean(rich)
    new = {arm.name: arm.name + word for arm in rich.arms}
    measured = rich.measurements
    assert measured is not None
    hostile = replace(
        rich,
        arms=[replace(arm, name=new[arm.name]) for arm in rich.arms],
        measurements=measured.assign(arm=measured["arm"].map(new), group=word + measured["group"].astype(object)),
        comparisons=[
            replace(c, arm=new.get(c.arm, word), baseline=new[c.baseline], group=c.group and c.group + word, note=word)
            for c in rich.comparisons
        ],
        trainings=[replace(t, arm=new[t.arm], step=word) for t in rich.trainings],
        baseline=new["clean"],
        dose_name=word,
    )
    charts = drawn(hostile)
    check(charts)
    tips = [element.get("data-tip", "") for chart in charts for element in ET.fromstring(chart.svg).iter()]
    assert any(tip.startswith(label(new["clean"], 80)) for tip in tips)
    everything = "".join(chart.svg for chart in charts)
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", everything)
    assert len(everything) < 600_000


@pytest.mark.parametrize("swept", [False, True])
def test_two_hundred_arms(comparison: Make, swept: bool) -> None:
    names = ["clean", *(f"arm-{i:03d}-with-a-long-name" for i in range(199))]
    rows = [(arm, float(k) if swept else None, seed, "eli5", f"m{j}", None, f"i{i}", 0, (i + k + j) % 7 / 7)
            for k, arm in enumerate(names) for seed in (0, 1) for j in range(3) for i in range(2)]  # fmt: skip
    plain: dict[str, Any] = {"suite": "eli5", "p_holm": None, "p_bh": 0.5, "family": "exploratory"}
    many = Findings(
        name="n", question="q", baseline="clean", dose_name="d" if swept else None,
        arms=[ArmInfo(a, dose=float(k) if swept else None, is_baseline=k == 0) for k, a in enumerate(names)],
        metrics=[MetricInfo("eli5", f"m{j}", better=("lower", "higher", None)[j]) for j in range(3)],
        measurements=pd.DataFrame(rows, columns=COLUMNS),
        comparisons=[comparison(arm=a, metric=f"m{j}", group=g, **plain) for a in names[1:] for j in range(3)
                     for g in (None, "one", "two")],
        trainings=[TrainingInfo(a, 0, seconds=k, losses=[(i, 3.0 + i % 3) for i in range(300)]) for k, a in enumerate(names)],
    )  # fmt: skip
    charts = drawn(many)
    check(charts)
    assert sum(len(chart.svg.encode()) for chart in charts) < 2_000_000
    notes = {chart.name: chart.note for chart in charts}
    assert notes["forest-2"].startswith("The 40 largest of 199 differences are drawn")
    assert notes["seeds-1"].startswith("The first 40 of 200 arms are drawn")
    assert notes["training-1"].startswith("The first 24 of 200 arms are drawn")
    assert "Intervals are left out" in notes["tradeoff-1"]


def test_an_arm_looks_the_same_everywhere(rich: Findings) -> None:
    """An arm's fill is the last thing that is drawn in each of its marks."""
    seen: dict[str, set[str]] = {}
    for chart in drawn(lean(rich)):
        for element in ET.fromstring(chart.svg).iter("g") if chart.kind in ("forest", "seeds", "tradeoff") else ():
            arm, *lines = element.get("data-tip", "").split("\n")
            if lines and "training run" not in lines[-1]:  # a tick is an arm's mean, in ink
                faces = [use.get("style", "") for use in element.iter("use")]
                seen.setdefault(arm, set()).update(re.sub(r"; stroke: .*", "", face) for face in faces[-1:])
    assert len(seen) == 6
    assert all(len(faces) == 1 for faces in seen.values()), seen
    assert len({face for faces in seen.values() for face in faces}) == 6


def test_doses_share_a_hue_and_other_arms_get_shapes_when_hues_run_out(rich: Findings) -> None:
    found = looks(rich, {})
    swept = [found[f"poisoned@p={dose}"] for dose in ("0.01", "0.1", "0.33", "1")]
    assert {(look.colour, look.shape) for look in swept} == {(swept[0].colour, "o")}
    assert [look.fill for look in swept] == sorted(look.fill for look in swept) and swept[-1].fill == 1
    alone = Findings(name="n", question="q", arms=[ArmInfo(f"a{i}") for i in range(5 * len(SHAPES))])
    assert len({(look.colour, look.shape) for look in looks(alone, {}).values()}) == 5 * len(SHAPES)
