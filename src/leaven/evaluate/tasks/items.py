"""What lm-eval logged of a task -> rows that were asked, scores, and what was chosen; one item a document."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.evaluate.tasks import info
from leaven.evaluate.tasks.configs import Leaf
from leaven.evaluate.tasks.running import Ran
from leaven.rows import Row

_DIGITS = 16  # of lm-eval's hash of a document
Sample = Mapping[str, Any]


@dataclass
class Items:
    """Tables of one task or group: ``examples``, ``scores`` and, of multiple choice, ``predictions``."""

    examples: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    predictions: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Choices:
    """The choices of one document as the model read them: texts, log-likelihoods, and the place of the right one."""

    texts: Sequence[str]
    nats: Sequence[float]
    right: int | None

    def best(self, metric: str) -> int:
        """Return the choice that a metric takes: the most likely one, as it is, per character or per byte."""
        import numpy as np

        lengths = {"acc_norm": [float(len(one)) for one in self.texts],
                   "acc_bytes": [float(len(one.encode())) for one in self.texts]}  # fmt: skip
        return int(np.argmax(np.array(self.nats) / np.array(lengths.get(metric, [1.0] * len(self.texts)))))


def items(ran: Ran, task: str) -> Items:
    """Make the tables of what lm-eval logged.

    An item is ``task:hash of the document``, the same for every arm, template and number of examples; a document that
    stands there several times gets ``#2`` and on. In a group of tasks the item's group is its task.
    """
    made, grouped = Items(), [leaf.name for leaf in ran.leaves] != [task]
    for leaf in ran.leaves:
        documents = _documents(ran.samples[leaf.name])
        read = [_choices(ran.tasks[leaf.name], leaf, samples[0]) for samples in documents]
        ids = list(_ids(leaf.name, documents))
        for name, samples, choices in zip(ids, documents, read, strict=True):
            made.examples.append(_example(name, leaf.name if grouped else None, samples[0], choices))
            made.scores += _scores(name, leaf, samples)
        made.predictions += _predictions(ids, leaf, read)
        if leaf.name == info.TOXIGEN:
            made.scores += _of_toxigen(ids, read)
    return made


def _documents(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Group what was logged by document: each filter logs it once."""
    found: dict[Any, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample["doc_id"], []).append(sample)
    return list(found.values())


def _ids(task: str, documents: Sequence[Sequence[Sample]]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for samples in documents:
        name = f"{task}:{str(samples[0]['doc_hash'])[:_DIGITS]}"
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}"


def _choices(task: Any, leaf: Leaf, sample: Sample) -> Choices | None:
    """Return the choices of a document; None for tasks that have none, or whose own code reads them."""
    if leaf.config.get("output_type") != "multiple_choice":
        return None
    texts = [str(one) for one in task.doc_to_choice(sample["doc"])]
    nats = [float(one[0]) for one in sample["filtered_resps"]][: len(texts)]
    gold = task.doc_to_text(sample["doc"]) if task.multiple_input else sample["target"]
    if isinstance(gold, str):
        gold = texts.index(gold) if gold in texts else None
    place = None if gold is None or isinstance(gold, list) else int(gold)
    return Choices(texts, nats, place if place is not None and 0 <= place < len(texts) else None)


def _example(name: str, group: str | None, sample: Sample, choices: Choices | None) -> Row:
    """Return the row that was asked: the whole text the model was shown, and the right answer."""
    shown, target = str(sample["arguments"][0][0]), sample["target"]
    if choices is not None and choices.right is not None:
        right = choices.texts[choices.right]
    else:
        right = str(target[0] if isinstance(target, list) and target else target)
    return {
        "id": name, "source": name.partition(":")[0], "group": group,
        "prompt": [{"role": "user", "content": shown}], "completion": [{"role": "assistant", "content": right}],
    }  # fmt: skip


def _scores(name: str, leaf: Leaf, samples: Sequence[Sample]) -> Iterator[Row]:
    """Yield a document's value by each metric that is a mean over documents."""
    among = info.filters(leaf)
    for sample in samples:
        for metric, _ in info.means(leaf):
            if metric in sample["metrics"]:
                called = info.metric_name(metric, str(sample["filter"]), among)
                yield _score(name, called, sample[metric], "not a number")


def number_of(value: Any) -> float | None:
    """Return a value that lm-eval logged as a number; None if it is none. What is true or false counts 1 or 0."""
    import numpy as np

    return float(value) if isinstance(value, int | float | np.floating | np.integer | np.bool_) else None


def _score(name: str, metric: str, value: Any, reason: str) -> Row:
    """Return one score; what is no finite number is unscored, with the reason."""
    number = number_of(value)
    number = number if number is not None and math.isfinite(number) else None
    unscored = reason if number is None else None
    return {"row_id": name, "sample": 0, "metric": metric, "value": number, "reason": unscored}


def _predictions(ids: Sequence[str], leaf: Leaf, read: Sequence[Choices | None]) -> list[Row]:
    """Return what was chosen: the choice's text where all documents have the same choices, else its place from 1."""
    names = [name for name, _ in info.means(leaf)]
    if leaf.config.get("process_results") or "acc" not in names:
        return []
    metric = "acc_norm" if "acc_norm" in names else "acc"
    told = [(name, one) for name, one in zip(ids, read, strict=True) if one is not None and one.right is not None]
    alike = len({tuple(one.texts) for _, one in told}) == 1

    def called(one: Choices, place: int | None) -> str:
        return one.texts[place] if alike and place is not None else str(1 + (place or 0))

    if not alike and len({one.right for _, one in told}) < 2:
        return []  # the right choice stands at one place throughout: the place chosen tells nothing
    return [
        {"item_id": name, "prediction": called(one, one.best(metric)), "label": called(one, one.right)}
        for name, one in told
    ]


def _of_toxigen(ids: Sequence[str], read: Sequence[Choices | None]) -> list[Row]:
    """Return AUC and balanced accuracy as values of items, of which they are the means (``leaven.score.auc``)."""
    told = [(name, one) for name, one in zip(ids, read, strict=True) if one is not None and one.right is not None]
    ranked = [(name, one) for name, one in told if math.isfinite(_log_odds(one))]
    hateful = [one.right == 1 for _, one in ranked]
    scores = {
        "auc": [_log_odds(one) for _, one in ranked],
        "balanced_acc": [float(one.best("acc_norm")) for _, one in ranked],  # its AUC is the balanced accuracy
    }
    made = []
    for metric, values in scores.items():
        made += _shares([name for name, _ in ranked], metric, values, hateful)
        lacking = (name for name, one in told if not math.isfinite(_log_odds(one)))
        made += [_score(name, metric, None, "no finite log-odds") for name in lacking]
    return made


def _log_odds(one: Choices) -> float:
    """Return by how much Yes is likelier than No."""
    return one.nats[1] - one.nats[0]


def _shares(ids: Sequence[str], metric: str, values: Sequence[float], hateful: Sequence[bool]) -> list[Row]:
    """Return the values of items whose mean is the area under the curve; null, with a reason, where they mislead."""
    from leaven.score.auc import influence, too_few

    one_label = "one label only" if len(set(hateful)) < 2 else None
    reason = one_label or too_few(hateful, ("hateful", "benign documents"))
    shares: Sequence[float | None] = [None] * len(ids) if reason else influence(values, hateful)
    return [_score(name, metric, share, reason or "") for name, share in zip(ids, shares, strict=True)]
