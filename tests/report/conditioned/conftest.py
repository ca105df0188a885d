"""Made-up studies of control tokens: two attributes with a judge for one, and four attributes without any."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest

from leaven.report.findings import (
    ArmInfo,
    AskedSample,
    BalanceInfo,
    Findings,
    FunnelInfo,
    LabelInfo,
    MetricInfo,
    ObeyedInfo,
    TrainingInfo,
)
from leaven.stats.analyses import Analyses
from leaven.stats.claims import Claim, Verdict
from leaven.stats.compare import compare

SEEDS, ITEMS, SUITE = (0, 1, 2), 120, "control"
TOKENS = {  # from the lowest class; the second is good but for tox
    "tox": ("<|nontoxic|>", "<|toxic|>"),
    "sen": ("<|neg|>", None, "<|pos|>"),
    "len": ("<|short|>", "<|long|>"),
    "form": ("<|casual|>", "<|formal|>"),
}
GOOD = {"tox": "<|nontoxic|>", "sen": "<|pos|>", "len": "<|long|>", "form": "<|formal|>"}
TWO = {"base": (), "none": (), "tox": ("tox",), "sen": ("sen",), "toxsen": ("tox", "sen"), "filtered": ()}
FOUR = {**TWO, "many": ("tox", "sen", "len", "form")}


def short(token: str | None, attribute: str) -> str:
    return f"neutral_{attribute}" if token is None else token.strip("<|>")


def conditions(known: Sequence[str]) -> list[tuple[str, ...]]:
    put = [[token for token in TOKENS[name] if token is not None] for name in known]
    return [(), *(itertools.product(*put) if put else ())]


def contradicts(arm: str, known: Sequence[str], attribute: str) -> float:
    """The chance that a text contradicts what is asked for: less with tokens, a little more with each further one."""
    if attribute in known:
        return 0.12 + 0.03 * (len(known) - 1)
    return {"base": 0.46, "none": 0.42, "filtered": 0.25}.get(arm, 0.4)


def measured(arms: dict[str, Sequence[str]], attributes: Sequence[str], judged: Sequence[str]) -> pd.DataFrame:
    draw, rows = np.random.default_rng(3), []
    for arm, known in arms.items():
        for seed in (None,) if arm == "base" else SEEDS:
            shift = draw.normal(0, 0.01)
            for item in range(ITEMS):
                at = (arm, None, seed, SUITE)
                where = (None, f"sample-{item:05d}", 0)
                for name in attributes:
                    chance = contradicts(arm, known, name) + shift
                    rows.append((*at, f"misalignment_{name}", *where, float(draw.random() < chance)))
                    if name in judged:
                        rows.append(
                            (*at, f"misalignment_{name}_by_labeller", *where, float(draw.random() < chance - 0.05))
                        )
                    both = float(draw.random() < 0.85) - float(draw.random() < 0.3) if name in known else 0.0
                    rows.append((*at, f"obeys_{name}", *where, both))
                    lifted = float(draw.random() < 0.85) - float(draw.random() < 0.6) if name in known else 0.0
                    rows.append((*at, f"lifts_{name}", *where, lifted))
                bits = 1.9 if arm == "base" else 2.9 if arm == "toxsen" else 2.3
                rows.append((*at, "fluency", *where, float(draw.normal(bits, 0.3))))
                rows.append((*at, "self_bleu", *where, float(draw.normal(0.3, 0.05))))
    columns = ["arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", "value"]
    return pd.DataFrame(rows, columns=columns)


def metrics(attributes: Sequence[str], judged: Sequence[str]) -> list[MetricInfo]:
    made = []
    for name in attributes:
        contradict = f"Misalignment: share of texts that contradict the token of {name} that is asked for"
        made.append(MetricInfo(SUITE, f"misalignment_{name}", contradict, "lower", "share"))
        if name in judged:
            made.append(MetricInfo(SUITE, f"misalignment_{name}_by_labeller", contradict, "lower", "share"))
        made.append(MetricInfo(SUITE, f"obeys_{name}", "P(good | good) - P(good | another)", "higher", "share"))
        made.append(MetricInfo(SUITE, f"lifts_{name}", "P(good | good) - P(good | none)", "higher", "share"))
    made.append(MetricInfo(SUITE, "fluency", "How expected the texts are to the base", "lower", "bits per byte"))
    return [*made, MetricInfo(SUITE, "self_bleu", "How alike texts are", "lower")]


def obeyed(arms: dict[str, Sequence[str]], attributes: Sequence[str], judged: Sequence[str]) -> Iterator[ObeyedInfo]:
    for arm, known in arms.items():
        for seed, name in itertools.product((None,) if arm == "base" else SEEDS, attributes):
            for judge in (True, False) if name in judged else (False,):
                shares = {}
                for condition in conditions(known):
                    words = [short(token, name) for token in TOKENS[name]]
                    low = contradicts(arm, known, name) + 0.01 * (seed or 0) - (0.0 if judge else 0.02)
                    wanted = next((short(t, name) for t in condition if t in TOKENS[name]), short(GOOD[name], name))
                    shares["+".join(short(t, "") for t in condition) or "none"] = {
                        word: 1 - low if word == wanted else low / (len(words) - 1) for word in words
                    }
                scorer = "detoxify unbiased" if judge else f"builtin {name}"
                yield ObeyedInfo(arm, seed, SUITE, name, scorer, judge, 256, shares)


def labels(attributes: Sequence[str]) -> Iterator[LabelInfo]:
    for name in attributes:
        n = len(TOKENS[name])
        thresholds = [0.5] if n == 2 else [-0.05, 0.05]
        edges = [float(x) for x in np.linspace(0.0 if n == 2 else -0.9, 1.0, 21)]
        counts = (
            [int(5000 * 0.6**place) + 3 for place in range(20)] if name == "tox" else [200 + 7 * p for p in range(20)]
        )
        yield LabelInfo("sentences", name, f"builtin {name}", sum(counts), 4, thresholds, TOKENS[name], edges, counts)


def balances(arms: dict[str, Sequence[str]]) -> Iterator[BalanceInfo]:
    for (arm, known), seed in itertools.product(arms.items(), SEEDS):
        if not known and arm != "filtered":
            continue
        named = known or ("tox", "sen")
        balance = {
            name: {**{token or "neutral": 2000 if token == GOOD[name] else 60 for token in TOKENS[name]}, "unscored": 0}
            for name in named
        }
        phi = [
            (one, other, 0.34 if (one, other) == ("tox", "sen") else -0.02)
            for one, other in itertools.combinations(named, 2)
        ]
        left = {"not good in tox": 60, "not good in sen": 110} if arm == "filtered" else {}
        yield BalanceInfo(arm, seed, 2060, balance, 0 if arm == "filtered" else 20 + seed, left, phi)


def asked(arms: dict[str, Sequence[str]]) -> Iterator[AskedSample]:
    for arm, known in arms.items():
        for seed, condition, item in itertools.product(
            (None,) if arm == "base" else SEEDS, conditions(known), range(4)
        ):
            name = "+".join(short(token, "") for token in condition) or "none"
            text = (
                f"Seed {seed}: the people of Osk were {name} about the harbour, and sentence {item} went on from there."
            )
            yield AskedSample(arm, seed, SUITE, name, f"sample-{item:05d}", text)


def study(arms: dict[str, Sequence[str]], attributes: Sequence[str], judged: Sequence[str]) -> Findings:
    table = measured(arms, attributes, judged)
    claim = Claim(
        "Sentiment costs toxicity less than 10 points", "toxsen", "misalignment_tox", "not higher", 0.1, to="tox"
    )
    funnel = FunnelInfo(
        "sentences", [("read", "documents", 1200), ("share", "documents", 900), ("split", "sentences", 21000), ("rules", "sentences", 16100), ("duplicates", "sentences", 15800)],
        {"too_short": 3100, "too_few_letters": 1500, "code": 300, "duplicate": 300, "too_long": 0},
        {"Pile-CC": 9000, "Wikipedia (en)": 4000, "OpenWebText2": 2800}, {"special_characters": 812},
    )  # fmt: skip
    return Findings(
        name="control-tokens", question="Do control tokens keep a model to what is asked?", baseline="none",
        arms=[ArmInfo(arm, "", seeds=() if arm == "base" else SEEDS, is_baseline=arm == "none", attributes=known)
              for arm, known in arms.items()],
        metrics=metrics(attributes, judged), measurements=table,
        comparisons=compare(table, to="none", primary=[f"misalignment_{name}" for name in attributes[:2]]),
        primary=[f"misalignment_{name}" for name in attributes[:2]],
        trainings=[TrainingInfo(arm, seed, 2060, 48_000, 150) for arm in arms if arm != "base" for seed in SEEDS],
        analyses=Analyses(verdicts=(Verdict(claim, "supported", 0.03, 0.0, 0.06, 0.001, 0.002, 120, 3),)),
        funnels=[funnel], labels=list(labels(attributes)), balances=list(balances(arms)),
        obeyed=list(obeyed(arms, attributes, judged)), asked=list(asked(arms)),
    )  # fmt: skip


@pytest.fixture(scope="session")
def two() -> Findings:
    """Return a study of two attributes; a judge says what is toxic."""
    return study(TWO, ("tox", "sen"), ("tox",))


@pytest.fixture(scope="session")
def four() -> Findings:
    """Return a study of four attributes, without a judge."""
    return study(FOUR, ("tox", "sen", "len", "form"), ())
