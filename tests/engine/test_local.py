"""The local executor: side by side within the machine, and what becomes of processes that die, hang or are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from leaven.engine.machine import Gpu, Machine
from leaven.engine.stage import Needs, Stage
from leaven.engine.store import Store
from leaven.errors import StageError

pytestmark = pytest.mark.e2e  # real processes, killed and waited for
Make = Callable[..., Stage]
Go = Callable[..., Any]

DRIVER = """
import json, sys
from leaven.engine.local import LocalExecutor
from leaven.engine.machine import Machine
from leaven.engine.run import run
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.errors import StageError

verb, count, root = sys.argv[1:]
stages = [Stage("k", 1, "verbs_for_tests:" + verb, {"value": n}) for n in range(int(count))]
executor = LocalExecutor({}, machine=Machine(2, 8000), preloaded=())
outcome = run(stages, Store(root), executor, lambda event: print(json.dumps(event), flush=True))
assert outcome.complete, outcome
"""


def facts(store: Store, one: Stage) -> dict[str, Any]:
    return (store.record(one) or {})["facts"]


@pytest.mark.parametrize(("cores", "each", "most"), [(2, 1, 2), (1, 1, 1), (4, 2, 2), (2, None, 1)])
def test_lists_run_side_by_side_within_the_cores(
    store: Store, stage: Make, go: Go, cores: int, each: int | None, most: int
) -> None:
    stages = [stage(n, verb="counted", needs=Needs(cores=each)) for n in range(4)]
    go(*stages, machine=Machine(cores, 8000))
    assert max(facts(store, one)["beside"] for one in stages) == most
    assert {facts(store, one)["threads"] for one in stages} == {str(each or cores)}


def test_lists_run_side_by_side_within_the_memory(store: Store, stage: Make, go: Go) -> None:
    stages = [stage(n, verb="counted", needs=Needs(cores=1, memory_mb=1000)) for n in range(3)]
    go(*stages, machine=Machine(4, 4000))
    assert max(facts(store, one)["beside"] for one in stages) == 2


def test_a_gpu_has_one_list_and_a_list_sees_one_gpu(store: Store, stage: Make, go: Go) -> None:
    on_gpu = [stage(n, verb="counted", needs=Needs(gpu=True)) for n in range(4)]
    beside = stage("cpu", verb="counted", needs=Needs(cores=1))
    go(*on_gpu, beside, machine=Machine(8, 8000, (Gpu("3"), Gpu("5"))))
    assert {facts(store, one)["gpu"] for one in on_gpu} == {"3", "5"}
    assert {facts(store, one)["threads"] for one in on_gpu} == {"4"}, "each GPU's list has its share of the cores"
    assert facts(store, beside)["gpu"] == ""
    assert max(facts(store, one)["beside"] for one in on_gpu) <= 3


def test_a_stage_that_wants_all_gpus_has_them_alone(store: Store, stage: Make, go: Go) -> None:
    split = stage("split", verb="counted", needs=Needs(gpu=True, gpus="all"))
    on_one = [stage(n, verb="counted", needs=Needs(gpu=True)) for n in range(2)]
    go(on_one[0], split, on_one[1], machine=Machine(8, 20000, (Gpu("3"), Gpu("5"))))
    assert facts(store, split)["gpu"] == "3,5" and facts(store, split)["beside"] == 1
    assert {facts(store, one)["gpu"] for one in on_one} == {"3", "5"}, "smaller ones go ahead of it"


def test_all_of_one_gpu_is_that_gpu_and_of_none_is_none(store: Store, stage: Make, go: Go) -> None:
    alone, without = (stage(n, verb="counted", needs=Needs(gpu=True, gpus="all")) for n in range(2))
    go(alone, machine=Machine(8, 8000, (Gpu("7"),)))
    go(without, machine=Machine(8, 8000))
    assert [facts(store, one)["gpu"] for one in (alone, without)] == ["7", ""]


def test_circumstance_reaches_the_verb_and_no_key(store: Store, stage: Make, go: Go) -> None:
    plain = stage("a", verb="told_around")
    told = stage("a", verb="told_around", needs=Needs(around={"report_to": "wandb"}))
    assert told.key == plain.key
    go(told)
    record = store.record(told) or {}
    assert record["facts"] == {"around": {"report_to": "wandb"}, "names": ["around", "value"]}
    assert record["args"] == {"value": "a"} and record["needs"]["around"] == {"report_to": "wandb"}
    store.forget(told)
    go(plain)
    assert facts(store, plain) == {"around": None, "names": ["value"]}


def test_logs_are_kept_over_attempts_and_are_part_of_no_result(store: Store, stage: Make, go: Go) -> None:
    one = stage("a", verb="keeps_logs")
    assert set(go(one)[0].failed) == {one.key}
    assert go(one)[0].complete
    logs = store.folder(one) / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["0.txt", "1.txt"]
    assert set((store.record(one) or {})["files"]) == {"value.txt"}
    (logs / "0.txt").write_text("edited")
    (logs / "1.txt").unlink()
    assert store.damage(one) is None and store.state(one) == "done"


def test_a_list_gets_a_gpu_that_it_fits(store: Store, stage: Make, go: Go) -> None:
    big = [stage(n, verb="counted", needs=Needs(gpu=True, least_mb=30_000)) for n in range(2)]
    go(*big, machine=Machine(8, 8000, (Gpu("0", 24_000), Gpu("1", 80_000))))
    assert {facts(store, one)["gpu"] for one in big} == {"1"}


def test_what_goes_to_a_gpu_passes_through_main_memory(store: Store, stage: Make, go: Go) -> None:
    big = [stage(n, verb="counted", needs=Needs(cores=1, gpu=True, weights_mb=3000)) for n in range(2)]
    go(*big, machine=Machine(8, 9000, (Gpu("0"), Gpu("1"))))
    assert [facts(store, one)["beside"] for one in big] == [1, 1]


def test_a_server_whose_workers_all_die_at_once_is_given_up(
    store: Store, stage: Make, go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "threadpoolctl.py").write_text("raise RuntimeError('broken here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(StageError, match="broken here"):
        go(stage("a"))


def test_who_began_a_stage_that_is_gone_on_with_is_on_record(store: Store, stage: Make, go: Go) -> None:
    one, fresh = stage("a", verb="goes_on"), stage("b")
    for begun in (one, fresh):
        resume = store.begin(begun) / "resume"
        resume.mkdir()
        (resume / "made_by.json").write_text('{"makers": [{"by": "another version"}]}')
    (store.partial(one) / "resume" / "step.txt").write_text("7")
    go(one, fresh)
    assert (store.record(one) or {})["began_by"] == [{"by": "another version"}]
    assert (store.record(fresh) or {})["began_by"] == [], "nothing was gone on from"


def test_the_time_of_attempts_that_were_cut_off_is_part_of_the_cost(store: Store, stage: Make, go: Go) -> None:
    one, fresh = stage("a", verb="goes_on"), stage("b")
    resume = store.begin(one) / "resume"
    resume.mkdir()
    (resume / "made_by.json").write_text('{"makers": [], "begun": 1000.0, "earlier_s": 50.0}')
    (resume / "step.txt").write_text("7")
    for file, at in (("made_by.json", 1000.0), ("step.txt", 1100.0)):
        os.utime(resume / file, (at, at))
    go(one, fresh)
    cost = (store.record(one) or {})["cost"]
    assert cost["earlier_s"] == 150.0 and 150.0 <= cost["wall_s"] < 170.0, "it wrote until the 100th second"
    assert "earlier_s" not in (store.record(fresh) or {})["cost"]


def test_the_engine_and_the_rooms_name_the_same_files() -> None:
    from leaven import progress
    from leaven.engine import store as engine

    assert (progress.FOLDER, progress.FILE) == (engine.RESUME, engine.PROGRESS)
    assert progress.LOGS == engine.LOGS


def test_stages_of_one_affinity_wait_for_each_other_in_one_process(store: Store, stage: Make, go: Go) -> None:
    stages = [stage(n, verb="counted", affinity="one model", needs=Needs(cores=1)) for n in range(3)]
    go(*stages)
    assert [facts(store, one)["beside"] for one in stages] == [1, 1, 1]


def test_a_segfault_is_one_failed_stage_and_its_log_says_where(store: Store, stage: Make, go: Go) -> None:
    bad, well = stage("x", verb="segfault"), stage("y")
    outcome, _ = go(bad, well)
    assert set(outcome.failed) == {bad.key} and "SIGSEGV" in outcome.failed[bad.key]
    assert "in segfault" in (store.failure(bad) or {})["last_lines"][-2], "the call before the one into native code"
    assert store.record(well) is not None


def test_a_stage_that_hangs_past_its_limit_is_ended_and_says_where_it_hung(store: Store, stage: Make, go: Go) -> None:
    bad, well = stage("x", verb="hang"), stage("y")
    begun = time.monotonic()
    outcome, _ = go(bad, well, limit_s=1.0)
    assert time.monotonic() - begun < 30
    assert outcome.failed == {bad.key: "the stage took longer than its limit of 1 s; raise --limit"}
    assert "in hang" in (store.failure(bad) or {})["last_lines"][-1]


def test_a_killed_server_costs_nothing(store: Store, stage: Make, go: Go) -> None:
    stages = [stage(n, verb="kill_server") for n in range(3)]
    outcome, _ = go(*stages, machine=Machine(1, 8000))
    assert outcome.complete
    assert [(store.folder(one) / "value.txt").read_text() for one in stages] == ["lived on"] * 3


def test_a_stage_that_dies_after_its_server_is_still_one_failed_stage(store: Store, stage: Make, go: Go) -> None:
    orphan = stage("x", verb="orphan_that_dies")
    outcome, _ = go(orphan, stage("y"))
    assert set(outcome.failed) == {orphan.key} and "without a word" in outcome.failed[orphan.key]


def driver(store: Store, verb: str, count: int, tmp_path: Path) -> subprocess.Popen[str]:
    file = tmp_path / "driver.py"
    file.write_text(DRIVER)
    # Ignored SIGINT is inherited (a shell's background job has it); a driver at a terminal does not ignore it.
    return subprocess.Popen(
        [sys.executable, str(file), verb, str(count), str(store.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def started(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until a stage has started, and return all that the driver has started."""
    assert process.stdout is not None
    assert '"start"' in process.stdout.readline()
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process], within_s: float) -> bool:
    _, alive = psutil.wait_procs(processes, within_s)
    return not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_killed_driver_takes_server_and_stages_along(store: Store, tmp_path: Path) -> None:
    process = driver(store, "with_children", 1, tmp_path)
    started(process)
    while not (store.root / "child.txt").exists():
        time.sleep(0.02)
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) == 3, "the server, the worker, and what the stage started"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert all_gone(below, 5)


def test_an_interrupt_stops_everything_within_five_seconds(store: Store, tmp_path: Path) -> None:
    process = driver(store, "with_children", 2, tmp_path)
    below = started(process)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    assert "KeyboardInterrupt" in said
    assert all_gone(below, 1)


@pytest.mark.parametrize("drivers", [2, 4])
def test_several_drivers_compute_nothing_twice(store: Store, tmp_path: Path, drivers: int) -> None:
    together = [driver(store, "write", 6, tmp_path) for _ in range(drivers)]
    assert [(one.communicate()[1], one.returncode) for one in together] == [("", 0)] * drivers
    assert sorted((store.root / "calls.txt").read_text().split()) == [str(n) for n in range(6)]


def test_what_another_run_makes_is_waited_for_and_used(store: Store, stage: Make, go: Go, tmp_path: Path) -> None:
    process = driver(store, "counted", 1, tmp_path)
    started(process)
    ours, beside = Stage("k", 1, "verbs_for_tests:counted", {"value": 0}), stage("other")
    outcome, events = go(ours, beside)
    process.communicate()
    assert outcome.complete
    assert [event["key"] for event in events if event["event"] == "start"] == [beside.key]
    assert any(event.get("reused") and event["key"] == ours.key for event in events)
