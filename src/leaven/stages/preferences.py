"""Verbs of preferences: the pairs that are asked about, and which answer of each a model prefers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages import speaker
from leaven.stages.controlled import added, fronted
from leaven.stages.folders import Args, Facts, Inputs, rows_of, table_of, write_batches

if TYPE_CHECKING:
    from leaven.data.canonical import Batch


def asked_pairs(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Preferences -> those with two different answers of which one was preferred, grouped by length or by source."""
    from leaven.data import canonical
    from leaven.score import preference_groups as room

    path, by = rows_of(inputs["rows"]), args.get("by")
    if tables.kind(path) != "preferences":
        raise DataError("preference accuracy needs two answers to a prompt, and these rows have one; name preferences")
    facts = write_batches(out, "preferences", canonical.some(room.asked_pairs(_batches(path), by)))
    if by == "group" and not any(table_of(out).column("group").to_pylist()):
        raise DataError("no row says which group it belongs to; write `by: length_difference`, or another format")
    return facts


def _batches(path: Path) -> Iterator[Batch]:
    from leaven.data.canonical import Batch

    for batch in tables.batches(path):
        yield Batch(batch.to_pylist(), [], batch.num_rows)


def verdicts(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and preferences -> its verdict on each: rewards, or log-probabilities of both answers.

    ``control``: tokens that stand in front of every conversation.
    """
    from leaven.generate import preference as room
    from leaven.models import load

    model, tokenizer, is_reward = speaker.judge(args, inputs)
    load.prove_finite(model)
    front = fronted(args, tokenizer)
    rows, report, told = table_of(inputs["prompts"]).to_pylist(), progress.Progress(out, "answers"), []
    if is_reward:
        reading = room.rewards(model, room.conversations(tokenizer, rows, front))
    else:
        reading = room.log_probabilities(model, tokenizer, rows, front, added(args, inputs, tokenizer))
    for one in reading:
        told.append(one)
        report(len(told), len(rows) * len(room.SIDES))
    made = room.verdicts(rows, told)
    count = tables.write(out / "verdicts.parquet", "verdicts", made)
    unscored = sum(one["chosen"] is None or one["rejected"] is None for one in made)
    judged = "rewards" if is_reward else "log-probabilities"
    return {"rows": count, "unscored": unscored, "judged_by": judged, **load.device_facts(model)}
