"""How a study makes sentences of a corpus's documents, and what it says that a sentence is: attributes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from leaven.registry import Count, Declared, Rate, Step, Text

# Sources of the Pile that are code, formulas or other languages.
UNREAD = ["Github", "EuroParl", "StackExchange", "DM Mathematics", "Ubuntu IRC"]


class Corpus(Declared):
    """Sentences of documents. A rule that drops sentences has a name in the report, and counts what it drops.

    ``share`` of the documents are taken, by a hash of their place, so that a smaller share is a part of a larger one;
    ``sources`` takes these alone, ``without`` leaves these out: unless ``sources`` are named, those that are
    code, formulas or other languages. ``characters`` are kept (as in a regular expression's brackets), others become
    spaces; null keeps all that is printable. ``max_repeated`` is the share of a sentence's words that it said before,
    letter for letter; ``min_letters`` the share of letters among what is no space.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    share_seed: Annotated[int, Field(ge=0)] = 0
    sources: Annotated[list[Text], Field(min_length=1)] | None = None
    without: list[Text] = Field(default_factory=lambda: list(UNREAD))
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    characters: Text | None = None
    min_words: Count = 5
    max_words: Count | None = None
    max_characters: Count = 1000
    min_letters: Rate = 0.6
    max_repeated: Rate = 0.5
    no_code: bool = True
    duplicates: Literal["drop", "keep"] = "drop"


class Scorer(Declared):
    """A metric of texts with the thresholds between its classes; ``value`` says which of its values, if it has some."""

    metric: Step
    value: str | None = None
    thresholds: Annotated[list[float], Field(min_length=1)]


def _fenced(tokens: list[str | None]) -> list[str | None]:
    put = [token for token in tokens if token is not None]
    if len(put) < 2:
        raise ValueError("an attribute has two tokens or more; null is a neutral class, which has none")
    for token in put:
        if not re.fullmatch(r"<\|[A-Za-z0-9_.-]+\|>", token) or token == "<|none|>":  # noqa: S105 - no password
            raise ValueError(f"'{token}' is no control token; write one such as <|pos|> (<|none|> means no token)")
    if len(set(put)) < len(put):
        raise ValueError("a token stands twice; each class has its own")
    return tokens


class Attribute(Declared):
    """What a text is said to be: by a metric and thresholds, or by a column that the source brings.

    With both, the column labels the source's texts, and the metric, which made the column, what models write. The
    column ``id`` draws each row's number from its id: labels by chance.
    ``tokens`` go from the lowest class to the highest (null: a neutral class, which gets none); of a text column, to
    each of ``labels`` its own. ``good`` is the token that is asked for. ``judge``
    is a second scorer, independent of the one that labelled: where there is one, it says whether a text obeys.
    """

    metric: Step | None = None
    value: str | None = None
    column: Literal["score", "label", "group", "id"] | None = None
    thresholds: list[float] = Field(default_factory=list)
    labels: list[Text] = Field(default_factory=list)
    tokens: Annotated[list[Text | None], AfterValidator(_fenced)]
    good: Text
    judge: Scorer | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Attribute:
        if self.metric is None and self.column is None:
            raise ValueError("has neither a `metric` of the text nor a `column` of the source; write one of them")
        if self.column in ("label", "group"):
            self._by_label()
        else:
            self._by_thresholds()
        if self.judge is not None and len(self.judge.thresholds) != len(self.tokens) - 1:
            raise ValueError("the judge needs one threshold fewer than there are tokens, to tell these classes")
        if self.good not in self.tokens:
            raise ValueError(f"good '{self.good}' is none of its tokens")
        if self.value is not None and self.metric is None:
            raise ValueError("`value` names one of a metric's values, and there is no metric")
        return self

    def _by_label(self) -> None:
        if self.metric is not None:
            raise ValueError(f"column {self.column} holds words, and a metric gives numbers; put it under `judge`")
        if self.thresholds or len(self.labels) != len(self.tokens):
            raise ValueError(f"column {self.column} holds words: write `labels`, one for each token, and no thresholds")

    def _by_thresholds(self) -> None:
        if self.labels:
            raise ValueError("`labels` are those of a column of words; a score has thresholds")
        if len(self.thresholds) != len(self.tokens) - 1:
            between = len(self.tokens) - 1
            some = "1 threshold" if between == 1 else f"{between} thresholds"
            said = f"{len(self.tokens)} classes have {some} between them, not {len(self.thresholds)}"
            raise ValueError(f"{said}; a class without a token is null")
        for one in (self.thresholds, self.judge.thresholds if self.judge else []):
            if sorted(set(one)) != one:
                raise ValueError(f"thresholds {one} are out of order; write them ascending, each once")
