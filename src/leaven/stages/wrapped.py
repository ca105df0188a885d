"""The verb of prompt-time methods: rows -> the same rows, asked as an arm asks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.rows import Row
from leaven.stages.folders import Args, Facts, Inputs, rows_of

if TYPE_CHECKING:
    from leaven.models.rewriting import Given
    from leaven.models.wraps.wrap import Wrap


def wrapped(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> rows of the same kind and ids whose prompts are rewritten, by ``args["steps"]``.

    ``args["model"]`` is the model that will read them, if it is no server's. A step reads ``<place>.shots`` (rows) or
    ``<place>.passages``. What they hold must not become a special token of the model: it is broken up and counted
    (``neutralised``). Answers stay as they are.
    """
    from leaven.models.rewriting import conflict, rewritten, wraps_of
    from leaven.registry import Step

    table = rows_of(inputs["rows"])
    if "prompt" not in tables.columns(table):
        raise DataError("prompt-time methods rewrite prompts, and these rows are texts; ask prompts, or take the wraps "
                        "out of the arm")  # fmt: skip
    steps = [Step(name=one["name"], args=one["args"]) for one in args["steps"]]
    wraps = wraps_of(steps)
    if (problem := conflict(wraps)) is not None:
        raise DataError(problem)
    given = _given(wraps, steps, inputs, specials(args, inputs))
    kind, fewer = tables.kind(table), 0
    with tables.Writer(out / "rows.parquet", kind) as writer:
        for batch in tables.batches(table):
            rows = batch.to_pylist()
            fewer += sum(_is_short(row, given) for row in rows)
            writer.write({**row, "prompt": rewritten(wraps, row["prompt"], given, row["id"])} for row in rows)
    changed = sum(getattr(one, "changed", 0) for one in given.values())
    facts: Facts = {"kind": kind, "rows_in": writer.count, "rows": writer.count, "drops": {}, "neutralised": changed}
    return {**facts, "fewer_shots": fewer, "warnings": list(_warnings(changed, fewer, writer.count))}


def specials(args: Args, inputs: Inputs) -> list[str]:
    """Return how special tokens are spelled: those of the stage's model, or of common ones where a server answers."""
    from leaven.generate.spellings import specials as spelled
    from leaven.models import load
    from leaven.models.hostile import COMMON

    if "model" not in args:
        return list(COMMON)
    return spelled(load.tokenizer(load.base(args["model"], inputs.get("base"))))


def _given(wraps: Sequence[Wrap], steps: Sequence[Any], inputs: Inputs, spelled: Sequence[str]) -> Mapping[int, Given]:
    """Return what each method reads, by its place."""
    from leaven.models.retrieval import Kept
    from leaven.models.rewriting import declared
    from leaven.models.shots import shots

    found: dict[int, Given] = {}
    for place, (wrap, step) in enumerate(zip(wraps, steps, strict=True)):
        if wrap.retrieves:
            lines = tables.read(inputs[f"{place}.passages"] / "passages.parquet").to_pylist()
            found[place] = Kept(lines, spelled)
        elif "shots" in wrap.reads:
            how = declared(step)
            found[place] = shots(_each(inputs[f"{place}.shots"]), how.k, how.seed, spelled)
    return found


def _each(folder: Path) -> Iterator[Row]:
    table = rows_of(folder)
    if "prompt" not in tables.columns(table):
        raise DataError("few_shot shows demonstrations, and its data are texts; name data with prompts and answers")
    for batch in tables.batches(table):
        yield from batch.to_pylist()


def _is_short(row: Row, given: Mapping[int, Given]) -> bool:
    from leaven.models.shots import Shots

    return any(len(one.of(row["prompt"], row["id"])) < one.k for one in given.values() if isinstance(one, Shots))


def _warnings(changed: int, fewer: int, rows: int) -> Iterator[str]:
    if changed:
        yield f"{changed} demonstrations or passages spell special tokens of the model; they were broken up"
    if fewer:
        yield (f"{fewer} of {rows} prompts are asked behind fewer demonstrations than declared: their own are among "
               "the few there are")  # fmt: skip
