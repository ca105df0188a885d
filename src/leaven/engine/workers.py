"""The driver's end of the warm server: start it when first needed, ask it for workers, hear how they ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from leaven.errors import StageError

_ATTEMPTS = 3  # a server that dies this often before it forked anything cannot be helped
_LAST_LINES = 5
_CLOSING_S = 1.0


class Workers:
    """Forks workers from a warm server; one that died (or was killed) is started again at the next request."""

    def __init__(self, preloaded: Sequence[str], environment: Mapping[str, str]):
        self._preloaded, self._environment = list(preloaded), dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._said: IO[bytes] | None = None
        self._heard = b""
        self._in_vain = 0
        self.generation = 0  # counts servers: a worker of an earlier one has nobody who reports its end

    @property
    def control(self) -> socket.socket | None:
        """The socket on which the server reports; None while there is no server."""
        return self._control

    def fork(self) -> socket.socket:
        """Ask for a worker and return our end of its channel; raises StageError if no server can be kept alive."""
        for _ in range(_ATTEMPTS):
            control = self._control or self._start()
            ours, theirs = socket.socketpair()
            try:
                socket.send_fds(control, [b"fork"], [theirs.fileno()])
                return ours
            except OSError:  # it died since we last heard of it
                ours.close()
                self._gone()
            finally:
                theirs.close()
        raise self._hopeless()

    def exits(self) -> dict[int, int]:
        """Return what the server has reported since the last call: pid -> exit code, negative for a signal."""
        if self._control is None:
            return {}
        try:
            said = self._control.recv(65536)
        except BlockingIOError:
            return {}
        except OSError:
            said = b""
        if not said:
            self._gone()
            return {}
        *lines, self._heard = (self._heard + said).split(b"\n")
        return {int(pid): int(code) for pid, code in (line.split() for line in lines)}

    def in_vain(self) -> None:
        """Note that a worker was asked for and never came; raises StageError when that happens again and again."""
        self._in_vain += 1
        if self._in_vain >= _ATTEMPTS:
            raise self._hopeless()

    def came(self) -> None:
        """Note that a worker came."""
        self._in_vain = 0

    def close(self) -> None:
        """End the server; its workers end by their own channels."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            _wait(self._process)
            self._process = None

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        words = [sys.executable, "-m", "leaven.engine.server", str(theirs.fileno()), json.dumps(self._preloaded)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                words,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={**os.environ, **self._environment},
                start_new_session=True,  # Ctrl-C reaches the driver, and the driver ends the rest
            )
        except OSError as error:
            raise StageError(f"no process for stages can be started: {error}") from error
        finally:
            theirs.close()
        self._control, self._heard, self.generation = ours, b"", self.generation + 1
        return ours

    def _gone(self) -> None:
        assert self._control is not None and self._process is not None
        self._control.close()
        self._control = None
        _wait(self._process)

    def _hopeless(self) -> StageError:
        said = ""
        if self._said is not None:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").splitlines()
            said = ": " + " | ".join(lines[-_LAST_LINES:]) if lines else ""
        code = self._process.returncode if self._process is not None else None
        return StageError(f"no process for stages can be started (the last ended with exit code {code}){said}")


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_CLOSING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
