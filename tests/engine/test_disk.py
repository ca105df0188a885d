"""A disk that is full, read-only, gone or edited: a clear error, or a result made again; never a wrong one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leaven.engine.files import read_sealed, write_sealed
from leaven.engine.local import LocalExecutor
from leaven.engine.machine import Machine
from leaven.engine.run import run
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.errors import StoreError

Make = Callable[..., Stage]
Go = Callable[..., Any]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here (that needs root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def run_on(place: Path, *targets: Stage) -> Any:
    executor = LocalExecutor({}, machine=Machine(2, 8000), preloaded=())
    return run(targets, Store(place / "store"), executor, lambda event: None)


def test_a_full_disk_ends_the_run_and_blames_no_stage(small_disk: Path, stage: Make) -> None:
    big, well = stage(2_000_000, verb="fill_disk"), stage("y")
    with pytest.raises(StoreError, match="the disk is full; make room"):
        run_on(small_disk, big)
    store = Store(small_disk / "store")
    assert store.failure(big) is None and store.record(big) is None
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert run_on(small_disk, big, well).complete
    assert (store.folder(big) / "big.bin").stat().st_size == 2_000_000


def test_a_disk_that_is_full_before_anything_can_be_written(small_disk: Path, stage: Make) -> None:
    store = Store(small_disk / "store")
    store.open()
    ballast = os.open(small_disk / "ballast", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space"):
        while True:
            os.write(ballast, b"x" * 4096)
    os.close(ballast)
    with pytest.raises(StoreError, match="full"):
        run_on(small_disk, stage("a"))


def test_a_read_only_workspace_is_said(small_disk: Path, stage: Make) -> None:
    assert run_on(small_disk, stage("a")).complete
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert run_on(small_disk, stage("a")).complete, "what is there can still be read"
    assert Store(small_disk / "store").state(stage("b")) == "absent"
    with pytest.raises(StoreError, match="read-only; choose another --workspace"):
        run_on(small_disk, stage("b"))


def test_a_workspace_removed_in_mid_run_does_not_come_back_half_empty(store: Store, stage: Make, go: Go) -> None:
    below = stage("x", verb="remove_workspace")
    with pytest.raises(StoreError, match="was removed or unmounted"):
        go(below, stage("y", below))
    assert not store.root.exists()


def test_a_workspace_that_cannot_be_made_is_one_error(tmp_path: Path, stage: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        run_on(tmp_path / "file", stage("a"))


@pytest.mark.parametrize("place", ["value.txt", "record.json"])
def test_a_change_of_any_byte_is_found_and_mended(store: Store, stage: Make, go: Go, place: str) -> None:
    one = stage("a")
    go(one)
    file = store.folder(one) / place
    whole = file.read_bytes()
    for position in range(len(whole)):
        edited = bytearray(whole)
        edited[position] ^= 0x20
        file.write_bytes(edited)
        assert store.damage(one) is not None, f"byte {position} ({whole[position : position + 1]!r}) of {place}"
    outcome, _ = go(one)
    assert outcome.complete and store.damage(one) is None
    assert (store.folder(one) / "value.txt").read_text() == "a"


def test_a_result_that_was_moved_to_another_key_is_not_taken_for_it(store: Store, stage: Make, go: Go) -> None:
    one, other = stage("a"), stage("b")
    go(one)
    store.folder(one).rename(store.folder(other))
    outcome, _ = go(other)
    assert outcome.complete and (store.folder(other) / "value.txt").read_text() == "b"


def test_a_clock_that_jumps_back_confuses_nothing(store: Store, stage: Make, go: Go) -> None:
    below = stage("x", verb="jumping_clock", affinity="one process")
    above = stage("y", below, verb="goes_nowhere", affinity="one process")
    assert go(below, above)[0].complete
    os.utime(store.folder(above) / "record.json", (0, 0))
    assert all((store.record(one) or {})["cost"]["wall_s"] >= 0 for one in (below, above))
    assert go(below, above)[1] == []


def test_a_seal_holds_for_any_text(tmp_path: Path) -> None:
    for text in ("", "\u2028 é \x00", '"},{"', "\ud800"):
        write_sealed(tmp_path / "x.json", {"a": text})
        assert (read_sealed(tmp_path / "x.json") or {})["a"] == text
    (tmp_path / "x.json").write_text('{"seal": "' + "0" * 64 + '", "a": 1}')
    assert read_sealed(tmp_path / "x.json") is None
