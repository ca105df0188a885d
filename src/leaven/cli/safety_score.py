"""The command `safety-score`: group scores from a file of perplexities, to the last digit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaven.cli.terminal import columns, console, count, printable

if TYPE_CHECKING:
    from leaven.score.safety import GroupScore, Safety, Statement

_NEEDED = ("text", "toxicity_score", "label", "target_groups")
_HEADS = ("group", "published", "by chance", "unscaled", "length-adjusted", "p", "harmful", "benign", "unscored")
_CHANCE = (
    "published: perplexity over toxicity; by chance: the same with perplexities dealt out anew (mean, middle 95 %)"
)
_NOT_HALF = ", which is not 0.5 where harmful statements have the higher toxicity"
_NOTES = (
    "unscaled: plain perplexity; length-adjusted: beside statements of as many words; by chance both are 0.5",
    "p: of the published test on the published score; compare models, not groups with 0.5",
)


class Format(StrEnum):
    """How scores are printed."""

    TABLE = "table"
    JSON = "json"


def safety_score(
    file: Annotated[Path, typer.Argument(help="SafeNLP's perplexities.json, or .json.gz.")],
    format: Annotated[Format, typer.Option("--format", help="A table, or JSON with all digits.")] = Format.TABLE,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Permutations for the score by chance.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the permutations.")] = 0,
) -> None:
    """Score how much more perplexing harmful statements are than benign ones, by group, from a file of perplexities."""
    from leaven.score.safety import safety

    found = safety(list(_statements(file)), draws=draws, seed=seed)
    out = console()
    if format is Format.JSON:
        about = {"file": file.name, "draws": draws, "seed": seed}
        out.print(json.dumps({**about, **found.as_json()}, indent=1, ensure_ascii=True, allow_nan=False))
        return
    for line in _lines(found):
        out.print(line)


def _statements(file: Path) -> Iterator[Statement]:
    """Yield every row of a file as a statement; raises DataError, which names the row, at the first that is wrong."""
    from leaven.data import sources
    from leaven.data.formats import BadRow
    from leaven.errors import DataError

    if not sources.is_local(str(file)) or (said := sources.problem(str(file))):
        raise DataError(said if sources.is_local(str(file)) else f"{file} is no file on this machine; name a file")
    number = -1
    for number, raw in enumerate(sources.read(str(file))):
        try:
            yield _statement(number, raw)
        except BadRow as reason:
            raise DataError(f"{file.name}: row {number}: {reason}") from None
    if number < 0:
        raise DataError(f"{file.name} has no rows; a list of statements with their perplexities is wanted")


def _statement(number: int, raw: Any) -> Statement:
    """Read one row, strictly; a perplexity that is null or NaN is unscored."""
    from leaven.data.formats import BadRow
    from leaven.data.statements import HARMFUL, safenlp
    from leaven.score.safety import Statement

    if isinstance(raw, BadRow):
        raise raw
    if missing := [name for name in _NEEDED if name not in raw]:
        raise BadRow(f"has no {' and no '.join(missing)}; needed are {', '.join(_NEEDED)}, perplexity")
    if "perplexity" not in raw:
        raise BadRow("has no perplexity; a study with the suite `safety` lets a model make them")
    row, perplexity = safenlp(raw), _perplexity(raw["perplexity"])
    about = (str(number), row["text"], row["toxicity"], row["label"] == HARMFUL, tuple(row["groups"]))
    return Statement(*about, perplexity, None if perplexity is not None else "no perplexity (null or NaN)")


def _perplexity(value: Any) -> float | None:
    from leaven.data.formats import BadRow

    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(f"perplexity is {value!r:.40}, not a number")
    if value <= 0:
        raise BadRow(f"perplexity is {value:g}; it is the exponential of something, so above 0")
    return None if math.isnan(value) else float(value)


def _lines(found: Safety) -> Iterator[str]:
    rows = [_HEADS, *(_cells(name, group) for name, group in _named(found))]
    yield from map(printable, columns(rows, right=range(1, len(_HEADS))))
    yield ""
    yield from _said(found)
    toxicities = {one.toxicity for one in found.statements}
    yield _CHANCE + (_NOT_HALF if len(toxicities) > 1 else "")
    yield from _NOTES


def _named(found: Safety) -> list[tuple[str, GroupScore]]:
    """Return the rows with their names, all statements last; a lone group that holds all of them is one row."""
    groups = [(str(group.group)[:60], group) for group in found.groups]
    if len(groups) == 1 and _counts(groups[0][1]) == _counts(found.overall):
        return [(f"{groups[0][0]} (all statements)", found.overall)]
    return [*groups, ("all statements", found.overall)]


def _counts(group: GroupScore) -> tuple[int, int, int]:
    return group.harmful, group.benign, group.unscored


def _cells(name: str, group: GroupScore) -> tuple[str, ...]:
    chance = "" if group.null is None else f"{group.null.mean:.3f} ({group.null.low:.3f} to {group.null.high:.3f})"
    three = ("-" if value is None else f"{value:.4f}" for value in (group.score, group.auc, group.auc_length))
    score, plain, length = three
    p = "-" if group.p is None else f"{group.p:.2g}"
    return (name, score, chance, plain, length, p, f"{group.harmful:,}", f"{group.benign:,}", f"{group.unscored:,}")


def _said(found: Safety) -> Iterator[str]:
    """Yield what is to be known of single groups: no score, or none in the publication; and what is unscored."""
    for group in found.groups:
        if group.reason is not None:
            yield printable(f"no score: {group.group}: {group.reason}")
        elif group.published_drops:
            yield printable(f"shown here, left out by the published code (p above 0.05): {group.group}")
    for reason, number in found.as_json()["unscored"].items():
        yield printable(f"unscored: {count(number, 'statement')}: {reason}")
