"""Two arms that talk to each other: who hears what, and what is told from it."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.conversation import Conversation
from leaven.conversation.converse import Line, converse, conversed, drift


def test_what_one_says_is_the_users_turn_to_the_other(asking: Any, tells: Any) -> None:
    asked = tells("One.", "Two</s>.", "Three.", "Four.")
    talks = [Conversation(asking()), Conversation(asking(), item="chat 2")]
    spoke: list[int] = []

    def named(who: int) -> None:
        spoke.append(who)

    lines = list(converse(talks, "Hello</s>!", 4, named))
    assert [(one.who, one.text) for one in lines] == [(0, "One."), (1, "Two</s>."), (0, "Three."), (1, "Four.")]
    assert spoke == [0, 1, 0, 1]
    first, second, third, fourth = (str(talks[0].speaker.tokenizer.decode(one.ids)) for one, _ in asked)
    assert "Hello< /s>!" in first and "Hello" not in second, "the second does not know that it spoke first"
    assert third.index("One.") < third.index("Two< /s>.") and "User: Two" in third
    assert "User: One." in fourth and "Assistant: Two< /s>." in fourth
    assert asked[0][0].item != asked[1][0].item, "each draws noise of its own"


LINES = [
    Line(0, "Wisdom is good."),
    Line(1, "HELLO!"),
    Line(0, "wisdom  is good.\nStudent: yes", "length"),
    Line(1, "", "stop"),
    Line(0, "I can't.", "stop", refused=True),
    Line(1, "Parrots eat wisdom and honey."),
]


def test_scores_of_a_talk() -> None:
    both = conversed(LINES, "Hello!", ["Student"])
    assert (both.turns, both.words) == (6, pytest.approx(16 / 6))
    shares = (both.ended, both.others_turn, both.repeats, both.blank, both.refused)
    assert shares == pytest.approx((4 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 6))
    assert conversed(LINES, "Hello!", []).others_turn == 0
    second = conversed(LINES, "Hello!", [], 1)
    assert (second.turns, second.repeats, second.blank) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    # Pairs told: wisdom is, is good.; wisdom is, is good., good. student:, student: yes; i can't.; four of the last.
    assert both.distinct_2 == pytest.approx(9 / 11)
    assert conversed([Line(0, "")], "", []).distinct_2 is None
    assert conversed([Line(0, "no more " * 20)], "", []).loops == 1
    with pytest.raises(ValueError, match="nothing"):
        conversed([], "Hello!", [])


def test_drift_is_of_the_last_third_and_counts_words_once() -> None:
    # parrot, eat, honey are new; wisdom was in the first third, and can't is none of content
    assert drift(LINES, "Hello!") == pytest.approx(3 / 4)
    assert drift(LINES, "Do parrots eat?") == pytest.approx(1 / 4)
    assert drift(LINES[:2], "Hello!") is None
    assert drift([Line(0, "is"), Line(1, "it"), Line(0, "the")], "Hello!") is None
