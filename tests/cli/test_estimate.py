from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from leaven.cli.estimate import Running, Tally, told
from leaven.engine.plan import Planned
from leaven.engine.stage import Stage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def stage(kind: str, name: str, *below: Stage) -> Stage:
    return Stage(kind, 1, "m:f", {"name": name}, {f"in{i}": one for i, one in enumerate(below)}, title=f"{kind} {name}")


def event(what: str, one: Stage, **more: Any) -> dict[str, Any]:
    return {"event": what, "key": one.key, "kind": one.kind, "title": one.title, "message": "no", **more}


def silent(one: Running) -> Mapping[str, Any]:
    return {}


def tally(clock: Clock, *stages: Stage, costs: Mapping[str, float] = {}) -> Tally:
    made = Tally(clock)
    made.plan([Planned(one, "run", "") for one in stages], costs)
    return made


def test_stages_side_by_side_are_each_timed_by_their_own_start() -> None:
    clock, slow, quick = Clock(), stage("sft", "a"), stage("sft", "b")
    counted = tally(clock, slow, quick)
    counted.note(event("start", slow))
    clock.now = 10
    counted.note(event("start", quick))
    clock.now = 13
    assert counted.note(event("done", quick)) == 3
    clock.now = 20
    assert counted.note(event("done", slow)) == 20


def test_what_rests_on_a_failure_is_blocked_and_counts_as_no_time_left() -> None:
    clock, bad, other = Clock(), stage("fit", "a"), stage("fit", "b")
    middle = stage("sft", "a", bad)
    last = stage("score", "a", middle, other)
    counted = tally(clock, bad, other, middle, last, costs={middle.key: 100.0, last.key: 100.0, other.key: 7.0})
    counted.note(event("start", bad))
    counted.note(event("failed", bad))
    assert (counted.failed, counted.blocked, counted.waiting) == (1, 2, 1)
    left = counted.left(silent)
    assert left is not None and left.seconds == 7


def test_a_kind_costs_what_it_cost_in_this_run_rather_than_what_it_was_planned_to() -> None:
    clock, stages = Clock(), [stage("sft", name) for name in "abc"]
    counted = tally(clock, *stages, costs={one.key: 1000.0 for one in stages})
    counted.note(event("start", stages[0]))
    clock.now = 10
    counted.note(event("done", stages[0]))
    left = counted.left(silent)
    assert left is not None and (left.seconds, left.least) == (20, False)


def test_time_left_is_divided_by_how_many_run_at_once_but_is_no_less_than_the_longest_running() -> None:
    clock, stages = Clock(), [stage("sft", name) for name in "abcdef"]
    counted = tally(clock, *stages)
    for one in stages[:2]:
        counted.note(event("start", one))
    clock.now = 10
    for one in stages[:2]:
        counted.note(event("done", one))
    left = counted.left(silent)
    assert left is not None and left.seconds == pytest.approx(20)  # four of ten seconds, two at a time
    counted.note(event("start", stages[2]))
    left = counted.left(lambda one: {"left_s": 500})
    assert left is not None and left.seconds == 500


def test_a_running_stage_that_says_how_much_is_left_tells_of_its_kind() -> None:
    clock, stages = Clock(), [stage("sft", "a"), stage("sft", "b"), stage("score", "a")]
    counted = tally(clock, *stages)
    assert counted.left(silent) is None
    counted.note(event("start", stages[0]))
    clock.now = 30
    left = counted.left(lambda one: {"left_s": 10})
    assert left is not None and (left.seconds, left.least) == (50, True)  # what scoring takes is not known yet


def test_what_another_run_made_teaches_nothing_about_time() -> None:
    clock, ours, other = Clock(), stage("sft", "a"), stage("sft", "b")
    counted = tally(clock, ours, other)
    clock.now = 3
    assert counted.note(event("done", other, reused=True)) == 0
    assert (counted.done, counted.left(silent)) == (1, None)


def test_a_stage_found_damaged_after_the_plan_is_counted_once() -> None:
    clock, planned, found = Clock(), stage("sft", "a"), stage("sft", "b")
    counted = tally(clock, planned)
    counted.note(event("start", found))
    counted.note(event("done", found))
    assert (counted.total, counted.done, counted.waiting) == (2, 1, 1)


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        ({"done": 20, "total": 171, "unit": "steps", "loss": 2.1312, "tokens_per_s": 12345.6, "left_s": 71.2},
         ["20/171 steps", "loss 2.13", "12.3k tok/s", "1 min 11 s left"]),
        ({"done": 3, "unit": "texts"}, ["3 texts"]),
        ({}, []),
        ({"done": "3", "total": None, "loss": float("nan"), "tokens_per_s": [], "left_s": True}, []),
        ({"done": 1, "total": 2, "left_s": 9, "silent_s": 40.2}, ["1/2", "server silent for 40 s"]),
        ({"done": 1, "silent_s": 90, "status": 0}, ["1", "server silent for 1 min 30 s (no connection)"]),
        ({"done": 1, "silent_s": 2, "status": 503}, ["1", "server silent for 2.0 s (status 503)"]),
        ({"done": 1, "silent_s": 5, "wait_s": 55, "status": 429}, ["1", "server asks to wait 55 s"]),
        ({"done": 1, "silent_s": "for ever", "wait_s": "\x1b[2J", "status": []}, ["1"]),
        ({"done": 1, "total": 2, "unit": "\x1b[2Jsteps"}, ["1/2 \N{REPLACEMENT CHARACTER}[2Jsteps"]),
    ],
)  # fmt: skip
def test_progress_in_words_whatever_the_file_holds(progress: dict[str, Any], said: list[str]) -> None:
    assert told(progress) == said
