"""Reward models by TRL: a text gets a number, and a chosen answer a higher one than the rejected (Bradley-Terry).

Pairs come encoded by ``data/pairs.py``. Every argument that can change a result has its own default here and is passed
explicitly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from leaven.data.doctor import Check
from leaven.errors import ModelError
from leaven.models import reading
from leaven.registry import Count, Positive, Rate, trainer
from leaven.train import reload
from leaven.train.adapters import Lora, adapted
from leaven.train.artefact import save, unwrapped
from leaven.train.devices import prove_precision, show_gpus
from leaven.train.lengths import MAX_LENGTH, prompt_problems
from leaven.train.reports import Trackers
from leaven.train.run import facts, logged, placed, prove_all_seen, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from transformers import PreTrainedModel

    from leaven.train.job import Job

_WATCHED = ("accuracy", "margin", "mean_reward")
_ALONE = 8  # rows whose texts are read alone and in a padded batch
_APART, _APART_HALF = 1e-4, 5e-2  # by how much a reward may differ between the two: float32, 16 bits


@trainer(version=1, reads="preferences", makes="reward", circumstance=("report_to",), problems=prompt_problems)
def reward(  # noqa: PLR0913 - the signature is the schema
    job: Job,
    model: PreTrainedModel,
    rows: Dataset,
    *,
    center_rewards_coefficient: Positive | None = None,
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4,
    num_train_epochs: Positive = 1.0,
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
    """Give chosen answers of encoded pairs higher rewards than rejected ones; write weights, tokenizer and log.

    ``model`` has a head of one number that nothing trained yet: it is drawn by the job's seed. Under ``peft`` the head
    is trained whole beside the adapter. ``center_rewards_coefficient`` draws rewards to a mean of 0 (Eisenstein et al.
    2023; 0.01 is usual). ``max_length``, ``max_prompt_length`` and ``accept_findings`` were applied when the pairs
    were encoded. Dropout is off. Returns what ``sft`` returns, and the first and last of what was logged. Raises
    ModelError if a text's reward alone is not its reward in a padded batch, a weight is not finite or the training
    diverges.
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_ARGUMENTS}
    return _train(job, model, rows, given, peft, report_to)


_ENCODED = {"max_length", "max_prompt_length", "accept_findings"}
_NOT_ARGUMENTS = {"job", "model", "rows", "peft", "report_to", *_ENCODED}


def _train(
    job: Job, model: Any, rows: Dataset, given: dict[str, Any], peft: Lora | None, report_to: str | Sequence[str]
) -> dict[str, Any]:
    from transformers import set_seed

    head = draw_head(model, job.seed)
    set_seed(job.seed)
    over = adapted(model, peft, job.adapter, head, job.added)
    prove_precision(over, bf16=given["bf16"], fp16=given["fp16"])
    trainer, done = run(job, report_to, lambda callbacks: _trainer(job, over, rows, given, callbacks))
    prove_all_seen(trainer, len(rows), _conversations(rows), given)
    trained, first = unwrapped(trainer), list(rows.select(range(min(_ALONE, len(rows)))))
    apart = prove_alone(trained, reading.conversations(first))
    save(job, trainer, "reward", makes="reward")
    reload.write(job.out, trained, first, "reward")
    told = {"rows": len(rows), "resumed_from_step": done, "alone_max_difference": apart}
    return {**facts(trainer), **told, **logged(trainer, _WATCHED)}


def draw_head(model: Any, seed: int) -> str:
    """Draw the head's weights by a seed, as transformers would (normal, of the model's own width); return its name."""
    import torch

    from leaven.models.load import HEADS

    name = next((head for head in HEADS if hasattr(model, head)), None)
    if name is None:
        raise ModelError(f"{type(model).__name__} has no head called {' or '.join(HEADS)}; train another architecture")
    spread = float(getattr(model.config.get_text_config(), "initializer_range", None) or 0.02)
    generator = torch.Generator().manual_seed(seed)
    for weight in getattr(model, name).parameters():
        drawn = torch.normal(0.0, spread, weight.shape, generator=generator)
        weight.data.copy_(drawn if weight.dim() > 1 else torch.zeros(weight.shape))
    return name


def _trainer(job: Job, model: Any, rows: Dataset, given: dict[str, Any], callbacks: list[Any]) -> Any:
    from leaven.train.trainers.reward import ReproducibleReward, config

    arguments = config(**placed(job), **given)
    show_gpus(arguments, model)
    return ReproducibleReward(model=model, args=arguments, train_dataset=rows, processing_class=job.tokenizer,
                              callbacks=callbacks)  # fmt: skip


def prove_alone(model: Any, texts: Sequence[Sequence[int]]) -> float:
    """Return by how much a text's reward alone differs at most from its reward in a padded batch of all of them.

    Raises ModelError if that is more than rounding: then the model takes padding for text; and if a reward is no
    finite number.
    """
    model.eval()
    together = reading.rewards(model, texts)
    alone = [reading.rewards(model, [text])[0] for text in texts]
    if not all(map(math.isfinite, [*together, *alone])):
        raise ModelError(
            "a text's reward is no finite number, though every weight is; the model overflows in this precision: set "
            "model.dtype to float32 or bfloat16, or lower learning_rate"
        )
    apart = max(abs(one - other) for one, other in zip(together, alone, strict=True))
    limit = (_APART if str(model.dtype) == "torch.float32" else _APART_HALF) * max(1.0, *map(abs, alone))
    if not apart <= limit:
        raise ModelError(
            f"a text's reward alone and in a padded batch differ by {apart:.4g}, and at most {limit:.2g} is rounding; "
            "the model takes padding for text: set model.pad_token to a token of its own"
        )
    return apart


def _conversations(rows: Dataset) -> int:
    """Return how many tokens both conversations of all rows have: each prompt is read twice."""
    import pyarrow.compute as pc

    sizes = {"prompt_ids": 2, "chosen_ids": 1, "rejected_ids": 1}
    lengths = {name: pc.sum(pc.list_value_length(rows.data.table[name])).as_py() for name in sizes}
    return sum(int(lengths[name]) * times for name, times in sizes.items())
