"""A golden dump of TRL's defaults: where it differs, look whether a new argument can change our results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize(("name", "config"), [("sft", "SFTConfig"), ("dpo", "DPOConfig"), ("reward", "RewardConfig")])
def test_upstream_defaults_that_drift_are_seen(name: str, config: str) -> None:
    import trl

    made: Any = getattr(trl, config)(output_dir="x", bf16=False, use_cpu=True)
    defaults = {
        field: value
        for field, value in made.to_dict().items()
        if not field.endswith(("_dir", "token")) and field != "logging_dir"
    }
    golden = GOLDEN / f"trl_{name}_defaults.json"
    assert json.loads(json.dumps(defaults, default=str)) == json.loads(golden.read_text())
