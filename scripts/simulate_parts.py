"""Check groups, claims, the coherence gate and the audit's correction on simulated studies whose truth is known.

Makes tables of docs/statistics.md:

    python scripts/simulate_statistics.py groups audit verdicts --runs 400

Items differ in difficulty (normal on the logit, SD 1.5) and in their response to an arm (SD 0.7); a run shifts all its
items by normal noise, and each group of items by noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from leaven.comparison import Comparison
from leaven.stats import claims, coherence, effects, inference
from leaven.stats.groups.heterogeneity import heterogeneity
from leaven.stats.people import audit
from leaven.stats.table import Arm, Column, Cube

Floats = NDArray[np.float64]
ITEM_SD, RESPONSE_SD = 1.5, 0.7
TRUTH_ITEMS = 1_000_000


@dataclass(frozen=True)
class Groups:
    """One row of the groups' table. ``moved`` is what the first arm adds to the first group alone, on the logit."""

    n_arms: int
    sizes: tuple[int, ...]
    n_seeds: int
    noise: float
    group_noise: float
    outcome: str = "0/1"  # "0/1", or "skewed": exp of a normal, unbounded
    group_sd: float = 0.0  # how much groups differ in difficulty
    shift: float = 0.0  # what every arm adds to all groups
    moved: float = 0.0

    def values(self, draw: np.random.Generator) -> Floats:
        """Return one study's values: the baseline and the arms, by items, by seeds."""
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        base = -0.5 + self.group_sd * draw.normal(size=len(self.sizes))[group] + ITEM_SD * draw.normal(size=len(group))
        shape = (self.n_arms + 1, len(group), 1)
        arms = np.r_[0.0, np.full(self.n_arms, self.shift)][:, None, None] + np.zeros(shape)
        arms[1, group == 0] += self.moved
        own = RESPONSE_SD * draw.normal(size=shape)
        own[0] = 0
        runs = self.noise * draw.normal(size=(self.n_arms + 1, 1, self.n_seeds))
        local = self.group_noise * draw.normal(size=(self.n_arms + 1, len(self.sizes), self.n_seeds))[:, group]
        logits = base[None, :, None] + arms + own + runs + local
        if self.outcome == "skewed":
            return np.exp(0.7 * (logits + draw.normal(size=logits.shape)))
        return np.asarray(draw.random(logits.shape) < expit(logits), dtype=np.float64)

    def flags(self) -> dict[str, NDArray[np.bool_]]:
        """Return each group's items."""
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return {f"g{place}": group == place for place in range(len(self.sizes))}


def cube(values: Floats, column: Column | None = None) -> Cube:
    """Make a cube of a baseline (first) and arms that were all trained."""
    arms = tuple(Arm("base" if place == 0 else f"arm{place}", None, True) for place in range(len(values)))
    binary = np.isin(values, (0, 1)).all(axis=(1, 2))
    asked, none = np.ones(values.shape, dtype=bool), np.zeros(len(values), dtype=np.int64)
    return Cube(
        column or Column("s", "m"),
        arms,
        values,
        asked,
        binary,
        none,
        np.ones(len(values), dtype=bool),
        seeds=tuple(range(values.shape[2])),
    )


def groups_found(world: Groups, n: int, *, draws: int = 199, seed: int = 1) -> float:
    """Return the share of studies in which the max-T test finds heterogeneity at 5 %."""
    draw = np.random.default_rng([seed, len(world.sizes), world.n_seeds, int(100 * world.group_noise)])
    to = {f"arm{place}": "base" for place in range(1, world.n_arms + 1)}
    found = 0
    for _ in range(n):
        test = heterogeneity(cube(world.values(draw)), world.flags(), to, draws=draws, seed=int(draw.integers(2**31)))
        found += test.p is not None and test.p <= 0.05
    return found / n


def group_worlds() -> Iterator[Groups]:
    """Yield the rows: designs by seeds by noise, without any true heterogeneity."""
    designs = [
        (1, (50, 50)),
        (1, (30,) * 5),
        (3, (20,) * 8),
        (6, (10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 20, 20, 30)),
    ]
    for n_seeds in (3, 5, 10):
        for n_arms, sizes in designs:
            for noise, group_noise in ((0.0, 0.0), (0.3, 0.0), (0.15, 0.15), (0.0, 0.3)):
                yield Groups(n_arms, sizes, n_seeds, noise, group_noise)
        yield Groups(3, (20,) * 8, n_seeds, 0.15, 0.15, group_sd=1.0)
        yield Groups(3, (20,) * 8, n_seeds, 0.15, 0.15, shift=1.0)
        yield Groups(3, (20,) * 8, n_seeds, 0.15, 0.15, outcome="skewed")
        yield Groups(1, (5, 10, 100, 300), n_seeds, 0.15, 0.15, shift=1.0)


def groups_table(n: int) -> None:
    """Print how often groups are found to differ: where they do not, and where one arm moves one group by 2 logits."""
    print(
        "| seeds | arms | groups (items) | outcome | run noise | per group | groups' SD | shift | no difference | one |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for world in group_worlds():
        sizes = f"{len(world.sizes)} ({min(world.sizes)}-{max(world.sizes)})"
        rates = [100 * groups_found(one, n) for one in (world, replace(world, moved=2.0))]
        print(
            f"| {world.n_seeds} | {world.n_arms} | {sizes} | {world.outcome} | {world.noise} | {world.group_noise} "
            f"| {world.group_sd} | {world.shift} | {rates[0]:.1f} % | {rates[1]:.0f} % |",
            flush=True,
        )


class Classifier(NamedTuple):
    """How often it says 1 of what people call 1, and of what they call 0; in the arm and in the baseline."""

    name: str
    hit: tuple[float, float]
    false: tuple[float, float]
    graded: bool = False


CLASSIFIERS = (
    Classifier("alike", (0.8, 0.8), (0.1, 0.1)),
    Classifier("biased", (0.65, 0.85), (0.15, 0.05)),
    Classifier("weak", (0.5, 0.6), (0.2, 0.1)),
    Classifier("biased, graded", (0.65, 0.85), (0.15, 0.05), graded=True),
)


class Audited(NamedTuple):
    """One row of the audit's table; ``base`` is the mean difficulty on the logit."""

    classifier: Classifier
    n_seeds: int
    noise: float
    base: float
    shift: float
    labels: int
    n_items: int = 200

    def truth(self, draw: np.random.Generator) -> float:
        """Return the effect on what people see, by brute force over items, each in a run of its own."""
        item, own = ITEM_SD * draw.normal(size=TRUTH_ITEMS), RESPONSE_SD * draw.normal(size=TRUTH_ITEMS)
        runs = self.noise * draw.normal(size=(2, TRUTH_ITEMS))
        return float(np.mean(expit(self.base + item + self.shift + own + runs[0]) - expit(self.base + item + runs[1])))

    def answers(self, draw: np.random.Generator) -> pd.DataFrame:
        """Return one study's answers: the long table, with what people would say (``label``)."""
        item, own = ITEM_SD * draw.normal(size=(self.n_items, 1)), RESPONSE_SD * draw.normal(size=(self.n_items, 1))
        runs = self.noise * draw.normal(size=(2, 1, self.n_seeds))
        seen = draw.random((2, self.n_items, self.n_seeds)) < expit(
            self.base + item + np.stack([self.shift + own, 0 * own]) + runs
        )
        hit, false = (np.reshape(rates, (2, 1, 1)) for rates in (self.classifier.hit, self.classifier.false))
        said = draw.random(seen.shape) < np.where(seen, hit, false)
        score = np.where(said, 0.5 + 0.5 * draw.random(seen.shape), 0.5 * draw.random(seen.shape))
        arm, at, seed = (part.ravel() for part in np.indices(seen.shape))
        return pd.DataFrame(
            dict(
                arm=np.array(["arm", "base"])[arm], dose=np.nan, seed=seed, suite="s", metric="m", group=None,
                item_id=[f"i{place}" for place in at], sample=0, label=seen.ravel().astype(float),
                value=(score if self.classifier.graded else said).ravel().astype(float),
            )
        )  # fmt: skip


def audit_coverage(world: Audited, n: int, *, seed: int = 2) -> tuple[float, float, float, float]:
    """Return the coverage of the corrected and of the classifier's own interval, the bias and the mean half-width."""
    draw = np.random.default_rng([seed, world.n_seeds, int(100 * world.noise), world.labels])
    truth, hits, naive, widths, errors = world.truth(draw), 0, 0, [], []
    for _ in range(n):
        table = world.answers(draw)
        drawn = audit.draw(table.rename(columns={"value": "predicted"}), world.labels, int(draw.integers(2**31)))
        found = audit.corrected(table, drawn, arm="arm", baseline="base", suite="s", metric="m")
        if found.low is None or found.high is None or found.effect is None:
            continue  # counts as a miss
        hits += found.low <= truth <= found.high
        widths.append((found.high - found.low) / 2)
        errors.append(found.effect - truth)
        values = table["value"].to_numpy().reshape(2, world.n_items, world.n_seeds)
        plain = inference.estimate(effects.contrast(cube(values[::-1]), effects.difference("arm1", "base"))).interval()
        naive += plain is not None and plain[0] <= truth <= plain[1]
    return hits / n, naive / n, float(np.mean(errors)), float(np.mean(widths))


def audit_worlds() -> Iterator[Audited]:
    """Yield the rows: classifiers by seeds by noise, harm common (about 40 %) and rare (about 3 %)."""
    for n_seeds in (3, 5, 10):
        for classifier in CLASSIFIERS:
            for noise in (0.0, 0.3):
                yield Audited(classifier, n_seeds, noise, -0.5, 1.0, 200)
        yield Audited(CLASSIFIERS[1], n_seeds, 0.3, -0.5, 1.0, 100)
        yield Audited(CLASSIFIERS[1], n_seeds, 0.3, -0.5, 1.0, 1000)
        yield Audited(CLASSIFIERS[1], n_seeds, 0.3, -4.5, 1.0, 200)
        yield Audited(CLASSIFIERS[0], n_seeds, 0.3, -4.5, 0.0, 200)


def audit_table(n: int) -> None:
    """Print the coverage of the corrected interval."""
    print("| seeds | classifier | run noise | base | shift | labels | corrected | uncorrected | bias | half-width |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for world in audit_worlds():
        hits, naive, bias, width = audit_coverage(world, n)
        about = (world.n_seeds, world.classifier.name, world.noise, world.base, world.shift, world.labels)
        print(
            f"| {' | '.join(map(str, about))} "
            f"| {100 * hits:.1f} | {100 * naive:.1f} | {100 * bias:+.2f} | {100 * width:.1f} |",
            flush=True,
        )


HOLDS = ("higher", "lower", "not higher", "not lower", "same")


def normal_study(draw: np.random.Generator, effect: float, n_seeds: int, noise: float, n_items: int = 100) -> Floats:
    """Return a baseline and an arm that is ``effect`` above it: normal items, runs and rest."""
    runs = noise * draw.normal(size=(2, 1, n_seeds))
    values = draw.normal(size=(2, n_items, n_seeds)) + 0.5 * draw.normal(size=(2, n_items, 1)) + runs
    values[1] += effect
    return np.asarray(values, dtype=np.float64)


def claims_wrong(n: int, n_seeds: int, noise: float, margin: float, *, seed: int = 3) -> tuple[float, float]:
    """Return the share of studies with any wrongly supported, and any wrongly refuted claim, at the margins' edges.

    Five metrics, one claim each; the truth stands on the edge of each claim's margin, where every claim is as hard to
    call as can be: supporting it, and refuting it, are both wrong.
    """
    draw, supported, refuted = np.random.default_rng([seed, n_seeds, int(100 * noise)]), 0, 0
    made = [claims.Claim(f"c{k}", "arm1", f"m{k}", holds, margin) for k, holds in enumerate(HOLDS)]
    edges = {"higher": margin, "lower": -margin, "not higher": margin, "not lower": -margin, "same": margin}
    for _ in range(n):
        cubes = {
            Column("s", one.metric): cube(normal_study(draw, edges[one.holds], n_seeds, noise), Column("s", one.metric))
            for one in made
        }
        verdicts = [one.verdict for one in claims.judge(made, cubes, {"arm1": "base"})]
        supported += "supported" in verdicts
        refuted += "refuted" in verdicts
    return supported / n, refuted / n


def gate_wrong(n: int, n_seeds: int, noise: float, worse: int, *, seed: int = 4) -> float:
    """Return the share of studies whose arm is called coherent, with ``worse`` of four metrics at their margin's edge.

    The others are unchanged, and far within the margin. 0 gives the power.
    """
    draw, found = np.random.default_rng([seed, n_seeds, int(100 * noise), worse]), 0
    margin = 1.0
    for _ in range(n):
        made = [
            _compared(f"m{k}", cube(normal_study(draw, margin if k < worse else 0.0, n_seeds, noise))) for k in range(4)
        ]
        names = [one.metric for one in made]
        (gated,) = coherence.gate(made, dict.fromkeys(names, margin), dict.fromkeys(names, "lower"))
        found += gated.verdict == "coherent"
    return found / n


def _compared(metric: str, measured: Cube) -> Comparison:
    """Return what the gate reads of a comparison: effect and 90 % interval."""
    known = inference.estimate(effects.contrast(measured, effects.difference("arm1", "base")))
    low, high = known.equivalence_interval() or (None, None)
    return Comparison(
        arm="arm1", baseline="base", suite="s", metric=metric, group=None, dose=None, mean=None, baseline_mean=None,
        effect=known.effect, low=None, high=None, p=known.p, p_holm=None, p_bh=None, family="exploratory",
        equivalent=None, n_items=100, n_seeds=3, test=known.test, low90=low, high90=high,
    )  # fmt: skip


def verdicts_table(n: int) -> None:
    """Print how often claims are wrongly called, and how often an arm is called coherent."""
    print(
        "| seeds | run noise | any claim wrongly supported | any refuted | coherent: none worse | 1 worse | 4 worse |"
    )
    print("|---|---|---|---|---|---|---|")
    for n_seeds in (3, 5, 10):
        for noise in (0.0, 0.15, 0.3):
            supported, refuted = claims_wrong(n, n_seeds, noise, 0.3)
            gated = [gate_wrong(n, n_seeds, noise, worse) for worse in (0, 1, 4)]
            shares = " | ".join(f"{100 * share:.1f} %" for share in (supported, refuted, *gated))
            print(f"| {n_seeds} | {noise} | {shares} |", flush=True)
