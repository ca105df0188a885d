"""What the section on judges is made of: plain data, gathered by whoever ran the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leaven.stats.judged.between import Between
from leaven.stats.judged.reliability import Reliability

CHANCE = "random"  # the judge that ranks by chance: a control, of which nobody needs to be warned
BY_WORDS = ("rank", "pairwise", "pointwise")  # judges that are asked questions


@dataclass(frozen=True)
class JudgeInfo:
    """One judge of one data set's answers, over all ``seeds`` whose answers it ranked.

    ``kind`` is the judge's plug-in (rank, pairwise, pointwise, reward, metric, random), ``what`` who or what it asks.
    ``by_people``: the answers are those of people's preferences. ``reasons`` says why replies gave no rank, with how
    many answers; ``left_out`` why answers could not be ranked by anybody (all equal, say). ``built`` are the data sets
    made of its ranks, ``arms`` those that train on them, ``evaluates`` the suites' metrics (``suite/metric``) that are
    this judge again.
    """

    judge: str
    kind: str
    what: str
    data: str
    seeds: Sequence[int]
    found: Reliability
    by_people: bool = False
    repaired: int | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    built: Sequence[str] = ()
    arms: Sequence[str] = ()
    evaluates: Sequence[str] = ()


@dataclass(frozen=True)
class AgreementInfo:
    """How the judges of one data set's answers agree."""

    data: str
    found: Between


@dataclass(frozen=True)
class BuiltInfo:
    """What was built of one seed's answers. None where the kind of data has no such thing, or nobody counted.

    ``makes`` is preferences, demonstrations or unpaired. ``prompts = used + sum(drops)``, in prompts;
    ``offered = rows + sum(left_out)``, in rows. ``longer_chosen`` is the share of the pairs whose longer answer was
    preferred, ``margin`` the mean difference of their ranks. ``diversity`` are means over prompts (self_bleu,
    distinct_1 ...).
    """

    data: str
    seed: int
    makes: str
    judge: str
    answers: str
    prompts: int
    used: int
    rows: int
    offered: int | None = None
    drops: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    longer_chosen: float | None = None
    margin: float | None = None
    n_answers: int | None = None
    repeats: int | None = None
    silent: int | None = None
    diversity: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class RankedAnswer:
    """One answer with the rank that each judge gave it, None where it gave none."""

    sample: int
    text: str
    ranks: Mapping[str, float | None]


@dataclass(frozen=True)
class RankedSample:
    """One prompt with its answers, to be read and not to be counted."""

    data: str
    seed: int | None
    prompt: str
    answers: Sequence[RankedAnswer]


@dataclass(frozen=True)
class Judging:
    """All of it: what the section shows. Empty where a study asks no judge."""

    judges: Sequence[JudgeInfo] = ()
    agreements: Sequence[AgreementInfo] = ()
    built: Sequence[BuiltInfo] = ()
    samples: Sequence[RankedSample] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything to show."""
        return bool(self.judges or self.built)
