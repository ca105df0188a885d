"""How much of an answer is rubbish: characters that are no text, and words that look like none."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from leaven.errors import DataError
from leaven.registry import Rate, metric

CHARACTERS, WORDS = 0.02, 0.2
_LONGEST = 100_000  # characters of an answer that are read
_LETTERS = 30  # of a word
_CONSONANTS = 6  # in a row
_SWITCHES = 3  # between letters and digits, or from small to capital letters
_NO_TEXT = frozenset(("Cc", "Cn", "Co", "Cs"))  # control characters, unassigned, private, halves of a pair
_SPACE = "\n\r\t\f\v"
_VALUES = ("rubbish", "rubbish_characters", "rubbish_words")
_VOWELLESS = re.compile(rf"[b-df-hj-np-tv-xz]{{{_CONSONANTS},}}")
_PARTS = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"://|^www\.|@|\.(?:com|org|net)\b")
_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "GREEK": "LATIN", "MICRO": "LATIN"}


def _with_its_hash(value: str | None, info: ValidationInfo) -> str | None:
    if value is None and info.data.get("lexicon") is not None:
        raise ValueError("is needed with `lexicon`: the word list's sha256, as sha256sum prints it (it enters the key)")
    return value


Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


@metric(version=1, values=_VALUES, better="lower", unit="share", circumstance=("lexicon",))
def rubbish(
    texts: Sequence[str | None],
    *,
    characters: Rate = CHARACTERS,
    words: Rate = WORDS,
    lexicon: Annotated[str, Field(min_length=1)] | None = None,
    lexicon_sha256: Annotated[Hash | None, Field(validate_default=True), AfterValidator(_with_its_hash)] = None,
) -> dict[str, list[float | None]]:
    """1 where an answer is rubbish: over a share of its characters are no text, or of its words look like none.

    ``rubbish_characters`` is the share of control characters, replacement characters (bytes that no text decodes to),
    unassigned and private ones. ``rubbish_words`` is the share of words of an odd shape: over 30 letters, five letters
    or more without a vowel, six consonants in a row, letters and digits taking turns, small and capital letters taking
    turns, letters of two scripts in one word. ``characters`` and ``words`` are the shares above which an answer is
    rubbish. Null for a blank answer.

    Shapes are what it sees: real words in an order that means nothing pass, and so does nonsense that can be spoken;
    codes, formulas and long German words are taken for rubbish. ``lexicon`` is a file of known words, one a line (those
    of the training data, say): then a word of Latin letters that is not in it is rubbish whatever its shape, names and
    all. Give its ``lexicon_sha256`` beside it.
    """
    known = _lexicon(lexicon, lexicon_sha256)
    odd = [_share_of_characters(text) if text and text.strip() else None for text in texts]
    strange = [_share_of_words(text, known) if text and text.strip() else None for text in texts]
    whole = [
        None if one is None or two is None else float(one > characters or two > words)
        for one, two in zip(odd, strange, strict=True)
    ]
    return {"rubbish": whole, "rubbish_characters": odd, "rubbish_words": strange}


def is_rubbish(text: str, characters: float = CHARACTERS, words: float = WORDS) -> bool:
    """Say whether a text is rubbish by its characters or by its words' shapes."""
    return _share_of_characters(text) > characters or _share_of_words(text, None) > words


def words_of(text: str) -> Iterator[list[str]]:
    """Yield the words of a text as ``rubbish`` cuts them, each as its parts between hyphens and digits, in lower case.

    What follows an apostrophe is no part of a word, addresses are none, and of a long text the beginning is read.
    """
    for word in text[:_LONGEST].split():
        if (bare := _bare(word)) and (parts := _PARTS.findall(bare.lower().replace("\u2019", "'").split("'")[0])):
            yield parts


def _share_of_characters(text: str) -> float:
    read = text[:_LONGEST]
    odd = sum(not one.isascii() and _no_text(one) for one in read)
    odd += sum(one == "\x7f" or (one < " " and one not in _SPACE) for one in read)
    return odd / max(1, len(read))


@functools.lru_cache(maxsize=1 << 14)
def _no_text(character: str) -> bool:
    return character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in _NO_TEXT


def _share_of_words(text: str, known: frozenset[str] | None) -> float:
    words = [bare for word in text[:_LONGEST].split() if (bare := _bare(word))]
    if not words:
        return 0.0
    return sum(_odd(word) or (known is not None and _unknown(word, known)) for word in words) / len(words)


def _bare(word: str) -> str:
    """Return a word without what stands around it; nothing where it has no letter, or is an address."""
    bare = re.sub(r"^[\W_]+|[\W_]+$", "", word) if len(word) <= 1000 else word
    return bare if any(map(str.isalpha, bare)) and not _ADDRESS.search(word) else ""


def _odd(word: str) -> bool:
    """Say whether any part of a word, between hyphens and the like, has an odd shape."""
    return any(_odd_part(part) for part in re.split(r"[\W_]+", word[: 4 * _LONGEST]) if part)


@functools.lru_cache(maxsize=1 << 16)
def _odd_part(part: str) -> bool:
    letters = sum(map(str.isalpha, part))
    if letters > _LETTERS or _switches(part, str.isdigit) >= _SWITCHES:
        return True
    if not part.isupper() and _switches(part, str.isupper) > 2 * _SWITCHES:
        return True
    plain = unicodedata.normalize("NFD", part).encode("ascii", "ignore").decode()
    if part.isascii() or len(plain) >= letters > 0:
        small = plain.lower()
        vowelless = small.isalpha() and len(small) >= 5 and not re.search("[aeiouy]", small)
        return (vowelless and not part.isupper()) or bool(_VOWELLESS.search(small) and not part.isupper())
    return len({_script(one) for one in part if one.isalpha()}) > 1


def _switches(part: str, kind: Callable[[str], bool]) -> int:
    """Return how often neighbours differ in being of a kind."""
    return sum(kind(one) != kind(other) for one, other in itertools.pairwise(part))


@functools.lru_cache(maxsize=1 << 14)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "NONE").split()[0]
    return _TOGETHER.get(name, name)


def _unknown(word: str, known: frozenset[str]) -> bool:
    parts = re.findall("[a-z]+", word.lower().replace("’", "'").split("'")[0])
    return any(part not in known for part in parts)


def _lexicon(path: str | None, wanted: str | None) -> frozenset[str] | None:
    """Read a word list, which must be the one that was declared; raises DataError."""
    if path is None:
        if wanted is not None:
            raise DataError("rubbish: lexicon_sha256 is given, and no lexicon; name the file, or take the hash out")
        return None
    return _read_lexicon(path, wanted or "")


@functools.lru_cache(maxsize=2)
def _read_lexicon(path: str, wanted: str) -> frozenset[str]:
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise DataError(f"rubbish: the lexicon {path} cannot be read: {error.strerror or error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise DataError(
            f"rubbish: the lexicon {path} has the sha256 {found}, not {wanted}; write that, or mend the file"
        )
    words = frozenset(line.strip().lower() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
    if not words:
        raise DataError(f"rubbish: the lexicon {path} has no words; write one a line")
    return words
