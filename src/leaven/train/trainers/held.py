"""The loss on rows that are held out, by epoch: in the log and in the curves, and nowhere else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from transformers import TrainerCallback

from leaven.train.trainers.sampler import SeededSampler, lengths
from leaven.train.trainers.shared import IDLE, Shares, loader_of

_WHOLE = 1e-6  # how far from a whole number the count of epochs may be at an epoch's end


class Held(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Logs ``eval_loss``, the mean over the trained tokens of all held-out rows; every process reads a share of them.

    It is measured at an epoch's last step, before a checkpoint of that step is written, so that a resumed training
    neither loses nor repeats one, and at the steps ``also``, where a snapshot may be taken between two epochs' ends.
    No weight is touched, and where it is ``apart`` the training goes on as without it: else reading the rows draws a
    number of the training's own, and dropout then draws others.
    """

    def __init__(self, trainer: Any, rows: Any, also: Collection[int] = (), *, apart: bool = True):
        self._trainer, self._rows, self._also, self._apart = trainer, rows, frozenset(also), apart

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure where an epoch or the training ends, and where else it was asked for."""
        ends = abs(state.epoch - round(state.epoch)) < _WHOLE or state.global_step == state.max_steps
        if ends or state.global_step in self._also:
            due = control.should_log
            self._trainer.log({"eval_loss": self.loss()})
            control.should_log = due  # to log anything ends the wish to log the step's own loss

    def loss(self) -> float:
        """Return the mean loss over the tokens that count, of all rows."""
        trainer, total = self._trainer, torch.zeros(2, dtype=torch.float64)
        model = trainer.model_wrapped
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[], enabled=self._apart):  # a loader draws on the CPU
            for inputs in self._batches():
                inputs.pop(IDLE, None)
                total += _summed(model, trainer._prepare_inputs(inputs))
        model.train()
        if trainer.spread is not None:
            total = trainer.accelerator.reduce(total.to(trainer.args.device), "sum").cpu()
        return float(total[0] / total[1])

    def _batches(self) -> Any:
        """Return this process's batches, of rows of similar length."""
        size, of = self._trainer.args.per_device_train_batch_size, self._trainer.processes
        order = SeededSampler(lengths(self._rows), size * of, 0, group_by_length=True)
        return loader_of(self._trainer, self._rows, Shares(order, size * of, size, self._trainer.spread))


def _summed(model: Any, inputs: Any) -> torch.Tensor:
    """Return the sum of the losses of a batch's tokens, and how many there are."""
    labels = inputs["labels"][:, 1:]
    told = model(**{name: value for name, value in inputs.items() if name != "labels"}, use_cache=False).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(told.float().flatten(0, 1), labels.flatten(), reduction="sum")
    return torch.stack([each.double(), (labels != -100).sum().double()]).cpu()
