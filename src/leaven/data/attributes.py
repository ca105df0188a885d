"""Attributes: what a text is said to be, by thresholds on a score or by a label, and the control token that says it."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attribute:
    """One attribute. Its classes are in the order of ``tokens``; a class without a token (None) is neutral.

    ``thresholds`` are ascending and one fewer than the tokens: a value above a threshold is in the class after it, one
    equal to it in the class before. With ``labels`` instead, a class is the place of what a label column says.
    ``good`` is the token that is asked for.
    """

    name: str
    tokens: tuple[str | None, ...]
    good: str
    thresholds: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Attribute:
        """Make one from a stage's arguments (the fields by name); others' keys are left alone."""
        lists = {name: tuple(args.get(name, ())) for name in ("tokens", "thresholds", "labels")}
        return cls(name=args["name"], good=args["good"], **lists)

    def as_args(self) -> dict[str, Any]:
        """Return the fields for a stage's arguments; what is empty is left out."""
        named = {"name": self.name, "tokens": list(self.tokens), "good": self.good}
        rest = {"thresholds": list(self.thresholds), "labels": list(self.labels)}
        return {**named, **{name: values for name, values in rest.items() if values}}

    def class_of(self, value: float | None, said: str | None = None) -> int | None:
        """Return the class of a score, or of what a label column says; None where nothing can be told."""
        if self.labels:
            return self.labels.index(said) if said in self.labels else None
        return None if value is None or math.isnan(value) else bisect.bisect_left(self.thresholds, value)

    @property
    def good_class(self) -> int:
        """The class whose token is asked for."""
        return self.tokens.index(self.good)

    @property
    def put(self) -> tuple[str, ...]:
        """The tokens that are put in front of texts, without the neutral class."""
        return tuple(token for token in self.tokens if token is not None)


def tokens_of(attributes: Sequence[Attribute]) -> tuple[str, ...]:
    """Return all control tokens of some attributes, in their fixed order: attribute by attribute, class by class."""
    return tuple(token for one in attributes for token in one.put)


def short(token: str) -> str:
    """Return a control token without its fence, as tables and names of conditions have it: ``<|pos|>`` is pos."""
    return token.removeprefix("<|").removesuffix("|>").strip("<>|") or token


def conditions(attributes: Sequence[Attribute]) -> list[tuple[str, ...]]:
    """Return all that can be asked of a model that knows the tokens of some attributes: nothing, then each combination.

    A combination has one token of each attribute, in the order in which they are put in front of texts.
    """
    return [(), *(itertools.product(*(one.put for one in attributes)) if attributes else ())]


def called(condition: Sequence[str]) -> str:
    """Return what a combination of tokens is called: ``nontoxic+pos``; ``none`` where there is no token."""
    return "+".join(map(short, condition)) or "none"
