"""Text files read as prose: paragraphs that empty lines part, each with the one behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leaven.data.formats import BadRow
from leaven.rows import Row

LONGEST = 1_000_000  # bytes of a paragraph: what has more is no prose, and would fill the memory
_EXCERPT = 400
_LOOKED_AT = 40  # lines that tell prose from a text a line
_LONGEST_LINE = 100_000


def paragraphs(stream: Iterable[bytes]) -> Iterator[Row | BadRow]:
    """Yield each paragraph in order as ``{file, paragraph, next}``; ``next`` is null at the end of the file.

    ``file`` is null here: what a file is called is known to its folder alone. A paragraph that is no UTF-8, or too long
    to be one, is a BadRow in its place, and no paragraph's next.
    """
    before: Row | None = None
    for one in map(_decoded, _parted(stream)):
        bad = isinstance(one, BadRow)
        if before is not None:
            yield {**before, "next": None if bad else one}
        before = None if bad else {"file": None, "paragraph": one, "next": None}
        if isinstance(one, BadRow):
            yield one
    if before is not None:
        yield before


def is_prose(stream: Iterable[bytes]) -> bool:
    """Say whether the first lines look like paragraphs: empty lines part at least half as many as there are.

    A file that holds a text a line has none, or few. Reads 40 lines that are not empty.
    """
    said, parted, blank = 0, 0, False
    for line in stream:
        if len(line) > _LONGEST_LINE or said >= _LOOKED_AT:
            break
        if line.strip():
            parted += blank and said > 0
            said += 1
        blank = not line.strip()
    return said > 1 and parted * 2 >= said


def _parted(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of each paragraph, at most a little more than the longest that is taken."""
    held: list[bytes] = []
    size = 0
    for number, line in enumerate(stream):
        told = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if told.strip():
            if size <= LONGEST:
                held.append(told)
            size += len(told)
        elif held:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _decoded(paragraph: bytes) -> str | BadRow:
    shown = paragraph[:_EXCERPT].decode("utf-8", "backslashreplace").strip()
    if len(paragraph) > LONGEST:
        return BadRow(f"the paragraph has more than {LONGEST:,} bytes: no empty lines part it", shown)
    try:
        return paragraph.decode("utf-8").strip()
    except UnicodeDecodeError:
        return BadRow("the paragraph is not UTF-8", shown)
