"""The words of a text, as retrieval and guards count them."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def words(text: str) -> list[str]:
    """Return the words of a text, one form for each (NFKC, case folded); "don't" is one word.

    Texts of languages that put no spaces between words are one long word between two marks of punctuation.
    """
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return _WORD.findall(plain)
