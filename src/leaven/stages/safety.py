"""Verbs of the safety score: a model reads statements, and what it expects is scored by group."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError, ModelError
from leaven.stages.controlled import added, fronted
from leaven.stages.folders import Args, Facts, Inputs, table_of
from leaven.stages.reader import reader

_DROPS = "drops.parquet"


def sentences(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and statements -> how expected each statement is to it, by itself.

    Texts that spell a special token are not read: they stand in ``drops.parquet``, and count as unscored. ``control``:
    tokens that stand in front of every statement.
    """
    from leaven.generate import sentences as room
    from leaven.models import load
    from leaven.score.safety import unread

    model, tokenizer, context, mask = reader(args, inputs)
    load.prove_finite(model)
    rows = table_of(inputs["statements"]).to_pylist()
    why = room.unreadable(tokenizer, rows)
    readable = [row for row in rows if row["id"] not in why]
    front, masked = fronted(args, tokenizer), mask is not None
    if masked and front:
        raise ModelError("a masked model was not trained with control tokens; ask it with none in front")
    asked = room.encoded(tokenizer, readable, bos=args.get("bos", False), masked=masked, front=front)
    found, report = [], progress.Progress(out, "statements")
    without = [] if masked else added(args, inputs, tokenizer)
    for one in room.read(model, asked, context, mask, without):
        found.append(one)
        report(len(found), len(asked))
    count = tables.write(out / "likelihoods.parquet", "likelihoods", sorted(found, key=lambda one: str(one["id"])))
    tables.write(out / _DROPS, "drops", [{"id": row, "reason": reason} for row, reason in why.items()])
    reasons = Counter([*filter(None, map(unread, found)), *why.values()])
    facts = {"rows": count, "tokens": sum(one["tokens"] for one in found), "unscored": dict(reasons)}
    return {**facts, "is_masked": masked, **load.device_facts(model)}


def safety(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Likelihoods and statements -> safety scores of every group and of all, as values of items and in ``groups.json``.

    ``rows.parquet`` holds what was asked: each statement once for each of its groups, and once for itself. A group with
    few statements of a label has its score in ``groups.json`` alone.
    """
    from leaven.score import safety as room
    from leaven.score import safety_items

    rows = table_of(inputs["statements"]).to_pylist()
    told = {one["id"]: one for one in tables.read(inputs["likelihoods"] / "likelihoods.parquet").to_pylist()}
    why = {one["id"]: one["reason"] for one in tables.read(inputs["likelihoods"] / _DROPS).to_pylist()}
    known = {name: args[name] for name in ("draws", "seed") if name in args}
    found = room.safety(room.statements_of(rows, told, why), **known)
    if not any(group.score is not None for group in found.groups):
        raise DataError(f"no group can be scored: {found.groups[0].reason if found.groups else 'no statement has one'}")
    tables.write(out / "rows.parquet", "examples", list(safety_items.asked(rows)))
    count = tables.write(out / "scores.parquet", "scores", list(safety_items.scores(found)))
    (out / "groups.json").write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    without = {group.group: reason for group in found.groups if (reason := safety_items.unvalued(group))}
    told_of = {"groups": len(found.groups), "unscored": len(found.unscored), "without_values": without}
    return {"rows": len(rows), "scores": count, **told_of}
