"""Results that state no seed beside results that do: one training run, about whose variance nobody knows anything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from leaven.readers.brought import Brought, listed

Seeds = Mapping[str, set[int]]  # arm -> the seeds that it states


def as_one_run(sources: Sequence[Brought], to: Mapping[str, str]) -> tuple[list[Brought], list[str]]:
    """Give what states no seed one that its partners state; return the sources, and what is to be said of it.

    Without a seed it would meet every run of its partner, as an untrained model does, and its own training would seem
    to have no variance. In a run of Leaven a missing seed does mean an untrained model, so its arms are left alone.
    Of a partner, the seeds that meet nothing any more are left out.
    """
    seeds, theirs = _seeds(sources), {arm for source in sources if source.kind == "run" for arm in source.arms}
    given: dict[str, int] = {}
    only: dict[str, int] = {}
    for star in _stars(to):
        seed = _common(seeds, star)
        lacking = [arm for arm in star if not seeds[arm] and arm not in theirs]
        if seed is not None and lacking:
            given |= dict.fromkeys(lacking, seed)
            if star[0] in lacking or set(lacking) >= set(star[1:]):
                only |= dict.fromkeys((arm for arm in star if seeds[arm]), seed)
    return [_kept(_seeded(source, given), only) for source in sources], list(_said(given, seeds, only))


def _seeds(sources: Sequence[Brought]) -> Seeds:
    found: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for arm, column in source.measurements.groupby("arm")["seed"]:
            found[str(arm)] = {int(seed) for seed in column.dropna()}
    return found  # an arm of which all was left out, as other documents, has none


def _stars(to: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield every baseline with the arms that are compared with it."""
    for baseline in dict.fromkeys(to.values()):
        yield [baseline, *(arm for arm, its in to.items() if its == baseline)]


def _common(seeds: Seeds, star: Sequence[str]) -> int | None:
    """Return the seed that most of these arms state, the smallest of several; one of the baseline's where it has any.

    None where no arm states any.
    """
    among = seeds[star[0]] or set().union(*(seeds[arm] for arm in star))
    stated = Counter(seed for arm in star for seed in seeds[arm])
    return min(among, key=lambda seed: (-stated[seed], seed), default=None)


def _seeded(source: Brought, given: Mapping[str, int]) -> Brought:
    """Return a source with the seeds that its arms were given, on its texts too."""
    if given.keys().isdisjoint(source.arms):
        return source
    table = source.measurements
    seed = table["seed"].fillna(table["arm"].map(given)).astype("Int64")
    samples = [replace(one, seed=given.get(one.arm, one.seed)) for one in source.samples]
    return replace(source, measurements=table.assign(seed=seed), samples=samples)


def _kept(source: Brought, only: Mapping[str, int]) -> Brought:
    """Return a source without the seeds that meet nothing: of these arms, this one alone is kept."""
    if only.keys().isdisjoint(source.arms):
        return source
    table = source.measurements
    kept = [only.get(arm, seed) == seed for arm, seed in zip(table["arm"], table["seed"].fillna(-1), strict=True)]
    samples = [one for one in source.samples if only.get(one.arm, one.seed) == one.seed]
    return replace(source, measurements=table.loc[kept].reset_index(drop=True), samples=samples)


def _said(given: Mapping[str, int], seeds: Seeds, only: Mapping[str, int]) -> Iterator[str]:
    """Say which arms count as one training run, those with the same seed in one line, and what is left out for it."""
    for seed in sorted(set(given.values())):
        arms = [arm for arm, its in given.items() if its == seed]
        verb = "states no training seed, so it counts" if len(arms) == 1 else "state no training seed, so each counts"
        idle = {arm: sorted(seeds[arm] - {seed}) for arm, its in only.items() if its == seed}
        rest = [f"{arm}'s {listed(others)}" for arm, others in idle.items() if others]
        more = f" (left out: {'; '.join(rest)})" if rest else ""
        yield (
            f"{listed(arms)} {verb} as one training run, paired with seed {seed} alone{more}: what another training "
            "would give is not known, and no winner is named"
        )
