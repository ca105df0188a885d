"""A real server on loopback: `transformers serve` with the embedded model answers greedily, and has its limits."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from leaven.generate.asked import Request
from leaven.generate.openai import ask
from leaven.server import Server

_NEEDED = ("fastapi", "uvicorn", "openai")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not all(map(importlib.util.find_spec, _NEEDED)), reason=f"needs {', '.join(_NEEDED)}"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded model behind `transformers serve`."""
    model, log = str(resources.files("leaven.pocket") / "model"), tmp_path_factory.mktemp("served") / "log"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", model, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        end = time.monotonic() + 150
        while not answers(port):
            assert process.poll() is None and time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.3)
        yield Server(model=model, base_url=f"http://127.0.0.1:{port}/v1", timeout=60)
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except OSError:
        return False


def greedy(identity: str, text: str, **more: int) -> Request:
    return Request(identity, [{"role": "user", "content": text}], {"temperature": 0, "max_tokens": 12, **more})


def test_it_answers_greedily_and_nothing_is_asked_twice(served: Server, tmp_path: Path) -> None:
    asked = [
        greedy(f"q{n}", text)
        for n, text in enumerate(["Where does Bram live?", "Who are you?", "Where does Bram live?"])
    ]
    found = ask(served, asked, tmp_path / "r.jsonl")
    assert all(one.reason is None and one.texts[0].strip() for one in found.values())
    assert found["q0"].texts == found["q2"].texts
    assert all(0 < one.completion_tokens <= 12 < one.prompt_tokens for one in found.values())
    gone = served.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    assert ask(gone, asked, tmp_path / "r.jsonl") == found


def test_it_knows_no_n_so_the_missing_texts_are_asked_for(served: Server, tmp_path: Path) -> None:
    found = ask(served, [greedy("q", "Where does Bram live?", n=3)], tmp_path / "r.jsonl")["q"]
    assert len(found.texts) == 3 and len(set(found.texts)) == 1


def test_what_it_refuses_has_its_words_as_the_reason(served: Server, tmp_path: Path) -> None:
    found = ask(served, [greedy("q", "Who?", top_k=3)], tmp_path / "r.jsonl")["q"]
    assert found.reason is not None and found.reason.startswith("422: Unexpected fields in the request")
    other = ask(served.model_copy(update={"model": "other"}), [greedy("q", "Who?")], tmp_path / "o.jsonl")["q"]
    assert other.reason is not None and "requested 'other'" in other.reason
