"""The data that the doctor examines: found, recognised, read batch after batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leaven.data import canonical, files, recognised, sources
from leaven.data.formats import BadRow
from leaven.data.separated import legible
from leaven.doctor.asked import Asked
from leaven.errors import DataError
from leaven.models import ref
from leaven.registry import Step
from leaven.rows import Row

_EXCERPT = 60
_OF_MODELS = ("config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json")
_NAMED = ("pocket:", "builtin:", "hub:")  # kinds of sources that stand before a name; none is a model's


def prove_model_first(asked: Asked) -> None:
    """Raise DataError where data are named in the model's place: what is no model's folder, but of a kind of rows."""
    model, data = asked.model, asked.data
    named = model.startswith(_NAMED) or (Path(model).is_file() and files.kind(Path(model)) is not None)
    if named or (data is not None and _is_model(data) and Path(model).exists() and not _is_model(model)):
        other = data if data is not None and not data.startswith(_NAMED) else "MODEL"
        raise DataError(f"'{model}' is no model, and the model comes first: leaven doctor {other} {model}")


def _is_model(name: str) -> bool:
    folder = ref.local_folder(name)
    return folder is not None and any((folder / file).is_file() for file in _OF_MODELS)


@dataclass(frozen=True)
class Source:
    """Data that are examined: where they lie, what they are, and how they are read."""

    place: str
    identity: str
    format: Step
    makes: str

    @classmethod
    def of(cls, asked: Asked) -> Source:
        """Find data and recognise their format; raises DataError if there are none, or no format reads them."""
        place = str(asked.data)
        if said := sources.problem(place):
            raise DataError(said)
        identity = sources.identity(place)
        format = asked.format or _recognised(place, identity)
        return cls(place, identity, format, canonical.makes(format))

    def batches(self, take: int | None) -> Iterator[list[Row]]:
        """Yield canonical rows; those that cannot be read are left out, as the command `data` counts them."""
        part = canonical.Slice(take=take)
        for batch in canonical.canonical(self.place, self.format, part, "drop", self.identity):
            yield batch.rows


def _recognised(place: str, identity: str) -> Step:
    known = recognised.recognised(place, identity, None, canonical.Slice())
    if known.format is None and not known.columns:
        raise DataError(_unread(place, identity))
    if known.format is None:
        columns = ", ".join(known.columns)
        raise DataError(f"no format reads the columns of {place} ({columns}); name one with --format")
    # Of bare texts prompts can be made, but these have no answers: what can be trained on are the texts.
    return Step(name="texts" if known.format == "text" and "texts" in known.fits else known.format)


def _unread(place: str, identity: str) -> str:
    """Say why no row of a source could be read, by its first one."""
    first = next(iter(sources.read(place, identity)), None)
    if not isinstance(first, BadRow):
        return f"{place} holds no row with columns; a row is an object with a name for each of its values"
    kind, shown = Path(place).suffix.lower(), f", {legible(first.raw[:_EXCERPT])}" if first.raw else ""
    remedy = "; write one JSON object in each line" if kind == ".jsonl" else ""
    return f"no row of {place} can be read, so it is no {kind or 'file of rows'} (line 1: {first}{shown}){remedy}"
