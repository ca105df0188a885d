"""Several sources -> one long table, and which arm is compared with which; what has no partner is counted and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leaven.errors import ReportError
from leaven.readers import unscored
from leaven.readers.brought import Brought, listed
from leaven.readers.one_run import as_one_run

if TYPE_CHECKING:
    import pandas as pd

_Names = Mapping[str, str]


@dataclass(frozen=True)
class Paired:
    """Sources side by side. ``to`` is arm -> the arm it is compared with; ``notes`` is what a reader must know."""

    sources: Sequence[Brought]
    measurements: pd.DataFrame
    to: Mapping[str, str]
    notes: Sequence[str]


def pair(sources: Sequence[Brought]) -> Paired:
    """Put sources side by side; the first is the baseline. Their labels differ.

    A source of one arm is an arm under its label. Where there are several, an arm ``clean`` of ``B`` is ``B:clean``,
    and is compared with the first source's arm of the same name, or with its only one. An item whose document differs
    from the first source's item of that name is no pair. What states no seed, and is no run of Leaven, is one training
    run where its partner has seeds. Raises ReportError where nothing can be compared.
    """
    import pandas as pd

    assert len({source.label for source in sources}) == len(sources), "labels tell sources apart"
    names = [_names(source) for source in sources]
    to, alone = _partners(names)
    if not to:
        there = "; ".join(f"{source.label} has {listed(source.arms)}" for source in sources)
        raise ReportError(f"no two arms have one name, so none can be compared: {there}")
    renamed = [source.renamed(own) for source, own in zip(sources, names, strict=True)]
    _refuse_strangers(renamed)
    notes = [note for source in sources for note in (*source.notes, *unscored.notes(source))] + alone
    first, sound = renamed[0], [renamed[0]]
    for source in renamed[1:]:
        kept, said = _same_documents(first, source)
        sound.append(kept)
        notes += [*said, *_unpaired(first, kept)]
    sound, said = as_one_run(sound, to)
    table = pd.concat([source.measurements for source in sound], ignore_index=True)
    return Paired(sound, table, to, [*notes, *said])


def _names(source: Brought) -> dict[str, str]:
    """Return what each arm of a source is called beside those of others."""
    is_single = len(source.arms) == 1
    return {arm: source.label if is_single else f"{source.label}:{arm}" for arm in source.arms}


def _partners(names: Sequence[_Names]) -> tuple[dict[str, str], list[str]]:
    """Return arm -> baseline, and in words the arms that have no partner; one arm alone is everybody's partner."""
    first, others = names[0], names[1:]
    if len(first) == 1:
        (baseline,) = first.values()
        return {arm: baseline for own in others for arm in own.values()}, []
    to = {name: first[arm] for own in others for arm, name in own.items() if arm in first}
    alone = [name for own in names for name in own.values() if name not in to and name not in to.values()]
    return to, [f"compared with none, because no arm has their name: {listed(alone)}"] if alone else []


def _refuse_strangers(sources: Sequence[Brought]) -> None:
    """Raise ReportError where no metric of the first source is in any other."""
    columns = [set(zip(one.measurements["suite"], one.measurements["metric"], strict=True)) for one in sources]
    if not columns[0] & set().union(*columns[1:]):
        said = "; ".join(
            f"{source.label} has {listed(sorted('/'.join(pair) for pair in pairs))}"
            for source, pairs in zip(sources, columns, strict=True)
        )
        raise ReportError(f"no metric was measured on both sides, so nothing can be compared: {said}")


def _same_documents(first: Brought, other: Brought) -> tuple[Brought, list[str]]:
    """Return the other source without the items that are another document there, and what is to be said of both."""
    shared = [key for key in other.documents if key in first.documents]
    differ = [key for key in shared if _is_other(first.documents[key].content, other.documents[key].content)]
    asked = [key for key in shared if _is_other(first.documents[key].prompt, other.documents[key].prompt)]
    notes = []
    if differ:
        if len(differ) == len(shared):
            raise ReportError(
                f"{first.label} and {other.label} share no document: under the same ids stand other questions or "
                f"answers ({_items(differ)}); were they made from two versions of the data?"
            )
        notes.append(
            f"{len(differ):,} of {_counted(len(shared))} {_verb(differ, 'is another document', 'are other documents')} "
            f"in {other.label} than in {first.label}, so left out: {_items(differ)}"
        )
    if asked := [key for key in asked if key not in set(differ)]:
        notes.append(
            f"{_counted(len(asked))} {_verb(asked, 'was', 'were')} asked with another prompt in {other.label} than in "
            f"{first.label} (a template, or examples before the question): the difference is of model and prompt "
            "together"
        )
    return (_without(other, set(differ)) if differ else other), notes


def _is_other(one: str | None, two: str | None) -> bool:
    return one is not None and two is not None and one != two


def _without(source: Brought, items: set[tuple[str, str]]) -> Brought:
    def kept(table: pd.DataFrame) -> Any:
        return table.loc[[key not in items for key in zip(table["suite"], table["item_id"], strict=True)]]

    told = source.predictions
    return replace(
        source,
        measurements=kept(source.measurements),
        samples=[sample for sample in source.samples if (sample.suite, sample.item_id) not in items],
        predictions=None if told is None else kept(told),
    )


def _unpaired(first: Brought, other: Brought) -> Iterator[str]:
    """Say, suite by suite, which items only one of two sources has, and which seeds."""
    ours, theirs = _by_suite(first, "item_id"), _by_suite(other, "item_id")
    for suite in sorted(ours.keys() & theirs.keys()):
        for source, lone in ((first, ours[suite] - theirs[suite]), (other, theirs[suite] - ours[suite])):
            if lone:
                yield f"{suite}: {_counted(len(lone))} only in {source.label}, so not compared: {listed(sorted(lone))}"
    seeds = [set(source.measurements["seed"].dropna()) for source in (first, other)]
    if all(seeds) and seeds[0] != seeds[1]:
        yield f"seeds only in one of {first.label} and {other.label}: {listed(sorted(seeds[0] ^ seeds[1]))}"
    for source, mine, others in ((first, ours, theirs), (other, theirs, ours)):
        if lone_suites := sorted(mine.keys() - others.keys()):
            yield f"measured only in {source.label}: {listed(lone_suites)}"


def _by_suite(source: Brought, column: str) -> dict[str, set[str]]:
    return {str(suite): set(values) for suite, values in source.measurements.groupby("suite")[column]}


def _counted(number: int) -> str:
    return f"{number:,} item{'' if number == 1 else 's'}"


def _verb(things: Sequence[object], one: str, several: str) -> str:
    return one if len(things) == 1 else several


def _items(keys: Sequence[tuple[str, str]]) -> str:
    return listed(item for _, item in keys)
