"""What the doctor finds, and what an error among it stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from leaven.errors import DataError

Check = Literal["bos", "eos", "prefix", "mask", "pad"]  # what the rows of a training show; a study may accept these
CHECKS: tuple[str, ...] = get_args(Check)


@dataclass(frozen=True)
class Finding:
    """One thing the doctor found: ``check`` is its short name, ``rows`` how many rows show it."""

    severity: str  # "error" | "warning"
    check: str
    message: str
    evidence: str
    remedy: str
    rows: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.severity}: {self.message} ({self.evidence}); {self.remedy}"


def stop_on_errors(findings: Sequence[Finding]) -> None:
    """Raise DataError with every error among the findings."""
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError("; ".join(errors))
