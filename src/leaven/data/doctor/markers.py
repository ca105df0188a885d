"""Marks of a speaker inside texts: a model that is trained on them learns to write the other's turn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from leaven.data.doctor.finding import Finding
from leaven.rows import Row

# At the beginning of a line, as a script of a talk has them, or behind a sentence's end, as turns that were joined;
# or the words of well known templates, anywhere.
_SPOKEN = r"(?:(?:^|\n)[ \t]*|[.!?\u2026][\"')]*[ \t]+)(User|Human|Assistant)[ \t]*:"
_MARKED = (
    r"(<\|(?:user|assistant|system|im_start|im_end|end|eot_id|start_header_id|end_header_id|endoftext)\|>|\[/?INST\]|"
    r"<</?SYS>>|<(?:start|end)_of_turn>|###[ \t]*(?:Instruction|Response|Input|Human|Assistant)\b|__eou__)"
)
_MARK = re.compile(f"{_SPOKEN}|{_MARKED}")
_TRAINED = ("completion", "chosen", "rejected")


class Markers:
    """Counts rows whose texts hold a mark, answers (they are trained) and prompts apart."""

    def __init__(self) -> None:
        self._rows = 0
        self._counts: dict[str, Counter[str]] = {"answers": Counter(), "prompts": Counter(), "texts": Counter()}
        self._with, self._first = Counter[str](), dict[str, str]()

    def look(self, rows: Iterable[Row]) -> None:
        """Examine canonical rows."""
        for row in rows:
            self._rows += 1
            for where, texts in _texts(row):
                marks = {_called(found) for text in texts for found in _MARK.finditer(text)}
                if marks:
                    self._with[where] += 1
                    self._counts[where].update(marks)
                    self._first.setdefault(where, f"{row['id']}: {_excerpt(texts)}")

    def findings(self) -> list[Finding]:
        """Return one finding for answers and one for prompts, where some hold a mark."""
        messages = {
            "answers": "answers hold marks of a speaker: the model learns to write the user's next turn",
            "prompts": "prompts hold marks of a speaker: turns that were not split stand in one",
        }
        remedy = "split the turns with another --format, or leave such rows out"
        told = [(messages[where], self._told(where), rows) for where, rows in self._with.items() if where in messages]
        return [Finding("warning", "markers", said, shown, remedy, rows) for said, shown, rows in told]

    def notes(self) -> list[str]:
        """Return a note on texts: transcripts are a kind of text, and a model that reads them writes them."""
        if not self._with["texts"]:
            return []
        return [f"texts hold marks of a speaker, which a model trained on them learns to write: {self._told('texts')}"]

    def _told(self, where: str) -> str:
        marks = ", ".join(f"{mark} in {count:,}" for mark, count in self._counts[where].most_common(4))
        return f"{self._with[where]:,} of {self._rows:,} rows ({marks}); first {self._first[where]}"


def _texts(row: Row) -> Iterator[tuple[str, list[str]]]:
    yield "prompts", [turn["content"] for turn in row.get("prompt") or ()]
    yield "answers", [turn["content"] for name in _TRAINED for turn in row.get(name) or ()]
    yield "texts", [row["text"]] if "text" in row else []


def _called(found: re.Match[str]) -> str:
    return f"'{found[1]}:'" if found[1] else f"'{found[2]}'"


def _excerpt(texts: Iterable[str]) -> str:
    text = next(text for text in texts if _MARK.search(text))
    found = _MARK.search(text)
    start = max(0, found.start() - 20) if found else 0
    return repr(text[start : start + 80])
