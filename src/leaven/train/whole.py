"""Whole weights after a training in several processes: gathered in the first one, each of them proven to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leaven.errors import ModelError
from leaven.train.spread import GATHERS, Gave, Spread

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

Shapes = Mapping[str, tuple[int, ...]]


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a model that nobody has cut yet."""
    return {name: tuple(weight.shape) for name, weight in model.named_parameters()}


def make_whole(spread: Spread, trainer: Any, expected: Shapes) -> None:
    """Leave the first process a model like one that trained alone would leave; the others end here, by ``Gave``.

    Raises ModelError if a weight is not there, empty, of another shape or not finite.
    """
    seen = spread.summed(trainer.seen)
    state = _gathered(trainer) if spread.preset.shards else None
    spread.wait()
    if not spread.first:
        raise Gave
    trainer.seen = seen
    if state is not None:
        prove_complete(state, expected)
        restore(trainer.model, state)
    prove_complete(dict(trainer.model.named_parameters()), expected)


def prove_complete(state: Mapping[str, Any], expected: Shapes) -> None:
    """Raise ModelError unless every weight is there in its shape, with numbers in it that are finite."""
    import torch

    if lacking := sorted(expected.keys() - state.keys()):
        raise ModelError(f"{len(lacking)} weights were not gathered, first {lacking[0]}; {_REMEDY}")
    for name, shape in expected.items():
        weight = state[name]
        if weight.is_meta or tuple(weight.shape) != tuple(shape):
            raise ModelError(f"the weight {name} was gathered as {tuple(weight.shape)}, not {tuple(shape)}; {_REMEDY}")
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(f"the weight {name} is not finite; lower learning_rate or set max_grad_norm")


_REMEDY = "nothing is saved; run it again, and report it if it stays"


def _gathered(trainer: Any) -> dict[str, Any]:
    """Return the whole weights on the CPU, in the first process; every process takes part."""
    try:
        found: dict[str, Any] | None = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    except ValueError as error:  # accelerate's word for a configuration that does not gather
        raise ModelError(f"the weights cannot be gathered, so none are saved; set {GATHERS} to true") from error
    return found or {}


def restore(model: Any, state: Mapping[str, Any]) -> None:
    """Give a model that was cut into shards its whole weights, on the CPU, and take what gathered them away."""
    import torch

    known: dict[int, Any] = {}
    for prefix, module in model.named_modules():
        bases = type(module).__bases__
        if bases[0].__name__ == "FSDPModule":  # FSDP2 gives each module a class of its own
            module.__class__ = bases[1]
        for hooks in _HOOKS:
            getattr(module, hooks).clear()
        made: dict[str, Any] = {}
        for name, cut in list(module._parameters.items()):
            called = f"{prefix}.{name}" if prefix else name
            if cut is not None and id(cut) not in known:
                known[id(cut)] = torch.nn.Parameter(state[called], requires_grad=cut.requires_grad)
            made[name] = None if cut is None else known[id(cut)]  # tied weights stay tied
        module.__dict__["_parameters"] = made
    model.to("cpu")
