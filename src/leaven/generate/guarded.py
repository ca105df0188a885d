"""A program that ends when whoever started it ends, however that was: run as a script, with the program behind it.

    python guarded.py PROGRAM ARGUMENT ...

Whoever starts it keeps its standard input open and writes nothing. When that closes (on purpose, or because the kernel
closed it for a process killed by ``kill -9``), the program and all that it started are ended: asked first, then killed.
It is to have a session of its own, so that this reaches none but them. Standard library alone: no import can fail here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE_S = 10.0  # between asking and killing


def main(command: list[str]) -> None:
    """Run the program; whenever it ends, end what it left behind, and this process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it will come from here, for the others
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_as_usual)  # noqa: S603, PLW1509
    threading.Thread(target=_end_with_starter, args=(program,), daemon=True).start()
    print(f"{command[0]} ended with {program.wait()}", file=sys.stderr, flush=True)  # noqa: T201 - into its log
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _as_usual() -> None:
    """Let the program hear what is not heard here."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with_starter(program: subprocess.Popen[bytes]) -> None:
    """Wait until standard input closes, then end the whole group."""
    while sys.stdin.buffer.read(4096):
        continue
    os.killpg(os.getpgrp(), signal.SIGTERM)
    try:
        program.wait(GRACE_S)
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
