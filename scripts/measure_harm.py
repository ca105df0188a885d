"""Measure every harm measure that works offline on OpenAI's moderation set, by the category of harm.

    python scripts/measure_harm.py ../shared/data --report docs/classifiers.md [--also NAME_OR_FOLDER ...]

A measure's AUC of a category is over the texts that people flagged for it, and those that have no flag at all; its 95 %
interval is DeLong's. The builtin classifier was trained on a part of this set: it is asked the rows that it never saw,
and beside it stands a model that was trained without the set, over all rows (*transfer*). `--also` adds classifiers
that `toxicity` takes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import train_classifier
from scipy.stats import binomtest
from threadpoolctl import threadpool_limits

from leaven.data.canonical import Slice, canonical, some
from leaven.data.moderation import CATEGORIES
from leaven.registry import METRICS, Step
from leaven.score import auc

NAMES = {
    "S": "sexual", "H": "hate", "V": "violence", "HR": "harassment", "SH": "self-harm", "S3": "sexual/minors",
    "H2": "hate/threatening", "V2": "violence/graphic",
}  # fmt: skip
ANY = "any of them"


@dataclass(frozen=True)
class Texts:
    """The set's texts with their flags; ``unseen``: builtin was not trained on it, nor on anything close to it."""

    text: list[str]
    flags: list[set[str]]
    unseen: np.ndarray


@dataclass(frozen=True)
class Measure:
    """A measure's score of each text, higher for more harm, and which rows it is asked."""

    name: str
    score: np.ndarray
    asked: np.ndarray


def read(data: Path, corpus: train_classifier.Corpus) -> Texts:
    """Read the set by Leaven's own format; rows that training left out for their kind are unseen as well."""
    made = canonical(str(data / "openai_moderation"), Step(name="openai_moderation"), Slice(), "error")
    rows = [row for batch in some(made) for row in batch.rows]
    inside = corpus.source == "moderation"
    known = {text for text, seen in zip(corpus.text, inside & (corpus.side != "test"), strict=True) if seen}
    flags = [set() if row["group"] == "none" else set(row["group"].split(",")) for row in rows]
    return Texts([row["text"] for row in rows], flags, np.array([row["text"] not in known for row in rows]))


def transfer(corpus: train_classifier.Corpus, texts: list[str]) -> np.ndarray:
    """Scores by a model of builtin's kind that was trained without the set and whatever is close to it."""
    target = corpus.source == "moderation"
    yardstick = np.isin(corpus.source, [one.name for one in train_classifier.SOURCES if one.yardstick])
    train = ~target & ~yardstick & ~np.isin(corpus.cluster, np.unique(corpus.cluster[target]))
    weight, _ = train_classifier.fit(corpus, train)
    return np.asarray(train_classifier.vectorise(texts) @ weight)


def by_metric(name: str, texts: list[str], sign: float = 1.0, **args: str) -> np.ndarray:
    """A metric's values; what is unscored says nothing of harm, and has the lowest that there is."""
    found = METRICS.get(name).call(texts, args=args)
    scored = [sign * one for one in found if one is not None]
    return np.array([min(scored) if one is None else sign * one for one in found])


def measures(corpus: train_classifier.Corpus, texts: Texts, also: Sequence[str]) -> Iterator[Measure]:
    """Yield every measure that works offline, and those that were named."""
    from leaven.score.sentiment import vader

    everything = np.ones(len(texts.text), dtype=bool)
    yield Measure("toxicity, builtin: unseen rows", by_metric("toxicity", texts.text), texts.unseen)
    yield Measure("toxicity, builtin: transfer", transfer(corpus, texts.text), everything)
    negative = np.array([vader().polarity_scores(text)["neg"] for text in texts.text])
    yield Measure("VADER, negative", negative, everything)
    yield Measure("sentiment, the other way", by_metric("sentiment", texts.text, -1.0), everything)
    yield Measure("refusal", by_metric("refusal", texts.text), everything)
    for name in also:
        yield Measure(f"toxicity, {name}", by_metric("toxicity", texts.text, classifier=name), everything)


def rows_of(texts: Texts, category: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are flagged for a category, and which have no flag at all."""
    clean = np.array([not flags for flags in texts.flags])
    return ~clean if category == ANY else np.array([category in flags for flags in texts.flags]), clean


def area(measure: Measure, texts: Texts, category: str) -> str:
    """An AUC with its interval; the number of rows where they are too few for one."""
    harmful, clean = rows_of(texts, category)
    asked = measure.asked & (harmful | clean)
    positive = harmful[asked].tolist()
    if auc.too_few(positive, ("flagged", "clean")):
        return f"({sum(positive)} rows)"
    values = np.array(auc.influence(measure.score[asked].tolist(), positive))
    half = 1.96 * math.sqrt(values.var(ddof=1) / len(values))
    return f"{values.mean():.2f} ({max(0.0, values.mean() - half):.2f}-{min(1.0, values.mean() + half):.2f})"


def areas(texts: Texts, found: Sequence[Measure]) -> Iterator[str]:
    """Rows of Markdown: a category's texts, and each measure's AUC."""
    yield f"| flagged for | texts (unseen by builtin) | {' | '.join(one.name for one in found)} |"
    yield f"|---|---|{'---|' * len(found)}"
    for category in (ANY, *CATEGORIES):
        harmful, _ = rows_of(texts, category)
        count = f"{harmful.sum()} ({(harmful & texts.unseen).sum()})"
        cells = " | ".join(area(one, texts, category) for one in found)
        yield f"| {NAMES.get(category, category)} | {count} | {cells} |"


def called(texts: Texts) -> Iterator[str]:
    """Rows of Markdown: how many texts `harmful` calls so, of those that builtin never saw; Wilson's intervals."""
    value = by_metric("harmful", texts.text) > 0
    clean = rows_of(texts, ANY)[1]
    yield "| texts that builtin never saw | called harmful | share (95 % interval) |"
    yield "|---|---|---|"
    for name, chosen in (
        ("without a flag", clean),
        *((f"flagged for {NAMES.get(one, one)}", rows_of(texts, one)[0]) for one in (ANY, *CATEGORIES)),
    ):
        rows = chosen & texts.unseen
        hits, count = int(value[rows].sum()), int(rows.sum())
        between = binomtest(hits, count).proportion_ci(method="wilson")
        yield f"| {name} | {hits} of {count} | {hits / count:.0%} ({between.low:.0%}-{between.high:.0%}) |"


def report(page: Path, measured: str) -> None:
    """Put the tables between the page's marks."""
    before, rest = page.read_text(encoding="utf-8").split("<!-- harm -->")
    after = rest.split("<!-- /harm -->")[1]
    page.write_text(f"{before}<!-- harm -->\n{measured}\n<!-- /harm -->{after}", encoding="utf-8")


def main() -> None:
    """Measure, print, and write the page's part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--also", nargs="*", default=[])
    options = parser.parse_args()
    with threadpool_limits(1):
        corpus = train_classifier.read_corpus(options.data)
        texts = read(options.data, corpus)
        found = list(measures(corpus, texts, options.also))
    measured = "\n\n".join("\n".join(part) for part in (areas(texts, found), called(texts)))
    print(measured)
    if options.report is not None:
        report(options.report, measured)


if __name__ == "__main__":
    sys.exit(main())
