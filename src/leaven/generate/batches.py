"""Rows that a model reads together: as many as fit a limit, and half of them where memory did not suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

One = TypeVar("One")


def vocabulary(model: Any) -> int:
    """Return how many scores a model gives at each place; asked of its config, as an adapter may wrap the embedding."""
    return int(model.config.get_text_config().vocab_size)


def packed(rows: Iterable[One], fits: Callable[[int, One], bool]) -> Iterator[list[One]]:
    """Yield rows in batches; ``fits`` says whether a batch of so many rows may end with this one, one row always may.

    Rows come sorted by length, so that the last of a batch is its longest.
    """
    batch: list[One] = []
    for row in rows:
        if batch and not fits(len(batch) + 1, row):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def halved(batch: Sequence[One], read: Callable[[Sequence[One]], list[Any]]) -> list[Any]:
    """Read a batch; one that does not fit into the GPU's memory is read in halves. Raises what one row alone raises."""
    import torch

    try:
        return read(batch)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(batch) // 2
    return halved(batch[:half], read) + halved(batch[half:], read)
