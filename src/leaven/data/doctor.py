"""The doctor's core: is what will be trained what was meant? On rendered ids and masks, never on flags.

Each finding has a severity (an *error* stops the training, a *warning* is reported), evidence and a remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leaven.data.chat import Encoded
from leaven.errors import DataError

_TAIL = 4  # a template may print a newline or two after EOS


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


def examine(tokenizer: Any, encoded: Sequence[Encoded], stop_ids: Iterable[int]) -> list[Finding]:
    """Return all findings on the rows of one training; ``stop_ids`` are the ids at which generation will stop."""
    stops = set(stop_ids)
    looks = (
        _two_bos(tokenizer, encoded),
        _no_bos(tokenizer, encoded),
        _eos_not_trained(tokenizer, encoded, stops),
        _prompt_no_prefix(tokenizer, encoded),
        _nothing_trained(encoded),
        _pad(tokenizer, stops, len(encoded)),
    )
    return [finding for finding in looks if finding is not None]


def stop_on_errors(findings: Sequence[Finding]) -> None:
    """Raise DataError with every error among the findings."""
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError("; ".join(errors))


def _two_bos(tokenizer: Any, encoded: Sequence[Encoded]) -> Finding | None:
    bos = tokenizer.bos_token_id
    if bos is None:
        return None
    shown = [row for row in encoded if row.input_ids[:2] == [bos, bos]]
    return _finding(
        "error", "bos", "rows begin with BOS twice", shown, tokenizer,
        "take BOS out of the chat template, or off the tokenizer",
    )  # fmt: skip


def _no_bos(tokenizer: Any, encoded: Sequence[Encoded]) -> Finding | None:
    """A model that saw BOS before every text (its tokenizer adds it) must see it in training too."""
    bos = tokenizer.bos_token_id
    if bos is None or tokenizer("a")["input_ids"][:1] != [bos]:
        return None
    shown = [row for row in encoded if row.input_ids[:1] != [bos]]
    return _finding(
        "error", "bos", "rows do not begin with BOS, which the tokenizer puts before plain text", shown, tokenizer,
        "begin the chat template with {{ bos_token }}",
    )  # fmt: skip


def _eos_not_trained(tokenizer: Any, encoded: Sequence[Encoded], stops: set[int]) -> Finding | None:
    shown = [row for row in encoded if row.trained and not stops & set(row.trained[-_TAIL:])]
    return _finding(
        "error", "eos", "no EOS in the loss at the end of the answer: the model would never learn to stop", shown,
        tokenizer, "end the assistant's turn in the chat template with {{ eos_token }}",
    )  # fmt: skip


def _prompt_no_prefix(tokenizer: Any, encoded: Sequence[Encoded]) -> Finding | None:
    shown = [row for row in encoded if not row.prefix_holds]
    return _finding(
        "error", "prefix", "the prompt's ids are no prefix of the whole's: the answer is trained from another prompt",
        shown, tokenizer, "let add_generation_prompt print exactly what precedes the assistant's text",
    )  # fmt: skip


def _nothing_trained(encoded: Sequence[Encoded]) -> Finding | None:
    shown = [row for row in encoded if not row.trained]
    return _finding("error", "mask", "rows have no trained token", shown, None, "check the template and the loss mask")


def _pad(tokenizer: Any, stops: set[int], rows: int) -> Finding | None:
    if tokenizer.pad_token_id is None:
        remedy = "set model.pad_token to a token that texts do not use"
        return Finding(
            "error", "pad", "the tokenizer has no pad token", f"EOS is {tokenizer.eos_token!r}", remedy, rows
        )
    if tokenizer.pad_token_id in stops:
        evidence = f"both are {tokenizer.pad_token!r}; handled: padding is masked by position, so EOS stays in the loss"
        return Finding("warning", "pad", "pad is EOS", evidence, "set model.pad_token to a token of its own", rows)
    return None


def _finding(
    severity: str, check: str, message: str, shown: Sequence[Encoded], tokenizer: Any, remedy: str
) -> Finding | None:
    if not shown:
        return None
    row = shown[0]
    ends = [*row.input_ids[:6], *row.input_ids[-6:]]
    words = tokenizer.convert_ids_to_tokens(ends) if tokenizer is not None else ends
    evidence = f"{len(shown)} rows, first {row.id}: {' '.join(map(str, words[:6]))} ... {' '.join(map(str, words[6:]))}"
    return Finding(severity, check, message, evidence, remedy, len(shown))
