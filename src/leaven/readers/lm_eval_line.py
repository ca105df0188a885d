"""One line of lm-eval's ``samples_*.jsonl``: the values of its metrics, the text, the choice that was made.

Fields as lm-eval 0.4.13 writes them; versions before 0.4.9 name no ``metrics`` and have lists for ``arguments``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from leaven.readers.brought import Document
from leaven.readers.values import name, number

_ABOUT = frozenset(
    ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
     "target_hash")
)  # fmt: skip
_PER_BYTE = "bits_per_byte"


@dataclass(frozen=True)
class Line:
    """One document under one filter. ``values`` has a name ``metric`` or ``metric,filter``; None is unscored.

    ``aggregated`` are metrics whose values are no number per document (corpus BLEU, F1 over all). ``texts`` are the
    answers, one for each repeat; of a choice, the text that was chosen.
    """

    doc_id: str
    values: dict[str, float | None]
    document: Document
    prompt: str
    texts: list[str]
    reference: str | None
    chosen: tuple[str, str] | None  # prediction and label of a multiple choice
    is_greedy: bool  # nothing was drawn: only read, or generated without sampling
    aggregated: list[str] = field(default_factory=list)


def parse(line: dict[str, Any]) -> Line:
    """Return what a line says; raises ValueError with the reason if it is no line of lm-eval's samples."""
    if "doc_id" not in line:
        raise ValueError("has no doc_id, so it is no line of lm-eval's samples (`--log_samples` writes them)")
    values, aggregated = _values(line)
    arguments = list(_arguments(line.get("arguments")))
    choices = _choices(line, arguments)
    best = None if choices is None else max(range(len(choices)), key=lambda place: choices[place][0])
    target = line.get("target")
    chosen = None if best is None or target is None else (str(best), str(target))
    if choices is None or best is None:
        texts, reference = _answers(line), None if target is None else _text(target)
    else:
        texts, reference = [choices[best][1]], _choice_text(choices, target)
    return Line(
        name(line["doc_id"]), values, _document(line), _text(arguments[0][0]) if arguments else "", texts, reference,
        chosen, _is_greedy(arguments), aggregated,
    )  # fmt: skip


def _values(line: dict[str, Any]) -> tuple[dict[str, float | None], list[str]]:
    """Return the metrics that are a number per document, and the names of those that are none."""
    declared = line.get("metrics")
    names = declared if isinstance(declared, list) else [key for key in line if key not in _ABOUT]
    filtered = name(line.get("filter") or "none")
    values, aggregated = {}, []
    for metric in map(name, names):
        value = line.get(metric)
        if metric == _PER_BYTE and isinstance(value, list):
            value = _bits(value)
        if isinstance(value, (list, dict)):
            aggregated.append(metric)
            continue
        try:
            values[metric if filtered == "none" else f"{metric},{filtered}"] = number(value)
        except ValueError as error:
            raise ValueError(f"metric {metric}: {error}") from None
    return values, aggregated


def _bits(logged: list[Any]) -> float | None:
    """Return a text's bits per byte: lm-eval logs its log-likelihood in nats, and its bytes."""
    if len(logged) != 2 or not all(isinstance(part, (int, float)) for part in logged):
        raise ValueError(f"metric {_PER_BYTE}: a log-likelihood and a number of bytes are wanted")
    log_likelihood, n_bytes = map(number, logged)
    return None if log_likelihood is None or not n_bytes or n_bytes < 0 else -log_likelihood / n_bytes / math.log(2)


def _document(line: dict[str, Any]) -> Document:
    known = [line.get("doc_hash"), line.get("target_hash")]
    prompt = line.get("prompt_hash")
    content = "-".join(str(part) for part in known) if any(known) else None
    return Document(content, None if prompt is None else str(prompt))


def _arguments(given: object) -> Iterator[list[Any]]:
    """Yield the arguments of each request: prompt, then continuation or settings."""
    requests = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    for one in requests:
        parts = list(one.values()) if isinstance(one, dict) else one
        if isinstance(parts, list) and parts:
            yield parts


def _choices(line: dict[str, Any], arguments: list[list[Any]]) -> list[tuple[float, str]] | None:
    """Return log-likelihood and text of each choice, None where there was nothing to choose."""
    answers = line.get("filtered_resps")
    if not isinstance(answers, list) or len(answers) < 2 or len(answers) != len(arguments):
        return None
    scored = []
    for answer, argument in zip(answers, arguments, strict=True):
        # [log-likelihood, whether it is the greedy continuation], as text
        if not (isinstance(answer, list) and len(answer) == 2 and str(answer[1]) in ("True", "False")):
            return None
        likely = number(answer[0])
        scored.append((-math.inf if likely is None else likely, _text(argument[-1])))
    return scored


def _choice_text(choices: list[tuple[float, str]], target: object) -> str | None:
    """Return the text of the right choice, where the target is its number."""
    place = str(target)
    is_place = place.isascii() and place.isdigit() and int(place) < len(choices)
    return choices[int(place)][1] if is_place else None if target is None else _text(target)


def _answers(line: dict[str, Any]) -> list[str]:
    """Return what was generated, one text for each repeat; nothing for tasks that only read."""
    answers = line.get("resps")
    first = answers[0] if isinstance(answers, list) and answers else None
    takes_settings = any(isinstance(parts[-1], dict) for parts in _arguments(line.get("arguments")))
    if not takes_settings or not isinstance(first, list):
        return []
    return [_text(answer) for answer in first]


def _is_greedy(arguments: list[list[Any]]) -> bool:
    """Say whether no answer was drawn; settings that leave it open are lm-eval's default, greedy."""
    settings = [parts[-1] for parts in arguments if isinstance(parts[-1], dict)]
    return not any(one.get("do_sample") or one.get("temperature") for one in settings)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
