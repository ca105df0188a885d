"""What a reader is told to be careful of: said where it is true, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from leaven.report.conditioned.doubts import bare, broken, close, doubts, rare, scorers, together
from leaven.report.conditioned.effects import effects, obeys
from leaven.report.findings import ArmInfo, BalanceInfo, Findings, LabelInfo
from leaven.report.means import means


def test_a_scorer_that_labelled_is_called_circular(two: Findings, four: Findings) -> None:
    judged, alone = scorers(two)
    assert "as tox asks is judged by detoxify unbiased, which did not label" in judged
    assert "builtin tox, which labelled the training, beside it" in judged
    assert alone.startswith("Circular: of sen only the scorer that labelled the training (builtin sen)")
    assert scorers(four)[0].startswith("Circular: of tox, sen, len and form only")


def test_an_arm_that_obeys_by_nonsense_is_flagged(two: Findings) -> None:
    (flag,) = broken(two)
    assert flag.startswith("Careful: toxsen obeys tox and sen, but its texts are shown to be worse than those of none")
    assert "fluency +0.5" in flag and "95\u00a0% interval" in flag and "3 seeds" in flag
    assert "any training makes" not in flag, "the baseline was trained"


def test_an_untrained_baseline_is_said_to_be_no_fair_one(two: Findings) -> None:
    against = [replace(c, baseline="base") for c in two.comparisons]
    (flag,) = broken(replace(two, comparisons=against))
    assert "base was not trained: any training makes texts less expected to the base" in flag


def test_fluent_arms_are_not_called_broken(two: Findings) -> None:
    fluent = [c for c in two.comparisons if not (c.metric == "fluency" and c.arm == "toxsen")]
    (said,) = broken(replace(two, comparisons=fluent))
    assert said.startswith("Of the arms that obey (tox, sen and toxsen) none is shown to write less fluently")
    assert "not the same as being as fluent" in said


def test_that_fluency_was_not_compared_is_said(two: Findings) -> None:
    (said,) = broken(replace(two, comparisons=[c for c in two.comparisons if c.metric != "fluency"]))
    assert said.startswith("Fluency was not compared")
    assert broken(Findings(name="n", question="q")) == []


def test_an_arm_without_tokens_obeys_nothing_however_good_its_texts(two: Findings) -> None:
    better = [
        replace(c, effect=-0.3, p=0.001, p_holm=0.002) if (c.arm, c.metric) == ("filtered", "misalignment_tox") else c
        for c in two.comparisons
    ]
    assert obeys(replace(two, comparisons=better), "filtered", "control") == []
    assert obeys(two, "toxsen", "control") == ["tox", "sen"]


def test_no_arm_obeys_on_one_seed(two: Findings) -> None:
    few = replace(two, comparisons=[replace(c, n_seeds=1) for c in two.comparisons])
    assert broken(few) == ["Whether an arm follows its tokens was not tested: that takes three seeds."]
    none = replace(two, comparisons=[replace(c, p=0.9, p_holm=0.9, p_bh=0.9) for c in two.comparisons])
    assert broken(none) == ["No arm is shown to follow any of its tokens."]


def test_rare_classes_of_what_is_learnt_are_named(two: Findings) -> None:
    tox, sen = rare(two)
    assert tox.startswith("Of tox, <|toxic|> is 2.9\u00a0% of the texts in tox and toxsen:")
    assert "<|neg|>" in sen and "neutral" not in sen and "filtered" not in sen


def test_a_class_of_one_in_twenty_is_not_rare() -> None:
    def study(bad: int) -> Findings:
        run = BalanceInfo("sen", 0, 100, {"sen": {"<|neg|>": bad, "<|pos|>": 100 - bad}})
        return Findings(name="n", question="q", arms=[ArmInfo("sen", attributes=["sen"])], balances=[run])

    assert rare(study(5)) == []
    assert len(rare(study(4))) == 1
    assert len(rare(study(0))) == 1


def test_labels_that_hang_on_a_hair_are_named(two: Findings) -> None:
    one = LabelInfo(
        "d", "sen", "sentiment", 100, 0, [0.0], ("<|neg|>", "<|pos|>"), [-1.0, -0.5, 0.1, 1.0], [20, 50, 30]
    )

    def said(changed: LabelInfo) -> list[str]:
        return close(Findings(name="n", question="q", labels=[changed]))

    assert "50.0\u00a0% of the scores are close to the threshold 0 " in said(one)[0]
    assert said(replace(one, counts=[70, 20, 10])) == []
    assert said(replace(one, tokens=("<|neg|>", None, "<|pos|>"))) == [], "a neutral class keeps them apart"
    assert said(replace(one, edges=(), counts=())) == [] == close(two)


def test_attributes_whose_labels_go_together_are_named(two: Findings, four: Findings) -> None:
    assert together(two) == [
        "The labels of tox and sen go together (phi 0.34): what one's token does may be partly the other's."
    ]
    weak = [replace(run, phi=[("tox", "sen", 0.1)]) for run in two.balances]
    unknown = [replace(run, phi=[("tox", "sen", None)]) for run in two.balances]
    assert together(replace(two, balances=weak)) == together(replace(two, balances=unknown)) == []
    opposed = [replace(run, phi=[("tox", "sen", -0.5)]) for run in two.balances]
    assert "phi −0.50" in together(replace(two, balances=opposed))[0]
    assert len(together(four)) == 1


def test_what_tokens_do_stands_beside_fluency(two: Findings) -> None:
    table = effects(two, means(two.measurements), "control")
    assert table is not None
    rows = {(row[0], row[1]): row for row in table.rows}
    assert set(rows) == {("tox", "tox"), ("toxsen", "tox"), ("sen", "sen"), ("toxsen", "sen")}
    assert rows["toxsen", "tox"][2].startswith("+5") and rows["toxsen", "tox"][2].endswith("points")
    assert rows["toxsen", "tox"][7].startswith("+0.5") and rows["toxsen", "tox"][8] == "rises"
    assert effects(Findings(name="n", question="q"), {}, "control") is None


def test_suites_that_ask_without_tokens_are_named(two: Findings) -> None:
    assert bare(two) == []
    (said,) = bare(replace(two, bare=["bold"]))
    assert said.startswith("bold asks arms that were trained with tokens without giving any") and said in doubts(
        replace(two, bare=["bold"])
    )
    assert bare(replace(two, bare=["bold", "held_out"]))[0].startswith("bold and held_out ask arms")
