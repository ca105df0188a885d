"""Control tokens in front of all that a model is asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from leaven.models.wraps.wrap import Wrap
from leaven.registry import Text, wrap


def _tokens(tokens: list[str]) -> list[str]:
    if spaced := next((token for token in tokens if any(one.isspace() for one in token)), None):
        raise ValueError(f"'{spaced}' is no control token: it holds a space")
    if twice := next((token for token in tokens if tokens.count(token) > 1), None):
        raise ValueError(f"'{twice}' stands twice; write each token once")
    return tokens


@wrap(version=1)
def control_prefix(*, tokens: Annotated[list[Text], Field(min_length=1), AfterValidator(_tokens)]) -> Wrap:
    """Put control tokens that the model was trained with in front of all that it is asked or reads."""
    return Wrap(control=tuple(tokens))
