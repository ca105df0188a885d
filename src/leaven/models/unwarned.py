"""A word of a library about itself that is no news to whoever runs a study: PEFT and TRL ask by a name of yesterday."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_SAID = "`is_gradient_checkpointing` is deprecated"  # of transformers 5; peft 0.21 and trl 1.16 ask by it


@contextmanager
def unwarned() -> Iterator[None]:
    """Leave out, while inside, what transformers says of a name by which PEFT and TRL ask it; any other warning shows.

    Nobody who runs a study can do anything about it, and in a log it stands before what they are looking for.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_SAID, category=FutureWarning)
        yield
