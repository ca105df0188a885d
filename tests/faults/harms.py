"""What happens to the workspace, and around it: a full disk, damage, removal, several drivers, a mad clock."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command import Tally, tail
from trial import Trial

_ENOUGH = "8g"
_ATTEMPTS = 3  # runs for each time that a moment in mid-run is to be met


def full_disks(trial: Trial, count: int) -> Tally:
    """Run on a file system of random small size: one clean line; with more room, the same command ends well."""
    tally, whole = Tally("the disk is full"), _size(trial.reference)
    for _ in range(count):
        with trial.workspace() as workspace, _small_disk(workspace, int(whole * trial.random.uniform(0.01, 1))) as disk:
            if disk is None:
                tally.skipped = "needs root and mount"
                return tally
            tally.count += 1
            ended = trial.start(workspace).ended()
            if not ended.is_one_clean_line:
                tally.complain(f"on a full disk it ended with {ended.code}: {tail(ended.said)}")
            _mount("-o", f"remount,size={_ENOUGH}", str(workspace))
            trial.finish(workspace, tally)
    return tally


def read_only(trial: Trial, count: int) -> Tally:
    """Let the file system become read-only between two commands: one clean line; writable again, it goes on."""
    tally = Tally("the workspace is read-only")
    for _ in range(count):
        with trial.workspace() as workspace, _small_disk(workspace, _ENOUGH) as disk:
            if disk is None:
                tally.skipped = "needs root and mount"
                return tally
            tally.count += 1
            run = trial.start(workspace)
            trial.wait_for_work(run, trial.random.randint(1, trial.stages))
            server, workers = trial.server(run), trial.workers(run)
            run.process.kill()
            run.ended()
            tally.orphans += trial.orphans(server, workers)
            _mount("-o", "remount,ro", str(workspace))
            ended = trial.start(workspace).ended()
            if not ended.is_one_clean_line:
                tally.complain(f"on a read-only workspace it ended with {ended.code}: {tail(ended.said)}")
            _mount("-o", "remount,rw", str(workspace))
            trial.finish(workspace, tally)
    return tally


def removals(trial: Trial, count: int) -> Tally:
    """Remove the whole workspace in mid-run: one clean line; the same command makes all anew."""
    tally = Tally("the workspace is removed")
    for _ in range(_ATTEMPTS * count):
        if tally.count == count:
            break
        with trial.workspace() as workspace:
            run = trial.start(workspace)
            if not trial.wait_for_work(run, trial.random.randint(1, trial.stages)):
                run.ended()
                continue  # it was quicker
            tally.count += 1
            while workspace.exists():  # a stage may write a file while its folder is being removed
                shutil.rmtree(workspace, ignore_errors=True)
            ended = run.ended()
            if not ended.is_one_clean_line:
                tally.complain(f"its workspace removed, it ended with {ended.code}: {tail(ended.said)}")
            if workspace.exists() and trial.measured(workspace) is not None:
                tally.complain("an answer was written into a workspace that had been removed")
            trial.forget_what_was_seen()
            trial.finish(workspace, tally)
    return tally


def damages(trial: Trial, count: int) -> Tally:
    """Change a random byte of a random file of a finished run, cut it off, or remove it: mended by re-issuing."""
    tally = Tally("a file is edited, cut off or removed")
    with trial.workspace() as workspace:
        shutil.copytree(trial.reference, workspace, symlinks=True)
        for _ in range(count):
            trial.forget_what_was_seen()
            harm = _harm(trial, workspace)
            tally.count += 1
            _report(trial, workspace, tally, harm)
            before = (tally.wrong, tally.lost, tally.unclean)
            trial.finish(workspace, tally)
            tally.twice += max(0, sum(what == "begin" for what, _ in trial.seen()) - 1)
            if before != (tally.wrong, tally.lost, tally.unclean):
                tally.notes.append(f"that was: {harm}")
    return tally


def _harm(trial: Trial, workspace: Path) -> str:
    """Do harm to one file; return what was done."""
    files = sorted(path for path in (workspace / "store").rglob("*") if path.is_file() and not path.is_symlink())
    file = trial.random.choice(files)
    content, how = bytearray(file.read_bytes()), trial.random.choice(["edited", "edited", "cut off", "removed"])
    place = trial.random.randrange(len(content)) if content else 0
    if how == "removed":
        file.unlink()
    elif how == "cut off":
        file.write_bytes(content[:place])
    elif content:
        content[place] ^= trial.random.randrange(1, 256)
        file.write_bytes(content)
    return f"{how} {file.relative_to(workspace)} at byte {place} of {len(content)}"


def _report(trial: Trial, workspace: Path, tally: Tally, harm: str) -> None:
    """Ask for the report of a damaged run: it says damage, or is right."""
    name = next(workspace.glob("*/study.yaml")).parent.name
    ended = trial.start(workspace, "report", name).ended()
    if not ended.is_one_clean_line and not (ended.code == 0 and trial.is_right(workspace)):
        tally.complain(f"{harm}; the report ended with {ended.code}: {tail(ended.said)}")


def drivers_at_once(trial: Trial, count: int, drivers: int) -> Tally:
    """Start several drivers on one workspace: all end well, and no stage is computed twice."""
    tally = Tally(f"{drivers} drivers at once")
    for _ in range(count):
        with trial.workspace() as workspace:
            tally.count += 1
            runs = []
            for _ in range(drivers):
                runs.append(trial.start(workspace))
                time.sleep(trial.random.choice([0, trial.random.random()]))
            for ended in [run.ended() for run in runs]:
                if ended.code != 0:
                    tally.complain(f"beside others, it ended with {ended.code}: {tail(ended.said)}")
            begun = [key for what, key in trial.seen() if what == "begin"]
            tally.twice += len(begun) - len(set(begun))
            trial.verify(workspace, tally)
    return tally


def clock_jumps(trial: Trial, count: int) -> Tally:
    """Let the clock jump by hours at every look, and kill the driver once: the result is the same."""
    tally, clock = Tally("the clock jumps by hours"), {"LEAVEN_FAULTS_CLOCK": "1"}
    for _ in range(count):
        with trial.workspace() as workspace:
            tally.count += 1
            run = trial.start(workspace, **clock)
            trial.wait_for_work(run, trial.random.randint(1, trial.stages))
            run.process.kill()
            run.ended()
            trial.finish(workspace, tally, **clock)
    return tally


@contextmanager
def _small_disk(place: Path, size: int | str) -> Iterator[Path | None]:
    """Mount a file system of this size; None where that is not allowed."""
    place.mkdir(parents=True)
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={size}", "leaven-faults", str(place)):
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(*words: str) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
