"""Verbs of texts: those that fit, and the blocks that a language model is trained on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.stages.folders import Args, Facts, Inputs, rows_of, write_batches

if TYPE_CHECKING:
    from leaven.data.chat import Misfit

CARD = "card.json"
FEW = 20  # texts with a token; fewer teach little


def fit_texts(args: Args, inputs: Inputs, out: Path, tokenizer: Any, limit: int) -> Facts:
    """Texts -> those that fit ``limit`` ids with what is put around them and ``front`` control tokens.

    A text that spells a special or control token is altered so that it does not, and counted as ``neutralised``.
    """
    from leaven.data.fitting import fitting
    from leaven.data.texts_encoded import FRAME, neutraliser

    room, neutral, counts = limit - FRAME - args.get("front", 0), neutraliser(tokenizer), Counter[str]()

    def change(row: tables.Row) -> tables.Row:
        text = neutral(row["text"] or "")
        counts["neutralised"] += text != (row["text"] or "")
        return {**row, "text": text}

    def none_fits(tokens: int) -> str:
        kept = f"{limit - room} are kept for start, end, control tokens and what is to be written"
        return f"{limit} tokens (max_length, or the context) fit no text: {kept}, and the shortest text has {tokens}"

    made = fitting(
        rows_of(inputs["rows"]), lambda rows: _misfits(tokenizer, rows, room, limit), none_fits, change,
        remedy="; raise max_length, lower max_new_tokens, or take shorter texts",
    )  # fmt: skip
    facts, altered = write_batches(out, "texts", made), counts["neutralised"]
    warnings = [f"{altered} texts spelt a special or control token, and were altered"] if altered else []
    return {**facts, "neutralised": altered, "warnings": warnings}


def _misfits(tokenizer: Any, rows: list[tables.Row], room: int, limit: int) -> list[Misfit | None]:
    from leaven.data.texts_encoded import text_ids

    def misfit(text: str, length: int) -> Misfit | None:
        if not text.strip() or not length:
            return "empty", text[:80]
        return (f"longer than max_length {limit}", f"{length} tokens") if length > room else None

    lengths = map(len, text_ids(tokenizer, [row["text"] for row in rows]))
    return [misfit(row["text"], length) for row, length in zip(rows, lengths, strict=True)]


def blocks(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Texts -> blocks of ids, in an order that is the same in every arm, and the card of which tokens they need."""
    from leaven.data import front, texts_encoded
    from leaven.data.blocks import Blocks, shuffled
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    size = min(args["max_length"], context or args["max_length"])
    opening = [] if texts_encoded.start_ids(tokenizer) else front.beginning(tokenizer)
    room, counts, told = Blocks(size, args.get("packing", "group"), opening), Counter[str](), Counter[str]()
    texts = shuffled(_encoded(inputs, tokenizer, counts, told), _count(inputs), out / "shuffled")
    with tables.Writer(out / "encoded.parquet", "encoded") as writer:
        for batch in _batched({"id": name, "input_ids": ids, "labels": ids} for name, ids in room.of(texts)):
            counts["tokens"] += sum(len(row["input_ids"]) for row in batch)
            writer.write(batch)
    made = {"texts": counts["texts"], "tokens": counts["tokens"], "trained": counts["tokens"], "tokens_cut": room.cut}
    control = {token: told[token] for token in base.added_tokens if told[token]}
    card = {"needs": sorted(control), "control": control, "untagged": counts["untagged"], **made}
    (out / CARD).write_text(json.dumps({**card, "block": size}, ensure_ascii=False, indent=1), encoding="utf-8")
    return {"rows": writer.count, **made, "control": control, "untagged": counts["untagged"], "warnings": _few(control)}


def _encoded(
    inputs: Inputs, tokenizer: Any, counts: Counter[str], told: Counter[str]
) -> Iterator[tuple[str, list[int]]]:
    """Yield each text's id and ids; count texts, those without control tokens, and texts by token."""
    from leaven.data.texts_encoded import encode

    for batch in tables.batches(rows_of(inputs["rows"]), ["id", "text", "control"]):
        rows = batch.to_pylist()
        counts["texts"] += len(rows)
        for row in rows:
            told.update(set(row["control"] or ()))
            counts["untagged"] += not row["control"]
        yield from zip((row["id"] for row in rows), encode(tokenizer, rows), strict=True)


def _count(inputs: Inputs) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(rows_of(inputs["rows"])).num_rows)


def _batched(lines: Iterator[tables.Row], size: int = 1000) -> Iterator[list[tables.Row]]:
    batch: list[tables.Row] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


def _few(control: dict[str, int]) -> list[str]:
    """Say which tokens hardly any text carries."""
    return [
        f"the control token {token} stands before {count} texts alone; the model can learn little of it"
        for token, count in control.items()
        if count < FEW
    ]
