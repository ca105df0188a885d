"""Supervised fine-tuning by TRL.

Rows come tokenised and masked by ``data/chat.py``; TRL trains them as they are. Every argument that can change a
result has its own default here and is passed explicitly, so that an upgrade of TRL cannot change what a key means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.doctor import Check
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import snapshots as kept
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.reports import Trackers
from leaven.train.run import facts, logged, placed, prove_all_seen, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job
    from leaven.train.schedule import Schedule


_AROUND = ("report_to", "logging_steps", "save_steps")
_EPOCHS = 3.0


def _problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    yield from kept.problems(args, _EPOCHS)


@trainer(version=1, reads="examples", makes="policy", circumstance=_AROUND, evaluates=True, configurable=True,
         problems=_problems)  # fmt: skip
def sft(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-5,
    num_train_epochs: Positive = _EPOCHS,
    max_steps: int = -1,
    snapshots: list[Positive] = [],  # noqa: B006 - a declared default, never changed
    per_device_train_batch_size: Count = 8,
    gradient_accumulation_steps: Count = 1,
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear",
    warmup_steps: Annotated[int | float, Field(ge=0)] = 0,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0,
    optim: Literal["adamw_torch", "adafactor", "sgd"] = "adamw_torch",
    adam_beta1: Rate = 0.9,
    adam_beta2: Rate = 0.999,
    adam_epsilon: Positive = 1e-8,
    label_smoothing_factor: Rate = 0.0,
    neftune_noise_alpha: Positive | None = None,
    bf16: bool = False,
    fp16: bool = False,
    activation_checkpointing: bool = False,
    train_sampling_strategy: Literal["random", "group_by_length"] = "group_by_length",
    max_length: Count = 1024,
    completion_only_loss: bool = True,
    assistant_only_loss: bool = False,
    truncation: bool = False,
    accept_findings: list[Check] = [],  # noqa: B006 - a declared default, never changed
    peft: Lora | None = None,
    report_to: Trackers = "tensorboard",
    logging_steps: Count | None = None,
    save_steps: Count | None = None,
) -> dict[str, Any]:
    """Fine-tune on rows of ``input_ids`` and ``labels``; write weights, tokenizer and log into the job's folder.

    ``max_length``, ``truncation`` (rows that are longer are cut at their end, not left out), the two loss switches and
    ``accept_findings`` (checks of the doctor whose errors the study accepts) were applied when the rows were encoded;
    they are declared here because they belong to the training. ``warmup_steps`` below 1 is a share of all steps.
    ``snapshots`` are kept as artefacts of their own at these epochs, so that one training gives a learning curve; each
    is what a training that ends there would be only if ``lr_scheduler_type`` is constant: a schedule that falls has
    not come to its end by then.
    ``report_to``, ``logging_steps`` (over how many steps a logged loss is the mean; null for 10) and ``save_steps``
    (how many lie between checkpoints at least, of which one is kept; null for one a minute) cannot change a result,
    and enter no key. Returns rows, tokens and steps seen. Raises ModelError if a weight is not finite or the training
    diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    if logging_steps is not None:
        given["logging_steps"] = logging_steps
    plan, around = kept.planned(len(rows), given, snapshots), {"report_to": report_to, "save_steps": save_steps}
    return _train(job, _started(job, model, given, peft), rows, given, plan, around)


_ENCODED = {"max_length", "completion_only_loss", "assistant_only_loss", "truncation", "accept_findings"}
_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "snapshots", *_AROUND, *_ENCODED}


def _started(job: Job, model: Any, given: dict[str, Any], peft: Lora | None) -> Any:
    """Return what is trained, seeded and in a precision that this machine has."""
    from transformers import set_seed

    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, added=job.added)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    return over


def _train(
    job: Job, over: Any, rows: Dataset, given: dict[str, Any], plan: Schedule, around: dict[str, Any]
) -> dict[str, Any]:
    trainer, done = run(job, build=lambda callbacks: _trainer(job, over, rows, given, callbacks, plan), **around)
    prove_all_seen(trainer, len(rows), _trained(rows), given)
    save(job, trainer, "sft")
    kept.keep(job, plan.snapshots)
    watched = logged(trainer, ("eval_loss",))
    return {**facts(trainer), "rows": len(rows), "resumed_from_step": done, **watched, **kept.told(plan)}


def _trainer(job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any], plan: Schedule) -> Any:
    from leaven.train.trainers.sft import ReproducibleSFT, config

    arguments = config(**{**placed(job), **given})
    show_gpus(arguments, model)
    trainer = ReproducibleSFT(model=model, args=arguments, train_dataset=rows, processing_class=job.tokenizer,
                              callbacks=callbacks)  # fmt: skip
    if job.held is not None:
        from leaven.train.trainers.held import Held

        trainer.add_callback(Held(trainer, job.held, apart=False))  # as version 1 did: apart would need a new one
    kept.watched(job, trainer, "sft", plan)
    return trainer


def _trained(rows: Dataset) -> int:
    """Return how many tokens carry loss."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.not_equal(pc.list_flatten(rows.data.table["labels"]), -100)).as_py())
