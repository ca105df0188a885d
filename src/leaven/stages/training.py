"""Verbs of training: encoded rows -> a trained artefact, and the proof that it answers in a fresh process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import DataError, ModelError
from leaven.stages.distilling import FILE as DISTILLATIONS
from leaven.stages.folders import Args, Facts, Inputs
from leaven.stages.speaker import judge, speaker
from leaven.stages.texts import CARD

if TYPE_CHECKING:
    from leaven.models.ref import Base
    from leaven.registry import Plugin
    from leaven.train.spread import Spread

PAIRS = "pairs.parquet"
ASKED = "asked.parquet"


def train(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Encoded rows and a base, or what the training ``before`` left -> a trained artefact, by the study's trainer.

    In this process, or in several where ``args["around"]["launch"]`` says so. Encoded rows as ``eval`` are not trained
    on: their loss is logged by epoch, by a trainer of demonstrations or of texts.
    """
    from leaven.train.launch import launched, preset_of, prove_runs_here

    around = args.get("around", {})
    if not (launch := around.get("launch")):
        return alone(args, inputs, out)
    _prove_said(launch, args)
    chosen = preset_of(launch)
    if not chosen.alone:
        return launched(f"{__name__}:alone", args, inputs, out, launch)
    prove_runs_here(chosen, 1)
    over = {"device_map": around.get("device_map", "auto")} if chosen.name == "device_map" else {}
    return alone({**args, "around": {**around, **over}}, inputs, out)


def _prove_said(launch: Args, args: Args) -> None:
    """Raise ModelError if a launch's file says a precision that the training does not: that would change results."""
    said, declared = launch.get("mixed_precision"), args["trainer"]["args"]
    if said and not declared.get(said) and not (said == "bf16" and args["model"].get("dtype") == "bfloat16"):
        raise ModelError(f"launch: the file says mixed_precision {said}, and {args['trainer']['name']} does not; set "
                         f"{said}: true there (it changes results), or mixed_precision to no")  # fmt: skip


def alone(args: Args, inputs: Inputs, out: Path, spread: Spread | None = None) -> Facts:
    """Train in this process, which ``spread`` says the part of where several train together."""
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.stages.asked_rewards import spent
    from leaven.train.job import Job

    around, before, path = args.get("around", {}), inputs.get("before"), inputs.get("base")
    base = load.base(args["model"], path, around.get("device_map"))
    _prove_attention(base)
    trainer = TRAINERS.get(args["trainer"]["name"])
    rows = _rows(inputs["encoded"], trainer)
    _prove_known(inputs["encoded"], base)
    model, adapter = _start(trainer, base, before, path, args)
    tokenizer = load.tokenizer(base)
    stops = load.stop_ids(tokenizer, getattr(model, "generation_config", None))
    held = _rows(inputs["eval"], trainer) if "eval" in inputs else None
    told: dict[str, Any] = {"progress": progress.Progress(out, "steps")} if spread is None or spread.first else {}
    job = Job(
        out, args["seed"], tokenizer, base.as_args(), stops, before=before, adapter=adapter,
        name=around.get("run_name", ""), spread=spread, held=held, **_learning(args, inputs, out), **told,
    )  # fmt: skip
    _fits_the_embedding(model, rows)
    settings = {**args["trainer"]["args"], **trainer.circumstance(around)}
    where = load.device_facts(model) if spread is not None else {}  # its weights are gathered off the GPU at the end
    facts: Facts = trainer.call(job, model, rows, args=settings)
    return {**facts, **spent(out), **(where or load.device_facts(model)), **_peak(spread)}


def _learning(args: Args, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Return, for a job, whom its model learns from beside its rows: a teacher's artefact, or what rewards answers."""
    from leaven.train.snapshots import folder_of

    found: dict[str, Any] = {"base_path": inputs.get("base")}
    if "teacher" in inputs:
        at = args.get("teacher_snapshot")
        found["teacher"] = inputs["teacher"] if at is None else folder_of(inputs["teacher"], float(at))
    if "reward" in args:
        from leaven.stages.rewarded import reward

        found["reward"] = reward(args, inputs, out)
    return found


def _prove_attention(base: Base) -> None:
    """Raise ModelError where an attention that is written for GPUs would fail obscurely without one."""
    import torch

    if (asked := base.attn_implementation or "").startswith("flash_attention") and not torch.cuda.is_available():
        raise ModelError(f"model.attn_implementation {asked} needs a GPU, and this training sees none; set it to sdpa")


def _peak(spread: Spread | None) -> Facts:
    """Return the memory that the first of several processes took on its GPU at most."""
    import torch

    if spread is None or not torch.cuda.is_available():
        return {}
    return {"gpu_peak_mb": torch.cuda.max_memory_allocated() // 1024**2}


def _start(trainer: Plugin, base: Base, before: Path | None, path: Path | None, args: Args) -> tuple[Any, Path | None]:
    """Load what is trained: the base, or what the training before left; with a head for rewards if they are made.

    Where the base gives its config alone, the training's seed draws the weights; an adapter over them is refused, as
    nothing that is saved with it would hold what it lies over.
    """
    from leaven.models import load, rewarding

    if before is not None:
        load.prove_base(before, base.identity)
    if trainer.traits.get("makes") == "reward":
        return rewarding.rewarding(base, before, path)
    if before is not None:
        return load.continued(before, path, base.device_map)
    seed = None if args["trainer"]["args"].get("peft") else args["seed"]
    return load.causal_lm(base, seed), None


def _rows(encoded: Path, trainer: Plugin) -> Any:
    """Open the ids that a trainer reads: of demonstrations, or of preferences."""
    reads = trainer.traits.get("reads", "examples")
    file, columns = _ENCODED[reads]
    if not (encoded / file).exists() or (reads == "texts") is not (encoded / CARD).exists():
        raise DataError(f"{trainer.name} reads {reads}, and these rows are none; name another data set")
    return tables.dataset(encoded / file).select_columns(columns)


def _prove_known(encoded: Path, base: Base) -> None:
    """Raise DataError if the texts stand behind tokens that the base's vocabulary was not grown by."""
    if not (encoded / CARD).exists():
        return
    needs = json.loads((encoded / CARD).read_text(encoding="utf-8"))["needs"]
    if lacking := [token for token in needs if token not in base.added_tokens]:
        raise DataError(f"the texts need the control tokens {', '.join(lacking)}, which the model's vocabulary lacks")


_ENCODED = {
    "examples": ("encoded.parquet", ["input_ids", "labels"]),
    "texts": ("encoded.parquet", ["input_ids", "labels"]),
    "preferences": (PAIRS, ["prompt_ids", "chosen_ids", "rejected_ids"]),
    "distillations": (DISTILLATIONS, ["teacher_ids", "prompt_ids", "completion_ids"]),
    "asked": (ASKED, ["prompt_ids", "prompt"]),
}


def _fits_the_embedding(model: Any, encoded: Any) -> None:
    import pyarrow.compute as pc

    ids = [name for name in encoded.column_names if name.endswith("_ids")]
    most = max(pc.max(pc.list_flatten(encoded.data.table[name])).as_py() for name in ids)
    size = model.get_input_embeddings().num_embeddings
    if most >= size:
        raise ModelError(f"the tokenizer gives id {most}, the model embeds {size} tokens; they do not belong together")


def prove(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Load a trained artefact in a fresh process and make it answer.

    What its training wrote of a few of its rows, it must make of them again: the same log-probabilities or rewards. Of
    a training's snapshots the one that ``args["snapshot"]`` names is proven; nothing was written of these.
    """
    from leaven.models import load
    from leaven.train import reload

    model, tokenizer, is_reward = judge(args, inputs)
    parameters = load.prove_finite(model)
    proof: Facts = {"parameters": parameters}
    if args.get("snapshot") is None and (inputs["model"] / reload.FILE).exists():
        proof["reload_max_difference"] = _reloaded(inputs, model)
    answer = {} if is_reward else _answer(args, inputs, tokenizer)
    (out / "proof.json").write_text(json.dumps({**proof, **answer}, ensure_ascii=False, indent=1))
    return {**proof, **load.device_facts(model)}


def _reloaded(inputs: Inputs, model: Any) -> float:
    from leaven.train import reload

    rows, _ = reread(inputs["encoded"])
    return reload.prove(inputs["model"], model, rows)


def reread(encoded: Path) -> tuple[list[tables.Row], str]:
    """Return the first encoded rows as ``reload`` reads them, and what it calls them: pairs, or texts."""
    from leaven.train import reload

    file = next(file for file in (*_WITH_PROMPTS, "encoded.parquet") if (encoded / file).exists())
    rows = next(tables.batches(encoded / file, size=reload.ROWS)).to_pylist()
    if file == PAIRS:
        return rows, "policy"
    return rows if file == "encoded.parquet" else list(map(reload.text_of, rows)), "texts"


_WITH_PROMPTS = (PAIRS, DISTILLATIONS, ASKED)  # what has each prompt's ids by themselves


def _answer(args: Args, inputs: Inputs, tokenizer: Any) -> Facts:
    from leaven.generate.hf import Decoding, Prompt, generate

    model, _, stops = speaker(args, inputs)
    prompt = Prompt(*_question(inputs["encoded"]))
    (answer,) = generate(model, tokenizer, [prompt], Decoding(16, {"do_sample": False}, 0, stops))
    return dict(answer)


def _question(encoded: Path) -> tuple[str, int, list[int]]:
    """Return the id, sample and ids of the first row's prompt."""
    if file := next((file for file in _WITH_PROMPTS if (encoded / file).exists()), None):
        row = tables.read(encoded / file).slice(0, 1).to_pylist()[0]
        return row["id"], 0, row["prompt_ids"]
    example = tables.read(encoded / "encoded.parquet").slice(0, 1).to_pylist()[0]
    asked = [token for token, label in zip(example["input_ids"], example["labels"], strict=True) if label == -100]
    return example["id"], 0, asked or example["input_ids"][:8]
