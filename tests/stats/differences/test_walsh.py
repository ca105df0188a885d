"""The median of all pairwise averages against all pairwise averages, and at a size where they do not fit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.stats.differences import walsh


def all_averages(values: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(values))
    return (values[first] + values[second]) / 2


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.sampled_from([1.0, 1 / 3, 1e-9, 1e9]))
def test_median_of_values_with_ties(values: list[int], unit: float) -> None:
    line = np.array(values) * unit
    assert walsh.median(line) == pytest.approx(np.median(all_averages(line)), rel=1e-12, abs=1e-12 * unit)


@given(st.integers(0, 1_000), st.integers(1, 300))
def test_median_of_values_without_ties(seed: int, size: int) -> None:
    line = np.random.default_rng(seed).standard_cauchy(size)
    assert walsh.median(line) == pytest.approx(np.median(all_averages(line)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_fifty_thousand_values_need_no_table_of_pairs(share: float) -> None:
    draw = np.random.default_rng(0)
    line = np.where(draw.random(50_000) < share, 0.0, draw.normal(size=50_000))
    tracemalloc.start()
    found = walsh.median(line)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20
    assert found == 0.0 if share else abs(found) < 0.02


def test_influence_is_what_adding_a_value_does() -> None:
    """Hampel's definition, up to the density's estimate: the median moves by influence / n."""
    line = np.random.default_rng(1).normal(size=2_000)
    centre = walsh.median(line)
    found = walsh.influence(line, centre)
    assert found is not None
    moved = [2_001 * (walsh.median(np.append(line, line[place])) - centre) for place in range(20)]
    assert found[0][:20] == pytest.approx(np.array(moved), rel=0.15, abs=0.1)
    assert np.mean(found[0]) == pytest.approx(0, abs=0.01)
    assert np.mean(found[1]) == pytest.approx(1)


def test_influence_of_normal_values_has_the_known_efficiency() -> None:
    """3 / pi of the mean's (Hodges and Lehmann 1963)."""
    line = np.random.default_rng(2).normal(size=20_000)
    found = walsh.influence(line, walsh.median(line))
    assert found is not None
    assert np.var(line) / np.var(found[0]) == pytest.approx(3 / np.pi, rel=0.02)


@pytest.mark.parametrize("values", [np.arange(5.0), np.zeros(9), np.repeat([0.0, 1.0, 2.0], 9)])
def test_few_or_tied_values_have_no_influence(values: np.ndarray) -> None:
    assert walsh.influence(values, walsh.median(values)) is None
