from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from json import loads

import numpy as np
import pytest

from leaven.comparison import Comparison
from leaven.errors import StudyError
from leaven.report.answer import answer
from leaven.report.findings import Findings, RecitedInfo
from leaven.report.formats import render
from leaven.report.formats.json import json
from leaven.report.methods.found import Methods, WayInfo

Make = Callable[..., Comparison]


def refuse(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def test_programs_get_what_people_read(rich: Findings) -> None:
    whole = loads(json(rich), parse_constant=refuse)
    assert whole["answer"] == answer(rich)
    assert whole["comparisons"][0] == rich.comparisons[0].as_dict()
    assert whole["analyses"]["verdicts"][0]["claim"]["arm"] == "poisoned@p=0.33"
    assert whole["analyses"]["coherence"][1]["parts"]["eli5/stop_rate"] == [None, None, 0.05]
    assert whole["lock"]["before_results"] is True
    assert whole["unmeasured"][0].startswith("perplexity")


def test_programs_get_all_that_is_known_of_ways_of_aligning(findings: Findings) -> None:
    ways = [WayInfo("clean", ["fine-tuning on reading"], seconds=2.0)]
    known = Methods(
        ways=ways, unreached={("clean", "told"): ("guard",)}, shared=["fine-tuning"], currency="USD", pair=0.67
    )
    found = loads(json(replace(findings, methods=known)))["methods"]
    assert set(found) == {field.name for field in fields(Methods)}
    assert (found["shared"], found["currency"], found["pair"]) == (["fine-tuning"], "USD", 0.67)
    assert found["ways"][0]["seconds"] == 2.0
    assert found["unreached"] == [{"arm": "clean", "suite": "told", "methods": ["guard"]}]


def test_programs_get_what_is_recited(findings: Findings) -> None:
    one = RecitedInfo("clean", "own", 0, 61, "p#1", "book#7", "the longest span")
    assert loads(json(replace(findings, recited=[one])))["recited"][0]["tokens"] == 61
    assert "recited" not in loads(json(findings))


# What the page shows and JSON leaves out on purpose: what stands in the run's other files, or is for reading.
LEFT_OUT = {
    "measurements.parquet": {"measurements"},
    "study.yaml": {"notes", "profile", "arms", "metrics", "baseline", "dose_name", "primary", "margin", "settings",
                   "differing", "boards", "tradeoff", "is_study", "bare"},
    "provenance.json": {"provenance", "stages", "data"},
    "the store's records": {"ledgers", "trainings", "doctor", "failures", "missing", "unscored", "spent"},
    "for reading": {"samples", "asked", "dumped", "warnings"},
}  # fmt: skip
CALLED = {"labels": "control_tokens", "funnels": "control_tokens", "balances": "control_tokens", "obeyed": "control_tokens",
          "judging": "judging", "methods": "methods", "recited": "recited",
          "agreed": "agreed"}  # fmt: skip


def test_what_json_leaves_out_is_left_out_on_purpose(findings: Findings) -> None:
    """Who gives findings a new field says here where programs find it."""
    there = set(loads(json(findings)))
    lacking = {field.name for field in fields(Findings)} - there - set(CALLED)
    assert lacking == set().union(*LEFT_OUT.values())


def test_what_is_no_finite_number_is_null(findings: Findings, comparison: Make) -> None:
    made = comparison(
        effect=float("nan"), low=float("-inf"), high=np.float64("inf"), n_items=np.int64(3), equivalent=np.True_
    )
    whole = loads(json(replace(findings, comparisons=[made])), parse_constant=refuse)
    first = whole["comparisons"][0]
    assert (first["effect"], first["low"], first["high"], first["n_items"], first["equivalent"]) == (
        None,
        None,
        None,
        3,
        True,
    )


def test_text_that_utf8_cannot_carry_is_replaced(findings: Findings, comparison: Make) -> None:
    text = json(replace(findings, comparisons=[comparison(arm="a\ud800b</script>\x00")]))
    assert loads(text.encode("utf-8"))["comparisons"][0]["arm"] == "a\ufffdb</script>\x00"


@pytest.mark.parametrize("name", ["md", "latex", "csv", "json"])
def test_every_format_is_written_alike_twice(rich: Findings, name: str) -> None:
    assert render(rich, name) == render(rich, name) != ""


def test_an_unknown_format_is_a_users_mistake(rich: Findings) -> None:
    with pytest.raises(StudyError, match="did you mean 'latex'"):
        render(rich, "latx")


def test_what_would_drive_a_terminal_is_spelt_out(findings: Findings) -> None:
    question = "a\u009b31m\x1b[2J\u202eb"
    made = json(replace(findings, question=question))
    assert loads(made)["question"] == question
    assert not {"\u009b", "\x1b", "\u202e"} & set(made)
