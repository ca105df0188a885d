"""What each prompt offers, and what is left once repeats are out: every row and every prompt is accounted for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from leaven.data.built.candidates import Ranked
from leaven.data.canonical import excerpt
from leaven.rows import Message, Row


@dataclass
class Offer:
    """A row that could be built, and why it is not, if so."""

    row: Row
    why: str | None = None


@dataclass
class Offers:
    """All that one prompt offers; ``why`` it offers nothing."""

    of: Ranked
    each: list[Offer] = field(default_factory=list)
    why: str | None = None


@dataclass(frozen=True)
class Made:
    """Rows of one kind, and what was left out: prompts (``drops``, a row each) and rows (``left_out``, by reason).

    ``prompts = used + len(drops)``, and ``offered = len(rows) + sum(left_out.values())``.
    """

    rows: list[Row]
    drops: list[Row]
    left_out: dict[str, int]
    prompts: int
    used: int

    @property
    def offered(self) -> int:
        """How many rows could have been built."""
        return len(self.rows) + sum(self.left_out.values())


def without_duplicates(offers: Sequence[Offers], columns: Sequence[str]) -> None:
    """Leave out rows that say in all columns what an earlier one says."""
    seen = set[bytes]()
    for offer in (one for each in offers for one in each.each if one.why is None):
        text = json.dumps([offer.row[column] for column in columns], sort_keys=True)
        said = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if said in seen:
            offer.why = "exact duplicate of another row"
        seen.add(said)


def collected(offers: Sequence[Offers]) -> Made:
    """Return the rows that are left, and what is left out; a prompt without a row has most of its rows' reason."""
    rows, drops, left_out, used = [], [], Counter[str](), 0
    for one in offers:
        kept = [offer.row for offer in one.each if offer.why is None]
        reasons = Counter(offer.why for offer in one.each if offer.why is not None)
        rows += kept
        left_out.update(reasons)
        used += bool(kept)
        if not kept:
            why = one.why or reasons.most_common(1)[0][0]
            drops.append({"id": one.of.id, "reason": why, "excerpt": excerpt(one.of.seen or _asked(one.of))})
    return Made(rows, drops, dict(left_out), len(offers), used)


def about(one: Ranked, *samples: int) -> Row:
    """Return what every row that is built of a prompt has: an id of its own, and where the prompt is from.

    The samples are marked, since a mixture marks repeated rows by ``#`` and a bare number.
    """
    said = "-".join(f"s{sample}" for sample in samples)
    known = {name: one.row.get(name) for name in ("source", "group", "label")}
    return {"id": f"{one.id}#{said}", **known, "prompt": _plain(one.row["prompt"])}


def _plain(turns: Sequence[Message]) -> list[Message]:
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _asked(one: Ranked) -> str:
    return str(one.row["prompt"][-1]["content"])
