"""Training curves: the loss by step, every run a thin line, every arm's mean over its runs a thick one.

Where a training logged the loss on rows that were held out, that is a dashed line beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import certainty, numbers
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.traces import MOST_NAMES, Trace, draw, room, smoothed, trace
from leaven.report.charts.view import View
from leaven.report.findings import Findings, TrainingInfo
from leaven.report.phases import phases, shared
from leaven.report.text import label

MOST_ARMS = 24
HELD = "eval_loss"  # in a trainer's log


def steps_of(findings: Findings) -> list[str]:
    """Return what trainings are called that have losses (``phases``), in their order."""
    return [name for name, runs in phases(findings).items() if any(one.losses for one in runs)]


def training_chart(view: View, step: str, name: str) -> Chart:
    """Draw the losses of every run of one training; a training that arms share is drawn once."""
    whole = phases(view.findings).get(step, [])
    also = shared(whole)
    runs = [one for one in whole if one.losses and one.arm not in also]
    every = list(dict.fromkeys(one.arm for one in runs))
    traces = _traces([one for one in runs if one.arm in every[:MOST_ARMS]])
    drawn = drawable([loss for one in traces for _, loss in one.points])
    title = f"training loss of {label(step, 60)}" if step else "training loss"
    silent, held = sum(not one.losses for one in whole), any(one.curves.get(HELD) for one in runs)
    dashed = " The dashed ones: on rows that were held out, by epoch." if held else ""
    return Chart(
        name=name,
        kind="training",
        title=title,
        description="The loss as it was logged: one thin line a run, one thick line the mean of an arm's runs."
        + dashed,
        svg=draw(traces, view.looks, (name, title), "loss") if drawn else "",
        legend=[("fit", "trained on"), ("dashed", "held out")] if drawn and held else [],
        note=" ".join(
            [*note(every, traces, "loss", drawn=drawn), *_overfitted(traces), *shared_by(also), *_silent(silent)]
        ),
    )


def _traces(runs: Sequence[TrainingInfo]) -> list[Trace]:
    held = [one for one in runs if one.curves.get(HELD)]
    most, word = room(len(runs) + len(held)), "training loss" if held else "loss"
    trained = [trace(one.arm, one.seed, one.losses, most, word) for one in runs]
    return trained + [trace(one.arm, one.seed, one.curves[HELD], most, "held-out loss", dashed=True) for one in held]


def _overfitted(traces: Sequence[Trace]) -> list[str]:
    """Say of each arm whose held-out loss (the mean over its runs) ends above its lowest where that was."""
    said, held = [], [one for one in traces if one.dashed]
    for arm in list(dict.fromkeys(one.arm for one in held))[:MOST_NAMES]:
        runs = [one.whole for one in held if one.arm == arm]
        mean = smoothed(runs, most=max(map(len, runs)))  # every point by itself
        step, low = min(mean, key=lambda point: point[1], default=(0.0, 0.0))
        if mean and mean[-1][1] > low:
            said.append(
                f"The held-out loss of {label(arm, 60)} is lowest at step {numbers.count(round(step))}"
                f" ({numbers.value(low, 'score')}), and {numbers.value(mean[-1][1], 'score')} at the end."
            )
    return said


def note(every: Sequence[str], traces: Sequence[Trace], word: str, *, drawn: bool) -> list[str]:
    """Say what is not drawn of some arms' lines, and what was logged that is no number."""
    parts = [] if drawn else [f"No {word} is a number that can be drawn."]
    if len(every) > MOST_ARMS:
        parts.append(f"The first {MOST_ARMS} of {len(every)} arms are drawn.")
    if drawn and len(every) > MOST_NAMES:
        parts.append("The lines say their arms' names when pointed at.")
    lost = [one for one in traces if one.n_lost]
    if lost:
        where = certainty.listed(list(dict.fromkeys(one.arm for one in lost)))
        plural = "losses" if word == "loss" else "values"
        parts.append(f"{numbers.count(sum(one.n_lost for one in lost))} logged {plural} were not finite, in {where}.")
    return parts


def shared_by(also: dict[str, str]) -> list[str]:
    """Say which arms share a training with which: it was run once."""
    by_owner: dict[str, list[str]] = {}
    for arm, owner in also.items():
        by_owner.setdefault(owner, []).append(arm)
    return [
        f"{certainty.listed(arms, 8)} share{'s' if len(arms) == 1 else ''} this training with {label(owner, 60)}."
        for owner, arms in by_owner.items()
    ]


def _silent(n: int) -> list[str]:
    return [f"{n} runs logged no loss."] if n else []
