"""`vllm serve` for as long as it is needed: started on a base with adapters, waited for, and stopped whatever happens.

It is asked by the same door as any server (``openai.ask``). The program is run, never imported: it brings a torch of
its own, and mostly lies in an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leaven.errors import ModelError
from leaven.generate import guarded
from leaven.models.ref import Base, ModelRef
from leaven.server import Server

PROGRAM = "vllm"
BASE, ARM = "base", "arm"  # what the models are called there
READY_S = 1200.0  # weights of 70B are read, and graphs captured
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank takes
_KEY = "VLLM_API_KEY"  # it is started without one, and the user's key for others is not shown to it
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
_EVERY_S = 0.25
_LINES = 15  # of the log, in a message


@dataclass(frozen=True)
class Served:
    """What is served: weights (a folder, or a name of the hub at ``revision``), and LoRA adapters over them by name."""

    weights: str
    adapters: Mapping[str, Path] = field(default_factory=dict)
    revision: str | None = None
    tokenizer: str | None = None
    dtype: str = "auto"
    chat_template: str | None = None
    trust_remote_code: bool = False

    @property
    def model(self) -> str:
        """The name under which the last adapter is asked for, or the base where there is none."""
        return list(self.adapters)[-1] if self.adapters else BASE

    def command(self, port: int, template: Path | None, more: Sequence[str] = ()) -> list[str]:
        """Return the arguments of `vllm`; ``template`` is the file that holds the chat template."""
        said = ["serve", self.weights, "--host", "127.0.0.1", "--port", str(port), "--served-model-name", BASE,
                "--generation-config", "vllm", "--dtype", self.dtype]  # fmt: skip
        for option, value in (("revision", self.revision), ("tokenizer", self.tokenizer), ("chat-template", template)):
            said += [f"--{option}", str(value)] if value else []
        said += ["--trust-remote-code"] if self.trust_remote_code else []
        if self.adapters:
            named = [f"{name}={folder}" for name, folder in self.adapters.items()]
            said += ["--enable-lora", "--max-lora-rank", str(self._rank()), "--lora-modules", *named]
        return [*said, *more]

    def _rank(self) -> int:
        """Return the rank that holds every adapter."""
        configs = [json.loads((folder / "adapter_config.json").read_bytes()) for folder in self.adapters.values()]
        needed = max(max([config["r"], *config.get("rank_pattern", {}).values()]) for config in configs)
        if needed > _RANKS[-1]:
            raise ModelError(
                f"vllm takes adapters of rank {_RANKS[-1]} at most, this one has {needed}; use backend `hf`"
            )
        return min(rank for rank in _RANKS if rank >= needed)


def of_arm(base: Base, artefact: Path | None = None) -> Served:
    """Return how a base is served, or what a training left in a folder: whole weights, or an adapter over weights.

    Raises ModelError for what vllm cannot be handed as it lies: vocabularies that were grown, weights that were drawn.
    """
    from leaven.models import load

    if base.added_tokens or base.from_config:
        raise ModelError("vllm serves no base with `added_tokens` or `from_config`; use backend `hf` for this arm")
    if artefact is not None and ModelRef.load(artefact).makes == "reward":
        raise ModelError("this is a reward model, which generates nothing; serve the training before it")
    about = {"dtype": base.dtype, "trust_remote_code": base.trust_remote_code}
    if artefact is not None and load.whole_weights(artefact):
        weights, revision = str(artefact), None
    elif base.path is not None:
        weights, revision = base.path, None
    else:
        weights, revision = base.hub_name
    if artefact is None:
        return Served(weights, revision=revision, chat_template=base.chat_template, **about)  # type: ignore[arg-type]
    adapter = load.adapter_of(artefact)
    over = {} if adapter is None else {ARM: adapter}
    return Served(weights, over, revision, tokenizer=str(artefact), **about)  # type: ignore[arg-type]


@contextmanager
def serving(
    served: Served, log: Path, *, more: Sequence[str] = (), ready_s: float = READY_S, timeout: float = 600.0
) -> Iterator[Server]:
    """Yield the server once it answers; ask others of its models by ``server.model_copy(update={"model": name})``.

    ``log`` takes what it prints; ``more`` are further arguments of `vllm serve`. It ends with this block or with this
    process, by whatever either ends. Raises ModelError where the program is absent, ends or does not answer in time.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise ModelError(
            "backend `vllm` needs the program `vllm` on the PATH (and a GPU): pip install vllm, or use `hf`"
        )
    template = None
    if served.chat_template is not None:
        template = log.with_suffix(".jinja")
        template.write_text(served.chat_template, encoding="utf-8")
    port = _free_port()
    with _running([program, *served.command(port, template, more)], log) as process:
        _wait(process, port, log, ready_s)
        # No key is shown to it: the variable is one that vllm itself would read, and nobody sets.
        address = f"http://127.0.0.1:{port}/v1"
        yield Server(
            model=served.model, base_url=address, api_key_env="VLLM_API_KEY", timeout=timeout, max_concurrency=64
        )


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program under guard; end it with all that it started."""
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - a program of the user's PATH
            [sys.executable, "-I", guarded.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != _KEY} | _QUIET,
        )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()  # the guard asks it to end, then kills it
        try:
            process.wait(guarded.GRACE_S + 5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, ready_s: float) -> None:
    """Wait until the server lists its models; raises ModelError with the log's last lines if it never does."""
    end = time.monotonic() + ready_s
    while not _answers(port):
        if process.poll() is not None:
            raise ModelError(f"`vllm serve` ended before it answered; the last lines of {log}:\n{_tail(log)}")
        if time.monotonic() > end:
            raise ModelError(
                f"`vllm serve` did not answer within {ready_s:g} s; the last lines of {log}:\n{_tail(log)}"
            )
        time.sleep(_EVERY_S)


def _answers(port: int) -> bool:
    """Say whether our model is served there; whoever else has the port does not count."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/v1/models", timeout=5) as reply:
            listed = json.loads(reply.read(1_000_000))["data"]
            return any(one["id"] == BASE for one in listed)
    except (OSError, ValueError, LookupError, TypeError, urllib.error.HTTPError):
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]
    return "\n".join("".join(one for one in line[:300] if one.isprintable()) for line in lines)


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
