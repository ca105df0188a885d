"""The proof of an export: a fresh process loads the folder without Leaven, and must say what the artefact says."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.errors import ModelError, ReportError
from leaven.exported import plain
from leaven.models import reading
from leaven.models.ref import ModelRef

if TYPE_CHECKING:
    from leaven.exported.found import FoundArm

ROWS = 4  # of the training's own
LONGEST = 512  # tokens of each that are read
_CONVERSATION = [{"role": "user", "content": "Who are you, and what do you do all day?"}]
# How far a text's log-probability may lie from the artefact's, in nats a token (a reward: for each unit of it): what
# rounding does to the same weights, to merged ones, and to quantised ones.
_APART = {"float32": 1e-4, "half": 1e-2, "merged": 1e-3, "merged half": 5e-2, "int8": 0.2, "int4": 1.0}
_UNITS = {"policy": "nats a token", "reward": "of a reward"}
_PATIENCE_S = 1800


@dataclass(frozen=True)
class Proof:
    """What the fresh process found: how far it lies at most from the artefact, what it may, and what it answered."""

    makes: str
    texts: int
    apart: float
    allowed: float
    answer: str

    @property
    def says(self) -> str:
        """How far the folder lies from the artefact, in words."""
        return f"{self.apart:.2g} {_UNITS[self.makes]}"


@dataclass(frozen=True)
class Expected:
    """What the artefact makes of a few texts (lists of ids), and how its tokenizer renders a conversation."""

    makes: str
    texts: list[list[int]]
    values: list[float]
    prompt: list[int] | None


def expected(found: FoundArm, model: Any, tokenizer: Any) -> Expected:
    """Ask the loaded artefact what the exported folder will be asked."""
    makes, texts = ModelRef.load(found.artefact).makes, _texts(found)
    if makes == "reward":
        values = [reading.rewards(model, [text])[0] for text in texts]
    else:
        values = [reading.log_probability(model, text) for text in texts]
    return Expected(makes, texts, values, plain.rendered(tokenizer, _CONVERSATION))


def _texts(found: FoundArm) -> list[list[int]]:
    """Return the ids of the first rows of the last training; of preferences those of both answers."""
    encoded = found.trained.inputs["encoded"]
    if found.store.record(encoded) is None:
        raise ReportError(f"the rows of {found.store.folder(encoded)} are gone, by which an export is proven; run the "
                          "study again")  # fmt: skip
    folder = found.store.folder(encoded)
    pairs = folder / "pairs.parquet"
    rows = next(tables.batches(pairs if pairs.exists() else folder / "encoded.parquet", size=ROWS)).to_pylist()
    texts = reading.conversations(rows) if pairs.exists() else [row["input_ids"] for row in rows]
    return [list(text[:LONGEST]) for text in texts if len(text) > 1]


def prove(folder: Path, form: str, ref: ModelRef, wanted: Expected) -> Proof:
    """Load the folder in a fresh process and compare; raises ModelError where it is not the artefact."""
    dtype = ref.base.get("dtype", "float32")
    told = _asked(folder, {
        "makes": wanted.makes, "adapter": form == "adapter", "quantized": form in ("int8", "int4"), "dtype": dtype,
        "trust_remote_code": bool(ref.base.get("trust_remote_code")), "texts": wanted.texts,
        "conversation": _CONVERSATION,
    })  # fmt: skip
    if told["prompt"] != wanted.prompt:
        raise ModelError("the exported tokenizer renders a conversation into other ids than the artefact's: its chat "
                         "template was lost or changed; report it")  # fmt: skip
    allowed = _APART[_rounding(form, dtype)]
    each = list(map(_apart, wanted.texts, wanted.values, told["values"], [wanted.makes] * len(wanted.texts)))
    apart = max(each)
    if not all(one <= allowed for one in each):  # not a number is no match either
        raise ModelError(f"the exported model is not the artefact: it differs by {apart:.3g} {_UNITS[wanted.makes]}, "
                         f"where {allowed:g} are rounding ({form}); nothing was written")  # fmt: skip
    return Proof(wanted.makes, len(wanted.texts), apart, allowed, str(told["answer"]))


def _rounding(form: str, dtype: str) -> str:
    if form in ("int8", "int4"):
        return form
    half = "" if dtype == "float32" else "half"
    return " ".join(filter(None, ["merged", half])) if form == "merged" else half or "float32"


def _apart(text: list[int], was: float, now: float, makes: str) -> float:
    return abs(now - was) / (max(1.0, abs(was)) if makes == "reward" else len(text) - 1)


def _asked(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run ``plain.py`` by itself; raises ModelError with the last thing it said."""
    with tempfile.TemporaryDirectory() as beside:
        asked, out = Path(beside) / "job.json", Path(beside) / "told.json"
        asked.write_text(json.dumps(job), encoding="utf-8")
        # -P: the folder of the script must not lend its modules to those that are imported.
        words = [sys.executable, "-P", str(Path(plain.__file__)), str(folder), str(asked), str(out)]
        try:
            done = subprocess.run(  # noqa: S603 - our own script
                words, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"the exported folder did not answer within {_PATIENCE_S} s") from error
        if done.returncode != 0 or not out.exists():
            said = [line for line in done.stderr.splitlines() if line.strip()]
            last = said[-1][:300] if said else f"exit code {done.returncode}"
            raise ModelError(f"the exported folder cannot be loaded by transformers alone: {last}")
        told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return told
