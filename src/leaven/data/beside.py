"""Dialogues in text files, and the files beside them that say a line of what the dialogue in the same line is about.

DailyDialog's files: ``dialogues_test.txt`` beside ``dialogues_test_topic.txt``, or ``dialogues_text.txt`` beside
``dialogues_topic.txt``. Files of emotions and acts, which say one of each turn, are left unread.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from leaven.data import files
from leaven.data.formats import BadRow
from leaven.data.separated import legible
from leaven.errors import DataError
from leaven.rows import Row

_UNREAD = frozenset({"act", "acts", "emotion", "emotions"})
_TOPIC = "topic"
Named = tuple[str, Path]


def read(found: Sequence[Named]) -> Iterator[Row | BadRow]:
    """Yield ``{text, topic}`` of every dialogue in order, ``{text}`` where no file of topics is beside.

    Raises DataError where the two files of a pair have not as many lines.
    """
    topics = {_about(name): (name, path) for name, path in found if _TOPIC in _words(name)}
    for name, path in found:
        words = _words(name)
        if _TOPIC in words or words & _UNREAD:
            continue
        there = topics.get(_about(name))
        yield from _named(name, files.read(path)) if there is None else _paired((name, path), there)


def _words(name: str) -> set[str]:
    stem = Path(name).name.split(".")[0]
    return set(re.split(r"[_\-]", stem.lower()))


def _about(name: str) -> tuple[str, frozenset[str]]:
    """Return what the two files of a pair have in common: their folder, and their names without what they hold."""
    return Path(name).parent.as_posix(), frozenset(_words(name) - {"text", _TOPIC})


def _named(name: str, rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
    for row in rows:
        yield BadRow(str(row), f"{legible(name)}: {row.raw}") if isinstance(row, BadRow) else row


def _paired(dialogues: Named, topics: Named) -> Iterator[Row | BadRow]:
    lines = _named(dialogues[0], files.read(dialogues[1])), _named(topics[0], files.read(topics[1]))
    for row, topic in itertools.zip_longest(*lines):
        if row is None or topic is None:
            longer, shorter = (topics, dialogues) if row is None else (dialogues, topics)
            said = f"{legible(longer[0])} has more lines than {legible(shorter[0])}, of which each belongs to one of it"
            raise DataError(f"{said}; mend them, or name the file of dialogues alone")
        if isinstance(row, BadRow) or isinstance(topic, BadRow):
            yield row if isinstance(row, BadRow) else topic
        else:
            yield {**row, _TOPIC: topic.get("text")}
