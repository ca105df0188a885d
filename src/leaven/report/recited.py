"""What was repeated word for word, as rows: the longest span of each arm, with the row that it stands in."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.findings import RecitedInfo
from leaven.report.listings import NOTHING, Table
from leaven.report.text import clip

_MOST = 30
_NOTE = "The longest span of each arm over its seeds, where it is long enough to count; the row is one it stands in."


def recited_table(recited: Sequence[RecitedInfo]) -> Table | None:
    """Return one line per arm and suite, the longest span first."""
    heads = ["arm", "suite", "seed", "tokens", "asked", "stands in", "the text"]
    rows = [
        [one.arm, one.suite, NOTHING if one.seed is None else str(one.seed), numbers.count(one.tokens),
         clip(one.prompt, 40), clip(one.source, 60), clip(one.excerpt, 300)]
        for one in recited[:_MOST]
    ]  # fmt: skip
    return Table(heads, rows, frozenset({2, 3}), _NOTE) if rows else None
