"""One process of a training in several: ``python -m leaven.train.worker SOCKET``, started by torchrun.

It says which rank it is, is given its job, and says what came of it. When the socket closes it ends at once, whatever
it hangs in: whoever started it is gone, or another rank has failed.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from leaven.errors import LeavenError, StageError
from leaven.train.launch import preset_of
from leaven.train.spread import Gave, Spread

_PATIENCE = timedelta(hours=2)  # while the first rank writes or looks through a large checkpoint, the others wait


def main() -> NoReturn:
    """Meet, work, say what came of it, end without tearing anything down."""
    faulthandler.enable()
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(sys.argv[1])
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    _say(channel, {"rank": rank, "world": world})
    line = channel.makefile("r", encoding="utf-8").readline()
    if not line:
        os._exit(1)
    threading.Thread(target=_end_with_launch, args=(channel,), daemon=True).start()
    said = outcome(json.loads(line), rank)
    _say(channel, said)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if "facts" in said else 1)


def outcome(job: Mapping[str, Any], rank: int) -> dict[str, Any]:
    """Work; return the facts (none but of the first rank), or the kind and words of what was raised."""
    try:
        return {"facts": _work(job, rank)}
    except Gave:
        return {"facts": {}}
    except LeavenError as error:
        return {"failed": type(error).__name__, "message": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"failed": type(error).__name__, "message": (str(error).splitlines() or [""])[0][:500]}


def _work(job: Mapping[str, Any], rank: int) -> dict[str, Any]:
    import importlib

    args, launch = job["args"], job["launch"]
    spread = Spread(preset_of(launch), launch["processes"], rank, args["model"].get("dtype", "float32"))
    join(spread)
    module, _, name = job["call"].partition(":")
    call = getattr(importlib.import_module(module), name)
    inputs = {name: Path(path) for name, path in job["inputs"].items()}
    return {**call(args, inputs, Path(job["out"]), spread), "launch": spread.described}


def join(spread: Spread) -> None:
    """Join the other ranks, over NCCL where each has a GPU and over gloo where none has; raises StageError."""
    import torch
    import torch.distributed as dist

    gpu = torch.cuda.is_available()
    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if gpu else "gloo", timeout=_PATIENCE)
    if dist.get_world_size() != spread.processes or dist.get_rank() != spread.rank:
        raise StageError(f"launch: torch.distributed counts {dist.get_world_size()} processes and calls this one "
                         f"{dist.get_rank()}, not {spread.processes} and {spread.rank}")  # fmt: skip
    if spread.preset.deepspeed is not None and not gpu:
        _tell_accelerate()


def _tell_accelerate() -> None:
    """Have accelerate count the ranks that DeepSpeed has on CPUs: left to itself it finds no GPU, and counts one."""
    from accelerate import PartialState

    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true"
    try:
        PartialState(backend="gloo")
    finally:
        del os.environ["ACCELERATE_USE_DEEPSPEED"]


def _say(channel: socket.socket, said: Mapping[str, Any]) -> None:
    channel.sendall(json.dumps(said).encode() + b"\n")


def _end_with_launch(channel: socket.socket) -> None:
    """Block until the other end closes, then end this process, hanging or not."""
    try:
        while channel.recv(4096):
            pass
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
