"""Which texts of a row count, and how a text is made even before it is looked for or looked up."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.rows import Row

SEPARATOR = 0xFF  # stands in no UTF-8 text; between rows
_HALVES = {code: 0xFFFD for code in range(0xD800, 0xE000)}  # lone surrogates are no text, and no bytes either
_GONE = {0: 0xFFFD, **_HALVES}  # the byte 0 ends what is looked for


def evened(text: str) -> str:
    """Return a text with every run of white space as one space, and what cannot be told in UTF-8 as U+FFFD.

    The NUL character goes as well. Nothing else is changed: case and punctuation count.
    """
    made = " ".join(text.split())
    return made if made.isascii() and "\0" not in made else made.translate(_GONE)


def of_row(row: Row, kind: str) -> Iterator[str]:
    """Yield the texts of a canonical row, each for itself: what a model that is trained on it may have read.

    Of texts the text; of examples each message of prompt and completion; of preferences those of both answers too.
    ``kind`` is texts, examples or preferences.
    """
    if kind == "texts":
        yield row["text"] or ""
        return
    parts = ("prompt", "chosen", "rejected") if kind == "preferences" else ("prompt", "completion")
    for part in parts:
        for message in row.get(part) or ():
            yield message.get("content") or ""
