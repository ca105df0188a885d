"""The format of OpenAI's moderation evaluation set: texts that people flagged, by category."""

from __future__ import annotations

from typing import Any, Literal

from leaven.data.formats import BadRow, Skipped, filled, seen
from leaven.registry import format
from leaven.rows import Row

# Sexual, hate, violence, harassment, self-harm, sexual/minors, hate/threatening, violence/graphic.
CATEGORIES = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")

Category = Literal["any", "S", "H", "V", "HR", "SH", "S3", "H2", "V2"]


_ALSO = tuple(("prompt", name) for name in CATEGORIES)  # most rows have some of the flags alone


@format(version=1, columns=("prompt", *CATEGORIES), also=_ALSO, makes="texts")
def openai_moderation(row: Row, *, category: Category = "any") -> Row:
    """Texts of OpenAI's moderation set (Markov et al. 2023); label is harmful or clean, group the categories flagged.

    Eight flags: S sexual, H hate, V violence, HR harassment, SH self-harm, S3 sexual/minors, H2 hate/threatening, V2
    violence/graphic; absent or null where nobody looked. ``category`` labels by one of them, and leaves out rows that
    nobody looked at for it. ``any`` calls a text clean that has no flag, as far as anybody looked.
    """
    flags = {name: _flag(row.get(name), name) for name in CATEGORIES}
    flagged = [name for name in CATEGORIES if flags[name]]
    if category != "any" and flags[category] is None:
        raise Skipped(f"nobody looked for {category}")
    harmful = bool(flagged) if category == "any" else bool(flags[category])
    return {
        "text": filled(row["prompt"], "prompt"),
        "label": "harmful" if harmful else "clean",
        "group": ",".join(flagged) or "none",
    }


def _flag(value: Any, column: str) -> bool | None:
    if value is None:
        return None
    if isinstance(value, bool) or value not in (0, 1):
        raise BadRow(f"{column} is {value if isinstance(value, int | float) else seen(value)}, neither 0 nor 1")
    return bool(value)
