"""What flows into a metric, by the names of its parameters: from what a model told, and from the rows it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leaven.errors import DataError
from leaven.registry import METRICS
from leaven.rows import Row

_TOLD = {
    "texts": "text", "finish_reasons": "finish_reason", "nats": "nats", "tokens": "tokens", "bytes": "bytes",
    "chosen_scores": "chosen", "rejected_scores": "rejected",
    "chosen_tokens": "chosen_tokens", "rejected_tokens": "rejected_tokens",
}  # fmt: skip
_ASKED: dict[str, Callable[[Row], Any]] = {
    "prompts": lambda row: row["prompt"][-1]["content"],
    "references": lambda row: (row.get("completion") or row.get("chosen") or [{}])[-1].get("content"),
    "labels": lambda row: row.get("label"),
    "groups": lambda row: row.get("group"),
    "messages": lambda row: row["prompt"],
    "passages": lambda row: row.get("passages"),  # what its model was shown; None: nothing was looked up
    "others": lambda row: [row["rejected"][-1]["content"]] if row.get("rejected") else row.get("others"),
}


def flow(name: str, told: Sequence[Row], asked: Mapping[str, Row]) -> list[Any]:
    """Return one value for each row that was told; ``asked`` are the rows by id.

    Of a preference the chosen answer is the reference, and the rejected one is another person's answer.
    """
    if name in _TOLD:
        return [row[_TOLD[name]] for row in told]
    assert name in _ASKED, f"a metric asks for '{name}'; what flows is {', '.join([*_TOLD, *_ASKED])}"
    return [_ASKED[name](asked[row["prompt_id"]]) for row in told]


def of_likelihoods(rows: Sequence[Row]) -> list[Row]:
    """Return likelihoods, or verdicts, as something told: by the row that was asked, one sample each."""
    return [{**row, "prompt_id": row["id"], "sample": 0} for row in rows]


def one_value(
    name: str, declared: Mapping[str, Any], value: str | None, texts: Sequence[str], prompts: Sequence[str] = ()
) -> list[float | None]:
    """Return one value of a metric of texts for each text; raises DataError if it has several and none is named.

    ``prompts``: what each text answers, for a metric that reads that too.
    """
    flows = {"texts": list(texts), "prompts": list(prompts)}
    plugin = METRICS.get(name)
    found = plugin.call(*(flows[one] for one in plugin.flows), args=declared)
    if not isinstance(found, dict):
        return list(found)
    if (value or name) not in found:
        raise DataError(f"metric {name} has several values; `value` is one of {', '.join(found)}")
    return list(found[value or name])
