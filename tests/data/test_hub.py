from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from leaven.data import hub, sources
from leaven.data.hub import HubSet
from leaven.errors import DataError

SHA = "0123456789abcdef0123456789abcdef01234567"
ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(4)]


def snapshot(cache: Path, files: dict[str, list[dict[str, str]]], *others: str) -> None:
    """Build a set in the layout of the hub's cache: a snapshot of links to blobs."""
    home = cache / "datasets--owner--name"
    (home / "blobs").mkdir(parents=True)
    for name, rows in [*files.items(), *((other, []) for other in others)]:
        blob = home / "blobs" / name.replace("/", "-")
        blob.write_text("".join(json.dumps(row) + "\n" for row in rows) or "x\n")
        link = home / "snapshots" / SHA / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def api(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    asked: list[Any] = []

    def dataset_info(self: Any, name: str, *, revision: str | None, timeout: float) -> Any:
        asked.append((name, revision, timeout))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    return asked


@pytest.mark.parametrize(("config", "split"), [(None, "train"), ("default", "test"), ("with/slash", "train")])
def test_an_identity_says_all_and_can_be_read_back(config: str | None, split: str) -> None:
    told = sources.identity("hub:owner/name", SHA, config, split)
    assert HubSet.parse(told) == HubSet("owner/name", SHA, config, split)


def test_row_ids_of_two_sets_of_one_name_differ() -> None:
    told = [
        sources.identity(f"hub:{name}", commit, config, split)
        for name in ("owner/name", "other/name")
        for commit in (SHA, SHA[::-1])
        for config in (None, "c")
        for split in ("train", "test")
    ]
    short = [sources.short_name(one) for one in told]
    assert len(set(short)) == 16 and all(re.fullmatch("name-[0-9a-f]{6}", one) for one in short)
    assert short == [sources.short_name(one) for one in told]


def test_a_full_commit_asks_nobody_and_an_unpinned_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = api(monkeypatch, AssertionError("asked"))
    assert sources.identity("hub:owner/name", SHA) == f"hub:owner/name@{SHA}/train"
    waiting = sources.identity("hub:owner/name", "refs/convert/parquet", ask=False)
    assert waiting == "hub:owner/name@refs/convert/parquet?/train" and asked == []
    assert sources.identity("hub:owner/name", None, "c", "test", ask=False) == "hub:owner/name@main?/c/test"
    with pytest.raises(DataError, match="names no commit; pin `revision`"):
        HubSet.parse(waiting)


def test_any_other_revision_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = api(monkeypatch, SimpleNamespace(sha=SHA, siblings=None))
    assert sources.identity("hub:owner/name", "main") == f"hub:owner/name@{SHA}/train"
    assert asked == [("owner/name", "main", 10)]


def test_sets_with_a_script_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    api(monkeypatch, SimpleNamespace(sha=SHA, siblings=[SimpleNamespace(rfilename="name.py")]))
    with pytest.raises(DataError, match="loading script.*`revision: refs/convert/parquet`"):
        sources.identity("hub:owner/name")


def http(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("4xx",)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.OfflineModeIsEnabled("offline mode"), r"cannot be asked .*pin `revision` to a full commit"),
        (ConnectionError("no route"), r"cannot be asked .*pin `revision`"),
        (http(errors.GatedRepoError), "is gated: ask for access"),
        (http(errors.RevisionNotFoundError), "has no revision 'v9'"),
        (http(errors.RepositoryNotFoundError), "shows nobody a data set 'owner/name'"),
        (ValueError("odd\nand more"), "cannot be read: ValueError: odd$"),
    ],
)
def test_what_the_hub_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    api(monkeypatch, error)
    with pytest.raises(DataError, match=said) as raised:
        sources.identity("hub:owner/name", "v9")
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("offline")
def test_offline_the_snapshot_in_the_cache_is_read(tmp_path: Path) -> None:
    snapshot(tmp_path, {"data/train.jsonl": ROWS, "data/test.jsonl": ROWS[:1]})
    assert list(hub.read(f"hub:owner/name@{SHA}/train", tmp_path)) == ROWS
    assert list(hub.read(f"hub:owner/name@{SHA}/test", tmp_path)) == ROWS[:1]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("files", "others", "inside", "said"),
    [
        ({"train.jsonl": ROWS}, [], "validation", "validation"),
        ({"train.jsonl": ROWS}, [], "other/train", "other"),
        ({"data/train-00000-of-00002.jsonl": ROWS}, [], "train", "cache lacks data/train-00001-of-00002.jsonl"),
        ({}, ["name.py"], "train", "`revision: refs/convert/parquet`"),
    ],
)
def test_what_a_snapshot_lacks_is_one_line(
    tmp_path: Path, files: dict[str, list[dict[str, str]]], others: list[str], inside: str, said: str
) -> None:
    snapshot(tmp_path, files, *others)
    with pytest.raises(DataError, match=said) as raised:
        list(hub.read(f"hub:owner/name@{SHA}/{inside}", tmp_path))
    assert "\n" not in str(raised.value) and "owner/name" in str(raised.value)


@pytest.mark.usefixtures("offline")
def test_what_is_not_in_the_cache_cannot_be_read_offline(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"cache has not all of commit {SHA}; `hf download owner/name"):
        list(hub.read(f"hub:owner/name@{SHA}/train", tmp_path))


def test_without_a_network_the_snapshot_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    api(monkeypatch, ConnectionError("no route"))
    snapshot(tmp_path, {"train.jsonl": ROWS})
    assert list(hub.read(f"hub:owner/name@{SHA}/train", tmp_path)) == ROWS


READ = f"""
import socket
def refuse(*args, **named):
    raise AssertionError("the network was asked")
socket.getaddrinfo = socket.create_connection = refuse
from leaven.data import sources
known = sources.identity("hub:owner/name", "{SHA}")
print(len(list(sources.read("hub:owner/name", known))))
"""


@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_the_environment_says_offline_and_where_the_cache_is(tmp_path: Path, switch: str) -> None:
    snapshot(tmp_path / "hub", {"train.jsonl": ROWS})
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", READ], env={**plain, "HF_HOME": str(tmp_path), switch: "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("4", 0), done.stderr
