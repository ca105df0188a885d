"""The verb that makes a corpus: documents of a source -> sentences, by stated and counted rules."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages import processes
from leaven.stages.folders import Args, Facts, Inputs, rows_of

if TYPE_CHECKING:
    from leaven.data.canonical import Batches

_OF_ROWS = ("held_out_from", "length_matched_to")


def corpus(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Source, format and what the study says of the corpus -> its sentences; what is left out is counted and quoted.

    A slice, a part and ``decontaminate`` take documents; rules take sentences. As many processes work as the stage
    has cores. ``resume/`` keeps finished shards.
    """
    from leaven.data.corpus.making import Corpus
    from leaven.data.corpus.settings import Settings

    report = progress.Progress(out, "documents")
    made = Corpus(Settings.of(args["corpus"]), out / progress.FOLDER / "shards", report)
    made.shard(_documents(args, inputs), functools.partial(processes.in_order, processes=processes.cores()))
    made.report = progress.Progress(out, "sentences")
    with tables.Writer(out / "rows.parquet", "texts") as kept:
        for one in made.tables():
            kept.write(one)
    tables.write(out / "drops.parquet", "drops", made.drops)
    facts = made.facts()
    assert facts["rows_in"] == kept.count + sum(facts["drops"].values()), f"sentences went astray: {facts}"
    return facts


def _documents(args: Args, inputs: Inputs) -> Batches:
    from leaven.data import canonical as room
    from leaven.data import overlap, questions, sources
    from leaven.registry import Step

    if wrong := [name for name in _OF_ROWS if args.get(name)]:
        raise DataError(f"a corpus is made of documents, and `{wrong[0]}` compares rows; use `part` or `decontaminate`")
    source = str(inputs["source"]) if "source" in inputs else args["source"]
    sources.refuse_other(source, args["identity"])
    taken = room.Slice(args.get("skip", 0), args.get("take"), args.get("sample"), args.get("sample_seed", 0))
    format_step = Step(name=args["format"]["name"], args=args["format"]["args"])
    if (kind := room.makes(format_step)) != "texts":
        raise DataError(f"format {format_step.name} makes {kind}, and a corpus is made of texts; use `texts` or `pile`")
    bad_rows, known_as = args.get("bad_rows", "error"), args["identity"]
    made: Batches = room.canonical(source, format_step, taken, bad_rows, known_as, split=True)
    if "part" in args:
        made = questions.within(made, *args["part"])
    if wanted := args.get("decontaminate"):
        size = wanted.get("ngram", overlap.SIZE)
        known = {name: overlap.of_table(rows_of(inputs[name]), size) for name in wanted["against"]}
        made = overlap.decontaminated(made, known)
    return made
