"""The thin subclasses of TRL's RLOO and GRPO trainers: our ids, order, stops and reference; rewards from outside."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import gather
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.trainer.utils import add_fused_lm_head, use_adapter

from leaven.errors import ModelError
from leaven.rows import Message
from leaven.train.spread import arguments
from leaven.train.trainers.groups import Groups
from leaven.train.trainers.pairs import without_dropout
from leaven.train.trainers.reproducible import SWITCHED_OFF, Reproducible

Reward = Callable[[Sequence[Sequence[Message]], Sequence[str]], list[float | None]]
_PROVEN = 4  # prompts on which policy and reference are compared
_LOCAL = ("step_time", "num_tokens")  # what differs from run to run, or after a resume
_TWICE = "rewards/"  # of one reward TRL logs mean and spread twice
_BOTH: dict[str, Any] = {
    "model_init_kwargs": None,
    "router_aux_loss_coef": None,
    "disable_dropout": True,
    "remove_unused_columns": False,
    "shuffle_dataset": True,
    "pad_to_multiple_of": None,
    "generation_batch_size": None,  # what is answered at once is what a step trains on
    "top_k": 0,
    "min_p": None,
    "repetition_penalty": 1.0,
    "generation_kwargs": None,
    "chat_template_kwargs": None,
    "cache_implementation": None,
    "use_vllm": False,
    "use_transformers_continuous_batching": False,
    "reward_weights": None,
    "sync_ref_model": False,
    "log_completions": False,
}


def rloo_config(*, normalize_advantages: bool, spread: None = None, **given: Any) -> RLOOConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    steps = given["gradient_accumulation_steps"]
    return RLOOConfig(
        normalize_advantages=normalize_advantages,
        reward_clip_range=None,
        steps_per_generation=steps,
        **_BOTH,
        **SWITCHED_OFF,
        **arguments(spread, given),
    )


def grpo_config(*, loss_type: str, scale_rewards: str, spread: None = None, **given: Any) -> GRPOConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    steps = given["gradient_accumulation_steps"]
    return GRPOConfig(
        loss_type=loss_type,
        scale_rewards=scale_rewards,
        steps_per_generation=steps,
        multi_objective_aggregation="sum_then_normalize",
        importance_sampling_level="token",
        delta=None,
        cast_lm_head_to_fp32=False,
        top_entropy_quantile=1.0,
        entropy_coef=0.0,
        use_adaptive_entropy=False,
        off_policy_mask_threshold=None,
        use_bias_correction_kl=True,
        **_BOTH,
        **SWITCHED_OFF,
        **arguments(spread, given),
    )


class Sampled(Reproducible):
    """Mixed into a trainer that samples answers to prompts and is told their rewards.

    Rows have ``prompt_ids``, which are asked as they are, and ``prompt``, the messages that the reward reads. The
    reference is what the policy was before its first step: a frozen copy of the adapter, which TRL makes, or of the
    whole weights; TRL would load these anew from where the base came from, which an earlier training left behind.
    ``seen`` counts answers trained (each as often as it is trained on) and their tokens, answers that were sampled,
    and those of them without a reward.
    """

    def __init__(self, *, model: Any, args: Any, train_dataset: Dataset, reward: Reward, stop_ids: Sequence[int],
                 **given: Any):  # fmt: skip
        without_dropout(model)
        self._reward, self._stops = reward, list(stop_ids)
        model.generation_config.eos_token_id = list(stop_ids)
        whole = args.beta != 0.0 and not hasattr(model, "peft_config")
        reference = copy.deepcopy(model).requires_grad_(False).eval() if whole else None
        beta, args.beta = args.beta, 0.0 if whole else args.beta
        rows = train_dataset.rename_columns({"prompt": "messages", "prompt_ids": "prompt"})  # "prompt" is TRL's name
        super().__init__(model=model, reward_funcs=_named, args=args, train_dataset=rows, **given)
        self.beta = args.beta = beta
        if reference is not None:
            without_dropout(reference)
            add_fused_lm_head(reference, temperature=self.temperature)  # type: ignore[attr-defined] # of the trainer
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)  # type: ignore[attr-defined]
        self._seen |= {"answers_sampled": 0, "reward_unscored": 0}
        self.add_callback(BetweenAnswers())  # type: ignore[attr-defined]

    @property
    def guess(self) -> float:
        """No loss is that of a guess: here it says nothing, and only what is not finite is unsound."""
        return math.inf

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        rows, args = dataset if dataset is not None else self.train_dataset, self.args
        return Groups(len(rows), args.generation_batch_size // args.num_generations, args.num_generations,
                      args.num_iterations * args.steps_per_generation, args.seed)  # fmt: skip

    def training_step(self, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        """Train on one batch: at first it is a list of prompts, which TRL answers."""
        return super(Reproducible, self).training_step(model, inputs, *more, **named)  # type: ignore[misc]

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss, and count."""
        trained = inputs["completion_mask"].sum()
        self.count(len(inputs["completion_mask"]), trained, trained + inputs["prompt_mask"].sum())
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[misc]

    def _tokenize_prompts(self, prompts: Any) -> tuple[Any, None, dict[str, Any]]:
        """Return the ids that ``data/chat.py`` made: nothing is rendered or tokenised a second time."""
        return prompts, None, {}

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> torch.Tensor:
        """Return each answer's reward, NaN where it has none: shape (answers, 1).

        TRL leaves such an answer out of its group's baseline and gives it no advantage; its own function would print
        the answer as well. Raises ModelError if no answer of the step has a reward.
        """
        answers = [self.answer(ids) for ids in completion_ids_list]
        told = self._reward([row["messages"] for row in inputs], answers)
        assert len(told) == len(answers), f"{len(told)} rewards for {len(answers)} answers"
        values = [math.nan if one is None or not math.isfinite(one) else float(one) for one in told]
        self._seen["answers_sampled"] += len(values)
        self._seen["reward_unscored"] += sum(map(math.isnan, values))
        if all(map(math.isnan, values)):
            raise ModelError(
                f"the reward gave none of the {len(values)} answers of step {self.state.global_step + 1} a number, so "
                f"nothing can be learnt from them; the first was {answers[0][:80]!r}. Look what the reward leaves "
                "unscored, or take another one"
            )
        device = self.accelerator.device  # type: ignore[attr-defined] # of the trainer
        return gather(torch.tensor(values, device=device).unsqueeze(1))

    def answer(self, ids: Sequence[int]) -> str:
        """Return an answer's text as it is read wherever answers are generated: up to its stop id, without blanks."""
        end = next((place for place, token in enumerate(ids) if token in self._stops), len(ids))
        text: str = self.processing_class.decode(ids[:end], skip_special_tokens=True)  # type: ignore[attr-defined]
        return text.strip()

    def log(self, logs: dict[str, float], *more: Any) -> None:
        """Log what TRL logs, but for what is twice there or differs from run to run."""
        found = self._metrics["train"]  # type: ignore[attr-defined] # of the trainer
        for name in [name for name in found if name in _LOCAL or name.startswith(_TWICE)]:
            del found[name]
        super().log(logs, *more)  # type: ignore[misc]

    def log_ratios(self) -> list[float]:
        """Return by how much policy and reference differ at most on any token of some prompts (nats), before training.

        The policy is asked as it stands in training: a rate of dropout would show.
        """
        asked = [row["prompt"] for row in self.train_dataset.select(range(min(_PROVEN, len(self.train_dataset))))]
        told = [(self._told(self.model, ids), self._reference(ids)) for ids in asked if len(ids) > 1]
        return [float((policy - reference).abs().max()) for policy, reference in told]

    def _reference(self, ids: Sequence[int]) -> torch.Tensor:
        if self.ref_model is not None:
            return self._told(self.ref_model, ids)
        policy = self.accelerator.unwrap_model(self.model)  # type: ignore[attr-defined]
        with use_adapter(policy, "ref" if "ref" in policy.peft_config else None):
            return self._told(self.model, ids)

    def _told(self, model: Any, ids: Sequence[int]) -> torch.Tensor:
        """Return a model's log-probability of each token of a text but the first."""
        if model is self.model:
            model.train()
        text = torch.tensor([list(ids)], device=self.accelerator.device)  # type: ignore[attr-defined]
        with torch.no_grad():
            told, *_ = self._get_per_token_logps_and_entropies(  # type: ignore[attr-defined] # of the trainer
                model, text, torch.ones_like(text), len(ids) - 1
            )
        return told[0].float().cpu()


def _named(**_: Any) -> list[float]:
    """Stand where TRL asks for a reward function: rewards come from `_calculate_rewards`."""
    raise AssertionError("rewards come from outside")


class BetweenAnswers(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Lets checkpoints be written where new answers come next, and nowhere else.

    With several passes over the same answers (``num_iterations``) those of a step between lie in memory alone.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put a checkpoint off that is due in mid-pass."""
        control.should_save = control.should_save and state.global_step % args.num_iterations == 0


class ReproducibleRLOO(Sampled, RLOOTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's RLOO trainer (Ahmadian et al. 2024): a sample's baseline is the mean reward of its siblings."""


class ReproducibleGRPO(Sampled, GRPOTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's GRPO trainer (Shao et al. 2024): a sample's advantage is measured in its group's own spread."""
