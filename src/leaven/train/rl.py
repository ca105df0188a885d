"""Reinforcement learning from rewards by TRL: RLOO (Ahmadian et al. 2024) or GRPO (Shao et al. 2024), with KL control.

The policy answers prompts, a reward gives each answer a number, and what beat the other answers to the same prompt is
made likelier. Prompts come encoded by the verb ``asked_ids``, the reward by ``Job.reward``. Every argument that can
change a result has its own default here and is passed explicitly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.errors import ModelError
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import reload
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save, unwrapped
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.reports import Trackers
from leaven.train.run import facts, logged, placed, run

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job

LossType = Literal["grpo", "dr_grpo", "dapo", "bnpo", "cispo"]
WATCHED = ("reward", "reward_std", "kl", "entropy", "completions/mean_length", "completions/clipped_ratio")
_BATCH, _ANSWERS, _LOSS, _SCALE = 8, 4, "dapo", "group"
_APART, _APART_HALF = 1e-3, 1e-2  # nats by which policy and reference may differ at the start: float32, 16 bits
_ONE_ALONE: dict[str, dict[str, Any]] = {
    "rloo": {"normalize_advantages": False},
    "grpo": {"loss_type": _LOSS, "scale_rewards": _SCALE},
}
# TRL multiplies with the head's own weights, and would not see what an adapter has for them.
_NO_ROWS = "rl cannot train the rows of control tokens through an adapter; train it without peft, or by sft or lm"
_NO_HEAD = "peft: rl cannot train an adapter on the head (lm_head); take it out of target_modules"


def problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield arguments that the other algorithm reads alone, and steps that no whole groups of answers fill."""
    chosen = args.get("algorithm", "rloo")
    for other, names in _ONE_ALONE.items():
        for name, default in names.items():
            if other != chosen and args.get(name, default) != default:
                said = f"{chosen} does not read {name} {args[name]}, and it would be left out silently"
                yield (name,), said, f"set algorithm to {other}, or take it out"
    batch, accumulated = args.get("per_device_train_batch_size", _BATCH), args.get("gradient_accumulation_steps", 1)
    answers = args.get("num_generations", _ANSWERS)
    if (step := int(batch) * int(accumulated)) % int(answers):
        said = f"a step of {step} answers (per_device_train_batch_size x gradient_accumulation_steps) holds no whole"
        yield ("num_generations",), f"{said} groups of {answers}", "make one a multiple of the other"


@trainer(version=1, reads="asked", makes="policy", circumstance=("report_to", "logging_steps", "save_steps"),
         problems=problems)  # fmt: skip
def rl(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    algorithm: Literal["rloo", "grpo"] = "rloo",
    beta: Annotated[float, Field(ge=0)] = 0.05,
    num_generations: Annotated[int, Field(ge=2)] = _ANSWERS,
    max_completion_length: Count = 256,
    temperature: Positive = 1.0,
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0,
    num_iterations: Count = 1,
    epsilon: Positive = 0.2,
    epsilon_high: Positive | None = None,
    mask_truncated_completions: bool = False,
    normalize_advantages: bool = False,
    loss_type: LossType = "dapo",
    scale_rewards: Literal["group", "batch", "none"] = "group",
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-6,
    num_train_epochs: Positive = 1.0,
    max_steps: int = -1,
    per_device_train_batch_size: Count = _BATCH,
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
    peft: Lora | None = None,
    report_to: Trackers = "tensorboard",
    logging_steps: Count = 1,
    save_steps: Count | None = None,
) -> dict[str, Any]:
    """Make answers likelier that a reward prefers; write weights, tokenizer and log into the job's folder.

    A step samples ``per_device_train_batch_size x gradient_accumulation_steps`` answers, ``num_generations`` to each
    prompt, and trains on them ``num_iterations`` times (from the second on clipped by ``epsilon``). ``beta`` weighs
    the KL divergence from the policy that this training started from, also where that is an adapter: in the reward,
    summed over an answer (rloo), or in the loss, by token (grpo). With 0 no reference is kept and no KL logged.
    ``normalize_advantages`` is rloo's alone, ``loss_type`` and ``scale_rewards`` are grpo's. ``max_completion_length``
    was applied when the prompts were encoded, too: those that leave no room for it are dropped there. Prompts that
    fill no whole step at an epoch's end wait for the next. Dropout is off, LoRA's too.

    An answer whose reward is null, NaN or infinite has no advantage, stands in no baseline, and is counted. Returns
    what ``sft`` returns; ``answers_sampled`` and ``reward_unscored``; the largest log-ratio at the start; and first
    and last of what is watched. Raises ModelError if no answer of a step has a reward, policy and reference differ at
    the start, a weight is not finite or the training diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    return _train(job, model, rows, given, peft, {"report_to": report_to, "save_steps": save_steps})


_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "report_to", "save_steps"}


def _train(
    job: Job, model: Any, rows: Dataset, given: dict[str, Any], peft: Lora | None, around: dict[str, Any]
) -> dict[str, Any]:
    from transformers import set_seed

    _prove_asked(job, rows, given, peft)
    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, added=job.added)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    start: dict[str, float] = {}

    def build(callbacks: list[Any]) -> Any:
        made = _trainer(job, over, rows, given, callbacks)
        if given["beta"]:
            start["step0_max_log_ratio"] = prove_start(made, given)
        return made

    trainer, done = run(job, build=build, **around)
    _prove_seen(trainer, given)
    save(job, trainer, "rl")
    first = [reload.text_of(row) for row in rows.select(range(min(reload.ROWS, len(rows))))]
    reload.write(job.out, unwrapped(trainer), first, "texts")
    return {**facts(trainer), "rows": len(rows), "resumed_from_step": done, **start, **logged(trainer, WATCHED)}


def _prove_asked(job: Job, rows: Dataset, given: dict[str, Any], peft: Lora | None) -> None:
    """Raise ModelError if this cannot be trained, before the first answer."""
    for _, said, remedy in problems(given):
        raise ModelError(f"{said}; {remedy}")
    if job.reward is None:
        raise ModelError("rl needs a reward; set reward: {arm: ...} or {metric: ...}")
    if job.spread is not None:
        raise ModelError("launch: rl trains in one process; take the launch out, or name single or device_map")
    if peft is not None and job.added:
        raise ModelError(_NO_ROWS)
    if peft is not None and "lm_head" in peft.target_modules:
        raise ModelError(_NO_HEAD)
    at_once = _answers(given) // given["num_generations"]
    if len(rows) < at_once:
        raise ModelError(
            f"a step asks {at_once} prompts (per_device_train_batch_size x gradient_accumulation_steps / "
            f"num_generations), and there are {len(rows)}; lower the batch, or take more prompts"
        )


def _answers(given: dict[str, Any]) -> int:
    """Return how many answers a step samples."""
    return int(given["per_device_train_batch_size"] * given["gradient_accumulation_steps"])


def _trainer(job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any]) -> Any:
    from leaven.train.trainers import rl as kinds

    chosen = given["algorithm"]
    unread = {name for other, names in _ONE_ALONE.items() if other != chosen for name in names}
    told = {**placed(job), **{name: value for name, value in given.items() if name not in {"algorithm", *unread}}}
    kind: Any = kinds.ReproducibleGRPO if chosen == "grpo" else kinds.ReproducibleRLOO
    arguments = kinds.grpo_config(**told) if chosen == "grpo" else kinds.rloo_config(**told)
    show_gpus(arguments, model)
    assert job.reward is not None
    return kind(model=model, args=arguments, train_dataset=rows, reward=job.reward, stop_ids=job.stop_ids,
                processing_class=job.tokenizer, callbacks=callbacks)  # fmt: skip


def prove_start(trainer: Any, given: dict[str, Any]) -> float:
    """Return the largest log-ratio of policy and reference on a token before the first step, on some prompts.

    Raises ModelError if it is more than rounding: the reference is then not what the policy starts from.
    """
    halves = given["bf16"] or given["fp16"] or str(trainer.model.dtype) != "torch.float32"
    limit, most = _APART_HALF if halves else _APART, max(trainer.log_ratios(), default=0.0)
    if not most <= limit:
        raise ModelError(
            f"policy and reference differ before the first step: a token of a prompt by {most:.4g} nats, and at most "
            f"{limit:g} is rounding; the reference is not what this training starts from (does the model still drop "
            "out, or is its adapter another one?)"
        )
    return float(most)


def _prove_seen(trainer: Any, given: dict[str, Any]) -> None:
    """Each step must have trained as many answers as it sampled: none lost, none twice."""
    expected = trainer.state.global_step * _answers(given)
    if trainer.seen["rows_seen"] != expected:
        raise ModelError(f"the trainer saw {trainer.seen['rows_seen']} answers, not {expected}: some were lost")
