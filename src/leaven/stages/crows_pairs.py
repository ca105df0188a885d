"""The verb of CrowS-Pairs: which of two sentences a model finds likelier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.errors import DataError, ModelError
from leaven.stages.controlled import added, fronted
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of
from leaven.stages.reader import reader


def crows_pairs(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and pairs of sentences -> the pairs as they were asked, and the scores of each.

    ``control``: tokens that stand in front of both sentences.
    """
    from leaven.generate import pairs_read
    from leaven.models import load
    from leaven.score import stereotype

    if tables.kind(rows_of(inputs["rows"])) != "preferences":
        raise DataError("crows_pairs reads two sentences a row, and these rows have one; set `format: crows_pairs`")
    model, tokenizer, context, mask = reader(args, inputs)
    load.prove_finite(model)
    rows = table_of(inputs["rows"]).to_pylist()
    pairs = {row["id"]: (row["rejected"][-1]["content"], row["chosen"][-1]["content"]) for row in rows}
    bos, masked, front = args.get("bos", False), mask is not None, fronted(args, tokenizer)
    if masked and front:
        raise ModelError("a masked model was not trained with control tokens; ask it with none in front")
    why = pairs_read.unreadable(tokenizer, pairs, context, bos=bos, masked=masked, front=len(front))
    how = {} if masked else {"bos": bos, "front": front, "without": added(args, inputs, tokenizer)}
    whole, shared = _read(model, tokenizer, pairs, why, how, masked=masked)
    lines = [line for row in pairs for line in stereotype.scores(row, whole[row], shared[row])]
    count = tables.write(out / "rows.parquet", "preferences", table_of(inputs["rows"]))
    tables.write(out / "scores.parquet", "scores", lines)
    unscored = sum(line["value"] is None for line in lines if line["metric"] == "stereotype")
    facts = {"rows": count, "rows_in": count, "drops": {}, "unscored": unscored, "is_masked": masked}
    return {**facts, **load.device_facts(model)}


def _read(
    model: Any, tokenizer: Any, pairs: dict[str, tuple[str, str]], why: dict[str, str], how: Args, *, masked: bool
) -> tuple[Any, Any]:
    """Return both sentences' log-probabilities, whole and of what they share; of masked models these are one."""
    from leaven.generate import pairs_read as room

    readable = {row: both for row, both in pairs.items() if row not in why}
    not_read: room.Found = {row: (None, None, reason) for row, reason in why.items()}
    if masked:
        found = {**not_read, **room.by_masked(model, tokenizer, readable)}
        return found, found
    causal = [room.by_causal(model, tokenizer, readable, shared=shared, **how) for shared in (False, True)]
    return {**not_read, **causal[0]}, {**not_read, **causal[1]}
