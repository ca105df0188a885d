"""Supervised fine-tuning by TRL.

Rows come tokenised and masked by ``data/chat.py``; TRL trains them as they are. Every argument that can change a
result has its own default here and is passed explicitly, so that an upgrade of TRL cannot change what a key means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.doctor import Check
from leaven.errors import ModelError
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train.adapters import NAME, Lora, adapted, keep_below
from leaven.train.checkpoints import forget, load_seen, newest_whole, seal
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.health import Diverged
from leaven.train.reports import Trackers, reports

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job

_LOGGED_EVERY = 10
_CHECKPOINT_EVERY_S = 60.0  # what a killed run loses at most; when one is written cannot change the result


@trainer(version=1, circumstance=("report_to",))
def sft(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-5,
    num_train_epochs: Positive = 3.0,
    max_steps: int = -1,
    per_device_train_batch_size: Count = 8,
    gradient_accumulation_steps: Count = 1,
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear",
    warmup_steps: Annotated[int, Field(ge=0)] = 0,
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
) -> dict[str, Any]:
    """Fine-tune on rows of ``input_ids`` and ``labels``; write weights, tokenizer and log into the job's folder.

    ``max_length``, ``truncation`` (rows that are longer are cut at their end, not left out), the two loss switches and
    ``accept_findings`` (checks of the doctor whose errors the study accepts) were applied when the rows were encoded;
    they are declared here because they belong to the training. ``report_to`` cannot change a result, and enters no
    key. Returns rows, tokens and steps seen. Raises ModelError if a weight is not finite or the training diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    return _train(job, model, rows, given, peft, report_to)


_ENCODED = {"max_length", "completion_only_loss", "assistant_only_loss", "truncation", "accept_findings"}
_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "report_to", *_ENCODED}


def _train(
    job: Job, model: Any, rows: Dataset, given: dict[str, Any], peft: Lora | None, report_to: str | Sequence[str]
) -> dict[str, Any]:
    from transformers import set_seed

    set_seed(job.seed)
    over = adapted(model, peft, job.adapter)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    checkpoint = newest_whole(job.checkpoints)
    done = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    with reports(report_to, job.logs, done or 0) as callbacks:
        trainer = _trainer(job, over, rows, given, callbacks)
        if checkpoint is not None:
            trainer.seen, trainer.seconds_before = load_seen(checkpoint)
        _run(job, trainer, checkpoint)
    _prove_all_seen(trainer, rows, given)
    _save(job, trainer)
    return {**_facts(trainer), "rows": len(rows), "resumed_from_step": done}


def _run(job: Job, trainer: Any, checkpoint: Path | None) -> None:
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Diverged:
        forget(job.checkpoints)
        raise


def _facts(trainer: Any) -> dict[str, Any]:
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry] or [entry["train_loss"] for entry in history[-1:]]
    return {
        **trainer.seen,
        "steps": trainer.state.global_step,
        "first_loss": losses[0] if losses else None,
        "final_loss": losses[-1] if losses else None,
        "seconds": round(trainer.seconds, 3),
    }


def _trainer(job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any]) -> Any:
    from leaven.train.trainers.sft import ReproducibleSFT, config

    arguments = config(
        output_dir=str(job.checkpoints), run_name=job.name or None, seed=job.seed, logging_steps=_LOGGED_EVERY, **given
    )
    show_gpus(arguments, model)
    trainer = ReproducibleSFT(model=model, args=arguments, train_dataset=rows, processing_class=job.tokenizer,
                              callbacks=callbacks)  # fmt: skip
    trainer.on_checkpoint, trainer.on_step, trainer.save_every_s = seal, job.progress, _CHECKPOINT_EVERY_S
    return trainer


def _prove_all_seen(trainer: Any, rows: Dataset, given: dict[str, Any]) -> None:
    """Over whole epochs each row must have been trained once an epoch, token by token: nothing dropped unseen."""
    epochs = given["num_train_epochs"]
    if given["max_steps"] > 0 or epochs != int(epochs):
        return
    import pyarrow.compute as pc

    tokens = pc.sum(pc.not_equal(pc.list_flatten(rows.data.table["labels"]), -100)).as_py()
    expected = {"rows_seen": len(rows) * int(epochs), "tokens_trained": tokens * int(epochs)}
    if trainer.seen != expected:
        raise ModelError(f"the trainer saw {trainer.seen}, not {expected}: rows or tokens were lost or trained twice")


def _save(job: Job, trainer: Any) -> None:
    from leaven.models.load import prove_finite
    from leaven.models.ref import ModelRef

    model = trainer.accelerator.unwrap_model(trainer.model)
    prove_finite(model)
    has_adapter = hasattr(model, "peft_config")
    model.save_pretrained(job.out / NAME if has_adapter else job.out, safe_serialization=True)
    if has_adapter:
        keep_below(job.before, job.out)
    job.tokenizer.save_pretrained(job.out)
    settings = model.generation_config
    settings.pad_token_id, settings.eos_token_id = job.tokenizer.pad_token_id, list(job.stop_ids)
    settings.save_pretrained(job.out)
    ModelRef(job.base, (NAME,) if has_adapter else ()).save(job.out)
    with (job.out / "log.jsonl").open("w", encoding="utf-8") as log:
        log.writelines(json.dumps(entry) + "\n" for entry in trainer.state.log_history)
