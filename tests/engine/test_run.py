from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from leaven.engine.pending import Outcome
from leaven.engine.plan import plan
from leaven.engine.stage import Needs, Stage, closure
from leaven.engine.store import Store
from leaven.errors import StageError

Make = Callable[..., Stage]
Go = Callable[..., tuple[Outcome, list[dict[str, Any]]]]


def calls(store: Store) -> list[str]:
    file = store.root / "calls.txt"
    return file.read_text().split() if file.exists() else []


def value(store: Store, one: Stage) -> str:
    return (store.folder(one) / "value.txt").read_text()


def test_what_two_targets_share_runs_once(store: Store, stage: Make, go: Go) -> None:
    shared = stage("a")
    left, right = stage("b", shared), stage("c", stage("a"))
    outcome, _ = go(left, right)
    assert outcome.complete
    assert sorted(calls(store)) == ["a", "b", "c"]
    assert (value(store, left), value(store, right)) == ("a+b", "a+c")


def test_a_second_run_computes_nothing(store: Store, stage: Make, go: Go) -> None:
    go(stage("b", stage("a")))
    outcome, events = go(stage("b", stage("a")))
    assert outcome.complete and not events
    assert len(calls(store)) == 2


def test_needs_and_titles_do_not_reach_the_key(stage: Make) -> None:
    plain = stage("a")
    placed = stage("a", needs=Needs(cores=7, paths={"base": "/elsewhere"}), affinity="x")
    assert plain.key == placed.key


def test_stages_of_one_affinity_share_a_process_and_others_do_not(store: Store, stage: Make, go: Go) -> None:
    first = [stage(n, affinity="x") for n in "ab"]
    other = stage("c", first[0], affinity="y")
    go(*first, other)
    pids = [(store.record(one) or {})["facts"]["pid"] for one in (*first, other)]
    assert pids[0] == pids[1] != pids[2]


def test_threads_are_set_before_first_use(store: Store, stage: Make, go: Go) -> None:
    one = stage("a", needs=Needs(cores=3))
    go(one)
    assert (store.record(one) or {})["facts"]["threads"] == "3"


def test_a_failure_stops_only_what_rests_on_it(store: Store, stage: Make, go: Go) -> None:
    bad = stage("x", verb="wrong_data", affinity="same")
    blocked, well = stage("b", bad, affinity="same"), stage("c", affinity="same")
    outcome, _ = go(blocked, well)
    assert outcome.failed == {bad.key: "row 3 is empty; mend it"}
    assert outcome.blocked == {blocked.key: bad.title}
    assert value(store, well) == "c"
    failure = store.failure(bad)
    assert failure is not None and failure["last_lines"] == ["DataError: row 3 is empty; mend it"]


def test_what_only_blocked_targets_need_is_not_computed(store: Store, stage: Make, go: Go) -> None:
    prompts, training = stage("p", verb="wrong_data", affinity="data"), stage("t", affinity="train")
    answer = stage("a", prompts, training)
    outcome, _ = go(answer)
    assert set(outcome.blocked) == {answer.key} and calls(store) == []


def test_where_no_process_can_be_started_the_run_ends_and_says_so(
    monkeypatch: pytest.MonkeyPatch, stage: Make, go: Go
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StageError, match="exit code 1"):
        go(stage("a"))


def test_a_bug_is_one_line_for_people_and_a_traceback_in_the_log(store: Store, stage: Make, go: Go) -> None:
    bad = stage("x", verb="bug")
    outcome, _ = go(bad)
    assert outcome.failed[bad.key] == "ZeroDivisionError: a bug"
    assert any("Traceback" in line for line in store.log_tail(bad))
    assert not store.folder(bad).exists()


def test_a_killed_process_fails_the_stage_it_was_in_and_the_rest_goes_on(store: Store, stage: Make, go: Go) -> None:
    bad, rest = stage("x", verb="killed", affinity="same"), stage("r", affinity="same")
    outcome, _ = go(bad, rest)
    assert "SIGKILL" in outcome.failed[bad.key]
    assert (store.failure(bad) or {})["last_lines"] == ["last words"]
    assert value(store, rest) == "r"


def test_a_failed_stage_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch, stage: Make, go: Go) -> None:
    flaky = stage("x")
    store.fail(flaky, "the disk was full", [])
    assert plan([flaky], store)[0].why == "failed before: the disk was full"
    assert go(flaky)[0].complete
    assert store.failure(flaky) is None


@pytest.mark.parametrize("harm", ["edit", "truncate", "remove", "no json", "no record"])
def test_a_damaged_result_is_made_again(store: Store, harm: str, stage: Make, go: Go) -> None:
    one = stage("a")
    go(one)
    file, record = store.folder(one) / "value.txt", store.folder(one) / "record.json"
    {
        "edit": lambda: file.write_text("b"),
        "truncate": lambda: file.write_text(""),
        "remove": file.unlink,
        "no json": lambda: record.write_text("{"),
        "no record": record.unlink,
    }[harm]()
    outcome, _ = go(one)
    assert outcome.complete and value(store, one) == "a"
    assert store.damage(one) is None


def test_a_damaged_input_is_made_again_before_it_is_read(store: Store, stage: Make, go: Go) -> None:
    below = stage("a")
    go(below)
    (store.folder(below) / "value.txt").write_text("z")  # same size, other content
    above = stage("b", below)
    go(above)
    assert value(store, above) == "a+b"


def test_what_only_finished_results_rest_on_may_be_gone(store: Store, stage: Make, go: Go) -> None:
    below = stage("a")
    above = stage("b", below)
    go(above)
    store.discard(below)
    assert [one.state for one in plan([above], store)] == ["idle", "hit"]
    assert go(above)[0].complete and len(calls(store)) == 2


def test_an_attempt_goes_on_from_the_resume_folder_and_from_nothing_else(store: Store, stage: Make, go: Go) -> None:
    one = stage("a", verb="goes_on")
    partial = store.begin(one)
    (partial / "half.txt").write_text("torn")
    (partial / "resume").mkdir()
    (partial / "resume" / "step.txt").write_text("7")
    go(one)
    assert (store.record(one) or {})["facts"] == {"step": "7"}
    assert {path.name for path in store.folder(one).iterdir()} == {"value.txt", "record.json", "stage.log"}


def test_native_output_goes_to_the_log(store: Store, stage: Make, go: Go) -> None:
    one = stage("a")
    _, events = go(one)
    assert store.log_tail(one) == ["I was here", "native code prints too"]
    assert [event["event"] for event in events] == ["start", "done"]


def test_inputs_come_before_their_readers(stage: Make) -> None:
    a = stage("a")
    b, c = stage("b", a), stage("c", a)
    d = stage("d", b, c)
    order = [one.args["value"] for one in closure([d, c])]
    assert order == ["a", "b", "c", "d"]
