"""The fake server, spoken to without our client: it is what others are tested with, so its counts have to be right."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from leaven.generate.fake import Fake


def post(url: str, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = urllib.request.Request(url + path, data, {"content-type": "application/json", **headers})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def question(text: str = "Who lives here?", **more: Any) -> dict[str, Any]:
    return {"model": "fake", "messages": [{"role": "user", "content": text}], **more}


def texts(said: Any) -> list[str]:
    return [choice["message"]["content"] for choice in said["choices"]]


def test_the_same_question_has_the_same_answer_and_samples_differ() -> None:
    with Fake() as fake:
        _, first = post(fake.url, "/chat/completions", question(n=3))
        _, again = post(fake.url, "/chat/completions", question(n=3))
        _, other = post(fake.url, "/chat/completions", question("Who else?"))
    assert texts(first) == texts(again) and len(set(texts(first))) == 3
    assert texts(other)[0] != texts(first)[0]
    assert first["usage"] == {"prompt_tokens": 3, "completion_tokens": 24, "total_tokens": 27}


def test_an_answer_over_the_limit_is_cut_off() -> None:
    with Fake() as fake:
        _, said = post(fake.url, "/chat/completions", question(max_tokens=4))
    assert said["choices"][0]["finish_reason"] == "length" and len(texts(said)[0].split()) == 4


def test_the_first_requests_fail_as_told_and_all_are_counted() -> None:
    with Fake(failures=[429, 500, "empty"], retry_after="3") as fake:
        statuses = [post(fake.url, "/chat/completions", question())[0] for _ in range(4)]
        assert fake.counts() == {"asked": 4, "answered": 2, "different": 1, "most_in_flight": 1}
    assert statuses == [429, 500, 200, 200]


def test_requests_in_flight_are_counted() -> None:
    with Fake(latency=0.2) as fake:
        asking = [threading.Thread(target=post, args=(fake.url, "/chat/completions", question())) for _ in range(7)]
        begun = time.monotonic()
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        assert fake.most_in_flight == 7 and fake.in_flight == 0
    assert time.monotonic() - begun < 7 * 0.2


@pytest.mark.parametrize(
    ("how", "body", "status"),
    [
        ({"key": "sk-1"}, question(), 401),
        ({"models": ["other"]}, question(), 404),
        ({"context": 2}, question(), 400),
        ({"refuses_n": True}, question(n=2), 400),
        ({}, b"no JSON", 400),
        ({}, [], 400),
        ({}, {"model": "fake"}, 400),
    ],
)
def test_what_servers_refuse_is_refused(how: dict[str, Any], body: Any, status: int) -> None:
    with Fake(**how) as fake:
        code, said = post(fake.url, "/chat/completions", body)
    assert code == status and said["error"]["message"]


def test_the_key_that_is_wanted_opens() -> None:
    with Fake(key="sk-1") as fake:
        assert post(fake.url, "/chat/completions", question(), authorization="Bearer sk-1")[0] == 200
        assert post(fake.url, "/nowhere", question(), authorization="Bearer sk-1")[0] == 404


def test_texts_are_moderated_by_words() -> None:
    with Fake() as fake:
        _, said = post(fake.url, "/moderations", {"input": ["What a fine day", "I will KILL you, idiot"]})
        _, one = post(fake.url, "/moderations", {"input": "a fine day", "model": "m"})
    fine, harmful = said["results"]
    assert not fine["flagged"] and set(fine["category_scores"].values()) == {0.01}
    assert harmful["flagged"] and harmful["category_scores"]["violence"] == 0.9
    assert {name for name, there in harmful["categories"].items() if there} == {"violence", "harassment"}
    assert one["model"] == "m" and len(one["results"]) == 1


def test_it_goes_away_and_comes_back_at_the_same_address() -> None:
    with Fake() as fake:
        url = fake.url
        fake.go_away()
        with pytest.raises(OSError):
            post(url, "/chat/completions", question())
        fake.come_back()
        assert fake.url == url and post(url, "/chat/completions", question())[0] == 200


def test_one_that_hangs_does_not_keep_the_block_from_ending() -> None:
    broken: list[Exception] = []

    def wait() -> None:
        try:
            post(fake.url, "/chat/completions", question())
        except OSError as error:
            broken.append(error)

    with Fake(failures=["hang"]) as fake:
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not fake.asked:
            time.sleep(0.01)
    waiting.join(timeout=5)
    assert broken


def test_it_can_be_started_by_hand() -> None:
    program = [sys.executable, "-m", "leaven.generate.fake", "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            assert post(started.stdout.readline().strip(), "/chat/completions", question())[0] == 200
        finally:
            started.terminate()
