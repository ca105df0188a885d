"""The verb of control tokens: a model writes under every combination of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.score import control as room
from leaven.stages.controlled import added
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of
from leaven.stages.speaker import speaker

TOLD = "conditions.parquet"


def control(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and conditions -> what it writes under each, with one noise; what it was asked, and the used texts.

    ``generations.parquet`` and ``rows.parquet`` are of the condition that is ``used``, by item;
    ``conditions.parquet`` is of all, by ``item@@condition``.
    """
    from leaven.generate import conditioned, hf
    from leaven.generate.told import Told
    from leaven.models import load

    model, tokenizer, stops = speaker(args, inputs)
    items, called = _items(args, inputs), room.names(args["conditions"])
    conditions = dict(zip(called, args["conditions"], strict=True))
    samples = args["samples"] if "prompts" in inputs else 1
    place = args.get("place", "after")
    wanted = conditioned.asked(tokenizer, items, conditions, samples=samples, place=place, mark=room.MARK)
    conditioned.prove_room(wanted, args["max_new_tokens"], load.context_length(model.config))
    load.prove_finite(model)
    told = Told(out / progress.FOLDER / "generations.jsonl")
    before, report = len(told.rows), progress.Progress(out, "texts")
    sampling = {"do_sample": True, **args["sampling"]}
    banned = _banned(args, inputs, tokenizer)
    decoding = hf.Decoding(args["max_new_tokens"], sampling, args["seed"], stops, banned)
    missing = [one for one in wanted if (one.item, one.sample) not in told.rows]
    for one in hf.generate(model, tokenizer, missing, decoding):
        told.add(one)
        report(len(told.rows), len(wanted))
    whole = [told.rows[one.item, one.sample] for one in sorted(wanted, key=lambda one: (one.item, one.sample))]
    count = _written(out, items, whole, called[args["used"]])
    tokens = sum(one["tokens"] for one in whole)
    made = {"generations": count, "tokens": tokens, "resumed": before, "sampling": sampling, "banned": len(banned)}
    return {**made, "items": len(items), "samples": dict.fromkeys(called, count // len(called)),
            **load.device_facts(model)}  # fmt: skip


def _items(args: Args, inputs: Inputs) -> dict[str, str]:
    """Return by item the text that is gone on from: of each prompt, or nothing, as often as there are samples."""
    if "prompts" not in inputs:
        return {f"sample-{number:05d}": "" for number in range(args["samples"])}
    rows, is_text = table_of(inputs["prompts"]).to_pylist(), tables.kind(rows_of(inputs["prompts"])) == "texts"
    if not rows:
        raise DataError("no prompt is left to go on from; take others, or lower max_new_tokens")
    return {row["id"]: row["text"] if is_text else row["prompt"][-1]["content"] for row in rows}


def _banned(args: Args, inputs: Inputs, tokenizer: Any) -> list[int]:
    """Return the ids of all control tokens that the model knows: its vocabulary's, and those asked for."""
    from leaven.data.front import control_ids

    asked = [token for condition in args["conditions"] for token in condition]
    return sorted({*added(args, inputs, tokenizer), *control_ids(tokenizer, asked)})


def _written(out: Path, items: Mapping[str, str], whole: Sequence[tables.Row], used: str) -> int:
    """Write what was asked and told; return how many texts there are under all conditions."""
    end = f"{room.MARK}{used}"
    ours = [{**row, "prompt_id": row["prompt_id"].removesuffix(end)} for row in whole if row["prompt_id"].endswith(end)]
    asked = ({"id": item, "prompt": [{"role": "user", "content": text}]} for item, text in items.items())
    tables.write(out / "rows.parquet", "examples", asked)
    tables.write(out / "generations.parquet", "generations", ours)
    return tables.write(out / TOLD, "generations", whole)
