"""What training on preferences did, by step: rewards, margins, log-probabilities, and how often the order was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.traces import Trace, draw, room, trace
from leaven.report.charts.training import MOST_ARMS, note, shared_by
from leaven.report.charts.view import View
from leaven.report.findings import Findings, TrainingInfo
from leaven.report.phases import CHOSEN, falling, phases, shared
from leaven.report.text import label


@dataclass(frozen=True)
class Quantity:
    """One chart's lines: (name in the trainer's log, word); a second is dashed. Names after a bar are as good."""

    title: str
    says: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "score"


QUANTITIES = (
    Quantity("rewards", "How much likelier an answer became than under the reference, times beta.",
             (("rewards/chosen", "chosen"), ("rewards/rejected", "rejected"))),
    Quantity("reward margin", "The chosen answer's reward minus the rejected one's.",
             (("rewards/margins|margin", "margin"),)),
    Quantity("log-probabilities", "Of whole answers, summed over their tokens.",
             ((CHOSEN, "chosen"), ("logps/rejected", "rejected"))),
    Quantity("pairs in the right order", "The share of pairs whose chosen answer has the higher reward.",
             (("rewards/accuracies|accuracy", "right"),), "share"),
)  # fmt: skip


def preferring(findings: Findings) -> list[tuple[str, Quantity]]:
    """Return which quantities were logged in which trainings (by ``phases``), in a fixed order."""
    every = phases(findings).items()
    return [(name, one) for name, runs in every for one in QUANTITIES if any(_logs(run, one) for run in runs)]


def preferences_chart(view: View, of: tuple[str, Quantity], name: str) -> Chart:
    """Draw one quantity of every run of one training; a training that arms share is drawn once."""
    phase, quantity = of
    whole = phases(view.findings).get(phase, [])
    also = shared(whole)
    runs = [one for one in whole if one.arm not in also and _logs(one, quantity)]
    every = list(dict.fromkeys(one.arm for one in runs))
    traces = _traces([one for one in runs if one.arm in every[:MOST_ARMS]], quantity)
    drawn = drawable([value for one in traces for _, value in one.points])
    title = f"{quantity.title} in {label(phase, 60)}" if phase else quantity.title
    said = falling(view.findings) if quantity.lines[0][0] == CHOSEN else []
    lines = "One thin line a run, one thick line the mean of an arm's runs."
    return Chart(
        name=name,
        kind="preferences",
        title=title,
        description=f"{quantity.says} {lines}",
        svg=draw(traces, view.looks, (name, title), quantity.title, quantity.unit) if drawn else "",
        legend=[("fit", "chosen"), ("dashed", "rejected")] if drawn and len(quantity.lines) > 1 else [],
        note=" ".join([*said, *note(every, traces, "value", drawn=drawn), *shared_by(also)]),
    )


def _found(run: TrainingInfo, names: str) -> Sequence[tuple[int, float]]:
    """Return what a run logged under the first of some names that it used."""
    return next((run.curves[name] for name in names.split("|") if run.curves.get(name)), ())


def _logs(run: TrainingInfo, quantity: Quantity) -> bool:
    return any(_found(run, names) for names, _ in quantity.lines)


def _traces(runs: Sequence[TrainingInfo], quantity: Quantity) -> list[Trace]:
    most = room(len(runs) * len(quantity.lines))
    return [
        trace(run.arm, run.seed, logged, most, word, dashed=place > 0)
        for run in runs
        for place, (names, word) in enumerate(quantity.lines)
        if (logged := _found(run, names))
    ]
