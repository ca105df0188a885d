"""Which sentences are left out, and why: each rule has a name, their order is fixed, the first that applies counts.

Where they come from: at least five words and no braces, C4 (Raffel et al. 2020, section 2.2); shares of letters and of
what is said twice, Gopher (Rae et al. 2021, appendix A.1), there of documents. datatrove's filters are not used: they
judge whole documents, and bring a dozen more packages.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import warnings

from leaven.data.corpus.settings import Settings
from leaven.errors import DataError

FEW_WORDS, MANY_WORDS, MANY_CHARACTERS = "too few words", "too many words", "too many characters"
FEW_LETTERS, CODE, REPEATS, DUPLICATE = "too few letters", "code or markup", "repeats itself", "duplicate"
RULES = (FEW_WORDS, MANY_WORDS, MANY_CHARACTERS, FEW_LETTERS, CODE, REPEATS, DUPLICATE)
SPECIAL = "special characters"

# Braces, commands of LaTeX, formulas, tags, entities, links of a wiki, operators, calls, names_with_underscores. Each
# begins at one of a few characters, and what stands behind it decides: a search skips all other characters.
_CODE = re.compile(
    r"[{}\\$<&\[\]=!:\-|()_](?:(?<=[{}])|(?<=\\)[A-Za-z]|(?<=\$)[^$\d\s][^$]*\$|(?<=<)(?:/?[A-Za-z][^<>]*>|!--)|"
    r"(?<=&)(?:[A-Za-z]{2,8};|&)|(?<=\[)\[|(?<=\])\]|(?<=[=!:])=|(?<=[-=])>|(?<=:):|(?<=\|)\||(?<=\));|"
    r"(?<=\w\()\)|(?<=[A-Za-z0-9]_)[A-Za-z0-9])"
)
_CODE_BEGINS = ("#include", "#define", "import ", "def ")
_NO_LETTERS = bytes(one for one in range(128) if not chr(one).isalpha())
_LOST = "\ufffd"  # what stands where something could not be read


class _Printable(dict[int, int | str | None]):
    """What ``str.translate`` puts: nothing for marks that nobody sees (they stand inside words), else a space."""

    def __missing__(self, point: int) -> int | str | None:
        one = chr(point)
        kept = (one.isprintable() and one != _LOST) or one.isspace()
        self[point] = found = point if kept else None if unicodedata.category(one) == "Cf" else " "
        return found


class _Letters(dict[int, int | None]):
    """What ``str.translate`` puts: nothing for what is no letter and no mark on one."""

    def __missing__(self, point: int) -> int | None:
        self[point] = found = point if unicodedata.category(chr(point))[0] in "LM" else None
        return found


_PRINTABLE, _LETTERS = _Printable(), _Letters()  # filled as characters are met: all of Unicode would take long


class Rules:
    """The rules of one corpus, made ready; ``Rules(settings).judge(sentence)``."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._other = None if settings.characters is None else others(settings.characters)

    def judge(self, sentence: str) -> tuple[str, str | None, bool]:
        """Return a sentence without special characters, the rule that leaves it out, and whether it was altered.

        White space of any kind and length becomes one space; that does not count as an alteration.
        """
        words = sentence.split()
        flat = text = " ".join(words)
        if self._other is not None or not flat.isprintable() or _LOST in flat:
            words = self._plain(flat).split()
            text = " ".join(words)
        return text, self._reason(flat, text, words), text != flat

    def _plain(self, flat: str) -> str:
        if self._other is not None:
            return self._other.sub(" ", flat)
        return flat.translate(_PRINTABLE)

    def _reason(self, flat: str, text: str, words: list[str]) -> str | None:
        declared, count = self._settings, len(words)
        if reason := self._by_length(count, len(text)):
            return reason
        if _letters(text) < declared.min_letters * (len(text) - count + 1):
            return FEW_LETTERS
        if declared.no_code and _is_code(flat):  # as it stood: its braces may be special characters
            return CODE
        if len(set(words)) < (1 - declared.max_repeated) * count:
            return REPEATS
        return None

    def _by_length(self, words: int, characters: int) -> str | None:
        declared = self._settings
        if words < declared.min_words:
            return FEW_WORDS
        if declared.max_words is not None and words > declared.max_words:
            return MANY_WORDS
        return MANY_CHARACTERS if characters > declared.max_characters else None


def _is_code(flat: str) -> bool:
    return flat.startswith(_CODE_BEGINS) or _CODE.search(flat) is not None


def _letters(text: str) -> int:
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS))
    return len(text.translate(_LETTERS))


@functools.cache
def others(characters: str) -> re.Pattern[str]:
    """Return what matches runs of all but these characters; raises DataError if they are none (``a-z`` are)."""
    if problem := characters_problem(characters):
        raise DataError(f"corpus.characters {problem}")
    return _compiled(characters)


def characters_problem(characters: str) -> str | None:
    """Say what is wrong with characters as in a regular expression's brackets, None if nothing is."""
    if re.search(r"(?<!\\)(?:\\\\)*[\[\]]", characters):
        return f"'{characters}' holds a bracket; write it behind a backslash"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _compiled(characters)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        return f"'{characters}' is no set of characters such as 0-9A-Za-z .,?!' ({error})"
    return None


def _compiled(characters: str) -> re.Pattern[str]:
    return re.compile(f"[^{characters}]+")
