"""Two arms that talk to each other, and what is told from their talk: by whom, how often the same, how far away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import fsum

from leaven.conversation.stream import Hear
from leaven.conversation.talk import Conversation

Named = Callable[[int], Hear | None]  # told who speaks next, 0 or 1: who hears it


@dataclass(frozen=True)
class Line:
    """One turn of such a talk: who spoke, 0 or 1, what, why it ended, and whether a guard refused to go on."""

    who: int
    text: str
    finish_reason: str = "stop"
    refused: bool = False


def converse(
    talks: Sequence[Conversation], opening: str, turns: int, named: Named = lambda who: None
) -> Iterator[Line]:
    """Yield the turns of two arms in turn; the first answers the opening, as if the other had said it.

    What one says is the user's turn to the other, who does not know that it said the opening. A special token of the
    listener that a speaker spells out is broken up. Raises ModelError where one cannot be asked.
    """
    from leaven.generate.spellings import specials
    from leaven.models.hostile import neutralised

    said = opening
    for turn in range(turns):
        who = turn % 2
        talk = talks[who]
        said = talk.answer(neutralised(said, specials(talk.speaker.tokenizer)), named(who))
        assert talk.last is not None, "it has just answered"
        yield Line(who, said, talk.last.finish_reason, talk.last.refused)


@dataclass(frozen=True)
class Conversed:
    """What is told from turns of a talk, of one arm or of both.

    ``ended`` is the share that the model ended itself, ``others_turn`` that goes on with the other's turn, ``repeats``
    that says what was said before (the opening counts, capitals and blanks do not), ``loops`` that ends in a loop,
    ``blank`` that is empty, ``refused`` that is a guard's refusal; ``distinct_2`` is distinct pairs of words for each
    pair told (None where there is none), ``words`` the mean length.
    """

    turns: int
    words: float
    ended: float
    others_turn: float
    repeats: float
    loops: float
    blank: float
    refused: float
    distinct_2: float | None


def conversed(lines: Sequence[Line], opening: str, users: Sequence[str], who: int | None = None) -> Conversed:
    """Score the turns of one arm, or of both; ``users`` are names under which the other's turn may begin.

    Raises ValueError if there are none.
    """
    from leaven.score.loops import ends_in_loop
    from leaven.score.turns import NAMES, takes_user_turn

    own = [line for line in lines if who in (None, line.who)]
    if not own:
        raise ValueError("nothing was said")
    names, again = [*NAMES, *users], _repeats([opening, *(line.text for line in lines)])[1:]
    return Conversed(
        len(own),
        _mean(len(line.text.split()) for line in own),
        _mean(line.finish_reason == "stop" and not line.refused for line in own),
        _mean(takes_user_turn(line.text, names) for line in own),
        _mean(one for line, one in zip(lines, again, strict=True) if who in (None, line.who)),
        _mean(ends_in_loop(line.text) for line in own),
        _mean(not line.text.strip() for line in own),
        _mean(line.refused for line in own),
        _distinct([line.text for line in own]),
    )


def drift(lines: Sequence[Line], opening: str) -> float | None:
    """Return how far the words of a talk went from those that it began with, 0 (none) to 1 (all are others).

    It is the share of the content words of its last third that neither the opening nor its first third holds (stemmed,
    English, each word once). None for fewer than three turns, or a last third without content words.
    """
    from leaven.score.relevance import content

    third = len(lines) // 3
    late = content(" ".join(line.text for line in lines[len(lines) - third :])) if third else frozenset()
    early = content(" ".join([opening, *(line.text for line in lines[:third])]))
    return len(late - early) / len(late) if late else None


def _repeats(texts: Sequence[str]) -> list[bool]:
    """Say of each text whether an earlier one says the same; a blank one says nothing."""
    seen, found = set[str](), []
    for text in texts:
        plain = " ".join(text.split()).casefold()
        found.append(bool(plain) and plain in seen)
        seen.add(plain)
    return found


def _distinct(texts: Sequence[str]) -> float | None:
    from leaven.score.diversity import corpus_distinct

    shares = corpus_distinct(texts)["corpus_distinct_2"]
    return None if None in shares else fsum(one or 0.0 for one in shares) / len(shares)


def _mean(values: Iterator[bool] | Iterator[int]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
