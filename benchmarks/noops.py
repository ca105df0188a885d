"""Verbs that do nothing, for ``engine.py``: what is left is what the engine itself costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

IMPORTS = """
from transformers import AutoTokenizer, LlamaForCausalLM
from peft import LoraConfig, get_peft_model
from trl import SFTConfig, SFTTrainer
"""


def nothing(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    """Do nothing at all."""


def as_a_training(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> None:
    """Import what a training needs, and train nothing."""
    exec(IMPORTS, {})  # noqa: S102 - the very text that the cold process runs
