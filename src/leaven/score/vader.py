"""VADER's scores, several times faster than by its package alone, and equal to the last digit.

In VADER a word has a valence of its own only if it is in the lexicon, and that depends on no more than the three words
before it, for a few words on the two after it, and on whether some words (but not all) are in capitals. So the
package's own function is asked once for each such neighbourhood, with the words in it that cannot matter made alike,
and its answer is kept; its own functions also sum up. What it does to emoji is left to it altogether.
Source: Hutto and Gilbert, *VADER* (ICWSM 2014), by the package vaderSentiment.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

_MOST_WORDS, _MOST_NEIGHBOURHOODS, _LONGEST = 200_000, 200_000, 60
_RULES = ("no", "or", "nor", "least", "very", "never", "so", "this", "without", "doubt", "but")
_INERT = "\u00b7"  # stands for every word that no rule and no lexicon knows
_NOT = "n't"  # every word that holds it negates


class Word(NamedTuple):
    """A token as VADER sees it: ``alike`` is what the words after it see of it, ``far`` what the third one sees.

    ``item`` is the word where it has a valence of its own.
    """

    alike: str
    far: str
    item: str | None
    shouted: bool


_PLAIN = Word(_INERT, _INERT, None, False)


class Words(dict[str, Word]):
    """What each token is; one that was not seen yet is looked at when it is asked for. Memory is bounded."""

    def __init__(self, analyser: Any):
        from vaderSentiment import vaderSentiment as package

        super().__init__()
        self._lexicon, self._boosters = analyser.lexicon, package.BOOSTER_DICT
        self._strip = package.SentiText._strip_punc_if_word
        phrases = [phrase.split() for phrase in (*package.BOOSTER_DICT, *package.SPECIAL_CASES, "at least")]
        self.alone = {*package.NEGATE, *_RULES, *(phrase[0] for phrase in phrases if len(phrase) == 1)}
        self.met = {pair for phrase in phrases for pair in itertools.pairwise(phrase)}
        self.in_phrases = {word for pair in self.met for word in pair} - self.alone
        special = self.alone | self.in_phrases
        self.charged = next(word for word in analyser.lexicon if word.isalpha() and word not in special)
        assert not {_INERT, _NOT} & self._lexicon.keys(), "they stand for words that VADER's lexicon does not know"

    def __missing__(self, token: str) -> Word:
        """Return what a token is; it is kept unless it is very long."""
        word = self._look(self._strip(token))
        if len(token) <= _LONGEST:
            if len(self) >= _MOST_WORDS:
                self.clear()
            self[token] = word
        return word

    def _look(self, text: str) -> Word:
        lower, shouted = text.lower(), text.isupper()
        boosts, charged = lower in self._boosters, lower in self._lexicon
        alike = far = _INERT
        if lower in self.alone or lower in self.in_phrases:
            alike = far = lower.upper() if boosts and shouted else lower
        elif _NOT in lower:
            alike = far = lower if charged else _NOT
        elif charged:
            far = self.charged
        elif not shouted:
            return _PLAIN
        return Word(alike, far, (text if shouted else lower) if charged and not boosts else None, shouted)


class Fast:
    """The package's analyser with what it says of words and neighbourhoods kept; memory is bounded."""

    def __init__(self, analyser: Any):
        from vaderSentiment import vaderSentiment as package

        self._analyser, self._package, self._words = analyser, package, Words(analyser)
        self._emoji = frozenset(analyser.emojis)
        assert not any(one.isascii() for one in self._emoji), "plain text holds no emoji"
        # What comes after a word matters to it where a phrase goes on, and after "no".
        self._ahead = {"no", *(first for first, _ in self._words.met)}
        self._valences: dict[tuple[Any, ...], float] = {}

    def scores(self, text: str) -> dict[str, float]:
        """Return what ``polarity_scores`` of the package does: compound, pos, neu and neg, rounded as it does."""
        if not text.isascii() and not self._emoji.isdisjoint(text):
            found: dict[str, float] = self._analyser.polarity_scores(text)
            return found
        words = list(map(self._words.__getitem__, text.split()))
        notable = [place for place, word in enumerate(words) if word is not _PLAIN]
        charged = [place for place in notable if words[place].item is not None]
        if not charged:
            return {"neg": 0.0, "neu": 1.0 if words else 0.0, "pos": 0.0, "compound": 0.0}
        some = 0 < sum([words[place].shouted for place in notable]) < len(words)
        valences: list[float] = [0] * len(words)
        for place in charged:
            valences[place] = self._valence(words, place, some)
        if "but" in [words[place].alike for place in notable]:
            valences = self._analyser._but_check([word.alike for word in words], valences)
        summed: dict[str, float] = self._analyser.score_valence(valences, text)
        return summed

    def _valence(self, words: list[Word], place: int, some: bool) -> float:
        """Return the valence of a word of the lexicon among its neighbours, as the package tells it."""
        near, at = self._neighbourhood(words, place, some)
        key = (some, at, *near)
        known = self._valences.get(key)
        if known is None:
            known = self._asked(near, at, some)
            if len(self._valences) >= _MOST_NEIGHBOURHOODS:
                self._valences.clear()
            self._valences[key] = known
        return known

    def _neighbourhood(self, words: list[Word], place: int, some: bool) -> tuple[list[str], int]:
        """Return the words that can matter to one of them, the others made alike, and where it stands among them."""
        said = words[place].item
        assert said is not None
        item, at = said if some else said.lower(), min(place, 3)
        near = [word.alike for word in words[place - at : place]]
        if at == 3:
            near[0] = words[place - 3].far
        near.append(item)
        if (lower := item.lower()) in self._ahead:
            near += [word.far for word in words[place + 1 : place + 3]]
        for index in range(at):
            if near[index] in self._words.in_phrases and not self._goes_on(near, index, lower, at):
                far = at == 3 and index == 0 and near[index] in self._analyser.lexicon
                near[index] = self._words.charged if far else _INERT
        return near, at

    def _goes_on(self, near: list[str], index: int, item: str, at: int) -> bool:
        """Say whether a word that matters in phrases alone stands beside another one of a phrase."""
        met, after = self._words.met, item if index + 1 == at else near[index + 1]
        return (near[index], after) in met or (index > 0 and (near[index - 1], near[index]) in met)

    def _asked(self, near: list[str], at: int, some: bool) -> float:
        if near[at].lower() == "kind" and near[at + 1 : at + 2] == ["of"]:
            return 0  # as the package's loop over words has it
        text = self._package.SentiText("")
        text.words_and_emoticons, text.is_cap_diff = near, some
        valence: float = self._analyser.sentiment_valence(0, text, near[at], at, [])[0]
        return valence


@functools.cache
def vader() -> Any:
    """Return the package's analyser; its lexicon is read once a process."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


@functools.cache
def fast() -> Fast:
    """Return the fast one, once a process."""
    return Fast(vader())
