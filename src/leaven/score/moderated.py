"""Asking a moderation server: batches in flight, replies read strictly, finished ones kept in a journal.

Who is at fault decides what happens. A key, a model or an address that is wrong, and a server that is gone, end the
attempt with an error: nothing is lost, as what was answered is kept. A text that the server cannot take is found by
halving its batch, and left unscored.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.generate.silence import EVERY_S, Report, Silence

# Of omni-moderation; earlier models lack the illicit ones.
CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip

_MOST_CHARACTERS = 100_000  # in one request: a batch of long answers would time out as a whole
_GONE = 3  # texts in a row that fail alone for no fault of theirs, before it is the server that fails
_DIGEST = 16  # hex digits before each line of the journal: a torn or edited line is asked for again
_LONGEST = 300  # characters of a reported model's name, or of a reason


def word(category: str) -> str:
    """Return a category as part of a metric's name."""
    return category.replace("/", "_").replace("-", "_")


@dataclass(frozen=True)
class Asking:
    """How a server is asked; none of it but ``model`` can change an answer."""

    model: str
    batch_size: int
    max_concurrency: int
    requests_per_minute: int | None


@dataclass(frozen=True)
class Judged:
    """What the server said of one text: flags and scores (0 to 1) by category, and the version that answered."""

    model: str
    flagged: bool
    categories: dict[str, bool]
    scores: dict[str, float]


Send = Callable[[list[str]], bytes]


class RefusedError(Exception):
    """A request that failed while another may succeed; its words are the reason that is counted.

    ``of_text`` says that a server which works refuses what was in it; without it the server itself may be at fault.
    """

    def __init__(self, reason: str, *, of_text: bool = False):
        super().__init__(reason)
        self.of_text = of_text


class Journal:
    """Replies by text and model, kept line by line; without a file they are kept in memory alone.

    ``judged`` are finished and asked for no more. ``refused`` texts have a reason, and are asked for again.
    """

    def __init__(self, file: Path | None):
        self._file = file
        self.judged: dict[str, Judged] = {}
        self.refused: dict[str, str] = {}
        for line in self._whole():
            self._take(line)

    def add(self, name: str, reply: Judged | str) -> None:
        """Keep what was said of one text, or why nothing was."""
        line = {"id": name, **(asdict(reply) if isinstance(reply, Judged) else {"reason": reply})}
        self._take(line)
        if self._file is not None:
            text = json.dumps(line).encode()
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as stream:
                stream.write(_digest(text) + b" " + text + b"\n")

    def _take(self, line: dict[str, Any]) -> None:
        name = line["id"]
        if "reason" in line:
            self.refused[name] = line["reason"]
        else:
            self.judged[name] = Judged(**{part: value for part, value in line.items() if part != "id"})
            self.refused.pop(name, None)

    def _whole(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that are as they were written; mend a torn end, so that the next line begins a line."""
        if self._file is None or not self._file.exists():
            return
        text = self._file.read_bytes()
        if text and not text.endswith(b"\n"):
            with self._file.open("ab") as stream:
                stream.write(b"\n")
        for line in text.split(b"\n"):
            digest, _, row = line.partition(b" ")
            if row and digest == _digest(row):
                yield json.loads(row)


def judge(
    texts: Sequence[str],
    asking: Asking,
    send: Send,
    journal: Journal,
    silence: Silence | None = None,
    report: Report = lambda done, total, **more: None,
) -> dict[str, Judged]:
    """Return what the server says of each text, by the text; one that it cannot take is not there.

    ``texts`` are distinct and none is empty; those in the journal are not sent. ``send`` sends one request and returns
    the reply's bytes; it raises ModelError where no request can succeed, which ends all, and RefusedError where another
    one may. What came back until then is in the journal. ``report`` is told how many texts are settled, and by
    ``silence``, which ``send`` may tell of failures, how long nobody has been answered.
    """
    named = {_name(asking.model, text): text for text in texts}
    missing = [name for name in named if name not in journal.judged]
    if missing:
        _Asked(asking, send, named, journal, silence or Silence()).all(missing, report)
    return {text: journal.judged[name] for name, text in named.items() if name in journal.judged}


def _name(model: str, text: str) -> str:
    return hashlib.sha256(f"{model}\x1f{text}".encode("utf-8", "surrogatepass")).hexdigest()


class _Asked:
    """One attempt: requests in flight, and how many texts failed alone in a row."""

    def __init__(self, asking: Asking, send: Send, named: dict[str, str], journal: Journal, silence: Silence):
        self._asking, self._send, self._named, self._journal = asking, send, named, journal
        self._silence = silence
        self._pace = _Pace(asking.requests_per_minute)
        self._alone, self._settled = 0, 0

    def all(self, missing: Sequence[str], report: Report) -> None:
        """Ask for all of them; the journal is written, and ``report`` called, by this thread alone."""
        batches, most = list(self._batches(missing)), self._asking.max_concurrency
        going: dict[Future[list[Judged]], list[str]] = {}
        with ThreadPoolExecutor(most) as pool:
            try:
                while batches or going:
                    while batches and len(going) < most:
                        batch = batches.pop(0)
                        going[pool.submit(self._ask, batch)] = batch
                    for done in wait(going, timeout=EVERY_S, return_when=FIRST_COMPLETED).done:
                        batches[:0] = self._noted(done, going[done])
                        del going[done]
                    settled = len(self._named) - len(missing) + self._settled
                    report(settled, len(self._named), **self._silence.told())
            except BaseException:  # whoever stops it has paid for these too
                self._keep_rest(going)
                raise

    def _batches(self, names: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        size = 0
        for name in names:
            size += len(self._named[name])
            if batch and (len(batch) == self._asking.batch_size or size > _MOST_CHARACTERS):
                yield batch
                batch, size = [], len(self._named[name])
            batch.append(name)
        if batch:
            yield batch

    def _ask(self, batch: Sequence[str]) -> list[Judged]:
        self._pace()
        with self._silence.asking():
            content = self._send([self._named[name] for name in batch])
        self._silence.dealt()
        return read(content, len(batch))

    def _noted(self, done: Future[list[Judged]], batch: list[str]) -> list[list[str]]:
        """Keep what came back; return the halves of a batch that was refused, to be asked next."""
        try:
            replies = done.result()
        except RefusedError as refused:
            if refused.of_text:
                self._silence.dealt()
            return self._halved(batch, refused)
        self._alone = 0
        self._keep(batch, replies)
        return []

    def _halved(self, batch: list[str], refused: RefusedError) -> list[list[str]]:
        if len(batch) > 1:
            return [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        self._journal.add(batch[0], str(refused))
        self._settled += 1
        if refused.of_text:
            return []
        self._alone += 1
        if self._alone == _GONE:
            raise ModelError(
                f"the moderation server fails: {_GONE} texts in a row had no answer ({refused}); look whether it is up "
                "and speaks OpenAI's protocol, and run again: what it answered is kept"
            )
        return []

    def _keep(self, batch: Sequence[str], replies: Sequence[Judged]) -> None:
        self._settled += len(batch)
        for name, reply in zip(batch, replies, strict=True):
            self._journal.add(name, reply)

    def _keep_rest(self, going: Mapping[Future[list[Judged]], list[str]]) -> None:
        """Keep what is in flight when an attempt ends: it was sent, and may have been paid for."""
        for done in wait(going).done:
            if done.exception() is None:
                self._keep(going[done], done.result())


class _Pace:
    """Lets requests begin no faster than so many a minute."""

    def __init__(self, per_minute: int | None):
        self._apart = 60 / per_minute if per_minute else 0.0
        self._lock, self._next = threading.Lock(), 0.0

    def __call__(self) -> None:
        with self._lock:
            at = max(self._next, time.monotonic())
            self._next = at + self._apart
        time.sleep(max(0.0, at - time.monotonic()))


def read(content: bytes, count: int) -> list[Judged]:
    """Read a reply about ``count`` texts; raises RefusedError, with the reason, for whatever is not as promised."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise RefusedError("a reply that is no JSON") from None
    results = said.get("results") if isinstance(said, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise RefusedError(f"a reply without {count} results" if count > 1 else "a reply without a result")
    model = said.get("model")
    if not isinstance(model, str) or not model or len(model) > _LONGEST:
        raise RefusedError("a reply that does not name its model")
    return [_judged(model, one) for one in results]


def _judged(model: str, one: Any) -> Judged:
    """Read one result. A category that is null is one that the model does not have."""
    flagged, categories, scores = (
        (one.get("flagged"), one.get("categories"), one.get("category_scores"))
        if isinstance(one, dict)
        else (None,) * 3
    )
    if not isinstance(flagged, bool) or not isinstance(categories, dict) or not isinstance(scores, dict):
        raise RefusedError("a result without flags, categories and scores")
    known = {name: value for name, value in categories.items() if value is not None}
    sound = all(isinstance(value, bool) and _is_score(scores.get(name)) for name, value in known.items())
    if not known or not sound:
        raise RefusedError("a result whose categories or scores cannot be read")
    return Judged(model, flagged, known, {name: float(scores[name]) for name in known})


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_DIGEST].encode()
