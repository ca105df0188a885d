"""Train the built-in toxicity classifier on the openly licensed labelled sets, and report how it does.

    python scripts/train_classifier.py --data ../shared/data \
        --out src/leaven/score/weights/toxicity.safetensors --report docs/classifiers.md

Reproducible: no random number is drawn; which side a row falls on is decided by a hash of its near-duplicate
cluster, so that rows that all but repeat one another (within a set or across sets) stay on one side.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import save
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from leaven.score import toxicity_features
from leaven.score import toxicity_model as model

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from numpy.typing import NDArray

Labelled = tuple[str, bool, str]  # text, toxic, a group that must stay on one side ("" = none)


@dataclass(frozen=True)
class Source:
    """A set: how to read it, its licence, its origin, and the family left out with it to measure transfer.

    A *yardstick* is never trained on: for its licence, or so that no choice here was made on it.
    """

    name: str
    read: Callable[[Path], Iterable[Labelled]]
    licence: str
    origin: str
    family: str = ""
    yardstick: bool = False


@dataclass(frozen=True)
class Corpus:
    """All rows of all sets, aligned: text, label, set, near-duplicate cluster, side, hashed features."""

    text: list[str]
    toxic: NDArray[np.bool_]
    source: NDArray[np.str_]
    cluster: NDArray[np.int64]
    side: NDArray[np.str_]
    x: sp.csr_matrix


def _lines(path: Path) -> Iterator[Any]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    yield from io.StringIO(text, newline=None)


def _davidson(data: Path) -> Iterator[Labelled]:
    for row in csv.DictReader(_lines(data / "davidson_hate_speech/labeled_data.csv.gz")):
        yield row["tweet"], row["class"] != "2", ""


def _surge(data: Path) -> Iterator[Labelled]:
    for row in csv.DictReader(_lines(data / "surge_toxicity/toxicity_en.csv")):
        yield row["text"], row["is_toxic"] == "Toxic", ""


def _moderation(data: Path) -> Iterator[Labelled]:
    for line in _lines(data / "openai_moderation/samples-1680.jsonl.gz"):
        row = json.loads(line)
        flags = {flag for flag, value in row.items() if value == 1}
        if flags != {"SH"}:  # a cry for help is neither toxic nor a clean example
            yield row["prompt"], bool(flags), ""


def _hatecheck(data: Path) -> Iterator[Labelled]:
    for row in csv.DictReader(_lines(data / "hatecheck/test_suite_cases.csv")):
        yield row["test_case"], row["label_gold"] == "hateful", f"hatecheck template {row['templ_id']}"


def _safenlp(name: str) -> Callable[[Path], Iterator[Labelled]]:
    def read(data: Path) -> Iterator[Labelled]:
        for row in json.loads("".join(_lines(data / f"safenlp/{name}.json.gz"))):
            yield row["text"], row["label"] == "hate", ""

    return read


def _toxigen_prompts(data: Path) -> Iterator[Labelled]:
    seen = set()
    for path in sorted((data / "toxigen_prompts").glob("*.txt")):
        for statement in path.read_text(encoding="utf-8").replace("\\n", "\n").split("\n"):
            text = statement.strip().removeprefix("-").strip()
            if text and text not in seen:
                seen.add(text)
                yield text, path.name.startswith("hate_"), ""


def _rtp(data: Path) -> Iterator[Labelled]:
    for line in _lines(data / "rtp_challenging/challenging_rtp.jsonl"):
        row = json.loads(line)
        yield row["text"], row["score"] >= 0.5, ""


def _tweeteval(name: str) -> Callable[[Path], Iterator[Labelled]]:
    def read(data: Path) -> Iterator[Labelled]:
        folder = data / "tweeteval" / name
        labels = _lines(folder / "train_labels.txt")
        for text, label in zip(_lines(folder / "train_text.txt"), labels, strict=True):
            yield text.strip(), label.strip() == "1", ""

    return read


def _scenes(data: Path) -> Iterator[Labelled]:
    for line in _lines(data / "hellaswag/hellaswag_val.jsonl.gz"):
        row = json.loads(line)
        yield f"{row['ctx']} {row['endings'][row['label']]}", False, ""


def _philosophers(data: Path) -> Iterator[Labelled]:
    for path in sorted((data / "philosophers").glob("*.txt")):
        for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
            if len(paragraph) > 40:
                yield paragraph, False, ""


def _answers(data: Path) -> Iterator[Labelled]:
    for line in _lines(data / "orca_dpo_pairs/validation.jsonl"):
        yield "".join(turn["content"] for turn in json.loads(line)["preferred_output"]), False, ""


def _facts(data: Path) -> Iterator[Labelled]:
    for row in csv.DictReader(_lines(data / "truthfulqa/TruthfulQA.csv")):
        yield row["Best Answer"], False, ""


SOURCES = (
    Source("davidson", _davidson, "MIT", "t-davidson/hate-speech-and-offensive-language"),
    Source("surge", _surge, "MIT", "surge-ai/toxicity"),
    Source("moderation", _moderation, "MIT", "openai/moderation-api-release"),
    Source("hatecheck", _hatecheck, "CC BY 4.0", "paul-rottger/hatecheck-data"),
    Source("toxigen", _safenlp("toxiGen"), "MIT", "microsoft/SafeNLP", family="toxigen"),
    Source("implicit_hate", _safenlp("implicitHate"), "MIT", "microsoft/SafeNLP"),
    Source("rtp_challenging", _rtp, "Apache-2.0", "RealToxicityPrompts (tomekkorbak's challenging part)"),
    Source("toxigen_prompts", _toxigen_prompts, "MIT", "microsoft/TOXIGEN", family="toxigen"),
    Source("scenes", _scenes, "MIT", "rowanz/hellaswag, right endings: plain prose"),
    Source("philosophers", _philosophers, "CC0", "Standard Ebooks, Plato and Aristotle: plain prose"),
    Source("hateval", _tweeteval("hate"), "unclear: measured on only", "TweetEval hate", yardstick=True),
    Source("olid", _tweeteval("offensive"), "unclear: measured on only", "TweetEval offensive", yardstick=True),
    Source("answers", _answers, "MIT", "orca_dpo_pairs, preferred answers: plain prose", yardstick=True),
    Source("facts", _facts, "Apache-2.0", "TruthfulQA, best answers: plain prose", yardstick=True),
)
FIRST_TRIAL = {"davidson": 0.744, "surge": 0.753, "moderation": 0.767, "hatecheck": 0.539, "toxigen": 0.638}
PENALTY = 3.0  # scikit-learn's C; 1 and 3 differ by less than 0.01 in mean transfer
SET_POWER = 0.5  # a set weighs as the square root of its size: neither 750 rows nor 18,000 dominate


# ---- corpus -----------------------------------------------------------------------------------------------


def read_corpus(data: Path) -> Corpus:
    """Every set, hashed, clustered by near-duplicates (and HateCheck template) and split by cluster."""
    rows = [(*row, source.name) for source in SOURCES for row in source.read(data)]
    texts = [row[0] for row in rows]
    x = vectorise(texts)
    cluster = _clusters(x, [row[2] for row in rows])
    first_text = {c: texts[c] for c in np.unique(cluster)}
    side = np.array([_side(first_text[c]) for c in cluster])
    yardsticks = [source.name for source in SOURCES if source.yardstick]
    names = np.array([row[3] for row in rows])
    trained = np.unique(cluster[~np.isin(names, yardsticks)])
    keep = ~np.isin(names, yardsticks) | ~np.isin(cluster, trained)
    side[np.isin(names, yardsticks)] = "test"
    toxic = np.array([row[1] for row in rows])
    kept = [text for text, k in zip(texts, keep, strict=True) if k]
    return Corpus(kept, toxic[keep], names[keep], cluster[keep], side[keep], x[keep])


def vectorise(texts: list[str]) -> sp.csr_matrix:
    """Rows of unit length over the distinct buckets of each text, as the scorer sees it."""
    parts = [model.features(texts[i : i + 1000]) for i in range(0, len(texts), 1000)]
    bucket = np.concatenate([part.bucket for part in parts])
    row = np.concatenate([part.row + 1000 * i for i, part in enumerate(parts)])
    count = np.bincount(row, minlength=len(texts))
    ends = np.concatenate([[0], np.cumsum(count)])
    return sp.csr_matrix((1 / np.sqrt(count[row]), bucket, ends), shape=(len(texts), 1 << model.BITS))


def _side(text: str) -> str:
    share = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] / 256
    return "test" if share < 0.2 else "calibrate" if share < 0.3 else "train"


def _clusters(x: sp.csr_matrix, groups: list[str], bands: int = 4, width: int = 5) -> NDArray[np.int64]:
    """The first row of each row's cluster: joined by group or by an equal band of MinHashes of n-grams."""
    parent = list(range(len(groups)))
    _join(parent, [group or None for group in groups])
    filled = np.diff(x.indptr) > 0
    for band in range(bands):
        hashes = [_min_hash(x, filled, band * width + i) for i in range(width)]
        keys = zip(*(h.tolist() for h in hashes), strict=True)
        _join(parent, [key if some else None for key, some in zip(keys, filled, strict=True)])
    return np.array([_root(parent, i) for i in range(len(parent))])


def _min_hash(x: sp.csr_matrix, filled: NDArray[np.bool_], seed: int) -> NDArray[np.uint64]:
    hashes = toxicity_features.mix(x.indices.astype(np.uint64) * np.uint64(2 * seed + 1) + np.uint64(seed << 32))
    least = np.zeros(len(filled), np.uint64)
    least[filled] = np.minimum.reduceat(hashes, x.indptr[:-1][filled])
    return least


def _join(parent: list[int], keys: list[Any]) -> None:
    first: dict[Hashable, int] = {}
    for i, key in enumerate(keys):
        if key is not None:
            a, b = sorted((_root(parent, i), _root(parent, first.setdefault(key, i))))
            parent[b] = a


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


# ---- fit --------------------------------------------------------------------------------------------------


def fit(corpus: Corpus, train: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Weights and intercept of a logistic regression on features scaled by their naive-Bayes log ratio.

    The scaling (Wang and Manning 2012) is folded into the weights. What it is worth: ``docs/classifiers.md``.
    """
    x, toxic, weight = corpus.x[train], corpus.toxic[train], _row_weights(corpus, train)
    present = x.astype(bool).T
    for_, against = present @ (weight * toxic) + 1.0, present @ (weight * ~toxic) + 1.0
    ratio = np.abs(np.log(for_ / for_.sum() * against.sum() / against))
    scale: NDArray[np.float64] = ratio / ratio.mean()
    regression = LogisticRegression(C=PENALTY, max_iter=60)  # stopped early: more steps bring no transfer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(x @ sp.diags(scale), toxic, sample_weight=weight)
    weights: NDArray[np.float64] = regression.coef_[0] * scale
    return weights, float(regression.intercept_[0])


def _row_weights(corpus: Corpus, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Toxic and clean rows of a set weigh alike; plain prose only has clean ones."""
    weight = np.zeros(len(rows))
    for name in np.unique(corpus.source[rows]):
        inside = rows & (corpus.source == name)
        classes = [inside & (corpus.toxic == toxic) for toxic in np.unique(corpus.toxic[inside])]
        for members in classes:
            weight[members] = inside.sum() ** SET_POWER / 2 / members.sum()
    chosen: NDArray[np.float64] = weight[rows] / weight[rows].mean()
    return chosen


def calibrate(corpus: Corpus, weight: NDArray[np.float64], intercept: float) -> tuple[NDArray[np.float64], float]:
    """Stretch and shift the logit (Platt) on rows not trained on, so that 0.5 means even odds."""
    rows = corpus.side == "calibrate"
    logit = (corpus.x[rows] @ weight + intercept)[:, None]
    platt = LogisticRegression(C=1e6).fit(logit, corpus.toxic[rows], sample_weight=_row_weights(corpus, rows))
    slope = float(platt.coef_[0, 0])
    return weight * slope, intercept * slope + float(platt.intercept_[0])


def transfer(corpus: Corpus, name: str) -> float:
    """AUC on all rows of a set after training on the other sets, without its family and near-duplicates."""
    family = {s.name: s.family or s.name for s in SOURCES}
    out = np.array([family[s] == family[name] for s in corpus.source])
    target = corpus.source == name
    yardstick = np.isin(corpus.source, [s.name for s in SOURCES if s.yardstick])
    train = ~out & ~yardstick & ~np.isin(corpus.cluster, np.unique(corpus.cluster[target]))
    weight, _ = fit(corpus, train)
    return float(roc_auc_score(corpus.toxic[target], corpus.x[target] @ weight))


# ---- report -----------------------------------------------------------------------------------------------


def seen_sets(corpus: Corpus, probability: NDArray[np.float64], with_transfer: bool) -> Iterator[str]:
    """The table of sets that were trained on: unseen rows, and transfer."""
    yield "| set | train rows | unseen rows | AUC | precision | recall | **transfer AUC** | first trial |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in dict.fromkeys(corpus.source):
        rows = (corpus.source == name) & (corpus.side == "test")
        if len(set(corpus.toxic[rows])) < 2 or any(s.yardstick for s in SOURCES if s.name == name):
            continue
        moved = f"**{transfer(corpus, name):.3f}**" if with_transfer else "-"
        trained = ((corpus.source == name) & (corpus.side == "train")).sum()
        quality = _quality(corpus.toxic[rows], probability[rows])
        yield f"| {name} | {trained:,} | {rows.sum():,} | {quality} | {moved} | {FIRST_TRIAL.get(name, '-')} |"


def other_sets(corpus: Corpus, probability: NDArray[np.float64]) -> Iterator[str]:
    """The table of sets that were not trained on, and of plain prose."""
    yield "| set | rows | AUC | precision | recall | false alarms on clean rows |"
    yield "|---|---|---|---|---|---|"
    for name in dict.fromkeys(corpus.source):
        rows = (corpus.source == name) & (corpus.side == "test")
        both = len(set(corpus.toxic[rows])) == 2
        if both and not any(s.yardstick for s in SOURCES if s.name == name):
            continue
        alarms = (probability[rows & ~corpus.toxic] >= 0.5).mean()
        quality = _quality(corpus.toxic[rows], probability[rows]) if both else "- | - | -"
        yield f"| {name} | {rows.sum():,} | {quality} | {alarms:.1%} |"


def _quality(toxic: NDArray[np.bool_], probability: NDArray[np.float64]) -> str:
    called = probability >= 0.5
    auc = roc_auc_score(toxic, probability)
    return f"{auc:.3f} | {precision_score(toxic, called):.3f} | {recall_score(toxic, called):.3f}"


def source_table() -> Iterator[str]:
    """Every set with its licence and origin."""
    yield "| set | licence | origin | trained on |"
    yield "|---|---|---|---|"
    for s in SOURCES:
        yield f"| {s.name} | {s.licence} | {s.origin} | {'no' if s.yardstick else 'yes'} |"


def speed(texts: list[str], weights: model.Weights) -> float:
    """Texts a second of processor time."""
    start = time.process_time()
    model.probabilities(texts, weights=weights)
    return len(texts) / (time.process_time() - start)


def main() -> None:
    """Train, save, and measure the saved file through the very function users call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("src/leaven/score/weights/toxicity.safetensors"))
    parser.add_argument("--report", type=Path, help="a page whose part between the `measured` marks is replaced")
    parser.add_argument("--no-transfer", action="store_true", help="skip the leave-one-set-out fits")
    options = parser.parse_args()
    corpus = read_corpus(options.data)
    weight, intercept = calibrate(corpus, *fit(corpus, corpus.side == "train"))
    _save(options.out, weight, intercept)
    saved = model.read_weights(options.out.read_bytes())
    _report(options.report, _measure(corpus, saved, not options.no_transfer))


def _save(path: Path, weight: NDArray[np.float64], intercept: float) -> None:
    arrays: dict[str, Any] = {"weight": weight.astype(np.float16), "intercept": np.array([intercept])}
    path.parent.mkdir(parents=True, exist_ok=True)
    # One key only: safetensors writes several in no fixed order, and the file would differ from run to run.
    path.write_bytes(save(arrays, metadata={"version": str(model.VERSION)}))


def _measure(corpus: Corpus, saved: model.Weights, with_transfer: bool) -> str:
    tested = [text for text, side in zip(corpus.text, corpus.side, strict=True) if side == "test"]
    probability = np.zeros(len(corpus.text))
    probability[corpus.side == "test"] = [p or 0.0 for p in model.probabilities(tested, weights=saved)]
    tweets = [text for text, name in zip(corpus.text, corpus.source, strict=True) if name == "davidson"][:6000]
    parts = [
        "\n".join(seen_sets(corpus, probability, with_transfer)),
        "\n".join(other_sets(corpus, probability)),
    ]
    parts += ["\n".join(source_table()), f"Speed: {speed(tweets, saved):,.0f} tweets a second on one core."]
    return "\n\n".join(parts)


def _report(page: Path | None, measured: str) -> None:
    print(measured)
    if page is not None:
        before, rest = page.read_text(encoding="utf-8").split("<!-- measured -->")
        after = rest.split("<!-- /measured -->")[1]
        text = f"{before}<!-- measured -->\n{measured}\n<!-- /measured -->{after}"
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
