"""What the section on ways of aligning is made of: plain data, gathered by whoever ran the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class WayInfo:
    """One arm as a way of aligning, and what it cost; None where nobody counted.

    ``ways`` leaves out the trainings that the baseline has too. ``trained`` are the tokens that its trainings saw,
    ``sampled`` those that were generated before them (a teacher's answers, what a judge ranked), ``seconds`` the time
    of both, ``price`` what all that its model rests on cost at the study's prices, ``pairs`` of how many pairs people
    said which answer is better; teachers and reward models included, all means over seeds. ``read`` is the mean length
    in characters of what the model reads for one question, ``bare`` that of the question itself; ``answered`` seconds
    for 1,000 answers. ``rest_on`` are arms that it needs.
    """

    arm: str
    ways: Sequence[str]
    trainings: int = 0
    trained: float | None = None
    sampled: float | None = None
    seconds: float | None = None
    read: float | None = None
    bare: float | None = None
    answered: float | None = None
    rest_on: Sequence[str] = ()
    price: float | None = None
    pairs: float | None = None


@dataclass(frozen=True)
class GuardInfo:
    """What the guards of one arm did in one suite, over its seeds; shares are of all answers."""

    arm: str
    suite: str
    guard: str
    looked: int
    blocked: int
    unscored: int
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class RewardedInfo:
    """A training by rewards: the mean reward of its first and last tenth of steps, over seeds.

    ``by`` is who rewards, ``measured`` the suites' metrics that are that very metric, or read the same classifier;
    ``unscored`` answers had no reward; ``start`` is the arm that the training began as, if the study has it.
    """

    arm: str
    by: str
    first: float
    last: float
    kl: float | None = None
    unscored: int = 0
    measured: Sequence[str] = ()
    start: str | None = None


@dataclass(frozen=True)
class Methods:
    """Everything of the section.

    ``unreached`` is (arm, suite) -> methods that the suite asked the arm without. ``curved`` are arms measured on the
    way of a training whose learning rate was falling, with its schedule. ``shared`` are the baseline's own trainings,
    in words. ``pair`` is what people are paid for a pair, in the ``currency`` of the study's prices.
    """

    ways: Sequence[WayInfo] = ()
    guards: Sequence[GuardInfo] = ()
    rewarded: Sequence[RewardedInfo] = ()
    unreached: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    curved: Mapping[str, str] = field(default_factory=dict)
    shared: Sequence[str] = ()
    currency: str = ""
    pair: float | None = None

    def __bool__(self) -> bool:
        return bool(self.ways or self.guards or self.rewarded or self.unreached or self.curved)
