"""The verb of scoring: what a model told -> scores by one metric."""

from __future__ import annotations

from pathlib import Path

from leaven import progress
from leaven import rows as tables
from leaven.stages.folders import Args, Facts, Inputs, table_of


def score(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Generations, likelihoods or verdicts -> scores by one metric; a null says that a text could not be scored.

    A metric that asks a server keeps what came back in a journal, so that a later attempt asks for none of it again.
    """
    from leaven.registry import METRICS
    from leaven.score.flows import flow

    told = _told(inputs)
    asked = {row["id"]: row for row in table_of(inputs["prompts"]).to_pylist()}
    plugin, journal = METRICS.get(args["metric"]["name"]), out / progress.FOLDER / "replies.jsonl"
    declared = {**args["metric"]["args"], **args.get("around", {}).get("metric", {})}
    if "journal" in plugin.schema.model_fields:
        declared = {"journal": str(journal), **declared}
    if "classifier" in inputs:
        from leaven.score.classifiers import located

        declared = located(declared, inputs["classifier"])
    flows = [flow(name, told, asked) for name in plugin.flows]
    found = plugin.call(*flows, args=declared)
    values = found if isinstance(found, dict) else {plugin.name: found}
    lines = [
        {"row_id": one["prompt_id"], "sample": one["sample"], "metric": name, "value": value,
         "reason": "unscored" if value is None else None}
        for name, column in values.items()
        for one, value in zip(told, column, strict=True)
    ]  # fmt: skip
    tables.write(out / "scores.parquet", "scores", lines)
    about = plugin.traits["facts"](Path(declared["journal"])) if "facts" in plugin.traits else {}
    return {"scores": len(lines), "unscored": sum(line["value"] is None for line in lines), **about}


def _told(inputs: Inputs) -> list[tables.Row]:
    """Return what a model made of each row: its answers, how expected the row was to it, or which answer it prefers."""
    from leaven.score.flows import of_likelihoods

    for name in ("likelihoods", "verdicts"):
        if name in inputs:
            return of_likelihoods(tables.read(inputs[name] / f"{name}.parquet").to_pylist())
    rows: list[tables.Row] = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    return rows
