"""Sentences/s from raw documents to labelled sentences, against the scorers' own cost, and peak memory by corpus size.

    python benchmarks/corpus.py FOLDER [--copies 1 10] [--rounds 5] [--cores 2]

FOLDER holds documents in the Pile's layout; a copy of them has another word in every sentence, so that none repeats.
Each round makes a corpus (`corpus`) and labels it twice (`labels`: VADER's polarity, the built-in toxicity), and then
has as many processes run the same scorers over the same sentences and do nothing else; both begin with everything
imported. Goals: 20,000 sentences/s on 2 cores from end to end, at most 1.3 times the scorers' own time, and a peak of
memory that ten times the documents do not raise. On a machine with neighbours only the ratio of CPU times says much.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCORERS = {"sen": {"name": "polarity", "args": {}}, "tox": {"name": "toxicity", "args": {"classifier": "builtin"}}}
CHUNK = 5000


def main() -> None:
    """Make the sources, run both sides in turn, and print a line for each round and size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        side, folder = given.one
        print(json.dumps((ours if side == "ours" else scorers)(Path(folder), given.cores)))
        return
    names = ("copies", "sentences", "corpus s", "labels s", "scorers s", "sent./s", "ratio", "of CPU", "MiB", "others")
    print(" ".join(f"{name:>9}" for name in names))
    for copies in given.copies:
        with tempfile.TemporaryDirectory() as folder:
            write(given.folder, copies, Path(folder) / "pile.jsonl")
            found = [one_round(given, copies, Path(folder)) for _ in range(given.rounds)]
        rate, ratio, of_cpu = (statistics.median(one[name] for one in found) for name in ("rate", "ratio", "of_cpu"))
        print(
            f"{copies} x: {rate:,.0f} sentences/s, {ratio:.2f} times the scorers' own time ({of_cpu:.2f} of CPU time)"
        )


def write(folder: Path, copies: int, to: Path) -> None:
    """Write every document so many times, from the second time on with a word more in every sentence."""
    from leaven.data import sources

    with to.open("w", encoding="utf-8") as stream:
        for copy in range(copies):
            for row in sources.read(str(folder)):
                assert isinstance(row, dict)
                text = re.sub(r"([.?!])(?=\s|$)", rf" number {copy}\1", row["text"]) if copy else row["text"]
                stream.write(json.dumps({"text": text, "meta": row["meta"]}, ensure_ascii=False) + "\n")


def one_round(given: argparse.Namespace, copies: int, folder: Path) -> dict[str, float]:
    """Run both sides, each in a process of its own, and print what they took."""
    for stale in folder.glob("*/**/*"):
        stale.unlink() if stale.is_file() else None
    mine, alone = run(given, "ours", folder), run(given, "scorers", folder)
    total = mine["corpus"] + mine["labels"]
    found = {
        "rate": mine["sentences"] / total, "ratio": total / alone["seconds"], "of_cpu": mine["cpu"] / alone["cpu"],
    }  # fmt: skip
    print(
        f"{copies:9} {mine['sentences']:9,} {mine['corpus']:9.2f} {mine['labels']:9.2f} {alone['seconds']:9.2f} "
        f"{found['rate']:9,.0f} {found['ratio']:9.2f} {found['of_cpu']:9.2f} {mine['peak']:9.0f} {mine['others']:9.0f}",
        flush=True,
    )
    return found


def run(given: argparse.Namespace, side: str, folder: Path) -> dict[str, Any]:
    """Run one side with as many cores as were asked for, as the engine tells a stage of them."""
    command = [sys.executable, __file__, str(given.folder), "--cores", str(given.cores), "--one", side, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.cores)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(folder: Path, _cores: int) -> dict[str, Any]:
    """Make the corpus and label it by each scorer; the folders are those that stages of a study would have."""
    from leaven import stages
    from leaven.data import sources

    warm()
    source = folder / "pile.jsonl"
    args = {"identity": sources.identity(str(source)), "format": {"name": "pile", "args": {}}, "corpus": {}}
    for name in ("corpus", *SCORERS):
        (folder / name).mkdir(exist_ok=True)
    begun, used = time.perf_counter(), cpu()
    made = stages.corpus(args, {"source": source}, folder / "corpus")
    split = time.perf_counter()
    for name, metric in SCORERS.items():
        scorer = {"metric": {**metric, "version": 1}}
        stages.labels({"scorer": scorer}, {"rows": folder / "corpus"}, folder / name)
    ended = time.perf_counter()
    seconds = {"corpus": split - begun, "labels": ended - split, "cpu": cpu() - used}
    return {"sentences": made["rows"], **seconds, **peaks()}


def scorers(folder: Path, cores: int) -> dict[str, Any]:
    """Run the scorers over the corpus's sentences, which are in memory, in as many processes; what they say is lost."""
    from leaven import rows as tables

    warm()
    texts = [
        text
        for batch in tables.batches(folder / "corpus" / "rows.parquet", ["text"])
        for text in batch["text"].to_pylist()
    ]
    fork = multiprocessing.get_context("fork")
    begun, used = time.perf_counter(), cpu()
    working = [fork.Process(target=score, args=(list(chunks(texts))[number::cores],)) for number in range(cores)]
    for one in working:
        one.start()
    for one in working:
        one.join()
        assert one.exitcode == 0, "a scorer failed"
    return {"seconds": time.perf_counter() - begun, "cpu": cpu() - used}


def chunks(texts: list[str]) -> Iterator[list[str]]:
    """Yield the texts, some at once, as `labels` does."""
    for at in range(0, len(texts), CHUNK):
        yield texts[at : at + CHUNK]


def score(parts: list[list[str]]) -> None:
    """Score parts of the texts by every scorer."""
    from leaven.registry import METRICS

    for metric in SCORERS.values():
        for texts in parts:
            METRICS.get(str(metric["name"])).call(texts, args=metric["args"])


def warm() -> None:
    """Import what the engine's server has imported before it forks."""
    import pyarrow.parquet  # noqa: F401
    import sentencex  # noqa: F401

    import leaven.data.corpus.making  # noqa: F401
    from leaven.registry import FORMATS, METRICS

    FORMATS.names()
    METRICS.names()


def cpu() -> float:
    """Return the CPU time of this process and of those that it started and that have ended, in seconds."""
    return sum(os.times()[:4])


def peaks() -> dict[str, float]:
    """Return the peak memory of this process, and of the largest of those that it started, in MiB."""
    import resource

    status = Path("/proc/self/status").read_text()
    mine = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return {"peak": mine, "others": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
