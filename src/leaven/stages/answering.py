"""Verbs of answering: a model generates, or reads what others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.controlled import added, fronted
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of
from leaven.stages.speaker import speaker


def generate(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and prompts -> generations.

    ``control``: tokens that stand in front of every prompt. They, and all by which the model's vocabulary was grown,
    are never part of an answer. ``ignore_eos``: nor is what would end one, so that each has ``max_new_tokens``.
    """
    from leaven.generate import checkpoint, hf
    from leaven.generate.told import Told
    from leaven.models import load

    model, tokenizer, stops = speaker(args, inputs)
    sampling = checkpoint.sampling(model.generation_config, args["sampling"])
    front = fronted(args, tokenizer)
    asked, context = table_of(inputs["prompts"]).to_pylist(), load.context_length(model.config)
    wanted = _wanted(args, asked, tokenizer, front, context)
    load.prove_finite(model)
    told = Told(out / progress.FOLDER / "generations.jsonl")
    before, report = len(told.rows), progress.Progress(out, "answers")
    missing = [one for one in wanted if (one.item, one.sample) not in told.rows]
    banned = sorted({*front, *added(args, inputs, tokenizer)})
    if args.get("ignore_eos"):
        banned, sampling = sorted({*banned, *stops}), {**sampling, "stop_strings": []}
    decoding = hf.Decoding(max(one.limit for one in wanted), sampling, args["seed"], stops, banned)
    for one in hf.generate(model, tokenizer, missing, decoding):
        told.add(one)
        report(len(told.rows), len(wanted))
    whole = [told.rows[one.item, one.sample] for one in sorted(wanted, key=lambda one: (one.item, one.sample))]
    count = tables.write(out / "generations.parquet", "generations", whole)
    tokens = sum(one["tokens"] for one in whole)
    made = {"generations": count, "tokens": tokens, "resumed": before, "sampling": sampling}
    return {**made, **load.device_facts(model)}


def _wanted(args: Args, asked: list[tables.Row], tokenizer: Any, control: list[int], context: int | None) -> list[Any]:
    """Return each answer that is wanted, with its limit in tokens."""
    from leaven.data import front
    from leaven.data.chat import prompt_ids
    from leaven.generate import hf

    template = {name: args[name] for name in ("apply_chat_template",) if name in args}
    bare = prompt_ids(tokenizer, [row["prompt"] for row in asked], **template)
    ids = [front.put(tokenizer, one, control, start=args.get("start", False)) for one in bare]
    samples = range(args["sampling"].get("num_return_sequences", 1))
    declared, plant = args["max_new_tokens"], args.get("plant")
    limits = [_limit(declared, row, len(one), context, plant) for row, one in zip(asked, ids, strict=True)]
    return [
        hf.Prompt(row["id"], sample, one, limit)
        for row, one, limit in zip(asked, ids, limits, strict=True)
        for sample in samples
    ]


def _limit(declared: int | str, row: tables.Row, prompt: int, context: int | None, plant: Args | None) -> int:
    """Return a row's limit: as declared, or as many tokens as its question and reference have characters.

    What was planted does not count: with it and without it an answer may be equally long.
    """
    from leaven.data.treatments.plant import bare

    if not isinstance(declared, str):
        return declared
    answer = row.get("completion") or row.get("chosen") or [{}]
    question = bare(row["prompt"], **plant) if plant else row["prompt"][-1]["content"]
    characters = len(question) + len(answer[-1].get("content", ""))
    return max(1, characters if context is None else min(characters, context - prompt))


def likelihood(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and rows -> how expected each row's completion was to it; of texts, the text.

    ``control``: tokens that stand in front of every row; ``tokens: true`` puts in front of each text its own instead.
    Tokens by which the model's vocabulary was grown are expected nowhere.
    """
    from leaven.generate import likelihood as room
    from leaven.models import load

    model, tokenizer, _ = speaker(args, inputs)
    load.prove_finite(model)
    wanted = _readings(args, inputs, tokenizer, load.context_length(model.config))
    without, report = added(args, inputs, tokenizer), progress.Progress(out, "rows")
    found = []
    for one in room.read(model, tokenizer.pad_token_id, wanted, without):
        found.append(one)
        report(len(found), len(wanted))
    count = tables.write(out / "likelihoods.parquet", "likelihoods", sorted(found, key=lambda one: str(one["id"])))
    tokens = sum(one["tokens"] for one in found)
    return {"rows": count, "tokens": tokens, **load.device_facts(model)}


def _readings(args: Args, inputs: Inputs, tokenizer: Any, context: int | None) -> list[Any]:
    """Return each row as the model reads it, with what is asked for in front."""
    from leaven.data.chat import demonstrations
    from leaven.generate import likelihood as room

    kind, rows = tables.kind(rows_of(inputs["prompts"])), table_of(inputs["prompts"]).to_pylist()
    own = args.get("tokens") == "true"
    if kind == "texts":
        texts = [{**row, "control": row["control"] if own else args.get("control")} for row in rows]
        return room.text_readings(tokenizer, texts, context)
    if own:
        raise DataError("only texts of a corpus have control tokens of their own; read these rows with `control`")
    wanted, front = room.readings(tokenizer, demonstrations(rows, kind)), fronted(args, tokenizer)
    return [room.behind(tokenizer, one, front, context) for one in wanted] if front else wanted
