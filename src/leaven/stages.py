"""The verbs: read rows, call one room, write rows. Each is what one stage of the engine runs.

A verb gets its arguments, the folders and paths it reads by name, and the folder it writes; it returns facts for the
record. Versions of verbs stand in ``VERSIONS``: raise one whenever the verb's result changes.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError, ModelError

Args = dict[str, Any]
Inputs = dict[str, Path]
Facts = dict[str, Any]

VERSIONS = {
    "rows": 1,
    "fit": 1,
    "treat": 1,
    "doctor": 1,
    "train": 1,
    "prove": 1,
    "prompts": 1,
    "generate": 1,
    "score": 1,
}


def rows(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Source and format -> canonical rows; what is left out is counted and quoted."""
    from leaven.data import canonical as room
    from leaven.data.sources import identity
    from leaven.registry import Step

    source = str(inputs["source"]) if "source" in inputs else args["source"]
    if identity(source) != args["identity"]:
        raise DataError(f"{source} was edited after the study began; run the study again")
    part = room.Slice(args.get("skip", 0), args.get("take"))
    format_step = Step(name=args["format"]["name"], args=args["format"]["args"])
    made = room.canonical(source, format_step, part, args.get("bad_rows", "error"), args["identity"])
    others = {name: _table(inputs[name])["prompt"].to_pylist() for name in args.get("held_out_from", [])}
    kept = room.held_out(made, others) if others else made
    return _write_rows(out, kept.kind, kept.rows, kept.drops, kept.rows_in)


def _write_rows(out: Path, kind: str, kept: Any, drops: list[tables.Row], rows_in: int) -> Facts:
    count = tables.write(out / "rows.parquet", kind, kept)
    tables.write(out / "drops.parquet", "drops", drops)
    reasons: dict[str, int] = {}
    for drop in drops:
        reasons[drop["reason"]] = reasons.get(drop["reason"], 0) + 1
    assert rows_in == count + len(drops), f"{rows_in} rows in, {count} kept and {len(drops)} dropped"
    return {"kind": kind, "rows_in": rows_in, "rows": count, "drops": reasons}


def _table(folder: Path) -> Any:
    return tables.read(folder / "rows.parquet")


def _kind(folder: Path) -> str:
    return "preferences" if "chosen" in _table(folder).column_names else "examples"


def fit(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows -> those whose every candidate fits ``max_length`` and the context, before any treatment."""
    from leaven.data import chat
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    context = load.context_length(load.config(base))
    limit = min(args["max_length"], context or args["max_length"])
    kind, all_rows = _kind(inputs["rows"]), _table(inputs["rows"]).to_pylist()
    return _write_fitting(out, kind, all_rows, chat.misfits(load.tokenizer(base), all_rows, kind, limit))


def _write_fitting(out: Path, kind: str, all_rows: list[tables.Row], misfits: list[tuple[str, str] | None]) -> Facts:
    pairs = list(zip(all_rows, misfits, strict=True))
    kept = [row for row, misfit in pairs if misfit is None]
    drops = [{"id": row["id"], "reason": misfit[0], "excerpt": misfit[1]} for row, misfit in pairs if misfit]
    if not kept:
        raise DataError(f"none of the {len(all_rows)} rows can be used: {drops[0]['reason']}")
    return _write_rows(out, kind, kept, drops, len(all_rows))


def treat(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> treated rows, with a ledger line for each row that was changed."""
    from leaven.data.treatments.draw import Draw, ledger
    from leaven.registry import TREATMENTS

    kind, now = _kind(inputs["rows"]), tables.dataset(inputs["rows"] / "rows.parquet")
    lines, counts = [], []
    for step in args["steps"]:
        label = step.get("label", step["name"])
        treated = TREATMENTS.get(step["name"]).call(now, Draw(step["seed"], label), args=step["args"])
        if not treated.eligible:
            raise DataError(f"{label}: no row can be treated (ties and equal answers cannot); it would test nothing")
        changed = list(ledger(now, treated.rows, label))
        lines += changed
        counts.append({"step": label, "rows": len(now), "eligible": treated.eligible, "changed": len(changed)})
        now = treated.rows
    tables.write(out / "ledger.parquet", "ledger", lines)
    return {**_write_rows(out, kind, now.data.table, [], len(now)), "ledger": counts}


def doctor(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> ids and labels, examined; an error among the findings fails the stage, and so stops the training."""
    from leaven.data import chat
    from leaven.data.doctor import examine, stop_on_errors
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer = load.tokenizer(base)
    loss = chat.Loss(args["completion_only_loss"], args["assistant_only_loss"])
    shown = chat.demonstrations(_table(inputs["rows"]).to_pylist(), _kind(inputs["rows"]))
    encoded = chat.encode(tokenizer, shown, loss)
    stops = load.stop_ids(tokenizer, load.saved_generation_config(base))
    findings = examine(tokenizer, encoded, stops)
    (out / "findings.json").write_text(json.dumps([finding.as_dict() for finding in findings], indent=1))
    stop_on_errors(findings)
    kept = ({"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in encoded)
    count = tables.write(out / "encoded.parquet", "encoded", kept)
    trained = sum(len(row.trained) for row in encoded)
    warnings = [str(finding) for finding in findings]
    return {"rows": count, "tokens": sum(len(r.input_ids) for r in encoded), "trained": trained, "warnings": warnings}


def train(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Encoded rows and a base -> a trained artefact, by the trainer that the study names."""
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.train.job import Job

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, model = load.tokenizer(base), load.causal_lm(base)
    stops = load.stop_ids(tokenizer, model.generation_config)
    job = Job(out, args["seed"], tokenizer, base.as_args(), stops, progress.Progress(out, "steps"))
    encoded = tables.dataset(inputs["encoded"] / "encoded.parquet").select_columns(["input_ids", "labels"])
    _fits_the_embedding(model, encoded)
    facts: Facts = TRAINERS.get(args["trainer"]["name"]).call(job, model, encoded, args=args["trainer"]["args"])
    return {**facts, **load.device_facts(model)}


def _fits_the_embedding(model: Any, encoded: Any) -> None:
    most, size = max(max(row) for row in encoded["input_ids"]), model.get_input_embeddings().num_embeddings
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
    """Canonical rows -> those whose prompt leaves room for an answer in the model's context."""
    from leaven.data import chat
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    context = load.context_length(load.config(base))
    kind, all_rows = _kind(inputs["rows"]), _table(inputs["rows"]).to_pylist()
    misfits = chat.prompt_misfits(load.tokenizer(base), all_rows, context, args["max_new_tokens"])
    return _write_fitting(out, kind, all_rows, misfits)


def generate(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and prompts -> generations."""
    from leaven.data.chat import prompt_ids
    from leaven.generate import hf
    from leaven.generate.told import Told
    from leaven.models import load

    model, tokenizer, stops = _speaker(args, inputs)
    asked = _table(inputs["prompts"]).to_pylist()
    ids = prompt_ids(tokenizer, [row["prompt"] for row in asked])
    wanted = [
        hf.Prompt(row["id"], sample, tokens)
        for row, tokens in zip(asked, ids, strict=True)
        for sample in range(args["sampling"].get("num_return_sequences", 1))
    ]
    load.prove_finite(model)
    told = Told(out / progress.FOLDER / "generations.jsonl")
    before, report = len(told.rows), progress.Progress(out, "answers")
    missing = [one for one in wanted if (one.item, one.sample) not in told.rows]
    decoding = hf.Decoding(args["max_new_tokens"], args["sampling"], args["seed"], stops)
    for one in hf.generate(model, tokenizer, missing, decoding):
        told.add(one)
        report(len(told.rows), len(wanted))
    whole = [told.rows[one.item, one.sample] for one in sorted(wanted, key=lambda one: (one.item, one.sample))]
    count = tables.write(out / "generations.parquet", "generations", whole)
    tokens = sum(one["tokens"] for one in whole)
    return {"generations": count, "tokens": tokens, "resumed": before, **load.device_facts(model)}


def _speaker(args: Args, inputs: Inputs) -> tuple[Any, Any, list[int]]:
    """Return whoever answers, with its tokenizer and stop ids."""
    base = inputs.get("base")
    if "model" in inputs:
        return _trained(inputs["model"], base)
    return _untrained(json.dumps(args["model"], sort_keys=True), base)


@functools.lru_cache(maxsize=1)  # stages on one model run in one process: it is loaded once
def _trained(folder: Path, base: Path | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    model, tokenizer = load.trained(folder, base)
    return model, tokenizer, load.stop_ids(tokenizer, load.generation_config(folder, model))


@functools.lru_cache(maxsize=1)
def _untrained(described: str, path: Path | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    base = load.base(json.loads(described), path)
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return model, tokenizer, load.stop_ids(tokenizer, model.generation_config)


def score(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Generations -> scores by one metric; a null says that a text could not be scored."""
    from leaven.registry import METRICS

    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    asked = {row["id"]: row for row in _table(inputs["prompts"]).to_pylist()}
    plugin = METRICS.get(args["metric"]["name"])
    flows = [_flow(name, told, asked) for name in plugin.flows]
    found = plugin.call(*flows, args=args["metric"]["args"])
    values = found if isinstance(found, dict) else {plugin.name: found}
    lines = [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": name, "value": value,
         "reason": "unscored" if value is None else None}
        for name, column in values.items()
        for one, value in zip(told, column, strict=True)
    ]  # fmt: skip
    tables.write(out / "scores.parquet", "scores", lines)
    return {"scores": len(lines), "unscored": sum(line["value"] is None for line in lines)}


def _flow(name: str, told: list[tables.Row], asked: dict[str, tables.Row]) -> list[Any]:
    """Return what a metric reads, by the name of its parameter."""
    if name == "texts":
        return [one["text"] for one in told]
    if name == "finish_reasons":
        return [one["finish_reason"] for one in told]
    rows_asked = [asked[one["prompt_id"]] for one in told]
    if name == "prompts":
        return [row["prompt"][-1]["content"] for row in rows_asked]
    assert name == "references", f"a metric asks for '{name}'; what flows is texts, prompts, references, finish_reasons"
    return [(row.get("completion") or row.get("chosen") or [{}])[-1].get("content") for row in rows_asked]
