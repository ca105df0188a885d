"""What is wrong with a study's data: formats, mixtures, and data that decide which rows of others are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leaven.errors import did_you_mean
from leaven.registry import FORMATS
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import makes, silent
from leaven.study.problems import Check
from leaven.study.spec import Data


def data(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check every data set: its format, what it mixes, and the others that its rows depend on."""
    declared: dict[str, Data] = parts.get("data", {})
    before = len(check.found)
    for name, one in declared.items():
        if one.format is not None:
            check.plugin(FORMATS, one.format, ("data", name, "format"))
        _mixture(parts, name, one, check)
        for steps, other in _named(one):
            _other(parts, name, ("data", name, *steps), other, check)
        _matched(parts, name, one, check)
        _corpus(parts, name, one, check)
        if one.sample_seed and one.sample is None and one.length_matched_to is None:
            check.say(("data", name, "sample_seed"), "nothing is drawn", "say how many rows: `sample: N`")
    if len(check.found) == before:  # else a circle may be what was said already
        ways = [way for name in declared if (way := _circle(declared, [name])) is not None]
        for way in {frozenset(way): way for way in reversed(ways)}.values():
            check.say(("data", way[0]), f"depends on itself: {' -> '.join(way)}", "take one of these out")


def _matched(parts: Mapping[str, Any], name: str, one: Data, check: Check) -> None:
    """Check that both sets whose lengths are matched have answers."""
    for matched in (name, one.length_matched_to) if one.length_matched_to is not None else ():
        what = "statements" if makes(parts["data"], matched) == "statements" else "prompts alone"
        if what == "statements" or silent(parts, matched):
            check.say(("data", name, "length_matched_to"), f"'{matched}' has {what}", "name data with answers")


def _corpus(parts: Mapping[str, Any], name: str, one: Data, check: Check) -> None:
    """Check that a corpus is made of texts, and that only what can be done with documents is asked of it."""
    if one.corpus is None:
        return
    made = makes(parts["data"], name)
    if made is not None and made != "texts":
        said = f"is made of texts, and the format makes {made}"
        check.say(("data", name, "corpus"), said, "use a format such as `texts` or `pile`")
    for field in ("held_out_from", "length_matched_to"):
        if getattr(one, field):
            check.say(("data", name, field), "compares rows, and a corpus is made of documents", "use `part`")


def _named(one: Data) -> Iterator[tuple[Steps, str]]:
    """Yield every place in which a data set names another that decides on its rows."""
    yield from ((("held_out_from", index), other) for index, other in enumerate(one.held_out_from))
    against = one.decontaminate.against if one.decontaminate else []
    yield from ((("decontaminate", "against", index), other) for index, other in enumerate(against))
    if one.length_matched_to is not None:
        yield ("length_matched_to",), one.length_matched_to


def _other(parts: Mapping[str, Any], name: str, at: Steps, other: str, check: Check) -> None:
    declared: dict[str, Data] = parts.get("data", {})
    if other == name or other not in parts["data names"]:
        remedy = did_you_mean(other, set(parts["data names"]) - {name})
        check.say(at, f"'{other}' is no other data of this study", remedy)
    elif at[2] == "held_out_from" and other in declared and declared[other].held_out_from:
        check.say(at, f"'{other}' is itself held out", "name training data")
    elif at[2] == "held_out_from" and other in declared and name in (declared[other].mixture or {}):
        check.say(at, f"'{other}' mixes '{name}' in", "name its other parts")


def _circle(declared: Mapping[str, Data], way: Sequence[str]) -> list[str] | None:
    """Return the way from a data set back to itself, None if there is none."""
    last = declared.get(way[-1])
    for other in [*last.others, *(last.mixture or {})] if last is not None else []:
        if other == way[0] and len(way) > 1:
            return [*way, other]
        if other not in way and (found := _circle(declared, [*way, other])) is not None:
            return found
    return None


def _mixture(parts: Mapping[str, Any], name: str, one: Data, check: Check) -> None:
    """Check that a mixture names other data, all of one kind, and no mixture."""
    declared: dict[str, Data] = parts.get("data", {})
    kinds = {}
    for other in one.mixture or {}:
        at: Steps = ("data", name, "mixture", other)
        if other == name or other not in parts["data names"]:
            check.say(at, f"'{other}' is no other data of this study", did_you_mean(other, set(declared) - {name}))
        elif other in declared and declared[other].mixture is not None:
            check.say(at, f"'{other}' is itself a mixture", "name what it mixes")
        elif other in declared:
            kinds[other] = makes(declared, other)
    if len(set(kinds.values()) - {None}) > 1:
        said = ", ".join(f"{other} gives {kind}" for other, kind in kinds.items())
        check.say(("data", name, "mixture"), f"mixes rows of different kinds: {said}", "mix data of one kind")
