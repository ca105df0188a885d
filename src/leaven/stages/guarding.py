"""The verbs of guards: labelled rows -> a guard; what a model told -> what it may say, and what the guards said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import DataError
from leaven.registry import METRICS, WRAPS
from leaven.rows import Row
from leaven.stages import measuring
from leaven.stages.folders import Args, Facts, Inputs, table_of

if TYPE_CHECKING:
    from leaven.models.guard import Guard, Score

_READABLE = {"texts", "prompts"}


def guard(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Labelled rows ``examples`` and rows ``validation`` -> a guard that is fitted, or has a threshold that was set.

    ``args["step"]``: the wrap as it is declared, its metric in canonical form. A guard by a declared metric and
    threshold needs no such stage.
    """
    declared, facts = args["step"]["args"], dict[str, Any]()
    rows: dict[str, Sequence[Row]] = {
        role: table_of(inputs[role]).to_pylist() for role in ("examples", "validation") if role in inputs
    }
    if (intents := declared.get("intents")) is not None:
        score, facts = _learned(intents, _said(declared, "on"), rows["examples"], out)
    else:
        score = _by_metric(declared, args, inputs, "", out)
    made = _made(declared, score, rows)
    if "validation" in rows:
        made, facts["validated_on"] = _validated(made, declared, rows["validation"])
        facts["threshold"] = made.threshold
    blocks = {"blocks": list(intents["blocks"])} if intents is not None else {}
    made.save(out, blocks)
    return {"guard": made.name, "side": made.side, **facts, "warnings": facts.get("warnings", [])}


def guarded(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Generations and bare prompts -> generations in which what a guard blocks is a refusal, with what guards said.

    ``args["steps"]``: the guards as they are declared, in their order; ``<place>.guard`` is one that ``guard`` made. A
    guard that blocks everything, or nothing, of what it looks at is named in ``warnings``. What guards did with rows by
    which one was made is not measured; other metrics of the answers count such rows, and ``warnings`` say how many.
    """
    from leaven.models.blocking import Desk

    told = tables.read(inputs["generations"] / "generations.parquet").to_pylist()
    desk = Desk.of(table_of(inputs["prompts"]).to_pylist(), told)
    desk.look(
        (opened(step, inputs, place, args, out), _said(step["args"], "refusal"))
        for place, step in enumerate(args["steps"])
    )
    tables.write(out / "generations.parquet", "generations", desk.generations())
    tables.write(out / "guards.parquet", "guarded", desk.lines)
    harmless = list(dict.fromkeys(label for step in args["steps"] for label in _said(step["args"], "harmless")))
    scores = list(desk.scores(harmless))
    tables.write(out / "scores.parquet", "scores", scores)
    unscored = sum(one["value"] is None for one in scores)
    return {**desk.facts(harmless), "scores": len(scores), "unscored": unscored}


def opened(
    step: Mapping[str, Any], inputs: Inputs, place: int = 0, args: Args | None = None, out: Path | None = None
) -> Guard:
    """Return a declared guard, ready to be asked: ``opened(step, {"0.guard": folder}).verdict(text)``.

    ``step``: ``{"args": ...}`` as the wrap declares it; its metric may be canonical (with name and args) or as in YAML.
    A classifier's folder lies in ``<place>.classifier`` or ``classifier``.
    """
    from leaven.models.guard import Guard

    declared, folder = step["args"], inputs.get(f"{place}.guard")
    score = None if declared.get("metric") is None else _by_metric(declared, args or {}, inputs, f"{place}.", out)
    if folder is not None:
        return Guard.load(folder, score)
    assert score is not None, "a guard of intents is opened from the folder of its stage"
    return _made(declared, score, {})


def _made(declared: Args, score: Score, rows: Mapping[str, Sequence[Row]]) -> Guard:
    """Return a guard at its declared threshold; at none yet where validation sets it."""
    from leaven.models.guard import Guard, digests

    below, metric = declared.get("below"), declared.get("metric")
    threshold = declared.get("above") if below is None else below
    name = "intents" if metric is None else _metric(metric)["name"]
    side = "above" if below is None else "below"
    seen = {role: digests(some) for role, some in rows.items()}
    on = tuple(_said(declared, "on"))
    return Guard(name, on, side, float("inf") if threshold is None else float(threshold), score, seen)


def _validated(made: Guard, declared: Args, rows: Sequence[Row]) -> tuple[Guard, int]:
    from leaven.models.guard import Validation

    assert "answer" not in made.on, "declared: a threshold for answers is a number"
    side = declared.get("side") or _worse(declared)
    validation = Validation(rows, declared["harmless"], declared["false_block_rate"])
    threshold, count = validation.threshold(made.score, side)
    return replace(made, side=side, threshold=threshold), count


def _worse(declared: Args) -> str:
    """Return the side on which a metric is worse; raises DataError if it has none. Of intents it is above."""
    if declared.get("metric") is None:
        return "above"
    name = _metric(declared["metric"])["name"]
    better = METRICS.get(name).traits.get("better")
    if better is None:
        raise DataError(f"a guard by {name} cannot tell which of its values are bad; set side: above or below")
    return "above" if better == "lower" else "below"


def _learned(intents: Mapping[str, Any], on: Sequence[str], rows: Sequence[Row], out: Path) -> tuple[Score, Facts]:
    from leaven.models.guard import by_intents, labelled
    from leaven.models.intents import fit

    texts, labels = labelled(rows, intents.get("field", "label"), on)
    made, facts = fit(texts, labels, intents["blocks"])
    made.save(out)
    return by_intents(made, intents["blocks"]), {**facts, "unlabelled": len(rows) - len(texts)}


def _by_metric(declared: Args, args: Args, inputs: Inputs, prefix: str, out: Path | None) -> Score:
    """Return what scores by a metric of texts; raises DataError for one that reads more than a guard has."""
    from leaven.score.flows import one_value

    metric = _metric(declared["metric"])
    plugin = METRICS.get(metric["name"])
    needs = _READABLE if "answer" in _said(declared, "on") else {"texts"}
    if lacking := [name for name in plugin.flows if name not in needs]:
        places = " and ".join(_said(declared, "on"))
        raise DataError(f"metric {plugin.name} cannot guard the {places}: it reads {', '.join(lacking)}, which a guard "
                        "has not; name a metric of the text alone")  # fmt: skip
    complete = _arguments(metric, args, inputs, prefix, out)

    def score(texts: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
        return one_value(plugin.name, complete, declared.get("value"), texts, prompts)

    return score


def _arguments(metric: Mapping[str, Any], args: Args, inputs: Inputs, prefix: str, out: Path | None) -> Args:
    """Return a metric's arguments with what is around it: of several guards each takes what is its own."""
    plugin, declared = METRICS.get(metric["name"]), metric["args"]
    known = set(plugin.traits.get("circumstance", ()))
    around = {name: one for name, one in args.get("around", {}).get("metric", {}).items() if name in known}
    folder = inputs.get(f"{prefix}classifier", inputs.get("classifier"))
    of_folder = any(str(declared.get(name, "")).startswith("sha256:") for name in ("classifier", "model"))
    there = {"classifier": folder} if folder is not None and of_folder else {}
    return measuring.arguments(plugin, declared, {"around": {"metric": around}}, there, out)


def _said(declared: Args, name: str) -> Any:
    """Return an argument of a guard, declared or by default: what equals the default is not said."""
    return declared.get(name, WRAPS.get("guard").schema.model_fields[name].default)


def _metric(declared: Any) -> dict[str, Any]:
    """Return a guard's metric by name and arguments, whether it is canonical or as in YAML."""
    from leaven.registry import Step

    if isinstance(declared, Mapping) and "name" in declared:
        return {"name": declared["name"], "args": dict(declared.get("args", {}))}
    step = Step.model_validate(declared)
    return {"name": step.name, "args": step.args}
