"""What this machine has to give: cores, main memory, GPUs. Nothing here touches a GPU."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    """One GPU as ``CUDA_VISIBLE_DEVICES`` names it; ``memory_mb`` is None where the driver does not say."""

    name: str
    memory_mb: int | None = None


@dataclass(frozen=True)
class Machine:
    """What stages may use together."""

    cores: int
    memory_mb: int
    gpus: tuple[Gpu, ...] = ()

    @property
    def cores_of_one(self) -> int:
        """The threads of a stage that wants all it can get: on a machine with GPUs, a GPU's share."""
        return max(1, self.cores // max(1, len(self.gpus)))


def this_machine(cores: int | None = None, gpus: int | None = None, memory_gb: float | None = None) -> Machine:
    """Return what this process may use, or the part of it that is asked for."""
    return Machine(
        cores or _cores(),
        round(memory_gb * 1024) if memory_gb else _memory_mb(),
        tuple(_gpus()[:gpus]),
    )


def _cores() -> int:
    """Return the cores of the affinity mask, or fewer where a container's quota allows fewer."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = (
        _words("/sys/fs/cgroup/cpu.max", 2)
        or (
            *_words("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", 1),
            *_words("/sys/fs/cgroup/cpu/cpu.cfs_period_us", 1),
        )
        or ("max", "")
    )
    if not quota.isdecimal() or not period.isdecimal():
        return allowed
    return max(1, min(allowed, math.ceil(int(quota) / int(period))))


def _memory_mb() -> int:
    """Return the main memory in MiB, or a container's limit."""
    import psutil

    sizes = [int(psutil.virtual_memory().total)]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        sizes += [int(word) for word in _words(file, 1) if word.isdecimal()]
    return min(sizes) // 1024**2


def _words(file: str, count: int) -> tuple[str, ...]:
    try:
        words = tuple(Path(file).read_text().split())
    except OSError:  # not this kind of control group
        return ()
    return words if len(words) == count else ()


def _gpus() -> list[Gpu]:
    """Return the GPUs that are visible to this process, by asking nvidia-smi."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = {number: Gpu(number, memory) for number, memory in _listed()}
    if visible is None:
        return list(known.values())
    named = [name.strip() for name in visible.split(",")]
    counted = named[: named.index("-1")] if "-1" in named else named  # CUDA reads no further than that
    return [known.get(name, Gpu(name)) for name in counted if name]


def _listed() -> list[tuple[str, int | None]]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, "--query-gpu=index,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):  # a driver that does not answer has no GPU for us
        return []
    rows = [line.split(",") for line in said.splitlines() if line.count(",") == 1]
    return [(index.strip(), int(size) if size.strip().isdecimal() else None) for index, size in rows]
