"""The warm server: imports once what stages need, then forks a worker whenever the driver asks.

``python -m leaven.engine.server FD`` listens on the socket FD. Each message carries one end of a channel; the worker
forked for it talks to the driver there. The server tells the driver how its workers ended, one ``PID STATUS`` a line,
and ends when the driver's end of the socket closes. It computes nothing itself, asks no GPU, opens no tokenizer.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

from leaven.engine.perform import work
from leaven.engine.warm import preload

_MESSAGE = 1024


def main() -> None:
    """Preload what the driver names, then fork on demand until the driver is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    preload(json.loads(sys.argv[2]))
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    watched: list[Any] = [control, woken]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if woken in ready:
            os.read(woken, _MESSAGE)
            _report(control)
        if control in ready and not _serve(control, (woken, wake)):
            return


def _serve(control: socket.socket, ours: tuple[int, int]) -> bool:
    """Fork a worker for each channel that came; say whether the driver is still there."""
    asked, channels, _, _ = socket.recv_fds(control, _MESSAGE, 1)
    for descriptor in channels:
        if os.fork() == 0:
            _become_worker(descriptor, control, ours)
        os.close(descriptor)
    return bool(asked)


def _become_worker(descriptor: int, control: socket.socket, ours: tuple[int, int]) -> None:
    """Leave the server's session and sockets behind, and work."""
    try:
        os.setsid()  # the driver ends a stage with all that it started
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        for inherited in ours:
            os.close(inherited)
        work(socket.socket(fileno=descriptor))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)  # whatever got here would otherwise go on as a second server


def _report(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        try:
            control.sendall(f"{pid} {os.waitstatus_to_exitcode(status)}\n".encode())
        except OSError:  # the driver is gone, and the next look at the socket ends us
            return


if __name__ == "__main__":
    main()
