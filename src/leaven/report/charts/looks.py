"""How an arm looks, in every chart of a page: one hue for a sweep or an arm, then shapes, then steps of the fill.

The doses of a sweep share a hue and are filled the more the higher the dose; the ring is always in full colour, so
that the lowest dose is seen too. Hue and shape together tell forty arms apart; beyond that they come round again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report import svg
from leaven.report.curves import role
from leaven.report.findings import ArmInfo, Findings
from leaven.report.fitted import series
from leaven.report.means import Means, arms

SHAPES = ("o", "^", "v", "P", "p", "X", "<", "h")


@dataclass(frozen=True)
class Look:
    """A colour (one of svg's), matplotlib's name of a shape, how much is filled (0 to 1), and the legend's key."""

    colour: str
    shape: str = "o"
    fill: float = 1.0
    key: str = ""


BASELINE = Look(svg.OTHER, "s", 1.0, "square")
REPLICATE = Look(svg.INK, "D", 0.0, "diamond")


def looks(findings: Findings, found: Means) -> dict[str, Look]:
    """Return every arm's look by its name, those that only a comparison or a training names among them."""
    every = arms(findings, found)
    known = {arm.name for arm in every}
    named = [c.arm for c in findings.comparisons if c.kind == "difference"] + [t.arm for t in findings.trainings]
    every = [*every, *(ArmInfo(name) for name in dict.fromkeys(named) if name not in known)]
    doses = _doses(findings, every)
    hues: dict[tuple[str, str], int] = {}
    return {arm.name: _look(findings, arm, doses, hues) for arm in every}


def _doses(findings: Findings, every: Sequence[ArmInfo]) -> dict[str, list[float]]:
    """Return the doses of every sweep, by rising dose."""
    dosed = [(series(findings, arm), arm.dose) for arm in every if arm.dose is not None and _is_dosed(findings, arm)]
    sizes = Counter(name for name, _ in dosed)
    return {name: sorted({dose for one, dose in dosed if one == name}) for name, size in sizes.items() if size > 1}


def _is_dosed(findings: Findings, arm: ArmInfo) -> bool:
    return role(findings, arm) == "dose"


def _look(findings: Findings, arm: ArmInfo, doses: Mapping[str, list[float]], hues: dict[tuple[str, str], int]) -> Look:
    part = role(findings, arm)
    if part in ("baseline", "A/A"):
        return BASELINE if part == "baseline" else REPLICATE
    sweep = series(findings, arm)
    if part == "dose" and sweep in doses and arm.dose is not None:
        return _of_hue(hues.setdefault(("sweep", sweep), len(hues)), _fill(doses[sweep].index(arm.dose), doses[sweep]))
    return _of_hue(hues.setdefault(("arm", arm.name), len(hues)), 1.0)


def _of_hue(hue: int, fill: float) -> Look:
    number = hue % len(svg.SERIES)
    return Look(svg.SERIES[number], SHAPES[hue // len(svg.SERIES) % len(SHAPES)], fill, f"s{number + 1}")


def _fill(place: int, doses: Sequence[float]) -> float:
    return 1.0 if len(doses) < 2 else 0.15 + 0.85 * place / (len(doses) - 1)
