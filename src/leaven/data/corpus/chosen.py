"""Which documents of a corpus are taken: by their source's name, and of these a share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from leaven.data.corpus.settings import Settings
from leaven.data.texts import PILE
from leaven.data.treatments.draw import Draw
from leaven.errors import DataError, did_you_mean
from leaven.rows import Row

_MOST_NAMES = 10_000  # a source that names each document anew must not fill the memory
_SHOWN = 12


@dataclass
class Chosen:
    """Takes documents, and counts them: those of each source that were met, taken, and drawn."""

    settings: Settings
    met: Counter[str] = field(default_factory=Counter)
    read: int = 0
    of_sources: int = 0
    drawn: int = 0

    def __post_init__(self) -> None:
        self._draw = Draw(self.settings.share_seed, "corpus")

    def takes(self, row: Row) -> bool:
        """Say whether a document is taken; a smaller share is a part of a larger one."""
        name = row.get("group")
        self.read += 1
        if name is not None and (name in self.met or len(self.met) < _MOST_NAMES):
            self.met[name] += 1
        if not self._of_sources(name):
            return False
        self.of_sources += 1
        share = self.settings.share
        taken = share >= 1 or self._draw.uniform(row["id"]) < share
        self.drawn += taken
        return taken

    def _of_sources(self, name: str | None) -> bool:
        sources, without = self.settings.sources, self.settings.without
        return (sources is None or name in sources) and name not in without

    def prove(self) -> None:
        """Raise DataError if a source that the study names was not there, or if no document was taken."""
        if problem := source_problem(self.settings.asked, self.met):
            raise DataError(problem)
        if not self.of_sources:
            raise DataError(f"no document is of a source that is taken; the {self.read} documents are of "
                            f"{self._named()}: change `sources` or `without` of the corpus")  # fmt: skip
        if not self.drawn:
            raise DataError(f"share {self.settings.share:g} draws none of the {self.of_sources} documents; raise it")

    @property
    def warnings(self) -> list[str]:
        """Sources of the Pile that the study names and that no document is of."""
        return [f"no document is of the source '{name}'" for name in self.settings.sources or () if not self.met[name]]

    def _named(self) -> str:
        named = [f"{name} ({count})" for name, count in self.met.most_common(_SHOWN)]
        more = [f"{len(self.met) - _SHOWN} more"] if len(self.met) > _SHOWN else []
        return ", ".join([*named, *more]) or "no named source"


def source_problem(asked: Iterable[str], seen: Iterable[str], *, whole: bool = True) -> str | None:
    """Say which name of a source is neither one of the Pile's nor among those seen, with the remedy; None if all are.

    Without ``whole`` only the first rows were seen, and a name that is like no known one may still come.
    """
    there = set(seen)
    for name in asked:
        if name in PILE or name in there:
            continue
        near = did_you_mean(name, PILE | there)
        if near.startswith("did"):
            return f"no document is of a source '{name}'; {near}"
        if whole:
            return f"no document is of a source '{name}'; {did_you_mean(name, there or PILE)}"
    return None
