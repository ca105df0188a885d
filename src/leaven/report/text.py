"""Making foreign text harmless to look at: what no font shows is made visible, what is too long is cut.

Escaping for HTML is the template's work; this is about characters that break XML, UTF-8 or the reading order.
"""

from __future__ import annotations

import re
from typing import Any

LIMIT = 400
LONGEST = 2400  # of a paragraph that we put together ourselves

_SURROGATE = re.compile("[\ud800-\udfff]")
_NONCHARACTER = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_C1 = re.compile("[\x80-\x9f]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile("[ \t\n\u2028\u2029]+")


def clean(text: Any) -> str:
    """Return text that XML, HTML and UTF-8 can carry and that cannot reorder what stands around it.

    Control characters become their pictures (NUL is shown as ␀), lone surrogates and noncharacters U+FFFD. Overrides
    of the reading order are spelt out, because in data they hide something and in a page they spill over.
    """
    made = str(text).replace("\r\n", "\n").replace("\r", "\n")
    made = _SURROGATE.sub("\ufffd", made)
    made = _NONCHARACTER.sub("\ufffd", made)
    made = _CONTROL.sub(lambda hit: "\u2421" if hit[0] == "\x7f" else chr(0x2400 + ord(hit[0])), made)
    made = _C1.sub("\ufffd", made)
    return _DIRECTION.sub(lambda hit: f"‹U+{ord(hit[0]):04X}›", made)


def clip(text: Any, limit: int = LIMIT) -> str:
    """Return text cut to ``limit`` characters, with its whole length stated when something was cut."""
    whole = str(text)
    if len(whole) <= limit:
        return whole
    return f"{whole[:limit].rstrip()}… ({len(whole):,} characters)"


def label(text: Any, limit: int = 24) -> str:
    """Return one line for a chart: cleaned, white space folded, cut with an ellipsis."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def line(text: Any, limit: int = LIMIT) -> str:
    """Return one line for a format that has no other: cleaned, white space folded but for no-break spaces, cut."""
    return clip(_SPACES.sub(" ", clean(text)).strip(), limit)
