"""Results against results: runs of Leaven and what other tools have measured, compared without a study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import readers
from leaven import workspace as workspaces
from leaven.errors import Problem, ReportError, StudyError, did_you_mean
from leaven.readers.brought import Brought, listed
from leaven.readers.paired import Paired, pair
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.stats.families import names_of

if TYPE_CHECKING:
    import pandas as pd

    from leaven.comparison import Comparison
    from leaven.stats.analyses import Analyses

MOST_PRIMARY = 3  # columns that are all primary where none is named: the family is then everything


@dataclass(frozen=True)
class Compared:
    """What was compared with what: findings for a page, and the pairs of arms that they speak of."""

    findings: Findings
    to: Mapping[str, str]  # arm -> its baseline


def compare(
    sources: Sequence[str],
    *,
    workspace: str | Path | None = None,
    primary: Sequence[str] = (),
    margin: Mapping[str, float] | None = None,
) -> Compared:
    """Compare sources with the first of them: item by item, and seed by seed where seeds are known.

    A source is a run (its name, or its folder), or what ``readers.read`` reads, or ``label=`` and one of these. With
    nothing named ``primary`` and at most three metrics, all are. Raises ReportError where a source cannot be read or
    nothing can be paired, StudyError for a metric that nobody measured.
    """
    from leaven.stats.analyse import analyse
    from leaven.stats.questions import Questions

    margin = dict(margin or {})
    paired = pair([_with_texts(source) for source in opened(sources, workspace)])
    columns = measured(paired)
    for option, names in (("--primary", primary), ("--margin", margin)):
        known(option, names, columns)
    for name, width in margin.items():
        if not (math.isfinite(width) and width > 0):
            raise StudyError([Problem("--margin", f"{name} has the margin {width:g}", "write a number above 0")])
    chosen = list(primary) or (
        [f"{suite}/{metric}" for suite, metric in columns] if len(columns) <= MOST_PRIMARY else []
    )
    asked = Questions(
        to=paired.to, primary=chosen, margin=margin, greedy=_greedy(paired.sources),
        predictions=_predictions(paired.sources),
    )  # fmt: skip
    comparisons, analyses = analyse(paired.measurements, asked)
    if not any(one.n_items for one in comparisons):
        raise ReportError("no item stands on both sides, so nothing can be compared: are the ids of one kind?")
    return Compared(_findings(paired, comparisons, chosen, margin, analyses), paired.to)


def opened(sources: Sequence[str], workspace: str | Path | None) -> list[Brought]:
    """Read sources, and give each a label of its own; raises ReportError."""
    if len(sources) < 2:
        raise ReportError("one thing alone cannot be compared; name a second one")
    read = [_read(word, workspaces.place(workspace)) for word in sources]
    labels = _apart([label or source.label for label, source in read], [source.place for _, source in read])
    given = [label for label, _ in read if label]
    if twice := sorted({label for label in given if given.count(label) > 1}):
        raise ReportError(f"the label '{twice[0]}' stands before two sources; give each its own")
    return [_labelled(source, label) for label, (_, source) in zip(labels, read, strict=True)]


def _read(word: str, workspace: Path) -> tuple[str | None, Brought]:
    """Return the label that a word gives, and the source that it names."""
    label, path = None, word
    if "=" in word and not Path(word).exists():
        label, _, path = word.partition("=")
        if not label.strip() or not path:
            raise ReportError(f"'{word}' is no source; write `label=path`")
    return label, readers.read(_place(path, workspace))


def _place(word: str, workspace: Path) -> Path:
    """Return the folder of a run of this name, else the file or folder; raises ReportError."""
    for place in (workspace / word, Path(word)):
        if (place / workspaces.STUDY).is_file() or (place == Path(word) and place.exists()):
            return place
    runs = [folder.name for folder in workspaces.runs(workspace)]
    remedy = f"; {did_you_mean(word, runs)}" if runs else ""
    raise ReportError(f"there is no run, no file and no folder '{word}'{remedy}")


def _with_texts(source: Brought) -> Brought:
    """Return a run with what its store knows beside the numbers: texts, and which of them were drawn.

    A run without a store (copied from elsewhere, as an artefact of a build) has its numbers alone.
    """
    folder = Path(source.place)
    if source.kind != "run" or not (folder.parent / "store").is_dir():
        return source
    from leaven import answered
    from leaven.gather.asked import is_greedy
    from leaven.gather.samples import samples

    graph, store, _ = answered.opened(folder.name, folder.parent)
    greedy = {suite.suite.name for cell in graph.cells for suite in cell.suites if is_greedy(suite)}
    return replace(source, samples=list(samples(graph, store)), greedy=greedy)


def _labelled(source: Brought, label: str) -> Brought:
    """Give a source its label; where it has one arm of its own label, that arm is called so too."""
    return replace(source.renamed({source.label: label}) if source.kind != "run" else source, label=label)


def _apart(labels: list[str], places: Sequence[str]) -> list[str]:
    """Make labels differ, by as much of the end of each place as it takes, then by number."""
    made = list(labels)
    parts = [Path(place).absolute().parts[1:] for place in places]
    for length in range(1, max(map(len, parts)) + 1):
        if not (same := _twice(made)):
            break
        made = ["/".join(own[-length:]) if one in same else one for one, own in zip(made, parts, strict=True)]
    same = _twice(made)
    return [f"{one} ({number})" if one in same else one for number, one in enumerate(made, start=1)]


def _twice(labels: Sequence[str]) -> set[str]:
    return {label for label in labels if labels.count(label) > 1}


def measured(paired: Paired) -> list[tuple[str, str]]:
    """Return every (suite, metric) that some source measured, sorted."""
    table = paired.measurements[["suite", "metric"]].drop_duplicates()
    return sorted(table.itertuples(index=False, name=None))


def known(option: str, names: Iterable[str], columns: Sequence[tuple[str, str]]) -> None:
    """Raise StudyError for a name that is neither a metric nor ``suite/metric``."""
    there = {name for suite, metric in columns for name in names_of(suite, metric)}
    wrong = [
        Problem(option, f"no metric is called '{name}'", did_you_mean(name, there))
        for name in names
        if name not in there
    ]
    if wrong:
        raise StudyError(wrong)


def metrics(sources: Iterable[Brought]) -> list[MetricInfo]:
    """Return what the sources know of their metrics, each once; what is a share to one and not to another is none."""
    found: dict[tuple[str, str], MetricInfo] = {}
    for one in (metric for source in sources for metric in source.metrics):
        before = found.setdefault((one.suite, one.name), one)
        unit = before.unit if before.unit == one.unit else "score"
        found[one.suite, one.name] = replace(before, unit=unit, better=before.better or one.better)
    return [found[key] for key in sorted(found)]


def _greedy(sources: Iterable[Brought]) -> set[str]:
    """Return the suites of which every source that has them tells that nothing was drawn."""
    drawn = {suite for source in sources for suite in set(source.measurements["suite"]) - set(source.greedy)}
    return {suite for source in sources for suite in source.greedy} - drawn


def _predictions(sources: Sequence[Brought]) -> pd.DataFrame | None:
    import pandas as pd

    told = [source.predictions for source in sources if source.predictions is not None]
    return pd.concat(told, ignore_index=True) if told else None


def _findings(
    paired: Paired,
    comparisons: Sequence[Comparison],
    primary: Sequence[str],
    margin: Mapping[str, float],
    analyses: Analyses,
) -> Findings:
    first, others = paired.sources[0], paired.sources[1:]
    names = listed(source.label for source in others)
    return Findings(
        name=f"{names} against {first.label}",
        question=f"What is different in {names}, compared with {first.label}?",
        arms=[arm for source in paired.sources for arm in _arms(source, paired)],
        metrics=metrics(paired.sources),
        measurements=paired.measurements,
        comparisons=comparisons,
        baseline=first.arms[0] if len(first.arms) == 1 else f"the arm of the same name in {first.label}",
        primary=primary,
        margin=margin,
        samples=[sample for source in paired.sources for sample in source.samples],
        warnings=list(paired.notes),
        provenance={source.label: f"{source.kind}: {source.place}" for source in paired.sources},
        analyses=analyses,
    )


def _arms(source: Brought, paired: Paired) -> list[ArmInfo]:
    """Describe the arms of a source; seeds are those that it states."""
    seeds = source.measurements.groupby("arm")["seed"].unique()
    return [
        ArmInfo(
            arm, f"{source.kind}, {source.place}", seeds=sorted(int(seed) for seed in seeds[arm].dropna()),
            is_baseline=arm in set(paired.to.values()),
        )
        for arm in source.arms
    ]  # fmt: skip
