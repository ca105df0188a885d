"""The doctor's core: is what will be trained what was meant? On rendered ids and masks, never on flags.

Each finding has a severity (an *error* stops the training, a *warning* is reported), evidence and a remedy. Rows go by
in batches; of each check its number of rows and the first of them are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leaven.data.chat import Encoded
from leaven.data.doctor.finding import CHECKS, Check, Finding
from leaven.errors import DataError, did_you_mean

_TAIL = 4  # a template may print a newline or two after EOS


class Examination:
    """Rows of one training, looked at batch after batch; ``stop_ids`` are the ids at which generation will stop.

    ``called``: what is counted in the findings; of a pair, each of its answers is looked at. ``pooled``: the model
    reads a number at a text's last token that is not the pad token, as a reward model does.
    """

    def __init__(self, tokenizer: Any, stop_ids: Iterable[int], called: str = "rows", *, pooled: bool = False):
        self._tokenizer, self._stops, self._called = tokenizer, set(stop_ids), called
        self._looks = [*_looks(tokenizer, self._stops), *(_pooled_looks(tokenizer) if pooled else [])]
        self._pooled = pooled
        self._found: dict[int, Finding] = {}
        self._unended: Finding | None = None  # begun with the first cut row, void as soon as an EOS is in the loss
        self._ends = False
        self._cut = _Cut()
        self._rows = 0

    def look(self, encoded: Sequence[Encoded]) -> None:
        """Examine some rows."""
        self._rows += len(encoded)
        self._cut.look(encoded)
        self._look_for_an_end(encoded)
        for index, look in enumerate(self._looks):
            shown = [row for row in encoded if look.shows(row)]
            if shown and index not in self._found:
                self._found[index] = _finding(look, shown[0], self._tokenizer)
            if shown:
                known = self._found[index]
                self._found[index] = replace(known, rows=known.rows + len(shown))

    def _look_for_an_end(self, encoded: Sequence[Encoded]) -> None:
        # What a row begins with is never predicted, so an EOS that is BOS too is not in the loss there.
        self._ends = self._ends or any(not self._stops.isdisjoint(row.labels[1:]) for row in encoded)
        cut = next((row for row in encoded if row.cut), None)
        if self._unended is None and cut is not None:
            self._unended = _finding(_UNENDED, cut, self._tokenizer)

    def findings(self, accepted: Collection[str] = ()) -> list[Finding]:
        """Return all findings; an error whose check the study accepts on purpose is a warning that says so."""
        if unknown := sorted(set(accepted) - set(CHECKS)):
            raise DataError(f"accept_findings: '{unknown[0]}' is no check; {did_you_mean(unknown[0], CHECKS)}")
        found = [_counted(self._found[index], self._called) for index in sorted(self._found)]
        if self._unended is not None and not self._ends and not any(one.check == "eos" for one in found):
            found.append(_counted(replace(self._unended, rows=self._cut.rows), self._called))
        found += [pad] if (pad := _pad(self._tokenizer, self._stops, self._rows, self._pooled)) else []
        found += [self._cut.finding(self._rows)] if self._cut.rows else []
        return [_accepted(one) if one.check in accepted and one.severity == "error" else one for one in found]


@dataclass(frozen=True)
class _Look:
    """One check of rows: what it is called, whether a row shows the fault, what to do about it. All are errors."""

    check: Check
    shows: Callable[[Encoded], bool]
    message: str
    remedy: str


_NO_EOS = "no EOS in the loss at the end of the answer: the model would never learn to stop"
_UNENDED = _Look("eos", lambda row: row.cut, _NO_EOS, "no row keeps its end; raise max_length")


@dataclass
class _Cut:
    """How many rows are cut, at how many tokens, and how many of them before their answer began."""

    rows: int = 0
    unanswered: int = 0
    limit: int = 0

    def look(self, encoded: Sequence[Encoded]) -> None:
        cut = [row for row in encoded if row.cut]
        self.rows += len(cut)
        self.unanswered += sum(len(row.input_ids) <= row.answer_at for row in cut)
        self.limit = max([self.limit, *(len(row.input_ids) for row in cut)])

    def finding(self, rows: int) -> Finding:
        """Say what is lost: the ledger counts treated rows as they were before the cut."""
        evidence = f"{self.rows} of {rows} rows, {self.unanswered} of them without any token of the answer left"
        remedy = "what a treatment changed there is not trained; raise max_length to train it"
        return Finding("warning", "cut", f"cut at {self.limit} tokens", evidence, remedy, self.rows)


def _looks(tokenizer: Any, stops: set[int]) -> list[_Look]:
    eos = _Look(
        "eos",
        # Whoever asks for truncation has rows end in mid-answer: that is counted as cut, and no fault of the template.
        lambda row: not row.cut and bool(row.trained) and stops.isdisjoint(row.trained[-_TAIL:]),
        _NO_EOS,
        "end the assistant's turn in the chat template with {{ eos_token }}",
    )
    prefix = _Look(
        "prefix",
        lambda row: not row.prefix_holds,
        "the prompt's ids are no prefix of the whole's: the answer is trained from another prompt",
        "let add_generation_prompt print exactly what precedes the assistant's text",
    )
    mask = _Look(
        "mask",
        lambda row: not row.trained,
        "rows have no trained token",
        "check the template and the loss mask; with truncation, raise max_length",
    )
    return [*_bos_looks(tokenizer), eos, prefix, mask]


def _bos_looks(tokenizer: Any) -> list[_Look]:
    bos = tokenizer.bos_token_id
    if bos is None:
        return []
    twice = _Look(
        "bos",
        lambda row: row.input_ids[:2] == [bos, bos],
        "rows begin with BOS twice",
        "take BOS out of the chat template, or off the tokenizer",
    )
    if tokenizer("a")["input_ids"][:1] != [bos]:
        return [twice]
    # A model that saw BOS before every text (its tokenizer adds it) must see it in training too.
    none = _Look(
        "bos",
        lambda row: row.input_ids[:1] != [bos],
        "rows do not begin with BOS, which the tokenizer puts before plain text",
        "begin the chat template with {{ bos_token }}",
    )
    return [twice, none]


def _pooled_looks(tokenizer: Any) -> list[_Look]:
    pad = tokenizer.pad_token_id
    return (
        []
        if pad is None
        else [
            _Look(
                "pad",
                lambda row: row.input_ids[-1:] == [pad],
                f"texts end in the pad token {tokenizer.pad_token!r}, and a reward is read at the last token that is "
                "not pad: an answer's end is never read",
                "set model.pad_token to a token of its own",
            )
        ]
    )


def _pad(tokenizer: Any, stops: set[int], rows: int, pooled: bool = False) -> Finding | None:
    if tokenizer.pad_token_id is None:
        remedy = "set model.pad_token to a token that texts do not use"
        return Finding(
            "error", "pad", "the tokenizer has no pad token", f"EOS is {tokenizer.eos_token!r}", remedy, rows
        )
    if tokenizer.pad_token_id in stops and not pooled:  # of a pooled text its own look tells
        evidence = f"both are {tokenizer.pad_token!r}; handled: padding is masked by position, so EOS stays in the loss"
        return Finding("warning", "pad", "pad is EOS", evidence, "set model.pad_token to a token of its own", rows)
    return None


def _finding(look: _Look, row: Encoded, tokenizer: Any) -> Finding:
    """Begin a finding with the first row that shows it."""
    words = tokenizer.convert_ids_to_tokens([*row.input_ids[:6], *row.input_ids[-6:]])
    evidence = f"first {row.id}: {' '.join(map(str, words[:6]))} ... {' '.join(map(str, words[6:]))}"
    return Finding("error", look.check, look.message, evidence, look.remedy, 0)


def _counted(found: Finding, called: str) -> Finding:
    return replace(found, evidence=f"{found.rows} {called}, {found.evidence}")


def _accepted(found: Finding) -> Finding:
    return replace(found, severity="warning", message=f"accepted by the study: {found.message}")
