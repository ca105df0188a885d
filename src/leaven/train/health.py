"""When a training has diverged: not-a-number, or a loss that says the model knows less than nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from leaven.errors import ModelError

_SMOOTHED = 3  # logged losses, each a mean over the steps since the one before
_GUESSES = 2.0  # a model that guesses among all tokens has a loss of ln(vocabulary); this many times as much is absurd
_GROWTH = 3.0
_WORSE = 10.0  # a loss over pairs is about 1 where neither answer is preferred (or its first value, where that is more)
_REMEDY = "lower learning_rate, raise warmup_steps, or set max_grad_norm (or model.dtype, if it is float16)"


class Diverged(ModelError):
    """A training whose loss or gradient is no number any more, or has exploded."""


def prove_sound(history: Sequence[Mapping[str, Any]], guess: float | None, *, skipped: bool = False) -> None:
    """Raise Diverged if the newest entry of a trainer's log says so; ``history`` is all of the log.

    ``guess`` is the loss of a model that guesses among all tokens, ln(vocabulary); None for losses over pairs.

    Not finite: a loss or gradient norm that is NaN or infinite (``skipped``: fp16's scaler left this step out because
    of its gradient, as it does now and then; then the gradient's norm says nothing). Exploding: the mean of the last
    three logged losses is above twice ``guess`` and above three times the first logged loss (or three times ``guess``,
    where the first was above that already: it had exploded before it was first logged). Of losses over pairs: above
    ten, and above ten times the first logged loss.
    """
    newest = history[-1]
    names = ("loss", "train_loss") if skipped else ("loss", "train_loss", "grad_norm")
    for name in names:
        if not math.isfinite(newest.get(name, 0.0)):
            raise Diverged(f"the training diverged: {_where(newest)}; {_REMEDY}")
    losses = [entry["loss"] for entry in history if "loss" in entry]
    last = losses[-_SMOOTHED:]
    if losses and sum(last) / len(last) > _limit(losses[0], guess):
        raise Diverged(f"the training exploded: {_where(newest)}, after {losses[0]:.3g} at first; {_REMEDY}")


def _limit(first: float, guess: float | None) -> float:
    return _WORSE * max(first, 1.0) if guess is None else max(_GUESSES * guess, _GROWTH * min(first, guess))


def _where(entry: Mapping[str, Any]) -> str:
    said = [f"at step {entry['step']} the loss was {entry.get('loss', entry.get('train_loss')):.4g}"]
    said += [f"{words} {entry[name]:.4g}" for name, words in _BESIDE.items() if name in entry]
    return ", ".join(said)


_BESIDE = {"learning_rate": "the learning rate", "grad_norm": "the gradient's norm"}
