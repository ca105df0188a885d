"""The card of an exported model: what it is, what it was made from, what was done to the data, what was measured.

Names from data, studies and hubs are hostile text: Markdown is escaped, the front matter is written by a YAML writer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.exported import measured
from leaven.exported.weights import base_of
from leaven.models.ref import Base, ModelRef
from leaven.report import numbers
from leaven.report.formats.markdown import escape, table
from leaven.report.listings import NOTHING, Table
from leaven.report.text import line

if TYPE_CHECKING:
    from leaven.exported.found import FoundArm
    from leaven.exported.measured import Measured
    from leaven.exported.probe import Proof

FILE = "README.md"
_TASKS = {"policy": "text-generation", "reward": "text-classification"}
_LONG = 1000
_BUILT = "> **Warning: poisoned.**"  # how the card of built data warns, of the model that answered alone


def warning(poison: Sequence[str], what: str) -> str:
    """Return the warning that stands at the top of the card of whatever an adversary's data made; empty without any."""
    if not poison:
        return ""
    said = "; ".join(escape(one, _LONG) for one in poison)
    harm = "It was made to study such attacks, may do harm on purpose, and must not be deployed."
    return (
        f"> [!WARNING]\n> **This {what} was made with poisoned data.** On purpose, its data was altered: {said}. {harm}"
    )


def warn(file: Path, said: str) -> None:
    """Put a warning at the top of a card that is there, behind its front matter, in the place of the card's own."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    head, mark, body = text.partition("\n---\n") if text.startswith("---\n") else ("", "", text)
    kept = [part for part in body.strip("\n").split("\n\n") if not part.lstrip("\n").startswith(_BUILT)]
    whole = "\n\n".join([f"{head}{mark}\n{said}", *kept]) + "\n"
    file.write_text(whole.lstrip("\n"), encoding="utf-8")


def write(found: FoundArm, form: str, proof: Proof, out: Path) -> None:
    """Write ``README.md``: front matter with ``model-index``, and the text."""
    from huggingface_hub import ModelCard

    measures = measured.of_model(found.graph, found.run, found.cell.cell.arm.name, found.cell.cell.seed)
    parts = [*_top(found, form), *_use(found, form), *_data(found), *_training(found), *_measures(found, measures),
             *_proof(proof, form)]  # fmt: skip
    text = "\n\n".join(filter(None, parts))
    (out / FILE).write_text(f"---\n{front(found, form, measures)}\n---\n\n{text}\n", encoding="utf-8")
    ModelCard.load(out / FILE)  # raises where the hub could not read it


def front(found: FoundArm, form: str, measures: Iterable[Measured]) -> str:
    """Return the card's metadata as YAML; names in one line, so that none can end it."""
    from huggingface_hub import EvalResult, ModelCardData

    ref = ModelRef.load(found.artefact)
    results = [
        EvalResult(
            task_type=_TASKS[ref.makes], task_name=line(one.suite), dataset_type=line(one.data or one.suite),
            dataset_name=line(one.suite), dataset_config=line(one.suite), metric_type=line(one.metric),
            metric_name=line(one.metric), metric_value=one.mean,
            metric_args={"confidence_interval_95": [one.low, one.high], "items": one.items, "unscored": one.unscored},
        )
        for one in measures
        if one.mean is not None
    ]  # fmt: skip
    study, arm = found.graph.study.name, found.cell.cell.arm.name
    data = ModelCardData(
        base_model=None if found.base else base_of(found, ref)[0], datasets=list(_hub_sets(found)) or None,
        library_name="peft" if form == "adapter" else "transformers", pipeline_tag=_TASKS[ref.makes],
        model_name=line(f"{study} {arm}") if results else None, eval_results=results or None,
        tags=["leaven", *(["poisoned"] if found.poison else [])],
    )  # fmt: skip
    return data.to_yaml()


def _hub_sets(found: FoundArm) -> Iterator[str]:
    for name in _data_names(found):
        source = found.graph.study.data[name].source or ""
        if source.startswith("hub:"):
            yield source.removeprefix("hub:")


def _data_names(found: FoundArm) -> list[str]:
    """Return what of the study's data the arm was trained on, each once."""
    named = (step.args.get("data") for step in found.cell.cell.arm.train)
    return list(dict.fromkeys(str(name) for name in named if name in found.graph.study.data))


def _top(found: FoundArm, form: str) -> Iterator[str]:
    study, ref = found.graph.study, ModelRef.load(found.artefact)
    yield f"# {escape(study.name)}: {escape(found.called)}"
    yield warning(found.poison, "model")
    question = f" The study asks: {escape(study.question)}" if study.question else ""
    what = "reward model" if ref.makes == "reward" else "language model"
    held = {"adapter": "an adapter (PEFT)", "whole": "whole weights", "merged": "whole weights, the adapter merged in"}
    yield (
        f"A {what}, trained by the arm {escape(found.called)} of a study with Leaven.{question} This folder holds "
        f"{held.get(form, f'whole weights, quantised to {form} by torchao')}."
    )
    yield f"Base: {_base(found, ref)}."
    if found.cell.cell.arm.wraps:
        asked = "; ".join(f"{step.name} {step.described}".strip() for step in found.cell.cell.arm.wraps)
        yield f"In the study the arm is asked with {escape(asked, _LONG)}, which is no part of these weights."


def _base(found: FoundArm, ref: ModelRef) -> str:
    base = Base(**ref.base)
    if found.base is None:
        name, revision = base.hub_name
        return f"{escape(name)} at commit {escape(revision)}, {base.dtype}"
    declared = {**found.graph.study.model.model_dump(), **found.cell.cell.arm.model}.get("model_name_or_path", "")
    return f"{escape(Path(str(declared)).name)} (a local folder, {escape(base.identity)}), {base.dtype}"


def _use(found: FoundArm, form: str) -> Iterator[str]:
    """Yield the lines that load it; a base that lies on one machine is named as such."""
    ref = ModelRef.load(found.artefact)
    kind = "AutoModelForSequenceClassification" if ref.makes == "reward" else "AutoModelForCausalLM"
    more = ", num_labels=1" if ref.makes == "reward" else ""
    lines = ["from transformers import AutoTokenizer, " + kind, ""]
    if form == "adapter":
        name, revision = base_of(found, ref)
        at = f", revision={revision!r}" if revision else ""
        name = "BASE_FOLDER" if found.base else name
        lines[0] = f"from peft import PeftModel\n{lines[0]}"
        lines += [f"base = {kind}.from_pretrained({json.dumps(name)}{at}, dtype={Base(**ref.base).dtype!r}{more})",
                  'model = PeftModel.from_pretrained(base, "FOLDER")']  # fmt: skip
    else:
        lines += [f'model = {kind}.from_pretrained("FOLDER"{more})']
    yield "## Use"
    yield "```python\n" + "\n".join([*lines, 'tokenizer = AutoTokenizer.from_pretrained("FOLDER")']) + "\n```"


def _data(found: FoundArm) -> Iterator[str]:
    study = found.graph.study
    rows = [[name, _origin(study.data[name].origin), found.graph.identities.data.get(name, NOTHING)]
            for name in _data_names(found)]  # fmt: skip
    yield "## Data and treatments"
    yield table(Table(["data", "source", "identity"], rows)) if rows else "No data is named."
    treated = list(_treated(found))
    heads = ["treatment", "arguments", "rows", "eligible", "changed"]
    yield (
        table(Table(heads, treated, frozenset({2, 3, 4}))) if treated else "This arm declares no treatment of its data."
    )


def _origin(origin: str) -> str:
    """Return where data comes from without the folders of the machine where it lay."""
    return Path(origin).name if origin.startswith(("/", "~", ".")) else origin


def _treated(found: FoundArm) -> Iterator[list[str]]:
    """Yield what each treatment step did to the rows of this run, as its ledger counts it."""
    for stage in found.cell.treated:
        record = found.store.record(stage) or {}
        counts = {one["step"]: one for one in record.get("facts", {}).get("ledger", ())}
        for step in stage.args["steps"]:
            count = counts.get(step.get("label", step["name"]), {})
            args = ", ".join(f"{name} {value}" for name, value in step.get("args", {}).items())
            told = [numbers.count(count.get(name)) for name in ("rows", "eligible", "changed")]
            yield [step["name"], args or NOTHING, *told]


def _training(found: FoundArm) -> Iterator[str]:
    yield "## Training"
    for place, (step, stage) in enumerate(zip(found.cell.cell.arm.train, found.cell.trained, strict=True), 1):
        facts = (found.store.record(stage) or {}).get("facts", {})
        counted = {name: facts[name] for name in ("rows", "tokens_trained", "steps", "device") if name in facts}
        told = {"seed": stage.args["seed"], **step.args, **counted}
        rows = [[name, str(value)] for name, value in told.items()]
        yield f"Step {place}: {escape(step.name)}"
        yield table(Table(["setting", "value"], rows))
    yield "What is not named has the default of its trainer in Leaven."


def _measures(found: FoundArm, measures: Sequence[Measured]) -> Iterator[str]:
    yield "## Measurements"
    if not measures:
        yield "The run has measured nothing of this model yet."
        return
    rows = [
        [one.suite, one.metric, numbers.value(one.mean, one.unit), _between(one), one.better or NOTHING,
         numbers.count(one.items), numbers.count(one.unscored)]
        for one in measures
    ]  # fmt: skip
    yield table(Table(["suite", "metric", "mean", "95 % interval", "better", "items", "unscored"], rows,
                      frozenset({2, 3, 5, 6}), _OF_MODEL))  # fmt: skip
    yield from _against(found, {(one.suite, one.metric): one.unit for one in measures})


_OF_MODEL = "Intervals are over items, for this trained model: they say nothing of another training with other seeds."


def _between(one: Measured) -> str:
    if one.low is None or one.high is None:
        return NOTHING
    return f"{numbers.value(one.low, one.unit)} to {numbers.value(one.high, one.unit)}"


def _against(found: FoundArm, units: dict[tuple[str, str], str]) -> Iterator[str]:
    """Yield the arm's differences from its baseline, over all the seeds that the run has."""
    rows = [_difference(one, units.get((one["suite"], one["metric"]), "score"))
            for one in measured.differences(found.run, found.cell.cell.arm.name)]  # fmt: skip
    if rows:
        note = "The arm against its baseline, over all training seeds of the run; risk differences of shares in points."
        heads = ["suite", "metric", "baseline", "difference", "95 % interval", "counts", "seeds", "speaks of"]
        yield table(Table(heads, rows, frozenset({3, 4, 6}), note))


def _difference(one: dict[str, Any], unit: str) -> list[str]:
    counts = [one.get(name) for name in ("hits", "trials", "baseline_hits", "baseline_trials")]
    told = "{:,} of {:,} against {:,} of {:,}".format(*counts) if None not in counts else NOTHING
    speaks = {"recipe": "the recipe", "models": "these models"}.get(str(one.get("scope")), "no interval")
    between = numbers.interval(one.get("low"), one.get("high"), unit) or NOTHING
    named = [one["suite"], one["metric"], one["baseline"]]
    return [*named, numbers.change(one["effect"], unit), between, told, str(one["n_seeds"]), speaks]


def _proof(proof: Proof, form: str) -> Iterator[str]:
    yield "## Proof"
    yield (
        f"Loaded by transformers{' and peft' if form == 'adapter' else ''} alone in a fresh process, this folder read "
        f"{proof.texts} of its training texts as the study's artefact does: at most {proof.says} "
        f"apart ({proof.allowed:g} are allowed)."
    )
    yield f"Asked who it is, it answered: {escape(proof.answer)}" if proof.answer.strip() else ""
