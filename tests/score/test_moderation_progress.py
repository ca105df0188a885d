"""While a moderation server is asked, the stage says how far it is, and for how long nobody was answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import progress
from leaven.errors import ModelError
from leaven.generate import silence
from leaven.generate.fake import Fake
from leaven.registry import METRICS
from leaven.score import moderated


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.4)
    monkeypatch.setattr(silence, "_QUIET_S", 0.3)
    monkeypatch.setattr(silence, "_FAILING_S", 0.1)
    monkeypatch.setattr(moderated, "EVERY_S", 0.05)
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return where all that a stage writes of its progress will be."""
    said: list[dict[str, Any]] = []
    write: Callable[..., int] = Path.write_text

    def noted(path: Path, text: str, **more: Any) -> int:
        assert path.parent.name == progress.FOLDER and threading.current_thread() is threading.main_thread()
        said.append(json.loads(text))
        return write(path, text, **more)

    monkeypatch.setattr(Path, "write_text", noted)
    return said


def asked(server: Fake, tmp_path: Path, count: int = 6, max_concurrency: int = 1) -> None:
    args = {"base_url": server.url, "batch_size": 1, "max_concurrency": max_concurrency, "max_retries": 3,
            "journal": str(tmp_path / progress.FOLDER / "replies.jsonl")}  # fmt: skip
    found = METRICS.get("moderation").call([f"text {n}" for n in range(count)], args=args)
    assert found["moderation"] == [0.0] * count


def test_texts_are_counted_and_those_kept_from_before_are_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fake() as server:
        asked(server, tmp_path, 4)
        said = watched(monkeypatch)
        asked(server, tmp_path, 6)
    assert {(one["done"], one["total"], one["unit"]) for one in said} >= {(5, 6, "texts"), (6, 6, "texts")}
    assert min(one["done"] for one in said) >= 4 and not any("silent_s" in one for one in said)


def test_a_failure_that_the_client_tries_again_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 1.0)  # less a quarter by chance, and beyond _QUIET_S
    said = watched(monkeypatch)
    with Fake(failures=[503]) as server:
        asked(server, tmp_path)
    assert {one["status"] for one in said if "silent_s" in one} == {503}
    assert "silent_s" not in said[-1] and said[-1]["done"] == 6


def test_a_wait_that_the_server_asks_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = watched(monkeypatch)
    with Fake(failures=[429], retry_after="1") as server:
        asked(server, tmp_path)
    waits = [one["wait_s"] for one in said if "wait_s" in one]
    assert waits and max(waits) <= 1 and "silent_s" not in said[-1]


def test_a_server_that_says_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = watched(monkeypatch)
    with Fake(latency=1.0) as server:
        asked(server, tmp_path, 1)
    told = [one for one in said if "silent_s" in one]
    assert told and not any("status" in one or "wait_s" in one for one in told) and "silent_s" not in said[-1]


def test_a_server_that_cannot_be_reached_is_told_while_the_client_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = watched(monkeypatch)
    with Fake() as server:
        server.go_away()
        with pytest.raises(ModelError, match="cannot be reached"):
            asked(server, tmp_path, 1)
    assert {one["status"] for one in said if "silent_s" in one} == {silence.NO_CONNECTION}


def test_a_wait_is_the_one_requests_and_an_answer_to_another_ends_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_QUIET_S", 60.0)
    said = watched(monkeypatch)
    with Fake(failures=[429], retry_after="1", latency=0.2) as server:
        asked(server, tmp_path, 8, max_concurrency=2)
    waited = {one["done"] for one in said if "wait_s" in one}
    assert len(waited) <= 2, "one more may have been answered before, not after"


@pytest.mark.parametrize("of_text", [True, False])
def test_a_refusal_of_a_text_is_an_answer_and_a_failure_is_none(of_text: bool) -> None:
    clock = iter(range(1000))
    one = silence.Silence(lambda: next(clock) * 1.0)
    for _ in range(2):
        one.failed(500)

    def send(texts: list[str]) -> bytes:
        raise moderated.RefusedError("status", of_text=of_text)

    said: list[dict[str, float]] = []
    moderated.judge(["a"], moderated.Asking("m", 1, 1, None), send, moderated.Journal(None), one,
                    lambda done, total, **more: said.append(more))  # fmt: skip
    assert ("status" in said[-1]) is not of_text
