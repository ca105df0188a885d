"""The moderation metric against a loopback server: the key, categories, retries, resumption, and what goes wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaven import progress
from leaven.errors import ModelError
from leaven.generate.fake import Fake
from leaven.registry import METRICS, Step
from leaven.score import moderated, moderation

KEY = "sk-secret-0123456789"
TEXTS = ["Good day to you.", "You are an idiot.", "", "I will stab him, the loser.", "Good day to you."]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    yield


def kept(tmp_path: Path) -> Path:
    """Return where a stage keeps its journal."""
    return tmp_path / progress.FOLDER / "replies.jsonl"


def asked(server: Fake, texts: list[str], **args: Any) -> dict[str, list[float | None]]:
    made = {"base_url": server.url, "max_retries": 2, **args}
    found: dict[str, list[float | None]] = METRICS.get("moderation").call(texts, args=made)
    return found


def test_flags_are_the_servers_own_by_category() -> None:
    with Fake(key=KEY) as server:
        found = asked(server, TEXTS)
    assert found["moderation"] == [0, 1, None, 1, 0]
    assert found["moderation_harassment"] == [0, 1, None, 1, 0]
    assert found["moderation_violence"] == [0, 0, None, 1, 0]
    assert found["moderation_sexual_minors"] == [None] * 5, "the server's model does not have this category"
    assert set(found) == set(METRICS.get("moderation").traits["values"])
    assert [len(body["input"]) for body in server.asked] == [3], "one batch; nothing empty, nothing twice"


def test_a_threshold_reads_scores_in_place_of_flags() -> None:
    with Fake() as server:
        assert asked(server, TEXTS, threshold=0.95)["moderation"] == [0, 0, None, 0, 0]
        assert asked(server, TEXTS, threshold=0.01)["moderation_hate"] == [1, 1, None, 1, 1]


def test_values_do_not_depend_on_batches_or_their_order() -> None:
    texts = [f"{number} {'idiot' if number % 3 == 0 else 'friend'}" for number in range(50)]
    with Fake(latency=0.002) as server:
        one_by_one = asked(server, texts, batch_size=1, max_concurrency=8)
        together = asked(server, texts, batch_size=64)
        assert one_by_one == together
        assert server.counts()["asked"] == 51
        assert 1 < server.counts()["most_in_flight"] <= 8
    assert one_by_one["moderation"] == [float(number % 3 == 0) for number in range(50)]


def test_a_long_batch_is_parted() -> None:
    with Fake() as server:
        asked(server, ["a" * 60_000, "b" * 60_000, "c"], max_concurrency=1)
    assert [[text[0] for text in body["input"]] for body in server.asked] == [["a"], ["b", "c"]]


def test_only_the_model_and_the_threshold_are_part_of_the_key(tmp_path: Path) -> None:
    plugin = METRICS.get("moderation")
    around = {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "X", "batch_size": 2, "max_concurrency": 2,
              "requests_per_minute": 60, "timeout": 1.0, "max_retries": 0, "journal": str(kept(tmp_path))}  # fmt: skip
    known = plugin.canonical(Step(name="moderation", args={**around, "model": "m"}).args)
    assert known == {"name": "moderation", "version": 1, "args": {"model": "m"}}
    assert plugin.circumstance(around) == around
    assert moderation.resolve({"model": "m"}) == {"args": {"model": "m"}, "paths": {}, "computes": False}


# ---- a journal ----------------------------------------------------------------------------------------------


def test_nothing_that_was_answered_is_sent_again(tmp_path: Path) -> None:
    journal = kept(tmp_path)
    texts = [f"text {number}" for number in range(12)]
    with Fake(failures=[]) as server:
        asked(server, texts[:8], batch_size=2, journal=str(journal))
        with journal.open("ab") as stream:
            stream.write(b'0123456789abcdef {"id": "torn')  # killed while it wrote
        found = asked(server, texts, batch_size=2, journal=str(journal))
        again = asked(server, texts, batch_size=2, journal=str(journal))
    assert found == again and found["moderation"] == [0.0] * 12
    sent = [text for body in server.asked for text in body["input"]]
    assert sorted(sent) == sorted(texts), "each text once, over three attempts"
    assert moderation.facts(journal) == {"moderated_by": {"omni-moderation-latest": 12}, "not_moderated": {}}
    assert KEY not in journal.read_text()


def test_an_edited_line_is_asked_for_again(tmp_path: Path) -> None:
    journal = kept(tmp_path)
    with Fake() as server:
        asked(server, ["a fine day"], journal=str(journal))
        journal.write_text(journal.read_text().replace("false", "true", 1))
        assert asked(server, ["a fine day"], journal=str(journal))["moderation"] == [0]
        assert server.counts()["asked"] == 2


def test_another_model_is_another_answer(tmp_path: Path) -> None:
    journal = kept(tmp_path)
    with Fake() as server:
        for model in ("one", "other"):
            asked(server, ["a fine day"], journal=str(journal), model=model)
        assert server.counts()["asked"] == 2
    assert moderation.facts(journal)["moderated_by"] == {"one": 1, "other": 1}


def test_a_server_that_goes_away_loses_nothing(tmp_path: Path) -> None:
    journal, texts = kept(tmp_path), [f"text {number}" for number in range(20)]
    with Fake(failures=[]) as server:
        asked(server, texts[:10], batch_size=1, journal=str(journal))
        server.go_away()
        with pytest.raises(ModelError, match=r"cannot be reached .*what was answered is kept"):
            asked(server, texts, batch_size=1, journal=str(journal), max_retries=0)
        server.come_back()
        found = asked(server, texts, batch_size=1, journal=str(journal))
        assert None not in found["moderation"]
        assert server.counts()["answered"] == 20


# ---- what goes wrong ------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "  ")
    with Fake() as server:
        with pytest.raises(ModelError, match="set the environment variable OPENAI_API_KEY"):
            asked(server, TEXTS)
        with pytest.raises(ModelError, match="environment variable MY_KEY"):
            asked(server, TEXTS, api_key_env="MY_KEY")
        monkeypatch.setenv("MY_KEY", "caf\u00e9")
        with pytest.raises(ModelError, match="no header can carry") as error:
            asked(server, TEXTS, api_key_env="MY_KEY")
        assert "caf" not in str(error.value)
        assert asked(server, ["", "  "])["moderation"] == [None, None], "blank texts need no key"
        assert not server.asked


def test_a_wrong_key_ends_it_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-one")
    with Fake(key=KEY) as server:
        with pytest.raises(ModelError, match=r"refuses the key in OPENAI_API_KEY \(status 401\)") as error:
            asked(server, [f"text {number}" for number in range(200)], batch_size=1)
        assert server.counts()["answered"] == 0
    chain, seen = error.value, []
    while chain is not None:
        seen.append(str(chain))
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert not any("sk-wrong-one" in one for one in seen)


def test_what_can_be_retried_is_retried() -> None:
    with Fake(failures=[429, 500, 503], retry_after="0.01") as server:
        assert asked(server, TEXTS[:2], max_retries=3)["moderation"] == [0, 1]
        assert server.counts()["asked"] == 4


def test_a_rate_limit_that_lasts_says_what_to_set() -> None:
    with (
        Fake(failures=[429] * 50, retry_after="0.01") as server,
        pytest.raises(ModelError, match="requests_per_minute"),
    ):
        asked(server, TEXTS)


def test_a_text_that_the_server_cannot_take_is_found_and_counted(tmp_path: Path) -> None:
    journal, texts = kept(tmp_path), [f"text {number}" for number in range(7)]

    class Choosy(Fake):
        def _moderated(self, text: str) -> dict[str, Any]:
            return {"flagged": "no"} if text == "text 5" else super()._moderated(text)

    with Choosy() as server:
        found = asked(server, texts, journal=str(journal))
        assert found["moderation"] == [None if text == "text 5" else 0 for text in texts]
        facts = moderation.facts(journal)
        assert facts["not_moderated"] == {"a result without flags, categories and scores": 1}
        assert facts["moderated_by"] == {"omni-moderation-latest": 6}
        before = server.counts()["asked"]
        asked(server, texts, journal=str(journal))
        assert server.counts()["asked"] == before + 1, "what was refused is asked once more"


@pytest.mark.parametrize("failure", ["no_json", "no_choices", "cut_off", 500])
def test_a_server_that_never_makes_sense_ends_it(failure: Any) -> None:
    with (
        Fake(failures=[failure] * 100) as server,
        pytest.raises(ModelError, match=r"3 texts in a row had no answer \((a reply|status)"),
    ):
        asked(server, [f"text {number}" for number in range(8)], max_concurrency=1, max_retries=1)


class Refusing(Fake):
    """Refuses a request that names a bomb, by a status, and takes all else."""

    def __init__(self, status: int):
        super().__init__()
        self._status = status

    def _moderation(self, body: Any, answer: Any) -> Any:
        texts = body["input"]
        return (
            self._error(self._status, "no")
            if any("bomb" in one for one in texts)
            else super()._moderation(body, answer)
        )


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_neighbours_that_the_server_refuses_do_not_end_it(tmp_path: Path, status: int, batch_size: int) -> None:
    texts = [f"{'a bomb' if 1 <= number <= 5 else 'tea'} {number}" for number in range(8)]
    with Refusing(status) as server:
        found = asked(server, texts, journal=str(kept(tmp_path)), batch_size=batch_size, max_concurrency=1)
    assert found["moderation"] == [0, *[None] * 5, 0, 0]
    assert moderation.facts(kept(tmp_path))["not_moderated"] == {f"status {status}": 5}


def test_refused_texts_between_do_not_hide_a_server_that_fails() -> None:
    failures = [500, 400, 500, 400, 500]
    with (
        Fake(failures=failures) as server,
        pytest.raises(ModelError, match=r"3 texts in a row had no answer \(status 5"),
    ):
        asked(server, [f"text {n}" for n in range(8)], batch_size=1, max_concurrency=1, max_retries=0)


def test_what_is_in_flight_when_somebody_stops_it_is_kept(tmp_path: Path) -> None:
    journal, begun = moderated.Journal(kept(tmp_path)), threading.Event()

    def send(texts: list[str]) -> bytes:
        if texts == ["first"]:
            begun.wait(5)
            return reply()
        begun.set()
        time.sleep(0.2)  # in flight while the first is noted
        return reply()

    class Stopping(moderated.Journal):
        def add(self, name: str, said: moderated.Judged | str) -> None:
            if not journal.judged:
                journal.add(name, said)
                raise KeyboardInterrupt
            journal.add(name, said)

    with pytest.raises(KeyboardInterrupt):
        moderated.judge(["first", "second", "third"], moderated.Asking("m", 1, 2, None), send, Stopping(None))
    assert len(moderated.Journal(kept(tmp_path)).judged) == 2, "the third was not sent"


def test_a_journal_that_stages_would_share_cannot_be_declared(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no setting: each stage keeps its own; take it out"):
        METRICS.get("moderation").declare({"journal": str(tmp_path / "replies.jsonl")})


@pytest.mark.parametrize("failure", ["no_json", "cut_off", "torn", 400, 500])
def test_one_reply_that_makes_no_sense_loses_nothing(failure: Any) -> None:
    with Fake(failures=[failure]) as server:
        assert asked(server, TEXTS)["moderation"] == [0, 1, None, 1, 0]


def test_a_time_out_is_no_answer() -> None:
    with Fake(failures=["hang"] * 8) as server, pytest.raises(ModelError, match=r"in a row had no answer \(time-out\)"):
        asked(server, ["a", "b", "c"], timeout=0.05, max_retries=0, batch_size=1, max_concurrency=1)


def test_a_model_that_is_not_there() -> None:
    with Fake() as server, pytest.raises(ModelError, match="no model 'x', or is no such server"):
        asked(server, ["a"], base_url=server.url + "/nowhere", model="x")
    with pytest.raises(ModelError, match="is no address"):
        METRICS.get("moderation").call(["a"], args={"base_url": "ftp://x"})


GOOD = {"flagged": True, "categories": {"hate": True, "illicit": None}, "category_scores": {"hate": 0.5, "illicit": 0}}


def reply(**changed: Any) -> bytes:
    return json.dumps({"id": "x", "model": "m", "results": [{**GOOD, **changed}]}).encode()


def test_a_reply_is_read_strictly() -> None:
    assert moderated.read(reply(), 1) == [moderated.Judged("m", True, {"hate": True}, {"hate": 0.5})]


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, reply()[:-3], b'{"results": [], "model": "m"}',
        b'{"model": "m", "results": "ab"}',
        reply(flagged=1), reply(flagged="true"), reply(categories=[]), reply(categories={}), reply(category_scores={}),
        reply(categories={"hate": 1}), reply(category_scores={"hate": 1.5}), reply(category_scores={"hate": True}),
        reply(category_scores={"hate": float("nan")}), reply().replace(b'"m"', b'""'), reply().replace(b'"m"', b"7"),
        reply().replace(b'"m"', b'"' + b"m" * 301 + b'"'),
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(moderated.RefusedError):
        moderated.read(content, 1)


def test_requests_keep_their_distance() -> None:
    pace, free, begun = moderated._Pace(1200), moderated._Pace(None), time.monotonic()
    for _ in range(4):
        pace()
        free()
    assert time.monotonic() - begun >= 3 * 0.05 - 1e-6
