"""The verb of benchmarks: a model and one task of lm-eval -> the rows asked, their scores, what was chosen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.stages.folders import Args, Facts, Inputs
from leaven.stages.speaker import speaker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaven.evaluate.measure import Measure
    from leaven.evaluate.tasks.running import Ran

_ABOUT = {"task", "identity", "source", "model", "snapshot", "around"}  # what is no setting of lm-eval

_IN_FRONT = (
    "lm-eval writes its own prompts, and no control tokens can be put in front of them; let `harness` ask arms that do "
    "not wrap their model (its `arms`)"
)


def harness(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A model and a task of lm-eval -> rows, scores and predictions by document; lm-eval's own numbers beside them.

    ``args`` are those of ``HarnessSuite.args``; ``task_data`` is the folder of local files, ``include_path`` that of
    the user's own task files. Raises DataError where either is no longer what was keyed, and where lm-eval logged
    none of the task's metrics.
    """
    from leaven.evaluate.tasks import info
    from leaven.evaluate.tasks.items import items
    from leaven.evaluate.tasks.running import run
    from leaven.models import load

    if args.get("control"):
        raise DataError(_IN_FRONT)
    task, known, source, include_path = args["task"], args["identity"], _source(args, inputs), _include(inputs)
    about = info.describe(task, include_path, source)
    _refuse_other(known, info.identity(task, include_path, source, ask=False), task)
    model, tokenizer, _ = speaker(args, inputs)
    load.prove_finite(model)
    settings = {name: value for name, value in args.items() if name not in _ABOUT}
    with tempfile.TemporaryDirectory(dir=out, prefix="datasets-") as scratch:
        ran = run(
            model, tokenizer, task, settings,
            scratch=Path(scratch), source=source, include_path=include_path, commits=known["data"],
        )  # fmt: skip
        made = items(ran, task)
    if not made.scores:
        raise DataError(_not_logged(task, about.measures, ran))
    count = tables.write(out / "rows.parquet", "examples", made.examples)
    tables.write(out / "scores.parquet", "scores", made.scores)
    if made.predictions:
        tables.write(out / "predictions.parquet", "predictions", made.predictions)
    (out / "results.json").write_text(ran.as_json(), encoding="utf-8")
    unscored = sum(one["value"] is None for one in made.scores)
    told = {"scores": len(made.scores), "unscored": unscored, "truncated": ran.truncated, "notes": list(about.notes)}
    return {
        "kind": "examples", "rows_in": count, "rows": count, "drops": {}, "values": _values(ran), **told,
        "lm_eval": known["lm_eval"], **load.device_facts(model),
    }  # fmt: skip


def _source(args: Args, inputs: Inputs) -> str | None:
    return str(inputs["task_data"]) if "task_data" in inputs else args.get("source")


def _include(inputs: Inputs) -> str | None:
    return str(inputs["include_path"]) if "include_path" in inputs else None


def _refuse_other(known: dict[str, Any], found: dict[str, Any], task: str) -> None:
    """Refuse task files or data that were edited after they were keyed; a set of the hub is read at its commit."""
    local = {name: value for name, value in found["data"].items() if not value.startswith("hub:")}
    same = {name: known["data"].get(name) for name in local} == local
    if (known["lm_eval"], known["config"]) != (found["lm_eval"], found["config"]) or not same:
        raise DataError(f"the files of task '{task}' were edited after the study began; run the study again")


def _values(ran: Ran) -> dict[str, dict[str, float]]:
    """Return lm-eval's aggregates, by task or group and by metric with its filter, as its command line tells them."""
    from leaven.evaluate.tasks.items import number_of

    found: dict[str, dict[str, float]] = {}
    for name, told in ran.results["results"].items():
        numbers = {metric: number_of(value) for metric, value in told.items() if "," in metric}
        found[name] = {metric: number for metric, number in numbers.items() if number is not None}
    return found


def _not_logged(task: str, measures: Sequence[Measure], ran: Ran) -> str:
    logged = sorted({metric for samples in ran.samples.values() for one in samples for metric in one["metrics"]})
    called, told = ", ".join(one.name for one in measures), ", ".join(logged) or "none"
    return (
        f"task '{task}' gave no score: its metrics are called {called}, and lm-eval logged {told}; the task file "
        "(`include_path`) call them as they are logged, or take another task"
    )
