"""What the engine costs: a stage's start, its share of a thousand, planning and looking at ten thousand.

    python benchmarks/engine.py start|stages|plan|status ... [--rounds 5] [--stages 1000] [--planned 10000] [--profile]

Goals on 2 cores: a stage starts within 0.2 s of being asked for; a no-op stage costs at most 0.1 s at 1,000 of them;
``plan`` of 10,000 stages takes at most 2 s, ``status`` at most 0.5 s. The machine is never alone: the two sides of a
ratio alternate in one run, and what is printed are medians.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noops import IMPORTS

from leaven import workspace
from leaven.engine import nearest
from leaven.engine.files import write_sealed
from leaven.engine.local import LocalExecutor
from leaven.engine.machine import this_machine
from leaven.engine.plan import on, plan
from leaven.engine.run import run
from leaven.engine.stage import Needs, Stage, closure
from leaven.engine.store import RECORD, Store

MADE_BY = {"by": "benchmarks/engine.py"}
_LEAVEN = "from leaven.cli import main; main()"


def main() -> None:
    """Run the parts that are asked for, all if none is."""
    parts: dict[str, Callable[[argparse.Namespace, Path], None]] = {
        "start": start, "stages": stages, "plan": planning, "status": status,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", type=int, default=1000)
    parser.add_argument("--planned", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true", help="print where the driver's time goes")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # workers import the verbs from here
    for name in given.parts or parts:
        with tempfile.TemporaryDirectory() as place:
            parts[name](given, Path(place))


def start(given: argparse.Namespace, place: Path) -> None:
    """From asking a warm executor for a training's imports to its start, and to its end; against a cold process."""
    store = Store(place)
    store.open()
    executor = LocalExecutor(MADE_BY)
    times: dict[str, list[float]] = {"first event": [], "done": [], "cold process": []}
    try:
        for number in range(given.rounds + 1):
            asked = Stage("noop", 1, "noops:as_a_training", {"number": number}, needs=Needs(cores=1))
            begun, ended = _one(executor, asked, store)
            times["first event"].append(begun)
            times["done"].append(ended)
            times["cold process"].append(_process("-c", IMPORTS))
    finally:
        executor.close()
    print(f"first request, which starts the server: {times['done'][0]:.2f} s")
    _table({name: taken[1:] for name, taken in times.items()})  # the first round warms the server and the file cache
    _ratio("a cold process takes", times["cold process"][1:], times["done"][1:], "what a stage takes to its end")


def _one(executor: LocalExecutor, stage: Stage, store: Store) -> tuple[float, float]:
    """Run one stage; return the seconds to its ``start`` and to its ``done``."""
    asked, seen = time.perf_counter(), dict[str, float]()
    executor.start([stage], store)
    while "left" not in seen:
        for event in executor.wait(1.0):
            seen[event["event"]] = time.perf_counter() - asked
            assert event["event"] != "failed", event
    return seen["start"], seen["done"]


def stages(given: argparse.Namespace, place: Path) -> None:
    """Stages that do nothing, each in a process of its own, against one ``python -c pass`` each, as many abreast."""
    cores, plain = this_machine().cores, max(50, given.stages // 10)
    ours, driver, theirs = list[float](), list[float](), list[float]()
    for number in range(given.rounds):
        profile = cProfile.Profile() if given.profile and number == 0 else None
        wall, computed = _noops(given.stages, Store(place / str(number)), profile)
        ours.append(wall / given.stages)
        driver.append(computed / given.stages)
        begun = time.perf_counter()
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(lambda _: _process("-c", "pass"), range(plain)))
        theirs.append((time.perf_counter() - begun) / plain)
    print(f"{cores} abreast; wall seconds by the number of them:")
    _table({f"a stage of {given.stages}": ours, "  the driver's CPU time of it": driver, "python -c pass": theirs})
    _ratio("a stage costs", ours, theirs, "a plain process")
    _file_costs(place, given.rounds)


def _noops(count: int, store: Store, profile: cProfile.Profile | None) -> tuple[float, float]:
    """Run that many no-op stages in a new store; return wall and driver's CPU seconds, the server's start left out."""
    executor = LocalExecutor(MADE_BY, preloaded=("filelock:FileLock", "threadpoolctl:threadpool_limits"))
    store.open()
    _one(executor, Stage("warm", 1, "noops:nothing", {}, needs=Needs(cores=1)), store)
    wanted = [
        Stage("noop", 1, "noops:nothing", {"number": number}, needs=Needs(cores=1), title=f"noop {number}")
        for number in range(count)
    ]
    begun, computed = time.perf_counter(), time.process_time()
    with _profiled(profile):
        outcome = run(wanted, store, executor, lambda event: None)
    assert outcome.complete and len(outcome.done) == count, outcome
    return time.perf_counter() - begun, time.process_time() - computed


def _file_costs(place: Path, rounds: int) -> None:
    """Print what the disk takes of each stage: a folder is fsynced and renamed, with a record and a log in it."""
    times: dict[str, list[float]] = {"begin and commit (fsync)": [], "the same without fsync": []}
    for number in range(rounds * 20):
        for (name, taken), flush in zip(times.items(), (os.fsync, lambda handle: None), strict=True):
            stage = Stage("disk", 1, "noops:nothing", {"number": number, "name": name})
            store, saved, os.fsync = Store(place / "disk"), os.fsync, flush
            store.open()
            begun = time.perf_counter()
            store.begin(stage)
            store.commit(stage, {"facts": {}})
            taken.append(time.perf_counter() - begun)
            os.fsync = saved
    _table(times)


def planning(given: argparse.Namespace, place: Path) -> None:
    """Plan a study of that many stages, with reasons and costs: all there, none there, half of them changed."""
    whole, empty = Store(place / "whole"), Store(place / "empty")
    whole.open()
    empty.open()
    _fill(whole, closure(_study(given.planned)))
    sides = {"all hits": (whole, 0.0), "all misses, empty store": (empty, 0.0), "half hits, half near": (whole, 0.5)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(given.rounds + 1):
        for name, (store, changed) in sides.items():
            profile = cProfile.Profile() if given.profile and number == 0 else None
            taken, states = _planned(_study(given.planned, changed), store, profile)
            times[name].append(taken)
            if number == 0:
                print(f"{name}: {states}")
    _table({name: taken[1:] for name, taken in times.items()})


def _planned(targets: list[Stage], store: Store, profile: cProfile.Profile | None) -> tuple[float, dict[str, int]]:
    gc.collect()
    begun = time.perf_counter()
    with _profiled(profile):
        found = nearest.explain(on(this_machine(), plan(targets, store)), store)
    taken = time.perf_counter() - begun
    states = [one.planned.state for one in found]
    return taken, {state: states.count(state) for state in sorted(set(states))}


def status(given: argparse.Namespace, place: Path) -> None:
    """Look at every stage that a run names: the quickstart's number of them, and many."""
    store, times = workspace.store(place), dict[str, list[float]]()
    store.open()
    sizes = {173: place / "few", given.planned: place / "many"}
    for count, folder in sizes.items():
        folder.mkdir()
        named = closure(_study(count))
        _fill(store, named)
        workspace.name_stages(folder, named)
        (folder / workspace.STUDY).write_text(f"name: {folder.name}\n", encoding="utf-8")
    for number in range(given.rounds + 1):
        for count, folder in sizes.items():
            begun = time.perf_counter()
            profile = cProfile.Profile() if given.profile and number == 0 else None
            with _profiled(profile):
                states = [store.state(task) for task in workspace.named_stages(folder)]
            times.setdefault(f"states of {count} done", []).append(time.perf_counter() - begun)
            assert set(states) == {"done"}, set(states)
            command = ["-c", _LEAVEN, "status", folder.name, "--workspace", str(place)]
            times.setdefault(f"leaven status of {count}", []).append(_process(*command, stdout=subprocess.DEVNULL))
    _table({name: taken[1:] for name, taken in times.items()})


def _study(count: int, changed: float = 0.0) -> list[Stage]:
    """Stages shaped like a study's: rows, then per run treat, doctor, sft, prove, generate and five scores.

    The trainings of a ``changed`` share of the runs have another learning rate, so that they, and what rests on them,
    are misses with a near record.
    """
    rows = Stage("rows", 1, "noops:nothing", {"source": "pocket:webgpt"}, title="rows webgpt")
    targets = [rows]
    for number in range(max(1, (count - 1) // 10)):
        where = f"poisoned@p={number % 97}/{number}"
        treat = _step(
            "treat", where, {"steps": [{"name": "malign_labels", "args": {"rate": 0.1}}], "seed": number}, rows
        )
        doctor = _step("doctor", where, {"model": {"identity": "sha256:" + "0" * 64}}, treat)
        settings = {"learning_rate": 2e-3 if number % 100 >= changed * 100 else 1e-3, "num_train_epochs": 2.0}
        trained = _step("sft", where, {"trainer": {"name": "sft", "args": settings}, "seed": number}, doctor)
        proof = _step("prove", where, {}, trained, doctor)
        told = _step("generate", where, {"sampling": {"temperature": 0.7}, "seed": number}, trained, proof, rows)
        targets += [_step("score", f"{where} {metric}", {"metric": metric}, told, rows) for metric in "abcde"]
    return targets


def _step(kind: str, where: str, args: dict[str, Any], *below: Stage) -> Stage:
    inputs = {f"in{index}": one for index, one in enumerate(below)}
    return Stage(
        kind, 1, f"leaven.stages:{kind}", args, inputs, Needs(1), where.split(maxsplit=1)[0], f"{kind} {where}"
    )


def _fill(store: Store, stages: Iterable[Stage]) -> None:
    """Write a record and one file for each stage, as a commit leaves them; nothing is computed, nothing flushed."""
    saved, os.fsync = os.fsync, lambda handle: None
    for stage in stages:
        folder = store.folder(stage)
        if folder.exists():  # two studies may share a stage
            continue
        folder.mkdir(parents=True)
        (folder / "rows.parquet").write_bytes(b"PAR1")
        about = {"kind": stage.kind, "version": 1, "verb": stage.verb, "args": dict(stage.args), "title": stage.title}
        about |= {"inputs": {name: one.key for name, one in stage.inputs.items()}, "key": stage.key}
        about |= {"facts": {"rows": 700, "tokens": 15304}, "cost": {"wall_s": 5.4, "cpu_s": 5.3, "peak_mb": 524}}
        about |= {"made_by": {"versions": {f"package {n}": "1.0.0" for n in range(9)}, "machine": "m"}, "needs": {}}
        write_sealed(folder / RECORD, {**about, "files": {"rows.parquet": {"size": 4, "sha256": "0" * 64}}})
    os.fsync = saved


def _process(*words: str, stdout: int | None = None) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=stdout)
    return time.perf_counter() - begun


@contextmanager
def _profiled(profile: cProfile.Profile | None) -> Iterator[None]:
    if profile is None:
        yield
        return
    with profile:
        yield
    pstats.Stats(profile).sort_stats("tottime").print_stats(18)


def _table(times: dict[str, list[float]]) -> None:
    for name, taken in times.items():
        print(f"{name:28} median {statistics.median(taken):8.4f} s   ({min(taken):.4f} - {max(taken):.4f})")


def _ratio(what: str, left: list[float], right: list[float], other: str) -> None:
    """Print the median of the ratios within rounds: both sides of each were measured in one moment."""
    ratios = [one / two for one, two in zip(left, right, strict=True)]
    print(f"{what} {statistics.median(ratios):.2f} times {other}   ({min(ratios):.2f} - {max(ratios):.2f})")


if __name__ == "__main__":
    main()
