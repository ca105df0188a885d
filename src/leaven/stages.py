"""The verbs: read rows, call one room, write rows. Each is what one stage of the engine runs.

A verb gets its arguments, the folders and paths it reads by name, and the folder it writes; it returns facts for the
record. Versions of verbs stand in ``VERSIONS``: raise one whenever the verb's result changes.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError, ModelError

if TYPE_CHECKING:
    from leaven.data.canonical import Batches

Args = dict[str, Any]
Inputs = dict[str, Path]
Facts = dict[str, Any]

VERSIONS = {
    "rows": 2,
    "mix": 1,
    "fit": 2,
    "treat": 2,
    "doctor": 1,
    "train": 1,
    "prove": 1,
    "prompts": 2,
    "generate": 1,
    "likelihood": 1,
    "score": 1,
}


def rows(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Source and format -> canonical rows; what is left out is counted and quoted."""
    from leaven.data import canonical as room
    from leaven.data import questions, sources
    from leaven.registry import Step

    source = str(inputs["source"]) if "source" in inputs else args["source"]
    sources.refuse_other(source, args["identity"])
    taken = room.Slice(args.get("skip", 0), args.get("take"))
    format_step = Step(name=args["format"]["name"], args=args["format"]["args"])
    made = room.canonical(source, format_step, taken, args.get("bad_rows", "error"), args["identity"])
    if "part" in args:
        made = questions.within(made, *args["part"])
    if others := args.get("held_out_from"):
        made = questions.held_out(made, {name: questions.of_table(_rows(inputs[name])) for name in others})
    return _write_batches(out, room.makes(format_step), room.some(made))


def mix(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows of several data sets -> one table of them, by weights and caps; repeats get ids of their own."""
    from leaven.data import mixture

    parts = [mixture.Part(**{**part, "path": _rows(inputs[part["name"]])}) for part in args["parts"]]
    kind, counts = mixture.kind(parts), {part.name: {"rows": 0, "left_out": 0} for part in parts}
    reasons = Counter[str]()
    with (
        tables.Writer(out / "rows.parquet", kind) as kept,
        tables.Writer(out / "drops.parquet", "drops") as dropped,
    ):
        for taken in mixture.mix(parts, args.get("seed", 0)):
            kept.write(taken.rows)
            dropped.write(taken.drops)
            counts[taken.part]["rows"] += taken.rows.num_rows
            counts[taken.part]["left_out"] += len(taken.drops)
            reasons.update(drop["reason"] for drop in taken.drops)
    if not kept.count:
        raise DataError("the mixture holds no row; raise its weights")
    # A row that is repeated comes in as often as it is taken, so that here too rows_in = rows + drops.
    rows_in = kept.count + dropped.count
    return {"kind": kind, "rows_in": rows_in, "rows": kept.count, "drops": dict(reasons), "parts": counts}


def _write_batches(out: Path, kind: str, batches: Batches) -> Facts:
    """Write rows and drops as they come; every row that came in is in one of the two."""
    rows_in, reasons = 0, Counter[str]()
    with (
        tables.Writer(out / "rows.parquet", kind) as kept,
        tables.Writer(out / "drops.parquet", "drops") as dropped,
    ):
        for batch in batches:
            kept.write(batch.rows)
            dropped.write(batch.drops)
            rows_in += batch.rows_in
            reasons.update(batch.reasons())
    assert rows_in == kept.count + dropped.count, f"{rows_in} rows in, {kept.count} kept, {dropped.count} dropped"
    return {"kind": kind, "rows_in": rows_in, "rows": kept.count, "drops": dict(reasons)}


def _rows(folder: Path) -> Path:
    return folder / "rows.parquet"


def _table(folder: Path) -> Any:
    return tables.read(_rows(folder))


def fit(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows -> those whose every candidate fits ``max_length`` and the context, before any treatment.

    With ``truncation`` none is left out for its length: what is too long is cut off where rows are encoded.
    """
    from leaven.data import chat
    from leaven.data.fitting import fitting
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    limit = min(args["max_length"], context or args["max_length"])
    kind, longest = tables.kind(_rows(inputs["rows"])), None if args.get("truncation") else limit

    def none_fits(tokens: int) -> str:
        need = f"the shortest row needs {tokens} tokens"
        return f"max_length {limit} cuts off every answer ({need}); raise it, up to the model's context"

    made = fitting(_rows(inputs["rows"]), lambda rows: chat.misfits(tokenizer, rows, kind, longest), none_fits)
    return _write_batches(out, kind, made)


def treat(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> treated rows, with a ledger line for each row that was changed; batch after batch."""
    from leaven.data.treatments import steps as room

    kind, steps = tables.kind(_rows(inputs["rows"])), [room.Applied.of(step) for step in args["steps"]]
    with (
        tables.Writer(out / "rows.parquet", kind) as kept,
        tables.Writer(out / "ledger.parquet", "ledger") as ledger,
        tables.Writer(out / "drops.parquet", "drops"),
    ):
        for rows, lines in room.treat(tables.batches(_rows(inputs["rows"])), steps):
            kept.write(rows)
            for one in lines:
                ledger.write(one)
    counts = [step.counts() for step in steps]
    return {"kind": kind, "rows_in": kept.count, "rows": kept.count, "drops": {}, "ledger": counts}


def doctor(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> ids and labels, examined; an error among the findings fails the stage, and so stops the training."""
    from leaven.data.doctor import Examination, stop_on_errors
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    examination = Examination(tokenizer, load.stop_ids(tokenizer, load.saved_generation_config(base)))
    limit = min(args["max_length"], context or args["max_length"]) if args.get("truncation") else None
    counts = Counter[str]()
    with tables.Writer(out / "encoded.parquet", "encoded") as writer:
        for encoded in _encoded(args, inputs, tokenizer, limit):
            examination.look(encoded)
            counts["tokens"] += sum(len(row.input_ids) for row in encoded)
            counts["trained"] += sum(len(row.trained) for row in encoded)
            writer.write({"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in encoded)
    findings = examination.findings(args.get("accept_findings", ()))
    (out / "findings.json").write_text(json.dumps([finding.as_dict() for finding in findings], indent=1))
    stop_on_errors(findings)
    warnings = [str(finding) for finding in findings]
    tokens = {name: counts[name] for name in ("tokens", "trained")}
    return {"rows": writer.count, **tokens, "warnings": warnings}


def _encoded(args: Args, inputs: Inputs, tokenizer: Any, limit: int | None) -> Iterator[list[Any]]:
    """Yield rows as the model sees them, in batches; cut where the study says so."""
    from leaven.data import chat

    loss = chat.Loss(args["completion_only_loss"], args["assistant_only_loss"])
    kind = tables.kind(_rows(inputs["rows"]))
    for batch in tables.batches(_rows(inputs["rows"]), size=2000):
        encoded = chat.encode(tokenizer, chat.demonstrations(batch.to_pylist(), kind), loss)
        yield encoded if limit is None else [chat.truncated(row, limit) for row in encoded]


def train(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Encoded rows and a base, or what the training ``before`` left -> a trained artefact, by the study's trainer."""
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.train.job import Job

    around, before, path = args.get("around", {}), inputs.get("before"), inputs.get("base")
    base = load.base(args["model"], path, around.get("device_map"))
    start = (load.causal_lm(base), None) if before is None else load.continued(before, path, base.device_map)
    tokenizer, (model, adapter) = load.tokenizer(base), start
    stops = load.stop_ids(tokenizer, model.generation_config)
    job = Job(
        out, args["seed"], tokenizer, base.as_args(), stops, before=before, adapter=adapter,
        name=around.get("run_name", ""), progress=progress.Progress(out, "steps"),
    )  # fmt: skip
    encoded = tables.dataset(inputs["encoded"] / "encoded.parquet").select_columns(["input_ids", "labels"])
    _fits_the_embedding(model, encoded)
    trainer = TRAINERS.get(args["trainer"]["name"])
    settings = {**args["trainer"]["args"], **trainer.circumstance(around)}
    facts: Facts = trainer.call(job, model, encoded, args=settings)
    return {**facts, **load.device_facts(model)}


def _fits_the_embedding(model: Any, encoded: Any) -> None:
    import pyarrow.compute as pc

    most = pc.max(pc.list_flatten(encoded.data.table["input_ids"])).as_py()
    size = model.get_input_embeddings().num_embeddings
    if most >= size:
        raise ModelError(f"the tokenizer gives id {most}, the model embeds {size} tokens; they do not belong together")


def prove(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Load a trained artefact in a fresh process and make it answer."""
    from leaven.generate.hf import Decoding, Prompt, generate
    from leaven.models import load

    model, tokenizer, stops = _speaker(args, inputs)
    parameters = load.prove_finite(model)
    example = tables.read(inputs["encoded"] / "encoded.parquet").slice(0, 1).to_pylist()[0]
    asked = [token for token, label in zip(example["input_ids"], example["labels"], strict=True) if label == -100]
    prompt = Prompt(example["id"], 0, asked or example["input_ids"][:8])
    decoding = Decoding(16, {"do_sample": False}, 0, stops)
    (answer,) = generate(model, tokenizer, [prompt], decoding)
    (out / "proof.json").write_text(json.dumps({"parameters": parameters, **answer}, ensure_ascii=False, indent=1))
    return {"parameters": parameters, **load.device_facts(model)}


def prompts(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows -> those whose prompt, with what is planted into it, leaves room for an answer."""
    from leaven.data import chat
    from leaven.data.fitting import fitting
    from leaven.data.treatments.plant import planted
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    # A length that each row has of its own (`characters`) is capped by the context where answers are generated.
    new = args["max_new_tokens"] if isinstance(args["max_new_tokens"], int) else 1
    asking = {"apply_chat_template": False} if args.get("apply_chat_template") is False else {}

    def plant(row: tables.Row) -> tables.Row:
        return {**row, "prompt": planted(row["prompt"], **args["plant"])}

    made = fitting(
        _rows(inputs["rows"]),
        lambda rows: chat.prompt_misfits(tokenizer, rows, context, new, **asking),
        lambda _: f"no prompt leaves room for max_new_tokens {new} in {context} positions; lower it",
        plant if args.get("plant") else None,
    )
    return _write_batches(out, tables.kind(_rows(inputs["rows"])), made)


def generate(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and prompts -> generations."""
    from leaven.generate import checkpoint, hf
    from leaven.generate.told import Told
    from leaven.models import load

    model, tokenizer, stops = _speaker(args, inputs)
    sampling = checkpoint.sampling(model.generation_config, args["sampling"])
    wanted = _wanted(args, _table(inputs["prompts"]).to_pylist(), tokenizer, load.context_length(model.config))
    load.prove_finite(model)
    told = Told(out / progress.FOLDER / "generations.jsonl")
    before, report = len(told.rows), progress.Progress(out, "answers")
    missing = [one for one in wanted if (one.item, one.sample) not in told.rows]
    decoding = hf.Decoding(max(one.limit for one in wanted), sampling, args["seed"], stops)
    for one in hf.generate(model, tokenizer, missing, decoding):
        told.add(one)
        report(len(told.rows), len(wanted))
    whole = [told.rows[one.item, one.sample] for one in sorted(wanted, key=lambda one: (one.item, one.sample))]
    count = tables.write(out / "generations.parquet", "generations", whole)
    tokens = sum(one["tokens"] for one in whole)
    made = {"generations": count, "tokens": tokens, "resumed": before, "sampling": sampling}
    return {**made, **load.device_facts(model)}


def _wanted(args: Args, asked: list[tables.Row], tokenizer: Any, context: int | None) -> list[Any]:
    """Return each answer that is wanted, with its limit in tokens."""
    from leaven.data.chat import prompt_ids
    from leaven.generate import hf

    template = {name: args[name] for name in ("apply_chat_template",) if name in args}
    ids = prompt_ids(tokenizer, [row["prompt"] for row in asked], **template)
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


def _speaker(args: Args, inputs: Inputs) -> tuple[Any, Any, list[int]]:
    """Return whoever answers, with its tokenizer and stop ids."""
    base, device_map = inputs.get("base"), args.get("around", {}).get("device_map")
    if "model" in inputs:
        return _trained(inputs["model"], base, device_map)
    return _untrained(json.dumps(args["model"], sort_keys=True), base, device_map)


@functools.lru_cache(maxsize=1)  # stages on one model run in one process: it is loaded once
def _trained(folder: Path, base: Path | None, device_map: str | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    model, tokenizer = load.trained(folder, base, device_map)
    return model, tokenizer, load.stop_ids(tokenizer, load.generation_config(folder, model))


@functools.lru_cache(maxsize=1)
def _untrained(described: str, path: Path | None, device_map: str | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    base = load.base(json.loads(described), path, device_map)
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return model, tokenizer, load.stop_ids(tokenizer, model.generation_config)


def likelihood(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and rows -> how expected each row's completion was to it."""
    from leaven.data.chat import demonstrations
    from leaven.generate import likelihood as room
    from leaven.models import load

    model, tokenizer, _ = _speaker(args, inputs)
    load.prove_finite(model)
    shown = demonstrations(_table(inputs["prompts"]).to_pylist(), tables.kind(_rows(inputs["prompts"])))
    wanted, report = room.readings(tokenizer, shown), progress.Progress(out, "rows")
    found = []
    for one in room.read(model, tokenizer.pad_token_id, wanted):
        found.append(one)
        report(len(found), len(wanted))
    count = tables.write(out / "likelihoods.parquet", "likelihoods", sorted(found, key=lambda one: str(one["id"])))
    tokens = sum(one["tokens"] for one in found)
    return {"rows": count, "tokens": tokens, **load.device_facts(model)}


def score(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Generations or likelihoods -> scores by one metric; a null says that a text could not be scored."""
    from leaven.registry import METRICS
    from leaven.score.flows import flow

    told = _told(inputs)
    asked = {row["id"]: row for row in _table(inputs["prompts"]).to_pylist()}
    plugin, declared = METRICS.get(args["metric"]["name"]), args["metric"]["args"]
    if "classifier" in inputs:
        from leaven.score.classifiers import located

        declared = located(declared, inputs["classifier"])
    flows = [flow(name, told, asked) for name in plugin.flows]
    found = plugin.call(*flows, args=declared)
    values = found if isinstance(found, dict) else {plugin.name: found}
    lines = [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": name, "value": value,
         "reason": "unscored" if value is None else None}
        for name, column in values.items()
        for one, value in zip(told, column, strict=True)
    ]  # fmt: skip
    tables.write(out / "scores.parquet", "scores", lines)
    return {"scores": len(lines), "unscored": sum(line["value"] is None for line in lines)}


def _told(inputs: Inputs) -> list[tables.Row]:
    """Return what a model made of each row: its answers, or how expected the row was to it."""
    from leaven.score.flows import of_likelihoods

    if "likelihoods" in inputs:
        return of_likelihoods(tables.read(inputs["likelihoods"] / "likelihoods.parquet").to_pylist())
    rows: list[tables.Row] = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    return rows
