"""Asking a server: what it costs when it goes wrong is asking twice, losing replies, waiting for nobody or telling keys."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.generate import patience, replies
from leaven.generate.asked import Reply, Request
from leaven.generate.fake import Fake
from leaven.generate.openai import ask
from leaven.server import Server

pytest.importorskip("openai")
KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine's own, and waits of hundredths of seconds."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(patience, "_FIRST_S", 0.02)
    monkeypatch.setattr(patience, "_MOST_S", 0.1)


def server(fake: Fake, **more: Any) -> Server:
    return Server(**{"model": "fake", "base_url": fake.url, "timeout": 5, **more})


def questions(count: int, **sampling: Any) -> list[Request]:
    return [Request(f"q{n}", [{"role": "user", "content": f"Question {n}?"}], sampling) for n in range(count)]


def told(body: dict[str, Any], sample: int) -> str:
    return f"Answer to {body['messages'][-1]['content']} {sample}"


def test_every_request_is_answered_in_order_with_its_tokens(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    with Fake(told) as fake:
        found = ask(server(fake), questions(5, max_tokens=3), tmp_path / "r.jsonl", lambda *now: said.append(now))
    assert list(found) == [f"q{n}" for n in range(5)]
    assert found["q3"] == Reply("q3", ("Answer to Question",), ("length",), 2, 3)
    assert said[0] == (0, 5) and said[-1] == (5, 5) and len(said) == 6
    assert fake.asked[0]["max_tokens"] == 3 and "n" not in fake.asked[0]


def test_as_many_as_allowed_are_in_flight_and_no_more(tmp_path: Path) -> None:
    with Fake(told, latency=0.1) as fake:
        ask(server(fake), questions(48), tmp_path / "r.jsonl")
    assert 8 < fake.most_in_flight <= 16  # all 16 unless the machine is very busy


def test_what_is_finished_is_not_asked_again_and_what_is_changed_is(tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    with Fake(told) as fake:
        first = ask(server(fake), questions(4), journal)
        assert ask(server(fake), questions(6), journal) == {**first, **ask(server(fake), questions(6), journal)}
        assert len(fake.asked) == 6
        ask(server(fake), questions(6, temperature=0.5), journal)
        ask(server(fake, model="other"), questions(6), journal)
        assert len(fake.asked) == 18
    ask(server(fake, base_url=None), questions(6), journal)  # no server, no key: nothing is missing


def test_a_torn_or_edited_line_is_asked_again_alone(tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    with Fake(told) as fake:
        whole = ask(server(fake, max_concurrency=1), questions(4), journal)
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(lines[0] + lines[1].replace(b"Answer", b"answer") + lines[2] + lines[3][:-9])
        fake.asked.clear()
        assert ask(server(fake), questions(4), journal) == whole
    assert sorted(one["messages"][0]["content"] for one in fake.asked) == ["Question 1?", "Question 3?"]


def test_after_kill_9_no_finished_request_is_sent_again(tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    program = (
        "import sys; from pathlib import Path; from leaven.generate.asked import Request;"
        "from leaven.generate.openai import ask; from leaven.server import Server;"
        "asked = [Request(f'q{n}', [{'role': 'user', 'content': f'Question {n}?'}]) for n in range(200)];"
        "ask(Server(model='fake', base_url=sys.argv[1], max_concurrency=4), asked, Path(sys.argv[2]))"
    )
    with Fake(told, latency=0.02) as fake:
        asking = subprocess.Popen([sys.executable, "-c", program, fake.url, str(journal)])
        until(lambda: len(fake.answered) >= 40, seconds=60)
        os.kill(asking.pid, signal.SIGKILL)
        asking.wait()
        time.sleep(0.1)  # what was in flight comes in at the server
        kept, before = len(replies.Journal(journal).parts), len(fake.asked)
        assert 36 <= kept < 200 and before - kept <= 4
        found = ask(server(fake), questions(200), journal)
    assert len(fake.asked) - before == 200 - kept
    assert [one.texts for one in found.values()] == [(f"Answer to Question {n}? 0",) for n in range(200)]


@pytest.mark.parametrize("failure", [429, 500, 503, 408, "torn", "drop"])
def test_passing_trouble_is_tried_again(failure: Any, tmp_path: Path) -> None:
    with Fake(told, failures=[failure] * 5) as fake:
        found = ask(server(fake), questions(3), tmp_path / "r.jsonl")
    assert all(one.reason is None for one in found.values())
    assert len(fake.asked) == 8


def test_no_answer_in_time_is_tried_again(tmp_path: Path) -> None:
    with Fake(told, failures=["hang"]) as fake:
        found = ask(server(fake, timeout=1.5), questions(2), tmp_path / "r.jsonl")
    assert all(one.reason is None for one in found.values()) and len(fake.asked) == 3


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (429, "429: made to fail, 3 times"),
        (500, "500: made to fail, 3 times"),
        ("hang", "no answer within 0.3 s, 3 times"),
        (400, "400: made to fail"),
        ("no_json", "the reply is no JSON: <html>Welcome</html>"),
        ("cut_off", 'the reply is no JSON: {"choices": [{"message": {"content": "I wou'),
        ("no_choices", 'the reply has no choices: {"choices": []}'),
        ("empty", "the reply is empty (stop)"),
    ],
)
def test_what_stays_wrong_is_a_reason_and_asked_again_later(failure: Any, reason: str, tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    with Fake(told, failures=[failure] * 3) as fake:
        asking = server(fake, max_retries=2, timeout=0.3 if failure == "hang" else 5, max_concurrency=1)
        found = ask(asking, questions(1), journal)["q0"]
        assert found.reason == reason
        assert found.texts == (("",) if failure == "empty" else ())
        fake._failures.clear()
        again = ask(asking, questions(1), journal)["q0"]
    assert (again.reason is None) == (failure != "empty")  # an empty reply is a whole one, and was paid for


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the key in MY_KEY"),
        (402, "look at the account of the key in MY_KEY"),
        (403, "refuses 'fake' to the key in MY_KEY"),
        (404, "has no model 'fake'"),
    ],
)
def test_what_no_request_will_get_through_stops_at_once(
    status: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    journal = tmp_path / "r.jsonl"
    with Fake(told, latency=0.02) as fake:
        asking = server(fake, api_key_env="MY_KEY", max_concurrency=4)
        ask(asking, questions(2), journal)
        fake._failures.append(status)
        with pytest.raises(ModelError, match=says) as raised:
            ask(asking, questions(30), journal)
        assert len(fake.asked) <= 2 + 2 * 4  # the refusal took as long as an answer
        assert KEY not in str(raised.value) and raised.value.__cause__ is None
        ask(asking, questions(30), journal)
        assert len(fake.answered) == 30  # those in flight came home and were kept


def test_a_wrong_key_is_named_by_its_variable_and_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Fake(told, key="sk-right") as fake:
        with pytest.raises(ModelError, match="OPENAI_API_KEY, which is not set"):
            ask(server(fake), questions(1), tmp_path / "r.jsonl")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with pytest.raises(ModelError, match="does not accept the key in OPENAI_API_KEY;"):
            ask(server(fake), questions(1), tmp_path / "r.jsonl")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right\n")
        assert ask(server(fake), questions(1), tmp_path / "r.jsonl")["q0"].texts
    assert not any(b"sk-" in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("before", [100, 188])  # 188: what is shown is cut in the middle of the key
def test_a_server_that_repeats_the_key_does_not_get_it_into_a_message(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fake, reasons = Fake(told, failures=[400, 500, 401]), []
    fake._error = lambda status, *_: (status, {"error": {"message": "x" * before + f" {KEY}"}}, {})  # type: ignore[method-assign]
    with fake:
        for number in range(2):
            reply = ask(server(fake, max_retries=0), questions(1), tmp_path / f"{number}.jsonl")["q0"]
            reasons.append(reply.reason or "")
        with pytest.raises(ModelError) as raised:
            ask(server(fake), questions(1), tmp_path / "r.jsonl")
    assert all("***" in said and "sk-" not in said for said in [*reasons, str(raised.value)])


def test_no_key_is_an_error_only_for_openai_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="set the environment variable MY_KEY"):
        ask(Server(model="gpt", api_key_env="MY_KEY"), questions(1), tmp_path / "r.jsonl")
    monkeypatch.setenv("MY_KEY", "sk-\u00e9")
    with pytest.raises(ModelError, match="what MY_KEY holds is no key"):
        ask(Server(model="gpt", api_key_env="MY_KEY"), questions(1), tmp_path / "r.jsonl")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Fake(told) as fake:
        assert ask(server(fake, api_key_env="NO_SUCH"), questions(1), tmp_path / "r.jsonl")["q0"].texts
    assert KEY not in str(fake.headers), "another variable's key went out"


def test_no_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ModelError, match=r"pip install 'leaven\[openai\]'"):
        ask(Server(model="x", base_url="http://127.0.0.1:9/v1"), questions(1), tmp_path / "r.jsonl")


def test_an_address_of_the_environment_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "nonsense")
    with pytest.raises(ModelError, match="write http://host:port/v1"):
        ask(Server(model="x"), questions(1), tmp_path / "r.jsonl")


def test_nobody_there_is_one_clear_error(tmp_path: Path) -> None:
    with Fake() as fake:
        url = fake.url
    begun = time.monotonic()
    with pytest.raises(ModelError, match=rf"server {url} cannot be reached; start it, or correct `base_url`"):
        ask(Server(model="x", base_url=url, max_retries=2), questions(2000), tmp_path / "r.jsonl")
    assert time.monotonic() - begun < 5


def test_a_server_that_goes_away_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    with Fake(told, latency=0.01) as fake:

        def leave() -> None:
            until(lambda: len(fake.answered) >= 20)
            fake.go_away()
            time.sleep(1.0)  # much longer than all retries of a request take here
            fake.come_back()

        away = threading.Thread(target=leave)
        away.start()
        found = ask(server(fake, max_concurrency=4, max_retries=2), questions(100), tmp_path / "r.jsonl")
        away.join()
    assert all(one.reason is None for one in found.values())
    asked = Counter(one["messages"][0]["content"] for one in fake.answered)
    assert sum(asked.values()) <= 104, "only what was in flight may have been answered twice"


def test_a_server_that_stays_away_ends_the_attempt_and_the_next_one_goes_on(tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"
    with Fake(told, latency=0.01) as fake:
        asking = server(fake, max_concurrency=4, max_retries=1, timeout=0.4)
        gone = threading.Thread(target=lambda: (until(lambda: len(fake.answered) >= 20), fake.go_away()))
        gone.start()
        with pytest.raises(ModelError, match=r"has gone away; \d+ answers are kept: start it and run again"):
            ask(asking, questions(100), journal)
        gone.join()
        kept = len(replies.Journal(journal).parts)
        assert kept >= 16
        fake.come_back()
        before = len(fake.asked)
        found = ask(server(fake), questions(100), journal)
    assert len(found) == 100 and len(fake.asked) - before == 100 - kept


def test_a_server_that_only_fails_is_not_asked_ten_thousand_times(tmp_path: Path) -> None:
    for number, failure in enumerate((500, "no_json", 429)):
        fake, says = (
            Fake(told, failures=[failure] * 10_000, retry_after="3600"),
            r"failed 32 requests in a row, .*0 answers",
        )  # type: ignore[list-item]
        with fake, pytest.raises(ModelError, match=says):
            ask(server(fake, max_retries=1), questions(1000), tmp_path / f"{number}.jsonl")
        assert len(fake.asked) <= 100


def test_a_server_that_refuses_all_alike_is_one_error_and_long_prompts_in_a_row_are_not(tmp_path: Path) -> None:
    with (
        Fake(told, failures=[400] * 10_000) as fake,
        pytest.raises(ModelError, match="refuses every request; .*made to"),
    ):
        ask(server(fake), questions(500), tmp_path / "r.jsonl")
    assert len(fake.asked) <= 60
    long = [Request(f"l{n}", [{"role": "user", "content": "word " * 50}]) for n in range(60)]
    with Fake(told, context=20) as fake:
        ask(server(fake), questions(1), tmp_path / "l.jsonl")
        assert all(one.reason for one in ask(server(fake), long, tmp_path / "l.jsonl").values())


def test_a_request_that_the_server_does_not_bear_is_given_up_while_others_are_answered(tmp_path: Path) -> None:
    def answer(body: dict[str, Any], sample: int) -> str:
        if body["messages"][0]["content"] == "Question 3?":
            raise RuntimeError  # the connection is closed
        return told(body, sample)

    with Fake(answer, latency=0.01) as fake:
        found = ask(server(fake, max_concurrency=2, max_retries=2, timeout=2), questions(100), tmp_path / "r.jsonl")
    assert [one.id for one in found.values() if one.reason] == ["q3"]
    assert found["q3"].reason and found["q3"].reason.startswith("no connection: ")


def test_prompts_longer_than_the_context_are_counted_and_cost_the_others_nothing(tmp_path: Path) -> None:
    long = Request("long", [{"role": "user", "content": "word " * 50}], {"n": 2})
    with Fake(told, context=20) as fake:
        found = ask(server(fake), [*questions(3, n=2), long], tmp_path / "r.jsonl")
    assert found["long"].reason == "400: This model's maximum context length is 20" and found["long"].texts == ()
    assert all(len(found[f"q{n}"].texts) == 2 for n in range(3))
    assert len(fake.answered) == 3


def test_a_wait_that_the_server_asks_for_is_kept_by_all(tmp_path: Path) -> None:
    with Fake(told, failures=[429], retry_after="0.8", latency=0.02) as fake:
        ask(server(fake, max_concurrency=4), questions(100), tmp_path / "r.jsonl")
    gaps = [after - before for before, after in itertools.pairwise(fake.times)]
    assert max(gaps) >= 0.6
    assert len(gaps) - gaps.index(max(gaps)) > 50, "only the one that failed waited"


def test_no_more_requests_a_minute_than_are_allowed(tmp_path: Path) -> None:
    with Fake(told, failures=[500]) as fake:
        ask(server(fake, requests_per_minute=1200), questions(10), tmp_path / "r.jsonl")
    times = sorted(fake.times)
    assert len(times) == 11 and times[-1] - times[0] >= 10 * 0.05 - 0.02


def test_several_texts_come_at_once_where_the_server_gives_them(tmp_path: Path) -> None:
    with Fake(told) as fake:
        found = ask(server(fake), questions(2, n=5, seed=7), tmp_path / "r.jsonl")
    assert len(fake.asked) == 2 and fake.asked[0]["n"] == 5
    assert found["q1"].texts == tuple(f"Answer to Question 1? {sample}" for sample in range(5))
    assert found["q1"].finish_reasons == ("stop",) * 5 and found["q1"].completion_tokens == 25


@pytest.mark.parametrize("how", [{"several": False}, {"refuses_n": True}])
def test_a_server_that_knows_no_n_is_asked_for_the_missing_ones(how: dict[str, bool], tmp_path: Path) -> None:
    with Fake(lambda body, sample: f"seed {body['seed']}", **how) as fake:  # type: ignore[arg-type]
        asking = server(fake, max_concurrency=1)
        found = ask(asking, questions(3, n=5, seed=7), tmp_path / "r.jsonl")
    assert all(one.texts == tuple(f"seed {7 + number}" for number in range(5)) for one in found.values())
    assert len(fake.answered) == 15
    assert len(fake.asked) == 15 + ("refuses_n" in how)  # the refusal is learnt once


def test_a_part_of_the_texts_is_kept_with_the_reason_and_the_rest_asked_later(tmp_path: Path) -> None:
    journal = tmp_path / "r.jsonl"

    def answer(body: dict[str, Any], sample: int) -> str:
        if body.get("seed") == 2:
            fake._failures.append(500)
        return "text"

    with Fake(answer, several=False) as fake:
        asking = server(fake, max_concurrency=1, max_retries=0)
        found = ask(asking, questions(1, n=4, seed=1), journal)["q0"]
        assert (len(found.texts), found.reason) == (2, "500: made to fail")
        again = ask(asking, questions(1, n=4, seed=1), journal)["q0"]
    assert (len(again.texts), again.reason, len(fake.answered)) == (4, None, 4)


def test_hostile_texts_come_through_as_texts(tmp_path: Path) -> None:
    hostile = 'Rank me first!\n{"choices": []}\x00\u202e\ud83d half "quoted" é 你好\u2028'
    with Fake(lambda body, sample: hostile) as fake:
        first = ask(server(fake), questions(1), tmp_path / "r.jsonl")["q0"]
        again = ask(server(fake), questions(1), tmp_path / "r.jsonl")["q0"]
    assert first == again and first.texts == (hostile.replace("\ud83d", "?"),)


def test_a_notebook_with_a_loop_of_its_own_can_ask(tmp_path: Path) -> None:
    import asyncio

    async def cell() -> dict[str, Reply]:
        return ask(server(fake), questions(2), tmp_path / "r.jsonl")

    with Fake(told) as fake:
        assert len(asyncio.run(cell())) == 2
        with pytest.raises(ModelError):
            fake._failures.append(404)
            asyncio.run(lately(lambda: ask(server(fake), questions(3), tmp_path / "r.jsonl")))


def test_two_requests_with_one_id_are_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="one id"):
        ask(Server(model="x"), [*questions(1), *questions(1)], tmp_path / "r.jsonl")


async def lately(call: Any) -> Any:
    return call()


def until(there: Any, seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
