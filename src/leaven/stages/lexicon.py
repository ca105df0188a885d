"""The verbs of a lexicon: rows -> the words of their texts; answers -> which share of their words is not among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs, rows_of

_FILE = "words.txt"
METRIC = "unknown_words"


def lexicon(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows of data sets -> the words of all their texts, each once, in lower case, one a line (``words.txt``).

    Prompts and answers count, as a model that is trained on them reads both. Raises DataError where there is no word.
    """
    from leaven.score.rubbish import words_of

    known, counts = set[str](), dict.fromkeys(("texts", "words_read"), 0)
    for text in _texts(inputs, progress.Progress(out, "rows")):
        counts["texts"] += 1
        for parts in words_of(text):
            known.update(parts)
            counts["words_read"] += 1
    if not known:
        raise DataError(f"no word stands in the {counts['texts']} texts of the lexicon; name data with texts")
    (out / _FILE).write_text("".join(f"{word}\n" for word in sorted(known)), encoding="utf-8")
    return {**counts, "words": len(known)}


def _texts(inputs: Inputs, report: progress.Progress) -> Iterator[str]:
    from leaven.score.verbatim.texts import of_row

    done = 0
    for name in sorted(name for name in inputs if name.startswith("of.")):
        path = rows_of(inputs[name])
        kind = tables.kind(path)
        for batch in tables.batches(path):
            for row in batch.to_pylist():
                yield from of_row(row, kind)
            done += batch.num_rows
            report(done, None)


def unknown_words(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Answers and a lexicon -> which share of each answer's words has a part that is not in it; null without words."""
    known = frozenset((inputs["lexicon"] / _FILE).read_text(encoding="utf-8").split("\n"))
    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    lines = [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": METRIC, "value": value,
         "reason": "no word" if value is None else None}
        for one in told
        for value in [_share(one["text"] or "", known)]
    ]  # fmt: skip
    tables.write(out / "scores.parquet", "scores", lines)
    return {"scores": len(lines), "unscored": sum(line["value"] is None for line in lines)}


def _share(text: str, known: frozenset[str]) -> float | None:
    from leaven.score.rubbish import words_of

    found = [any(part not in known for part in parts) for parts in words_of(text)]
    return sum(found) / len(found) if found else None
