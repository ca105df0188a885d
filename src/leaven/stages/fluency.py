"""The verb of fluency: how expected what was written is to the base before any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.stages.controlled import added
from leaven.stages.folders import Args, Facts, Inputs, table_of
from leaven.stages.speaker import speaker

METRIC = "fluency"
_TOO_LONG, _EMPTY = "longer than the model's context", "empty"


def fluency(args: Args, inputs: Inputs, out: Path) -> Facts:
    """What ``control`` made and a base -> bits per byte of each used text under it, given the prompt if there was one.

    Texts stand behind the BOS (the EOS without one). Control tokens that the base's vocabulary was grown by are not
    expected anywhere.
    """
    from leaven.generate import likelihood as room
    from leaven.models import load

    model, tokenizer, _ = speaker(args, inputs)
    load.prove_finite(model)
    prompts = {row["id"]: row["prompt"][-1]["content"] for row in table_of(inputs["generations"]).to_pylist()}
    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    wanted = _readings(tokenizer, told, prompts)
    context, report = load.context_length(model.config), progress.Progress(out, "texts")
    readable = [one for one in wanted if one.counted and (context is None or len(one.ids) <= context)]
    found = {}
    for one in room.read(model, tokenizer.pad_token_id, readable, added(args, inputs, tokenizer)):
        found[one["id"]] = one
        report(len(found), len(readable))
    lines = [_line(row, reading, found.get(reading.id)) for row, reading in zip(told, wanted, strict=True)]
    count = tables.write(out / "scores.parquet", "scores", lines)
    unscored, tokens = sum(line["value"] is None for line in lines), sum(one["tokens"] for one in found.values())
    return {"scores": count, "unscored": unscored, "tokens": tokens, **load.device_facts(model)}


def _readings(tokenizer: Any, told: Sequence[tables.Row], prompts: Mapping[str, str]) -> list[Any]:
    """Encode each text behind its prompt; what the prompt's ids do not begin is the text's own."""
    from leaven.data import texts_encoded
    from leaven.data.front import beginning
    from leaven.generate.likelihood import Reading

    start, asked = beginning(tokenizer), [prompts[row["prompt_id"]].rstrip() for row in told]
    joined = [f"{prompt} {row['text']}" if prompt else row["text"] for prompt, row in zip(asked, told, strict=True)]
    before, whole = (texts_encoded.text_ids(tokenizer, texts) for texts in (asked, joined))
    made = []
    for row, front, ids in zip(told, before, whole, strict=True):
        shared = next((at for at, (a, b) in enumerate(zip(front, ids, strict=False)) if a != b), len(front))
        counted = list(range(len(start) + shared, len(start) + len(ids))) if row["text"] else []
        name = f"{row['prompt_id']}\x1f{row['sample']}"
        made.append(Reading(name, [*start, *ids], counted, len(row["text"].encode())))
    return made


def _line(row: tables.Row, reading: Any, found: tables.Row | None) -> tables.Row:
    from leaven.score.perplexity import bits_per_byte

    value = None if found is None else bits_per_byte([found["nats"]], [found["bytes"]])[0]
    reason = None if value is not None else _EMPTY if not reading.counted else _TOO_LONG
    return {"row_id": row["prompt_id"], "sample": row["sample"], "metric": METRIC, "value": value, "reason": reason}
