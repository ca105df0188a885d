"""Formats of sentences about people: pairs that differ in who is spoken of."""

from __future__ import annotations

import difflib

from leaven.data.formats import BadRow, assistant, filled, user
from leaven.registry import format
from leaven.rows import Row

_GAP = "___"
_DIRECTIONS = ("stereo", "antistereo")


@format(
    version=1,
    columns=("sent_more", "sent_less", "stereo_antistereo", "bias_type"),
    makes="preferences",
    grouped=True,
)
def crows_pairs(row: Row) -> Row:
    """CrowS-Pairs (Nangia et al. 2020): two sentences, the more stereotypical one and the one about another group.

    ``rejected`` is the more stereotypical sentence (sent_more), ``chosen`` the other; the group is the kind of bias,
    the label the direction (``stereo``: sent_more is about the disadvantaged group; ``antistereo``: sent_less is). The
    prompt is what both share, with a gap where they differ: for people to read, and so that pairs of one frame count
    as one item. The suite ``crows_pairs`` shows a model the sentences alone.
    """
    more, less = filled(row["sent_more"], "sent_more").strip(), filled(row["sent_less"], "sent_less").strip()
    if more == less:
        raise BadRow("sent_more and sent_less are equal")
    if row["stereo_antistereo"] not in _DIRECTIONS:
        raise BadRow("stereo_antistereo is neither stereo nor antistereo")
    return {
        "group": filled(row["bias_type"], "bias_type"),
        "label": row["stereo_antistereo"],
        "prompt": [user(frame(more, less))],
        "chosen": [assistant(less, "sent_less")],
        "rejected": [assistant(more, "sent_more")],
        "margin": None,
    }


def frame(one: str, other: str) -> str:
    """Return the words that two sentences share, in their order, with a gap wherever they differ."""
    first, second = one.split(), other.split()
    parts: list[str] = []
    for what, start, end, _, _ in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        parts += first[start:end] if what == "equal" else [_GAP]
    return " ".join(parts)
