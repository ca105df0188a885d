from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from leaven.cli.progress import Lines, Live
from leaven.engine.plan import Planned
from leaven.engine.stage import Stage
from leaven.engine.store import Store


def stage(name: str, *below: Stage) -> Stage:
    inputs = {f"in{index}": one for index, one in enumerate(below)}
    return Stage("sft", 1, "m:f", {"name": name}, inputs, title=f"sft {name}")


def event(what: str, one: Stage, **more: Any) -> dict[str, Any]:
    return {"event": what, "key": one.key, "kind": one.kind, "title": one.title, **more}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


def plain(store: Store, **about: Any) -> tuple[Lines, io.StringIO]:
    out = io.StringIO()
    return Lines("study in runs/study", store, Console(file=out, highlight=False, markup=False), **about), out


def planned(*stages: Stage) -> list[Planned]:
    return [Planned(one, "run", "") for one in stages]


def test_a_failure_is_said_with_the_last_lines_of_its_log_made_harmless(store: Store) -> None:
    bad, other = stage("a"), stage("b")
    store.lock(bad).acquire().lock.release()
    store.fail(bad, "ZeroDivisionError: a bug", ["line \x1b[31mred", "ZeroDivisionError: a bug"])
    lines, out = plain(store)
    with lines:
        lines.plan(planned(bad, other), False)
        lines(event("start", bad))
        lines(event("failed", bad, message="ZeroDivisionError: a bug"))
    said = out.getvalue().splitlines()
    assert said[:2] == ["study in runs/study: 2 stages to run", "[1/2] sft a  failed: ZeroDivisionError: a bug"]
    assert said[2:] == ["    | line \N{REPLACEMENT CHARACTER}[31mred"]


def test_brief_stages_are_passed_over_except_the_last(store: Store) -> None:
    first, last = stage("a"), stage("b")
    lines, out = plain(store)
    with lines:
        lines.plan(planned(first, last), True)
        for one in (first, last):
            lines(event("start", one))
            lines(event("done", one, reused=False))
    said = out.getvalue().splitlines()
    assert said[0].startswith("another study of this name ran here") and len(said) == 3
    assert said[2] == "[2/2] sft b  0.0 s"


def test_now_and_then_a_log_says_what_still_runs_and_nothing_after_the_end(store: Store) -> None:
    one = stage("a")
    resume = store.root / one.kind / f".partial-{one.key}" / "resume"
    resume.mkdir(parents=True)
    (resume / "progress.json").write_text(json.dumps({"done": 5, "total": 9, "unit": "steps"}))
    lines, out = plain(store, every_s=0.05)
    with lines:
        lines.plan(planned(one), False)
        time.sleep(0.12)
        assert "still running" not in out.getvalue()
        lines(event("start", one))
        time.sleep(0.3)
    before = out.getvalue()
    assert "still running: sft a (for 0.1 s, 5/9 steps)" in before
    time.sleep(0.2)
    assert out.getvalue() == before


def test_the_live_view_counts_shows_what_runs_and_keeps_failures_above(store: Store) -> None:
    bad, good = stage("a"), stage("b")
    rests = stage("c", bad)
    live = Live("study in runs/study", store)
    out = io.StringIO()
    live._out.file = out
    live.plan(planned(bad, good, rests), False)
    live(event("start", bad))
    live(event("failed", bad, message="it broke"))
    live(event("start", good))
    screen = Console(file=io.StringIO(), width=60)
    screen.print(live._shown())
    shown = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert shown[0].rstrip() == "0 of 3 stages done, 1 failed, 1 running, 1 blocked, 0"
    assert shown[2] == "  sft b  0.0 s" and all(len(line) <= 60 for line in shown)
    assert "[1/3] sft a  failed: it broke" in out.getvalue()
