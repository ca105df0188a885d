"""The verb of scoring: what a model told -> scores by one metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from leaven import rows as tables
from leaven.stages import measuring
from leaven.stages.folders import Args, Facts, Inputs, table_of


def score(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Generations, likelihoods or verdicts -> scores by one metric; a null says that a text could not be scored."""
    from leaven.registry import METRICS
    from leaven.score.flows import flow

    told = _told(inputs)
    asked = {row["id"]: row for row in table_of(inputs["prompts"]).to_pylist()}
    if "passages" in inputs:
        _show(asked, [inputs["passages"], *_more(inputs)])
    plugin = METRICS.get(args["metric"]["name"])
    declared = measuring.arguments(plugin, args["metric"]["args"], args, inputs, out)
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
    unscored = sum(line["value"] is None for line in lines)
    return {"scores": len(lines), "unscored": unscored, **measuring.facts(plugin, declared)}


def _show(asked: dict[str, tables.Row], folders: Iterable[Path]) -> None:
    """Give each prompt the passages that the model was shown with it: those of each of its methods, best first."""
    for row in asked.values():
        row["passages"] = []
    for folder in folders:
        for line in tables.read(folder / "passages.parquet").to_pylist():
            if line["id"] in asked:
                asked[line["id"]]["passages"].append(line["text"])


def _more(inputs: Inputs) -> Iterator[Path]:
    """Yield what further methods of an arm looked up, in their order: ``passages.1``, ``passages.2``."""
    place = 1
    while (folder := inputs.get(f"passages.{place}")) is not None:
        yield folder
        place += 1


def _told(inputs: Inputs) -> list[tables.Row]:
    """Return what a model made of each row: its answers, how expected the row was to it, or which answer it prefers."""
    from leaven.score.flows import of_likelihoods

    for name in ("likelihoods", "verdicts"):
        if name in inputs:
            return of_likelihoods(tables.read(inputs[name] / f"{name}.parquet").to_pylist())
    rows: list[tables.Row] = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    return rows
