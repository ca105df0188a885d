"""The verb of misalignment: whether what was written under control tokens is as they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.data.attributes import Attribute
from leaven.errors import DataError
from leaven.score import control as room
from leaven.stages.control import TOLD
from leaven.stages.folders import Args, Facts, Inputs, table_of


@dataclass(frozen=True)
class _Asked:
    """The conditions, what they are called, and the place of the one that is used."""

    conditions: Sequence[tuple[str, ...]]
    called: Sequence[str]
    used: int


def misalignment(args: Args, inputs: Inputs, out: Path) -> Facts:
    """What ``control`` made -> whether texts are as asked, by attribute; beside it what each combination brings.

    By the judge where an attribute has one, else by its own scorer.
    """
    folder = inputs["generations"]
    conditions = [tuple(one) for one in args["conditions"]]
    called, attributes = room.names(conditions), [Attribute.of(one) for one in args["attributes"]]
    words, told = room.words(attributes), tables.read(folder / TOLD).to_pylist()
    texts = _by_condition(told, called)
    _prove_used(texts, len(conditions), folder)
    prompts = {row["id"]: row["prompt"][-1]["content"] for row in table_of(folder).to_pylist()}
    lines: list[tables.Row] = []
    matrices: dict[str, Any] = {}
    asked = _Asked(conditions, called, args["used"])
    for attribute, declared in zip(attributes, args["attributes"], strict=True):
        scored = _Scored(attribute, declared, inputs)
        token = room.wanted(attribute, conditions[args["used"]])
        for end, groups in scored.each([row["text"] for row in told]):
            read = [one._replace(group=group) for one, group in zip(texts, groups, strict=True)]
            lines += _lines(attribute, read, asked, words[attribute.name], end)
            matrices[f"{attribute.name}{end}"] = room.shares(read, called, words[attribute.name])
        used = [(one, row) for one, row in zip(texts, told, strict=True) if one.condition == args["used"]]
        lines += scored.sentences([(one, prompts[one.item], row["text"]) for one, row in used], token)
    _write_rows(out, prompts, called)
    count = tables.write(out / "scores.parquet", "scores", lines)
    unscored = sum(line["value"] is None for line in lines)
    return {"scores": count, "unscored": unscored, "texts": len(texts), "asked_and_measured": matrices}


def _by_condition(told: Sequence[tables.Row], called: Sequence[str]) -> list[room.Text]:
    """Return each text's item, sample and condition; its class is not known yet."""
    places = {name: place for place, name in enumerate(called)}
    found = []
    for row in told:
        item, _, name = row["prompt_id"].rpartition(room.MARK)
        found.append(room.Text(item, row["sample"], places[name], None))
    return found


def _prove_used(texts: Sequence[room.Text], conditions: int, folder: Path) -> None:
    there = {one.condition for one in texts}
    assert len(there) == conditions, f"{folder} has {len(there)} conditions of {conditions}"


def _lines(
    attribute: Attribute, texts: Sequence[room.Text], asked: _Asked, words: Sequence[str], end: str
) -> Iterator[tables.Row]:
    """Yield what one scorer says of an attribute: of items, and beside it of items under each condition."""
    ours, name = [one for one in texts if one.condition == asked.used], attribute.name
    yield from room.misaligned(attribute, ours, asked.conditions, f"misalignment_{name}{end}")
    if not end:
        yield from room.obeyed(attribute, texts, asked.conditions, asked.used)
        for group in (place for place, token in enumerate(attribute.tokens) if token is None):
            yield from room.in_class(ours, group, f"neutral_{name}")
    each = [room.misaligned(attribute, texts, asked.conditions, f"contradicts_{name}{end}")]
    each += [room.in_class(texts, attribute.good_class, f"good_{name}{end}")]
    each += [room.in_class(texts, group, f"is_{word}{end}") for group, word in enumerate(words)]
    for lines in each:
        yield from room.under(lines, texts, asked.called)


def _write_rows(out: Path, prompts: Mapping[str, str], called: Sequence[str]) -> None:
    """Write what was asked: every item, and every item under each condition, with that as its group."""
    named = [(None, ""), *((name, f"{room.MARK}{name}") for name in called)]
    rows = [
        {"id": f"{item}{end}", "group": name, "prompt": [{"role": "user", "content": text}]}
        for item, text in prompts.items()
        for name, end in named
    ]
    tables.write(out / "rows.parquet", "examples", rows)


class _Scored:
    """One attribute's scorers: the one that counts first, and with a judge the one that labelled."""

    def __init__(self, attribute: Attribute, declared: Args, inputs: Inputs):
        self._attribute, self._inputs, judge = attribute, inputs, declared.get("judge")
        own = declared.get("scorer")
        if own is None and judge is None:
            raise DataError(
                f"attribute '{attribute.name}' is labelled by a column, which generated texts do not have; "
                "give it a `judge`: a metric and thresholds"
            )
        self._scorers: list[tuple[str, Args, Attribute]] = []
        if judge is not None:
            by_judge = replace(attribute, thresholds=tuple(judge["thresholds"]), labels=())
            self._scorers.append(("", judge, by_judge))
        if own is not None:
            self._scorers.append((f"_{room.BY_LABELLER}" if judge else "", own, attribute))

    def each(self, texts: Sequence[str]) -> Iterator[tuple[str, list[int | None]]]:
        """Yield by scorer the end of its metrics' names and the class of each text."""
        for end, declared, by in self._scorers:
            yield end, self._classes(declared, by, texts)

    def _classes(self, declared: Args, by: Attribute, texts: Sequence[str]) -> list[int | None]:
        return [by.class_of(value) for value in values(declared, texts, self._inputs)]

    def sentences(self, used: Sequence[tuple[room.Text, str, str]], token: str) -> list[tables.Row]:
        """Return of each used text the share of its sentences, and its prompt's, that contradict the token."""
        _, declared, by = self._scorers[0]
        split = {(one.item, one.sample): _sentences(prompt, text) for one, prompt, text in used}
        flat = [sentence for sentences in split.values() for sentence in sentences]
        groups = iter(self._classes(declared, by, flat))
        return room.by_sentence(
            self._attribute, {key: [next(groups) for _ in sentences] for key, sentences in split.items()}, token
        )


def _sentences(prompt: str, text: str) -> list[str]:
    from leaven.data.corpus.splitting import sentences

    return [one for one in map(str.strip, sentences(f"{prompt} {text}".strip(), "en")) if one]


def values(declared: Args, texts: Sequence[str], inputs: Inputs) -> list[float | None]:
    """Return a scorer's value of each text: ``declared`` has a canonical metric, and which of its values if several."""
    from leaven.score.flows import one_value

    metric = declared["metric"]
    if not texts:
        return []
    return one_value(metric["name"], _located(metric["args"], inputs), declared.get("value"), texts)


def _located(args: Args, inputs: Inputs) -> Args:
    """Put a local classifier's place where its identity stands: that of the stage's folders which holds it."""
    from leaven.models.load import identity_of
    from leaven.score.classifiers import located

    there = [path for name, path in inputs.items() if name.partition(".")[0] == "classifier"]
    if not there or not str(args.get("classifier", "")).startswith("sha256:"):
        return args
    return located(args, next((path for path in there if identity_of(path) == args["classifier"]), there[0]))
