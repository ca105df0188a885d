"""What a study's work takes, and what the same labels by people would: plain data for the report and for a plan.

None is what nobody measured, or what has no price; it is never 0. Where something is missing of a sum it is a lower
bound, and says so (``least``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """What the stages of one kind take together.

    ``timed`` of the ``stages`` have a known time. ``gpu_seconds`` are wall time times GPUs of those that compute on
    GPUs, ``core_seconds`` wall time times threads of the others. ``tokens`` were trained on or generated;
    ``prompt_tokens`` and ``completion_tokens`` are those that a server counted.
    """

    kind: str
    stages: int
    timed: int
    seconds: float | None = None
    gpu_seconds: float | None = None
    core_seconds: float | None = None
    tokens: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    price: float | None = None
    least: bool = False


@dataclass(frozen=True)
class Labels:
    """A data set that was built of a judge's ranks, over all seeds, and what people would be paid for as many labels.

    ``labels`` of ``unit`` (pair or ranking). ``price`` is of what only the judge needs: its training if the study
    trains it, its questions, building; drawing the answers is left out, since people would need these too.
    ``people`` is None where the stated price is of another unit. ``agreement`` is the judge's with people, as a share
    of pairs. ``seeds`` is of how many seeds' answers it was built.
    """

    data: str
    judge: str
    unit: str
    labels: float | None
    price: float | None
    least: bool
    people: float | None
    agreement: float | None = None
    trained: bool = False  # the judge is a model that the study trained
    seeds: int = 1

    @property
    def saving(self) -> float | None:
        """What is saved, as a share of what people would be paid; negative where the judge costs more."""
        return None if self.price is None or not self.people else 1 - self.price / self.people

    @property
    def per_label(self) -> float | None:
        """What one label by the judge costs."""
        return None if self.price is None or not self.labels else self.price / self.labels

    @property
    def per_correct(self) -> float | None:
        """What one label that people would agree with costs; None where the agreement is not known."""
        return None if self.per_label is None or not self.agreement else self.per_label / self.agreement


@dataclass(frozen=True)
class Account:
    """What a study costs, by kind of stage and in all.

    ``human_price`` is that of a person's label of ``human_of`` (pair or ranking), ``source`` says where it is from.
    ``unpriced`` names what was used and has no price. ``ahead`` marks an estimate before the work, from what like
    stages took.
    """

    work: Sequence[Work]
    total: Work
    labels: Sequence[Labels] = ()
    currency: str = ""
    human_price: float | None = None
    source: str = ""
    unpriced: Sequence[str] = ()
    ahead: bool = False
    human_of: str = "pair"
