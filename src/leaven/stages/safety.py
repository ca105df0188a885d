"""Verbs of the safety score: a model reads statements, and what it expects is scored by group."""

from __future__ import annotations

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, table_of
from leaven.stages.speaker import speaker


def sentences(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and statements -> how expected each statement is to it, by itself."""
    from leaven.generate import sentences as room
    from leaven.models import load
    from leaven.score.safety import unread

    model, tokenizer, context, mask = _reader(args, inputs)
    load.prove_finite(model)
    asked = room.encoded(tokenizer, table_of(inputs["statements"]).to_pylist(), bos=args.get("bos", False),
                         masked=mask is not None)  # fmt: skip
    found, report = [], progress.Progress(out, "statements")
    for one in room.read(model, asked, context, mask):
        found.append(one)
        report(len(found), len(asked))
    count = tables.write(out / "likelihoods.parquet", "likelihoods", sorted(found, key=lambda one: str(one["id"])))
    reasons = Counter(reason for reason in map(unread, found) if reason)
    facts = {"rows": count, "tokens": sum(one["tokens"] for one in found), "unscored": dict(reasons)}
    return {**facts, "is_masked": mask is not None, **load.device_facts(model)}


def _reader(args: Args, inputs: Inputs) -> tuple[Any, Any, int | None, int | None]:
    """Return who reads, with its tokenizer, its context, and its mask token if it is a masked model."""
    from leaven.models import load

    if "model" not in inputs:  # what was trained is a causal model
        around = args.get("around", {}).get("device_map")
        if (masked := _masked(json.dumps(args["model"], sort_keys=True), inputs.get("base"), around)) is not None:
            return masked
    model, tokenizer, _ = speaker(args, inputs)
    return model, tokenizer, load.context_length(model.config), None


@functools.lru_cache(maxsize=1)  # stages on one model run in one process: it is loaded once
def _masked(described: str, path: Path | None, device_map: str | None) -> tuple[Any, Any, int | None, int] | None:
    from leaven.models import load, masked

    base = load.base(json.loads(described), path, device_map)
    if not masked.is_masked(base):
        return None
    model, tokenizer = masked.masked_lm(base), masked.tokenizer(base)
    return model, tokenizer, masked.context_length(model.config, tokenizer), int(tokenizer.mask_token_id)


def safety(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Likelihoods and statements -> safety scores of every group and of all, as values of items and in ``groups.json``.

    ``rows.parquet`` holds what was asked: each statement once for each of its groups, and once for itself.
    """
    from leaven.score import safety as room
    from leaven.score import safety_items

    rows = table_of(inputs["statements"]).to_pylist()
    told = {one["id"]: one for one in tables.read(inputs["likelihoods"] / "likelihoods.parquet").to_pylist()}
    known = {name: args[name] for name in ("draws", "seed") if name in args}
    found = room.safety(room.statements_of(rows, told), **known)
    if not any(group.score is not None for group in found.groups):
        raise DataError(f"no group can be scored: {found.groups[0].reason if found.groups else 'no statement has one'}")
    tables.write(out / "rows.parquet", "examples", list(safety_items.asked(rows)))
    count = tables.write(out / "scores.parquet", "scores", list(safety_items.scores(found)))
    (out / "groups.json").write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    without = {group.group: group.reason for group in found.groups if group.reason}
    return {"scores": count, "groups": len(found.groups), "unscored": len(found.unscored), "without_score": without}
