"""Stages of test verbs, and a run of them through the real executor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.engine.local import LocalExecutor
from leaven.engine.machine import Machine
from leaven.engine.pending import Outcome
from leaven.engine.run import run
from leaven.engine.stage import Stage
from leaven.engine.store import Store

VERBS = "verbs_for_tests"
Go = Callable[..., tuple[Outcome, list[dict[str, Any]]]]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


@pytest.fixture
def stage() -> Callable[..., Stage]:
    def make(value: Any, *below: Stage, verb: str = "write", **about: Any) -> Stage:
        inputs = {f"in{index}": one for index, one in enumerate(below)}
        return Stage("k", 1, f"{VERBS}:{verb}", {"value": value}, inputs, title=f"{verb} {value}", **about)

    return make


@pytest.fixture
def go(store: Store) -> Go:
    def run_all(*targets: Stage, **about: Any) -> tuple[Outcome, list[dict[str, Any]]]:
        events: list[dict[str, Any]] = []
        about = {"machine": Machine(4, 8000), "preloaded": (), **about}
        return run(targets, store, LocalExecutor({"by": "test"}, **about), events.append), events

    return run_all
