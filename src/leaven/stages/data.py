"""Verbs of data: sources -> canonical rows -> rows that fit -> treated rows -> ids and masks, examined."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of, write_batches

if TYPE_CHECKING:
    from leaven.data.canonical import Batches
    from leaven.data.chat import Encoded
    from leaven.data.treatments.alongside import Walk
    from leaven.data.treatments.steps import Applied


def rows(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Source and format -> canonical rows; what is left out is counted and quoted."""
    from leaven.data import canonical as room
    from leaven.data import overlap, questions, sources
    from leaven.registry import Step

    source = str(inputs["source"]) if "source" in inputs else args["source"]
    sources.refuse_other(source, args["identity"])
    taken = room.Slice(args.get("skip", 0), args.get("take"), args.get("sample"), args.get("sample_seed", 0))
    format_step = Step(name=args["format"]["name"], args=args["format"]["args"])
    made = room.canonical(source, format_step, taken, args.get("bad_rows", "error"), args["identity"])
    if "part" in args:
        made = questions.within(made, *args["part"])
    if others := args.get("held_out_from"):
        made = questions.held_out(made, {name: questions.of_table(rows_of(inputs[name])) for name in others})
    if wanted := args.get("decontaminate"):
        size = wanted.get("ngram", overlap.SIZE)
        known = {name: overlap.of_table(rows_of(inputs[name]), size) for name in wanted["against"]}
        made = overlap.decontaminated(made, known)
    return _written(args, inputs, out, room.makes(format_step), room.some(made))


def _written(args: Args, inputs: Inputs, out: Path, kind: str, made: Batches) -> Facts:
    """Write the rows; where their lengths are to match other data's, those that match best."""
    from leaven.data.matching import Matching, lengths

    if (other := args.get("length_matched_to")) is None:
        return write_batches(out, kind, made)
    matching = Matching(other, lengths(rows_of(inputs[other])), args.get("sample_seed", 0))
    facts = write_batches(out, kind, matching.pass_through(made, out / "candidates.parquet", kind))
    return {**facts, "matched": matching.facts, "warnings": matching.warnings}


def mix(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows of several data sets -> one table of them, by weights and caps; repeats get ids of their own."""
    from leaven.data import mixture

    parts = [mixture.Part(**{**part, "path": rows_of(inputs[part["name"]])}) for part in args["parts"]]
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


def fit(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows -> those whose every candidate fits ``max_length`` and the context, before any treatment.

    With ``truncation`` none is left out for its length: what is too long is cut off where rows are encoded; but where
    the loss is that of answers alone (``answered``), those whose prompt leaves no room for one are. With ``pairs`` a
    row is as long as its prompt, cut to ``max_prompt_length``, and its longer answer. A text of a corpus is as long as
    it will be with ``front`` control tokens before it.
    """
    from leaven.data import chat
    from leaven.data.fitting import fitting
    from leaven.models import load
    from leaven.stages.texts import fit_texts

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    limit = min(args["max_length"], context or args["max_length"])
    if tables.kind(rows_of(inputs["rows"])) == "texts":
        return fit_texts(args, inputs, out, tokenizer, limit)
    if args.get("pairs"):
        return _fit_pairs(args, inputs, out, tokenizer, limit)
    kind, longest = tables.kind(rows_of(inputs["rows"])), None if args.get("truncation") else limit

    def none_fits(tokens: int) -> str:
        need = f"the shortest row needs {tokens} tokens"
        return f"max_length {limit} cuts off every answer ({need}); raise it, up to the model's context"

    def misfits(rows: list[tables.Row]) -> list[chat.Misfit | None]:
        found = chat.misfits(tokenizer, rows, kind, longest)
        cut = chat.unanswered(tokenizer, rows, limit) if args.get("answered") else [None] * len(rows)
        return [one or other for one, other in zip(found, cut, strict=True)]

    return write_batches(out, kind, fitting(rows_of(inputs["rows"]), misfits, none_fits))


def _fit_pairs(args: Args, inputs: Inputs, out: Path, tokenizer: Any, limit: int) -> Facts:
    from leaven.data import pairs
    from leaven.data.fitting import fitting

    _prove_preferences(inputs)
    prompt = args.get("max_prompt_length")

    def none_fits(tokens: int) -> str:
        need = f"the shortest needs {tokens} tokens, its prompt and longer answer"
        return f"max_length {limit} is shorter than every pair ({need}); raise it, or set a lower max_prompt_length"

    made = fitting(
        rows_of(inputs["rows"]),
        lambda rows: pairs.misfits(tokenizer, rows, limit, prompt),
        none_fits,
        remedy="; a preference needs two answers that differ and fit: look at the data set, or raise max_length",
    )
    return write_batches(out, "preferences", made)


def _prove_preferences(inputs: Inputs) -> None:
    if tables.kind(rows_of(inputs["rows"])) != "preferences":
        raise DataError(
            "this training reads preferences (two answers to a prompt), and the data set has demonstrations; name a "
            "data set of preferences, or train on this one by `sft`"
        )


def treat(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> treated rows, with a ledger line for each row that was changed; batch after batch.

    Steps on labelled texts read ``labels.<attribute>``; of the rows that one leaves out, some are quoted.
    """
    from leaven.data.treatments import steps as room

    kind, steps = tables.kind(rows_of(inputs["rows"])), [room.Applied.of(step) for step in args["steps"]]
    with (
        tables.Writer(out / "rows.parquet", kind) as kept,
        tables.Writer(out / "ledger.parquet", "ledger") as ledger,
        tables.Writer(out / "drops.parquet", "drops") as dropped,
    ):
        for rows, lines in room.treat(tables.batches(rows_of(inputs["rows"])), steps, _labels(kind, steps, inputs)):
            kept.write(rows)
            for one in lines:
                ledger.write(one)
        counts, left_out = [step.counts() for step in steps], sum((step.left_out for step in steps), Counter[str]())
        dropped.write(line for step in steps for line in step.quoted)
    facts = {"kind": kind, "rows_in": kept.count + left_out.total(), "rows": kept.count, "drops": dict(left_out)}
    labelled = [step for step in steps if step.labelled]
    if not labelled:
        return {**facts, "ledger": counts}
    warnings = [warning for step in labelled for warning in step.warnings()]
    return {**facts, "ledger": counts, "control": [step.labels() for step in labelled], "warnings": warnings}


def _labels(kind: str, steps: Sequence[Applied], inputs: Inputs) -> dict[str, Walk]:
    """Open the labels of all attributes that the steps read."""
    from leaven.data.treatments.alongside import walks

    attributes = {one.name: one for step in steps for one in step.attributes}
    if kind != "texts" and (name := next((step.draw.step for step in steps if step.labelled), None)):
        raise DataError(f"{name} treats the texts of a corpus, and the data set has prompts and answers; leave it out")
    files = {name: inputs[f"labels.{name}"] / "labels.parquet" for name in attributes}
    return walks(list(attributes.values()), files)


def prompts(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Canonical rows -> those whose prompt, with what is planted into it, leaves room for an answer.

    ``front``: how many control tokens may come to stand in front of a prompt, in any arm: so all are asked the same.
    ``systems``: system prompts each of which it may be asked with.
    """
    from leaven.data import chat
    from leaven.data.fitting import fitting
    from leaven.data.treatments.plant import planted
    from leaven.models import load
    from leaven.stages.sampling import asked_with

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    # A length that each row has of its own (`characters`) is capped by the context where answers are generated.
    new = args["max_new_tokens"] if isinstance(args["max_new_tokens"], int) else 1
    limit = context and context - (args["front"] + 1 if args.get("front") else 0)
    asking = {"apply_chat_template": False} if args.get("apply_chat_template") is False else {}

    def plant(row: tables.Row) -> tables.Row:
        return {**row, "prompt": planted(row["prompt"], **args["plant"])}

    def misfits(rows: list[tables.Row]) -> list[chat.Misfit | None]:
        systems = args.get("systems") or [None]
        ways = ([{**row, "prompt": asked_with(row["prompt"], system)} for row in rows] for system in systems)
        found = [chat.prompt_misfits(tokenizer, way, limit, new, **asking) for way in ways]
        return [next(filter(None, each), None) for each in zip(*found, strict=True)]

    made = fitting(
        rows_of(inputs["rows"]),
        misfits,
        lambda _: f"no prompt leaves room for max_new_tokens {new} in {limit} positions; lower it",
        plant if args.get("plant") else None,
    )
    return write_batches(out, tables.kind(rows_of(inputs["rows"])), made)


def doctor(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> ids and labels, examined; an error among the findings fails the stage, and so stops the training."""
    from leaven.data.doctor import Examination, stop_on_errors
    from leaven.data.doctor.dump import ROWS
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    examination = Examination(tokenizer, load.stop_ids(tokenizer, load.saved_generation_config(base)))
    limit = min(args["max_length"], context or args["max_length"]) if args.get("truncation") else None
    counts = Counter[str]()
    shown: list[Encoded] = []
    with tables.Writer(out / "encoded.parquet", "encoded") as writer:
        for encoded in _encoded(args, inputs, tokenizer, limit):
            examination.look(encoded)
            shown += encoded[: ROWS - len(shown)]
            counts["tokens"] += sum(len(row.input_ids) for row in encoded)
            counts["trained"] += sum(len(row.trained) for row in encoded)
            writer.write({"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in encoded)
    findings = examination.findings(args.get("accept_findings", ()))
    (out / "findings.json").write_text(json.dumps([finding.as_dict() for finding in findings], indent=1))
    _write_dump(out, tokenizer, shown)
    stop_on_errors(findings)
    warnings = [str(finding) for finding in findings]
    tokens = {name: counts[name] for name in ("tokens", "trained")}
    return {"rows": writer.count, **tokens, "warnings": warnings}


def pairs(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Preferences -> ids of prompts and both answers, examined; an error among the findings fails the stage.

    Prompts longer than ``max_prompt_length`` are cut from the left, and counted; pairs whose answers a treatment made
    equal are counted. A pair that it made longer than the model's context is an error. ``makes``: "reward" where a
    reward model is trained on the pairs: it never reads the pad token, so no text may end in it.
    """
    from leaven.data import pairs as room
    from leaven.data.doctor import Examination, equal_answers, prompts_cut, stop_on_errors
    from leaven.data.doctor.dump import ROWS
    from leaven.models import load

    _prove_preferences(inputs)
    base, most = load.base(args["model"], inputs.get("base")), args.get("max_prompt_length")
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    stops, pooled = load.stop_ids(tokenizer, load.saved_generation_config(base)), args.get("makes") == "reward"
    examination = Examination(tokenizer, stops, "answers", pooled=pooled)
    counts = Counter[str]()
    shown: list[Encoded] = []
    with tables.Writer(out / "pairs.parquet", "pairs") as writer:
        for batch in tables.batches(rows_of(inputs["rows"]), size=2000):
            encoded = room.encode(tokenizer, batch.to_pylist(), most)
            room.prove_within(encoded, context)
            examination.look([one for pair in encoded for one in pair.both])
            shown += [one for pair in encoded[: ROWS - len(shown)] for one in pair.both][: ROWS - len(shown)]
            counts["tokens"] += sum(len(one.input_ids) for pair in encoded for one in pair.both)
            counts["trained"] += sum(len(one.trained) for pair in encoded for one in pair.both)
            counts["prompts_cut"] += sum(pair.cut for pair in encoded)
            counts["equal"] += sum(pair.equal for pair in encoded)
            writer.write(pair.as_row() for pair in encoded)
    findings = [
        *examination.findings(args.get("accept_findings", ())),
        *prompts_cut(counts["prompts_cut"], writer.count, most or 0),
        *equal_answers(counts["equal"], writer.count),
    ]
    (out / "findings.json").write_text(json.dumps([finding.as_dict() for finding in findings], indent=1))
    _write_dump(out, tokenizer, shown)
    stop_on_errors(findings)
    tokens = {name: counts[name] for name in ("tokens", "trained", "prompts_cut")}
    return {"rows": writer.count, **tokens, "warnings": [str(finding) for finding in findings]}


def _write_dump(out: Path, tokenizer: Any, shown: Sequence[Encoded]) -> None:
    """Write the first rows token by token, for the report."""
    from leaven.data.doctor.dump import DUMP, dumped

    told = [one.as_dict() for one in dumped(tokenizer, shown)]
    (out / DUMP).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def _encoded(args: Args, inputs: Inputs, tokenizer: Any, limit: int | None) -> Iterator[list[Any]]:
    """Yield rows as the model sees them, in batches; cut where the study says so."""
    from leaven.data import chat

    loss = chat.Loss(args["completion_only_loss"], args["assistant_only_loss"])
    kind = tables.kind(rows_of(inputs["rows"]))
    for batch in tables.batches(rows_of(inputs["rows"]), size=2000):
        encoded = chat.encode(tokenizer, chat.demonstrations(batch.to_pylist(), kind), loss)
        yield encoded if limit is None else [chat.truncated(row, limit) for row in encoded]
