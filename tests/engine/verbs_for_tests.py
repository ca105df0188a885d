"""Verbs that a worker process can import: small, quick, and some of them bad."""

from __future__ import annotations

import ctypes
import os
import signal
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
    return {"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}


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
