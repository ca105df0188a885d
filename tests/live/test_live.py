"""The live page: what it says of a run, to whom it says it, and what it refuses."""

from __future__ import annotations

import html
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, upkeep, verbs, workspace
from leaven.engine import run as engine
from leaven.engine.stage import Task
from leaven.engine.store import Store
from leaven.errors import ReportError
from leaven.live import serve, server
from leaven.live.state import state


@pytest.fixture
def folder(raw: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was planned and stopped before anything was computed."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        verbs.run(Study(**raw), tmp_path)
    return tmp_path / "small"


def the(stages: list[Any], kind: str) -> Any:
    return next(one for one in stages if one["kind"] == kind)


def named(folder: Path, kind: str) -> Task:
    return next(task for task in workspace.named_stages(folder) if task.kind == kind)


def test_what_rests_on_a_failure_is_blocked_and_its_log_is_told(folder: Path) -> None:
    store = workspace.store(folder.parent)
    assert set(state(folder, store)["counts"]) == {"waiting"}
    store.fail(named(folder, "treat"), "it broke <script>", ["Traceback", "<b>why</b>"])
    now = state(folder, store)
    assert the(now["stages"], "treat")["message"] == "it broke <script>" and now["counts"]["failed"] == 1
    assert the(now["stages"], "treat")["log"] == ["Traceback", "<b>why</b>"]
    doctor = [one for one in now["stages"] if one["kind"] == "doctor"]
    assert sorted({one["state"] for one in doctor}) == ["blocked", "waiting"], "another arm's stages go on"
    assert the(now["stages"], "rows")["state"] == "waiting", "what a failed stage rests on is not blocked"


def test_a_running_stage_says_how_far_it_is(folder: Path) -> None:
    store, task = Store(folder.parent / "store"), named(folder, "rows")
    with store.lock(task):
        place = store.begin(task) / "resume"
        place.mkdir(parents=True, exist_ok=True)
        (place / "progress.json").write_text(json.dumps({"done": 3, "total": 9, "unit": "steps", "loss": 1.5}))
        one = next(stage for stage in state(folder, store)["stages"] if stage["key"] == task.key)
    assert one["state"] == "running" and one["progress"]["loss"] == 1.5


def test_the_counts_are_those_of_status(folder: Path) -> None:
    from leaven.cli.upkeep import _counts

    store = workspace.store(folder.parent)
    store.begin(named(folder, "rows"))
    store.fail(named(folder, "treat"), "it broke", [])
    counts = state(folder, store)["counts"]
    assert counts["begun"] == 1 and counts["blocked"] > 0
    said = _counts(upkeep.status(folder, store))
    words = {"begun": "begun and stopped"}
    assert all(f"{n} {words.get(one, one)}" in said for one, n in counts.items())


def test_events_are_told_newest_first_and_torn_lines_are_left(folder: Path) -> None:
    lines = [{"time": "t1", "event": "start", "title": "a"}, {"time": "t2", "event": "done", "title": "a"}]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"time": "t3", "ev')
    assert [one["time"] for one in state(folder, workspace.store(folder.parent))["events"]] == ["t2", "t1"]


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    made = server.made(folder)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_port
    made.shutdown()
    made.server_close()
    thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    link.request(method, path, headers=headers)
    answer = link.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_the_page_of_a_run_without_results_is_served(port: int) -> None:
    status, page, headers = ask(port, "/")
    assert status == 200 and 'id="live"' in page and "connect-src 'self'" in html.unescape(page)
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    status, told, headers = ask(port, "/state.json")
    assert status == 200 and json.loads(told)["run"] == "small" and headers["Content-Type"] == "application/json"


def test_a_head_is_that_of_the_page_without_its_body(port: int) -> None:
    status, body, headers = ask(port, "/", "HEAD")
    assert (status, body) == (200, "") and headers["Content-Length"] == ask(port, "/")[2]["Content-Length"]
    assert ask(port, "/nowhere", "HEAD")[:2] == (404, "")


def test_it_listens_on_this_machine_alone(folder: Path) -> None:
    with server.made(folder) as made:
        assert made.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(port: int, method: str) -> None:
    assert ask(port, "/", method)[0] == 501


def test_foreign_names_and_foreign_paths_are_refused(port: int) -> None:
    assert ask(port, "/state.json", Host="evil.example")[0] == 421
    assert ask(port, "/../../../../etc/passwd")[0] == 404
    assert ask(port, "/study.yaml")[0] == 404
    assert ask(port, "/state.json", Host=f"localhost:{port}")[0] == 200


def test_a_taken_port_and_an_unknown_run_are_said_in_a_line(folder: Path, port: int) -> None:
    with pytest.raises(ReportError, match=f"port {port} of 127.0.0.1 cannot be had"):
        serve("small", folder.parent, port=port, say=print)
    with pytest.raises(ReportError, match="no run is called 'smal'; did you mean 'small'"):
        serve("smal", folder.parent, say=print)


def test_a_browser_that_goes_away_leaves_no_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server.made(folder) as made:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            made.handle_error(None, ("127.0.0.1", 1))
        assert capsys.readouterr().err == ""
        try:
            raise KeyError("ours")
        except KeyError:
            made.handle_error(None, ("127.0.0.1", 1))
        assert "KeyError: 'ours'" in capsys.readouterr().err
