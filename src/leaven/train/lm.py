"""Training of language models on texts, by transformers: every token of every block is trained, control tokens too.

Blocks come from the stage before. Every argument that can change a result has its own default here and is passed
explicitly, so that an upgrade of transformers cannot change what a key means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.blocks import Packing
from leaven.errors import ModelError
from leaven.models import grown
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import reload, schedule, snapshots
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save, unwrapped
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.reports import Trackers
from leaven.train.run import facts, logged, placed, prove_all_seen, run

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job

_EPOCHS = 1.0


def _problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield what cannot work: two ends of one training, and snapshots that it does not reach."""
    if args.get("num_train_tokens") is not None and int(args.get("max_steps", -1)) > 0:
        yield ("num_train_tokens",), "num_train_tokens and max_steps both say where the training ends", "take one out"
    yield from snapshots.problems(args, _EPOCHS)


@trainer(version=1, reads="texts", makes="policy", circumstance=("report_to",), evaluates=True, problems=_problems)
def lm(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 5e-4,
    num_train_epochs: Positive = _EPOCHS,
    max_steps: int = -1,
    num_train_tokens: Count | None = None,
    snapshots: list[Positive] = [],  # noqa: B006 - a declared default, never changed
    per_device_train_batch_size: Count = 8,
    gradient_accumulation_steps: Count = 1,
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear",
    warmup_steps: Annotated[float, Field(ge=0)] = 0,
    weight_decay: Annotated[float, Field(ge=0)] = 0.0,
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0,
    optim: Literal["adamw_torch", "adafactor", "sgd"] = "adamw_torch",
    adam_beta1: Rate = 0.9,
    adam_beta2: Rate = 0.999,
    adam_epsilon: Positive = 1e-8,
    bf16: bool = False,
    fp16: bool = False,
    activation_checkpointing: bool = False,
    max_length: Count = 512,
    packing: Packing = "group",
    peft: Lora | None = None,
    report_to: Trackers = "tensorboard",
) -> dict[str, Any]:
    """Train to go on with texts, on blocks of them; write weights, tokenizer and log into the job's folder.

    ``max_length`` (of a block, at most the model's context) and ``packing`` (``data.blocks``) were applied when the
    blocks were made; texts in one block see each other. ``num_train_tokens`` ends the training with the first step at
    which so many tokens were trained, over the blocks again where there are fewer, so that arms of different sizes
    train on as many. ``snapshots`` are kept as artefacts of their own at these epochs (with num_train_tokens: at these
    shares of it); each is what a training that ends there would be, but for the schedule of its learning rate.
    ``warmup_steps`` below 1 is a share of all steps. Adapters train the rows of added tokens whole. Returns what
    ``sft`` returns. Raises ModelError if a weight is not finite, the training diverges, or it did not move the row of
    an added token that its blocks hold.
    """
    from transformers import set_seed

    given = {name: value for name, value in locals().items() if name in _ARGUMENTS}
    plan = _schedule(job, rows, given, num_train_tokens, snapshots)
    given["max_steps"] = plan.max_steps
    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, added=job.added)
    prove_precision(over, bf16=bf16, fp16=fp16)
    return _train(job, over, rows, given, plan, report_to)


_ARGUMENTS = {
    "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
    "lr_scheduler_type", "warmup_steps", "weight_decay", "max_grad_norm", "optim", "adam_beta1", "adam_beta2",
    "adam_epsilon", "bf16", "fp16", "activation_checkpointing",
}  # fmt: skip
_ELSEWHERE = {"max_length", "packing", "num_train_tokens", "snapshots", "peft", "report_to"}


def _schedule(
    job: Job, rows: Dataset, given: Mapping[str, Any], tokens: int | None, shots: Sequence[float]
) -> schedule.Schedule:
    from leaven.train.trainers.sampler import lengths

    if tokens is None:
        return snapshots.planned(len(rows), given, shots)
    batch = given["per_device_train_batch_size"] * given["gradient_accumulation_steps"]
    return schedule.by_tokens(lengths(rows), batch, job.seed, tokens, shots)


def _train(
    job: Job, over: Any, rows: Dataset, given: dict[str, Any], plan: schedule.Schedule, report_to: str | Sequence[str]
) -> dict[str, Any]:
    trained = _occurring(job, rows)
    before = grown.rows(over, trained)
    trainer, done = run(job, report_to, lambda callbacks: _trainer(job, over, rows, given, callbacks, plan))
    _prove_seen(trainer, rows, given, plan)
    save(job, trainer, "lm")
    grown.prove_trained(before, grown.rows(unwrapped(trainer), trained))
    snapshots.keep(job, plan.snapshots)
    reload.write(job.out, unwrapped(trainer), rows.select(range(min(reload.ROWS, len(rows)))).to_list(), "texts")
    watched = logged(trainer, ("eval_loss",))
    return {
        **facts(trainer), "rows": len(rows), "resumed_from_step": done, **watched, "snapshots": sorted(plan.snapshots),
    }  # fmt: skip


def _trainer(
    job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any], plan: schedule.Schedule
) -> Any:
    from leaven.train.trainers.lm import ReproducibleLM, config

    arguments = config(**placed(job), **given)
    show_gpus(arguments, model)
    trainer = ReproducibleLM(model=model, args=arguments, train_dataset=rows, processing_class=job.tokenizer,
                             callbacks=callbacks)  # fmt: skip
    if job.held is not None:  # before the snapshots: the log of each ends with its own loss
        from leaven.train.trainers.held import Held

        trainer.add_callback(Held(trainer, job.held, plan.snapshots.values()))
    snapshots.watched(job, trainer, "lm", plan)
    return trainer


def _occurring(job: Job, rows: Dataset) -> dict[str, int]:
    """Return the added tokens that the blocks hold, with their ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    added = job.added
    if not added:
        return {}
    ids = pc.list_flatten(rows.data.table["input_ids"])
    there = set(pc.unique(pc.filter(ids, pc.is_in(ids, pa.array(list(added.values()), ids.type)))).to_pylist())
    return {token: index for token, index in added.items() if index in there}


def _prove_seen(trainer: Any, rows: Dataset, given: dict[str, Any], plan: schedule.Schedule) -> None:
    """Each token must have been trained once an epoch, or exactly as many in all as the schedule told."""
    from leaven.train.trainers.sampler import lengths

    prove_all_seen(trainer, len(rows), int(lengths(rows).sum()), given)
    if plan.tokens is not None and trainer.seen["tokens_trained"] != plan.tokens:
        seen = trainer.seen["tokens_trained"]
        raise ModelError(f"the trainer saw {seen} tokens, not {plan.tokens}: some were lost or trained twice")
