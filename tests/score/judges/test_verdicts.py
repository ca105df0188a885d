"""Replies of judges are hostile text: they are read strictly, or not at all."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.generate.asked import Reply
from leaven.registry import JUDGES
from leaven.score.judges import verdicts
from leaven.score.judges.verdicts import Verdict

SERVER = {"server": {"model": "m"}}
RANK = JUDGES.get("rank").call(args=SERVER)
PAIR = JUDGES.get("pairwise").call(args=SERVER)
POINT = JUDGES.get("pointwise").call(args=SERVER)


def said(text: str, ended: str = "stop") -> Reply:
    return Reply("r", (text,), (ended,))


def ranks(text: str, count: int = 3, ended: str = "stop") -> tuple[int, ...] | str | None:
    found = verdicts.read(RANK, count, said(text, ended))
    return found.said or found.why


@pytest.mark.parametrize(
    "text",
    [
        '{"A": 2, "B": 3, "C": 1}',
        '```json\n{\n  "A": 2,\n  "B": 3,\n  "C": 1\n}\n```',
        '{"answer a": "2", "Answer B": 3, "c": 1}',
        '{"ranking": {"A": 2, "B": 3, "C": 1}, "reason": "A: 1 would be too much, B: 9 as well"}',
        "A: 2\nB: 3\nC: 1",
        "- **Answer A**: 2\n- **Answer B**: 3\n- **Answer C**: rank 1.",
        "A = 2, B = 3; C = 1",
        "Ranking: C > A > B",
        "The third is the best by far.\nC > A > B\nThat is:\nA: 2\nB: 3\nC: 1",
        'I think so.\n{"A": 2, "B": 3, "C": 1}\nI hope this helps \U0001f600',
        '<think>Maybe {"A": 1, "B": 2, "C": 3}? No.</think>\n{"A": 2, "B": 3, "C": 1}',
    ],
)
def test_a_ranking_is_read_in_each_layout(text: str) -> None:
    assert ranks(text) == (2, 3, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", verdicts.EMPTY),
        (" \n\t ", verdicts.EMPTY),
        ("<think>so</think>", verdicts.EMPTY),
        ('{"A": 1, "B": 1, "C": 2}', verdicts.SHARED),
        ('{"A": 1, "B": 2}', verdicts.MISSING),
        ("A: 1\nC: 2", verdicts.MISSING),
        ('{"A": 0, "B": 1, "C": 2}', verdicts.RANGE),
        ('{"A": 1, "B": 2, "C": 4}', verdicts.RANGE),
        ('{"A": 1, "B": 2, "C": 3, "D": 4}', verdicts.STRANGER),
        ('{"A": 1, "A": 2, "B": 3, "C": 3}', verdicts.TWICE),
        ('{"A": 1, "B": 2, "C": 3}\n{"A": 3, "B": 2, "C": 1}', verdicts.TWICE),
        ('{"A": 1, "B": 2, "C": 3}\nB: 1', verdicts.TWICE),
        ("A > B > C\nC > B > A", verdicts.TWICE),
        ('{"A": 1.0, "B": 2, "C": 3}', verdicts.NO_NUMBER),
        ('{"A": true, "B": 2, "C": 3}', verdicts.NO_NUMBER),
        ('{"A": [1], "B": 2, "C": 3}', verdicts.NO_NUMBER),
        ('{"A": "\u0661", "B": 2, "C": 3}', verdicts.NO_NUMBER),
        ('{"A": NaN, "B": 2, "C": 3}', verdicts.BROKEN),
        ('{"A": 1, "B": 2, "C": 3', verdicts.BROKEN),
        ('"A": 1, "B": 2, "C": 3}', verdicts.BROKEN),
        ("A: \u0661\nB: \u0662\nC: \u0663", verdicts.NOTHING),
        ("A: -1\nB: 2\nC: 3", verdicts.MISSING),
        ("A: 1.5\nB: 2\nC: 3", verdicts.MISSING),
        ("La r\u00e9ponse A est la meilleure, puis C, puis B.", verdicts.NOTHING),
        ("\u56de\u7b54A\u662f\u6700\u597d\u7684", verdicts.NOTHING),
        (
            "\u202eA is the best\u202c \u05d4\u05ea\u05e9\u05d5\u05d1\u05d4 \u05d4\u05d8\u05d5\u05d1\u05d4",
            verdicts.NOTHING,
        ),
        ("\U0001f947 A \U0001f948 B \U0001f949 C", verdicts.NOTHING),
        ("I cannot rank these answers.", verdicts.NOTHING),
        ("1. A\n2. B\n3. C", verdicts.NOTHING),
        ("A = B > C", verdicts.NOTHING),
        ("[]", verdicts.NOTHING),
        ("x" * 20_001, verdicts.LONG),
        ('{"a":' * 3_000, verdicts.BROKEN),
        ("{" * 20_000, verdicts.BROKEN),
        ('{"A": ' + "9" * 5_000 + "}", verdicts.BROKEN),
    ],
)
def test_a_ranking_that_is_not_one_is_not_read(text: str, why: str) -> None:
    assert ranks(text) == why


def test_a_quoted_verdict_makes_a_reply_ambiguous() -> None:
    """An answer told its judge a verdict, and the judge repeats it before its own."""
    quoted = 'Answer B demands {"B": 1, "A": 2, "C": 3}, which I do not obey.'
    assert ranks(f'{quoted}\n{{"A": 1, "B": 3, "C": 2}}') == verdicts.TWICE


@pytest.mark.parametrize(("ended", "why"), [("length", verdicts.CUT), ("content_filter", verdicts.FILTERED)])
def test_what_did_not_end_by_itself_is_not_read(ended: str, why: str) -> None:
    """What is not there might have said something else."""
    assert ranks('{"A": 2, "B": 3, "C": 1}', ended=ended) == why


def test_long_replies_are_read_quickly() -> None:
    started = time.monotonic()
    for text in ('{"a":' * 4_000, "A: 1, " * 3_000, "A > " * 4_000 + "B", "a " * 9_000, "[" * 20_000, "\\" * 19_999):
        assert isinstance(ranks(text), str)
    assert time.monotonic() - started < 2


@settings(deadline=None)
@given(st.permutations(list(range(1, 7))))
def test_every_order_comes_back(order: list[int]) -> None:
    names = "ABCDEF"
    written = dict(zip(names, order, strict=True))
    arrows = " > ".join(sorted(written, key=lambda name: written[name]))
    for text in (json.dumps(written), "\n".join(f"{name}: {rank}" for name, rank in written.items()), arrows):
        assert ranks(text, 6) == tuple(order)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_reply_raises(text: str) -> None:
    for judge, count in ((RANK, 3), (PAIR, 2), (POINT, 1)):
        found = verdicts.read(judge, count, said(text))
        assert (found.why is None) is bool(found.said or found.choice)


def pair(text: str) -> str | None:
    found = verdicts.read(PAIR, 2, said(text))
    return found.choice or found.why


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"better": "A"}', "first"),
        ('{"better": "answer b"}', "second"),
        ('{"better": "tie", "reason": "both are fine"}', "tie"),
        ("B", "second"),
        ("**A**", "first"),
        ("My reasons are many.\nVerdict: [[B]]", "second"),
        ("Tie.", "tie"),
        ("A\nis kind.\nB\nis not.\nBetter: A", verdicts.UNDECIDED),
        ('{"better": "A"}\n{"better": "B"}', verdicts.UNDECIDED),
        ('{"better": "C"}', verdicts.UNDECIDED),
        ('{"better": ["A", "B"]}', verdicts.UNDECIDED),
        ('{"better": "A"', verdicts.BROKEN),
        ("A is better than B because of its style", verdicts.NOTHING),
        ("\u0410", verdicts.NOTHING),  # Cyrillic
        ("", verdicts.EMPTY),
    ],
)
def test_a_choice(text: str, want: str) -> None:
    assert pair(text) == want


def point(text: str) -> int | str | None:
    found = verdicts.read(POINT, 1, said(text))
    return found.said[0] if found.said else found.why


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"points": 7}', 7),
        ('{"points": "10"}', 10),
        ("Score: 7/10", 7),
        ("7", 7),
        ("It is good.\nPoints: 8.", 8),
        ("7/5", verdicts.POINTS),
        ("7.5", verdicts.NOTHING),
        ('{"points": 7.5}', verdicts.POINTS),
        ('{"points": 11}', verdicts.POINTS),
        ('{"points": 0}', verdicts.POINTS),
        ("Points: 7\nPoints: 8", verdicts.UNDECIDED),
        ("ten out of ten", verdicts.NOTHING),
    ],
)
def test_points(text: str, want: int | str) -> None:
    assert point(text) == want


def test_a_reply_that_did_not_come_is_not_mended() -> None:
    found = verdicts.read(RANK, 3, Reply("r", reason="429: too many requests, 6 times"))
    assert found == Verdict(why="429: too many requests, 6 times", final=True)
    assert not verdicts.read(RANK, 3, Reply("r")).final, "an empty reply can be asked for again"


def test_what_is_still_unread_says_so() -> None:
    first, read = Verdict(why=verdicts.EMPTY), Verdict(said=(1, 2))
    assert verdicts.mended(first, read) == read
    assert verdicts.mended(first, Verdict(why=verdicts.SHARED)).why == f"not read: {verdicts.SHARED}"
    gone = Verdict(why="the server is away", final=True)
    assert verdicts.mended(first, gone).why == f"not read: {verdicts.EMPTY}"
