"""The verb of attacks: harmful requests -> the same requests, plain and in disguise."""

from __future__ import annotations

from pathlib import Path

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of


def attacked(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> each row under every wrapper (``args``: wrappers, seed); batch after batch."""
    from leaven.data import attacks

    table = rows_of(inputs["rows"])
    if tables.kind(table) != "examples":
        raise DataError("attacks wrap prompts, and these rows are of another kind; set a format that makes examples, "
                        "such as advbench or instructions")  # fmt: skip
    asked = 0
    with tables.Writer(out / "rows.parquet", "examples") as writer:
        for batch in tables.batches(table):
            rows = batch.to_pylist()
            asked += len(rows)
            writer.write(attacks.attacked(rows, args["wrappers"], args.get("seed", 0)))
    return {"kind": "examples", "rows_in": asked, "rows": writer.count, "drops": {}, "wrappers": args["wrappers"]}
