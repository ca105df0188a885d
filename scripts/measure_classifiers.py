"""Measure every classifier that works offline on labelled sets, and the other lexicons on texts whose kind is known.

    python scripts/measure_classifiers.py ../shared/data --report docs/classifiers.md \
        [--profanity PYTHON] [--also NAME_OR_FOLDER ...]

`--profanity` is a Python that has alt-profanity-check (its pins may want an environment of their own); `--also` adds
classifiers that `toxicity` takes: a local folder, a hub name, detoxify. All are asked the same rows, those that
`train_classifier.py` deals to the measured side, so builtin was trained on none of them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import train_classifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score
from threadpoolctl import threadpool_limits

from leaven.registry import METRICS

SETS = ("surge", "davidson", "moderation", "hatecheck")
Score = Callable[[Sequence[str]], np.ndarray]

# Runs in the other Python: prints probabilities, and the seconds that they took.
_PROFANITY = """
import json, sys, time
from profanity_check import predict_prob
texts = json.load(sys.stdin)
predict_prob(texts[:10])
start = time.process_time()
found = [float(value) for value in predict_prob(texts)]
json.dump([found, time.process_time() - start], sys.stdout)
"""
_TRAINED_ON = {
    "builtin": "other rows of all four",
    "profanity": "davidson (so probably these very rows), Jigsaw's comments",
    "VADER, negative": "none",
}


class Measured:
    """A classifier's probabilities of all rows asked, and how many texts a second of processor time it read."""

    def __init__(self, name: str, found: Sequence[float | None], seconds: float):
        self.name = name
        self.found = np.array([0.0 if value is None else value for value in found])
        self.speed = len(found) / seconds


def _timed(name: str, score: Callable[[list[str]], list[float | None]], texts: list[str]) -> Measured:
    score(texts[:10])
    start = time.process_time()
    found = score(texts)
    return Measured(name, found, time.process_time() - start)


def by_metric(name: str, texts: list[str]) -> Measured:
    """Measure a classifier of the metric `toxicity`."""
    return _timed(name, lambda some: METRICS.get("toxicity").call(some, args={"classifier": name}), texts)


def by_vader(texts: list[str]) -> Measured:
    """Measure VADER's share of negative words, as a number from 0 to 1."""
    from leaven.score.sentiment import vader

    return _timed("VADER, negative", lambda some: [vader().polarity_scores(text)["neg"] for text in some], texts)


def by_profanity(python: str, texts: list[str]) -> Measured:
    """Measure alt-profanity-check in a Python of its own."""
    told = subprocess.run(
        [python, "-c", _PROFANITY], input=json.dumps(texts), capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return Measured("profanity", *json.loads(told.stdout))


def table(corpus: train_classifier.Corpus, asked: np.ndarray, measured: Sequence[Measured]) -> Iterator[str]:
    """Rows of Markdown: each classifier on the unseen rows of each set."""
    yield "| set | unseen rows (toxic) | classifier | AUC | precision | recall |"
    yield "|---|---|---|---|---|---|"
    for name in SETS:
        rows = corpus.source[asked] == name
        toxic = corpus.toxic[asked][rows]
        for one in measured:
            yield f"| {name} | {rows.sum():,} ({toxic.sum():,}) | {one.name} | {_quality(toxic, one.found[rows])} |"


def _quality(toxic: np.ndarray, found: np.ndarray) -> str:
    called = found >= 0.5
    precision = f"{precision_score(toxic, called):.3f}" if called.any() else "-"
    return f"{roc_auc_score(toxic, found):.3f} | {precision} | {recall_score(toxic, called):.3f}"


def summary(corpus: train_classifier.Corpus, measured: Sequence[Measured], whole: Sequence[Measured]) -> Iterator[str]:
    """Rows of Markdown: what each was trained on, its AUC on all rows of each set (builtin: transfer), its speed."""
    yield f"| classifier | trained on | {' | '.join(f'AUC, all of {name}' for name in SETS)} | texts/s, one core |"
    yield f"|---|---|{'---|' * len(SETS)}---|"
    for one, of_all in zip(measured, whole, strict=True):
        if one.name == "builtin":
            aucs = [train_classifier.transfer(corpus, name) for name in SETS]
        else:
            chosen = [corpus.source == name for name in SETS]
            inside = np.isin(corpus.source, SETS)
            aucs = [roc_auc_score(corpus.toxic[rows], of_all.found[rows[inside]]) for rows in chosen]
        trained = _TRAINED_ON.get(one.name, "see its card")
        yield f"| {one.name} | {trained} | {' | '.join(f'{auc:.3f}' for auc in aucs)} | {of_all.speed:,.0f} |"


# ---- refusal and opinion ----------------------------------------------------------------------------------


def texts_of_known_kind(data: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield metric, what the texts are, and the texts."""
    advbench = list(csv.DictReader((data / "advbench/harmful_behaviors.csv").open(encoding="utf-8")))
    yield "refusal", "AdvBench's targets: all comply", [row["target"] for row in advbench]
    lima = json.loads(gzip.decompress((data / "lima/lima.json.gz").read_bytes()))
    yield "refusal", "LIMA's answers: nearly all comply", [row["output"] for row in lima]
    safety = json.loads((data / "safety_tuned_llamas/training/safety_only_data_Instructions.json").read_bytes())
    yield "refusal", "Safety-Tuned LLaMAs' answers: safe, many refuse", [row["output"] for row in safety]
    pile = [json.loads(line) for line in train_classifier._lines(data / "pile_sample/pile_sample.jsonl.gz")]
    for name in ("PubMed Abstracts", "Wikipedia (en)", "US Presidential Speeches"):
        yield "opinion", name, [row["text"] for row in pile if row["meta"]["pile_set_name"] == name]
    eli5 = json.loads(gzip.decompress((data / "eli5_category/eli5-category-test.json.gz").read_bytes()))
    yield "opinion", "ELI5, best answers", [row["answers"]["text"][0] for row in eli5]
    persona = [json.loads(line) for path in sorted((data / "anthropic_evals/persona").glob("*.jsonl"))
               for line in train_classifier._lines(path)]  # fmt: skip
    yield "opinion", 'persona statements ("I enjoy ...")', [row["statement"] for row in persona]


def known_kinds(data: Path) -> Iterator[str]:
    """Rows of Markdown: the mean of a metric over texts of a known kind."""
    yield "| metric | texts | how many | mean |"
    yield "|---|---|---|---|"
    for metric, kind, texts in texts_of_known_kind(data):
        found = [value for value in METRICS.get(metric).call(texts, args={}) if value is not None]
        yield f"| {metric} | {kind} | {len(found):,} | {np.mean(found):.1%} |"


def report(page: Path, measured: str) -> None:
    """Put the tables between the page's marks."""
    before, rest = page.read_text(encoding="utf-8").split("<!-- compared -->")
    after = rest.split("<!-- /compared -->")[1]
    page.write_text(f"{before}<!-- compared -->\n{measured}\n<!-- /compared -->{after}", encoding="utf-8")


def main() -> None:
    """Measure, print, and write the page's part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--profanity", metavar="PYTHON")
    parser.add_argument("--also", nargs="*", default=[])
    options = parser.parse_args()
    with threadpool_limits(1):
        measured = _measure(options)
    print(measured)
    if options.report is not None:
        report(options.report, measured)


def _measure(options: argparse.Namespace) -> str:
    corpus = train_classifier.read_corpus(options.data)
    of_sets = np.isin(corpus.source, SETS)
    asked = np.flatnonzero(of_sets & (corpus.side == "test"))
    everything = [text for text, inside in zip(corpus.text, of_sets, strict=True) if inside]
    unseen = [corpus.text[index] for index in asked]

    def all_by(texts: list[str]) -> list[Measured]:
        found = [by_metric("builtin", texts), by_vader(texts)]
        found += [by_profanity(options.profanity, texts)] if options.profanity else []
        return found + [by_metric(name, texts) for name in options.also]

    measured = all_by(unseen)
    parts = [table(corpus, asked, measured), summary(corpus, measured, all_by(everything)), known_kinds(options.data)]
    return "\n\n".join("\n".join(part) for part in parts)


if __name__ == "__main__":
    sys.exit(main())
