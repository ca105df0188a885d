"""What an answer is worth in reinforcement learning: to a metric that reads answers, a reward model, or a judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError, ModelError
from leaven.stages.folders import Args, Inputs

if TYPE_CHECKING:
    from leaven.registry import Plugin
    from leaven.rows import Message

Prompts = Sequence[Sequence["Message"]]
Reward = Callable[[Prompts, Sequence[str]], list[float | None]]

_OWN = ".reward"  # ends the names of what a metric reads beside answers: its classifier's folder
_READ = ("texts", "prompts", "messages")  # what there is of an answer while it is trained on


def reward(args: Args, inputs: Inputs, out: Path) -> Reward:
    """Return what gives each answer to a prompt (its messages) a number, null where it has none.

    ``args["reward"]``: ``{"metric": {name, version, args}, "value": NAME or None, "weight": number}``, where value is
    one of a metric's several; ``{"judge": {name, version, args}, "weight": number}`` of a judge that is asked over a
    network (``args["around"]["reward.server"]`` says where); or ``{"weight": number}`` with ``inputs["reward"]``, the
    artefact of a reward model (over ``inputs["base"]``). The number is multiplied by the weight, which is 1 unless
    said; -1 rewards what a metric finds little of. A metric's own paths are inputs called ``<name>.reward``, what is
    around it ``args["around"]["reward.metric"]``.
    Raises DataError if a metric reads what no answer in training has, and ModelError if the artefact gives no rewards.
    """
    declared = args["reward"]
    if "metric" in declared:
        told = by_metric(declared["metric"], declared.get("value"), args, inputs, out)
    elif "judge" in declared:
        told = by_judge(declared["judge"], args, out)
    elif "reward" in inputs:
        told = by_model(inputs["reward"], inputs.get("base"), args.get("around", {}).get("device_map"))
    else:
        raise ModelError(
            "reward: neither a metric nor an arm nor a judge; write {metric: ...}, {arm: ...} or {judge: ...}"
        )
    return weighted(told, float(declared.get("weight", 1.0)))


def weighted(told: Reward, weight: float) -> Reward:
    """Return a reward times a weight; what has none still has none."""

    def rewarded(prompts: Prompts, answers: Sequence[str]) -> list[float | None]:
        return [None if one is None else weight * one for one in told(prompts, answers)]

    return rewarded


def by_metric(metric: Args, value: str | None, args: Args, inputs: Inputs, out: Path) -> Reward:
    """Return a metric of answers, and of prompts if it reads them, as a reward."""
    from leaven.registry import METRICS
    from leaven.score.flows import flow
    from leaven.stages import measuring

    plugin = METRICS.get(metric["name"])
    prove_readable(plugin)
    own = {name.removesuffix(_OWN): path for name, path in inputs.items() if name.endswith(_OWN)}
    around = {"metric": args.get("around", {}).get("reward.metric", {})}
    declared = measuring.arguments(plugin, metric.get("args", {}), {"around": around}, own, out)

    def rewarded(prompts: Prompts, answers: Sequence[str]) -> list[float | None]:
        asked = {str(place): {"prompt": prompt} for place, prompt in enumerate(prompts)}
        told = [{"prompt_id": str(place), "sample": 0, "text": answer} for place, answer in enumerate(answers)]
        found = plugin.call(*(flow(name, told, asked) for name in plugin.flows), args=declared)
        return one_of(plugin.name, found, value)

    return rewarded


def by_judge(judge: Args, args: Args, out: Path) -> Reward:
    """Return a judge that gives each answer points as a reward; raises ModelError if it weighs answers together."""
    from leaven.registry import JUDGES
    from leaven.score.judges.declared import Pointing
    from leaven.stages.asked_rewards import AskedReward

    own, around = dict(judge["args"]), args.get("around", {}).get("reward.server", {})
    made = JUDGES.get(judge["name"]).call(args={**own, "server": {**own.get("server", {}), **around}})
    if not isinstance(made, Pointing):
        raise ModelError(f"reward: judge {judge['name']} weighs answers against each other; name one that is pointwise")
    return AskedReward(made, int(args["seed"]), out)


def prove_readable(plugin: Plugin) -> None:
    """Raise DataError if a metric reads what an answer in training does not have: references, labels, likelihoods."""
    if lacking := [name for name in plugin.flows if name not in _READ]:
        raise DataError(
            f"reward: metric {plugin.name} reads {' and '.join(lacking)}, which an answer in training does not have; "
            f"name a metric that reads {' or '.join(_READ)}"
        )


def one_of(name: str, found: Any, value: str | None) -> list[float | None]:
    """Return one value of a metric for each answer; raises DataError if it has several and none of them is named."""
    several = found if isinstance(found, dict) else {name: found}
    if (value or name) not in several:
        raise DataError(f"reward: metric {name} has no value '{value or name}'; it has {', '.join(several)}")
    return list(several[value or name])


def by_model(folder: Path, base: Path | None, device_map: str | None = None) -> Reward:
    """Return a trained reward model as a reward: it reads the whole conversation by its own chat template.

    An answer in which one of its special tokens is spelled out, or that does not fit its context, has no reward: it
    would read another conversation than the one that took place.
    """
    from leaven.data import chat
    from leaven.generate import preference
    from leaven.models import load, rewarding

    model, tokenizer = rewarding.reward_model(folder, base, device_map)
    limit = load.context_length(model.config)

    def rewarded(prompts: Prompts, answers: Sequence[str]) -> list[float | None]:
        both = zip(prompts, answers, strict=True)
        rows = [{"prompt": list(prompt), "answer": [{"role": "assistant", "content": one}]} for prompt, one in both]
        read = chat.ids(tokenizer, [chat.render(tokenizer, [*row["prompt"], *row["answer"]]) for row in rows])
        unfit = chat.reasons(tokenizer, rows, ["prompt", "answer"], list(map(len, read)), limit, "too long")
        wanted = [
            preference.Conversation(str(place), "chosen", ids)
            for place, (ids, why) in enumerate(zip(read, unfit, strict=True))
            if why is None
        ]
        told = {place: score for place, _, score, _ in preference.rewards(model, wanted)}
        return [told.get(str(place)) for place in range(len(rows))]

    return rewarded
