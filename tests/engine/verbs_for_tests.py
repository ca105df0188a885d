"""Verbs that a worker process can import: small, quick, and some of them bad."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from leaven.errors import DataError


def write(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> dict[str, Any]:
    below = [(folder / "value.txt").read_text() for folder in inputs.values()]
    (out / "value.txt").write_text("+".join([*below, str(args["value"])]))
    with (out.parent.parent / "calls.txt").open("a") as calls:
        calls.write(f"{args['value']}\n")
    print("I was here")
    ctypes.CDLL(None).puts(b"native code prints too")
    return {"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"], "gpu": os.environ["CUDA_VISIBLE_DEVICES"]}


def wrong_data(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    raise DataError("row 3 is empty; mend it")


def bug(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    (out / "half.txt").write_text("half")
    raise ZeroDivisionError("a bug")


def killed(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def slow(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    time.sleep(60)


def goes_on(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> dict[str, Any]:
    (out / "value.txt").write_text("done")
    return {"step": (out / "resume" / "step.txt").read_text()}


def counted(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> dict[str, Any]:
    """Sleep, and say how many of us did so at the same time, and what we saw of the machine."""
    mine = out.parent.parent / f"now-{args['value']}"
    mine.touch()
    most = 0
    for _ in range(20):
        time.sleep(0.02)
        most = max(most, len(list(mine.parent.glob("now-*"))))
    mine.unlink()
    return {"beside": most, "gpu": os.environ["CUDA_VISIBLE_DEVICES"], "threads": os.environ["OMP_NUM_THREADS"]}


def segfault(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    ctypes.string_at(0)


def hang(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    while True:
        time.sleep(0.01)


def with_children(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    child = subprocess.Popen(["sleep", "600"])
    (out.parent.parent / "child.txt").write_text(str(child.pid))
    time.sleep(600)


def kill_server(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.3)
    (out / "value.txt").write_text("lived on")


def fill_disk(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    (out / "big.bin").write_bytes(b"x" * args["value"])


def remove_workspace(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    shutil.rmtree(out.parent.parent)


def jumping_clock(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    real = time.time
    time.time = lambda: real() - 7200.0


def orphan_that_dies(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


def goes_nowhere(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    (out / "value.txt").write_text("here")


def told_around(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> dict[str, Any]:
    return {"around": args.get("around"), "names": sorted(args)}


def keeps_logs(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    (out / "logs").mkdir(exist_ok=True)
    attempt = len(list((out / "logs").iterdir()))
    (out / "logs" / f"{attempt}.txt").write_text("a curve")
    if attempt == 0:
        raise DataError("the first attempt fails")
    (out / "value.txt").write_text("made")
