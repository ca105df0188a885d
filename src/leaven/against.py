"""Results against results: runs of Leaven and what other tools have measured, compared without a study."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import readers
from leaven import workspace as workspaces
from leaven.errors import Problem, ReportError, StudyError, did_you_mean
from leaven.readers.brought import Brought, listed
from leaven.readers.labels import apart
from leaven.readers.paired import Paired, pair
from leaven.readers.partners import Lone, lone
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.stats.families import names_of

if TYPE_CHECKING:
    import pandas as pd

    from leaven.comparison import Comparison
    from leaven.stats.analyses import Analyses

MOST_PRIMARY = 3  # columns that are all primary where none is named: the family is then everything
_NEAR = 0.75  # how alike names of files must be to be taken for one another: the endings always are


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
    made, analyses = analyse(paired.measurements, asked)
    comparisons = explained(paired, made)
    if not any(one.n_items for one in comparisons):
        raise ReportError(f"nothing can be compared: {_reasons(comparisons)}")
    return Compared(_findings(paired, comparisons, chosen, margin, analyses), paired.to)


def explained(paired: Paired, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons with a note of their own where no pair was found over all items: is it ids, seeds, values?"""
    return [replace(one, note=found.said) if (found := alone(paired, one)) else one for one in comparisons]


def alone(paired: Paired, one: Comparison) -> Lone | None:
    """Say why nothing was compared over all items; None where something was, or where one side was never asked."""
    if one.n_items or one.group is not None or one.kind != "difference":
        return None
    return lone(paired.measurements, one.arm, one.baseline, one.suite, one.metric)


def _reasons(comparisons: Sequence[Comparison]) -> str:
    """Return why nothing was compared, each reason once."""
    return listed(dict.fromkeys(one.note for one in comparisons if one.group is None and one.note), longest=400)


def opened(sources: Sequence[str], workspace: str | Path | None) -> list[Brought]:
    """Read sources, and give each a label of its own; raises ReportError."""
    if len(sources) < 2:
        raise ReportError("one thing alone cannot be compared; name a second one")
    read = [_read(word, workspaces.place(workspace)) for word in sources]
    _refuse_twice([source.place for _, source in read])
    labels = apart([label or source.label for label, source in read], [source.place for _, source in read])
    given = [label for label, _ in read if label]
    if twice := sorted({label for label in given if given.count(label) > 1}):
        raise ReportError(f"the label '{twice[0]}' stands before two sources; give each its own")
    return [_labelled(source, label) for label, (_, source) in zip(labels, read, strict=True)]


def _refuse_twice(places: Sequence[str]) -> None:
    real = [Path(place).resolve() for place in places]
    for place, own in zip(places, real, strict=True):
        if real.count(own) > 1:
            raise ReportError(f"{place} is given twice; compare it with another run or file")


def _read(word: str, workspace: Path) -> tuple[str | None, Brought]:
    """Return the label that a word gives, and the source that it names; a path that holds `=` is a path first."""
    label, path = None, word
    if "=" in word and _found(word, workspace) is None:
        label, _, path = word.partition("=")
        if not label.strip() or not path:
            raise ReportError(f"'{word}' is no source; write `label=path`")
    place = _found(path, workspace)
    if place is None:
        whole = f", nor '{word}'" if label else ""
        raise ReportError(f"there is no run, no file and no folder '{path}'{whole}; {_remedy(path, workspace)}")
    return label, readers.read(place)


def _found(word: str, workspace: Path) -> Path | None:
    """Return the folder of a run of this name, else the file or folder, else None."""
    if (workspace / word / workspaces.STUDY).is_file():
        return workspace / word
    return Path(word) if _exists(Path(word)) else None


def _exists(path: Path) -> bool:
    """Say whether a file or folder can be reached; what the system refuses to look up is no path."""
    try:
        return path.exists()
    except OSError:
        return False


def _remedy(word: str, workspace: Path) -> str:
    """Say what was meant, among runs and the files beside where this one would be; else what can be given."""
    beside = Path(word).parent
    try:
        names = [path.name for path in beside.iterdir() if not path.name.startswith(".")]
    except OSError:  # no folder, or one that may not be listed
        names = []
    files = [name if beside == Path() else str(beside / name) for name in names]
    runs = [folder.name for folder in workspaces.runs(workspace)]
    if meant := difflib.get_close_matches(word, [*runs, *files], n=1, cutoff=_NEAR):
        return f"did you mean '{meant[0]}'?"
    return f"what can be given: {readers.READ}" + (f"; runs in {workspace}: {listed(runs)}" if runs else "")


def _with_texts(source: Brought) -> Brought:
    """Return a run with what its store knows beside the numbers: texts, and which of them were drawn.

    A run without a store (copied from elsewhere, as an artefact of a build) has its numbers alone.
    """
    folder = Path(source.place)
    if source.kind != "run" or not (folder.parent / "store").is_dir():
        return source
    from leaven import answered
    from leaven.gather.samples import samples

    graph, store, _ = answered.opened(folder.name, folder.parent)
    greedy = {suite.name for suite in graph.suites if not suite.is_sampled}
    return replace(source, samples=list(samples(graph, store)), greedy=greedy)


def _labelled(source: Brought, label: str) -> Brought:
    """Give a source its label; where it has one arm of its own label, that arm is called so too."""
    return replace(source.renamed({source.label: label}) if source.kind != "run" else source, label=label)


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
    """Describe the arms of a source; seeds are those that it states, or was given to be paired."""
    seeds = source.measurements.groupby("arm")["seed"].unique()
    return [
        ArmInfo(
            arm, f"{source.kind}, {source.place}", seeds=sorted(int(seed) for seed in seeds[arm].dropna()),
            is_baseline=arm in set(paired.to.values()),
        )
        for arm in source.arms
    ]  # fmt: skip
