"""Preference curves: what is drawn, which trainings are one, and when the chosen answers are said to have fallen."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

import pytest

from leaven.report.charts.preferences import QUANTITIES, preferences_chart, preferring
from leaven.report.charts.training import training_chart
from leaven.report.charts.view import view
from leaven.report.findings import Findings, TrainingInfo
from leaven.report.phases import change, falling, phases, shared
from leaven.report.sections import training_table

Curve = Sequence[tuple[int, float]]


def tips(svg: str) -> list[str]:
    return [tip for element in ET.fromstring(svg).iter() if (tip := element.get("data-tip"))]


def study(*trainings: TrainingInfo) -> Findings:
    return Findings(name="n", question="q", trainings=trainings)


def line(first: float, last: float) -> Curve:
    return [(step, first + (last - first) * step / 10) for step in range(11)]


def test_trainings_of_one_trainer_belong_together_wherever_they_stand(influence: Findings) -> None:
    made = phases(influence)
    assert list(made) == ["sft", "dpo"]
    assert len(made["sft"]) == 18 and len(made["dpo"]) == 9
    twice = study(*(TrainingInfo("a", 0, trainer="sft", data=data) for data in ("x", "y")))
    assert list(phases(twice)) == ["sft", "sft (2)"]
    assert list(phases(study(TrainingInfo("a", 0, step="1"), TrainingInfo("a", 0, step="2")))) == ["1", "2"]


def test_a_training_that_arms_share_is_drawn_once(influence: Findings) -> None:
    assert shared(phases(influence)["sft"]) == {
        "sft-shp+dpo-shp": "sft-shp", "sft-orca+dpo-hh": "sft-orca", "sft-lima+dpo-hh": "sft-lima"}  # fmt: skip
    chart = training_chart(view(influence, {}), "sft", "training-1")
    assert len([tip for tip in tips(chart.svg) if "seed" in tip]) == 9
    assert "sft-shp+dpo-shp shares this training with sft-shp." in chart.note
    other = [replace(t, seconds=99.0) if (t.arm, t.seed) == ("sft-shp+dpo-shp", 2) else t for t in influence.trainings]
    assert "sft-shp+dpo-shp" not in shared(phases(replace(influence, trainings=other))["sft"])


def test_what_was_logged_has_a_chart_each(influence: Findings) -> None:
    planned = preferring(influence)
    assert [(name, one.title) for name, one in planned] == [("dpo", one.title) for one in QUANTITIES]
    charts = [preferences_chart(view(influence, {}), pair, f"preferences-{i}") for i, pair in enumerate(planned)]
    assert all(chart.svg for chart in charts)
    rewards = tips(charts[0].svg)
    assert any("seed 1: rejected −2.500 at step 100" in tip for tip in rewards)
    assert charts[0].legend == [("fit", "chosen"), ("dashed", "rejected")]
    assert any("right 80.0\u00a0%" in tip for tip in tips(charts[3].svg))
    assert preferring(study(TrainingInfo("a", 0, losses=[(1, 2.0)]))) == []


def test_a_reward_model_logs_under_other_names() -> None:
    one = TrainingInfo("a", 0, trainer="reward", curves={"accuracy": line(0.5, 0.8), "margin": line(0, 2)})
    assert [quantity.title for _, quantity in preferring(study(one))] == ["reward margin", "pairs in the right order"]


def test_a_mean_is_of_all_runs_and_of_one_quantity(influence: Findings) -> None:
    chart = preferences_chart(view(influence, {}), preferring(influence)[2], "preferences-1")
    means = [tip for tip in tips(chart.svg) if "mean of 3 runs" in tip]
    assert len([tip for tip in means if "chosen" in tip]) == 2, "dpo on hh is one training for two arms here"
    assert len([tip for tip in means if "rejected" in tip]) == 2


def test_fifths_are_compared() -> None:
    assert change([(i, float(i)) for i in range(10)]) == 8.0, "8.5 minus 0.5"
    assert change([(2, 5.0), (1, 3.0)]) == 2.0, "in the order of steps"
    assert change([(1, 3.0)]) is None and change([]) is None
    assert change([(1, 3.0), (2, float("nan")), (3, 4.0)]) == 1.0


def test_a_falling_chosen_answer_is_said_with_its_arm(influence: Findings) -> None:
    (said,) = falling(influence)
    assert said.startswith("In sft-shp+dpo-shp the chosen answers became less likely too: the margin rose because")
    assert "(first fifth of the steps to the last: reward of chosen −0.96" in said
    assert "rejected −2.00" in said and "margin +1.04" in said
    assert "hh" not in said


@pytest.mark.parametrize(
    ("chosen", "rejected", "reward", "says"),
    [
        (line(-100, -110), line(-100, -130), line(0, -1), "lowered more"),
        (line(-100, -110), line(-100, -105), line(0, -1), "not known to have fallen more"),
        (line(-100, -110), None, None, "not known to have fallen more"),
        (line(-100, -110), line(-100, -130), line(0, 1), None),  # other batches, not other answers
        (line(-100, -90), line(-100, -130), line(0, -1), None),
        (line(-100, -100), line(-100, -130), None, None),
    ],
)
def test_when_the_chosen_answers_fell(
    chosen: Curve, rejected: Curve | None, reward: Curve | None, says: str | None
) -> None:
    curves = {"logps/chosen": chosen, "logps/rejected": rejected, "rewards/chosen": reward}
    kept = {name: curve for name, curve in curves.items() if curve is not None}
    said = falling(study(TrainingInfo("a", 0, trainer="dpo", curves=kept)))
    assert (says is None) == (said == [])
    assert says is None or says in said[0]


@pytest.mark.parametrize(
    ("rejected", "margin", "says"),
    [
        (line(0, -3), line(0, 2), "the margin rose because the rejected ones were lowered more"),
        (line(0, -3), None, "less likely too, and the rejected ones were lowered more"),
        (line(0, -3), line(0, -1), "not known to have fallen more"),  # the margin did not rise
        (line(0, -3), line(0, 0), "not known to have fallen more"),
        (line(0, -0.5), line(0, 2), "not known to have fallen more"),  # rewards are asked before log-probabilities
        (None, line(0, 2), "the margin rose because"),
    ],
)
def test_the_margin_is_looked_at_and_rewards_count_before_log_probabilities(
    rejected: Curve | None, margin: Curve | None, says: str
) -> None:
    curves = {"logps/chosen": line(-100, -110), "logps/rejected": line(-100, -130), "rewards/chosen": line(0, -1),
              "rewards/rejected": rejected, "rewards/margins": margin}  # fmt: skip
    kept = {name: curve for name, curve in curves.items() if curve is not None}
    (said,) = falling(study(TrainingInfo("a", 0, trainer="dpo", curves=kept)))
    assert says in said
    assert ("reward of chosen" in said) == (rejected is not None)
    assert ("margin rose" in said) == ("margin rose" in says)


def test_each_arm_is_told_once_by_what_is_known_of_it() -> None:
    def one(arm: str, **curves: Curve) -> TrainingInfo:
        return TrainingInfo(arm, 0, trainer="dpo", curves={
            name.replace("_", "/"): curve for name, curve in {"logps_chosen": line(0, -10), **curves}.items()})  # fmt: skip

    arms = (one("a", logps_rejected=line(0, -20), rewards_margins=line(0, 1)), one("b", logps_rejected=line(0, -20)),
            one("c"), one("d", logps_rejected=line(0, -20), rewards_margins=line(0, -1)))  # fmt: skip
    said = falling(study(*arms))
    assert [sentence.partition(" the ")[0] for sentence in said] == ["In a", "In b", "In c and d"]


def test_seeds_are_averaged_before_anything_is_said() -> None:
    runs = [
        TrainingInfo("a", seed, trainer="dpo", curves={"logps/chosen": line(0, end)}) for seed, end in ((0, -1), (1, 9))
    ]
    assert falling(study(*runs)) == []
    assert falling(study(*runs[:1])) != []


def test_a_value_that_is_no_number_is_counted() -> None:
    one = TrainingInfo("a", 0, trainer="dpo", curves={"rewards/margins": [(1, 1.0), (2, float("inf")), (3, 2.0)]})
    findings = study(one)
    chart = preferences_chart(view(findings, {}), preferring(findings)[0], "preferences-1")
    assert chart.note == "1 logged values were not finite, in a."


def test_the_table_has_a_line_for_each_training_of_a_chain(influence: Findings) -> None:
    table = training_table(influence)
    assert table is not None
    assert list(table.heads[:3]) == ["arm", "training", "data"]
    assert ["sft-orca+dpo-hh", "dpo", "hh", "0, 1, 2", "900"] in [list(row[:5]) for row in table.rows]
    assert table.note.count("same number of steps") == 2 and "runs of dpo" in table.note
