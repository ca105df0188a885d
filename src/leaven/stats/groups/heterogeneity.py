"""Does an arm's effect differ between groups at all? Asked once over arms x groups, before any group is named.

Null: in every arm, the effect expected of new items and new trainings is the same in each group. For arm and group,
T = (effect in the group - effect in all other items) / SE. The SE holds what items and what runs contribute: a run may
shift one group more than another (seed x group), and that is no property of the data. The largest |T| over all arms
and groups is compared with what it would be if the groups were labels drawn at random:

- Groups are permuted over items, the same way for all arms and seeds, so that items, runs and arms stay as they are
  (max-T, Westfall and Young 1993). T is studentised: that keeps permuting valid where groups' spreads differ (Janssen
  1997). Groups of the same items have none outside: there each item's own groups are permuted (``crossed``).
- Permuting erases what runs do to groups. It is put back as normal noise, one draw per arm, group and run; its variance
  is the upper 80 % confidence limit of what all arms and groups show together.

Chosen by simulation among 18 variants (six T, each with three amounts of noise), and then simulated again with other
seeds (``scripts/simulate_parts.py``). Without the noise and with an SE of items alone, runs that shift groups by 0.3
to 0.6 on the logit made 7-42 % false positives; as it stands, up to 0.3, it made 1-6 % at 3, 5 and 10 seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaven.comparison import joined
from leaven.stats import families
from leaven.stats.groups import crossed, grouped
from leaven.stats.inference import MIN_SEEDS
from leaven.stats.table import Column, Cube, Floats

if TYPE_CHECKING:
    import pandas as pd

Bools = NDArray[np.bool_]

DRAWS = 999
_TEST = "max-T over arms x groups"
_WITHIN = f"{_TEST}, within items"
_FEWEST = 2  # items of a group, and outside it
_FEWEST_WITHIN = 5  # items that were scored in every group, where groups are of the same items
_ENOUGH = 50  # draws as large as the observed T, after which p is known well enough (Besag and Clifford 1991)
_AT_ONCE = 2_000_000  # numbers in one block of permuted groups
# A group's run noise is mixed with that of all groups, as if it had 4 more degrees of freedom: three alike runs make
# no T.
_PRIOR = 4.0
_UPPER = 0.80


@dataclass(frozen=True)
class Heterogeneity:
    """The max-T test of one metric over all arms and groups; ``p`` is null where it could not be made (``note``)."""

    suite: str
    metric: str
    p: float | None
    n_arms: int
    n_groups: int
    n_items: int
    test: str
    largest_arm: str | None = None  # where the largest T stands; to be named only if `is_shown`
    largest_group: str | None = None
    note: str | None = None
    p_holm: float | None = None  # after Holm's correction over all metrics that were tested (`corrected`)

    @property
    def is_shown(self) -> bool:
        """Whether a single group may be named."""
        return self.p_holm is not None and self.p_holm < 0.05


def corrected(tests: Sequence[Heterogeneity]) -> list[Heterogeneity]:
    """Return the tests of a study's metrics with Holm's correction over them."""
    return [replace(one, p_holm=p) for one, p in zip(tests, families.holm([one.p for one in tests]), strict=True)]


def members(measurements: pd.DataFrame) -> dict[Column, dict[str, Bools]]:
    """Return which items stand in which group, per (suite, metric): one flag per item, in the order of its cube.

    A cube's items are sorted by their id as text; rows without a group are items of no group.
    """
    names = ["suite", "metric", "item_id", "group"]
    (suite, suites), (metric, metrics), (item, items), (group, groups) = (_coded(measurements[name]) for name in names)
    sizes = (len(suites), len(metrics), len(items), len(groups) + 1)
    # The last group is the null one.
    known = np.unique(np.ravel_multi_index((suite, metric, item, np.where(group < 0, len(groups), group)), sizes))
    suite, metric, item, group = np.unravel_index(known, sizes)
    pair = suite * len(metrics) + metric
    found: dict[Column, dict[str, Bools]] = {}
    for rows in np.split(np.arange(len(known)), np.flatnonzero(np.diff(pair)) + 1) if len(known) else ():
        within, at = np.unique(item[rows], return_inverse=True)
        column = Column(suites[suite[rows[0]]], metrics[metric[rows[0]]])
        present = np.unique(group[rows])
        found[column] = {
            groups[code]: _flags(at[group[rows] == code], len(within)) for code in present if code < len(groups)
        }
    return found


def _coded(names: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Return names as numbers in the order of their text, and the names; null is -1."""
    import pandas as pd

    text = names.astype(object).where(names.notna(), None).map(str, na_action="ignore")
    codes, levels = pd.factorize(text.to_numpy(dtype=object), sort=True)
    return codes, [str(level) for level in levels]


def _flags(places: NDArray[np.intp], size: int) -> Bools:
    made = np.zeros(size, dtype=np.bool_)
    made[places] = True
    return made


def heterogeneity(
    cube: Cube,
    groups: Mapping[str, Bools],
    to: Mapping[str, str],
    *,
    within: Mapping[str, Cube] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Heterogeneity:
    """Test whether any arm's effect differs between groups, in one (suite, metric).

    ``cube`` is the one over all items, ``groups`` says of each group which of the cube's items stand in it (`members`;
    an item may be in several, or in none); ``to`` maps each arm to its baseline. Arms need three paired training seeds;
    two untrained arms are compared over items alone, for these models. p = (1 + b) / (1 + draws), where b draws were as
    large as the observed T; drawing ends early once 50 were. Everything is drawn from ``seed``. ``within`` are the
    groups' own cubes: with them, groups of the same items are compared within items.
    """
    data, draw = _paired(cube, to), np.random.default_rng(seed)
    about = Heterogeneity(cube.column.suite, cube.column.metric, None, len(data.arms), 0, int(data.items.sum()), _TEST)
    if not data.arms:
        return _said(about, f"no arm has {MIN_SEEDS} training seeds in common with its baseline")
    again = crossed.stacked(cube, groups, within or {}, {arm: to[arm] for arm in data.arms})
    if again is not None:
        return _within_items(replace(about, test=_WITHIN), again, list(groups), data, (draws, draw))
    tested = {name: flags[data.items] for name, flags in groups.items()}
    tested = {name: flags for name, flags in tested.items() if _FEWEST <= flags.sum() <= len(flags) - _FEWEST}
    about = replace(about, n_groups=len(tested))
    if not tested:
        return _said(about, f"no group has {_FEWEST} items or more, and as many outside it")
    if not np.nan_to_num(data.matrix).any():
        return _said(about, "every difference is exactly 0", p=1.0)
    names, flags = list(tested), np.stack(list(tested.values())).astype(float)
    observed = _statistic(grouped.parts(data.features, flags), data.trained)
    p = _p_value(_drawn(data, flags, draws, draw), float(observed.max()), draws)
    return _named(about, data, observed, names, p, data.note)


def _within_items(
    about: Heterogeneity, again: Floats, names: list[str], data: _Paired, how: tuple[int, np.random.Generator]
) -> Heterogeneity:
    """Test groups of the same items, over those that were scored in every group."""
    whole = crossed.complete(again)
    n_items, n_asked = int(whole.sum()), int((~np.isnan(again)).any(axis=(0, 1, 3)).sum())
    about = replace(about, n_groups=len(names), n_items=n_items)
    if n_items < _FEWEST_WITHIN:
        few = f"{n_items} of the {n_asked} items were scored in every group by every arm and run"
        return _said(about, f"the same items stand in every group, but only {few}: fewer than {_FEWEST_WITHIN}")
    values = again[:, :, whole]
    if not np.nan_to_num(values).any():
        return _said(about, "every difference is exactly 0", p=1.0)
    left = f"over the {n_items} of {n_asked} items that were scored in every group" if n_items < n_asked else None
    observed = _statistic(crossed.parts(values), data.trained, evenly=True)
    p = _p_value(_drawn_within(values, data.trained, *how), float(observed.max()), how[0])
    return _named(about, data, observed, names, p, joined(data.note, left))


def _named(
    about: Heterogeneity, data: _Paired, observed: Floats, names: list[str], p: float, note: str | None
) -> Heterogeneity:
    group, arm = np.unravel_index(int(np.argmax(observed)), observed.shape)
    return _said(about, note, p=p, arm=data.arms[arm], group=names[group])


def _said(
    about: Heterogeneity,
    note: str | None,
    *,
    p: float | None = None,
    arm: str | None = None,
    group: str | None = None,
) -> Heterogeneity:
    return replace(about, note=note, p=p, largest_arm=arm, largest_group=group)


@dataclass(frozen=True)
class _Paired:
    """All arms' differences; ``matrix`` is arms x items x seeds, NaN where a pair is missing.

    ``items`` flags those of the cube's items that any arm has; ``trained`` (per arm): there are runs to speak of.
    ``features`` is items x arms x (2 seeds + 4): what is summed over a group's items.
    """

    arms: list[str]
    items: Bools
    matrix: Floats
    trained: Bools
    features: Floats
    note: str | None


def _paired(cube: Cube, to: Mapping[str, str]) -> _Paired:
    places = {arm.name: place for place, arm in enumerate(cube.arms)}
    pairs = [(arm, base) for arm, base in sorted(to.items()) if arm in places and base in places and arm != base]
    made = {arm: cube.values[places[arm]] - cube.values[places[base]] for arm, base in pairs}
    trained = {arm: cube.arms[places[arm]].trained or cube.arms[places[base]].trained for arm, base in pairs}
    enough = {arm: not trained[arm] or _n_seeds(matrix) >= MIN_SEEDS for arm, matrix in made.items()}
    arms = [arm for arm, matrix in made.items() if enough[arm] and not np.isnan(matrix).all()]
    matrix = np.stack([made[arm] for arm in arms]) if arms else np.empty((0, *cube.values.shape[1:]))
    items = np.asarray((~np.isnan(matrix)).any(axis=(0, 2)), dtype=np.bool_)
    few = [arm for arm in made if not enough[arm]]
    note = f"fewer than {MIN_SEEDS} paired seeds, left out: {', '.join(few)}" if few else None
    matrix = matrix[:, items]
    return _Paired(arms, items, matrix, np.array([trained[arm] for arm in arms]), grouped.features(matrix), note)


def _n_seeds(matrix: Floats) -> int:
    return int((~np.isnan(matrix)).any(axis=0).sum())


def _statistic(parts: grouped.Parts, trained: Bools, *, evenly: bool = False) -> Floats:
    """Return |T| (draws x groups x arms); 0 where it cannot be formed.

    What runs add is taken in proportion to ``rest``, so that groups near 0 or 1 may vary less than others, and is
    drawn towards the mean over arms and groups: two degrees of freedom alone would decide on each T at three seeds.
    ``evenly``: it is drawn to no less than what runs add to all groups alike. Within items, permuting mixes the groups'
    own spreads, so that a group that varies less than others would stand out by its runs.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(trained & (parts.rest > 0), parts.seed / parts.rest, np.nan)
        usual = _mean(ratio)[..., None, None]
        free = parts.seeds - 1
        alike = _mean(np.where(trained, parts.seed, np.nan))[..., None, None] if evenly else 0.0
        prior = np.maximum(usual * parts.rest, alike)
        seed = (_PRIOR * prior + free * parts.seed) / (_PRIOR + free)
        runs = np.where(trained & np.isfinite(seed), np.maximum(seed - parts.rest, 0), 0.0)
        size = np.abs(parts.effect) / np.sqrt(parts.item + runs)
    return np.asarray(np.where(np.isnan(size), 0.0, size), dtype=np.float64)


def _mean(values: Floats) -> Floats:
    """Return the mean over groups and arms, without NaN; 0 where there is nothing."""
    there = ~np.isnan(values)
    return np.asarray(
        np.where(there, values, 0).sum(axis=(-1, -2)) / np.maximum(there.sum(axis=(-1, -2)), 1), dtype=np.float64
    )


def _run_noise(parts: grouped.Parts, trained: Bools) -> float:
    """Return the variance of what a run does to a group: an upper limit, from all arms and groups together."""
    from scipy import stats

    if not trained.any():
        return 0.0
    seed, rest, seeds = (values[:, trained] for values in (parts.seed, parts.rest, parts.seeds))
    there = np.isfinite(seed) & np.isfinite(rest)
    if not there.any():
        return 0.0
    # Groups' contrasts sum to 0, and arms share their baseline's runs.
    n_arms = int(trained.sum())
    free = float(np.mean(seeds[there]) - 1) * max(seed.shape[0] - 1, 1) * (n_arms + 1) / 2
    upper = np.mean(seed[there]) * free / stats.chi2.ppf(1 - _UPPER, free)
    return max(float(upper - np.mean(rest[there])), 0.0) * float(np.mean(seeds[there]))


def _p_value(drawn: Iterator[float], observed: float, draws: int) -> float:
    found = 0
    for done, largest in enumerate(drawn, start=1):
        found += largest >= observed * (1 - 1e-9)  # a permutation that repeats the groups differs by rounding only
        if found == _ENOUGH and done < draws:
            return found / done
    return (1 + found) / (1 + draws)


def _drawn(data: _Paired, flags: Floats, draws: int, draw: np.random.Generator) -> Iterator[float]:
    """Yield the largest T of groups at random, with run noise."""
    spread = np.sqrt(_run_noise(grouped.parts(data.features, flags), data.trained))
    n_groups, n_items = flags.shape
    for n in crossed.blocks(draws, max(min(_AT_ONCE // flags.size, _ENOUGH), 1)):
        order = draw.permuted(np.tile(np.arange(n_items), (n, 1)), axis=1)
        noise = spread * draw.normal(size=(n, n_groups, len(data.arms), data.matrix.shape[2]))
        noise = noise * data.trained[:, None]
        permuted = flags[:, order].swapaxes(0, 1)
        made = grouped.parts(data.features, permuted, noise)
        yield from _statistic(made, data.trained).max(axis=(-1, -2)).tolist()


def _drawn_within(values: Floats, trained: Bools, draws: int, draw: np.random.Generator) -> Iterator[float]:
    """Yield the largest T of every item's groups at random, with run noise; ``values`` as in `crossed.parts`."""
    spread = np.sqrt(_run_noise(crossed.parts(values), trained))
    n_groups, n_arms, _, n_seeds = values.shape
    for n in crossed.blocks(draws, max(min(_AT_ONCE // values.size, _ENOUGH), 1)):
        noise = spread * draw.normal(size=(n, n_groups, n_arms, n_seeds)) * trained[:, None]
        made = crossed.parts(crossed.permuted(values, n, draw), noise)
        yield from _statistic(made, trained, evenly=True).max(axis=(-1, -2)).tolist()
