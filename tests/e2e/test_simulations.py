"""The command that makes docs/statistics.md again runs, part by part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
SCRIPT = Path(__file__).parents[2] / "scripts" / "simulate_statistics.py"


def test_every_part_of_the_statistics_can_be_simulated_again() -> None:
    command = [sys.executable, str(SCRIPT), "--runs", "1", "--processes", "1"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    parts = [line.removeprefix("## ").partition(":")[0] for line in made.stdout.splitlines() if line[:3] == "## "]
    listed = [
        "nulls",
        "power",
        "coverage",
        "margins",
        "models",
        "sizes",
        "bootstrap",
        "studies",
        "groups",
        "crossed",
        "audit",
        "verdicts",
        "doses",
    ]
    assert set(parts) >= set(listed)
    tables = [line for line in made.stdout.splitlines() if line.startswith("|---")]
    assert len(tables) >= len(listed)
