"""Two doses at once: the means on their grid, what each does, and what they do together.

What each dose does, and what they do together, are linear contrasts of the arms: `effects.contrast` with the weights
of `main` and `interaction`, and `inference.estimate` for how sure they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaven.stats import effects
from leaven.stats.doses import regression
from leaven.stats.table import Cube, Floats

Doses = Mapping[str, tuple[float, float]]  # arm -> its two doses
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Surface:
    """One metric over the grid of two doses.

    ``means[i][j]`` is the arms' mean at the i-th dose of ``names[0]`` and the j-th of ``names[1]``, null where not
    measured. ``fitted`` is the plane with interaction (logit scale for outcomes between 0 and 1) at the same places.
    The test of the interaction is the Comparison of kind "interaction" with the same ``name`` as its arm.
    """

    name: str
    suite: str
    metric: str
    names: tuple[str, str]
    doses: tuple[Sequence[float], Sequence[float]]
    means: Sequence[Sequence[float | None]]
    fitted: Sequence[Sequence[float | None]] = ()
    note: str | None = None


def crosses(doses: Doses) -> bool:
    """Say whether the arms can tell what two doses do together: two doses of each at least, and enough of them crossed.

    Two sweeps that share only their baseline are not crossed; a grid with holes can be.
    """
    return len(doses) >= 4 and bool(np.linalg.matrix_rank(_design(doses)[0]) == 4)


def interaction(doses: Doses) -> dict[str, float]:
    """Return the weights of the interaction: the change, per unit of one dose, of the slope per unit of the other.

    They are those of a x b in the least-squares fit of 1, a, b and a x b on the arms, and so are blind to what either
    dose does alone, on a grid with holes too. On the outcome's own scale: two doses that add up on the logit can
    interact there. The doses must cross (`crosses`).
    """
    assert crosses(doses), "an interaction needs two doses that are crossed"
    design, scales = _design(doses)
    return _weights(doses, np.linalg.pinv(design)[3] / (scales[0] * scales[1]))


def main(doses: Doses, which: int) -> dict[str, float]:
    """Return the weights of the slope per unit of one dose (``which`` is 0 or 1), what the other does set aside.

    They are those of the dose in the least-squares fit of 1, a and b on the arms: where the two interact, the slope
    averaged over the grid. The doses must not vary as one.
    """
    design, scales = _design(doses)
    alone = design[:, :3]
    assert np.linalg.matrix_rank(alone) == 3, "the two doses vary as one, or one does not vary"
    return _weights(doses, np.linalg.pinv(alone)[1 + which] / scales[which])


def surface(cube: Cube, names: tuple[str, str], doses: Doses, *, name: str) -> Surface:
    """Return one column's means over the grid, and the surface fitted to them.

    ``doses`` is arm -> (dose, dose), the baseline with its own among them; ``name`` is that of the interaction's
    Comparison. Means are over the items and seeds that every arm with anything scored has, so that they can be
    compared; arms that stand at one place of the grid are averaged. Where nothing was measured nothing is fitted.
    """
    known = [one.name for one in cube.arms]
    absent = {*doses} - {*known} | {*effects.lacking(cube, [arm for arm in doses if arm in known])}
    at = {arm: pair for arm, pair in doses.items() if arm not in absent}
    pairs = effects.contrast(cube, dict.fromkeys(at, 1.0)) if at else None
    means, fitted, notes = [], [], []
    if absent:
        notes.append(f"nothing was scored for {' and '.join(sorted(absent))}")
    if pairs is None or not pairs.n_items:
        notes.append("no item was scored in every arm under a common seed")
    else:
        means = pairs.means().tolist()
        fitted = _fitted(at, pairs.values) if crosses(at) else []
        notes += [] if fitted else ["the two doses are not crossed: no surface was fitted"]
    places = (sorted({pair[0] for pair in doses.values()}), sorted({pair[1] for pair in doses.values()}))
    return Surface(
        name, cube.column.suite, cube.column.metric, names, places,
        _on_grid(places, at, means), _on_grid(places, at, fitted), "; ".join(notes) or None,
    )  # fmt: skip


def _design(doses: Doses) -> tuple[Floats, Floats]:
    """Return 1, a, b and a x b of every arm, a and b centred and of one size, and what they were divided by."""
    pairs = np.array(list(doses.values()), dtype=float)
    spread = np.ptp(pairs, axis=0)
    scales = np.where(spread > 0, spread, 1.0)
    a, b = ((pairs - pairs.mean(axis=0)) / scales).T
    return np.stack([np.ones(len(pairs)), a, b, a * b], axis=1), scales


def _weights(doses: Doses, weights: Floats) -> dict[str, float]:
    tiny = _ROUNDING * np.max(np.abs(weights))
    return {arm: float(weight) if abs(weight) > tiny else 0.0 for arm, weight in zip(doses, weights, strict=True)}


def _fitted(doses: Doses, values: Floats) -> list[float]:
    """Return the surface at every arm, fitted to the arms' means over the pairs (arms x items x seeds)."""
    means, weights = np.nanmean(values, axis=(1, 2)), np.sum(~np.isnan(values), axis=(1, 2)).astype(float)
    if np.ptp(means) <= _ROUNDING * np.max(np.abs(means)):
        return [float(mean) for mean in means]
    design, share = _design(doses)[0], bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 1)
    coefs = regression.coefficients(design, means, weights, share=share)
    return [float(value) for value in regression.values(design, coefs, share=share)]


def _on_grid(
    places: tuple[list[float], list[float]], doses: Doses, values: Sequence[float]
) -> tuple[tuple[float | None, ...], ...]:
    """Spread the arms' values over the grid; None where no arm stands."""
    there: dict[tuple[float, float], list[float]] = {}
    for pair, value in zip(doses.values(), values, strict=False):
        there.setdefault(pair, []).append(value)
    return tuple(tuple(float(np.mean(there[a, b])) if (a, b) in there else None for b in places[1]) for a in places[0])
