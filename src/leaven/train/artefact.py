"""What a training leaves: weights or an adapter, the tokenizer, what it is and what lies under it, and its log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leaven.train.adapters import NAME, keep_below

if TYPE_CHECKING:
    from leaven.train.job import Job


def unwrapped(trainer: Any, *, trained_further: bool = False) -> Any:
    """Return the trained model without the autocast that ``bf16`` and ``fp16`` put around it.

    What is measured with it is what whoever loads the artefact will measure, who computes in the model's own precision.
    Where the training goes on (``trained_further``) the autocast stays: it is taken off the very model.
    """
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=trained_further)


def save(job: Job, trainer: Any, by: str, makes: str = "policy", snapshot: float | None = None) -> None:
    """Write what a trainer trained into the job's folder; ``by`` is its name. Of adapters the trained one alone.

    ``snapshot`` says how far the training is, where it goes on. Raises ModelError if a weight is not finite.
    """
    from leaven.models.load import prove_finite, whole_embedding
    from leaven.models.ref import ModelRef

    model = unwrapped(trainer, trained_further=snapshot is not None)
    prove_finite(model)
    has_adapter = hasattr(model, "peft_config")
    if has_adapter:
        model.save_pretrained(job.out / NAME, safe_serialization=True, selected_adapters=["default"],
                              save_embedding_layers=whole_embedding(model))  # fmt: skip
        keep_below(job.before, job.out)
    else:
        model.save_pretrained(job.out, safe_serialization=True)
    job.tokenizer.save_pretrained(job.out)
    if makes == "policy":
        _save_settings(job, model)
    adapters = (NAME,) if has_adapter else ()
    ModelRef(job.base, adapters, makes, lineage(job, by, has_adapter, snapshot)).save(job.out)
    with (job.out / "log.jsonl").open("w", encoding="utf-8") as log:
        log.writelines(json.dumps(entry) + "\n" for entry in trainer.state.log_history)


def _save_settings(job: Job, model: Any) -> None:
    settings = model.generation_config
    settings.pad_token_id, settings.eos_token_id = job.tokenizer.pad_token_id, list(job.stop_ids)
    settings.save_pretrained(job.out)


def lineage(job: Job, by: str, has_adapter: bool, snapshot: float | None = None) -> tuple[dict[str, Any], ...]:
    """Return every training under an artefact, the first one first, and the one that made it."""
    from leaven.models import ref

    under = ref.trainings(job.before) if job.before is not None else ()
    this = {
        "trainer": by,
        "trained": NAME if has_adapter else "whole",
        "base": job.base.get("identity"),
        "seed": job.seed,
        "started_from": ref.hashes(job.before) if job.before is not None else {},
        **({"learned_from": ref.hashes(job.teacher)} if job.teacher is not None else {}),
    }
    return (*under, this if snapshot is None else {**this, "snapshot": snapshot})
