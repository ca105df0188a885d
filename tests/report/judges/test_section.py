"""The section on judges: what it says, what it shows, and that hostile texts stay texts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from leaven.report.judges import made, tables
from leaven.report.judges.doubts import cautions, doubts
from leaven.report.judges.found import AgreementInfo, JudgeInfo, Judging, RankedAnswer, RankedSample
from leaven.report.judges.plain import as_dict, listed, sentences
from leaven.report.judges.read import read
from leaven.report.judges.section import section
from leaven.report.numbers import NBSP
from leaven.report.page import _environment
from leaven.stats.judged.again import Again
from leaven.stats.judged.between import Between
from leaven.stats.judged.intervals import Mean, Share
from leaven.stats.judged.places import Places, Votes

HOSTILE = ["<script>window.pwned = 1</script>", "</section><img src=x onerror=alert(1)>", "{{ 7*7 }}", "\u202egnp.exe"]


def rendered(judging: Judging) -> str:
    environment = _environment()
    show = environment.get_template("macros.html.j2").module
    view = {"judged": section(judging), "show": show, "longest": 2400}
    return environment.get_template("judges.html.j2").render(view)


def of(judging: Judging, name: str, *, by_people: bool = False) -> JudgeInfo:
    return next(one for one in judging.judges if one.judge == name and one.by_people == by_people)


def test_a_study_without_judges_has_no_section() -> None:
    assert section(Judging()) is None and not sentences(Judging()) and as_dict(Judging()) == {}


def test_the_worst_doubts_of_a_judge_are_said(whole: Judging) -> None:
    said = doubts(whole)
    assert said[0].startswith("Circular: llama-70b labelled by_judge, which dpo learnt from, and it is also")
    whole_text = "\n".join(said).replace(NBSP, " ")
    assert "Careful: llama-70b is not shown to agree with people more than a coin would (55.0 % of 100" in whole_text
    assert "llama-70b prefers what stands first (its best stands there in " in whole_text
    assert "llama-70b ranks longer answers of five better (" in whole_text
    assert "After re-ordering, llama-70b names the same best answer of five in " in whole_text
    assert (
        "10.0 % of 120 questions" not in whole_text and "6.7 % of 180 questions to llama-70b gave no rank" in whole_text
    )
    assert "The judges of five hardly agree (Krippendorff's alpha " in whole_text
    assert "chance" not in {sentence.split()[0] for sentence in said}, "nobody needs to be warned of chance"
    assert not [sentence for sentence in said if sentence.startswith(("Careful: rm", "rm prefers what"))]


def test_a_judge_is_circular_only_where_it_measures_what_learnt_from_it(whole: Judging) -> None:
    (one,) = cautions(whole)
    assert "answers/harmful" in one
    for without in ({"evaluates": []}, {"arms": []}, {"built": []}):
        assert cautions(replace(whole, judges=[replace(of(whole, "llama-70b"), **without)])) == []  # type: ignore[arg-type]


def test_a_judge_that_nobody_tried_is_named(whole: Judging) -> None:
    alone = Judging([of(whole, "llama-70b")])
    assert any("llama-70b was never held against people's preferences" in said for said in doubts(alone))
    assert not any("never held" in said for said in doubts(whole))
    judge = of(whole, "llama-70b")
    once = Judging([replace(judge, found=replace(judge.found, again=None))])
    assert any("asked about nothing twice" in said for said in doubts(once))


def test_a_taste_for_length_is_one_that_people_do_not_have(whole: Judging) -> None:
    judge = of(whole, "llama-70b", by_people=True)
    people = judge.found.people
    assert people is not None
    said = " ".join(doubts(Judging([judge]))).replace(NBSP, " ")
    assert "prefers the longer answer in 90.0 % of the pairs, people in 45.0 %: a taste for length" in said
    assert "rm prefers the longer" not in " ".join(doubts(whole)), "it errs at random, and so nearer to a half"
    alike = replace(people, longer_more=Mean(100, 0.02, -0.05, 0.09))
    assert "taste" not in " ".join(doubts(Judging([replace(judge, found=replace(judge.found, people=alike))])))


def test_no_doubt_is_made_of_what_is_not_shown(whole: Judging) -> None:
    judge = of(whole, "llama-70b")
    assert judge.found.places is not None and judge.found.lengths is not None
    unsure = Mean(120, 0.02, -0.05, 0.09)
    sure = Again(20, unsure, Share(20, 20, 20, 1.0, 0.84, 1.0), 0.2)
    found = replace(judge.found, places=replace(judge.found.places, tau=unsure), again=sure,
                    lengths=replace(judge.found.lengths, tau=unsure), parsed=Share(180, 180, 120, 1.0, 0.98, 1.0))  # fmt: skip
    assert doubts(Judging([replace(judge, found=found, built=[])])) == []


def test_votes_are_told_in_their_own_words(whole: Judging) -> None:
    judge = replace(of(whole, "llama-70b"), judge="pairs", kind="pairwise")
    votes = Votes(200, Share(140, 190, 100, 0.737, 0.66, 0.8), Share(10, 200, 100, 0.05, 0.03, 0.09))
    one = replace(judge, found=replace(judge.found, votes=votes))
    said = " ".join(doubts(Judging([one]))).replace(NBSP, " ")
    assert "pairs prefers what stands first (the first of two in 73.7 % of 190 decided votes" in said
    table = tables.judges(Judging([one]))
    assert table is not None and table.rows[0][6].replace(NBSP, " ") == "73.7 % (66.0 to 80.0)"


def test_the_table_of_judges_has_a_line_for_each_and_dashes_where_nothing_is_known(whole: Judging) -> None:
    table = tables.judges(whole)
    assert table is not None and [row[0] for row in table.rows] == ["llama-70b", "rm", "chance"]
    by_name = {row[0]: [cell.replace(NBSP, " ") for cell in row] for row in table.rows}
    assert by_name["llama-70b"][3] == "540 of 600" and by_name["llama-70b"][4].startswith("93.3 % (")
    assert by_name["llama-70b"][8].startswith("55.0 % (") and by_name["rm"][8].startswith("80.0 % (")
    assert by_name["rm"][4:7] == ["–"] * 3 and by_name["chance"][8] == "–"
    assert all(len(row) == len(table.heads) for row in table.rows)


def test_what_was_built_adds_up_and_seeds_are_a_range(whole: Judging) -> None:
    table = made.built(whole)
    assert table is not None and len(table.rows) == 1
    row = [cell.replace(NBSP, " ") for cell in table.rows[0]]
    assert row[:8] == ["by_judge", "preferences", "llama-70b", "five", "2", "120", "104", "104"]
    assert row[8:] == ["71.0 % to 72.0 %", "3.90"]
    dropped = made.dropped(whole)
    assert dropped is not None and [line[1:4] for line in dropped.rows] == [
        ["prompts", "not all of its answers are ranked", "12"],
        ["prompts", "all answers are equal", "4"],
        ["rows", "fewer than 1 ranks apart", "6"],
    ]
    told = made.diversity(whole)
    assert told is not None and told.rows == [["five", "600", "7", "0", "0.310", "0.620", "0.900", "0.970"]]


def test_names_keep_their_hyphens(whole: Judging) -> None:
    said = " ".join(
        [*sentences(whole), *(" ".join([*(cell for row in t.rows for cell in row), t.note]) for _, t in listed(whole))]
    )
    assert "llama−70b" not in said and "llama-70b" in said


def test_samples_stand_as_the_judge_that_was_built_on_ranks_them(whole: Judging) -> None:
    (one,) = read(whole)
    assert [text for text, _ in one.answers] == [f"answer {s}" for s in (4, 3, 2, 1, 0)]
    assert one.answers[0][1] == [("llama-70b", "1"), ("rm", "5")]
    unranked = RankedSample("five", 0, "?", [RankedAnswer(s, "x", {"rm": None}) for s in range(12)])
    (some,) = read(replace(whole, samples=[unranked]))
    assert len(some.answers) == 8 and some.left_out == 4 and some.answers[0][1] == [("rm", "–")]


def test_a_chart_for_each_judge_before_whom_answers_stood(whole: Judging) -> None:
    shown = section(whole)
    assert shown is not None
    ((chart, new, _),) = shown.charts
    assert chart.name == "firsts-1" and "llama-70b" in chart.title and ("dashed", "without a bias") in new
    assert chart.svg.count('data-tip="place') == 5 and "20.0" in chart.svg


def test_the_section_is_whole_and_the_same_each_time(whole: Judging) -> None:
    page = rendered(whole)
    assert page == rendered(whole)
    assert (
        page.count("<section") == page.count("</section>") == 1 and page.count("<table") == page.count("</table>") == 8
    )
    for title in ("Judges against people", "Place and length together", "What was built", "answers and ranks"):
        assert title in page


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_texts_stay_text(whole: Judging, text: str) -> None:
    judge = replace(of(whole, "llama-70b"), judge=text, what=text, data=text, reasons={text: 3}, built=[text],
                    arms=[text], evaluates=[text])  # fmt: skip
    built = [replace(one, data=text, judge=text, drops={text: 2}, left_out={text: 1}) for one in whole.built]
    answers = [RankedAnswer(0, text, {text: 1.0}), RankedAnswer(1, "", {text: None})]
    pairs = Between([text], whole.agreements[0].found.pairs, 0.1, None, None, 10)
    hostile = Judging([judge], [AgreementInfo(text, pairs)], built, [RankedSample(text, None, text * 9, answers)])
    page = rendered(hostile)
    assert "<script" not in page and "<img" not in page and "\u202e" not in page and page.count("</section>") == 1
    assert "49" not in page.split("Some prompts")[1] or "{{" not in text
    json.dumps(as_dict(hostile))


def test_programs_get_plain_json(whole: Judging) -> None:
    made_of = json.loads(json.dumps(as_dict(whole)))["judging"]
    assert {one["judge"] for one in made_of["judges"]} == {"llama-70b", "rm", "chance"}
    assert made_of["judges"][0]["found"]["parsed"]["n"] == 180 and made_of["built"][0]["rows"] == 104


def test_no_note_is_too_long_for_a_message(whole: Judging) -> None:
    assert all(len(table.note) <= 400 for _, table in listed(whole))


def test_a_judge_that_only_dislikes_the_last_place_is_not_said_to_prefer_the_first(whole: Judging) -> None:
    def told(*shares: float, tau: float = 0.3) -> str:
        bars = [Share(412 * x, 412, 412, x, x - 0.03, x + 0.03) for x in shares]
        places = Places(412, Mean(412, tau, tau - 0.1, tau + 0.1), [3.0] * len(bars), bars, [1 / len(bars)] * len(bars))
        one = replace(of(whole, "llama-70b"), found=replace(of(whole, "llama-70b").found, places=places, votes=None))
        said = [line for line in doubts(Judging([one])) if "stands" in line]
        return said[0].replace(NBSP, " ") if said else ""

    uneven = told(0.257, 0.257, 0.249, 0.24, 0.002)
    assert "prefers what stands" not in uneven
    assert "(Kendall's tau of place and rank 0.30 (0.20 to 0.40))" in uneven
    assert uneven.endswith(
        "of 412 questions its best stands most often at place 1 (25.7 %), least often at place 5 (0.2 %); 20.0 %"
        " without a bias."
    )
    assert "most often at place 1 (29.0 %), least often at place 5 (0.1 %)" in told(0.29, 0.245, 0.234, 0.23, 0.001)
    assert "prefers what stands last" not in told(0.002, 0.24, 0.249, 0.257, 0.257, tau=-0.3)
    assert "prefers what stands first (its best stands there in 40.0 % of 412" in told(0.4, 0.25, 0.15, 0.12, 0.08)
    assert "prefers what stands first" in told(0.4, 0.15, 0.16, 0.14, 0.15), "the others need not fall"
    assert "prefers what stands last (its best stands there in 40.0 %" in told(0.08, 0.12, 0.15, 0.25, 0.4, tau=-0.3)
    assert "prefers what stands" not in told(0.4, 0.1, 0.3, 0.1, 0.1), "a later place stands out as well"
    assert "prefers what stands first" in told(0.6, 0.4)
    assert told(0.4, 0.25, 0.15, 0.12, 0.08, tau=0.05) == "", "tau shows nothing"
