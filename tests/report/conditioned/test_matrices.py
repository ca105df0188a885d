"""Asked for against measured: what is averaged, what is marked, whose word counts."""

from __future__ import annotations

from dataclasses import replace

from leaven.report.conditioned.asked import asks
from leaven.report.conditioned.matrices import WITHOUT, Matrix, Share, matrices, plain
from leaven.report.findings import ArmInfo, Findings, ObeyedInfo


def cell(matrix: Matrix, line: str, attribute: str, word: str) -> Share:
    (found,) = [one for one in matrix.lines if one.name == line]
    places = [(name, each) for name, words in matrix.heads for each in words]
    return found.shares[places.index((attribute, word))]


def made(arm: str, seed: int, share: float | None, *, scorer: str = "own", judge: bool = False) -> ObeyedInfo:
    shares = {"none": {"neg": 0.5, "pos": 0.5}, "pos": {"neg": None if share is None else 1 - share, "pos": share}}
    return ObeyedInfo(arm, seed, "control", "sen", scorer, judge, 100, shares)


def study(*obeyed: ObeyedInfo) -> Findings:
    return Findings(name="n", question="q", arms=[ArmInfo("sen", attributes=["sen"])], obeyed=obeyed)


def test_a_share_is_the_mean_of_the_seeds_with_their_range() -> None:
    (one,) = matrices(study(made("sen", 0, 0.7), made("sen", 1, 0.9)), "control")
    shown = cell(one, "pos", "sen", "pos")
    assert (shown.value, shown.over_seeds, shown.shade) == ("80\u00a0%", "70 to 90", 8)
    assert cell(one, "none", "sen", "neg").over_seeds == "", "both seeds say the same"
    assert one.note == "100 texts a combination and run; mean of 2 seeds, with their range."


def test_the_judge_counts_and_who_labelled_stands_beside() -> None:
    (one,) = matrices(study(made("sen", 0, 0.9), made("sen", 0, 0.6, scorer="other", judge=True)), "control")
    shown = cell(one, "pos", "sen", "pos")
    assert (shown.value, shown.labeller) == ("60\u00a0%", "90\u00a0%")


def test_what_was_not_scored_is_not_nought() -> None:
    (one,) = matrices(study(made("sen", 0, None)), "control")
    assert cell(one, "pos", "sen", "pos").value == "not measured"
    (half,) = matrices(study(made("sen", 0, None), made("sen", 1, 0.4)), "control")
    assert cell(half, "pos", "sen", "pos").value == "40\u00a0%"


def test_almost_all_and_almost_none_are_not_rounded_away() -> None:
    (one,) = matrices(study(made("sen", 0, 0.996)), "control")
    assert cell(one, "pos", "sen", "pos").value == "99.6\u00a0%"
    assert cell(one, "pos", "sen", "neg").value == "0.4\u00a0%"


def test_exactly_the_classes_asked_for_are_marked(two: Findings) -> None:
    (toxsen,) = [one for one in matrices(two, "control") if one.title == "toxsen"]
    marked = {
        line.name: [word for share, word in zip(line.shares, ["nontoxic", "toxic", "neg", "neutral_sen", "pos"], strict=True) if share.is_asked]
        for line in toxsen.lines
    }  # fmt: skip
    assert marked == {
        "none": [],
        "nontoxic+neg": ["nontoxic", "neg"],
        "nontoxic+pos": ["nontoxic", "pos"],
        "toxic+neg": ["toxic", "neg"],
        "toxic+pos": ["toxic", "pos"],
    }


def test_an_arm_asked_for_one_attribute_is_not_marked_in_another() -> None:
    assert asks("pos", "sen", "pos", ["sen"])
    assert not asks("pos", "tox", "pos", ["sen"])
    assert not asks("none", "sen", "none", ["sen"])


def test_two_attributes_with_the_same_words_are_told_apart_by_their_place() -> None:
    known = ["tox", "sen"]
    assert asks("good+bad", "tox", "tox_good", known)
    assert not asks("good+bad", "tox", "tox_bad", known)
    assert asks("<|good|>+<|bad|>", "sen", "sen_bad", known)


def test_arms_without_tokens_share_a_table(two: Findings) -> None:
    every = matrices(two, "control")
    assert [one.title for one in every] == ["tox", "sen", "toxsen", WITHOUT]
    assert [line.name for line in every[-1].lines] == ["base", "none", "filtered"]
    assert not any(share.is_asked for line in every[-1].lines for share in line.shares)


def test_of_many_attributes_all_but_the_first_tables_are_folded(four: Findings) -> None:
    every = {one.title: one for one in matrices(four, "control")}
    assert len(every["many"].lines) == 17 and not every["many"].is_open
    assert every["tox"].is_open
    alone = matrices(replace(four, obeyed=[one for one in four.obeyed if one.arm == "many"]), "control")
    assert alone[0].is_open, "the first one is never folded"


def test_without_shades_the_class_asked_for_is_said_in_words(two: Findings) -> None:
    (tox,) = [one for one in matrices(two, "control") if one.title == "tox"]
    table = plain(tox)
    assert table.heads == ["asked for", "tox: nontoxic", "tox: toxic", "sen: neg", "sen: neutral_sen", "sen: pos"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert [place for place, cell in enumerate(rows["toxic"]) if cell.endswith(", asked for")] == [1]
    assert rows["nontoxic"][0] == "87\u00a0% (86 to 88; labeller 89\u00a0%), asked for"
