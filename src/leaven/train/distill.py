"""Context distillation by the Kullback-Leibler divergence: a student learns what its teacher would say, token by token.

The teacher reads its own prompt (with a system prompt, examples or passages, say), the student the bare one; behind
both stands the same answer, and only its tokens count (Askell et al. 2021; Snell et al. 2022). Rows come encoded by
``data/distilled.py``. Every argument that can change a result has its own default here and is passed explicitly.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.doctor import Check
from leaven.errors import ModelError
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import reload
from leaven.train import snapshots as kept
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save, unwrapped
from leaven.train.devices import is_laid_out, prove_precision, show_gpus
from leaven.train.reports import Trackers
from leaven.train.run import facts, placed, prove_all_seen, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job
    from leaven.train.schedule import Schedule

_EPOCHS = 3.0
_PROVEN = 8  # rows behind which student and teacher are compared
_APART, _APART_HALF = 1e-4, 1e-2  # nats by which a student and itself as its teacher may differ: float32, 16 bits


def _problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield what cannot work: a divergence that counts for nothing, and snapshots that are not reached."""
    if float(args.get("alpha", 0.0)) == 1.0:
        said = "alpha 1 trains on the teacher's answers alone, and its distributions count for nothing"
        yield ("alpha",), said, "lower it, or train on the same data by `sft`"
    yield from kept.problems(args, _EPOCHS)


@trainer(version=1, reads="distillations", makes="policy", circumstance=("report_to",), problems=_problems)
def distill(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    kl: Literal["forward", "reverse"] = "forward",
    temperature: Positive = 1.0,
    alpha: Rate = 0.0,
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
    bf16: bool = False,
    fp16: bool = False,
    activation_checkpointing: bool = False,
    train_sampling_strategy: Literal["random", "group_by_length"] = "group_by_length",
    max_length: Count = 1024,
    accept_findings: list[Check] = [],  # noqa: B006 - a declared default, never changed
    peft: Lora | None = None,
    report_to: Trackers = "tensorboard",
) -> dict[str, Any]:
    """Distil a teacher's next-token distributions into a student that is not told what the teacher is.

    ``kl``: "forward" is KL(teacher || student), "reverse" KL(student || teacher), the mean over the answers' tokens.
    ``temperature`` softens both distributions, and the divergence is multiplied by its square, so that its gradient
    keeps its size. ``alpha`` is the weight of the ordinary loss on the teacher's answers, 1 - alpha that of the
    divergence. ``max_length`` (of either prompt with the answer) and ``accept_findings`` were applied when the rows
    were encoded. ``snapshots`` are kept as ``sft`` keeps them.

    The teacher is the job's, else the base; under a fresh adapter that is the student with its adapter switched off,
    so that no second copy is loaded. It drops nothing out. Returns what ``sft`` returns, ``first_kl`` and ``final_kl``
    (nats by token over the same rows, at temperature 1), and where the student starts as its teacher ``step0_max_kl``:
    the most by which a token's distributions differ behind equal prompts. Raises ModelError if that is more than
    rounding, the teacher has another vocabulary, a weight is not finite or the training diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    how, plan = {"kl": kl, "temperature": temperature, "alpha": alpha}, kept.planned(len(rows), given, snapshots)
    over = _started(job, model, given, peft)
    start: dict[str, float] = {}

    def build(callbacks: list[Any]) -> Any:
        made = _trainer(job, over, rows, given, how, callbacks)
        start.update(_start(job, made, given))
        kept.watched(job, made, "distill", plan)
        return made

    trainer, done = run(job, report_to, build)
    prove_all_seen(trainer, len(rows), _answers(rows), given)
    start["final_kl"] = trainer.apart(trainer.sample())
    _saved(job, trainer, rows, plan)
    return {**facts(trainer), "rows": len(rows), "resumed_from_step": done, **start, **kept.told(plan)}


_ENCODED = {"max_length", "accept_findings"}
_LOSS = {"kl", "temperature", "alpha"}
_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "snapshots", "report_to", *_LOSS, *_ENCODED}


def _started(job: Job, model: Any, given: dict[str, Any], peft: Lora | None) -> Any:
    """Return what is trained, seeded and in a precision that this machine has."""
    from transformers import set_seed

    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, added=job.added)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    return over


def _trainer(
    job: Job, model: Any, rows: Dataset, given: dict[str, Any], how: dict[str, Any], callbacks: list[Any]
) -> Any:
    from leaven.train.trainers.distill import How, ReproducibleDistill, Teacher, config

    arguments = config(**placed(job), **given)
    show_gpus(arguments, model)
    return ReproducibleDistill(model=model, args=arguments, train_dataset=rows, processing_class=job.tokenizer,
                               teacher=Teacher(teacher(job, model)), how=How(**how), callbacks=callbacks)  # fmt: skip


def teacher(job: Job, student: Any) -> Any | None:
    """Return the model that a student learns from; None where that is what lies under the student's adapter.

    It is the job's teacher, else the base, whatever was trained before. Raises ModelError if it has other tokens.
    """
    from leaven.models import load

    over = "auto" if is_laid_out(student) else None
    if job.teacher is not None:
        found, tokenizer = load.trained(job.teacher, job.base_path, over)
        _prove_tokens(job, student, found, tokenizer)
        return found
    if job.before is not None and load.whole_weights(job.before):
        return load.causal_lm(load.base(job.base, job.base_path, over))
    return None if hasattr(student, "peft_config") else copy.deepcopy(student)


def _prove_tokens(job: Job, student: Any, found: Any, tokenizer: Any) -> None:
    sizes = [one.get_input_embeddings().num_embeddings for one in (found, student)]
    if tokenizer.get_vocab() != job.tokenizer.get_vocab() or sizes[0] != sizes[1]:
        raise ModelError(
            f"the teacher has other tokens than its student ({sizes[0]} and {sizes[1]} of them), so their "
            "distributions cannot be compared; name a teacher over the same base, or train on its answers by `sft`"
        )


def _start(job: Job, trainer: Any, given: dict[str, Any]) -> dict[str, float]:
    """Return how far student and teacher are apart before the first step, proven where they are the same model."""
    found = {"first_kl": trainer.apart(trainer.sample())}
    if not math.isfinite(found["first_kl"]):
        raise ModelError(
            "teacher or student give an answer no finite distribution before the first step; the model overflows in "
            "this precision: set model.dtype to float32 or bfloat16"
        )
    if job.teacher == job.before:  # both None: the base
        found["step0_max_kl"] = prove_start(trainer, given)
    return found


def prove_start(trainer: Any, given: Mapping[str, Any]) -> float:
    """Return the most by which a token's distributions differ where the teacher reads the student's own prompts.

    Raises ModelError if that is more than rounding: what is learnt from is then not what the student starts from, or
    the answers do not stand at the same places.
    """
    equal = [{**row, "teacher_ids": row["prompt_ids"]} for row in trainer.sample()[:_PROVEN]]
    halves = given["bf16"] or given["fp16"] or str(trainer.model.dtype) != "torch.float32"
    apart, limit = float(trainer.apart(equal, most=True)), _APART_HALF if halves else _APART
    if not abs(apart) <= limit:
        raise ModelError(
            f"student and teacher differ before the first step, behind equal prompts: by {apart:.4g} nats, and at most "
            f"{limit:g} is rounding; the teacher is not what this training starts from: report it"
        )
    return apart


def _saved(job: Job, trainer: Any, rows: Dataset, plan: Schedule) -> None:
    save(job, trainer, "distill")
    kept.keep(job, plan.snapshots)
    few = rows.select(range(min(reload.ROWS, len(rows))))
    reload.write(job.out, unwrapped(trainer), [reload.text_of(row) for row in few], "texts")


def _answers(rows: Dataset) -> int:
    """Return how many tokens the answers have."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.list_value_length(rows.data.table["completion_ids"])).as_py())
