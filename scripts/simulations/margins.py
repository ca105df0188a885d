"""How often "no change" is claimed where the true effect stands exactly at the margin: 5 % at most, if all is well."""

from __future__ import annotations

from functools import partial

import numpy as np

from leaven.stats import inference
from leaven.stats.planning import design
from simulations.powers import RATIOS, Truth
from simulations.studies import Studies, heading, percent, row
from simulations.worlds import SEEDS, contrast

# Margins in item SEs: one that is often shown where nothing changed, one that hardly ever is.
WIDTHS = (4.0, 2.0)
KINDS = (
    ("normal", 1.0, 0.0, None, 200), ("normal, 30 % lasting", 1.0, 0.3, None, 200),
    ("0/1, 50 %", 0.5**0.5, 0.0, 0.5, 200), ("0/1, 2 %, 50 items", 0.04**0.5, 0.0, 0.02, 50),
)  # fmt: skip


def edge(truth: Truth, margins: tuple[float, ...], draw: np.random.Generator) -> list[float]:
    """Say per margin whether an effect as large as it passes for no change."""
    found = []
    for margin in margins:
        values = truth.arms(np.array([margin, 0.0]), draw)
        known = inference.estimate(contrast(values, trained=truth.design.n_seeds > 0, binary=truth.rate is not None))
        found.append(float(bool(known.within(margin))))
    return found


def table(on: Studies) -> None:
    """Print false "no change" at the margin's edge, at a wide and a narrow margin, for each seed SD."""
    heading("outcome", "margin / item SE", *(f"{n} seeds" for n in SEEDS), "nothing trained")
    for place, (name, sd, lasting, rate, n_items) in enumerate(KINDS):
        margins = tuple(width * sd / n_items**0.5 for width in WIDTHS)
        cells: dict[int, list[str]] = {at: [] for at in range(len(WIDTHS))}
        for n_seeds in (*SEEDS, 0):
            found = []
            for ratio in RATIOS if n_seeds else (0.0,):
                truth = Truth(name, design.of_ratio(sd, ratio, n_items, n_seeds, lasting), rate)
                found.append(on.shares(partial(edge, truth, margins), 40, n_seeds, place, int(10 * ratio)))
            for at, shares in enumerate(zip(*found, strict=True)):
                cells[at].append(" / ".join(map(percent, shares)))
        for at, width in enumerate(WIDTHS):
            row(name, f"{width:g}", *cells[at])
