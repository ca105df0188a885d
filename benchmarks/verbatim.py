"""How fast the index of regurgitation is built over 100 MB of text, and how fast answers are looked up in it.

    python benchmarks/verbatim.py DATA [--megabytes 100] [--samples 500] [--tokens 128] [--tokenizer words]

DATA is a folder of text files (the philosophers, say) and .jsonl.gz files with a ``text`` field (a sample of the Pile).
Rows are made of pieces of 4 to 60 words from random places, so that words, sentences and rare long repeats are those of
real text, and the whole is not periodic. One half of the answers are such rows as no index holds, the others quote 20
to 120 words of the training data. Each answer is looked up alone and then all together, after as many to warm up.

Goals: built in at most 60 s and 2 GB of memory on 2 cores; queries over 1 ms are flagged (together: as the stage does
it; alone: one answer and nothing beside it). CPU time stands beside the wall's, for machines with other work. Cutting
answers into tokens is the tokenizer's time: it is in both, and told apart.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before the library is loaded

import numpy as np

from leaven.score.verbatim import index as room
from leaven.score.verbatim.spans import Count, longest
from leaven.score.verbatim.texts import evened
from leaven.score.verbatim.tokens import counting, resolve

SLOW_MS = 1.0


def main() -> None:
    """Build once, ask twice, print seconds and memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--tokenizer", default="words")
    given = parser.parse_args()
    words = [word for folder in given.data for path in sorted(folder.iterdir()) for word in _words(path)]
    size, made = given.megabytes * 10**6, resolve(given.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        index = _built(Path(folder) / "index", words, size)
        count = counting(made.args, Path(made.path) if made.path else None)
        _asked(index, count, _answers(words, size, given.samples, given.tokens))


def _words(path: Path) -> list[str]:
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            return [word for line in lines for word in str(json.loads(line).get("text", "")).split()]
    return path.read_text(encoding="utf-8").split() if path.suffix == ".txt" else []


def _rows(words: list[str], size: int, seed: int, name: str) -> Iterator[tuple[str, str]]:
    draw, made = random.Random(seed), 0
    while made < size:
        pieces = []
        for _ in range(draw.randint(1, 8)):
            begin = draw.randrange(len(words) - 60)
            pieces.append(" ".join(words[begin : begin + draw.randint(4, 60)]))
        text = " ".join(pieces)
        yield f"{name}:{made}", text
        made += len(text.encode()) + 1


def _built(folder: Path, words: list[str], size: int) -> room.Index:
    half = size // 2  # both halves are sorted: this is the cost of so many megabytes, held-out text and all
    sides = ((half, 0, "of"), (size - half, 1, "held_out"))
    started = time.perf_counter()
    for side in sides:
        deque(_rows(words, *side), maxlen=0)
    making, before = time.perf_counter() - started, _peak()
    started, cpu = time.perf_counter(), time.process_time()
    facts = room.build(folder, *(_rows(words, *side) for side in sides))
    taken, cpu = time.perf_counter() - started, time.process_time() - cpu
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"built: {taken:.1f} s ({cpu:.1f} s of CPU) for {size / 1e6:.0f} MB, {making:.1f} s of it make the text; "
          f"peak {_peak():.2f} GB of memory ({before:.2f} GB before), {disk / 1e6:.0f} MB of disk")  # fmt: skip
    print(f"  {facts}")
    opened = time.perf_counter()
    index = room.Index(folder)
    print(f"opened: {1e3 * (time.perf_counter() - opened):.1f} ms")
    return index


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _answers(words: list[str], size: int, samples: int, tokens: int) -> list[str]:
    trained = [text for (_, text), _ in zip(_rows(words, size, 0, "of"), range(20 * samples), strict=False)]
    draw, made = random.Random(2), []
    for number, (_, text) in zip(range(2 * samples), _rows(words, size, 3, "new"), strict=False):
        own = text.split()
        if number % 2:
            quoted = draw.choice(trained).split()[: draw.randint(20, 120)]
            own = [*own[:10], *quoted, *own[10:]]
        made.append(" ".join((own * 8)[:tokens]))
    return made


def _asked(index: room.Index, count: Count, answers: list[str]) -> None:
    half = len(answers) // 2
    list(longest(index, count, answers[:half], [[]] * half))  # warms up: what is mapped is read once
    asked, alone = answers[half:], []
    started = time.perf_counter()
    cut = count([evened(text) for text in asked])
    print(f"cut into tokens: {1e3 * (time.perf_counter() - started) / len(asked):.2f} ms an answer, "
          f"{np.mean([len(one.starts) for one in cut]):.0f} tokens each")  # fmt: skip
    for text in asked:
        started = time.process_time()
        next(longest(index, count, [text], [[]]))
        alone.append(1e3 * (time.process_time() - started))
    started, cpu = time.perf_counter(), time.process_time()
    found = [max(spans["slice"].tokens, spans["rest"].tokens) for spans in longest(index, count, asked, [[]] * half)]
    wall, cpu = (1e3 * (now - then) / half for now, then in
                 ((time.perf_counter(), started), (time.process_time(), cpu)))  # fmt: skip
    print(f"together: {wall:.2f} ms an answer, {cpu:.2f} ms of CPU{'  SLOW' if cpu > SLOW_MS else ''}; "
          f"{np.mean([one >= 50 for one in found]):.0%} hold 50 tokens")  # fmt: skip
    slow = sum(one > SLOW_MS for one in alone)
    print(f"alone: median {np.median(alone):.2f} ms of CPU, 99th percentile {np.percentile(alone, 99):.2f} ms; "
          f"{slow} of {len(alone)} over {SLOW_MS} ms{'  SLOW' if slow else ''}")  # fmt: skip


if __name__ == "__main__":
    main()
