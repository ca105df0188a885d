"""Passages that were found for a question, in front of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from leaven.models.wraps.wrap import Wrap
from leaven.registry import Count, Text, wrap
from leaven.rows import Message

_PLACES = re.compile(r"\{(passages|question)\}")


def _places(template: str) -> str:
    if template.count("{passages}") != 1 or template.count("{question}") > 1:
        raise ValueError("should hold {passages} once (where they go), and {question} at most once")
    return template


def _of_dense(model: str | None, info: ValidationInfo) -> str | None:
    by = info.data.get("by")
    if by == "dense" and model is None:
        raise ValueError("dense retrieval needs a model: a sentence-transformers folder, or a name of the hub")
    if by == "bm25" and model is not None:
        raise ValueError("bm25 counts words and needs no model; take it out, or write by: dense")
    return model


@wrap(version=1, data={"corpus": "corpus"})
def rag(
    *,
    corpus: Text,
    k: Count = 3,
    by: Literal["bm25", "dense"] = "bm25",
    passage_words: Count = 100,
    model: Annotated[Text | None, AfterValidator(_of_dense), Field(validate_default=True)] = None,
    template: Annotated[Text, AfterValidator(_places)] = "Here is what was found about the question:\n\n{passages}",
) -> Wrap:
    """Ask behind the k best passages of a data set for the question (retrieval-augmented generation).

    ``bm25``: Robertson et al. in Lucene's form, by the package bm25s; ``dense``: cosine of sentence vectors, by
    sentence-transformers (`leaven[dense]`). Rows are cut into passages of at most ``passage_words`` words, as even as
    they go. The question is the last user turn; the template comes in front of it, unless it says where {question}
    goes. A row that is the question's own is kept and counted, and a question for which nothing is found is asked bare.
    """
    del k, by, passage_words, model  # by what they say passages are looked up, see models/retrieval.py
    return Wrap(rewrites=True, retrieves=True, rewrite=partial(_behind, template), reads={"corpus": corpus})


def _behind(template: str, messages: Sequence[Message], passages: Sequence[Any]) -> list[Message]:
    last = max((at for at, turn in enumerate(messages) if turn["role"] == "user"), default=None)
    if last is None or not passages:
        return list(messages)
    found = {"passages": "\n\n".join(passages), "question": messages[last]["content"]}
    # In one go: a passage that spells {question} is text.
    text = _PLACES.sub(lambda place: found[place[1]], template)
    if "{question}" not in template:
        text = f"{text}\n\n{found['question']}"
    return [*messages[:last], {**messages[last], "content": text}, *messages[last + 1 :]]
