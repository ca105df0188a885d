"""The verb that looks at the base of trainings: do its files agree, and does it know the token that it stops at?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.stages.folders import Args, Facts, Inputs

if TYPE_CHECKING:
    from leaven.data.doctor import Finding
    from leaven.models.ref import Base


def doctor_base(args: Args, inputs: Inputs, out: Path) -> Facts:
    """A base -> what the doctor finds on it, none of its weights loaded; ``trains``: "adapter" or "whole".

    Whatever it finds is a warning, and rows that cannot be looked at are one too: no training rests on this stage, so
    none fails by it.
    """
    from leaven.data.doctor.vocabulary import declared_stops, of_generation
    from leaven.models import load

    base = load.base(args["model"], inputs.get("base"))
    tokenizer, generation = load.tokenizer(base), load.saved_generation_config(base)
    size = getattr(load.config(base).get_text_config(), "vocab_size", None)
    stops = [tokenizer.eos_token_id, *declared_stops(generation)]
    folder, unseen = _folder(base), list[str]()
    found = of_generation(tokenizer, generation, size)
    try:
        found += _of_rows(folder, tokenizer, size, stops, args["trains"])
    except Exception as error:  # strangers' files raise many kinds; a training says itself which of them matter
        unseen = [f"warning: the base's rows of tokens could not be looked at ({load.first_line(error)})"]
    (out / "findings.json").write_text(json.dumps([one.as_dict() for one in found], indent=1), encoding="utf-8")
    return {"warnings": [*(str(replace(one, severity="warning")) for one in found), *unseen]}


def _folder(base: Base) -> Path | None:
    """Return where the rows of tokens lie; None where weights are drawn anew, or are no safetensors."""
    from leaven.models import embedded

    if base.from_config:
        return None
    return Path(base.path) if base.path else embedded.fetched(*base.hub_name)


def _of_rows(folder: Path | None, tokenizer: Any, size: int | None, stops: list[int], trains: str) -> list[Finding]:
    """Return what a few rows of the vocabulary say: ids that have none, stop ids that no training ever held."""
    from leaven.data.doctor.vocabulary import of_size
    from leaven.models import embedded

    matrix = None if folder is None else embedded.matrix(folder)
    found = of_size(tokenizer, size, matrix.shape[0] if matrix else None)
    return found + (embedded.untrained(matrix, tokenizer, stops, trains) if matrix else [])
