"""The public surface, what the command line imports, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import leaven


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert leaven.__all__ == [
        "Study", "check", "format", "load", "metric", "plan", "results", "run", "suite", "trainer", "treatment",
    ]  # fmt: skip
    assert all(callable(getattr(leaven, name)) for name in leaven.__all__)


def imported_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split()[-5000:])


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "datasets", "pandas", "numpy", "pyarrow", "pydantic", "ruamel.yaml", "scipy"}
    assert not imported_by("import leaven.cli") & heavy


def test_check_and_plan_import_no_torch() -> None:
    code = "from leaven import verbs; verbs.plan(verbs.check('quickstart'), '/nonexistent')"
    assert not imported_by(code) & {"torch", "transformers", "datasets", "trl", "peft", "pandas", "scipy"}


def test_the_report_needs_no_torch() -> None:
    assert "torch" not in imported_by("import leaven.gather, leaven.report.page, leaven.stats.compare, leaven.answer")
