"""What a reader hands on: measurements, texts, and what tells whether two files speak of the same item."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from leaven import rows as tables
from leaven.errors import ReportError
from leaven.report.findings import MetricInfo, SampleInfo

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 5  # of things that are wrong, so many are named


class Document(NamedTuple):
    """Fingerprints of one item: of what is asked and expected, and of the prompt that carried it. None is unknown."""

    content: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What one source measured.

    ``measurements`` has the columns of ``rows.schema("measurements")``; a source that knows no arms has one, named
    ``label``. A seed is null unless the source states it: nobody else knows how a foreign model was trained.
    ``predictions`` (arm, suite, item_id, prediction, label) are the choices made where there was something to choose.
    ``documents`` is (suite, item_id) -> ``Document``, as far as the source tells; ``greedy`` are the suites of which it
    tells that their values involve no draw.
    """

    kind: str  # "lm-eval" | "Inspect" | "table" | "run"
    label: str
    place: str
    measurements: pd.DataFrame
    samples: Sequence[SampleInfo] = ()
    predictions: pd.DataFrame | None = None
    metrics: Sequence[MetricInfo] = ()
    documents: Mapping[tuple[str, str], Document] = field(default_factory=dict)
    greedy: Collection[str] = ()
    notes: Sequence[str] = ()

    @property
    def arms(self) -> list[str]:
        """The arms' names, sorted."""
        return sorted(set(self.measurements["arm"]))

    def renamed(self, names: Mapping[str, str]) -> Brought:
        """Return the same with other names of arms; one that is not in ``names`` keeps its own."""

        def name(arm: str) -> str:
            return names.get(arm, arm)

        table, told = self.measurements, self.predictions
        return replace(
            self,
            measurements=table.assign(arm=table["arm"].map(name)),
            samples=[replace(sample, arm=name(sample.arm)) for sample in self.samples],
            predictions=None if told is None else told.assign(arm=told["arm"].map(name)),
        )


def frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Build the long table from columns; what is not given is null, and ``sample`` is 0."""
    import pandas as pd

    names = tables.schema("measurements").names
    size = len(columns["value"])
    empty: dict[str, Any] = {name: [None] * size for name in names} | {"sample": [0] * size}
    kinds: dict[str, Any] = {"dose": float, "value": float, "seed": "Int64", "sample": int}
    return pd.DataFrame(
        {name: pd.Series(columns.get(name, empty[name]), dtype=kinds.get(name, object)) for name in names}
    )


def refuse_duplicates(table: pd.DataFrame, place: str, remedy: str) -> None:
    """Raise ReportError where one arm, seed, metric, item and sample has more than one value in the long table."""
    same = ["arm", "seed", "suite", "metric", "group", "item_id", "sample"]
    twice = table[table.duplicated(same)]
    if len(twice):
        items = listed(dict.fromkeys(twice["item_id"]))
        raise ReportError(f"{place}: {len(twice):,} values stand there twice, of item {items}; {remedy}")


def described(table: pd.DataFrame, better: Mapping[tuple[str, str], str], says: str) -> list[MetricInfo]:
    """Return what is known of each metric: its direction as the source tells it; where all is 0 or 1, it is a share.

    ``better`` is (suite, metric) -> "higher" or "lower".
    """
    found = []
    for (suite, metric), values in table.groupby(["suite", "metric"], sort=True)["value"]:
        is_share = bool(values.notna().any() and values.dropna().isin([0.0, 1.0]).all())
        unit = "share" if is_share else "score"
        found.append(MetricInfo(str(suite), str(metric), says, better.get((str(suite), str(metric))), unit))
    return found


def listed(things: Iterable[object], longest: int = 60) -> str:
    """Return the first few of some things, each up to so many characters, and how many more there are."""
    names = [str(thing) for thing in things]
    shown = ", ".join(name if len(name) <= longest else f"{name[:longest]}…" for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED:,} more"
