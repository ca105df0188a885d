"""What trainings in several processes take."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import needs
from leaven.models import footprint, ref
from leaven.registry import TRAINERS

SHAPE = footprint.Shape(parameters=50_000_000, hidden_size=512, layers=8, vocabulary=32_000, precision=4)


@pytest.fixture
def settings() -> dict[str, Any]:
    return TRAINERS.get("sft").declare({"per_device_train_batch_size": 16}).model_dump()


def test_each_process_of_a_tiny_model_has_a_core_and_memory_of_its_own(settings: dict[str, Any]) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"})
    alone = needs.training(base, SHAPE, settings, {})
    two = needs.training(base, SHAPE, settings, {"launch": {"preset": "ddp", "processes": 2}})
    assert (alone.cores, two.cores) == (1, 2) and not two.gpu
    assert alone.least_mb is not None and two.least_mb == 2 * alone.least_mb
    assert alone.memory_mb is not None and two.memory_mb is not None
    assert two.memory_mb < 2 * alone.memory_mb, "each has half of the rows"
    assert two.around["launch"]["processes"] == 2


def test_processes_on_gpus_take_all_of_them(settings: dict[str, Any]) -> None:
    large = ref.Base(identity="hub:some/model@0")
    alone = needs.training(large, SHAPE, settings, {})
    cut = needs.training(large, SHAPE, settings, {"launch": {"preset": "zero3", "processes": 4}})
    whole = needs.training(large, SHAPE, settings, {"launch": {"preset": "ddp", "processes": 4}})
    assert alone.gpus == "one" and cut.gpus == whole.gpus == "all"
    assert cut.least_mb == alone.least_mb and whole.least_mb == 4 * (alone.least_mb or 0)
    assert cut.weights_mb == 4 * alone.weights_mb, "each process loads them"


def test_a_model_that_is_laid_over_gpus_takes_all_of_them(settings: dict[str, Any]) -> None:
    base = ref.resolve({"model_name_or_path": "pocket"})
    told = needs.training(base, None, settings, {"launch": {"preset": "device_map", "processes": 1}})
    assert told.gpu and told.gpus == "all"
