"""A loopback server that speaks OpenAI's protocol and costs nothing: for trying a study without paying, and for tests.

    python -m leaven.generate.fake [--port 8000] [--latency 0.05]

A study then says ``server: {model: fake, base_url: "http://127.0.0.1:8000/v1"}``. It answers chat completions (with
``n`` and token counts), lists its models and moderates by a list of words. What it says is made up: by default the same
few words, or a judge's verdict, for the same question and sample. In Python ``Fake`` takes the answers, the latency and
the failures wanted, and counts what it was asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import string
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal

from leaven.generate.fake_http import Listening, Said

Body = dict[str, Any]
Answer = Callable[[Body, int], str | None]  # what was asked and the number of the sample -> what the model says
# A status (429 and the like); a message without a word; what fake_http does to a reply or to the connection.
Failure = int | Literal["empty", "no_json", "no_choices", "cut_off", "torn", "hang", "drop"]

CATEGORIES: Mapping[str, Sequence[str]] = {
    "harassment": ("stupid", "idiot", "moron", "loser"),
    "hate": ("vermin", "subhuman", "inferior race"),
    "illicit": ("bomb", "meth", "counterfeit", "hack into"),
    "self-harm": ("suicide", "kill yourself"),
    "sexual": ("porn", "nude"),
    "violence": ("kill", "murder", "stab", "shoot"),
}
_WORDS = "well yes no perhaps the a good bad house river friend goes comes sees keeps gives takes here there soon"


def few_words(body: Body, sample: int) -> str:
    """Return eight words, or a verdict where one is asked for; by the question and the number of the sample alone."""
    drawn = hashlib.sha256(f"{sample}{body.get('seed')}{body['messages']}".encode()).digest()
    if (verdict := _verdict(str(body["messages"][-1]["content"]), drawn)) is not None:
        return verdict
    words = _WORDS.split()
    return " ".join(words[byte % len(words)] for byte in drawn[:8])


def _verdict(question: str, drawn: bytes) -> str | None:
    """Return what a judge is asked for, by chance: ranks, the better one, or points."""
    _, asked, form = question.rpartition("Reply with one JSON object and nothing else: ")
    letters = [letter for letter in string.ascii_uppercase if f'"{letter}": rank' in form]
    if not asked:
        return None
    if letters:
        order = sorted(letters, key=lambda letter: hashlib.sha256(drawn + letter.encode()).digest())
        return json.dumps({letter: place for place, letter in enumerate(order, start=1)})
    if '"better"' in form:
        return json.dumps({"better": "AB"[drawn[0] % 2]})
    return json.dumps({"points": 1 + drawn[0] % 10})


class Fake:
    """The server, as a context manager; ``url`` is its ``base_url``. Everything that was asked is in ``asked``.

    ``answer`` says what the model answers, None for an empty message. ``latency``: seconds until a reply. ``failures``
    are what the first requests get, in their order; ``retry_after`` goes with a 429 and a 503. ``several`` false:
    ``n`` is ignored, as `transformers serve` does; ``refuses_n``: it is refused. ``key``: what must be shown,
    else 401. ``models``: names that are known, else 404; None: all are. ``context``: the most words of a prompt, else
    400. ``limit``: the tokens of an answer when none are asked for.
    """

    def __init__(  # noqa: PLR0913 - each is one way in which servers differ, and most tests name one
        self,
        answer: Answer = few_words,
        *,
        latency: float = 0.0,
        failures: Sequence[Failure] = (),
        retry_after: str | None = None,
        several: bool = True,
        refuses_n: bool = False,
        key: str | None = None,
        models: Sequence[str] | None = None,
        context: int | None = None,
        categories: Mapping[str, Sequence[str]] = CATEGORIES,
        port: int = 0,
    ):
        self.answer, self.latency, self.retry_after = answer, latency, retry_after
        self.several, self.refuses_n, self.key, self.models, self.context = several, refuses_n, key, models, context
        self.categories = categories
        self.asked: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []  # when each was asked, by time.monotonic
        self.answered: list[Body] = []  # those that got what they asked for
        self.in_flight = self.most_in_flight = 0
        self._failures, self._lock = list(failures), threading.Lock()
        self._listening = Listening(self._said, port)

    @property
    def url(self) -> str:
        """The ``base_url`` of clients."""
        return f"http://127.0.0.1:{self._listening.port}/v1"

    def __enter__(self) -> Fake:
        self._listening.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.stop()

    def go_away(self) -> None:
        """Close the port and all connections, as a server does that dies."""
        self._listening.stop()

    def come_back(self) -> None:
        """Listen again, at the same port."""
        self._listening.start()

    def counts(self) -> dict[str, int]:
        """Return how many requests came, how many got an answer, and how many were in flight at once at most."""
        with self._lock:
            return {
                "asked": len(self.asked),
                "answered": len(self.answered),
                "different": len(Counter(map(repr, self.answered))),
                "most_in_flight": self.most_in_flight,
            }

    def _said(self, path: str, headers: dict[str, str], body: Any) -> Said | str:
        """Return what is said to a request, or how to fail; called by the listener for every one."""
        path = path.removeprefix("/v1")
        if path in ("/health", "/counts"):
            return 200, self.counts(), {}
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return self._error(401, "Incorrect API key provided", "invalid_api_key")
        if path == "/models":
            names = self.models or ["fake"]
            return 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}, {}
        needs = {"/chat/completions": "messages", "/moderations": "input"}.get(path)
        if needs is None:
            return self._error(404, f"there is nothing at {path}")
        if not isinstance(body, dict) or needs not in body:
            return self._error(400, f"'{needs}' is missing")
        return self._answered(headers, body, self._moderation if needs == "input" else self._completion)

    def _answered(self, headers: dict[str, str], body: Body, makes: Callable[[Body, Answer], Said]) -> Said | str:
        with self._in_flight(headers, body) as failure:
            time.sleep(self.latency)
            if isinstance(failure, int):
                return self._error(failure, "made to fail")
            if failure not in (None, "empty"):
                return failure
            said = makes(body, self.answer if failure is None else lambda *_: "")
            if said[0] == 200:
                with self._lock:
                    self.answered.append(body)
            return said

    @contextmanager
    def _in_flight(self, headers: dict[str, str], body: Body) -> Iterator[Failure | None]:
        """Count a request while it is in hand; yields the failure that is its turn, if any."""
        with self._lock:
            self.asked.append(body)
            self.headers.append(headers)
            self.times.append(time.monotonic())
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            failure = self._failures.pop(0) if self._failures else None
        try:
            yield failure
        finally:
            with self._lock:
                self.in_flight -= 1

    def _completion(self, body: Body, answer: Answer) -> Said:
        model, several = body.get("model", ""), body.get("n") or 1
        if self.models is not None and model not in self.models:
            return self._error(404, f"The model '{model}' does not exist", "model_not_found")
        if self.refuses_n and "n" in body:
            return self._error(400, "'n' must be 1", "invalid_request_error")
        words = sum(len(str(message.get("content", "")).split()) for message in body["messages"])
        if self.context is not None and words > self.context:
            return self._error(400, f"This model's maximum context length is {self.context}", "context_length_exceeded")
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        choices = [_choice(index, answer(body, index), limit) for index in range(several if self.several else 1)]
        told = sum(len((one["message"]["content"] or "").split()) for one in choices)
        usage = {"prompt_tokens": words, "completion_tokens": told, "total_tokens": words + told}
        about = {"id": "fake", "object": "chat.completion", "created": 0, "model": model}
        return 200, {**about, "choices": choices, "usage": usage}, {}

    def _moderation(self, body: Body, _: Answer) -> Said:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        results = [self._moderated(one) for one in texts]
        return 200, {"id": "fake", "model": body.get("model", "fake"), "results": results}, {}

    def _error(self, status: int, message: str, code: str | None = None) -> Said:
        after = {"retry-after": self.retry_after} if self.retry_after and status in (429, 503) else {}
        return status, {"error": {"message": message, "type": "error", "code": code}}, after

    def _moderated(self, text: str) -> dict[str, Any]:
        """Return a text's result: a category's score is 0.9 where one of its words is there, else 0.01."""
        said = {name: any(word in text.lower() for word in words) for name, words in self.categories.items()}
        scores = {name: 0.9 if there else 0.01 for name, there in said.items()}
        return {"flagged": any(said.values()), "categories": said, "category_scores": scores}


def _choice(index: int, text: str | None, limit: int | None) -> dict[str, Any]:
    """Return one choice; a token is a word, so that an answer over the limit is cut off after that many."""
    words = (text or "").split()
    cut = limit is not None and len(words) > limit
    content = " ".join(words[:limit]) if cut else text
    message = {"role": "assistant", "content": content}
    return {"index": index, "message": message, "finish_reason": "length" if cut else "stop"}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="leaven.generate.fake", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds until a reply")
    given = parser.parse_args()
    with Fake(latency=given.latency, port=given.port) as fake:
        print(fake.url, flush=True)  # noqa: T201 - whoever started it reads it
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
