"""Data that a study makes itself: answers that an arm samples, and what is built of them once they are ranked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from leaven.registry import Count, Declared, Positive, Step, Text
from leaven.server import Server
from leaven.study.names import Bounds


class Answers(Declared):
    """Several answers to each prompt, by an ``arm`` of the study (that of the same seed) or by a ``server``.

    ``temperatures`` and ``systems`` (system prompts) are schedules: sample i takes the i-th, and begins anew behind the
    last. An answer that repeats another of its prompt word by word is drawn again, ``redraw`` times at most.
    ``backend: vllm`` starts `vllm serve` on the arm.
    """

    prompts: str
    arm: str | None = None
    server: Server | None = None
    backend: Literal["hf", "vllm"] = "hf"
    num_return_sequences: Annotated[int, Field(ge=2)] = 5
    max_new_tokens: Count = 128
    temperature: Positive = 1.0
    temperatures: Annotated[list[Positive], Field(min_length=1)] | None = None
    systems: Annotated[list[Text], Field(min_length=1)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    repetition_penalty: Positive = 1.0
    stop_strings: list[Text] = Field(default_factory=list)
    redraw: Annotated[int, Field(ge=0)] = 3

    @model_validator(mode="after")
    def _one_writer(self) -> Answers:
        if (self.arm is None) is (self.server is None):
            raise ValueError("name who answers: an `arm` of the study, or a `server`")
        if self.temperatures is not None and self.temperature != 1.0:
            raise ValueError("`temperatures` says how warm each sample is; take `temperature` out")
        if self.server is not None and self.backend != "hf":
            raise ValueError("a `server` answers by itself; take `backend` out")
        away = "a server" if self.server is not None else "vllm" if self.backend == "vllm" else ""
        if away and (self.top_k or self.repetition_penalty != 1.0):
            raise ValueError(
                f"{away} is asked by OpenAI's protocol, which has no top_k and no repetition_penalty; take it out"
            )
        return self


class Distilled(Declared):
    """What an ``arm`` answers to prompts with all that it wraps them in, as answers to the bare prompts.

    A student that is trained on it learns to answer as its teacher does, without what the teacher was told. Unless
    ``unfinished``, answers that the limit cut off are left out: who learns from them never stops.
    """

    prompts: str
    arm: str
    num_return_sequences: Count = 1
    max_new_tokens: Count = 128
    do_sample: bool = True
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    repetition_penalty: Positive = 1.0
    unfinished: bool = False

    @property
    def sampling(self) -> dict[str, Any]:
        """How answers are drawn, in transformers' names: what differs from the defaults."""
        about = {"prompts", "arm", "max_new_tokens", "unfinished"}
        return self.model_dump(mode="json", exclude_defaults=True, exclude=about)


class Reward(Declared):
    """What rewards the answers of a training: the reward model that an ``arm`` of the study ends as, or a ``metric``.

    Or a ``judge`` of the study that says of an answer by itself what it is worth. ``value`` is one of the metric's
    values; ``weight`` multiplies (-1: lower is better; a judge's metric counts in its own better direction).
    """

    arm: str | None = None
    metric: Step | None = None
    judge: str | None = None
    value: str | None = None
    weight: float = 1.0

    @model_validator(mode="after")
    def _one_judge(self) -> Reward:
        if sum(one is not None for one in (self.arm, self.metric, self.judge)) != 1:
            raise ValueError("name who rewards: an `arm` that ends as a reward model, a `metric`, or a `judge`")
        if self.value is not None and self.metric is None:
            raise ValueError("`value` is one of a metric's; a reward model has one, and a judge says which it means")
        if self.weight == 0:
            raise ValueError("a weight of 0 rewards nothing")
        return self


class _Ranked(Declared):
    """What is built of the ranks that a ``judge`` gave to ``answers``.

    ``part`` takes the prompts whose hash lies between two bounds in 0..1: train and test share no prompt.
    """

    answers: str
    judge: str
    part: Bounds | None = None


class Preferences(_Ranked):
    """Pairs: the best answer against the worst, or all pairs; at least ``min_margin`` ranks apart, so no ties.

    ``max_length_ratio`` leaves out pairs whose longer answer is so many times as long; ``length_balance`` drops pairs
    until the longer answer is preferred no more often than the shorter one. ``ranks_in_prompt`` adds the ranks of all
    answers to the prompt, as the published data set has them.
    """

    pairs: Literal["best_worst", "all"] = "best_worst"
    min_margin: Positive = 1.0
    max_length_ratio: Annotated[float, Field(gt=1)] | None = None
    length_balance: bool = False
    ranks_in_prompt: bool = False


class Demonstrations(_Ranked):
    """The ``best`` answers to each prompt as demonstrations (best of k)."""

    best: Count = 1


class Unpaired(_Ranked):
    """The ``good`` best and ``bad`` worst answers to each prompt, each with a label: what KTO trains on."""

    good: Count = 1
    bad: Count = 1
