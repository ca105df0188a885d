"""What a report is made of: plain data, gathered by whoever ran the study.

The report knows no study, no stage and no file. Everything that came from a model, a data set or a person is
hostile text until the page has cleaned and escaped it. A value that is None was not measured; it is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leaven.comparison import Comparison
from leaven.report.judges.found import Judging
from leaven.report.methods.found import Methods
from leaven.report.spent import Account
from leaven.report.trained_tokens import DumpedInfo
from leaven.stats.analyses import Analyses

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ArmInfo:
    """One arm of the study; ``what`` says in a few words how it differs (``malign_labels rate 0.33``)."""

    name: str
    what: str = ""
    dose: float | None = None
    seeds: Sequence[int] = ()
    replicate: int = 0
    is_baseline: bool = False
    repeats: str | None = None  # the arm that a replicate repeats; None with replicate > 0 means the baseline
    attributes: Sequence[str] = ()  # those whose control tokens it was trained with
    data: Sequence[str] = ()  # trainer and data set of every training, in order: "sft lima", "dpo hh"


@dataclass(frozen=True)
class MetricInfo:
    """One measured quantity; ``unit`` is ``share`` (0 to 1, shown in percent), ``score``, or a word (``words``)."""

    suite: str
    name: str
    description: str = ""
    better: str | None = None  # "higher" | "lower" | None
    unit: str = "score"
    beside: bool = False  # printed beside a metric, never compared: a floor or a ceiling


@dataclass(frozen=True)
class LedgerInfo:
    """What one treatment step changed in one run's data."""

    arm: str
    seed: int | None
    step: str
    rows: int
    eligible: int
    changed: int
    realised: float | None = None  # the dose that was reached: changed / eligible
    excerpts: Sequence[tuple[str, str, str]] = ()  # (row id, was, became)
    already: int = 0  # rows that held what would be planted before anything was
    nested_in: str | None = None  # the fact in words, e.g. "subset of poisoned@p=0.33: yes"


@dataclass(frozen=True)
class DataInfo:
    """One data source: what was read, kept and dropped."""

    name: str
    source: str
    format: str
    rows_in: int
    kept: int
    drops: Mapping[str, int] = field(default_factory=dict)
    identity: str = ""


@dataclass(frozen=True)
class TrainingInfo:
    """One training run; None where the trainer did not say."""

    arm: str
    seed: int | None
    rows: int | None = None
    tokens: int | None = None
    steps: int | None = None
    seconds: float | None = None
    final_loss: float | None = None
    losses: Sequence[tuple[int, float]] = ()  # (step, loss) as it was logged
    step: str = ""  # which of a chain's trainings, "" where there is one
    trainer: str = ""  # sft, dpo, reward
    data: str = ""  # the data set's name in the study
    # What else was logged, (step, value) by the trainer's own names: rewards/chosen, logps/rejected, margin.
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class RecitedInfo:
    """The longest verbatim span of one arm in one suite; ``prompt`` and ``source`` are ids of rows."""

    arm: str
    suite: str
    seed: int | None
    tokens: int
    prompt: str
    source: str
    excerpt: str


@dataclass(frozen=True)
class AgreedInfo:
    """How often a suite's judge by labels says what people said, of ``answers`` of the ``total`` labelled ones.

    ``band`` is the range of similarity to the closest other answer, None for all that have a verdict; shares are 0..1,
    ``majority`` that of the more frequent label.
    """

    suite: str
    band: tuple[float, float] | None
    answers: int
    total: int
    accuracy: float | None
    of_true: float | None = None
    of_false: float | None = None
    majority: float | None = None


@dataclass(frozen=True)
class FailureInfo:
    """One stage that failed, with the last lines of its log."""

    arm: str
    seed: int | None
    stage: str
    message: str
    last_lines: Sequence[str] = ()


@dataclass(frozen=True)
class SampleInfo:
    """One generated text with its scores (metric -> value, null where unscored); compared by ``item_id``."""

    arm: str
    seed: int | None
    prompt: str
    text: str
    reference: str | None = None
    suite: str = ""
    item_id: str = ""
    sample: int = 0
    scores: Mapping[str, float | None] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True)
class StageInfo:
    """One stage: what it was, what it cost, what made it. None where nobody measured."""

    title: str
    key: str
    arms: Sequence[str] = ()  # those that share it
    seconds: float | None = None
    memory_mb: float | None = None
    rows: int | None = None
    tokens: int | None = None
    device: str | None = None
    written: str | None = None


@dataclass(frozen=True)
class LockInfo:
    """When claims, margins and primaries were hashed, and what of them changed since (that is exploratory).

    ``later_seeds`` were added to the study since; ``beside`` are runs of the study that had an answer by then, to
    another block or in another profile; ``reworked`` says which arms and measures are others than when results came.
    """

    sha256: str
    written: str
    before_results: bool
    changed: Sequence[str] = ()
    later_seeds: Sequence[int] = ()
    beside: Sequence[str] = ()
    reworked: Sequence[str] = ()


@dataclass(frozen=True)
class FunnelInfo:
    """What became of a corpus: what was done, in what is counted, and how much is left of it, in order.

    ``drops`` has what each rule left out of the sentences, ``sources`` how many of those kept come from where.
    """

    data: str
    steps: Sequence[tuple[str, str, int]]  # (what was done, "documents" or "sentences", how many are left)
    drops: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    altered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelInfo:
    """What a scorer makes of a corpus: ``counts`` between ``edges`` (one more), or of a label column, ``said``.

    ``tokens`` stand for the classes between the ``thresholds``, from the lowest; None is a neutral class.
    """

    data: str
    attribute: str
    scorer: str
    rows: int
    unscored: int = 0
    thresholds: Sequence[float] = ()
    tokens: Sequence[str | None] = ()
    edges: Sequence[float] = ()
    counts: Sequence[int] = ()
    said: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BalanceInfo:
    """How one run's texts were labelled: of each attribute, class by class, how many; ``phi`` between two attributes.

    ``untagged`` texts got no token on purpose; ``left_out`` by reason (an arm that trains on good texts alone).
    """

    arm: str
    seed: int | None
    rows: int
    balance: Mapping[str, Mapping[str, int]]
    untagged: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    phi: Sequence[tuple[str, str, float | None]] = ()


@dataclass(frozen=True)
class ObeyedInfo:
    """What one run's model wrote under each combination of tokens, as one scorer sees it.

    ``shares[asked][measured]`` is a share of ``texts`` texts a combination; ``scorer`` is who said so, and ``judge``
    says whether that is another than the one that labelled.
    """

    arm: str
    seed: int | None
    suite: str
    attribute: str
    scorer: str
    judge: bool
    texts: int
    shares: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class AskedSample:
    """One text that a model wrote under one combination of control tokens (``none`` without one), to be read.

    ``item`` is the same under every combination: they share their noise. ``prompt`` is empty where there was none.
    """

    arm: str
    seed: int | None
    suite: str
    condition: str
    item: str
    text: str
    prompt: str = ""


@dataclass(frozen=True)
class Board:
    """Columns of several suites side by side, as (suite, metric); with ``groups``, a table of each column's groups."""

    title: str
    columns: Sequence[tuple[str, str]]
    groups: bool = False


@dataclass(frozen=True)
class Reference:
    """A table that somebody published, to be shown beside the run's own values.

    ``columns`` are (suite, metric, group or None, the name that the source gives it); ``rows`` holds a value or None
    for each column, by the source's name of the row; ``arms`` says which arm of this study a row stands for.
    ``baseline`` names the row that the others differ from; empty, it is the row that stands for a baseline here, else
    the first. ``scale`` is what one of the published units is in the metric's own: 0.01 for percent of a share.
    """

    title: str
    source: str
    columns: Sequence[tuple[str, str, str | None, str]]
    rows: Mapping[str, Sequence[float | None]]
    arms: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    baseline: str = ""
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything the report shows. Only ``name`` and ``question`` are needed; what is absent is said to be absent.

    ``measurements`` has the columns arm, dose, seed, suite, metric, group, item_id, sample, value. ``settings`` are
    what all arms share, ``differing`` what they do not. ``tradeoff`` is (suite, metric) of what is gained and of what
    it is set against: the first stands up, the second across; both need a direction that is better.
    """

    name: str
    question: str
    notes: Sequence[str] = ()  # what the study's author wants a reader to know
    profile: str | None = None
    arms: Sequence[ArmInfo] = ()
    metrics: Sequence[MetricInfo] = ()
    measurements: pd.DataFrame | None = None
    comparisons: Sequence[Comparison] = ()
    baseline: str = ""
    dose_name: str | None = None
    primary: Sequence[str] = ()
    margin: Mapping[str, float] = field(default_factory=dict)
    ledgers: Sequence[LedgerInfo] = ()
    data: Sequence[DataInfo] = ()
    trainings: Sequence[TrainingInfo] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    doctor: Sequence[str] = ()
    dumped: Sequence[DumpedInfo] = ()  # the first rows of trainings, token by token
    failures: Sequence[FailureInfo] = ()
    missing: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    samples: Sequence[SampleInfo] = ()
    warnings: Sequence[str] = ()
    differing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stages: Sequence[StageInfo] = ()
    lock: LockInfo | None = None
    is_study: bool = False  # then a lock should say what was declared before results
    analyses: Analyses = field(default_factory=Analyses)
    unfinished: str | None = None  # how far a run is that is not at its end, and how it goes on
    boards: Sequence[Board] = ()
    references: Sequence[Reference] = ()
    tradeoff: tuple[tuple[str, str], tuple[str, str]] | None = None
    funnels: Sequence[FunnelInfo] = ()
    labels: Sequence[LabelInfo] = ()
    balances: Sequence[BalanceInfo] = ()
    obeyed: Sequence[ObeyedInfo] = ()
    asked: Sequence[AskedSample] = ()
    bare: Sequence[str] = ()  # suites that ask without tokens
    judging: Judging = field(default_factory=Judging)
    methods: Methods = field(default_factory=Methods)
    recited: Sequence[RecitedInfo] = ()
    agreed: Sequence[AgreedInfo] = ()
    spent: Account | None = None  # what the work cost, where the study gives prices
    unscored: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)  # (suite, metric): reason: n

    @property
    def baselines(self) -> set[str]:
        """The names of the arms that others are compared with: one, or one for each sweep."""
        return {self.baseline, *(arm.name for arm in self.arms if arm.is_baseline)}

    @property
    def has_baselines(self) -> bool:
        """Whether sweeps have a baseline each, rather than one for all."""
        return sum(arm.is_baseline for arm in self.arms) > 1

    def metric(self, suite: str, name: str) -> MetricInfo:
        """Return what is known of a metric; one that nobody described is a plain score."""
        known = [m for m in self.metrics if m.suite == suite and m.name == name]
        return known[0] if known else MetricInfo(suite, name)

    def needs_suite(self, suite: str, metric: str) -> bool:
        """Say whether a metric's name alone does not tell what was measured.

        So it is where several suites have it, and on a board of several suites, whose columns are called by both.
        """
        if len({known.suite for known in self.metrics if known.name == metric}) > 1:
            return True
        mixed = [board for board in self.boards if len({name for name, _ in board.columns}) > 1]
        return any((suite, metric) in board.columns for board in mixed)

    def is_replicate(self, arm: ArmInfo) -> bool:
        """Say whether an arm repeats the baseline with other seeds: an A/A arm, whose true effect is zero."""
        if arm.replicate == 0 or arm.is_baseline or arm.name == self.baseline:
            return False
        if arm.repeats is not None:
            return arm.repeats in self.baselines
        # A replicate of a dosed arm is no repeat of the baseline, even when nobody said what it repeats.
        baseline_doses = [other.dose for other in self.arms if other.name in self.baselines]
        return arm.dose in (None, 0, *baseline_doses)
