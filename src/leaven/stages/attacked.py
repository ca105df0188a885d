"""The verb of attacks: harmful requests -> the same requests, plain and in disguise."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of


def attacked(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> each row under every wrapper that changes it (``args``: wrappers, seed); batch after batch.

    ``unchanged`` counts by wrapper the rows that it would have left as they are, which are not asked under it.
    """
    from leaven.data import attacks

    table = rows_of(inputs["rows"])
    if tables.kind(table) != "examples":
        raise DataError("attacks wrap prompts, and these rows are of another kind; set a format that makes examples, "
                        "such as advbench or instructions")  # fmt: skip
    asked, made = 0, Counter[str]()
    with tables.Writer(out / "rows.parquet", "examples") as writer:
        for batch in tables.batches(table):
            rows = batch.to_pylist()
            asked += len(rows)
            wrapped = attacks.attacked(rows, args["wrappers"], args.get("seed", 0))
            made.update(row["group"] for row in wrapped)
            writer.write(wrapped)
    unchanged = {name: asked - made[name] for name in args["wrappers"] if made[name] < asked}
    return {"kind": "examples", "rows_in": asked, "rows": writer.count, "drops": {}, "wrappers": args["wrappers"],
            "unchanged": unchanged}  # fmt: skip
