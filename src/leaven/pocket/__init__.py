"""The embedded world: a small fictional English world with known truth, its corpora, its oracle and its model.

This room knows no torch: the model is a folder of files (`MODEL`), made by `scripts/pretrain_pocket.py`.
"""

from __future__ import annotations

from pathlib import Path

MODEL = Path(__file__).parent / "model"
