"""The section on ways of aligning: its table, and what to be careful of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from leaven.comparison import Comparison
from leaven.report.findings import Findings
from leaven.report.listings import Table
from leaven.report.methods import tables
from leaven.report.methods.doubts import cautions, doubts
from leaven.report.methods.found import GuardInfo, Methods, RewardedInfo, WayInfo
from leaven.report.methods.section import section

Make = Callable[..., Comparison]
WAYS = [
    WayInfo("clean", ["fine-tuning on reading"], trainings=1, trained=1000.0, seconds=10.0, read=30.0, bare=30.0, answered=4.0),
    WayInfo("poisoned@p=0.33", ["preferences (DPO)", "rag"], trainings=2, trained=3000.0, seconds=30.0, price=0.5, pairs=100.0,
            read=90.0, bare=30.0, answered=8.0, rest_on=["clean"]),
    WayInfo("rm", ["reward model"]),
]  # fmt: skip
KNOWN = Methods(ways=WAYS, shared=["fine-tuning on reading"], currency="USD", pair=0.67)


def rewarded(**changed: object) -> RewardedInfo:
    plain = RewardedInfo("poisoned@p=0.33", "reward model rm", 0.5, 2.0, kl=0.1)
    return replace(plain, **changed)  # type: ignore[arg-type]


def cells(findings: Findings, of: Callable[[Findings], Table | None] = tables.ways) -> list[dict[str, str]]:
    table = of(findings)
    assert table is not None
    return [dict(zip(table.heads, (cell.replace("\u00a0", " ") for cell in row), strict=True)) for row in table.rows]


def test_each_arm_stands_with_its_outcomes_and_what_an_answer_takes(findings: Findings) -> None:
    base, other, rm = cells(replace(findings, methods=KNOWN))
    assert base["way"] == "the baseline: fine-tuning on reading" and other["way"] == "preferences (DPO), rag"
    assert (base["reads"], other["reads"], rm["reads"]) == ("30", "90 (3.0×)", "–")
    assert "(" not in base["toxicity"] and base["toxicity"].endswith("%"), "the baseline's own value, not a word"
    assert other["toxicity"].endswith("points*)")
    assert rm["toxicity"] == "not measured", "a reward model is not the baseline"


def test_what_an_arm_cost_has_its_price_and_peoples_labels_apart(findings: Findings) -> None:
    base, other, rm = cells(replace(findings, methods=KNOWN), tables.costs)
    assert other["pairs labelled by people"] == "100 (67.00 USD)" and other["price"] == "0.50 USD"
    assert other["rests on"] == "clean" and base["rests on"] == "–"
    assert base["tokens trained"] == "1,000" and rm["tokens trained"] == "–"
    unpriced = cells(replace(findings, methods=replace(KNOWN, pair=None)), tables.costs)
    assert unpriced[1]["pairs labelled by people"] == "100"


def test_costs_that_nobody_has_are_no_columns(findings: Findings) -> None:
    assert "tokens sampled before" not in cells(replace(findings, methods=KNOWN), tables.costs)[0]
    bare = replace(findings, methods=Methods(ways=[WayInfo("clean", []), WayInfo("rm", ["reward model"])]))
    assert (
        set(cells(bare)[0]) == {"arm", "way", *findings.primary} and cells(bare)[0]["way"] == "the baseline: as it is"
    )
    assert tables.costs(bare) is None


def test_outcomes_stand_in_the_order_of_their_declaration(findings: Findings, comparison: Make) -> None:
    both = [comparison(metric="a", suite="s"), comparison(metric="b", suite="s")]
    shown = replace(findings, methods=KNOWN, comparisons=both, primary=["s/b", "s/a"])
    assert list(cells(shown)[0])[2:4] == ["b", "a"]


def test_what_all_arms_have_is_told_below_the_table(findings: Findings) -> None:
    table = tables.ways(replace(findings, methods=KNOWN))
    assert table is not None and "(fine-tuning on reading)" in table.note
    costs = tables.costs(replace(findings, methods=KNOWN))
    assert costs is not None and "by the study's prices" in costs.note
    assert "in common" not in tables.ways(replace(findings, methods=Methods(ways=WAYS))).note  # type: ignore[union-attr]


def test_a_reward_that_rose_while_something_got_worse_is_flagged(findings: Findings) -> None:
    (said,) = cautions(replace(findings, methods=Methods(rewarded=[rewarded()])))
    assert "rose from 0.5 to 2" in said and "toxicity" in said and "reward hacking" in said


@pytest.mark.parametrize("calm", [{"last": 0.4}, {"arm": "clean_again"}, {"measured": ("eli5/toxicity",)}])
def test_no_reward_is_accused_without_cause(findings: Findings, calm: dict[str, object]) -> None:
    """Not one that fell, one whose arm is no worse, nor by the very measure that rewarded."""
    said = cautions(replace(findings, methods=Methods(rewarded=[rewarded(**calm)])))
    assert not [one for one in said if "hacking" in one]


def test_what_was_lost_before_the_rewards_is_not_their_doing(findings: Findings, comparison: Make) -> None:
    started = replace(findings, methods=Methods(rewarded=[rewarded(start="poisoned@p=0.1")]))
    before = comparison(arm="poisoned@p=0.1", effect=0.5)
    after = comparison(effect=0.419)
    assert not cautions(replace(started, comparisons=[before, after]))
    (said,) = cautions(replace(started, comparisons=[replace(before, effect=0.1), after]))
    assert "worse than poisoned@p=0.1, where that training began" in said


def test_a_guard_that_lets_nothing_pass_is_flagged_beside_the_answer(findings: Findings) -> None:
    all_of_it = [GuardInfo("shut", "unsafe", "intents", 20, 20, 0), GuardInfo("shut", "safe", "intents", 80, 80, 0)]
    some = [GuardInfo("open", "unsafe", "intents", 20, 20, 0), GuardInfo("open", "safe", "intents", 80, 2, 0)]
    (said,) = cautions(replace(findings, methods=Methods(guards=[*all_of_it, *some])))
    assert "the guard intents of shut blocks all 100 texts" in said and "a refusal, not its model" in said
    assert not cautions(replace(findings, methods=Methods(guards=[GuardInfo("a", "s", "g", 0, 0, 0)])))


def test_a_reward_that_is_its_own_measure_is_called_circular(findings: Findings) -> None:
    said = cautions(replace(findings, methods=Methods(rewarded=[rewarded(measured=("eli5/toxicity",))])))
    assert len(said) == 1 and said[0].startswith("Circular: poisoned@p=0.33 was rewarded by reward model rm")
    two = ("eli5/toxicity", "eli5/distinct_1")
    (said_of_two,) = cautions(replace(findings, methods=Methods(rewarded=[rewarded(measured=two)])))
    assert "what eli5/toxicity and eli5/distinct_1 measure. Do not" in said_of_two


def test_unreached_methods_guards_and_curves_are_said_once_for_all_arms(findings: Findings) -> None:
    odd = ["the guard intents blocks nothing"]
    known = Methods(
        unreached={("a", "told"): ["guard", "guard"], ("b", "told"): ["guard"]},
        guards=[GuardInfo("a", "asked", "intents", 9, 0, 0, odd), GuardInfo("a", "asked", "toxicity", 9, 0, 0, odd),
                GuardInfo("b", "asked", "intents", 9, 0, 0, odd)],
        curved={"e20": "cosine", "e40": "cosine"},
    )  # fmt: skip
    assert doubts(replace(findings, methods=known)) == [
        "told cannot ask with guard: there a and b are asked without.",
        "a and b in asked: the guard intents blocks nothing.",
        "e20 and e40 are measured on the way of a longer training whose learning rate was falling (cosine): a training"
        " that ends there would have ended at another rate.",
    ]


def test_names_of_arms_cannot_break_a_sentence(findings: Findings) -> None:
    long = "x" * 500
    said = doubts(replace(findings, methods=Methods(guards=[GuardInfo("a", long, "g", 1, 1, 0, [long])])))
    assert len(said[0]) < 400


def test_a_study_of_one_way_has_no_section(findings: Findings) -> None:
    assert section(findings) is None
    made = section(replace(findings, methods=KNOWN))
    assert made is not None and [title for title, _ in made.tables] == ["Ways of aligning", "What they cost"]
