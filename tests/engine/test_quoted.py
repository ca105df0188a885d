"""What is quoted of a failed stage's log: what happened, before what libraries warn of."""

from __future__ import annotations

from leaven.engine.quoted import quoted

RENAMED = [
    "lib/transformers/modeling_utils.py:3303: FutureWarning: `this` is deprecated. Use `that` instead.",
    "  warnings.warn(",
]
OVERFLOW = ["lib/numpy/core.py:7: RuntimeWarning: overflow encountered in exp", "  return exp(x)"]
TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "x.py", line 1, in <module>',
    "    fail()",
    "ModelError: step 1: nothing",
]


def test_what_is_renamed_tomorrow_is_not_quoted() -> None:
    assert quoted([*RENAMED, *RENAMED, "ModelError: nothing"], 12) == ["ModelError: nothing"]
    assert quoted([*RENAMED, "  an indented line of our own", "FutureWarning: at a line's start"], 12) == [
        "  an indented line of our own",
        "FutureWarning: at a line's start",
    ]


def test_other_warnings_stay_until_they_push_the_error_out() -> None:
    assert quoted([*OVERFLOW, *TRACEBACK], 12) == [*OVERFLOW, *TRACEBACK]
    assert quoted([*TRACEBACK, *OVERFLOW], 4) == TRACEBACK
    assert quoted([*OVERFLOW, *OVERFLOW], 3) == [*OVERFLOW, *OVERFLOW][-3:]  # there is nothing else to say


def test_a_log_of_renamed_names_alone_says_nothing() -> None:
    assert quoted(RENAMED, 12) == [] and quoted([], 12) == []


def test_where_an_interpreter_hung_is_still_turned_round() -> None:
    dump = ["Thread 1 (most recent call first):", '  File "b.py", line 2 in inner', '  File "a.py", line 1 in outer']
    told = ["where it was, innermost call last:", '  File "a.py", line 1 in outer', '  File "b.py", line 2 in inner']
    assert quoted([*RENAMED, "begun", *dump], 12) == ["begun", *told]
