"""A stage that waits for a server says so: for how long nobody was answered and why, and no longer than that."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.cli.estimate import told as in_words
from leaven.errors import ModelError
from leaven.generate import asking, patience, silence
from leaven.generate.asked import Request
from leaven.generate.fake import Fake
from leaven.generate.openai import ask
from leaven.generate.replies import Journal, Part, Unreadable, asked_key
from leaven.generate.silence import NO_CONNECTION, Silence
from leaven.progress import Progress
from leaven.server import Server

Said = list[tuple[int, int, dict[str, float]]]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no proxy of the machine's own, and tenths of what is waited otherwise."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(patience, "_FIRST_S", 0.02)
    monkeypatch.setattr(patience, "_MOST_S", 0.1)
    monkeypatch.setattr(silence, "_QUIET_S", 0.3)
    monkeypatch.setattr(silence, "_FAILING_S", 0.1)
    monkeypatch.setattr(asking, "EVERY_S", 0.05)


def asked(fake: Fake, tmp_path: Path, count: int = 50, **server: Any) -> Said:
    """Ask so many questions; return all that was reported."""
    said: Said = []
    wanted = [Request(f"q{n}", [{"role": "user", "content": f"Question {n}?"}], {}) for n in range(count)]
    declared = Server(model="fake", base_url=fake.url, **{"timeout": 10, "max_concurrency": 4, **server})
    replies = ask(declared, wanted, tmp_path / "r.jsonl", lambda done, total, **more: said.append((done, total, more)))
    assert len(replies) == count and all(one.texts for one in replies.values())
    return said


@pytest.mark.usefixtures("quick")
def test_a_server_that_goes_away_is_told_until_it_is_back(tmp_path: Path) -> None:
    with Fake(latency=0.02) as fake:

        def away() -> None:
            while len(fake.answered) < 20:
                time.sleep(0.005)
            fake.go_away()
            time.sleep(1.0)
            fake.come_back()

        breaks = threading.Thread(target=away)
        breaks.start()
        said = asked(fake, tmp_path)
        breaks.join()
    away_s = [more["silent_s"] for _, _, more in said if more]
    assert len(away_s) >= 3 and max(away_s) > 0.5 and away_s == sorted(away_s)
    assert {more.get("status") for _, _, more in said if more} == {NO_CONNECTION}
    assert all(20 <= done < 50 for done, _, more in said if more)
    assert said[-1] == (50, 50, {}), "an answer ends it"


@pytest.mark.usefixtures("quick")
def test_a_server_that_asks_to_wait_is_seen_waiting(tmp_path: Path) -> None:
    with Fake(failures=[429], retry_after="1") as fake:
        said = asked(fake, tmp_path, 2, max_concurrency=1)
    waits = [more["wait_s"] for _, _, more in said if "wait_s" in more]
    assert waits and waits == sorted(waits, reverse=True) and max(waits) <= 1
    assert said[-1] == (2, 2, {})


@pytest.mark.usefixtures("quick")
def test_no_reply_at_all_is_told_without_a_reason(tmp_path: Path) -> None:
    with Fake(latency=0.8) as fake:
        said = asked(fake, tmp_path, 2)
    told = [more for _, _, more in said if more]
    assert told and all(set(more) == {"silent_s"} and more["silent_s"] >= 0.3 for more in told)


@pytest.mark.usefixtures("quick")
def test_a_server_that_fails_is_told_by_its_status(tmp_path: Path) -> None:
    with Fake(failures=[503] * 6) as fake:
        said = asked(fake, tmp_path, 1, max_retries=9)
    assert {more["status"] for _, _, more in said if more} == {503}


@pytest.mark.usefixtures("quick")
def test_a_server_that_answers_is_never_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_QUIET_S", 0.8)
    with Fake() as fake:
        paced = asked(fake, tmp_path, 2, requests_per_minute=50)
    assert not any(more for _, _, more in paced), "1.2 s between requests are our own pace"


@pytest.mark.usefixtures("quick")
def test_what_goes_wrong_while_it_is_told_is_not_lost(tmp_path: Path) -> None:
    def full(done: int, total: int, **more: float) -> None:
        if more:
            raise OSError("no space left")

    with Fake(latency=0.8) as fake, pytest.raises(OSError, match="no space left"):
        declared = Server(model="fake", base_url=fake.url)
        ask(declared, [Request("q", [{"role": "user", "content": "?"}], {})], tmp_path / "r.jsonl", full)


def by_hand(
    tmp_path: Path, send: Callable[[Request, int, bool], Awaitable[Part]], watch: Callable[[Any], None]
) -> asking.Asking:
    """Ask four questions, two at a time, of a server that is a function; raises what asking raises."""
    server = Server(model="m", base_url="http://127.0.0.1:1/v1", max_concurrency=2)
    wanted = [Request(f"q{n}", [{"role": "user", "content": f"{n}?"}], {}) for n in range(4)]
    keys = {one.id: asked_key(server.identity, one) for one in wanted}
    door = asking.Door(server, "the server", send)
    made = asking.Asking(door, Journal(tmp_path / "r.jsonl"), keys, lambda reply: None, watch)
    asyncio.run(made.all(wanted))
    return made


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("refused", "raised"), [(False, OSError), (True, ModelError)])
def test_who_cannot_tell_stops_the_rest_and_hides_no_other_error(
    tmp_path: Path, refused: bool, raised: type[Exception]
) -> None:
    sent: list[str] = []

    async def send(request: Request, got: int, alone: bool) -> Part:
        sent.append(request.id)
        await asyncio.sleep(0.6)
        if refused:
            raise ModelError("the key is not accepted")
        return Part(("hi",), ("stop",))

    def full(silence: dict[str, float]) -> None:
        if silence:
            raise OSError("no space left")

    with pytest.raises(raised):
        by_hand(tmp_path, send, full)
    assert sent == ["q0", "q1"], "the others are not sent"
    kept = Journal(tmp_path / "r.jsonl").texts
    assert kept == (0 if refused else 2), "what was under way came home"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("refusal", [asking.Refused("400"), Unreadable("no choices")])
def test_a_server_that_refuses_is_not_silent(
    tmp_path: Path, refusal: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealt: list[None] = []
    monkeypatch.setattr(Silence, "dealt", lambda self: dealt.append(None))

    async def send(request: Request, got: int, alone: bool) -> Part:
        raise refusal

    by_hand(tmp_path, send, lambda silence: None)
    assert len(dealt) == 4


@pytest.mark.usefixtures("quick")
def test_it_does_not_go_on_after_an_error(tmp_path: Path) -> None:
    with Fake(key="sk-1") as fake, pytest.raises(ModelError, match="key"):
        asked(fake, tmp_path, 1)


def test_a_slow_server_is_given_time_and_one_that_fails_is_not(clock: Clock) -> None:
    one = Silence(clock)
    with one.asking():
        clock.now += 14
        assert one.told() == {}
        clock.now += 2
        assert one.told() == {"silent_s": 16}
        one.dealt()
        assert one.told() == {}
    clock.now += 60
    assert one.told() == {}, "nothing is asked of it"
    with one.asking():
        clock.now += 2
        one.failed(502)
        one.failed(502)
    clock.now += 3
    assert one.told() == {"silent_s": 5, "status": 502}
    with one.asking():
        assert one.told() == {"silent_s": 5, "status": 502}, "asking again does not make it answer"
        one.failed(None)
        assert one.told() == {"silent_s": 5}


def test_one_failure_does_not_make_a_server_silent_that_others_wait_for(clock: Clock) -> None:
    one = Silence(clock)
    with one.asking(), one.asking(), one.asking():
        for _ in range(3):
            one.failed(500)
        clock.now += 6
        assert one.told() == {}, "three that are on their way may be answered yet"
        one.failed(500)
        assert one.told() == {"silent_s": 6, "status": 500}
        with one.asking():
            assert one.told() == {"silent_s": 6, "status": 500}, "it stays said until it answers"
        one.dealt()
        clock.now += 6
        assert one.told() == {}


def test_our_own_pace_after_one_failure_is_not_the_servers_silence(clock: Clock) -> None:
    one = Silence(clock)
    with one.asking():
        pass
    one.failed(503)
    clock.now += 6
    assert one.told() == {}
    with one.asking():
        pass
    one.failed(503)
    assert one.told() == {"silent_s": 6, "status": 503}


def test_where_each_waits_by_itself_an_answer_to_another_ends_the_wait(clock: Clock) -> None:
    one = Silence(clock, apart=True)
    with one.asking():
        one.hold(100)
        clock.now += 3
        assert one.told() == {"silent_s": 3, "wait_s": 97}
        one.dealt()
        clock.now += 1.5
        assert one.told() == {}


def test_all_wait_though_one_was_answered_meanwhile(clock: Clock) -> None:
    one = Silence(clock)
    one.failed(429)
    one.hold(60)
    one.dealt()
    clock.now += 10
    assert one.told() == {"silent_s": 10, "wait_s": 50}
    clock.now += 51
    assert one.told() == {}


def test_progress_tells_of_silence_at_once_and_knows_no_time_left(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaven.progress.time.monotonic", clock)
    report = Progress(tmp_path, "questions")

    def step(seconds: float, done: int, **more: float) -> list[str]:
        clock.now += seconds
        report(done, 50, **more)
        return in_words(json.loads((tmp_path / "resume" / "progress.json").read_text()))

    step(0, 0)
    assert step(10, 25) == ["25/50 questions", "10 s left"]
    assert step(0.1, 25, silent_s=40.0, status=0) == ["25/50 questions", "server silent for 40 s (no connection)"]
    assert json.loads((tmp_path / "resume" / "progress.json").read_text())["left_s"] is None
    assert step(0.1, 26) == ["26/50 questions", "9.4 s left"], "the word is gone with the first answer"
    assert step(0.1, 27) == ["26/50 questions", "9.4 s left"], "twice a second at most"
