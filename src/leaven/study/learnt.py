"""Which data of a study its arms are trained on, and whether two data sets may hold the same rows of a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from leaven.registry import FORMATS
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.overlapping import of_one_source, of_other_parts, of_other_rows
from leaven.study.problems import Check
from leaven.study.spec import Data


def trained_on(
    declared: Mapping[str, Data], name: str, role: str, arms: list[ExpandedArm], at: Steps, check: Check
) -> None:
    """Check that an arm was trained on what is looked for, and none on what is held out, or may be.

    Where no arm is trained, spans are those of what the base knows from elsewhere.
    """
    known = learnt(declared, arms)
    other = sharing(declared, name, known)
    if role == "of" and known and other is None and not check.unsound:
        read = ", ".join(one for one in known if declared[one].made is None)
        check.say(at, f"no arm is trained on '{name}'", f"name what arms are trained on: {read}")
    elif role == "held_out" and other is not None:
        shared = "" if other == name else f", which may hold rows of '{name}'"
        remedy = "hold out rows of another source, or of a part that no arm reads: by `skip` and `take`, say"
        check.say(at, f"'{known[other]}' is trained on '{other}'{shared}", remedy)


def learnt(declared: Mapping[str, Data], arms: Sequence[ExpandedArm]) -> dict[str, str]:
    """Return the data that arms are trained on, each with the first such arm: by themselves, or as what others hold.

    A mixture holds its parts; what a study makes itself holds the prompts that it is made of.
    """
    found: dict[str, str] = {}
    for arm in arms:
        for step in arm.train:
            for name in _held(declared, str(step.args.get("data"))):
                found.setdefault(name, arm.name)
    return found


def _held(declared: Mapping[str, Data], name: str, *way: str) -> Iterator[str]:
    """Yield a data set and those whose rows, or prompts, are in it; one that depends on itself is told elsewhere."""
    data = declared.get(name)
    if data is None or name in way:
        return
    yield name
    made = getattr(data, data.made) if data.made is not None else None
    below = [getattr(made, "prompts", None) or getattr(made, "answers", None)] if made is not None else []
    for other in [*(data.mixture or {}), *below]:
        yield from _held(declared, str(other), name, *way)


def sharing(declared: Mapping[str, Data], name: str, others: Mapping[str, str]) -> str | None:
    """Return the first of other data that may hold a row of a data set, None where none of them can."""
    mine = {one: declared[one] for one in _held(declared, name)}
    pairs = ((one, other) for other in others for one in mine)
    return next((other for one, other in pairs if one == other or _may_share(declared, one, other)), None)


def _may_share(declared: Mapping[str, Data], name: str, other: str) -> bool:
    """Say whether two data sets read one source, and nothing that they declare keeps their rows apart."""
    one, two = declared[name], declared[other]
    if not of_one_source(one, two) or of_other_rows(one, two) or (_alike(one, two) and of_other_parts(one, two)):
        return False
    kept_out = {*one.others, *two.others} - {one.length_matched_to, two.length_matched_to}
    return kept_out.isdisjoint({name, other})


def _alike(one: Data, other: Data) -> bool:
    """Say whether rows of two data sets are known by the same: a text by all of it, an example by its question."""
    if one.format is None or other.format is None or one.format.name != other.format.name:
        return False
    traits = FORMATS.get(one.format.name).traits if one.format.name in FORMATS.names() else {}
    by_args = "txt" in traits or traits.get("makes") == "texts"  # what is cut out of a text depends on the arguments
    return not by_args or one.format == other.format
