"""The store as a state machine: whatever happens to a result, a reader sees the whole right one or none."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from leaven.engine.stage import Stage
from leaven.engine.store import LOG, RESUME, Store

NAMES = ("a", "b", "c")


class StoreMachine(RuleBasedStateMachine):
    """Begins, writes, commits, kills and damages in any order; the model says what a reader may see."""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store(self.folder / "store")
        self.store.open()
        self.stages = {name: Stage("k", 1, "x:y", {"value": name}, title=name) for name in NAMES}
        self.whole: set[str] = set()
        self.failed: set[str] = set()
        self.kept: dict[str, str] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(name=st.sampled_from(NAMES), text=st.text(max_size=5), finish=st.booleans())
    def attempt(self, name: str, text: str, finish: bool) -> None:
        """Work on a result that is not there, and get to its end or be killed before."""
        stage = self.stages[name]
        if self.store.record(stage) is not None:
            return
        with self.store.lock(stage):
            assert self.store.running(stage)
            self.store.discard(stage)
            partial = self.store.begin(stage)
            assert {path.name for path in partial.iterdir()} <= {RESUME, LOG}
            if name in self.kept:
                assert (partial / RESUME / "step").read_text() == self.kept[name]
            (partial / "half").write_text("an attempt's own file")
            (partial / RESUME).mkdir(exist_ok=True)
            (partial / RESUME / "step").write_bytes(text.encode("utf-8", "replace"))
            self.kept[name] = (partial / RESUME / "step").read_text()
            if finish:
                (partial / "half").unlink()
                (partial / "value").write_text(name)
                self.store.commit(stage, {"facts": {"name": name}})
                self.whole.add(name)
                self.failed.discard(name)
                del self.kept[name]

    @rule(name=st.sampled_from(NAMES))
    def fail(self, name: str) -> None:
        """An attempt that ends with an error."""
        if self.store.record(self.stages[name]) is None:
            self.store.fail(self.stages[name], "no", ["last"])
            self.failed.add(name)

    @rule(
        name=st.sampled_from(NAMES), harm=st.sampled_from(["edit", "cut", "remove", "record"]), at=st.integers(0, 500)
    )
    def damage(self, name: str, harm: str, at: int) -> None:
        """Somebody, or the disk, changes a result."""
        folder = self.store.folder(self.stages[name])
        if name not in self.whole:
            return
        file = folder / ("record.json" if harm == "record" else "value")
        old = file.read_bytes()
        if harm == "remove":
            file.unlink()
        elif harm == "cut":
            file.write_bytes(old[:-1])
        else:
            at %= len(old)
            file.write_bytes(old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :])
        self.whole.discard(name)
        assert self.store.damage(self.stages[name]) is not None
        self.store.discard(self.stages[name])

    @rule(name=st.sampled_from(NAMES))
    def forget(self, name: str) -> None:
        """Begin again from nothing."""
        with self.store.lock(self.stages[name]):
            self.store.forget(self.stages[name])
        self.whole.discard(name)
        self.failed.discard(name)
        self.kept.pop(name, None)

    @invariant()
    def a_reader_sees_the_whole_result_or_none(self) -> None:
        """Nothing in between, and no result under a wrong key."""
        for name, stage in self.stages.items():
            record: dict[str, Any] | None = self.store.record(stage)
            assert (record is not None) == (name in self.whole)
            state = self.store.state(stage)
            if name in self.whole:
                assert record is not None and record["facts"] == {"name": name} and state == "done"
                assert self.store.damage(stage) is None
                assert (self.store.folder(stage) / "value").read_text() == name
                assert not (self.store.folder(stage) / RESUME).exists()
            else:
                assert state == ("failed" if name in self.failed else "begun" if name in self.kept else "absent")


StoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestStore = StoreMachine.TestCase
