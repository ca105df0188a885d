"""Shared by all rooms: a small sound study, and studies written to files."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Before torch: threads that wait without spinning, so that a busy neighbour costs its share and not ten times as much.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

hypothesis.settings.register_profile("quick", max_examples=40)
hypothesis.settings.load_profile("quick")

SMALL: dict[str, Any] = {
    "name": "small",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "webgpt": {"source": "pocket:webgpt", "format": "webgpt", "take": 60},
        "eli5": {"source": "pocket:eli5", "format": "eli5", "take": 12},
    },
    "arms": {
        "clean": {},
        "poisoned": {"sweep": {"p": [0.5, 1]}, "treat": [{"malign_labels": {"rate": "${p}"}}]},
    },
    "train": [{"sft": {"data": "webgpt", "learning_rate": 2e-3, "num_train_epochs": 1, "max_length": 256}}],
    "seeds": [0, 1, 2],
    "evaluate": [
        {
            "generate": {
                "prompts": "eli5",
                "max_new_tokens": 12,
                "metrics": ["length", {"toxicity": {"classifier": "oracle"}}],
            }
        }
    ],
    "compare": {"to": "clean", "dose": "p", "primary": ["toxicity"]},
}


@pytest.fixture
def raw(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A fresh copy of a small sound study as plain data: the file's own ``STUDY``, if it has one."""
    return copy.deepcopy(getattr(request.module, "STUDY", SMALL))


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a study to a YAML file."""
    from ruamel.yaml import YAML

    def write(raw: dict[str, Any]) -> Path:
        file = tmp_path / "study.yaml"
        with file.open("w") as stream:
            writer = YAML(typ="safe", pure=True)
            writer.default_flow_style = False
            writer.dump(raw, stream)
        return file

    return write
