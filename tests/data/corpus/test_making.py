"""A corpus, made in shards: the same for any number and size of them, and for a stage that was stopped and went on."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from leaven import rows as tables
from leaven.data.canonical import Batch
from leaven.data.corpus.making import Corpus, Over
from leaven.data.corpus.settings import Settings
from leaven.errors import DataError
from leaven.rows import Row
from leaven.stages import processes

WORDS = [
    "the",
    "a",
    "ship",
    "wind",
    "sea",
    "sailed",
    "turned",
    "over",
    "quiet",
    "harbour",
    "and",
    "morning",
    "night",
    "under",
    "white",
    "sail",
    "until",
]


def documents(count: int = 100) -> list[Row]:
    draw = random.Random(0)

    def sentence() -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(2, 14))).capitalize() + draw.choice([".", ".", " {x}."])

    known = [sentence() for _ in range(400)]
    return [
        {
            "id": f"x:{number}",
            "source": "x",
            "group": draw.choice(["Pile-CC", "ArXiv", "Github"]),
            "text": " ".join(
                draw.choice(known) if draw.random() < 0.3 else sentence() for _ in range(draw.randint(1, 40))
            ),
        }
        for number in range(count)
    ]


def make(
    folder: Path, rows: list[Row], shard: int = 3000, over: Over = map, group: int = 500, **declared: Any
) -> tuple[bytes, bytes, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    corpus = Corpus(Settings.of(declared), folder / "resume", lambda *_, **__: None, shard)
    corpus.shard([Batch(rows[at : at + 7], [], 7) for at in range(0, len(rows), 7)], over)
    with tables.Writer(folder / "rows.parquet", "texts") as kept:
        for one in corpus.tables(group, bucket=300):
            kept.write(one)
    tables.write(folder / "drops.parquet", "drops", corpus.drops)
    facts = corpus.facts()
    assert facts["rows_in"] == kept.count + sum(facts["drops"].values()) and facts["rows"] == kept.count
    return (folder / "rows.parquet").read_bytes(), (folder / "drops.parquet").read_bytes(), facts


def test_the_bytes_are_the_same_for_any_number_of_processes_and_any_size_of_shards(tmp_path: Path) -> None:
    rows = documents()
    first = make(tmp_path / "0", rows)
    assert first[2]["drops"].keys() == {"too few words", "code or markup", "duplicate"}
    assert all(count > 20 for count in first[2]["drops"].values()), "more than are quoted"
    assert first[2]["rows"] > 500, "several groups"
    for at, (shard, cores) in enumerate([(1, 1), (500, 3), (3000, 2), (10**9, 1)], 1):
        spread = functools.partial(processes.in_order, processes=cores)
        assert make(tmp_path / str(at), rows, shard, spread) == first, f"shards of {shard} over {cores} processes"


def test_a_duplicate_is_the_later_one_and_is_quoted(tmp_path: Path) -> None:
    said = [f"The ship number {n} sailed on through the night." for n in range(3)]
    rows = [
        {"id": "x:0", "source": "x", "group": "A", "text": f"{said[0]} {said[1]} {said[0]}"},
        {"id": "x:1", "source": "x", "group": "B", "text": f"{said[1]}  {said[2]}"},
    ]
    _, _, facts = make(tmp_path / "a", rows, shard=1)
    made = tables.read(tmp_path / "a" / "rows.parquet").to_pylist()
    assert [(row["id"], row["text"]) for row in made] == [("x:0/0", said[0]), ("x:0/1", said[1]), ("x:1/1", said[2])]
    drops = tables.read(tmp_path / "a" / "drops.parquet").to_pylist()
    assert [(drop["id"], drop["reason"]) for drop in drops] == [("x:0/2", "duplicate"), ("x:1/0", "duplicate")]
    assert facts["sources"] == {"A": 2, "B": 1}
    assert make(tmp_path / "b", rows, duplicates="keep")[2]["rows"] == 5


def test_ids_do_not_change_with_rules_and_shares(tmp_path: Path) -> None:
    rows = documents(200)

    def made(name: str, **declared: Any) -> dict[str, str]:
        make(tmp_path / name, rows, duplicates="keep", **declared)
        return {row["id"]: row["text"] for row in tables.read(tmp_path / name / "rows.parquet").to_pylist()}

    whole, strict, small = made("whole"), made("strict", min_words=9), made("small", share=0.3)
    assert strict.items() < whole.items() and small.items() < whole.items()


def test_the_way_from_documents_to_sentences_is_counted_step_by_step(tmp_path: Path) -> None:
    rows = documents(100)
    facts = make(tmp_path / "a", rows, share=0.5)[2]
    steps = {(one["unit"], one["step"]): one["rows"] for one in facts["funnel"]}
    of_sources = [row for row in rows if row["group"] != "Github"]
    assert steps["documents", "of the sources that are taken"] == len(of_sources)
    assert 0.3 * len(of_sources) < steps["documents", "drawn (share 0.5)"] < 0.7 * len(of_sources)
    assert steps["sentences", "split"] == facts["rows_in"]
    assert steps["sentences", "less: duplicate"] == facts["rows"] == sum(facts["sources"].values())
    numbers = [one["rows"] for one in facts["funnel"] if one["unit"] == "sentences"]
    assert numbers == sorted(numbers, reverse=True)


def test_sentences_that_came_split_keep_their_own_scores(tmp_path: Path) -> None:
    said = ["The ship sailed on through the night. And it was late, too.", "You are a great fool, my friend. "]
    row = {"id": "x:0", "source": "x", "group": "A", "text": "".join(said), "score": 0.4,
           "sentences": [(said[0], 0.1), ("No.", 0.5), (said[1], 0.7)]}  # fmt: skip
    make(tmp_path / "a", [row])
    made = tables.read(tmp_path / "a" / "rows.parquet").to_pylist()
    assert [(one["id"], one["text"], one["score"]) for one in made] == [
        ("x:0/0", said[0], 0.1),
        ("x:0/2", said[1].strip(), 0.7),
    ]


def test_a_corpus_of_which_nothing_stays_says_why(tmp_path: Path) -> None:
    rows = [
        {"id": f"x:{n}", "source": "x", "group": "A", "text": "x" * 5000 + " Yes {y} is all he said."} for n in (0, 1)
    ]
    with pytest.raises(DataError, match="none of the corpus's 2 sentences stays: 2 too many characters; loosen"):
        make(tmp_path / "a", rows)
    with pytest.raises(DataError, match="the 1 documents that are taken hold no sentence"):
        make(tmp_path / "b", [{**rows[0], "sentences": []}])


def test_documents_of_ten_megabytes_take_no_long_with_and_without_spaces(tmp_path: Path) -> None:
    sentence = "The ship number {} sailed on through the long and quiet night. "
    rows = [
        {"id": "x:0", "source": "x", "group": "A", "text": "x" * 10_000_000},
        {"id": "x:1", "source": "x", "group": "A", "text": "".join(sentence.format(n % 1000) for n in range(160_000))},
    ]
    begun = time.process_time()
    facts = make(tmp_path / "a", rows)[2]
    assert time.process_time() - begun < 30
    assert facts["rows"] == 1000 and facts["drops"]["too few words"] == 100
    assert facts["drops"]["duplicate"] == 159_000


def stopped(limit: int) -> Over:
    def over(work: Any, pieces: Iterable[Any]) -> Iterator[Path]:
        for number, piece in enumerate(pieces):
            if number == limit:
                raise KeyboardInterrupt
            yield work(piece)

    return over


def test_a_stage_that_goes_on_does_no_shard_twice(tmp_path: Path) -> None:
    rows = documents()
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "a", rows, over=stopped(4))
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "a" / "resume").iterdir()}
    assert len(kept) == 4
    (tmp_path / "a" / "resume" / ".3000-000004.parquet").write_bytes(b"half a shard")
    begun: list[int] = []

    def over(work: Any, pieces: Iterable[Any]) -> Iterator[Path]:
        for piece in pieces:
            begun.append(len(piece.documents))
            yield work(piece)

    assert make(tmp_path / "a", rows, over=over) == make(tmp_path / "b", rows)
    assert begun[:4] == [0] * 4 and all(begun[4:])
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert make(tmp_path / "a", rows, shard=1000) == make(tmp_path / "b", rows), "shards of another size are not taken"


KILLED = """
import functools, json, sys, time
from pathlib import Path
from leaven.data.canonical import Batch
from leaven.data.corpus.making import Corpus
from leaven.data.corpus.settings import Settings
from leaven.stages import processes

def slowly():
    for row in json.loads(Path(sys.argv[1]).read_text()):
        time.sleep(0.03)
        yield Batch([row], [], 1)

corpus = Corpus(Settings(), Path(sys.argv[2]) / "resume", lambda *_, **__: None, 3000)
corpus.shard(slowly(), functools.partial(processes.in_order, processes=2))
"""


def test_after_a_kill_it_goes_on_to_the_same_bytes_and_no_process_is_left(tmp_path: Path) -> None:
    rows = documents(300)
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "rows.json"), str(tmp_path / "a")]
    (tmp_path / "a").mkdir()
    running = subprocess.Popen(command)
    folder, until = tmp_path / "a" / "resume", time.monotonic() + 60
    while len(list(folder.glob("3*.parquet")) if folder.exists() else []) < 4:
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    children = psutil.Process(running.pid).children()
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = len(list(folder.glob("3*.parquet")))
    assert children and not psutil.wait_procs(children, timeout=20)[1], "they end with the one that started them"
    assert make(tmp_path / "a", rows) == make(tmp_path / "b", rows)
    assert 4 <= done < len(list(folder.glob("3*.parquet")))
