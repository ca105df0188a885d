"""Looking after a workspace: what is told, what is made, what is removed and what never is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leaven import upkeep
from leaven import workspace as workspaces
from leaven.engine.local import LocalExecutor, environment
from leaven.engine.machine import Machine
from leaven.engine.run import run
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.errors import DataError, ReportError, StageError, StoreError

pytestmark = pytest.mark.e2e  # real stores, made and looked after by whole commands
VERBS = Path(__file__).parent / "engine"
MADE_BY = {"by": "test", "threads": 1}


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(VERBS))
    monkeypatch.setenv("PYTHONPATH", str(VERBS))
    for name, value in environment(1).items():  # stages made in this process find it too
        monkeypatch.setenv(name, value)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def stage(value: Any, *below: Stage, verb: str = "write", kind: str = "k") -> Stage:
    inputs = {f"in{index}": one for index, one in enumerate(below)}
    return Stage(kind, 1, f"verbs_for_tests:{verb}", {"value": value}, inputs, title=f"{verb} {value}")


def ran(place: Path, name: str, *targets: Stage) -> Store:
    """Make targets as a run of this name would, and leave what a run leaves of its stages."""
    folder, store = named(place, name, *targets), workspaces.store(place)
    executor = LocalExecutor(MADE_BY, machine=Machine(4, 8000), preloaded=())
    run(targets, store, executor, lambda event: None)
    assert folder.is_dir()
    return store


def named(place: Path, name: str, *targets: Stage) -> Path:
    from leaven.engine.stage import closure

    folder, store = place / name, workspaces.store(place)
    folder.mkdir(parents=True)
    store.open()
    workspaces.name_stages(folder, closure(targets))
    (folder / workspaces.STUDY).write_text(f"name: {name}\n")
    return folder


def begun(store: Store, one: Stage, progress: dict[str, Any] | None = None) -> Path:
    with store.lock(one):
        resume = store.begin(one) / "resume"
    resume.mkdir()
    (resume / "progress.json").write_text(json.dumps(progress or {}))
    return resume.parent


def leaven(*words: str | Path, said: str = "") -> subprocess.CompletedProcess[str]:
    code = "from leaven.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=said)


# --- status ----------------------------------------------------------------------------------------------------------


def test_each_state_is_told(place: Path) -> None:
    done, bad, stopped, working = stage("a"), stage("x", verb="wrong_data"), stage("s"), stage("w")
    waiting = stage("b", bad)
    store = ran(place, "one", done, bad)
    workspaces.name_stages(place / "one", [done, bad, stopped, working, waiting])
    begun(store, stopped, {"done": 3, "total": 9, "unit": "steps"})
    begun(store, working, {"done": 5, "total": 7, "unit": "texts", "left_s": 12.0})
    with store.lock(working):
        found = upkeep.status(place / "one", store)
        shown = leaven("status", "one", "--workspace", place)
    assert [task.title for task in found.of("done")] == ["write a"]
    assert [state for _, state in found.stages] == ["done", "failed", "begun", "running", "absent"]
    assert shown.returncode == 1 and not shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].endswith(
        "1 of 5 stages done, 1 running, 1 failed, 1 blocked, 1 begun and stopped; no run is at work, `leaven run` goes on"
    )
    assert lines[1].endswith("write w, 5/7 texts, 12 s left")
    assert lines[2].endswith("wrong_data x: row 3 is empty; mend it")
    assert lines[3].endswith("write s, 3/9 steps; stopped, the next run goes on with it")


def test_the_log_of_a_failure_is_shown_and_cannot_drive_the_terminal(place: Path) -> None:
    bad = stage("x", verb="bug")
    store = ran(place, "one", bad)
    store.fail(bad, "it \x1b[2J broke", ["first\x07", "last"])
    shown = leaven("status", "one", "--workspace", place)
    assert "\x1b" not in shown.stdout and "\x07" not in shown.stdout
    assert shown.stdout.splitlines()[2:] == ["    | first\N{REPLACEMENT CHARACTER}", "    | last"]


def test_all_lists_every_stage_and_no_run_lists_every_run(place: Path) -> None:
    below = stage("a")
    ran(place, "one", stage("b", below))
    named(place, "other", stage("c"))
    listed = leaven("status", "one", "--all", "--workspace", place)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[1:] == [
        f"done  {one.key[:12]}  {one.title}" for one in (below, stage("b", below))
    ]
    runs = leaven("status", "--workspace", place)
    assert runs.stdout == "one    2 of 2 stages done\nother  0 of 1 stage done, 1 waiting\n" and runs.returncode == 0


@pytest.mark.parametrize("harm", ["gone", "torn", "of another kind"])
def test_a_run_that_does_not_say_its_stages_is_one_clear_line(place: Path, harm: str) -> None:
    ran(place, "one", stage("a"))
    file = place / "one" / workspaces.STAGES
    file.unlink() if harm == "gone" else file.write_text("[" if harm == "torn" else '[{"kind": "k"}]')
    shown = leaven("status", "one", "--workspace", place)
    assert shown.returncode == 1 and not shown.stdout and len(shown.stderr.splitlines()) == 1
    assert f"{workspaces.STAGES} cannot be read; run the study again" in shown.stderr
    overview = leaven("status", "--workspace", place)
    assert overview.returncode == 1 and "cannot be read" in overview.stdout
    with pytest.raises(ReportError):
        upkeep.status(place / "one", workspaces.store(place))


def test_status_reads_no_study_and_so_imports_little() -> None:
    code = "import leaven.upkeep, leaven.cli, filelock, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "ruamel.yaml", "leaven.wiring", "leaven.study.spec", "numpy", "torch"} & set(loaded)


# --- one stage -------------------------------------------------------------------------------------------------------


def test_one_stage_is_made_here_and_is_as_good_as_a_run_s(place: Path) -> None:
    below = stage("a")
    above = stage("b", below)
    named(place, "one", above)
    for one in (below, above):
        assert upkeep.make(one.task(), place, MADE_BY, on_start=lambda: None)
    store = workspaces.store(place)
    assert store.damage(above) is None and (store.folder(above) / "value.txt").read_text() == "a+b"
    record = store.record(above) or {}
    assert (record["inputs"], record["made_by"], record["args"]) == ({"in0": below.key}, MADE_BY, {"value": "b"})


def test_what_is_there_is_made_anew_only_when_asked(place: Path) -> None:
    one = stage("a")
    store = ran(place, "one", one)
    assert not upkeep.make(one.task(), place, MADE_BY, on_start=lambda: None)
    assert (store.record(one) or {})["facts"]["pid"] != os.getpid()
    assert upkeep.make(one.task(), place, MADE_BY, again=True, on_start=lambda: None)
    assert (store.record(one) or {})["facts"]["pid"] == os.getpid()


def test_missing_and_damaged_inputs_are_named_with_the_command_that_makes_them(place: Path) -> None:
    absent, torn = stage("a"), stage("t")
    above = stage("b", absent, torn)
    store = ran(place, "one", torn)
    workspaces.name_stages(place / "one", [absent, torn, above])
    (store.folder(torn) / "value.txt").write_text("x")  # the same size
    with pytest.raises(StageError) as raised:
        upkeep.make(above.task(), place, MADE_BY, on_start=lambda: None)
    where = f"--workspace {place}"
    assert f"write a (not there: `leaven stage {absent.key[:12]} {where}`)" in str(raised.value)
    assert f"write t (damaged: `leaven stage {torn.key[:12]} --again {where}`)" in str(raised.value)


def test_again_keeps_the_result_if_it_could_not_be_made_anew(place: Path) -> None:
    below = stage("a")
    above = stage("b", below)
    store = ran(place, "one", above)
    store.discard(below)
    with pytest.raises(StageError):
        upkeep.make(above.task(), place, MADE_BY, again=True, on_start=lambda: None)
    assert store.damage(above) is None and store.record(above) is not None


def test_a_failure_is_raised_and_noted(place: Path) -> None:
    bad = stage("x", verb="wrong_data")
    named(place, "one", bad)
    with pytest.raises(DataError, match="row 3 is empty"):
        upkeep.make(bad.task(), place, MADE_BY, on_start=lambda: None)
    store = workspaces.store(place)
    assert (store.failure(bad) or {})["message"] == "row 3 is empty; mend it" and store.state(bad) == "failed"


def test_a_stage_in_other_hands_is_left_alone(place: Path) -> None:
    one = stage("a")
    named(place, "one", one)
    with workspaces.store(place).lock(one), pytest.raises(StageError, match="by somebody else just now"):
        upkeep.make(one.task(), place, MADE_BY, on_start=lambda: None)


def test_the_command_prints_to_the_terminal_and_enters_the_debugger_where_it_raised(place: Path) -> None:
    good, bad = stage("a"), stage("x", verb="bug")
    named(place, "one", good, bad)
    made = leaven("stage", good.key[:8], "--workspace", place)
    assert made.returncode == 0 and "native code prints too" in made.stdout
    assert str(workspaces.store(place).folder(good)) in made.stdout
    there = leaven("stage", "write a", "--workspace", place)
    assert there.returncode == 0 and "there already" in there.stdout
    failed = leaven("stage", "bug x", "--workspace", place)
    assert failed.returncode == 1 and "ZeroDivisionError: a bug" in failed.stderr and "(Pdb)" not in failed.stdout
    debugged = leaven("stage", "bug x", "--pdb", "--workspace", place, said="p out.name\nq\n")
    assert debugged.returncode == 1 and "(Pdb) '.partial-" in debugged.stdout
    nothing = leaven("stage", "nothing", "--workspace", place)
    assert nothing.returncode == 1 and "no stage in" in nothing.stderr and "Traceback" not in nothing.stderr


# --- garbage ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def littered(place: Path) -> dict[str, Stage]:
    """A workspace in which two runs share a stage, and a third run was removed."""
    shared = stage("shared")
    made = {"shared": shared, "kept": stage("kept", shared), "gone": stage("gone"), "bad": stage("bad", verb="bug")}
    made |= {"stopped": stage("stopped"), "kept bad": stage("kept bad", verb="bug"), "kept stopped": stage("ks")}
    ran(place, "first", made["kept"], made["kept bad"])
    store = ran(place, "second", shared, made["gone"], made["bad"])
    workspaces.name_stages(place / "first", [shared, made["kept"], made["kept bad"], made["kept stopped"]])
    workspaces.name_stages(place / "second", [shared])
    for name in ("stopped", "kept stopped"):
        begun(store, made[name])
    return made


def lying(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if "calls" not in path.name}


def test_only_what_no_run_names_is_listed_and_nothing_is_touched(place: Path, littered: dict[str, Stage]) -> None:
    before = lying(place)
    found = {one.path.name: one for one in upkeep.garbage(place)}
    gone, bad, stopped = (littered[name].key for name in ("gone", "bad", "stopped"))
    assert set(found) == {gone, f"{bad}.failed.json", f".partial-{bad}", f".partial-{stopped}"}
    assert found[gone].size == sum(file.stat().st_size for file in (place / "store/k" / gone).iterdir())
    shown = leaven("gc", "--workspace", place)
    assert shown.returncode == 0 and f"`leaven gc --delete --workspace {place}` removes them" in shown.stdout
    assert lying(place) == before


def test_what_is_removed_is_just_that(place: Path, littered: dict[str, Stage]) -> None:
    doomed = place / "store" / "k" / ".doomed-0-1"
    doomed.mkdir()
    (doomed / "half").touch()
    before = lying(place)
    shown = leaven("gc", "--delete", "--workspace", place)
    assert shown.returncode == 0 and shown.stdout.splitlines()[-1].startswith("removed 5 things, ")
    lost = before - lying(place)
    stray = [littered[name].key for name in ("gone", "bad", "stopped")]
    assert lost and all(any(key in name for key in stray) or ".doomed-" in name for name in lost)
    store = workspaces.store(place)
    assert [store.state(littered[name]) for name in ("shared", "kept", "kept bad", "kept stopped", "gone")] == [
        "done", "done", "failed", "begun", "absent",
    ]  # fmt: skip
    assert not upkeep.garbage(place)


def test_what_somebody_is_at_work_on_stays(place: Path, littered: dict[str, Stage]) -> None:
    store, stopped = workspaces.store(place), littered["stopped"]
    with store.lock(stopped):
        assert stopped.key not in {one.key for one in upkeep.collect(place)}
        assert store.partial(stopped).is_dir() and Path(f"{store.partial(stopped)}.lock").exists()
    assert [one.key for one in upkeep.collect(place)] == [stopped.key]


@pytest.mark.parametrize("run_said", ["nothing", "no study yet"])
def test_nothing_is_removed_while_a_run_does_not_say_what_it_needs(
    place: Path, littered: dict[str, Stage], run_said: str
) -> None:
    (place / "first" / workspaces.STAGES).write_text("[")
    if run_said == "no study yet":
        (place / "first" / workspaces.STUDY).unlink()
    before = lying(place)
    for look in (upkeep.garbage, upkeep.collect):
        with pytest.raises(StoreError, match=r"first/.stages.json cannot be read; run the study again, or remove"):
            look(place)
    assert lying(place) - before <= {"store/.lock"}


def test_a_removed_result_is_made_again_by_the_run_that_wants_it(place: Path, littered: dict[str, Stage]) -> None:
    upkeep.collect(place)
    store = ran(place, "third", littered["gone"])
    assert store.state(littered["gone"]) == "done" and not upkeep.garbage(place)


def test_where_nothing_is_nothing_is_removed(place: Path) -> None:
    shown = leaven("gc", "--workspace", place)
    assert shown.returncode == 0 and "nothing to remove" in shown.stdout and not place.exists()
