"""The verbs of truth: labelled answers -> what people said of each; answers -> how alike these are, and so judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import progress
from leaven import rows as tables
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of

if TYPE_CHECKING:
    from leaven.score.truth import Known, Verdict

METRICS = ("false_answers", "judged", "judged_similarity")
_FILE = "answers.json"


def people_said(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows of answers that people called true or false -> these by question, and how far a judge by them is right.

    ``least``: how alike the closest labelled answer must be for a verdict; it changes the facts alone.
    """
    from leaven.score import truth

    found = truth.known(row for batch in tables.batches(rows_of(inputs["rows"])) for row in batch.to_pylist())
    told = {question: [list(each.answers), list(each.shares)] for question, each in found.items()}
    (out / _FILE).write_text(json.dumps(told, ensure_ascii=True))
    return {"agreement": truth.agreement(found, args.get("least", truth.LEAST))}


def truthful(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Answers, the bare prompts, and what people said -> scores: false or not, whether there is a verdict, how alike.

    An answer without a verdict is null in ``false_answers``, with the reason, and 0 in ``judged``; one that is not
    there is null in both.
    """
    from leaven.data.questions import asked, same

    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    questions = {row["id"]: same(asked(row["prompt"])) for row in table_of(inputs["prompts"]).to_pylist()}
    by_question: dict[str, list[tables.Row]] = {}
    for one in told:
        by_question.setdefault(questions[one["prompt_id"]], []).append(one)
    report, lines, reasons = progress.Progress(out, "answers"), list[tables.Row](), Counter[str]()
    for one, verdict in _verdicts(by_question, _known(inputs["people"]), args):
        lines += _scores(one, verdict)
        reasons[verdict.reason or "judged"] += 1
        report(reasons.total(), len(told))
    tables.write(out / "scores.parquet", "scores", lines)
    unscored = sum(line["value"] is None for line in lines)
    return {"scores": len(lines), "unscored": unscored, "answers": len(told), "verdicts": dict(sorted(reasons.items()))}


def _known(folder: Path) -> dict[str, Known]:
    from leaven.score.truth import Known

    return {question: Known(*each) for question, each in json.loads((folder / _FILE).read_text()).items()}


def _verdicts(
    by_question: dict[str, list[tables.Row]], known: dict[str, Known], args: Args
) -> Iterator[tuple[tables.Row, Verdict]]:
    from leaven.score.truth import LEAST, verdicts

    for question, told in by_question.items():
        found = verdicts(known.get(question), [one["text"] for one in told], args.get("least", LEAST))
        yield from zip(told, found, strict=True)


def _scores(one: tables.Row, verdict: Verdict) -> list[tables.Row]:
    there = one["text"] is not None
    values = {
        "false_answers": None if verdict.truth is None else float(verdict.truth < 0.5),
        "judged": float(verdict.truth is not None) if there else None,
        "judged_similarity": verdict.similarity if there else None,
    }
    assert tuple(values) == METRICS
    return [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": name, "value": value,
         "reason": verdict.reason if value is None else None}
        for name, value in values.items()
    ]  # fmt: skip
