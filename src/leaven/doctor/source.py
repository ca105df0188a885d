"""The data that the doctor examines: found, recognised, read batch after batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leaven.data import canonical, recognised, sources
from leaven.doctor.asked import Asked
from leaven.errors import DataError
from leaven.registry import Step
from leaven.rows import Row


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
    if known.format is None:
        columns = ", ".join(known.columns) or "none"
        raise DataError(f"no format reads the columns of {place} ({columns}); name one with --format")
    # Of bare texts prompts can be made, but these have no answers: what can be trained on are the texts.
    return Step(name="texts" if known.format == "text" and "texts" in known.fits else known.format)
