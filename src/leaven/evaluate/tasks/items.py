"""What lm-eval logged of a task -> rows that were asked, scores, and what was chosen; one item a document."""

from __future__ import annotations

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


def _score(name: str, metric: str, value: Any, reason: str) -> Row:
    """Return one score; what is no finite number is unscored, with the reason."""
    import numpy as np

    number = float(value) if isinstance(value, int | float | np.number) and np.isfinite(value) else None
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
    from leaven.score.auc import auc, influence

    told = [(name, one) for name, one in zip(ids, read, strict=True) if one is not None and one.right is not None]
    hateful = [one.right == 1 for _, one in told]
    scores = {
        "auc": [one.nats[1] - one.nats[0] for _, one in told],
        "balanced_acc": [float(one.best("acc_norm")) for _, one in told],  # its AUC is the balanced accuracy
    }
    made = []
    for metric, values in scores.items():
        whole = auc(values, hateful)
        shares: Sequence[float | None] = [None] * len(told) if whole is None else influence(values, hateful)
        made += [_score(name, metric, value, "one label only") for (name, _), value in zip(told, shares, strict=True)]
    return made
