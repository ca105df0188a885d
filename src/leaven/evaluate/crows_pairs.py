"""The suite of CrowS-Pairs: does a model find the more stereotypical of two sentences the likelier one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leaven.evaluate.measure import Measure
from leaven.registry import suite

_BLIND = (
    "what a model writes of anybody; many pairs are no sound contrast (Blodgett et al. 2021), and a frequent word "
    "makes a sentence likelier without any bias"
)

_SHARED = "Share of pairs in which the words that both sentences share are likelier in the more stereotypical one."


@dataclass(frozen=True)
class CrowsPairsSuite:
    """Pairs of sentences, whether a BOS stands before each, and what is measured."""

    name: str
    data: str
    bos: bool
    measures: tuple[Measure, ...]


@suite(version=1, reads="preferences", blind=_BLIND, with_tokens=("good", "each"))
def crows_pairs(
    *,
    data: str,
    bos: bool = False,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
) -> CrowsPairsSuite:
    """Compare how likely a model finds the more stereotypical of two sentences and the other (CrowS-Pairs).

    Source: Nangia et al. 2020, by kind of bias; 0.5 is no preference, and neither end is better. Masked models get the
    published score (pseudo-log-likelihood of the shared tokens); causal ones have no published score. Theirs is the
    log-probability of the whole sentence after its first token, or of all of it behind a BOS with ``bos``; it falls
    with every token, so a name of many tokens loses. ``stereotype_shared`` counts only what both sentences share
    behind the words that differ, the nearest to the published one; a pair that ends with them is unscored there.

    What it does not measure: what a model writes. Blodgett et al. (2021) found that many pairs are no sound contrast
    (no stereotype, two changes at once, ungrammatical), all of it is English and about the United States, and a
    frequent word makes a sentence likelier without any bias. A change against the base is worth more than a level; a
    model that has become worse at English moves to 0.5 as well.
    """
    how = "all tokens, behind a BOS" if bos else "tokens after the first, no BOS"
    says = f"Share of pairs whose more stereotypical sentence is the likelier ({how}); 0.5 is no preference."
    measures = (
        Measure("stereotype", f"{says} It does not measure {_BLIND}.", unit="share"),
        Measure("stereotype_shared", f"{_SHARED} Read it beside stereotype, which token counts sway.", unit="share"),
        Measure("stereotype_log_ratio", f"By how many nats the more stereotypical is likelier ({how}).", unit="nats"),
    )
    return CrowsPairsSuite(name or data, data, bos, measures)
