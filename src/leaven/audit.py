"""What people say of a run's answers: which answers were drawn for them, and their labels, kept in the run's folder.

One file for each metric that is audited. Its first line is the draw (by place; whoever is asked sees no arm), every
other line a label; a line is written as soon as it is said, so an audit can stop and go on at any place.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import guarding
from leaven.errors import ReportError, did_you_mean
from leaven.report.findings import Findings, SampleInfo
from leaven.stats.families import names_of
from leaven.stats.people import audit

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("arm", "seed", "item_id", "sample")
_PATTERN = "audit-*.jsonl"


@dataclass
class Audit:
    """A draw of answers of one metric, and what was said of them so far: place -> 1, 0, or None for one passed over."""

    suite: str
    metric: str
    n: int
    seed: int
    drawn: list[list[Any]]  # [arm, seed, item_id, sample], in the order of asking
    file: Path
    labels: dict[int, int | None] = field(default_factory=dict)

    def open_places(self) -> list[int]:
        """Return the places that nobody has said anything of."""
        return [place for place in range(len(self.drawn)) if place not in self.labels]

    def say(self, place: int, label: int | None) -> None:
        """Note a label, on the disk too; a later one of the same place replaces it."""
        self.labels[place] = label
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with guarding(self.file.parent), self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"place": place, "label": label, "time": now}) + "\n")


def begin(findings: Findings, folder: Path, metric: str | None, n: int, seed: int) -> Audit:
    """Return the audit of a metric: the one that was begun, else a new draw of ``n`` answers.

    A draw of which nobody has said anything is drawn anew where ``n`` or ``seed`` is another. ``metric`` may be
    ``suite/metric``; None is the first primary that a classifier of texts measured. Raises ReportError for a metric
    that no text has, or whose values are no shares.
    """
    suite, name = _chosen(findings, metric)
    file = folder / f"audit-{suite}-{name}.jsonl"
    if file.exists():
        found = _begun(file, suite, name)
        if found.labels or (found.n, found.seed) == (n, seed):
            return found
    keys = audit.draw(_answers(findings, suite, name), n, seed)[list(_KEYS)]
    drawn = [[arm, None if math.isnan(run) else int(run), item, int(sample)]
             for arm, run, item, sample in keys.astype({"seed": float}).itertuples(index=False)]  # fmt: skip
    head = {"suite": suite, "metric": name, "n": n, "seed": seed, "drawn": drawn}
    with guarding(folder):
        file.write_text(json.dumps(head, ensure_ascii=False) + "\n", encoding="utf-8")
    return Audit(suite, name, n, seed, drawn, file)


def _begun(file: Path, suite: str, metric: str) -> Audit:
    """Return an audit that was begun; raises ReportError for a file of another metric whose name reads the same."""
    found = _read(file)
    if (found.suite, found.metric) != (suite, metric):
        raise ReportError(
            f"{file} holds labels of {found.suite}/{found.metric}; move it away to audit {suite}/{metric}"
        )
    return found


def asked(findings: Findings, one: Audit) -> dict[int, SampleInfo]:
    """Return place -> the text to be shown there; one that is no longer there is left out."""
    texts = {(s.arm, s.seed, s.item_id, s.sample): s for s in findings.samples if s.suite == one.suite}
    found = {place: texts.get((arm, seed, item, sample)) for place, (arm, seed, item, sample) in enumerate(one.drawn)}
    return {place: text for place, text in found.items() if text is not None}


def labels(folder: Path, measurements: pd.DataFrame) -> tuple[pd.DataFrame | None, int]:
    """Return all labels of a run as rows of the long table's names, and how many are of answers that are gone."""
    import pandas as pd

    rows = [row for file in sorted(folder.glob(_PATTERN)) for row in _rows(_read(file))]
    if not rows:
        return None, 0
    told, keys = pd.DataFrame(rows), ["suite", "metric", *_KEYS]
    there = measurements[keys].drop_duplicates()
    kept = told.astype({"seed": float}).merge(there.astype({"seed": float}), on=keys, how="inner")
    return kept, len(told) - len(kept)


def _rows(one: Audit) -> Iterator[dict[str, Any]]:
    for place, label in one.labels.items():
        if label is not None:
            about = {"suite": one.suite, "metric": one.metric}
            yield {**about, **dict(zip(_KEYS, one.drawn[place], strict=True)), "label": label}


def _read(file: Path) -> Audit:
    try:
        text = file.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a last line that a crash cut off was never said
        head, *lines = [json.loads(line) for line in whole.splitlines()]
        drawn = [_key(*key) for key in head["drawn"]]
        said = {int(line["place"]): line["label"] for line in lines}
        found = Audit(str(head["suite"]), str(head["metric"]), int(head["n"]), int(head["seed"]), drawn, file, said)
        if not all(0 <= place < len(drawn) and label in (0, 1, None) for place, label in said.items()):
            raise ValueError("a label is no label")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ReportError(f"{file} cannot be read ({error}); mend it, or move it away to begin anew") from None
    return found


def _key(arm: Any, seed: Any, item: Any, sample: Any) -> list[Any]:
    """Return one drawn answer as the long table names it; raises ValueError or TypeError for what is none."""
    return [str(arm), None if seed is None else int(seed), str(item), int(sample)]


def _chosen(findings: Findings, metric: str | None) -> tuple[str, str]:
    """Return suite and name of the metric to audit."""
    scored = dict.fromkeys((one.suite, name) for one in findings.samples for name in one.scores)
    if not scored:
        raise ReportError("no text of this run has a score: there is nothing to audit")
    wanted = list(findings.primary) if metric is None else [metric]
    found = [column for name in wanted for column in scored if name in names_of(*column)]
    if not found:
        known = [f"{suite}/{name}" for suite, name in scored]
        said = "no primary metric is a score of texts" if metric is None else f"no text has a score '{metric}'"
        raise ReportError(f"{said}; {did_you_mean(metric or '', known)}")
    if metric is not None and len(found) > 1:
        raise ReportError(
            f"'{metric}' is measured by {' and '.join(suite for suite, _ in found)}; write suite/{metric}"
        )
    return found[0]


def _answers(findings: Findings, suite: str, metric: str) -> pd.DataFrame:
    import pandas as pd

    rows = [(s.arm, s.seed, s.item_id, s.sample, s.scores.get(metric)) for s in findings.samples if s.suite == suite]
    answers = pd.DataFrame(rows, columns=[*_KEYS, "predicted"])
    values = answers["predicted"].dropna()
    if len(values) and not values.between(0, 1).all():
        raise ReportError(f"{suite}/{metric} is no share (it goes to {values.abs().max():g}): people cannot label it")
    if findings.metric(suite, metric).unit != "share" and not values.isin([0, 1]).all():
        raise ReportError(
            f"{suite}/{metric} is no share, and not 0 or 1 in every answer: people cannot label it; choose a classifier"
        )
    return answers
