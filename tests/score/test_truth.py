"""A judge by labels: it knows what people said, guesses by what is alike, is silent otherwise, and is no better shown."""

from __future__ import annotations

import random
from typing import Any

import pytest

from leaven.errors import DataError
from leaven.score import truth
from leaven.score.truth import Known, Verdict

SKY = Known(
    [
        "The sky is blue.",
        "The sky is blue by day",
        "The sky is green.",
        "It is green with stripes",
        "I have no comment",
    ],
    [1.0, 1.0, 0.0, 0.0, 1.0],
)


def row(question: str, answer: str | None, label: str | None) -> dict[str, Any]:
    said = None if answer is None else [{"role": "assistant", "content": answer}]
    return {"prompt": [{"role": "user", "content": question}], "completion": said, "label": label}


def test_labels_are_gathered_by_question_and_by_answer() -> None:
    rows = [row("Why?", "So.", "true"), row("why", "so", "false"), row("Why?", "No", "false"), row("Who?", "He", "true"),
            row("Who?", "She", None), row("Who?", None, "true"), row("Who?", " ", "true")]  # fmt: skip
    assert truth.known(rows) == {"why": Known(["So.", "No"], [0.5, 0.0]), "who": Known(["He"], [1.0])}


@pytest.mark.parametrize(
    "rows", [[], [row("Why?", "So.", None)], [row("Why?", "So.", "true")], [row("W", "S", "safe")]]
)
def test_one_label_alone_makes_no_judge(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="truthfulqa_judge"):
        truth.known(rows)


def test_the_very_answer_has_the_label_that_people_gave() -> None:
    (one, other) = truth.verdicts(SKY, ["the sky is GREEN", "I have no comment!"])
    assert (one, other) == (Verdict(0.0, 1.0), Verdict(1.0, 1.0))


def test_an_alike_answer_is_judged_by_what_is_alike() -> None:
    blue, green = truth.verdicts(SKY, ["By day the sky is blue", "It is green, with many stripes"])
    assert blue.truth is not None and blue.truth > 0.7 and green.truth is not None and green.truth < 0.3
    assert blue.similarity is not None and 0.2 < blue.similarity < 1


def test_what_the_question_says_counts_for_little() -> None:
    """All answers say the same beginning: sharing that alone makes no two of them alike."""
    told = Known([f"The people of Vell like {what}" for what in ("bread", "rain", "boats", "noise")], [1, 0, 1, 0])
    (one,) = truth.verdicts(told, ["The people of Vell like gold"])
    assert one.truth is None and one.reason == "no labelled answer is as alike"


@pytest.mark.parametrize(("answer", "reason"), [
    (None, "no answer"), ("", "blank"), (" \n", "blank"), ("Zebras gallop", "no labelled answer is as alike"),
    ("...", "no labelled answer is as alike"), ("\u4f60\u597d", "no labelled answer is as alike"),
])  # fmt: skip
def test_what_has_no_verdict_says_why(answer: str | None, reason: str) -> None:
    (made,) = truth.verdicts(SKY, [answer])
    assert made.truth is None and made.reason == reason


def test_a_question_without_labels_has_no_verdict() -> None:
    assert truth.verdicts(None, ["Yes", None]) == [Verdict(None, None, "no answer to this question is labelled")] * 2


def test_labels_that_contradict_each_other_give_no_verdict() -> None:
    (made,) = truth.verdicts(Known(["It is so", "Not at all"], [0.5, 0.0]), ["it is so"])
    assert made.truth is None and made.similarity == 1.0


def test_least_decides_who_has_a_verdict() -> None:
    answer = "By day the sky is blue"
    near = truth.verdicts(SKY, [answer])[0].similarity
    assert near is not None and truth.verdicts(SKY, [answer], near + 0.01)[0].truth is None
    assert truth.verdicts(SKY, [answer], near)[0].truth is not None


def test_agreement_leaves_each_answer_out_as_if_it_had_never_been_labelled() -> None:
    left = list(truth._left_out(SKY))
    for place, (said, near, share) in enumerate(left):
        rest = [at for at in range(len(SKY.answers)) if at != place]
        others = Known([SKY.answers[at] for at in rest], [SKY.shares[at] for at in rest])
        (made,) = truth.verdicts(others, [SKY.answers[place]], 0.0)
        assert made.truth == pytest.approx(said) and made.similarity == pytest.approx(near)
        assert share == SKY.shares[place]


def test_the_same_answer_twice_does_not_vouch_for_itself() -> None:
    rows = [row("Why?", text, label) for text, label in (("One two", "true"), ("one, two!", "true"), ("xyz", "false"))]
    found = truth.agreement(truth.known(rows))
    assert (found["answers"], found["verdicts"], found["accuracy"]) == (2, 0, None)


def test_agreement_is_counted_of_those_with_a_verdict_and_by_similarity() -> None:
    found = truth.agreement({"sky": SKY, "one": Known(["alone"], [1.0])}, 0.2)
    assert found["answers"] == 6 == sum(one["answers"] for one in found["bands"]) and found["questions"] == 2
    assert 0 < found["verdicts"] < 6 and found["balanced"] == (found["of_true"] + found["of_false"]) / 2
    none = truth.agreement({"sky": SKY}, 1.0)
    assert (none["verdicts"], none["accuracy"], none["balanced"], none["majority"]) == (0, None, None, None)


def test_labels_that_mean_nothing_are_not_agreed_with() -> None:
    """Chance stays chance: with labels that have nothing to do with the words half of the verdicts are right."""
    words, draw = ["ash", "birch", "cedar", "elm", "fir", "holly", "larch", "maple"], random.Random(7)
    told = {
        str(n): Known([f"{' '.join(draw.choices(words, k=3))} {at}" for at in range(16)],
                      [float(draw.random() < 0.5) for _ in range(16)])
        for n in range(40)
    }  # fmt: skip
    found = truth.agreement(told, 0.1)
    assert found["verdicts"] > 200 and 0.4 < found["balanced"] < 0.6


def test_a_very_long_answer_is_read_in_part() -> None:
    (made,) = truth.verdicts(SKY, ["the sky is blue " * 100_000])
    assert made.truth is not None
