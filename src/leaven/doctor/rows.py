"""Rows as they would be trained, looked at batch after batch: by the doctor's core, and on real collators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leaven.data import chat, pairs, texts_encoded
from leaven.data.doctor import Examination, Finding
from leaven.data.doctor.dump import dumped
from leaven.data.doctor.markers import Markers
from leaven.data.doctor.template import probes
from leaven.data.doctor.turns import Turns
from leaven.doctor.asked import Asked, Diagnosis
from leaven.doctor.source import Source
from leaven.errors import DataError, ModelError
from leaven.models import load
from leaven.models.patient import Patient
from leaven.rows import Row
from leaven.train import inspect

_TRIED = 64  # encoded rows that collators, packing and heads are tried on
_NO_ANSWER = "it has no answer to learn"
_SPEAKS = "text holds a special token of the tokenizer"
_READS = {"sft": ("examples", "preferences"), "dpo": ("preferences",), "reward": ("preferences",), "lm": ("texts",)}


class Rows:
    """What was seen of the rows so far."""

    def __init__(self, asked: Asked, told: Patient):
        self._asked, self._told, self._tokenizer = asked, told, told.tokenizer
        self._stops = load.stop_ids(told.tokenizer, told.generation)
        self._paired = asked.training in ("dpo", "reward")
        called, pooled = "answers" if self._paired else "rows", asked.training == "reward"
        self._examination = Examination(told.tokenizer, self._stops, called, pooled=pooled)
        self._turns, self._markers = Turns(told.tokenizer, self._stops), Markers()
        context = load.context_length(told.config) if told.config is not None else None
        self._limit = min((one for one in (asked.max_length, context) if one), default=None)
        self._counts, self._left_out = Counter[str](), Counter[str]()
        self._tried: list[chat.Encoded] = []
        self._specials = sorted(told.tokenizer.all_special_tokens)
        self.systems = False

    def look(self, data: Source | None) -> None:
        """Examine data; where there are none, conversations of our own. Raises DataError for rows of another kind."""
        kind = "examples" if data is None else data.makes
        if data is not None and kind not in _READS[self._asked.training or "sft"]:
            wanted = " or ".join(_READS[self._asked.training or "sft"])
            raise DataError(f"{data.place} has {kind}, and a training by {self._asked.training} reads {wanted}")
        for rows in [probes()] if data is None else data.batches(self._asked.take):
            self._look(rows, kind if data is not None else None)

    def _look(self, rows: list[Row], kind: str | None) -> None:
        self._counts["rows_in"] += len(rows)
        self._markers.look(rows)
        self.systems |= any(turn["role"] == "system" for row in rows for turn in row.get("prompt") or ())
        kept = [row for row in self._made(rows, kind or "examples") if kind is None or self._fits(row)]
        self._counts["rows"] += len(kept)
        encoded = [one for row in kept for one in row.encoded]
        self._examination.look(encoded)
        if self._asked.assistant_only_loss:
            self._turns.look(encoded)
        self._tried += encoded[: _TRIED - len(self._tried)]
        self._counts["tokens"] += sum(len(one.input_ids) for one in encoded)
        self._counts["trained"] += sum(len(one.trained) for one in encoded)

    def _made(self, rows: list[Row], kind: str) -> list[_Made]:
        """Return rows as the model sees them, each with its texts; one without an answer is left out, and counted."""
        if kind == "texts":
            bare = [{"text": row["text"], "control": row.get("control")} for row in rows]
            whole = texts_encoded.encode(self._tokenizer, bare)
            return [_Made([chat.Encoded(row["id"], one, one)], "") for row, one in zip(rows, whole, strict=True)]
        if self._paired and kind == "preferences":
            found = pairs.encode(self._tokenizer, rows)
            told = [_Made(pair.both, _text(row)) for row, pair in zip(rows, found, strict=True) if not pair.equal]
            self._left_out.update({pairs.EQUAL: len(rows) - len(told)} if len(told) < len(rows) else {})
            return told
        shown = [row for row in chat.demonstrations(rows, kind) if row["completion"]]
        if silent := len(rows) - len(shown):
            self._left_out[_NO_ANSWER] += silent
        loss = chat.Loss(assistant_only_loss=self._asked.assistant_only_loss)
        encoded = chat.encode(self._tokenizer, shown, loss)
        return [_Made([self._cut(one)], _text(row)) for row, one in zip(shown, encoded, strict=True)]

    def _cut(self, row: chat.Encoded) -> chat.Encoded:
        return row if not self._asked.truncation or self._limit is None else chat.truncated(row, self._limit)

    def _fits(self, row: _Made) -> bool:
        """Say whether a training takes a row; count why not: it spells a special token, or is too long.

        Texts are put into blocks, however long they are, and one that spells a special token is read letter by letter.
        """
        if any(token in row.text for token in self._specials):
            self._left_out[_SPEAKS] += 1
            return False
        if (
            self._limit is not None
            and self._asked.training != "lm"
            and any(len(one.input_ids) > self._limit for one in row.encoded)
        ):
            self._left_out[f"longer than {self._limit} tokens"] += 1
            return False
        return True

    def tell(self, found: Diagnosis) -> None:
        """Add what was seen, and what collators, packing and heads make of some of the rows."""
        found.findings.extend([*self._findings(), *self._tryout(found.notes)])
        found.notes.extend(self._markers.notes())
        found.dumped.extend(dumped(self._tokenizer, self._tried[: self._asked.rows]))
        found.counts.update(self._counts)
        found.left_out.update(self._left_out)

    def _findings(self) -> Iterator[Finding]:
        yield from self._none_left()
        if self._counts["rows"]:
            yield from self._examination.findings()
        yield from self._turns.findings()
        yield from self._markers.findings()

    def _none_left(self) -> Iterator[Finding]:
        """Say how many rows no training would take; that is an error where none is left."""
        listed = ", ".join(f"{count:,} x {reason}" for reason, count in self._left_out.most_common())
        shown, out = f"of {self._counts['rows_in']:,} rows: {listed}", self._left_out.total()
        remedy = "look at what the format makes of the data (`leaven data`); for long rows: --max-length, --truncation"
        if listed and not self._counts["rows"]:
            yield Finding("error", "rows", "no row is left to train on", shown, remedy, out)
        elif set(self._left_out) - {pairs.EQUAL}:  # equal answers prefer nothing: none misses them
            yield Finding("warning", "rows", f"{out:,} rows are left out of a training", shown, remedy, out)

    def _tryout(self, notes: list[str]) -> Iterator[Finding]:
        """Yield what the real collators, packing and heads do; what cannot be tried becomes a note."""
        asked, rows, config = self._asked, self._tried, self._told.config
        yield from inspect.of_collators(self._tokenizer, rows, self._stops)
        try:
            if asked.packing != "none":
                yield from inspect.of_packing(rows, _known(config), asked.packing, asked.attn_implementation)
            if self._told.padless or self._paired:
                severity = "error" if asked.training == "reward" else "warning"
                yield from inspect.of_pooling(self._tokenizer, rows, _known(config), severity)
        except ModelError as error:
            if asked.packing != "none":
                raise  # what was asked for cannot be told
            notes.append(f"where a reward would be read was not tried: {error}")


@dataclass(frozen=True)
class _Made:
    """One row: what the model sees of it (of a preference both answers), and its texts."""

    encoded: list[chat.Encoded]
    text: str


def _text(row: Row) -> str:
    names = ("prompt", "completion", "chosen", "rejected")
    return "\n".join(turn["content"] for name in names for turn in row.get(name) or ())


def _known(config: Any) -> Any:
    if config is None:
        raise ModelError("there is no config.json, which says what architecture the model has")
    return config
