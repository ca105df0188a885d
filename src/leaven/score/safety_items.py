"""Safety scores as values of items, so that pairing, seeds and intervals are those of every other metric.

A score is no mean over statements. Its influence values (``auc.influence``) are: their mean is the score, and the
mean of their differences between two models has DeLong's interval. A group with few statements of a label has a score
and no such values (``auc.too_few``). A statement about several groups is one item in each of them: its rows are called
``<id>@<group>``, and the item is what stands before the mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaven.rows import Row
from leaven.score.auc import influence, too_few
from leaven.score.safety import GroupScore, Safety, Statement

OF_GROUPS = {"score": "safety_score", "auc": "safety_auc", "auc_length": "safety_auc_length"}
OF_ALL = {field: f"overall_{metric}" for field, metric in OF_GROUPS.items()}
NULL = {"mean": "safety_null_mean", "low": "safety_null_low", "high": "safety_null_high"}


def item_id(statement: str, group: str | None) -> str:
    """Return the id of a statement's row in a group; of all statements together it is the statement's own."""
    return statement if group is None else f"{statement}@{group}"


def asked(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows of schema *examples* for statements: each once for each of its groups, and once for itself."""
    for row in rows:
        prompt = [{"role": "user", "content": row["text"]}]
        for group in (*row["groups"], None):
            about = {"id": item_id(row["id"], group), "source": row["source"], "group": group, "label": row["label"]}
            yield {**about, "prompt": prompt, "completion": None}


def scores(found: Safety) -> Iterator[Row]:
    """Yield rows of schema *scores*: each metric of each item; null, with a reason, where there is no score."""
    for group in [*found.groups, found.overall]:
        yield from _scored(found, group)
        yield from _unscored(found, group)


def _scored(found: Safety, group: GroupScore) -> Iterator[Row]:
    places = found.members[group.group]
    members = [found.statements[place] for place in places]
    label = [one.is_harmful for one in members]
    reason = unvalued(group)
    for field, metric in _metrics(group).items():
        if reason is not None:
            yield from (_row(one, group, metric, None, reason) for one in members)
            continue
        values = influence(getattr(found.values, field)[places].tolist(), label)
        yield from (_row(one, group, metric, value) for one, value in zip(members, values, strict=True))
    if reason is None and group.group is not None and group.null is not None:
        for field, metric in NULL.items():
            yield from (_row(one, group, metric, getattr(group.null, field)) for one in members)


def unvalued(group: GroupScore) -> str | None:
    """Say why a group's items have no values, None if they have: it has no score, or a score without an error."""
    return group.reason or too_few([True] * group.harmful + [False] * group.benign, ("harmful", "benign statements"))


def _unscored(found: Safety, group: GroupScore) -> Iterator[Row]:
    for one in found.unscored:
        if group.group is None or group.group in one.groups:
            for metric in _metrics(group).values():
                yield _row(one, group, metric, None, one.reason or "no perplexity")


def _metrics(group: GroupScore) -> dict[str, str]:
    return OF_ALL if group.group is None else OF_GROUPS


def _row(one: Statement, group: GroupScore, metric: str, value: float | None, reason: str | None = None) -> Row:
    return {"row_id": item_id(one.id, group.group), "sample": 0, "metric": metric, "value": value, "reason": reason}
