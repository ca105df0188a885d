"""What `leaven doctor` does: a model's tokenizer, template and configurations, and what they make of data.

Nothing is trained and no weights are loaded; of a local model a few rows of its vocabulary are read from disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaven import adopted
from leaven import workspace as workspaces
from leaven.data.doctor import Finding
from leaven.data.doctor.layers import layers
from leaven.data.doctor.template import dated, differ, of_template, without_template
from leaven.data.doctor.vocabulary import declared_stops, of_generation, of_size, of_tokenizer
from leaven.doctor.asked import Asked, Diagnosis, For
from leaven.doctor.declared import of_study
from leaven.doctor.rows import Rows
from leaven.doctor.source import Source, prove_model_first
from leaven.errors import DataError
from leaven.models import adapting, embedded, load
from leaven.models.patient import OWN, TRAINED, Patient, patient

__all__ = ["Asked", "Diagnosis", "diagnose"]

_BY_KIND: dict[str, For] = {"examples": "sft", "preferences": "dpo", "texts": "lm"}


def diagnose(asked: Asked) -> Diagnosis:
    """Examine a model, and data with it; raises LeavenError where there is no such model, or no such data."""
    started = time.monotonic()
    prove_model_first(asked)
    asked, trained = of_study(asked)
    asked = _placed(asked)
    data = None if asked.data is None else Source.of(asked)
    training = asked.training or (_BY_KIND.get(data.makes, "sft") if data else "sft")
    told = patient(asked.model, asked.chat_template_path, asked.eos_token, asked.pad_token, asked.revision)
    found = Diagnosis(model=told.called, template=told.template, data=asked.data, training=training,
                      format=data.format.name if data else None, notes=[*trained, *told.notes])  # fmt: skip
    found.findings.extend(_of_files(told))
    if told.tokenizer is not None:
        _examined(found, replace(asked, training=training), told, data)
    return replace(found, findings=_in_order(found.findings), seconds=round(time.monotonic() - started, 2))


def _placed(asked: Asked) -> Asked:
    """Put paths where ``adopted:NAME`` stands."""
    named = {"model": asked.model, "data": asked.data}
    raw, wrong = adopted.resolve(named, workspaces.place(asked.workspace))
    if wrong:
        raise DataError(wrong[0][1])
    return replace(asked, **raw)


def _of_files(told: Patient) -> list[Finding]:
    """Return what the files of a model say against one another."""
    found, stops = of_tokenizer(told.bare), declared_stops(told.generation)
    matrix = None if told.folder is None else embedded.matrix(told.folder)
    found += of_size(told.bare, told.vocab_size, matrix.shape[0] if matrix else None)
    if told.tokenizer is not None:
        found += of_generation(told.tokenizer, told.generation, told.vocab_size)
        asked = [told.tokenizer.eos_token_id, *stops]
        found += embedded.untrained(matrix, told.tokenizer, asked) if matrix else []
    if told.folder is not None and (told.folder / adapting.CONFIG).is_file():
        found += adapting.of_adapter(told.folder)
    return found


def _examined(found: Diagnosis, asked: Asked, told: Patient, data: Source | None) -> None:
    """Examine template and rows, and add what is found; rows need a template that renders, but for texts."""
    lm, broken = asked.training == "lm", without_template(told.tokenizer)
    found.findings.extend([] if lm else broken)
    if not broken:
        found.layers.extend(layers(told.tokenizer))
    if lm or not broken:
        rows = Rows(asked, told)
        rows.look(data)
        rows.tell(found)
        if not lm:
            found.findings.extend(_of_template(told, rows.systems))


def _of_template(told: Patient, systems: bool) -> Iterator[Finding]:
    stops, tokenizer = load.stop_ids(told.tokenizer, told.generation), told.tokenizer
    yield from of_template(tokenizer, stops, declared_stops(told.generation), systems)
    if told.bare.chat_template and told.template == OWN:
        yield from dated(told.bare, tokenizer)
    remedy = "keep one template in the folder: the one that the model is trained with"
    for called, text in told.other_templates.items():
        severity = "error" if called == TRAINED else "warning"
        yield from differ(tokenizer, text, f"the template of {called}", remedy, severity)


def _in_order(found: Sequence[Finding]) -> list[Finding]:
    """Return findings, errors first; of two that tell of the same, the one that tells more."""
    checks = {one.check for one in found}
    stop_told = any(one.check == "stop" and one.severity == "error" for one in found)
    kept: list[Finding] = []
    for one in found:
        plain_pad = one.check == "pad" and one.message == "pad is EOS"
        if plain_pad and ("collator" in checks or any(other.check == "pad" and other is not one for other in found)):
            continue
        if one.check == "eos" and stop_told:
            continue
        kept.append(one)
    return sorted(kept, key=lambda one: one.severity != "error")
