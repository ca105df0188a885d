"""What a study costs: records of its stages, or what is known of like ones, times the prices that its author states."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leaven.engine.nearest import cost_of
from leaven.engine.stage import Stage, closure
from leaven.report.spent import Account, Labels, Work

if TYPE_CHECKING:
    from leaven.engine.machine import Machine
    from leaven.engine.nearest import Explained
    from leaven.engine.store import Store
    from leaven.graph import Graph
    from leaven.study.prices import Prices

_NO_GPUS = {"cpu", "meta", "disk"}  # what torch calls where a model lies, when that is no GPU
_TRAINING = "leaven.stages:train"
_ENCODING = {"doctor", "pairs", "blocks"}  # their tokens are those that a training has, told a first time
_TO_MAKE = ("run", "blocked")


@dataclass(frozen=True)
class Piece:
    """What one stage took. None: nobody measured it. ``billed`` says that a server was asked, which counts tokens;
    ``cut_off`` that an attempt ended before the last one, whose time is known only until it last wrote something.
    """

    kind: str
    seconds: float | None = None
    gpus: int | None = 0
    cores: int | None = None
    tokens: float | None = None
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    billed: bool = False
    rows: float | None = None
    prompts: float | None = None  # of which rows were built
    cut_off: bool = False

    @property
    def gpu_seconds(self) -> float | None:
        """Wall time times GPUs; 0 for a stage on none."""
        if self.gpus == 0:
            return 0.0
        return None if self.seconds is None or self.gpus is None else self.seconds * self.gpus

    @property
    def core_seconds(self) -> float | None:
        """Wall time times threads of a stage on no GPU; 0 on one, whose price has its host's cores."""
        if self.gpus != 0:
            return 0.0
        return None if self.seconds is None or self.cores is None else self.seconds * self.cores


@dataclass(frozen=True)
class Making:
    """A data set that is built of a judge's ranks, as stages."""

    data: str
    judge: str
    rows: Stage


def account(graph: Graph, store: Store, agreement: Mapping[str, float | None] | None = None) -> Account | None:
    """Return what a run has cost so far, by the records in its store; None where there are none.

    A stage that arms share counts once. ``agreement`` gives each judge's with people, as a share of pairs.
    """
    every = closure([*graph.targets, *(one.rows for one in graph.built)])
    known = {stage.key: of_record(record) for stage in every if (record := store.record(stage)) is not None}
    built = [Making(one.data, one.judged.judge, one.rows) for one in graph.built if one.rows.key in known]
    return reckoned(known, built, graph.study.prices, agreement) if known else None


def ahead(explained: Sequence[Explained], machine: Machine, prices: Prices | None) -> Account | None:
    """Return what the stages of a plan that are to be made will cost; None where there are none.

    What labels cost includes stages that are there; of one that nobody reads any more the cost is not known.
    """
    needed = [one for one in explained if one.planned.state != "idle"]
    known = {one.planned.stage.key: of_plan(one, machine) for one in needed}
    to_make = [known[one.planned.stage.key] for one in needed if one.planned.state in _TO_MAKE]
    built = [
        Making(_named(stage), _named(stage.inputs["ranks"]), stage)
        for stage in (one.planned.stage for one in needed)
        if stage.kind == "built" and "ranks" in stage.inputs
    ]
    return replace(reckoned(known, built, prices, None, to_make), ahead=True) if to_make else None


def _named(stage: Stage) -> str:
    return stage.title.removeprefix(f"{stage.kind} ") or stage.key[:12]


def of_record(record: Mapping[str, Any]) -> Piece:
    """Return what a record says that its stage took."""
    facts, cost = record.get("facts", {}), cost_of(dict(record))
    served = _is_billed(record.get("args", {}))
    return Piece(
        str(record.get("kind")), cost.get("wall_s"), _gpus(facts, record.get("needs") or {}),
        (record.get("made_by") or {}).get("threads"), cost.get("tokens"),
        _number(facts.get("prompt_tokens")) if served else None,
        _number(facts.get("completion_tokens")) if served else None,
        served, cost.get("rows"), _number(facts.get("prompts_used")), "earlier_s" in (record.get("cost") or {}),
    )  # fmt: skip


def _gpus(facts: Mapping[str, Any], needs: Mapping[str, Any]) -> int | None:
    """Return on how many GPUs a stage computed; None where it may have, and did not say."""
    device = facts.get("device")
    if device is None:
        return None if needs.get("gpu") else 0
    listed = [name for name in str(device).split(", ") if name not in _NO_GPUS]
    return max(len(listed), _processes(needs)) if listed else 0


def _processes(needs: Mapping[str, Any]) -> int:
    launch = (needs.get("around") or {}).get("launch") or {}
    return int(launch.get("processes") or 1)


def of_plan(one: Explained, machine: Machine) -> Piece:
    """Return what a stage of a plan will take on a machine, as far as like stages tell."""
    stage, cost = one.planned.stage, one.cost
    needs = {"gpu": stage.needs.gpu, "around": dict(stage.needs.around)}
    gpus = 0
    if stage.needs.gpu and machine.gpus:
        gpus = len(machine.gpus) if stage.needs.gpus == "all" else _processes(needs)
    served = _is_billed(stage.args)
    return Piece(
        stage.kind, cost.get("wall_s"), gpus, stage.needs.cores or machine.cores_of_one, cost.get("tokens"),
        cost.get("prompt_tokens") if served else None, cost.get("completion_tokens") if served else None, served,
        cost.get("rows"), cost.get("prompts_used"),
    )  # fmt: skip


def _is_billed(args: Mapping[str, Any]) -> bool:
    """Say whether a stage asks a server: of its own, or its judge's, who may reward a training."""
    judge = args.get("judge") or (args.get("reward") or {}).get("judge")
    return "server" in args or (isinstance(judge, Mapping) and "server" in (judge.get("args") or {}))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def reckoned(
    known: Mapping[str, Piece], built: Iterable[Making], prices: Prices | None,
    agreement: Mapping[str, float | None] | None, counted: Iterable[Piece] | None = None,
) -> Account:  # fmt: skip
    """Return the account of stages by their keys, at prices; each data set of ``built`` beside what people cost.

    The sums are over all of them, or over those that are ``counted``.
    """
    every = list(known.values() if counted is None else counted)
    human, kinds = prices.human_label if prices else None, dict[str, list[Piece]]()
    for piece in every:
        kinds.setdefault(piece.kind, []).append(piece)
    return Account(
        [_work(kind, pieces, prices) for kind, pieces in kinds.items()],
        _work("", every, prices),
        [_labels(those, known, prices, (agreement or {}).get(judge)) for (_, judge), those in _alike(built).items()],
        prices.currency if prices else "",
        human.price if human else None,
        human.source if human else "",
        _unpriced(every, prices),
        human_of=human.of if human else "pair",
    )


def _alike(built: Iterable[Making]) -> dict[tuple[str, str], list[Making]]:
    """Return data sets by name and judge, seed by seed; a stage that seeds share stands there once."""
    found: dict[tuple[str, str], dict[str, Making]] = {}
    for one in built:
        found.setdefault((one.data, one.judge), {})[one.rows.key] = one
    return {name: list(those.values()) for name, those in found.items()}


def _work(kind: str, pieces: Sequence[Piece], prices: Prices | None) -> Work:
    price, least = _price(pieces, prices)
    billed = [piece for piece in pieces if piece.billed]
    return Work(
        kind, len(pieces), sum(piece.seconds is not None for piece in pieces),
        _sum(pieces, lambda one: one.seconds), _sum(pieces, lambda one: one.gpu_seconds),
        _sum(pieces, lambda one: one.core_seconds),
        _sum((one for one in pieces if one.kind not in _ENCODING), lambda one: one.tokens),
        _sum(billed, lambda one: one.prompt_tokens), _sum(billed, lambda one: one.completion_tokens), price, least,
    )  # fmt: skip


def _sum(pieces: Iterable[Piece], of: Callable[[Piece], float | None]) -> float | None:
    values = [value for piece in pieces if (value := of(piece)) is not None]
    return math.fsum(values) if values else None


def _price(pieces: Iterable[Piece], prices: Prices | None) -> tuple[float | None, bool]:
    """Return what pieces cost as far as it is known, and whether that is not all; None where nothing has a price."""
    if prices is None:
        return None, False
    every = list(pieces)
    parts = [part for piece in every for part in _parts(piece, prices)]
    paid = [amount * price for _, amount, price in parts if amount is not None and price is not None]
    lacking = any(amount is None or (price is None and amount > 0) for _, amount, price in parts)
    lacking = lacking or any(piece.cut_off for piece in every)
    return (math.fsum(paid) if paid else None), lacking


def _parts(piece: Piece, prices: Prices) -> Iterator[tuple[str, float | None, float | None]]:
    """Yield what a stage uses: (what, how many units, the price of a unit); what it does not use is left out."""
    if piece.gpus != 0:
        yield "GPU hours", _scaled(piece.gpu_seconds, 3600), prices.gpu_hour
    else:
        yield "core hours", _scaled(piece.core_seconds, 3600), prices.core_hour
    if piece.billed:
        yield "input tokens", _scaled(piece.prompt_tokens, 1e6), prices.input_tokens
        yield "output tokens", _scaled(piece.completion_tokens, 1e6), prices.output_tokens


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _unpriced(pieces: Iterable[Piece], prices: Prices | None) -> list[str]:
    if prices is None:
        return []
    parts = [part for piece in pieces for part in _parts(piece, prices)]
    return list(dict.fromkeys(what for what, amount, price in parts if price is None and amount != 0))


def _labels(
    those: Sequence[Making], known: Mapping[str, Piece], prices: Prices | None, agreement: float | None
) -> Labels:
    """Return what a data set cost over its seeds beside what people would, for what only the judge needs.

    People are paid only for what the stated price is of.
    """
    first = those[0]
    alone = list({stage.key: stage for one in those for stage in _judges_own(one.rows)}.values())
    pieces = [known[stage.key] for stage in alone if stage.key in known]
    price, least = _price(pieces, prices)
    human = prices.human_label if prices else None
    pairs = first.rows.args.get("makes") == "preferences" and (human is None or human.of == "pair")
    unit, made = "pair" if pairs else "ranking", [known[one.rows.key] for one in those]
    labels = _whole([piece.rows if pairs else piece.prompts for piece in made])
    people = None if labels is None or human is None or human.of != unit else labels * human.price
    trained = any(stage.verb == _TRAINING for stage in alone)
    return Labels(first.data, first.judge, unit, labels, price, least or len(pieces) < len(alone), people, agreement,
                  trained, len(those))  # fmt: skip


def _whole(values: Sequence[float | None]) -> float | None:
    """Return the sum; None where one is not known, since the price beside it is that of all."""
    there = [value for value in values if value is not None]
    return math.fsum(there) if len(there) == len(values) else None


def _judges_own(rows: Stage) -> list[Stage]:
    """Return the stages that only judging and building need: all under the rows but what the answers rest on."""
    shared = {stage.key for stage in closure([rows.inputs["prompts"], rows.inputs["answers"]])}
    return [stage for stage in closure([rows]) if stage.key not in shared]
