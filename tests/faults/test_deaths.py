"""Workers that die at the two moments that a campaign of random kills seldom meets: at their fork, and just when done."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaven.engine.local import LocalExecutor
from leaven.engine.machine import Machine
from leaven.engine.pending import Outcome
from leaven.engine.run import run
from leaven.engine.stage import Stage
from leaven.engine.store import Store

_AT_THE_FORK = """
import os, pathlib, signal

def _die_once() -> None:
    try:
        pathlib.Path(os.environ["DIED"]).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

os.register_at_fork(after_in_child=_die_once)
"""
_WHEN_DONE = """
import os, pathlib, signal
from leaven.engine.store import Store

commit = Store.commit

def _commit_and_die(*about):
    commit(*about)
    pathlib.Path(os.environ["DIED"]).touch()
    os.kill(os.getpid(), signal.SIGKILL)

Store.commit = _commit_and_die
"""
_VERB = """
def write(args, inputs, out):
    (out / "value.txt").write_text("made")
"""


def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: str) -> tuple[Outcome, Store, Stage]:
    (tmp_path / "deadly.py").write_text(death + _VERB)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("DIED", str(tmp_path / "died"))
    store, one = Store(tmp_path / "store"), Stage("k", 1, "deadly:write", {}, title="write")
    store.open()
    outcome = run([one], store, LocalExecutor({}, Machine(2, 8000), preloaded=("deadly",)), lambda event: None)
    assert (tmp_path / "died").exists()
    return outcome, store, one


@pytest.mark.timeout(120)
def test_a_worker_that_dies_at_its_fork_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, store, one = go(tmp_path, monkeypatch, _AT_THE_FORK)
    assert outcome.complete and store.record(one) is not None


def test_a_stage_whose_process_died_when_its_result_was_in_place_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, store, one = go(tmp_path, monkeypatch, _WHEN_DONE)
    assert outcome.complete and outcome.done == {one.key}
    assert store.failure(one) is None
