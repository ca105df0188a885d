"""Who rewards the answers of a training -> its arguments and inputs: a reward model, a metric, or a judge.

A judge that goes by a reward model or a metric rewards as these do, so it has their key. One that is asked in words is
asked about each answer by itself, while the training runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from leaven import needs
from leaven.engine.stage import Needs, Stage
from leaven.registry import JUDGES, Step
from leaven.score.judges.declared import ByMetric, direction
from leaven.server import Server
from leaven.study.factory import Reward
from leaven.study.own import judges_own
from leaven.study.spec import Study
from leaven.wiring.sourcing import Sourcing


@dataclass(frozen=True)
class Rewarded:
    """A training's arguments, inputs and needs with who rewards it; ``together`` names the list of all that asks one
    server, None where none is asked.
    """

    args: dict[str, Any]
    inputs: dict[str, Stage]
    takes: Needs
    together: str | None = None


def in_line(server: Server) -> str:
    """Name the list of all that asks one server: its stages stand in line, so that its limits hold for all."""
    return f"server {server.base_url or server.model}"


def asking(around: Mapping[str, Any]) -> Needs:
    """What it takes to ask a server: ``around`` says where it stands and how it is asked."""
    return replace(needs.ONE_CORE, around={"server": dict(around)})


def rewarder(study: Study, step: Step) -> Reward:
    """Return who rewards the answers of a training; of a judge what it goes by, an arm or a metric with its direction.

    A judge that is asked in words stays one.
    """
    declared = Reward.model_validate(step.args["reward"])
    if declared.judge is None:
        return declared
    by = study.judges[declared.judge]
    if (arm := by.args.get("arm")) is not None:
        return Reward(arm=str(arm), weight=declared.weight)
    judge = JUDGES.get(by.name).call(args=judges_own(by))
    if not isinstance(judge, ByMetric):
        return declared
    sign = 1.0 if direction(judge) == "higher" else -1.0
    return Reward(metric=judge.metric, value=judge.value, weight=sign * declared.weight)


def rewarded(sourcing: Sourcing, step: Step, model: Mapping[str, Stage], takes: Needs) -> Rewarded:
    """Return a training's reward; ``model`` is the reward model that it names with its proof, nothing if it does not.

    ``takes`` is what the training takes without it.
    """
    declared = rewarder(sourcing.study, step)
    shown = {"weight": declared.weight} if declared.weight != 1 else {}
    if declared.arm is not None:
        assert model, "validated: a reward names an arm, a metric or a judge"
        return Rewarded(shown, dict(model), takes)
    if declared.judge is not None:
        return _by_words(sourcing.study.judges[declared.judge], shown, takes)
    assert declared.metric is not None, "validated: a reward names an arm, a metric or a judge"
    metric, needed = sourcing.metric(declared.metric)
    value = {"value": declared.value} if declared.value is not None else {}
    paths = {f"{name}.reward": path for name, path in needed.paths.items()}
    around = {**takes.around, **{f"reward.{name}": one for name, one in needed.around.items()}}
    takes = replace(takes, paths={**takes.paths, **paths}, around=around)
    return Rewarded({"metric": metric, **value, **shown}, {}, takes)


def _by_words(judge: Step, shown: dict[str, Any], takes: Needs) -> Rewarded:
    """A judge that a server asks: which model it is enters the key, where it stands does not."""
    plugin, args = JUDGES.get(judge.name), judges_own(judge)
    canonical, server = plugin.canonical(args), plugin.declare(args).server  # type: ignore[attr-defined] # validated
    canonical["args"]["server"] = server.identity
    takes = replace(takes, around={**takes.around, "reward.server": dict(server.around)})
    return Rewarded({"judge": canonical, **shown}, {}, takes, in_line(server))
