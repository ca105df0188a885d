"""What a study's work costs, as its author says: prices, and where they come from. They enter no key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leaven.registry import Declared, Text

Price = Annotated[float, Field(ge=0)]


class HumanLabel(Declared):
    """What a person's label costs, and who says so.

    A label is ``of`` a pair (which of two answers is better), or of a ranking (all answers to one prompt, in order).
    """

    price: Price
    source: Text
    of: Literal["pair", "ranking"] = "pair"


class Prices(Declared):
    """Prices in one currency: of an hour of a GPU or a core, of a million tokens of a server, of a person's label."""

    currency: str = "USD"
    gpu_hour: Price | None = None
    core_hour: Price | None = None
    input_tokens: Price | None = None
    output_tokens: Price | None = None
    human_label: HumanLabel | None = None
