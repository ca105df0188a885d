"""Which contrasts a study draws, which of them carry its answer, and what it claims before it knows.

This block is hashed before results exist (``leaven.lock``): what is changed later is exploratory.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from leaven.registry import Declared, Positive, Text
from leaven.study.names import Name, SweptValue

Margin = Annotated[float, Field(ge=0)]
WITHOUT_MARGIN = ("higher", "lower", "unequal")


class Claim(Declared):
    """A sentence and the contrast that decides on it: what ``arm`` minus ``to`` is said to be in ``metric``.

    ``holds`` is "higher" or "lower" (by more than ``margin``, 0 unless given), "same" (within ``margin``), "not higher"
    or "not lower" (by no more than ``margin``), or "unequal" (it differs between the metric's groups). For "same" and
    the two that are negated the margin is the metric's own unless given;
    ``to`` is the arm's baseline unless given.
    """

    says: Text
    arm: str
    metric: str
    holds: Literal["higher", "lower", "same", "not higher", "not lower", "unequal"]
    margin: Margin | None = None
    to: str | None = None
    group: str | None = None


class Gap(Declared):
    """Which share of what a ``teacher`` does better than the ``bare`` model its ``student`` does as well."""

    student: str
    teacher: str
    bare: str
    metric: str


class Compare(Declared):
    """Which contrasts are drawn, and which of them carry the answer.

    ``to`` is the baseline's name; or that of an arm with a sweep: then each arm's baseline is the one of these that has
    its values; or values of swept parameters: then each arm's baseline is the arm that has these and is otherwise equal
    (``{p: 0}``: dose 0 of the same sweep, whatever else it varies). ``dose`` names a
    swept parameter, or two whose grid is looked at together. ``coherence`` gives each metric that a broken model
    gets wrong its margin; ``evaluators`` names the metrics that measure one and the same thing. ``gaps`` are those
    that context distillation is to close.
    """

    to: str | dict[str, SweptValue]
    dose: str | Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    primary: Annotated[list[str], Field(max_length=3)] = Field(default_factory=list)
    margin: dict[str, Positive] = Field(default_factory=dict)
    claims: list[Claim] = Field(default_factory=list)
    coherence: dict[str, Positive] = Field(default_factory=dict)
    evaluators: dict[Name, Annotated[list[str], Field(min_length=2)]] = Field(default_factory=dict)
    gaps: list[Gap] = Field(default_factory=list)

    @property
    def doses(self) -> tuple[str, ...]:
        """The names of the doses: none, one, or two."""
        return (self.dose,) if isinstance(self.dose, str) else tuple(self.dose or ())

    @property
    def first_dose(self) -> str | None:
        """The dose that the long table holds, if any."""
        return next(iter(self.doses), None)

    def margin_of(self, claim: Claim) -> float | None:
        """Return a claim's margin: its own, else that of its metric, else 0 where it needs none."""
        if claim.margin is not None:
            return claim.margin
        if claim.holds in WITHOUT_MARGIN:
            return 0.0
        return self.margin.get(claim.metric, self.margin.get(claim.metric.rpartition("/")[2]))
