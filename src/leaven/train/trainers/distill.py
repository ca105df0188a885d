"""The thin subclass of transformers' trainer for distillation: one answer behind two prompts, read by two models.

A batch has two views of the same answers: the student's, behind the bare prompts, and the teacher's, behind its own. In
both, padding lies on the right and is masked by position, and ``at`` says in which columns something predicts a token
of an answer: of those alone logits are computed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from leaven.errors import ModelError
from leaven.train.spread import Spread, arguments
from leaven.train.trainers.pairs import length_of
from leaven.train.trainers.reproducible import SWITCHED_OFF, Reproducible

Direction = Literal["forward", "reverse"]
_MEASURED = 64  # rows of which the divergence is measured before and after the training


class How(NamedTuple):
    """What is minimised: ``(1 - alpha) * temperature**2 * KL + alpha * cross-entropy``, by token of the answers.

    The square keeps the divergence's gradient as large at any temperature (Hinton et al. 2015).
    """

    kl: Direction = "forward"
    temperature: float = 1.0
    alpha: float = 0.0


def config(spread: Spread | None = None, **given: Any) -> TrainingArguments:
    """Build transformers' configuration: all that can change a result comes from us, the rest is switched off.

    Raises ModelError where no process will hold the whole weights that a teacher is asked with.
    """
    if spread is not None and (spread.preset.shards or spread.preset.stage == 3):
        raise ModelError(f"launch: {spread.preset.name} cuts the model into shards, and distill asks a teacher beside "
                         "it; launch it by ddp or zero2")  # fmt: skip
    return TrainingArguments(remove_unused_columns=False, **SWITCHED_OFF, **arguments(spread, given))


class Teacher:
    """Whoever is learnt from: a ``model`` of its own, or None for what lies under the student's adapter."""

    def __init__(self, model: Any | None):
        self.model = None if model is None else model.requires_grad_(False).eval()

    @contextmanager
    def over(self, student: Any) -> Iterator[Any]:
        """Yield the model that tells the teacher's distribution; the student is left in the mode that it was in."""
        if self.model is not None:
            yield self.model
            return
        was = student.training
        student.eval()
        with student.disable_adapter():
            yield student
        student.train(was)


class ReproducibleDistill(Reproducible, Trainer):  # type: ignore[misc] # transformers is untyped
    """transformers' trainer on answers behind two prompts; ``seen`` counts rows and the answers' tokens."""

    def __init__(self, *, processing_class: Any, teacher: Teacher, how: How, **given: Any):
        self._pad, self._teacher, self._how = int(processing_class.pad_token_id), teacher, how
        super().__init__(processing_class=processing_class, data_collator=self.collated, **given)
        self.model_accepts_loss_kwargs = True  # so that the tokens of a whole step are counted, whatever the model
        self._divergence: torch.Tensor | None = None  # summed over tokens, and the tokens, since it was last logged
        if teacher.model is not None and not getattr(teacher.model, "hf_device_map", None):
            teacher.model.to(self.args.device)

    def lengths(self, rows: Any) -> np.ndarray:
        """Return the tokens of both views of each row."""
        views = [length_of(rows, name) for name in ("teacher_ids", "prompt_ids", "completion_ids", "completion_ids")]
        return np.asarray(sum(views))

    def blank(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of which nothing is trained."""
        return {"teacher_ids": row["teacher_ids"][:2], "prompt_ids": row["prompt_ids"][:2], "completion_ids": []}

    def collated(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch of both views; ``labels`` are the student's, and say how many tokens are trained."""
        answers = [row["completion_ids"] for row in rows]
        views = {
            name: _view([row[column] for row in rows], answers, self._pad)
            for name, column in (("student", "prompt_ids"), ("teacher", "teacher_ids"))
        }
        return {**views, "labels": views["student"].pop("labels")}

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the loss over all tokens of the answers of a step, and count; the teacher is asked first."""
        how, labels = self._how, inputs["labels"]
        teacher = self._told(inputs)
        student = _answering(model, inputs["student"])
        tokens = (labels != -100).sum()
        read = sum(inputs[view]["attention_mask"].sum() for view in ("student", "teacher"))
        self.count(len(labels), tokens, read)
        apart = how.temperature**2 * _divergence(student, teacher, how.kl, how.temperature).sum()
        self._note(apart.detach(), tokens)
        loss = (1 - how.alpha) * apart
        if how.alpha:
            said = inputs["student"]["said"]
            loss = loss + how.alpha * functional.cross_entropy(student.float(), said, reduction="sum")
        loss = loss / (num_items_in_batch if num_items_in_batch is not None else tokens)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # whose gradients are averaged
        return (loss, {"logits": student}) if return_outputs else loss

    def _told(self, inputs: Any) -> torch.Tensor:
        """Return the teacher's logits for each token of the answers: shape (tokens, vocabulary)."""
        student = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=True)
        # The autocast ends with the teacher: within one, weights that were cast without a gradient would be kept.
        with torch.no_grad(), self._teacher.over(student) as teacher, self.accelerator.autocast():
            return _answering(teacher, inputs["teacher"])

    def floating_point_ops(self, inputs: Any) -> int:
        """Return what transformers estimates for the student's pass."""
        return int(super().floating_point_ops(inputs["student"]))

    def _note(self, divergence: torch.Tensor, tokens: torch.Tensor) -> None:
        """Sum on the device: to ask for a number at each batch would make a GPU wait for it."""
        told = torch.stack([divergence.double(), tokens.double()])
        self._divergence = told if self._divergence is None else self._divergence + told

    def log(self, logs: dict[str, float], *more: Any) -> None:
        """Log what transformers logs, and with each loss its divergence as ``kl``, the mean over tokens."""
        if "loss" in logs and self._divergence is not None:
            told = self._divergence
            if self.spread is not None:
                told = self.accelerator.reduce(told, "sum")
            logs["kl"] = float(told[0] / told[1])
            self._divergence = None
        super().log(logs, *more)

    def apart(self, rows: Sequence[Mapping[str, Any]], *, most: bool = False) -> float:
        """Return the mean divergence by token of some rows (nats), at temperature 1; or the ``most`` of any token.

        Nothing drops out, nothing is drawn and no weight is touched.
        """
        student = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=True)
        was, each = student.training, []
        student.eval()
        for batch in _batches(rows, self.args.per_device_train_batch_size):
            inputs = self._prepare_inputs(self.collated([dict(row) for row in batch]))
            teacher = self._told(inputs)
            with torch.no_grad(), self.accelerator.autocast():
                told = _answering(student, inputs["student"])
            each.append(_divergence(told, teacher, self._how.kl, 1.0).double())
        student.train(was)
        found = torch.cat(each)
        return float(found.max() if most else found.mean())

    def sample(self) -> list[dict[str, Any]]:
        """Return some rows, evenly spaced, by which the divergence is measured."""
        rows = self.train_dataset
        return list(rows.select(range(0, len(rows), -(-len(rows) // _MEASURED))))


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _view(prompts: Sequence[list[int]], answers: Sequence[list[int]], pad: int) -> dict[str, torch.Tensor]:
    """Return answers behind prompts, and where their tokens are predicted.

    ``at`` are the columns in which some row predicts one, ``picked`` is (rows, columns of ``at``), true where this row
    does, ``said`` are those tokens, row by row.
    """
    width = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    ids = torch.full((len(prompts), width), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        start, end = len(prompt), len(prompt) + len(answer)
        ids[row, :end] = torch.tensor([*prompt, *answer])
        mask[row, :end] = 1
        labels[row, start:end] = torch.tensor(answer, dtype=labels.dtype)
    predicts = functional.pad(labels[:, 1:] != -100, (0, 1))  # what stands in a column predicts the next one
    at = predicts.any(dim=0).nonzero()[:, 0]
    where = {"at": at, "picked": predicts[:, at], "said": labels[labels != -100]}
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, **where}


def _answering(model: Any, view: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return a model's logits for each token of a view's answers, row by row: shape (tokens, vocabulary)."""
    fewer = {"logits_to_keep": view["at"]} if _keeps(model) else {}
    told = model(input_ids=view["input_ids"], attention_mask=view["attention_mask"], use_cache=False, **fewer).logits
    kept = told if fewer else told[:, view["at"]]
    return kept[view["picked"]]


def _keeps(model: Any) -> bool:
    """Say whether a model computes logits of some columns alone, under whatever it is wrapped in."""
    inner = getattr(model, "module", model)
    inner = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    return "logits_to_keep" in inspect.signature(type(inner).forward).parameters


def _divergence(student: torch.Tensor, teacher: torch.Tensor, kl: Direction, temperature: float) -> torch.Tensor:
    """Return the divergence of each token's distributions (nats), shape (tokens,).

    "forward" is KL(teacher || student), which makes the student cover all that the teacher may say; "reverse" is
    KL(student || teacher), which keeps it from saying what the teacher would not.
    """
    learns, knows = (torch.log_softmax(told.float() / temperature, dim=-1) for told in (student, teacher))
    target, other = (knows, learns) if kl == "forward" else (learns, knows)
    return functional.kl_div(other, target, reduction="none", log_target=True).sum(dim=-1)
