"""Text -> sentences, by punctuation and line breaks alone."""

from __future__ import annotations

import re

_BREAK = re.compile(r"\n+|(?<=[.!?…])[\"')\]”’]*\s+")
_NOT_AN_END = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|cf|fig|no)|(?:^|\s)(?:[a-z]|\d+))\.$", re.IGNORECASE
)
_SAID = re.compile(r"\w")


def sentences(text: str, most: int | None = None) -> list[str]:
    """Return a text's sentences in order, at most ``most``; what holds no letter or digit is none.

    A number or letter with a full stop (the mark of a list) and common abbreviations do not end one.
    """
    found: list[str] = []
    held: list[str] = []
    for piece in _pieces(text):
        held.append(piece)
        if not _NOT_AN_END.search(piece[-12:]):
            found += _said(held)
            held = []
            if most is not None and len(found) == most:
                return found
    return [*found, *_said(held)]


def _said(pieces: list[str]) -> list[str]:
    sentence = " ".join(pieces).strip()
    return [sentence] if _SAID.search(sentence) else []


def _pieces(text: str) -> list[str]:
    return [piece.strip() for piece in _BREAK.split(text)]
