"""The verbs of retrieval: rows -> an index; prompts -> what is found for each in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.rows import Row
from leaven.stages.folders import Args, Facts, Inputs, rows_of


def retrieval(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Rows -> an index of their passages (``args``: by, passage_words, model), which is all that is read later.

    A dense index's model lies in ``inputs["model"]`` if it is a folder.
    """
    from leaven.models import retrieval as room
    from leaven.models.passages import passages
    from leaven.models.sentence_vectors import sentence_vectors

    cut = passages(_each(inputs["rows"]), _said(args, "passage_words"))
    if _said(args, "by") == "bm25":
        return room.build(cut, out)
    return room.build(cut, out, args["model"], sentence_vectors(args["model"], inputs.get("model")))


def retrieved(args: Args, inputs: Inputs, out: Path) -> Facts:
    """An index and rows -> the ``k`` best passages for each row's last question.

    ``own`` counts prompts of whose passages one is of their own row or of one that asks the same: they are kept, since
    whoever looks up finds what there is; but then retrieval may show the very answer that is the reference.
    """
    from leaven.models.retrieval import load_index

    table = rows_of(inputs["rows"])
    if "prompt" not in tables.columns(table):
        raise DataError("rag looks passages up for questions, and these rows are texts; ask prompts, or take rag out")
    index = load_index(inputs["index"], inputs.get("model"))
    k, prompts, bare, own = _said(args, "k"), 0, 0, 0
    with tables.Writer(out / "passages.parquet", "passages") as writer:
        for batch in tables.batches(table, ["id", "prompt"], size=1000):
            rows = batch.to_pylist()
            ids = [row["id"] for row in rows]
            found = index.search([row["prompt"] for row in rows], k, ids)
            prompts += len(rows)
            bare += sum(not one for one in found)
            own += sum(any(passage.own for passage in one) for one in found)
            writer.write(_lines(ids, found))
    facts = {"prompts": prompts, "passages": writer.count, "without": bare, "own": own}
    return {**facts, "warnings": list(_warnings(prompts, bare, own))}


def _said(args: Args, name: str) -> Any:
    """Return what is said of an argument of ``rag``; what equals its default is not said."""
    from leaven.registry import WRAPS

    return args[name] if name in args else WRAPS.get("rag").schema.model_fields[name].default


def _lines(ids: Sequence[str], found: Iterable[Sequence[object]]) -> Iterator[Row]:
    for row_id, passages in zip(ids, found, strict=True):
        for rank, one in enumerate(passages):
            about = vars(one)
            yield {"id": row_id, "rank": rank, "passage": about["row"], "score": about["score"], "text": about["text"]}


def _warnings(prompts: int, bare: int, own: int) -> Iterator[str]:
    if own:
        yield (f"rag finds for {own} of {prompts} prompts a passage of their own row, or of one that asks the same: it "
               "may hold the reference answer")  # fmt: skip
    if bare == prompts:
        yield f"rag finds nothing for any of the {prompts} prompts: all are asked without passages"


def _each(folder: Path) -> Iterator[Row]:
    for batch in tables.batches(rows_of(folder)):
        yield from batch.to_pylist()
