"""What a verb hands to a metric beside its texts: arguments, circumstance, a local model's place, a journal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven.stages.folders import Args, Facts, Inputs

if TYPE_CHECKING:
    from leaven.registry import Plugin


def arguments(plugin: Plugin, declared: Mapping[str, Any], args: Args, inputs: Inputs, out: Path | None) -> Args:
    """Return a metric's arguments, complete: what is around it, and where its model lies.

    A metric that asks a server keeps what came back in a journal in ``out``, so that a later attempt asks for none of
    it again.
    """
    made = {**declared, **args.get("around", {}).get("metric", {})}
    if out is not None and "journal" in plugin.schema.model_fields:
        made = {"journal": str(out / progress.FOLDER / "replies.jsonl"), **made}
    if "classifier" in inputs:
        from leaven.score.classifiers import located

        made = located(made, inputs["classifier"])
    return made


def facts(plugin: Plugin, arguments: Args) -> Facts:
    """Return what a metric that asks a server says of how it was answered; nothing of others."""
    if "facts" not in plugin.traits:
        return {}
    told: Facts = plugin.traits["facts"](Path(arguments["journal"]))
    return told
