"""What `leaven list` says of plug-ins: of a metric the values too, by the names by which a study asks for them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from leaven.cli import app
from leaven.declared import described, listing
from leaven.errors import StudyError
from leaven.study.measured import metric_values


def test_a_metric_names_its_values_and_describes_those_that_it_describes() -> None:
    lines = listing("metrics")["passes"]
    assert lines[1] == "gives passes, competence_small_talk, competence_on_topic"
    assert lines[2].startswith("gives competence_small_talk: Share of answers to small talk")
    assert not any(line.startswith("gives") for line in listing("metrics")["toxicity"])


def test_every_value_that_a_study_can_name_is_listed() -> None:
    from leaven.registry import METRICS, Step

    said = described("metrics")
    assert {name: tuple(about["values"]) for name, about in said.items()} == {
        name: metric_values(Step(name=name)) for name in METRICS.names()
    }
    assert said["toxicity"]["values"] == {"toxicity": None}


@pytest.mark.parametrize("what", ["studies", "metrics", "suites", "wraps"])
def test_it_is_there_as_json(what: str) -> None:
    done = CliRunner().invoke(app, ["list", what, "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout) == described(what)
    assert all(about["says"] for about in described(what).values())


def test_what_a_suite_does_not_measure_stays_said() -> None:
    blind = [name for name, about in described("suites").items() if "does not measure" in about]
    assert blind and all(listing("suites")[name][1].startswith("does not measure: ") for name in blind)


def test_other_words_are_refused() -> None:
    with pytest.raises(StudyError, match="did you mean 'metrics'"):
        described("metrix")
