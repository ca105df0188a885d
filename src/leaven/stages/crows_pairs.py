"""The verb of CrowS-Pairs: which of two sentences a model finds likelier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of
from leaven.stages.speaker import speaker


def crows_pairs(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and pairs of sentences -> the pairs as they were asked, and the scores of each."""
    from leaven.models import load
    from leaven.score import stereotype

    if tables.kind(rows_of(inputs["rows"])) != "preferences":
        raise DataError("crows_pairs reads two sentences a row, and these rows have one; set `format: crows_pairs`")
    model, tokenizer, _ = speaker(args, inputs)
    load.prove_finite(model)
    rows = table_of(inputs["rows"]).to_pylist()
    pairs = {row["id"]: (row["rejected"][-1]["content"], row["chosen"][-1]["content"]) for row in rows}
    whole, shared = _read(model, tokenizer, pairs, bos=args.get("bos", False))
    lines = [line for row in pairs for line in stereotype.scores(row, whole[row], shared[row])]
    count = tables.write(out / "rows.parquet", "preferences", table_of(inputs["rows"]))
    tables.write(out / "scores.parquet", "scores", lines)
    unscored = sum(line["value"] is None for line in lines if line["metric"] == "stereotype")
    return {"rows": count, "rows_in": count, "drops": {}, "unscored": unscored, **load.device_facts(model)}


def _read(model: Any, tokenizer: Any, pairs: dict[str, tuple[str, str]], *, bos: bool) -> tuple[Any, Any]:
    """Return both sentences' log-probabilities, whole and of what they share; of masked models these are one."""
    from leaven.generate import pairs_read as room
    from leaven.models import load

    masked = type(model).__name__.endswith("ForMaskedLM")
    why = room.unreadable(tokenizer, pairs, load.context_length(model.config), bos=bos, masked=masked)
    readable = {row: both for row, both in pairs.items() if row not in why}
    not_read: room.Found = {row: (None, None, reason) for row, reason in why.items()}
    if masked:
        found = {**not_read, **room.by_masked(model, tokenizer, readable)}
        return found, found
    causal = [room.by_causal(model, tokenizer, readable, bos=bos, shared=shared) for shared in (False, True)]
    return {**not_read, **causal[0]}, {**not_read, **causal[1]}
