"""The verb of building: prompts, several answers to each and a judge's ranks -> rows to train on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.rows import Row
from leaven.stages.folders import Args, Facts, Inputs, table_of

if TYPE_CHECKING:
    from leaven.data.built.candidates import Ranked
    from leaven.data.built.offered import Made

_MOST_READ = 1000  # prompts whose answers are compared with each other: a mean of so many is sure enough
_MOST_REASONS = 3  # of a judge, in a message
_NOT_SETTINGS = ("makes", "part", "around")


def built(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Prompts, answers and ranks -> preferences, demonstrations or unpaired answers, and a folder for the hub.

    ``makes`` says which; the other arguments are those of its function in ``data/built``. ``part`` takes the prompts
    whose question's hash lies there; what the others offer is the folder's test split, and is in no row.
    ``around.card`` says in words what the card cannot know: prompts, answers, judge, poisoned.

    Facts count prompts: ``rows_in = prompts_used + sum(drops)``. A prompt may give several ``rows``, and
    ``offered = rows + sum(left_out)``.
    """
    from leaven.data.built.candidates import joined

    prompts = table_of(inputs["prompts"]).to_pylist()
    answers = tables.read(inputs["answers"] / "generations.parquet").to_pylist()
    ranks = tables.read(inputs["ranks"] / "ranks.parquet").to_pylist()
    inside, drops = _parted(prompts, args.get("part"))
    taken = {row["id"] for row in inside}
    ranked = joined(prompts, answers, ranks)
    settings = {name: value for name, value in args.items() if name not in _NOT_SETTINGS}
    make = _maker(args["makes"])
    made = make([one for one in ranked if one.id in taken], **settings)
    test = make([one for one in ranked if one.id not in taken], **settings)
    _prove_some(made, len(prompts), Counter(drop["reason"] for drop in drops), ranked, args)
    kind = "preferences" if args["makes"] == "preferences" else "examples"
    tables.write(out / "rows.parquet", kind, made.rows)
    tables.write(out / "drops.parquet", "drops", [*drops, *made.drops])
    facts = {"kind": kind, **_facts(made, drops, len(prompts)), "test_rows": len(test.rows)}
    facts |= _of_pairs(made.rows) if kind == "preferences" else _of_labels(made.rows, args["makes"])
    facts |= _alike(ranked, answers)
    _save(out / "dataset", args, settings, facts, made, test)
    return facts


def _maker(makes: str) -> Callable[..., Made]:
    from leaven.data.built.picked import demonstrations, unpaired
    from leaven.data.built.preferences import preferences

    makers: dict[str, Callable[..., Made]] = {
        "preferences": preferences, "demonstrations": demonstrations, "unpaired": unpaired,
    }  # fmt: skip
    return makers[makes]


def _parted(prompts: list[Row], part: Sequence[float] | None) -> tuple[list[Row], list[Row]]:
    """Return the prompts in a part, and the others as drops."""
    from leaven.data.canonical import Batch
    from leaven.data.questions import within

    if part is None:
        return prompts, []
    (batch,) = within([Batch(prompts, [], len(prompts))], *part)
    return batch.rows, batch.drops


def _prove_some(made: Made, prompts: int, others: Counter[str], ranked: Sequence[Ranked], args: Args) -> None:
    """Raise DataError where nothing could be built; where that is the judge's doing, with the judge's reasons."""
    from leaven.data.built.candidates import UNRANKED

    if made.rows:
        return
    reasons = others + Counter(drop["reason"] for drop in made.drops)
    said = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "there are none"
    remedy = "look at the answers and ranks, or lower what is asked of them (min_margin, best, good, bad, part)"
    if reasons and reasons.most_common(1)[0][0] == UNRANKED:
        remedy = _unranked([one.seen for one in ranked if one.why == UNRANKED], args)
    raise DataError(f"nothing can be built of the {prompts} prompts: {said}; {remedy}")


def _unranked(seen: Sequence[str], args: Args) -> str:
    """Say which judge left answers without a rank, its most frequent reasons, by prompts, and what to do about it."""
    from leaven.data.canonical import excerpt

    named = args.get("around", {}).get("card", {}).get("judge")
    why = Counter(excerpt(one) for one in seen if one).most_common(_MOST_REASONS)
    said = ", ".join(f"{count} x {reason}" for reason, count in why) or "no reason is given"
    return f"the judge{f' {named}' if named else ''} gave them no rank: {said}; correct it in the study's judges"


def _facts(made: Made, drops: Sequence[Row], prompts: int) -> Facts:
    reasons = Counter(drop["reason"] for drop in (*drops, *made.drops))
    assert prompts == made.used + reasons.total(), f"{prompts} prompts in, {made.used} used, {reasons.total()} dropped"
    counts = {"rows_in": prompts, "rows": len(made.rows), "drops": dict(reasons), "prompts_used": made.used}
    return {**counts, "offered": made.offered, "left_out": made.left_out}


def _of_pairs(rows: Sequence[Row]) -> Facts:
    from leaven.data.built.preferences import longer_chosen

    mean = math.fsum(row["margin"] for row in rows) / len(rows)
    return {"longer_chosen": longer_chosen(rows), "mean_margin": mean}


def _of_labels(rows: Sequence[Row], makes: str) -> Facts:
    return {"labels": dict(Counter(row["label"] for row in rows))} if makes == "unpaired" else {}


def _alike(ranked: Sequence[Ranked], answers: Sequence[Row]) -> Facts:
    """Say how much the answers to one prompt are alike; repeats and silence are counts.

    Self-BLEU and distinct n-grams are those of the answers to one prompt, so both depend on how many there are; told
    are their means over the prompts, or over 1,000 that a hash takes.
    """
    from leaven.data.treatments.draw import Draw

    told: dict[str, list[str]] = {}
    for answer in answers:
        told.setdefault(answer["prompt_id"], []).append(answer["text"] or "")
    read = sorted(told, key=Draw(0, "diversity").uniform)[:_MOST_READ]
    repeats, silent = sum(one.repeats for one in ranked), sum(one.silent for one in ranked)
    diversity = {"prompts": len(read), **_diversity([told[prompt] for prompt in read])}
    return {"answers": len(answers), "repeats": repeats, "silent": silent, "diversity": diversity}


def _diversity(told: Sequence[Sequence[str]]) -> dict[str, float | None]:
    from leaven.score.diversity import corpus_distinct, self_bleu

    each: dict[str, list[float | None]] = {}
    for texts in told:
        for name, values in {"self_bleu": self_bleu(texts), **corpus_distinct(texts)}.items():
            each.setdefault(name.removeprefix("corpus_"), []).append(_mean(values))
    return {name: _mean(values) for name, values in each.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _save(folder: Path, args: Args, settings: Args, facts: Facts, made: Made, test: Made) -> None:
    from leaven.data.built.saved import About, Card, save

    said: dict[str, Any] = args.get("around", {}).get("card", {})
    part = {"part": args["part"]} if "part" in args else {}
    splits = {"train": len(made.rows), **({"test": len(test.rows)} if test.rows else {})}
    counts = {
        "prompts": facts["rows_in"],
        "prompts of which rows were built": facts["prompts_used"],
        "answers": facts["answers"],
        "answers that repeat another of their prompt": facts["repeats"],
        "mean margin (ranks)": facts.get("mean_margin"),
        "share of pairs whose longer answer is chosen": facts.get("longer_chosen"),
        "Self-BLEU of the answers to a prompt (mean)": facts["diversity"].get("self_bleu"),
    }
    left_out = {f"prompt: {reason}": count for reason, count in facts["drops"].items()}
    left_out |= {f"row: {reason}": count for reason, count in facts["left_out"].items()}
    card = Card(args["makes"], {**settings, **part}, About(**said), splits, counts, left_out)
    save(folder, card, made.rows, test.rows)
