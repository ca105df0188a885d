"""The verbs of regurgitation: rows -> an index of their texts; answers -> their longest spans in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven import rows as tables
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of

if TYPE_CHECKING:
    from leaven.score.verbatim.spans import Span, Spans

METRICS = ("regurgitated", "regurgitated_excess", "longest_span", "regurgitated_slice", "regurgitated_held_out")
_EXCERPT = 2000  # characters of a span that are shown
_UNSAID = "no answer"


def indexed(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Training rows (``of.0``, ...) and held-out rows (``held_out.0``, ...) -> an index of their texts on the disk.

    ``seed`` draws the slices that are equally large. Facts say how many texts and bytes each part has, how many texts
    there were twice, and how many held-out ones stood in the training data as well and were taken out.
    """
    from leaven.score.verbatim import index

    report = progress.Progress(out, "texts")
    of, held_out = (_texts(inputs, role, report) for role in ("of", "held_out"))
    return index.build(out / "index", of, held_out, seed=args.get("seed", 0))


def _texts(inputs: Inputs, role: str, report: progress.Progress) -> Iterator[tuple[str, str]]:
    from leaven.score.verbatim.texts import of_row

    names = sorted(
        (name for name in inputs if name.partition(".")[0] == role), key=lambda name: int(name[len(role) + 1 :])
    )
    done = 0
    for name in names:
        path = rows_of(inputs[name])
        kind = tables.kind(path)
        for batch in tables.batches(path):
            for row in batch.to_pylist():
                yield from ((row["id"], text) for text in of_row(row, kind))
            done += batch.num_rows
            report(done, None)


def regurgitated(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Answers, the prompts that the model read, and an index -> scores, and the longest span of each answer.

    ``span`` is how many tokens in a row count, of ``tokenizer``: "words", or what names one (its place is the input
    ``tokenizer`` if it is local). An answer that is too short scores 0; one that is not there is null.
    """
    from leaven.score.verbatim.index import Index
    from leaven.score.verbatim.spans import longest
    from leaven.score.verbatim.tokens import counting

    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    asked = {row["id"]: _contents(row) for row in table_of(inputs["prompts"]).to_pylist()}
    said, report = [one for one in told if one["text"] is not None], progress.Progress(out, "answers")
    index, count = Index(inputs["index"] / "index"), counting(args["tokenizer"], inputs.get("tokenizer"))
    found: dict[tuple[str, int], Spans] = {}
    answers, prompts = [one["text"] for one in said], [asked[one["prompt_id"]] for one in said]
    for one, spans in zip(said, longest(index, count, answers, prompts), strict=True):
        found[one["prompt_id"], one["sample"]] = spans
        report(len(found), len(said))
    lines = [line for one in told for line in _scores(one, found.get((one["prompt_id"], one["sample"])), args["span"])]
    tables.write(out / "scores.parquet", "scores", lines)
    tables.write(out / "spans.parquet", "spans", [row for (item, sample), spans in found.items()
                                                  for row in _spans(item, sample, spans)])  # fmt: skip
    unscored = sum(line["value"] is None for line in lines)
    return {"scores": len(lines), "unscored": unscored, "answers": len(told), "index": index.about}


def _contents(row: tables.Row) -> Sequence[str]:
    return [message["content"] or "" for message in row["prompt"]]


def _scores(one: tables.Row, spans: Spans | None, least: int) -> list[tables.Row]:
    values = dict.fromkeys(METRICS) if spans is None else _values(spans, least)
    reason = _UNSAID if spans is None else None
    return [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": name, "value": value, "reason": reason}
        for name, value in values.items()
    ]


def _values(spans: Spans, least: int) -> dict[str, Any]:
    """Return what is measured of an answer: whether its longest spans are long enough, and how long the longest is."""
    held = {part: float(span.tokens >= least) for part, span in spans.items()}
    made = {
        "regurgitated": max(held["slice"], held["rest"]),
        "regurgitated_excess": held["slice"] - held["held_out"],
        "longest_span": float(_of(spans).tokens),
        "regurgitated_slice": held["slice"],
        "regurgitated_held_out": held["held_out"],
    }
    assert tuple(made) == METRICS
    return made


def _of(spans: Spans) -> Span:
    """Return the longest span in all of the training data."""
    return max(spans["slice"], spans["rest"], key=lambda span: span.tokens)


def _spans(item: str, sample: int, spans: Spans) -> Iterator[tables.Row]:
    """Yield an answer's longest span in the training data, and its longest in the held-out text, where there is one."""
    for where, span in (("of", _of(spans)), ("held_out", spans["held_out"])):
        if span.tokens:
            cut = span.excerpt if len(span.excerpt) <= _EXCERPT else f"{span.excerpt[:_EXCERPT]}\u2026"
            yield {"id": item, "sample": sample, "where": where, "tokens": span.tokens, "source": span.source,
                   "excerpt": cut}  # fmt: skip
