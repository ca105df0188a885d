"""Verbs of training: encoded rows -> a trained artefact, and the proof that it answers in a fresh process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from leaven import progress
from leaven import rows as tables
from leaven.errors import ModelError
from leaven.stages.folders import Args, Facts, Inputs
from leaven.stages.speaker import speaker


def train(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Encoded rows and a base, or what the training ``before`` left -> a trained artefact, by the study's trainer."""
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.train.job import Job

    around, before, path = args.get("around", {}), inputs.get("before"), inputs.get("base")
    base = load.base(args["model"], path, around.get("device_map"))
    start = (load.causal_lm(base), None) if before is None else load.continued(before, path, base.device_map)
    tokenizer, (model, adapter) = load.tokenizer(base), start
    stops = load.stop_ids(tokenizer, model.generation_config)
    job = Job(
        out, args["seed"], tokenizer, base.as_args(), stops, before=before, adapter=adapter,
        name=around.get("run_name", ""), progress=progress.Progress(out, "steps"),
    )  # fmt: skip
    encoded = tables.dataset(inputs["encoded"] / "encoded.parquet").select_columns(["input_ids", "labels"])
    _fits_the_embedding(model, encoded)
    trainer = TRAINERS.get(args["trainer"]["name"])
    settings = {**args["trainer"]["args"], **trainer.circumstance(around)}
    facts: Facts = trainer.call(job, model, encoded, args=settings)
    return {**facts, **load.device_facts(model)}


def _fits_the_embedding(model: Any, encoded: Any) -> None:
    import pyarrow.compute as pc

    most = pc.max(pc.list_flatten(encoded.data.table["input_ids"])).as_py()
    size = model.get_input_embeddings().num_embeddings
    if most >= size:
        raise ModelError(f"the tokenizer gives id {most}, the model embeds {size} tokens; they do not belong together")


def prove(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Load a trained artefact in a fresh process and make it answer."""
    from leaven.generate.hf import Decoding, Prompt, generate
    from leaven.models import load

    model, tokenizer, stops = speaker(args, inputs)
    parameters = load.prove_finite(model)
    example = tables.read(inputs["encoded"] / "encoded.parquet").slice(0, 1).to_pylist()[0]
    asked = [token for token, label in zip(example["input_ids"], example["labels"], strict=True) if label == -100]
    prompt = Prompt(example["id"], 0, asked or example["input_ids"][:8])
    decoding = Decoding(16, {"do_sample": False}, 0, stops)
    (answer,) = generate(model, tokenizer, [prompt], decoding)
    (out / "proof.json").write_text(json.dumps({"parameters": parameters, **answer}, ensure_ascii=False, indent=1))
    return {"parameters": parameters, **load.device_facts(model)}
