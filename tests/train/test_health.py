"""The rule by which a training has diverged: on logs as transformers writes them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from leaven.train.health import Diverged, prove_sound

GUESS = math.log(1000)  # 6.9, twice that 13.8


def log(*losses: float, norm: float = 1.0) -> list[dict[str, Any]]:
    return [
        {"step": 10 * (index + 1), "loss": loss, "grad_norm": norm, "learning_rate": 1e-3}
        for index, loss in enumerate(losses)
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_stops(value: float) -> None:
    with pytest.raises(Diverged, match=r"at step 20 the loss was (nan|-?inf), the learning rate 0.001"):
        prove_sound(log(3.0, value), GUESS)
    with pytest.raises(Diverged, match="the gradient's norm"):
        prove_sound(log(3.0, norm=value), GUESS)
    prove_sound(log(3.0, norm=value), GUESS, skipped=True)
    with pytest.raises(Diverged):
        prove_sound(log(value, norm=value), GUESS, skipped=True)
    with pytest.raises(Diverged):
        prove_sound([*log(3.0), {"step": 14, "train_loss": value}], GUESS)


@pytest.mark.parametrize(
    ("losses", "explodes"),
    [
        ((3.0, 2.5, 2.0), False),
        ((3.0, 2.5, 20.0), False),  # one bad stretch
        ((3.0, 40.0), True),
        ((3.0, 15.0, 15.0, 15.0), True),
        ((3.0, 13.0, 13.0, 13.0), False),  # above three times the first, and not above twice a guess
        ((12.0, 20.0, 20.0, 20.0), False),  # above twice a guess, and not above three times the first
        ((100.0,), True),  # it exploded before the first line of the log
        ((19.0, 15.0, 12.0), False),  # a model that knows little of the language, and learns it
    ],
)
def test_a_loss_explodes_by_both_measures(losses: tuple[float, ...], explodes: bool) -> None:
    if explodes:
        with pytest.raises(Diverged, match=f"exploded: .* after {losses[0]:.3g} at first; lower learning_rate"):
            prove_sound(log(*losses), GUESS)
    else:
        prove_sound(log(*losses), GUESS)


@pytest.mark.parametrize(
    ("losses", "explodes"),
    [
        ((0.69, 0.4, 0.2), False),
        ((25.0, 25.0, 24.0), False),  # IPO begins at 1 / (4 beta^2)
        ((0.01, 3.0, 4.0, 5.0), False),  # confident, and often wrong: no reason to stop
        ((0.69, 12.0, 12.0, 12.0), True),
        ((25.0, 300.0, 300.0, 300.0), True),
        ((0.69, math.nan), True),
    ],
)
def test_a_loss_over_pairs_is_measured_by_its_own_beginning(losses: tuple[float, ...], explodes: bool) -> None:
    if explodes:
        with pytest.raises(Diverged):
            prove_sound(log(*losses), None)
    else:
        prove_sound(log(*losses), None)
