"""Verdicts in: what a judge's reply says, or why it cannot be read. A reply is hostile text, and is read strictly.

Every claim in a reply counts ("B is 2", wherever it stands alone): a verdict is read only where all claims together
say one thing. So a reply that quotes a verdict which an answer told it, and gives another, is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from leaven.generate.asked import Reply
from leaven.score.judges.declared import ByWords, Pairing, Pointing, Ranking
from leaven.score.judges.wording import LETTERS, TIE

EMPTY, CUT, FILTERED = "it is empty", "it was cut off", "the server held it back"
LONG, BROKEN, NOTHING = "it is too long", "it holds broken JSON", "it holds no verdict"
NO_NUMBER, STRANGER = "a rank is no whole number", "it ranks an answer that was not shown"
TWICE, MISSING = "it gives one answer several ranks", "it gives an answer no rank"
RANGE, SHARED = "a rank is out of range", "it gives several answers one rank"
UNDECIDED, POINTS = "it holds several verdicts", "its points are out of range"

Claim = TypeVar("Claim", int, str)

_MOST = 20_000  # characters; a verdict has some dozen
_WIDE = 400  # characters of a line that may be a claim
_ENDS = {"length": CUT, "content_filter": FILTERED}
_THOUGHT = "</think>"
_DECORATION = str.maketrans("", "", "*_`\"'")

_ANY_CASE = re.IGNORECASE | re.ASCII
_RANKED = re.compile(
    r"(?:(?:answer|response|candidate) )?([a-z]) ?(?::|=|->|\u2192) ?(?:rank )?([0-9]{1,3})", _ANY_CASE
)
_ORDER = re.compile(r"(?:(?:final )?(?:ranking|ranks|order|answer|verdict): ?)?([a-z](?: ?> ?[a-z])+)", _ANY_CASE)
_OF_RANKS = ("rank", "ranks", "ranking", "rankings")  # names of objects that hold ranks; points are none
_BETTER = re.compile(
    rf"(?:(?:final )?(?:better|verdict|winner|choice) ?[:=]? ?)?\[{{0,2}}(?:(?:answer|response) )?(a|b|{TIE})\]{{0,2}}",
    _ANY_CASE,
)
_POINTS = re.compile(r"(?:(?:points|score|rating) ?[:=] ?)?([0-9]{1,3})(?: ?/ ?([0-9]{1,3}))?", _ANY_CASE)


@dataclass(frozen=True)
class Verdict:
    """What a reply says of the answers, in the order in which they were shown: ranks, points, or of two which.

    ``said`` is empty where the reply could not be read; then ``why`` says it, and ``final`` whether to leave it there:
    there is no reply to be mended.
    """

    said: tuple[int, ...] = ()
    choice: str | None = None
    why: str | None = None
    final: bool = False


class _Unread(Exception):
    """A reply cannot be read; the text says why, in words for whoever wrote it."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written: a name that is there twice is there twice."""


def read(judge: ByWords, count: int, reply: Reply) -> Verdict:
    """Read a reply to a question about ``count`` answers; never raises, whatever it holds."""
    if not reply.texts and reply.reason:
        return Verdict(why=reply.reason, final=True)
    try:
        text = _whole(reply)
        if isinstance(judge, Ranking):
            return Verdict(said=ranking(text, count))
        if isinstance(judge, Pairing):
            return Verdict(choice=choice(text))
        assert isinstance(judge, Pointing)
        return Verdict(said=(points(text, judge.scale),))
    except _Unread as error:
        return Verdict(why=str(error))


def mended(first: Verdict, second: Verdict) -> Verdict:
    """Return the verdict after the one further question: the second if it could be read, else why there is none."""
    if second.why is None:
        return second
    return Verdict(why=f"not read: {first.why if second.final else second.why}", final=True)


def _whole(reply: Reply) -> str:
    """Return what a reply says behind its thoughts, if it is all there."""
    ended = reply.finish_reasons[0] if reply.finish_reasons else None
    if ended in _ENDS:
        raise _Unread(_ENDS[ended])
    text = (reply.texts[0] if reply.texts else "").rpartition(_THOUGHT)[2].strip()
    if not text:
        raise _Unread(EMPTY)
    if len(text) > _MOST:
        raise _Unread(LONG)
    return text


def ranking(text: str, count: int) -> tuple[int, ...]:
    """Return the rank of each of ``count`` answers, 1 to ``count``, each once; of a JSON object, lines or an order."""
    objects, rest = _objects(text)
    claims = [claim for one in objects for claim in _ranks_of(one)]
    for line in _lines(rest):
        if found := _ORDER.fullmatch(line):
            claims += [(letter.strip().upper(), place) for place, letter in enumerate(found[1].split(">"), start=1)]
        for piece in re.split("[,;]", line):
            if one := _RANKED.fullmatch(piece.strip()):
                claims.append((one[1].upper(), int(one[2])))
    return _agreed(claims, count)


def _ranks_of(written: _Pairs) -> Iterator[tuple[str, int | None]]:
    """Yield each answer's rank of a JSON object, or of ranks within it; other names are left alone."""
    for name, value in written:
        letter = _letter(name)
        if letter is not None:
            yield letter, _number(value)
        elif isinstance(value, _Pairs) and name.strip().lower() in _OF_RANKS:
            yield from _ranks_of(value)


def _letter(name: str) -> str | None:
    bare = name.strip().upper().removeprefix("ANSWER").strip()
    return bare if len(bare) == 1 and bare in LETTERS else None


def _number(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _agreed(claims: Sequence[tuple[str, int | None]], count: int) -> tuple[int, ...]:
    """Return the ranks that all claims together give; raises _Unread if they give none, or several."""
    letters = LETTERS[:count]
    if not claims:
        raise _Unread(NOTHING)
    said: dict[str, set[int]] = {}
    for letter, rank in claims:
        if rank is None:
            raise _Unread(NO_NUMBER)
        if letter not in letters:
            raise _Unread(STRANGER)
        if not 1 <= rank <= count:
            raise _Unread(RANGE)
        said.setdefault(letter, set()).add(rank)
    if any(len(ranks) > 1 for ranks in said.values()):
        raise _Unread(TWICE)
    if len(said) < count:
        raise _Unread(MISSING)
    found = tuple(said[letter].pop() for letter in letters)
    if len(set(found)) < count:
        raise _Unread(SHARED)
    return found


def choice(text: str) -> str:
    """Return which of two answers a reply prefers: ``first``, ``second`` or ``tie``."""
    named = {"a": "first", "b": "second", TIE: TIE}

    def written(name: str, value: Any) -> str | None:
        if name.strip().lower() not in ("better", "winner", "choice"):
            return None
        return value.strip().lower().removeprefix("answer").strip() if isinstance(value, str) else ""

    claims = _claims(text, written, lambda line: found[1].lower() if (found := _BETTER.fullmatch(line)) else None)
    if not claims:
        raise _Unread(NOTHING)
    if len(claims) > 1 or not claims <= named.keys():
        raise _Unread(UNDECIDED)
    return named[claims.pop()]


def points(text: str, scale: int) -> int:
    """Return the points that a reply gives, 1 to ``scale``."""

    def written(name: str, value: Any) -> int | None:
        if name.strip().lower() not in ("points", "score", "rating"):
            return None
        found = _number(value)
        return -1 if found is None else found

    def told(line: str) -> int | None:
        found = _POINTS.fullmatch(line)
        if found is None:
            return None
        return int(found[1]) if found[2] in (None, str(scale)) else -1

    claims = _claims(text, written, told)
    if not claims:
        raise _Unread(NOTHING)
    if len(claims) > 1:
        raise _Unread(UNDECIDED)
    if not 1 <= (said := claims.pop()) <= scale:
        raise _Unread(POINTS)
    return said


def _claims(text: str, written: Callable[[str, Any], Claim | None], told: Callable[[str], Claim | None]) -> set[Claim]:
    """Return all that a reply claims: in JSON objects, and in lines of their own."""
    objects, rest = _objects(text)
    made = [written(name, value) for one in objects for name, value in one]
    made += [told(line) for line in _lines(rest)]
    return {one for one in made if one is not None}


def _lines(text: str) -> Iterator[str]:
    """Yield the short lines of a text, without decoration."""
    for line in text.splitlines():
        bare = " ".join(line.translate(_DECORATION).split()).lstrip("-\u2022\u00b7 ").rstrip(". ")
        if bare and len(bare) <= _WIDE:
            yield bare


def _objects(text: str) -> tuple[list[_Pairs], str]:
    """Return the JSON objects in a text, and the text without them; raises _Unread if one is broken."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_refused)
    found, rest, at = [], [], 0
    while (begins := text.find("{", at)) >= 0:
        try:
            one, ends = decoder.raw_decode(text, begins)
        except (ValueError, RecursionError):
            raise _Unread(BROKEN) from None
        found.append(one)
        rest.append(text[at:begins])
        at = ends
    left = "".join([*rest, text[at:]])
    if "}" in left:
        raise _Unread(BROKEN)
    return found, left


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
