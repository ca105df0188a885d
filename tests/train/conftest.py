"""Rows of the pocket, encoded, and a training of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from leaven import rows as tables
from leaven.data import chat
from leaven.models import load, ref, rewarding
from leaven.registry import TRAINERS
from leaven.train.job import Job

ARGS: dict[str, Any] = {"learning_rate": 1e-3, "num_train_epochs": 2, "per_device_train_batch_size": 4}
Train = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # as stages of so small a model have: more would only wait for each other


@pytest.fixture(scope="session")
def base() -> ref.Base:
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="session")
def rows(base: ref.Base) -> Dataset:
    from leaven.data.canonical import Slice, canonical
    from leaven.registry import Step

    made = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=24), "error")
    shown = chat.demonstrations([row for batch in made for row in batch.rows], "preferences")
    encoded = chat.encode(load.tokenizer(base), shown, chat.Loss())
    lines = [{"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in encoded]
    return Dataset(tables.table("encoded", lines)).select_columns(["input_ids", "labels"])


@pytest.fixture(scope="session")
def pairs(base: ref.Base) -> Dataset:
    from leaven.data.canonical import Slice, canonical
    from leaven.data.pairs import encode
    from leaven.registry import Step

    made = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=12), "error")
    encoded = encode(load.tokenizer(base), [row for batch in made for row in batch.rows])
    kept = [pair.as_row() for pair in encoded if pair.chosen_ids != pair.rejected_ids]
    return Dataset(tables.table("pairs", kept)).select_columns(["prompt_ids", "chosen_ids", "rejected_ids"])


@pytest.fixture(scope="session")
def prefer(base: ref.Base, pairs: Dataset) -> Train:
    """Train on pairs by a trainer's name, from the base or from what an earlier training left there."""

    def go(
        name: str, out: Path, seed: int = 0, before: Path | None = None, of: ref.Base = base, **args: Any
    ) -> dict[str, Any]:
        out.mkdir(exist_ok=True, parents=True)
        path, tokenizer = Path(str(of.path)), load.tokenizer(of)
        if name == "reward":
            model, adapter = rewarding.rewarding(of, before, path)
        else:
            model, adapter = (load.causal_lm(of), None) if before is None else load.continued(before, path)
        stops = load.stop_ids(tokenizer, load.saved_generation_config(of))
        job = Job(out, seed, tokenizer, of.as_args(), stops, before=before, adapter=adapter)
        few = {"report_to": "none", "per_device_train_batch_size": 4, "learning_rate": 1e-3, **args}
        facts: dict[str, Any] = TRAINERS.get(name).call(job, model, pairs, args=few)
        return facts

    return go


@pytest.fixture(scope="session")
def train(base: ref.Base, rows: Dataset) -> Train:
    """Train into a folder, from the base or from what an earlier training left there."""

    def go(out: Path, seed: int = 0, before: Path | None = None, of: ref.Base = base, **args: Any) -> dict[str, Any]:
        out.mkdir(exist_ok=True, parents=True)
        path = Path(str(of.path))
        model, adapter = (load.causal_lm(of), None) if before is None else load.continued(before, path)
        tokenizer = load.tokenizer(of)
        stops = load.stop_ids(tokenizer, model.generation_config)
        job = Job(out, seed, tokenizer, of.as_args(), stops, before=before, adapter=adapter)
        facts: dict[str, Any] = TRAINERS.get("sft").call(job, model, rows, args={**ARGS, **args})
        return facts

    return go
