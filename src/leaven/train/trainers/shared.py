"""How processes share the rows of a training: each has its part of every step that one process would make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from accelerate.data_loader import DataLoaderShard
from torch.utils.data import Dataset, Sampler
from transformers import TrainerCallback

from leaven.errors import ModelError
from leaven.train.spread import Spread
from leaven.train.trainers.sampler import SeededSampler

IDLE = "idle"  # marks a batch that holds nothing, for a process that has no row left when others have


class Shares(Sampler[list[int]]):  # type: ignore[misc] # torch is not followed
    """One process's batches, of ``size`` rows at most: its part of every ``unit`` of rows in the order of all.

    Every process has as many batches, since each takes part in every step: at an epoch's end some may be empty.
    """

    def __init__(self, order: SeededSampler, unit: int, size: int, spread: Spread | None):
        self._order, self._unit, self._size = order, unit, size
        self._rank, self._of = (spread.rank, spread.processes) if spread is not None else (0, 1)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._order.set_epoch(epoch)

    def _batches(self, rows: int) -> int:
        """Return in how many batches the process with the most of so many rows goes through them."""
        return -(-rows // (self._size * self._of))

    def __len__(self) -> int:
        whole, rest = divmod(len(self._order), self._unit)
        return whole * self._batches(self._unit) + self._batches(rest)

    def __iter__(self) -> Iterator[list[int]]:
        order, rank, of = list(self._order), self._rank, self._of
        for start in range(0, len(order), self._unit):
            rows = order[start : start + self._unit]
            mine = rows[rank * len(rows) // of : (rank + 1) * len(rows) // of]
            for batch in range(self._batches(len(rows))):
                yield mine[batch * self._size : (batch + 1) * self._size]


class _Rows(Dataset[Any]):  # type: ignore[misc]
    """Rows by lists of indices; of an empty one a row of which nothing is trained, as ``blank`` makes it of another."""

    def __init__(self, rows: Any, blank: Callable[[Any], dict[str, Any]]):
        self._rows, self._blank = rows, blank

    def __len__(self) -> int:
        return len(self._rows)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        if indices:
            return [self._rows[index] for index in indices]
        return [{**self._blank(self._rows[0]), IDLE: True}]


def loader(trainer: Any, rows: Any, unit: int) -> Any:
    """Return a process's batches of the rows that a trainer trains on, on its device."""
    size = trainer.args.per_device_train_batch_size
    return loader_of(trainer, rows, Shares(trainer._get_train_sampler(rows), unit, size, trainer.spread))


def loader_of(trainer: Any, rows: Any, shares: Shares) -> Any:
    """Return batches of rows as a trainer collates them, on its device."""

    def collated(found: list[Any]) -> Any:
        idle = any(row.pop(IDLE, False) for row in found)
        made = trainer.data_collator(found)
        return {**made, IDLE: True} if idle else made

    return DataLoaderShard(
        _Rows(rows, trainer.blank), device=trainer.accelerator.device, batch_sampler=shares, collate_fn=collated
    )  # fmt: skip


class Wrapped(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Proves before the first step that the model is shared as it was asked for, by as many processes."""

    def __init__(self, trainer: Any):
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raise ModelError if not; let each process draw its own dropout."""
        import torch.distributed as dist

        spread: Spread = self._trainer.spread
        counted = {args.world_size, dist.get_world_size(), self._trainer.accelerator.num_processes}
        if counted != {spread.processes}:
            raise ModelError(f"launch: {spread.processes} processes were asked for, and {counted} train together")
        prove_wrapped(self._trainer.model_wrapped, spread)
        if not spread.first:
            torch.manual_seed(args.seed + spread.rank)


def prove_wrapped(model: Any, spread: Spread) -> None:
    """Raise ModelError if a model is not wrapped in what its preset says."""
    kinds, asked = {kind.__name__ for kind in type(model).__mro__}, spread.preset
    stage = model.zero_optimization_stage() if hasattr(model, "zero_optimization_stage") else None
    if asked.wraps not in kinds or stage != asked.stage:
        found = type(model).__name__ + (f" at stage {stage}" if stage is not None else "")
        wanted = f"{asked.wraps}" + (f" at stage {asked.stage}" if asked.stage is not None else "")
        raise ModelError(f"launch: {asked.name} trains a {wanted}, and the model is wrapped in {found}")
