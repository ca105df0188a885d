"""Direct preference optimisation by TRL (Rafailov et al. 2023, and the losses that follow from it).

The reference is the policy as it was before the first step: the base, or a frozen copy of the adapter or of the whole
weights that the training before left. Pairs come encoded by ``data/pairs.py``. Every argument that can change a
result has its own default here and is passed explicitly.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.doctor import Check
from leaven.errors import ModelError
from leaven.models import reading
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import reload
from leaven.train import snapshots as kept
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save, unwrapped
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.lengths import MAX_LENGTH, prompt_problems
from leaven.train.reports import Trackers
from leaven.train.run import facts, logged, placed, prove_all_seen, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job
    from leaven.train.schedule import Schedule

LossType = Literal[
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sigmoid_norm",
]  # fmt: skip
_SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")  # the losses that read label_smoothing
_EPOCHS = 1.0
_TAU = 0.05  # of discopop alone
_WATCHED = ("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
            "logps/rejected")  # fmt: skip
_APART, _APART_HALF = 1e-3, 1e-2  # nats by which policy and reference may differ at the start: float32, 16 bits


# TRL multiplies with the head's own weights, and would not see the rows that an adapter has for added tokens.
_NO_ROWS = "dpo cannot train the rows of control tokens through an adapter; train it without peft, or by sft or lm"


def loss_problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where a loss needs a label_smoothing that is not there, or TRL would silently leave an argument out."""
    loss, smoothing = args.get("loss_type", "sigmoid"), args.get("label_smoothing", 0.0)
    if loss == "exo_pair" and not smoothing:
        yield ("loss_type",), "exo_pair needs label_smoothing above 0", "its paper recommends label_smoothing: 1e-3"
    if smoothing and loss not in _SMOOTHED:
        said = f"loss_type {loss} does not read label_smoothing {smoothing}, and TRL would leave it out silently"
        yield ("label_smoothing",), said, f"set loss_type to one of {', '.join(_SMOOTHED)}, or take it out"
    if loss != "discopop" and float(tau := args.get("discopop_tau", _TAU)) != _TAU:
        said = f"loss_type {loss} does not read discopop_tau {tau}, and TRL would leave it out silently"
        yield ("discopop_tau",), said, "set loss_type to discopop, or take it out"


def _problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    yield from loss_problems(args)
    yield from prompt_problems(args)
    yield from kept.problems(args, _EPOCHS)


@trainer(version=1, reads="preferences", makes="policy", circumstance=("report_to",), problems=_problems)
def dpo(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    beta: Positive = 0.1,
    loss_type: LossType = "sigmoid",
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0,
    discopop_tau: Positive = _TAU,
    precompute_ref_log_probs: bool = True,
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-6,
    num_train_epochs: Positive = _EPOCHS,
    max_steps: int = -1,
    snapshots: list[Positive] = [],  # noqa: B006 - a declared default, never changed
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
    bf16: bool = False,
    fp16: bool = False,
    activation_checkpointing: bool = False,
    train_sampling_strategy: Literal["random", "group_by_length"] = "group_by_length",
    max_length: Count = MAX_LENGTH,
    max_prompt_length: Annotated[int, Field(ge=2)] | None = None,
    accept_findings: list[Check] = [],  # noqa: B006 - a declared default, never changed
    peft: Lora | None = None,
    report_to: Trackers = "tensorboard",
) -> dict[str, Any]:
    """Prefer the chosen answers of encoded pairs to the rejected ones; write weights, tokenizer and log.

    ``max_length`` (prompt and longer answer; rows that are longer before any treatment are left out, and counted),
    ``max_prompt_length`` (longer prompts are cut from the left, and counted; null cuts none) and ``accept_findings``
    were applied when the pairs were encoded.
    ``precompute_ref_log_probs`` asks the reference about each row once, before training, and so saves its memory and a
    forward pass a step; the rows then stand in other batches than in training, so the last digits differ, and it is
    part of the key. Dropout is off, LoRA's too: with it, policy and reference would differ before the first step.
    ``snapshots`` are kept as ``sft`` keeps them.
    Returns what ``sft`` returns, the largest log-ratio at the start, and the first and last of what was logged. Raises
    ModelError if policy and reference differ at the start, a weight is not finite or the training diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    plan = kept.planned(len(rows), given, snapshots)
    return _train(job, _started(job, model, given, peft), rows, given, plan, report_to)


_ENCODED = {"max_length", "max_prompt_length", "accept_findings"}
_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "snapshots", "report_to", *_ENCODED}


def _started(job: Job, model: Any, given: dict[str, Any], peft: Lora | None) -> Any:
    """Return what is trained, seeded and in a precision that this machine has."""
    from transformers import set_seed

    for _, said, remedy in loss_problems(given):
        raise ModelError(f"{said}; {remedy}")
    if peft is not None and job.added:
        raise ModelError(_NO_ROWS)
    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, added=job.added)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    return over


def _train(
    job: Job, over: Any, rows: Dataset, given: dict[str, Any], plan: Schedule, report_to: str | Sequence[str]
) -> dict[str, Any]:
    start: dict[str, float] = {}

    def build(callbacks: list[Any]) -> Any:
        made = _trainer(job, over, rows, given, callbacks)
        start["step0_max_log_ratio"] = prove_start(made, given)
        kept.watched(job, made, "dpo", plan)
        return made

    trainer, done = run(job, report_to, build)
    prove_all_seen(trainer, len(rows), _answers(rows), given)
    save(job, trainer, "dpo")
    kept.keep(job, plan.snapshots)
    reload.write(job.out, unwrapped(trainer), _first(rows), "policy")
    watched = logged(trainer, _WATCHED)
    return {**facts(trainer), "rows": len(rows), "resumed_from_step": done, **start, **watched, **kept.told(plan)}


def _trainer(job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any]) -> Any:
    from leaven.train.trainers.dpo import ReproducibleDPO, config

    arguments = config(**placed(job), **given)
    show_gpus(arguments, model)
    second = not hasattr(model, "peft_config") and not given["precompute_ref_log_probs"]
    reference = copy.deepcopy(model).requires_grad_(False).eval() if second else None
    made = ReproducibleDPO(model=model, ref_model=reference, args=arguments, train_dataset=rows,
                           processing_class=job.tokenizer, callbacks=callbacks)  # fmt: skip
    if given["precompute_ref_log_probs"] and hasattr(model, "peft_config"):
        model.delete_adapter("ref")  # it has told all it is asked
    return made


def prove_start(trainer: Any, given: dict[str, Any]) -> float:
    """Return the largest log-ratio of policy and reference before the first step, on some rows, dropout off.

    Raises ModelError if a row's is more than rounding: the reference is then not what the policy starts from; and if
    it is no finite number.
    """
    halves = given["bf16"] or given["fp16"] or str(trainer.model.dtype) != "torch.float32"
    limit, told = _APART_HALF if halves else _APART, trainer.log_ratios()
    row = max(told, key=lambda index: (math.isnan(told[index]), told[index]))
    if not math.isfinite(told[row]):
        raise ModelError(
            f"policy or reference give row {row} no finite log-probability before the first step; the model overflows "
            "in this precision: set model.dtype to float32 or bfloat16"
        )
    if not told[row] <= limit:
        raise ModelError(
            f"policy and reference differ before the first step: row {row} by {told[row]:.4g} nats, and at most "
            f"{limit:g} is rounding; the reference is not what this training starts from (does the model still drop "
            "out, or is its adapter another one?)"
        )
    return float(told[row])


def _answers(rows: Dataset) -> int:
    """Return how many tokens the answers have."""
    import pyarrow.compute as pc

    lengths = [pc.sum(pc.list_value_length(rows.data.table[name])) for name in reading.SIDES]
    return sum(int(length.as_py()) for length in lengths)


def _first(rows: Dataset) -> list[dict[str, Any]]:
    return list(rows.select(range(min(reload.ROWS, len(rows)))))
