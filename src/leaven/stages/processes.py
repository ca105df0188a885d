"""Work of one stage over several processes: results come in order, and few pieces are in hand at once."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Piece = TypeVar("Piece")
Made = TypeVar("Made")

_AHEAD = 2  # pieces in hand for each process: one at work, one waiting


def cores() -> int:
    """Return how many cores this stage was given; in the foreground, those of the machine."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Piece], Made], pieces: Iterable[Piece], processes: int) -> Iterator[Made]:
    """Yield what ``work`` makes of each piece, in order; with one process, in this one.

    ``work`` is a function of a module, or a partial of one. What it raises is raised here. Processes are forked, so
    that what is imported is there at once, and end with this one however it ends.
    """
    if processes <= 1:
        yield from map(work, pieces)
        return
    import multiprocessing
    import pickle
    from concurrent.futures import Future, ProcessPoolExecutor

    pickle.dumps(work)  # raises here what in the pool would be waited for without end
    forked, waiting = multiprocessing.get_context("fork"), deque[Future[Made]]()
    with ProcessPoolExecutor(processes, mp_context=forked, initializer=_end_with_parent) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) >= processes * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Leave when the parent is gone: a worker that waits for work would wait for ever."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
