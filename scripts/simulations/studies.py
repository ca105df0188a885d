"""Many simulated studies on a few processes, the same numbers whatever their number; tables as Markdown."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import Pool

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Study = Callable[[np.random.Generator], Sequence[float]]
_CHUNK = 25


@dataclass(frozen=True)
class Studies:
    """So many studies a row, made on these processes."""

    n: int
    pool: Pool

    def each(self, study: Study, *seed: int) -> Floats:
        """Return what ``study`` gives for each of n generators (n x numbers); NaN is "not made"."""
        starts = range(0, self.n, _CHUNK)
        jobs = [(seed, number, min(_CHUNK, self.n - start)) for number, start in enumerate(starts)]
        return np.concatenate(self.pool.map(partial(_chunk, study), jobs, chunksize=1))

    def shares(self, study: Study, *seed: int) -> list[float]:
        """Return the mean of each number over the studies in which it was made."""
        return [
            float(np.nanmean(column)) if not np.isnan(column).all() else np.nan for column in self.each(study, *seed).T
        ]


def _chunk(study: Study, job: tuple[Sequence[int], int, int]) -> Floats:
    seed, number, n = job
    draw = np.random.default_rng([*seed, number])
    return np.array([study(draw) for _ in range(n)], dtype=float)


@contextmanager
def studies(n: int, processes: int) -> Iterator[Studies]:
    """Yield the studies on a pool of processes; every warning is an error."""
    with multiprocessing.get_context("spawn").Pool(processes, warnings.simplefilter, ("error",)) as pool:
        yield Studies(n, pool)


def heading(*names: str) -> None:
    """Print the head of a Markdown table."""
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def row(*cells: object) -> None:
    """Print a row; shares (floats in a list) are in percent."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def percent(share: float) -> str:
    """Return a share in percent with one decimal, a dash where there is none."""
    return "–" if np.isnan(share) else f"{100 * share:.1f}"
