"""The verb of prompts that are answered in training: rows -> ids by the chat template."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of


def asked_ids(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Demonstrations or preferences -> the ids of their prompts, with the messages: what `rl` asks and rewards read.

    Those that leave no room for ``args["max_new_tokens"]`` new tokens, or hold a special token, are left out
    and counted. Raises DataError if none is left.
    """
    from leaven.data import chat
    from leaven.data.fitting import fitting
    from leaven.models import load

    if tables.kind(rows_of(inputs["rows"])) == "texts":
        raise DataError("rl asks prompts, and these rows are texts; name demonstrations or preferences")
    base, new = load.base(args["model"], inputs.get("base")), int(args["max_new_tokens"])
    tokenizer, limit = load.tokenizer(base), load.context_length(load.config(base))
    made, drops, rows_in = list[tables.Row](), list[tables.Row](), 0
    for batch in fitting(
        rows_of(inputs["rows"]),
        lambda rows: chat.prompt_misfits(tokenizer, rows, limit, new),
        lambda _: f"no prompt leaves room for max_completion_length {new} in {limit} positions; lower it",
    ):
        ids = chat.prompt_ids(tokenizer, [row["prompt"] for row in batch.rows])
        pairs = zip(batch.rows, ids, strict=True)
        made += [{"id": row["id"], "prompt": row["prompt"], "prompt_ids": each} for row, each in pairs]
        drops, rows_in = drops + batch.drops, rows_in + batch.rows_in
    return _written(out, made, drops, rows_in)


def _written(out: Path, made: list[Any], drops: list[Any], rows_in: int) -> Facts:
    tables.write(out / "asked.parquet", "asked", made)
    tables.write(out / "drops.parquet", "drops", drops)
    reasons = dict(Counter(drop["reason"] for drop in drops))
    said = [f"{count} of {rows_in} prompts are not asked: {reason}" for reason, count in reasons.items()]
    tokens = sum(len(row["prompt_ids"]) for row in made)
    return {"rows_in": rows_in, "rows": len(made), "drops": reasons, "tokens": tokens, "warnings": said}
