"""The page of a run that goes on, in a real browser: it asks its own server, and shows what it is told as text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, verbs, workspace
from leaven.cli.estimate import told
from leaven.engine import run as engine
from leaven.live import server

pytestmark = pytest.mark.e2e


@pytest.fixture
def live(raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """Serve a run that was planned and stopped before anything was computed."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        verbs.run(Study(**raw), tmp_path / "runs")
    made = server.made(tmp_path / "runs" / "small")
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/", tmp_path / "runs" / "small"
    made.shutdown()
    made.server_close()
    thread.join()


def test_states_and_failures_are_shown_as_they_come(browser: Any, live: tuple[str, Path]) -> None:
    address, folder = live
    browser.notices()
    browser.look(width=390)
    browser.driver.get(address)
    browser.wait("return !!document.querySelector('.live .stage')")
    assert "No run is at work" in browser.run("return document.querySelector('.live-head').textContent")
    assert browser.sideways() == 0
    task = next(task for task in workspace.named_stages(folder) if task.kind == "treat")
    workspace.store(folder.parent).fail(task, "<img src=x onerror=alert(1)>", ["<script>alert(2)</script>"])
    browser.wait("return document.querySelectorAll('.live .failure').length === 1")
    assert "<img src=x onerror=alert(1)>" in browser.run("return document.querySelector('.live .failure').textContent")
    assert browser.run("return document.querySelectorAll('.live img, .live script').length") == 0
    browser.run("document.querySelector('.live .stage.failed').click()")
    assert "It rests on: fit webgpt" in browser.run("return document.querySelector('.live-chosen').textContent")
    console, asked = browser.notices()
    assert console == []
    assert {url.removeprefix(address) for url in asked} <= {"", "state.json"}


def test_a_server_that_keeps_a_stage_waiting_is_told_as_in_the_terminal(browser: Any, live: tuple[str, Path]) -> None:
    for progress in ({"done": 1, "silent_s": 90, "status": 0}, {"done": 1, "silent_s": 5, "wait_s": 119.7},
                     {"done": 1, "silent_s": 2, "status": 503}, {"done": 1, "left_s": 7500}):  # fmt: skip
        stage = {"title": "ranks", "key": "k", "kind": "ranks", "state": "running", "inputs": [], "progress": progress}
        state = {"made": 0, "at_work": True, "counts": {"running": 1}, "stages": [stage], "events": []}
        browser.driver.get(live[0])
        browser.run(f"window.fetch = async () => ({{ ok: true, json: async () => ({json.dumps(state)}) }})")
        (said,) = told(progress)[1:]
        browser.wait(f"return document.querySelector('.live-now').textContent.includes({json.dumps(said)})")
        assert said in browser.run("return document.querySelector('.live-now').textContent")
    browser.notices()


def test_the_page_says_when_its_server_has_ended(browser: Any, live: tuple[str, Path]) -> None:
    head = "return document.querySelector('.live-head').textContent"
    browser.driver.get(live[0])
    browser.wait("return !!document.querySelector('.live .stage')")
    assert "has ended" not in browser.run(head)
    shown = "return [...document.querySelectorAll('.live .stage')].map(one => one.textContent)"
    stages = browser.run(shown)
    browser.run("window.fetch = () => Promise.reject(new Error('gone'))")
    browser.wait(f"{head}.includes('has ended')")
    assert browser.run(head) == "The server of this page has ended. What is below is the last it showed."
    assert stages and browser.run(shown) == stages
    browser.notices()
