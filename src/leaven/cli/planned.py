"""A plan as a person reads it: stages alike in one line, why they run, what they will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from leaven.cli.terminal import amount, columns, count, duration, memory, printable

if TYPE_CHECKING:
    from leaven.engine.machine import Machine
    from leaven.engine.nearest import Explained
    from leaven.report.spent import Account, Labels
    from leaven.stats.planning.power import Power
    from leaven.study.prices import Prices

_DIFFERENCES = 3
_WIDEST = 60
_RIGHT = (3, 4, 5, 6)
_HEAD = ("", "key", "stage", "about", "rows", "tokens", "peak", "")
_TO_MAKE = ("run", "blocked")


def lines(explained: Sequence[Explained], *, each: bool) -> Iterator[str]:
    """Yield a line for stages that are alike in kind, state and reason (or for ``each``), and what differs below it."""
    groups = [[one] for one in explained] if each else _alike(explained)
    if not groups:
        return
    head, *rows = columns([_HEAD, *map(_cells, groups)], _RIGHT)
    yield head
    for group, row in zip(groups, rows, strict=True):
        yield row
        if (near := _near(group[0])) is not None:
            yield f"{'':9}{near}"


def _alike(explained: Sequence[Explained]) -> list[list[Explained]]:
    groups: dict[tuple[Any, ...], list[Explained]] = {}
    for one in explained:
        planned, places = one.planned, tuple(difference.place for difference in one.differs)
        groups.setdefault((planned.state, planned.stage.kind, planned.why, places), []).append(one)
    return list(groups.values())


def _cells(group: list[Explained]) -> tuple[str, ...]:
    """Return the columns of a line; the cost is that of all its stages together, the peak that of the largest."""
    first = group[0].planned
    title = printable(first.stage.title)
    title = title if len(title) <= _WIDEST else f"{title[: _WIDEST - 3]}..."
    more = f" and {count(len(group) - 1, 'other')}" if len(group) > 1 else ""
    costs = [one.cost for one in group] if first.state in _TO_MAKE else []
    time, rows, tokens = (_total(costs, name) for name in ("wall_s", "rows", "tokens"))
    peak = max((cost["peak_mb"] for cost in costs if "peak_mb" in cost), default=None)
    return (
        first.state,
        first.stage.key[:8],
        title + more,
        "" if time is None else duration(time),
        "" if rows is None else amount(rows),
        "" if tokens is None else amount(tokens),
        "" if peak is None else memory(peak),
        printable(first.why),
    )


def _total(costs: Sequence[dict[str, float]], name: str) -> float | None:
    known = [cost[name] for cost in costs if name in cost]
    return sum(known) if known else None


def _near(one: Explained) -> str | None:
    """Say which record is nearest to a stage that has none, and in what it differs."""
    if one.nearest is None:
        return None
    shown = [printable(str(difference)) for difference in one.differs[:_DIFFERENCES]]
    more = len(one.differs) - len(shown)
    said = [*shown, *([f"and {more} more"] if more else [])] or ["nothing differs"]
    return f"nearest {one.nearest[:8]}: {'; '.join(said)}"


def summary(explained: Sequence[Explained], machine: Machine) -> Iterator[str]:
    """Yield the counts of states, what is known of the total cost, and the largest stage against the machine."""
    states = Counter(one.planned.state for one in explained)
    said = f"{states['run']} to run, {states['hit']} there, {states['idle']} not needed any more"
    yield said + (f", {states['blocked']} blocked" if states["blocked"] else "")
    to_make = [one for one in explained if one.planned.state in _TO_MAKE]
    if to_make:
        yield f"to run: {_cost(to_make)}"
        yield _largest(to_make, machine)
        yield from _not_here(to_make, machine)


def _not_here(to_make: Sequence[Explained], machine: Machine) -> Iterator[str]:
    """Yield why trainings that are to be made cannot be started on this machine; no fault of the study."""
    from leaven.models.ref import quantisation_problem
    from leaven.train.launch import preset_of, why_not_here

    said: list[str | None] = []
    for needs in (one.planned.stage.needs for one in to_make):
        if launch := needs.around.get("launch"):
            gpus = len(machine.gpus) if needs.gpu else 0  # a tiny model is trained without
            said.append(why_not_here(preset_of(launch), launch["processes"], gpus, "a run here may use"))
    said += [quantisation_problem(bits) for bits in sorted(_few_bits(to_make))]
    yield from (f"trainings cannot start here: {why}" for why in dict.fromkeys(said) if why)


def _few_bits(to_make: Sequence[Explained]) -> set[int]:
    """Return in how few bits models are to be loaded, where they are not loaded whole."""
    models = [one.planned.stage.args.get("model") for one in to_make]
    named = ((4, "load_in_4bit"), (8, "load_in_8bit"))
    return {bits for model in models if isinstance(model, dict) for bits, name in named if model.get(name)}


def _cost(to_make: Sequence[Explained]) -> str:
    costs = [one.cost for one in to_make]
    time, rows, tokens = (_total(costs, name) for name in ("wall_s", "rows", "tokens"))
    unknown = sum("wall_s" not in cost for cost in costs)
    if time is None:
        return f"no stage like these ran here before, so what {count(len(costs), 'stage')} cost is unknown"
    parts = [f"about {duration(time)} of work, were it one stage after another"]
    parts += [f"{amount(rows)} rows"] if rows is not None else []
    parts += [f"{amount(tokens)} tokens"] if tokens is not None else []
    return ", ".join(parts) + (f"; the cost of {count(unknown, 'stage')} more is unknown" if unknown else "")


def _largest(to_make: Sequence[Explained], machine: Machine) -> str:
    """Say which stage is estimated to take the most memory where it computes, and how much there is."""
    sized = [(one.planned.stage.needs.memory_mb, one.planned.stage) for one in to_make]
    known = [(needed, stage) for needed, stage in sized if needed is not None]
    if not known:
        return "memory: how much these stages need is unknown"
    needed, stage = max(known, key=lambda pair: pair[0])
    if stage.needs.gpu and machine.gpus:
        sizes = [gpu.memory_mb for gpu in machine.gpus if gpu.memory_mb is not None]
        size = needed if not sizes else sum(sizes) if stage.needs.gpus == "all" else max(sizes)
        which = "the GPUs here have" if stage.needs.gpus == "all" else "the largest GPU here has"
        there = f"{which} {memory(size)}" if sizes else "how much a GPU here has is unknown"
    else:
        size = machine.memory_mb
        there = f"{memory(size)} may be used"
    doubt = "" if needed <= size else ": it may not fit"
    return f"memory: the largest stage, {printable(stage.title)}, computes with about {memory(needed)}; {there}{doubt}"


def findable(powers: Sequence[Power]) -> Iterator[str]:
    """Yield what the design can find; metrics of which the same is to be said share the lines."""
    from leaven.stats.planning.power_words import sentences

    alike: dict[tuple[str, ...], list[str]] = {}
    for power in powers:
        name = f"{power.suite}/{power.metric}"
        said = tuple(line.removeprefix(f"{name}: ") for line in sentences(power))
        alike.setdefault(said, []).append(name)
    for (first, *others), names in alike.items():
        yield f"{', '.join(names)}: {first}"
        yield from others


def uncounted(powers: Sequence[Power], primary: Sequence[str]) -> Iterator[str]:
    """Say of which primaries nothing is told yet, and when it will be."""
    known = {name for one in powers for name in (one.metric, f"{one.suite}/{one.metric}")}
    if unknown := [name for name in primary if name not in known]:
        asked = "how many items are asked is counted as the run begins"
        yield f"{', '.join(unknown)}: what can be found is not known yet: {asked}; plan again then, or declare `take`"


def priced(explained: Sequence[Explained], machine: Machine, prices: Prices | None) -> Iterator[str]:
    """Yield what is to be made will cost, as far as like stages tell, and what as many labels by people would.

    Nothing where the study states no prices, or all is there.
    """
    if prices is None:
        return
    from leaven.gather.spent import ahead

    found = ahead(explained, machine, prices)
    if found is not None:
        yield from map(printable, _account(found))


def _account(found: Account) -> Iterator[str]:
    from leaven.report.costs import assumptions

    yield _in_all(found)
    for one in found.labels:
        if one.people is not None:
            yield _beside_people(one, found.currency)
    yield from assumptions(found)


def _in_all(found: Account) -> str:
    from leaven.report.costs import money

    total = found.total
    if total.price is None:
        return "price: unknown, since no stage like these ran here before, or what they use has no price"
    times = ((total.gpu_seconds, "of GPUs"), (total.core_seconds, "of cores"))
    tokens = ((total.prompt_tokens, "tokens sent"), (total.completion_tokens, "tokens received"))
    used = [f"{duration(x)} {what}" for x, what in times if x] + [f"{amount(x)} {what}" for x, what in tokens if x]
    beside = f" ({', '.join(used)})" if used else ""
    return f"price: {'at least ' if total.least else ''}{money(total.price, found.currency)}{beside}"


def _beside_people(one: Labels, currency: str) -> str:
    from leaven.report.costs import money, percent

    least, most = ("at least ", "at most ") if one.least else ("", "")
    judge = "unknown" if one.price is None else f"{least}{money(one.price, currency)}"
    saved = "" if one.saving is None else f", a saving of {most}{percent(one.saving)}"
    said = f"{one.data}: {count(round(one.labels or 0), one.unit)} by {one.judge}: {judge}"
    return f"{said}; by people: {money(one.people, currency)}{saved}"
