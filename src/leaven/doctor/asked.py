"""What the doctor is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leaven.data.doctor import Finding
from leaven.data.doctor.dump import Dumped
from leaven.data.doctor.layers import Layer

if TYPE_CHECKING:
    from leaven.registry import Step

For = Literal["sft", "dpo", "reward", "lm"]
Packing = Literal["none", "bfd", "bfd_split", "wrapped"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is examined: a model, data or none, and for which training.

    ``model`` is a folder, `pocket`, a name of the hub, ``adopted:NAME``, or a study's file: then ``data`` is the name
    of data in it. ``training`` None is what the kind of rows suggests. So many ``rows`` are shown token by token.
    """

    model: str
    data: str | None = None
    format: Step | None = None
    revision: str | None = None
    chat_template_path: str | None = None
    eos_token: str | None = None
    pad_token: str | None = None
    training: For | None = None
    max_length: int | None = None
    truncation: bool = False
    assistant_only_loss: bool = False
    packing: Packing = "none"
    attn_implementation: str | None = None
    take: int | None = None
    rows: int = 2
    workspace: str | Path | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found: findings, how many BOS each layer puts in front, and rows token by token."""

    model: str
    template: str
    data: str | None = None
    format: str | None = None
    training: str = "sft"
    findings: list[Finding] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    dumped: list[Dumped] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(one.severity == "error" for one in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        listed = {name: [one.as_dict() for one in getattr(self, name)] for name in ("findings", "layers", "dumped")}
        plain = ("model", "template", "data", "format", "training", "counts", "left_out", "notes", "seconds", "errors")
        return {**{name: getattr(self, name) for name in plain}, **listed}
