"""What came of a probe: every answer with all that is measured of it, and rates by kind of prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaven.rows import Message, Row

FAULTS = ("cut off", "blank", "user's turn", "loops", "EOS loops", "echo", "rubbish")
MEASURES = ("passes", *FAULTS, "asks back")
COMPETENCES = ("small talk", "on topic")


@dataclass(frozen=True)
class How:
    """How a model is asked: ``raw`` asks with the bare text, without a chat template; ``names`` are the user's.

    What is None is as an arm is asked in its run: at its own ``temperature``, or 1; ``raw`` if it goes on with texts.
    """

    samples: int = 4
    max_new_tokens: int = 64
    temperature: float | None = None
    seed: int = 0
    raw: bool | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rate:
    """A share of answers with its 95 % interval; ``answers`` are those in which there was something to see."""

    share: float | None
    low: float | None
    high: float | None
    answers: int


@dataclass(frozen=True)
class Answered:
    """One answer: to which prompt of which kind, what it says, why it ended, and what is wrong with it.

    ``asked`` are the texts of all that the model read, an arm's examples and passages among them; a ``refused`` one is
    the refusal of a guard.
    """

    id: str
    kind: str
    prompt: str
    sample: int
    text: str
    finish_reason: str
    faults: tuple[str, ...]
    values: Mapping[str, float | None]
    asked: tuple[str, ...] = ()
    refused: bool = False


@dataclass(frozen=True)
class Probed:
    """What came of a probe; ``unasked`` and ``silent`` say why prompts were not asked, or have no answer.

    ``manner`` says with which methods an arm was asked, empty where it has none; ``sampling`` is how its answers were
    drawn, by transformers' names, beside the temperature. ``warnings`` are what is odd of its guards.
    """

    model: str
    how: How
    answers: list[Answered]
    unasked: Mapping[str, int] = field(default_factory=dict)
    silent: Mapping[str, int] = field(default_factory=dict)
    manner: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def kinds(self) -> list[str]:
        """The kinds of prompts, in the order in which they were asked."""
        return list(dict.fromkeys(one.kind for one in self.answers))

    def rate(self, measure: str, kind: str | None = None) -> Rate:
        """Return how often a measure is 1, over all answers or those to prompts of a kind.

        The interval is Wilson's, on the effective number of answers: several to one prompt count less than as many to
        different ones.
        """
        return rate((one.id, one.values[measure]) for one in self.answers if kind in (None, one.kind))

    @property
    def refused(self) -> Rate:
        """How often an answer is the refusal of a guard."""
        return rate([(one.id, float(one.refused)) for one in self.answers])

    def worst(self, most: int) -> list[Answered]:
        """Return answers with the most faults, one of each kind of prompt before a second of any."""
        bad = sorted((one for one in self.answers if one.faults), key=lambda one: -len(one.faults))
        turn = Counter[str]()
        rounds = []
        for one in bad:
            rounds.append((turn[one.kind], -len(one.faults), one))
            turn[one.kind] += 1
        rounds.sort(key=lambda entry: entry[:2])
        return [one for *_, one in rounds[:most]]


def rate(values: Iterator[tuple[str, float | None]] | Sequence[tuple[str, float | None]]) -> Rate:
    """Return the share of 1 among the values that are there, each with the id of its prompt."""
    import numpy as np

    from leaven.stats.judged.intervals import share

    there = [(item, value) for item, value in values if value is not None]
    numbers = {item: number for number, item in enumerate(dict.fromkeys(item for item, _ in there))}
    found = share(np.array([value for _, value in there]), np.array([numbers[item] for item, _ in there]))
    return Rate(found.value, found.low, found.high, len(there))


def judged(
    asked: Sequence[Row], told: Sequence[Row], how: How, read: Mapping[str, Sequence[Message]] | None = None
) -> list[Answered]:
    """Return answers with all that is measured of each, in the order of the prompts; the metrics are a study's.

    ``read`` is what the model read in the place of a prompt, by its id, where that is another than the prompt.
    """
    from leaven.score.competence import faults
    from leaven.score.turns import NAMES

    rows, names = {row["id"]: row for row in asked}, list(how.names) or NAMES
    place = {name: number for number, name in enumerate(rows)}
    told = sorted(told, key=lambda one: (place[one["prompt_id"]], one["sample"]))
    columns = _measured(rows, told, names)
    made = []
    for number, one in enumerate(told):
        row = rows[one["prompt_id"]]
        prompt, text = str(row["prompt"][-1]["content"]), str(one["text"])
        wrong = faults(text, one["finish_reason"], prompt, names=names)
        values = {name: column[number] for name, column in columns.items()}
        turns = tuple(str(turn["content"] or "") for turn in (read or {}).get(row["id"], row["prompt"]))
        made.append(
            Answered(
                row["id"], row["group"] or "prompt", prompt, one["sample"], text, one["finish_reason"], wrong, values,
                turns, bool(one.get("refused")),
            )
        )  # fmt: skip
    return made


def _measured(rows: Mapping[str, Row], told: Sequence[Row], names: list[str]) -> dict[str, list[float | None]]:
    def of(metric: str, value: str | None = None, **args: Any) -> list[float | None]:
        from leaven.registry import METRICS
        from leaven.score.flows import flow

        plugin = METRICS.get(metric)
        found = plugin.call(*(flow(one, told, rows) for one in plugin.flows), args=args)
        column: list[float | None] = found[value or metric] if isinstance(found, dict) else found
        return column

    return {
        "passes": of("passes", names=names),
        "cut off": _less(of("stop_rate")),
        "blank": _less(of("answers_something")),
        "user's turn": of("user_turn", names=names),
        "loops": of("loops"),
        "EOS loops": of("eos_loop"),
        "echo": of("echo"),
        "rubbish": of("rubbish"),
        "asks back": of("engagement"),
        "small talk": of("passes", "competence_small_talk", names=names),
        "on topic": of("passes", "competence_on_topic", names=names),
        "relevance": of("relevance"),
        "length ratio": of("length_ratio"),
    }


def _less(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else 1 - value for value in values]
