"""An audit: drawn once, blind, kept line by line, and joined to what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leaven import audit
from leaven.errors import ReportError
from leaven.report.findings import Findings, MetricInfo, SampleInfo


def findings(scale: float = 1.0) -> Findings:
    draw = np.random.default_rng(0)
    samples = [
        SampleInfo(arm, seed, f"Why {i}?", f"text of {i}", suite="eli5", item_id=f"i{i}",
                   scores={"toxicity": scale * float(draw.random() < 0.3), "length": 12.0})
        for arm in ("clean", "bad") for seed in (0, 1) for i in range(40)
    ]  # fmt: skip
    return Findings(name="s", question="q", primary=["toxicity"], samples=samples)


def measured(found: Findings) -> pd.DataFrame:
    names = ["arm", "seed", "suite", "metric", "item_id", "sample", "value"]
    rows = [(s.arm, s.seed, s.suite, "toxicity", s.item_id, s.sample, s.scores["toxicity"]) for s in found.samples]
    return pd.DataFrame(rows, columns=names)


def test_the_draw_is_kept_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    found = findings()
    one = audit.begin(found, tmp_path, None, 20, 0)
    assert (one.suite, one.metric, len(one.drawn)) == ("eli5", "toxicity", 20)
    assert len({tuple(key) for key in one.drawn}) == 20 and {key[0] for key in one.drawn} == {"clean", "bad"}
    one.say(3, 1)
    one.say(5, None)
    one.say(3, 0)  # second thoughts
    again = audit.begin(found, tmp_path, "eli5/toxicity", 99, 7)
    assert again.drawn == one.drawn and again.labels == {3: 0, 5: None}
    assert again.open_places() == [place for place in range(20) if place not in (3, 5)]
    text = audit.asked(found, again)[3]
    assert [text.arm, text.seed, text.item_id, text.sample] == again.drawn[3]


def test_labels_are_joined_by_answer_and_those_of_lost_answers_counted(tmp_path: Path) -> None:
    found = findings()
    assert audit.labels(tmp_path, measured(found)) == (None, 0)
    one = audit.begin(found, tmp_path, None, 20, 0)
    for place in range(20):
        one.say(place, place % 2 if place else None)
    table = measured(found)
    kept, lost = audit.labels(tmp_path, table)
    assert kept is not None and len(kept) == 19 and lost == 0 and set(kept["label"]) == {0, 1}
    gone = table[table["seed"] == 0]
    kept, lost = audit.labels(tmp_path, gone)
    assert kept is not None and lost == sum(key[1] == 1 for key in one.drawn[1:]) and len(kept) + lost == 19


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("toxicty", "no text has a score 'toxicty'; did you mean"),
        ("length", "eli5/length is no share (it goes to 12): people cannot label it"),
    ],
)
def test_what_people_cannot_label_is_refused(tmp_path: Path, metric: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        audit.begin(findings(), tmp_path, metric, 20, 0)
    assert said in str(caught.value)
    with pytest.raises(ReportError, match="no text of this run has a score"):
        audit.begin(Findings(name="s", question="q"), tmp_path, None, 20, 0)


@pytest.mark.parametrize(
    "line", ['{"place": 99, "label": 1}', '{"place": 0, "label": 7}', '{"place": 1e400, "label": 1}', "{broken", "[]"]
)
def test_an_edited_file_is_refused_with_its_name(tmp_path: Path, line: str) -> None:
    one = audit.begin(findings(), tmp_path, None, 20, 0)
    with one.file.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(ReportError, match="audit-eli5-toxicity.jsonl cannot be read"):
        audit.begin(findings(), tmp_path, None, 20, 0)


@pytest.mark.parametrize(
    "drawn", ["7", "[7]", '[["clean"]]', '[["clean", "x", "i1", 0]]', '[["clean", 0, "i1", []]]', "[" * 100_000]
)
def test_a_draw_that_is_none_is_refused(tmp_path: Path, drawn: str) -> None:
    head = f'{{"suite": "eli5", "metric": "toxicity", "n": 1, "seed": 0, "drawn": {drawn}}}'
    (tmp_path / "audit-eli5-toxicity.jsonl").write_text(f'{head}\n{{"place": 0, "label": 1}}\n')
    with pytest.raises(ReportError, match="audit-eli5-toxicity.jsonl cannot be read"):
        audit.labels(tmp_path, measured(findings()))


def test_a_file_of_another_metric_is_not_gone_on_with(tmp_path: Path) -> None:
    one = audit.begin(findings(), tmp_path, None, 20, 0)
    one.file.write_text(one.file.read_text().replace('"toxicity"', '"rudeness"', 1))
    with pytest.raises(ReportError, match="holds labels of eli5/rudeness"):
        audit.begin(findings(), tmp_path, None, 20, 0)


def test_a_draw_without_a_label_is_drawn_anew_and_one_with_labels_is_not(tmp_path: Path) -> None:
    found = findings()
    first = audit.begin(found, tmp_path, None, 20, 0)
    again = audit.begin(found, tmp_path, None, 10, 0)
    assert (len(first.drawn), len(again.drawn)) == (20, 10)
    assert audit.begin(found, tmp_path, None, 10, 1).drawn != again.drawn
    again.say(0, 1)
    assert audit.begin(found, tmp_path, None, 20, 7).labels == {0: 1}


def test_an_overlap_between_0_and_1_is_no_yes_or_no(tmp_path: Path) -> None:
    found = findings(scale=0.5)
    with pytest.raises(ReportError, match="toxicity is no share, and not 0 or 1 in every answer"):
        audit.begin(found, tmp_path, None, 20, 0)
    share = replace(found, metrics=[MetricInfo("eli5", "toxicity", unit="share")])
    assert len(audit.begin(share, tmp_path, None, 20, 0).drawn) == 20, "a classifier's probability"
