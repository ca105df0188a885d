"""Verbs of context distillation: a teacher's answers -> rows for a student who is asked bare -> ids of both views."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of

if TYPE_CHECKING:
    from leaven.data.distilled import Distillation

FILE = "distillations.parquet"
TEACHER = "teacher.parquet"
_BATCH = 2000


def distilled(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Bare ``prompts``, the ``wrapped`` ones that a teacher was asked, and its ``answers`` -> examples to learn from.

    ``rows.parquet`` has the bare prompts with the teacher's answers, ``teacher.parquet`` the prompts that the teacher
    was asked, under the same ids. ``unfinished``: answers that their limit cut off are kept.
    """
    from leaven.data.distilled import taught

    answers = tables.read(inputs["answers"] / "generations.parquet").to_pylist()
    prompts, wrapped = (table_of(inputs[name]).to_pylist() for name in ("prompts", "wrapped"))
    made = taught(prompts, wrapped, answers, unfinished=args.get("unfinished", False))
    tables.write(rows_of(out), "examples", made.rows)
    tables.write(out / TEACHER, "examples", made.asked)
    tables.write(out / "drops.parquet", "drops", made.drops)
    reasons = Counter(drop["reason"] for drop in made.drops)
    rows_in = len(made.rows) + len(made.drops)
    return {"kind": "examples", "rows_in": rows_in, "rows": len(made.rows), "drops": dict(reasons),
            "answers": len(answers)}  # fmt: skip


def distillations(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Examples and their ``teacher``'s prompts -> ids of each answer behind both, examined as the student sees them.

    ``max_length`` holds for either prompt with the answer; what is longer is left out, and counted.
    ``teacher_template``: whether the teacher was asked by the chat template, or with a text alone. An error among the
    findings fails the stage, and so stops the training.
    """
    from leaven.data import distilled as room
    from leaven.data.doctor import Examination, stop_on_errors
    from leaven.models import load

    base, asked = load.base(args["model"], inputs.get("base")), _asked(inputs)
    tokenizer, context = load.tokenizer(base), load.context_length(load.config(base))
    limit, template = min(args["max_length"], context or args["max_length"]), args.get("teacher_template", True)
    examination = Examination(tokenizer, load.stop_ids(tokenizer, load.saved_generation_config(base)))
    counts, reasons = Counter[str](), Counter[str]()
    with tables.Writer(out / FILE, "distillations") as kept, tables.Writer(out / "drops.parquet", "drops") as dropped:
        for batch in tables.batches(rows_of(inputs["rows"]), size=_BATCH):
            encoded = room.encode(tokenizer, batch.to_pylist(), asked, teacher_template=template)
            misfits = {one.id: why for one in encoded if (why := room.misfit(one, limit)) is not None}
            fits = [one for one in encoded if one.id not in misfits]
            examination.look([one.student for one in fits])
            _count(fits, counts)
            reasons.update(reason for reason, _ in misfits.values())
            kept.write(one.as_row() for one in fits)
            dropped.write({"id": name, "reason": why, "excerpt": seen} for name, (why, seen) in misfits.items())
    _prove_some(kept.count, reasons)
    findings = examination.findings(args.get("accept_findings", ()))
    (out / "findings.json").write_text(json.dumps([finding.as_dict() for finding in findings], indent=1))
    stop_on_errors(findings)
    facts = {"rows_in": kept.count + dropped.count, "rows": kept.count, "drops": dict(reasons), **counts}
    return {**facts, "warnings": [str(finding) for finding in findings]}


def _asked(inputs: Inputs) -> dict[str, list[tables.Message]]:
    """Return what the teacher was asked, by the ids of its answers."""
    if not (inputs["teacher"] / TEACHER).exists():
        raise DataError("`distill` trains on a teacher's answers, and these rows have no teacher; name data that is "
                        "`distilled`, or train on this one by `sft`")  # fmt: skip
    rows = tables.read(inputs["teacher"] / TEACHER).select(["id", "prompt"]).to_pylist()
    return {row["id"]: row["prompt"] for row in rows}


def _count(encoded: list[Distillation], counts: Counter[str]) -> None:
    counts["tokens"] += sum(len(one.prompt_ids) + len(one.completion_ids) for one in encoded)
    counts["teacher_tokens"] += sum(len(one.teacher_ids) + len(one.completion_ids) for one in encoded)
    counts["trained"] += sum(len(one.completion_ids) for one in encoded)


def _prove_some(rows: int, reasons: Mapping[str, Any]) -> None:
    if not rows:
        said = ", ".join(f"{count} x {reason}" for reason, count in reasons.items()) or "there are none"
        raise DataError(f"no answer of the teacher is left to train on: {said}; raise max_length, up to the model's "
                        "context, or shorten what the teacher is told")  # fmt: skip
