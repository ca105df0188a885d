"""Judges as a study names them. Each returns what it is, and calls nobody.

The trait ``by`` says what a judge needs: ``model`` (a reward model), ``metric``, ``server``, or nothing; ``alone`` that
it says of an answer by itself what it is worth, and so can reward a training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from leaven.errors import DataError
from leaven.registry import METRICS, Count, Rate, Step, Text, judge
from leaven.server import Server

Better = Literal["higher", "lower"]
Criteria = Annotated[list[Text], Field(min_length=1)]
Temperature = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]

_BOTH = ["safety", "helpfulness"]
_AGAIN = 0.2
_TOKENS = 256
FLOWS = ("texts", "finish_reasons", "tokens", "prompts", "references", "labels", "others")


@dataclass(frozen=True)
class ByReward:
    """A reward model; the verb is given its artefact."""


@dataclass(frozen=True)
class ByMetric:
    """One value of a metric of the registry, and which way is better (null: as the metric says)."""

    metric: Step
    value: str | None = None
    better: Better | None = None


@dataclass(frozen=True)
class ByChance:
    """Nothing but the seed."""


@dataclass(frozen=True)
class ByWords:
    """Whoever is asked in words: where, by which criteria, and how.

    ``again`` is the share of the prompts that are asked about a second time. ``seed`` orders the answers in a
    question; null is the study's.
    """

    server: Server
    criteria: tuple[str, ...]
    rubric: str | None
    again: float
    temperature: float
    max_tokens: int
    seed: int | None

    @property
    def sampling(self) -> dict[str, Any]:
        """How a reply is drawn, in the names of OpenAI's API."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}


@dataclass(frozen=True)
class Ranking(ByWords):
    """Puts all answers to a prompt in an order, at once."""


@dataclass(frozen=True)
class Pairing(ByWords):
    """Says of every two answers to a prompt which is the better one."""


@dataclass(frozen=True)
class Pointing(ByWords):
    """Gives each answer by itself points from 1 to ``scale``."""

    scale: int = 10


@judge(version=1, by="model", alone=True)
def reward() -> ByReward:
    """Rank by the rewards that a reward model of this study gives (prompt and answer through its chat template)."""
    return ByReward()


def _unranking(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield why a declared metric cannot rank answers: the place, what is wrong, and the remedy."""
    try:
        direction(metric(**{**args, "metric": Step.model_validate(args.get("metric"))}))
    except DataError as error:
        said, _, remedy = str(error).partition("; ")
        yield ("metric",), said, remedy
    except (KeyError, TypeError, ValueError):
        return  # a metric that is not there, or is no step, is said where arguments are checked


@judge(version=1, by="metric", alone=True, problems=_unranking)
def metric(*, metric: Step, value: Text | None = None, better: Better | None = None) -> ByMetric:
    """Rank by a metric of the registry: ``metric`` with its arguments.

    ``value`` is one of its values, where it has several. ``better`` says which way is better, where the metric does
    not say so itself. With an oracle of the pocket world this is the judge that knows the truth.
    """
    return ByMetric(metric, value, better)


@judge(version=1, by=None)
def random() -> ByChance:
    """Rank by chance, drawn from prompt, answer and seed: what any judge must do better than."""
    return ByChance()


@judge(version=1, by="server")
def rank(
    *,
    server: Server,
    criteria: Criteria = _BOTH,
    rubric: Text | None = None,
    again: Rate = _AGAIN,
    temperature: Temperature = 0.0,
    max_tokens: Count = _TOKENS,
    seed: Seed | None = None,
) -> Ranking:
    """Ask a server to rank all answers to a prompt at once, the best first, each rank given once.

    ``criteria`` are ``safety``, ``helpfulness`` or words of your own, the weightiest first; ``rubric`` is what else
    the judge is told. Answers stand in a random order; a share ``again`` of the prompts is asked about twice, the
    second time in the reverse order. A reply that cannot be read is asked for once more, and then unscored.
    """
    return Ranking(server, tuple(criteria), rubric, again, temperature, max_tokens, seed)


@judge(version=1, by="server")
def pairwise(
    *,
    server: Server,
    criteria: Criteria = _BOTH,
    rubric: Text | None = None,
    again: Rate = _AGAIN,
    temperature: Temperature = 0.0,
    max_tokens: Count = _TOKENS,
    seed: Seed | None = None,
) -> Pairing:
    """Ask a server which of two answers is better, for every two answers to a prompt; ranked by their share of wins.

    Each answer stands first about as often as second. A tie is half a win. A share ``again`` of the prompts is asked
    about twice, the second time with first and second swapped. Both answers of a pair whose verdict cannot be read are
    unscored. Other arguments are those of ``rank``.
    """
    return Pairing(server, tuple(criteria), rubric, again, temperature, max_tokens, seed)


@judge(version=1, by="server", alone=True)
def pointwise(
    *,
    server: Server,
    criteria: Criteria = _BOTH,
    rubric: Text | None = None,
    scale: Annotated[int, Field(ge=2, le=100)] = 10,
    again: Rate = _AGAIN,
    temperature: Temperature = 0.0,
    max_tokens: Count = _TOKENS,
    seed: Seed | None = None,
) -> Pointing:
    """Ask a server for points from 1 to ``scale`` for each answer by itself; ranked by them, equal points are a tie.

    A share ``again`` of the prompts is asked about twice. Other arguments are those of ``rank``.
    """
    return Pointing(server, tuple(criteria), rubric, again, temperature, max_tokens, seed, scale)


def direction(by: ByMetric) -> Better:
    """Return which way of a judge's metric is better.

    Raises DataError with the remedy if nobody says so, the metric has no such value, reads what an answer has not, or
    gives no value to an answer by itself; and KeyError if there is no such metric.
    """
    plugin = METRICS.get(by.metric.name)
    if others := [name for name in plugin.flows if name not in FLOWS]:
        raise DataError(f"metric {plugin.name} cannot rank answers: it reads {', '.join(others)}")
    if plugin.traits.get("of_list"):
        raise DataError(f"metric {plugin.name} cannot rank answers: its value belongs to all of them together")
    values = (*plugin.traits.get("values", (plugin.name,)), *plugin.traits.get("beside", ()))
    if (by.value or plugin.name) not in values:
        raise DataError(f"metric {plugin.name} has other values; `value` is one of {', '.join(values)}")
    found: Better | None = by.better or plugin.traits.get("better")
    if found is None:
        raise DataError(f"metric {plugin.name} says not which way is better; write `better: higher` or `better: lower`")
    return found
