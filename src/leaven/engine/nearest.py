"""Why a stage is a miss, and what it will cost: the nearest record of its kind, and the fields that differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from leaven.engine.plan import Planned
from leaven.engine.stage import Stage
from leaven.engine.store import Store

_MOST_COMPARED = 20  # records of a kind, beside those of the same title
_LIKE = 4  # a record that differs in more fields says nothing about cost
_SHOWN = 60


_OF_SERVERS = ("prompt_tokens", "completion_tokens")  # what is billed


@dataclass(frozen=True)
class Difference:
    """One field that differs: its place, the record's value and the stage's."""

    place: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.place}: {self.was} -> {self.now}"


@dataclass(frozen=True)
class Explained:
    """A planned stage with the nearest record's key and differences, and what such a stage cost then.

    ``cost`` holds ``wall_s, peak_mb, gpu_peak_mb, rows, tokens, prompt_tokens, completion_tokens, prompts_used``, as
    far as the record has them; of a hit, its own.
    """

    planned: Planned
    nearest: str | None
    differs: Sequence[Difference]
    cost: dict[str, float]


def explain(planned: Iterable[Planned], store: Store) -> list[Explained]:
    """Give each stage to be run its nearest record, and every stage its cost."""
    planned = list(planned)
    kinds = {one.stage.kind for one in planned if one.state in ("run", "blocked")}
    shelves = {kind: _Shelf(store.records(kind)) for kind in kinds}
    made: dict[str, Explained] = {}
    for one in planned:
        if one.state in ("run", "blocked"):
            made[one.stage.key] = _explained(one, shelves[one.stage.kind], made)
        else:
            record = store.record(one.stage) if one.state == "hit" else None
            made[one.stage.key] = Explained(one, None, (), cost_of(record or {}))
    return list(made.values())


def cost_of(record: dict[str, Any]) -> dict[str, float]:
    """Return what a record says of its stage's cost, by the names of ``Explained.cost``."""
    facts, cost = record.get("facts", {}), record.get("cost", {})
    tokens = facts.get("tokens_trained", facts.get("tokens"))
    found = {"wall_s": cost.get("wall_s"), "peak_mb": cost.get("peak_mb"), "gpu_peak_mb": facts.get("gpu_peak_mb")}
    found |= {"rows": facts.get("rows", facts.get("generations", facts.get("scores"))), "tokens": tokens}
    found |= {name: facts.get(name) for name in (*_OF_SERVERS, "prompts_used")}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


class _Shelf:
    """The records of one kind: those of a title or of equal arguments first, else the last few."""

    def __init__(self, records: Iterator[dict[str, Any]]):
        self._all = list(records)
        self._alike: dict[str, list[dict[str, Any]]] = {}
        for record in self._all:
            for sign in (str(record.get("title")), _sign(record.get("args"))):
                self._alike.setdefault(sign, []).append(record)

    def candidates(self, stage: Stage) -> list[dict[str, Any]]:
        alike = [self._alike.get(sign, [])[-_MOST_COMPARED:] for sign in (stage.title, _sign(dict(stage.args)))]
        return [*alike[0], *alike[1], *self._all[-_MOST_COMPARED:]]


def _sign(args: Any) -> str:
    """Return a text that equal arguments share, whatever the seed."""
    plain = {name: value for name, value in args.items() if name != "seed"} if isinstance(args, dict) else args
    return json.dumps(plain, sort_keys=True)


def _explained(one: Planned, shelf: _Shelf, made: dict[str, Explained]) -> Explained:
    nearest = _nearest(one.stage, shelf.candidates(one.stage))
    if nearest is None:
        return Explained(one, None, (), {})
    differs, record = nearest
    alike = (record.get("needs") or {}).get("like", "") == one.stage.needs.like
    cost = cost_of(record) if alike and len(differs) <= _LIKE else {}
    return Explained(one, str(record.get("key")), differs, _scaled(cost, one.stage, record, made))


def _nearest(stage: Stage, candidates: Iterable[dict[str, Any]]) -> tuple[list[Difference], dict[str, Any]] | None:
    """Return the first record with the fewest differences; one that reaches the best so far is read no further."""
    best: tuple[list[Difference], dict[str, Any]] | None = None
    for record in candidates:
        differs = list(islice(_differences(record, stage), len(best[0]) if best else None))
        if best is None or len(differs) < len(best[0]):
            best = differs, record
    return best


def _scaled(
    cost: dict[str, float], stage: Stage, record: dict[str, Any], made: dict[str, Explained]
) -> dict[str, float]:
    """Scale what grows with the rows (where this stage's are known) and with how often each is gone through."""
    now = next((made[one.key].cost.get("rows") for one in stage.inputs.values() if one.key in made), None)
    then = cost.get("rows")
    rows = now / then if now and then and record.get("facts", {}).get("rows_in", then) == then else 1.0
    work = rows * stage.needs.work / (record.get("needs", {}).get("work") or 1.0)
    factors = {"rows": rows, "prompts_used": rows, "wall_s": work, "tokens": work}
    factors |= dict.fromkeys(_OF_SERVERS, work)
    return {name: value * factors.get(name, 1) for name, value in cost.items()}


def _differences(record: dict[str, Any], stage: Stage) -> Iterator[Difference]:
    if record.get("version") != stage.version:
        yield Difference("version", _short(record.get("version")), _short(stage.version))
    yield from _unequal("", record.get("args"), dict(stage.args))
    was = record.get("inputs") or {}
    for name, below in stage.inputs.items():
        if was.get(name) != below.key:
            yield Difference(name, _short(was.get(name))[:8], f"{below.key[:8]} ({below.title})")


def _unequal(place: str, was: Any, now: Any) -> Iterator[Difference]:
    """Yield the leaves in which two JSON values differ; lists of one length are compared place by place."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            yield from _unequal(f"{place}.{name}" if place else name, was.get(name), now.get(name))
    elif isinstance(was, list) and isinstance(now, list | tuple) and len(was) == len(now):
        for index, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _unequal(f"{place}.{index}", one, other)
    elif was != now:
        yield Difference(place, _short(was), _short(now))


def _short(value: Any) -> str:
    text = "(none)" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
