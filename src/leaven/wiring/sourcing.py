"""Where a study's rows and models come from: sources and bases are identified here, once, and read as stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from leaven import needs
from leaven.data import sources
from leaven.engine.stage import Needs, Stage
from leaven.errors import DataError, Problem, StudyError
from leaven.graph import Identities
from leaven.models import footprint, ref
from leaven.registry import FORMATS
from leaven.stages import VERSIONS
from leaven.study.matrix import ExpandedArm
from leaven.study.spec import Data, Part, Study

NO_LIMIT = 2**31 - 1  # but for the model's own context


@dataclass
class Sourcing:
    """What of a study was identified, and what stages of data there are."""

    study: Study
    known: Identities
    ask: bool = True
    rows: dict[str, Stage] = field(default_factory=dict)
    shapes: dict[tuple[str | None, str], footprint.Shape | None] = field(default_factory=dict)

    def fit(self, name: str, base: ref.Base, settings: Mapping[str, Any], *, pairs: bool = False) -> Stage:
        """The rows of one data set whose every candidate fits the model's length, or is to be cut off there.

        Of ``pairs`` both answers are trained on, so they must differ, and a prompt may be cut from the left.
        """
        args = {"model": base.as_args(), "max_length": settings["max_length"], **_cut(settings)}
        if pairs:
            args["pairs"] = True
            args |= {name: settings[name] for name in ("max_prompt_length",) if settings.get(name) is not None}
        return stage("fit", args, {"rows": self.source(name)}, needs.reading(base), together="data", where=name)

    def source(self, name: str) -> Stage:
        """The canonical rows of one data set of the study."""
        if name not in self.rows:
            data = self.study.data[name]
            self.rows[name] = self._read(name, data) if data.mixture is None else self._mix(name, data.mixture)
        return self.rows[name]

    def _read(self, name: str, data: Data) -> Stage:
        """A source, read in its format."""
        source = str(data.source)
        others = {other: self.source(other) for other in data.others}
        paths = {"source": source} if sources.is_local(source) else {}
        if name not in self.known.data:
            self.known.data[name] = _identity(name, data, ask=self.ask)
        args = _source_args(data, self.known.data[name])
        takes = Needs(cores=1, like=args["identity"], paths=paths)
        return Stage("rows", VERSIONS["rows"], "leaven.stages:rows", args, others, takes, "data", f"rows {name}")

    def _mix(self, name: str, mixture: Mapping[str, Part]) -> Stage:
        """Rows of several data sets, by weight and cap."""
        parts = [{"name": other, **part.model_dump(exclude_defaults=True)} for other, part in mixture.items()]
        inputs = {other: self.source(other) for other in mixture}
        return stage("mix", {"parts": parts}, inputs, together="data", where=name)

    def base(self, arm: ExpandedArm) -> ref.Base:
        """The base model of an arm, identified once."""
        declared = {**self.study.model.model_dump(), **arm.model}
        name = json.dumps(declared, sort_keys=True)
        if name not in self.known.models:
            self.known.models[name] = asdict(ref.resolve(declared, ask=self.ask))
        return ref.Base(**self.known.models[name])

    def shape(self, base: ref.Base) -> footprint.Shape | None:
        """What a base's memory follows from, read once."""
        place = (base.path, base.dtype)
        if place not in self.shapes:
            self.shapes[place] = footprint.shape(base)
        return self.shapes[place]


def stage(
    verb: str,
    args: dict[str, Any],
    inputs: dict[str, Stage],
    takes: Needs = needs.ONE_CORE,
    *,
    together: str,
    where: str,
    kind: str | None = None,
) -> Stage:
    """Make a stage of a verb; needs travel beside the key, not in it."""
    kind = kind or verb
    return Stage(kind, VERSIONS[verb], f"leaven.stages:{verb}", args, inputs, takes, together, f"{kind} {where}")


def _cut(settings: Mapping[str, Any]) -> dict[str, Any]:
    if not settings.get("truncation"):
        return {}
    return {"truncation": True, **({"answered": True} if _of_last_answers(settings) else {})}


def _of_last_answers(settings: Mapping[str, Any]) -> bool:
    """Say whether the loss is that of each row's last answer alone: one that is cut off before it teaches nothing."""
    return bool(settings.get("completion_only_loss")) and not settings.get("assistant_only_loss")


def _identity(name: str, data: Data, *, ask: bool) -> str:
    try:
        return sources.identity(str(data.source), data.revision, data.config, data.split, ask=ask)
    except OSError as error:
        raise StudyError([Problem(f"data.{name}.source", f"cannot be read: {error}")]) from error
    except DataError as error:
        raise StudyError([Problem(f"data.{name}.source", str(error))]) from error


_CHOSEN = {
    "skip", "take", "sample", "sample_seed", "part", "bad_rows", "held_out_from", "decontaminate", "length_matched_to",
}  # fmt: skip


def _source_args(data: Data, identity: str) -> dict[str, Any]:
    """What determines the rows: the source's identity and how it is read. Its path does not."""
    assert data.format is not None, "validated: what is no mixture has a format"
    named = {} if sources.is_local(str(data.source)) else {"source": data.source}
    format_used = FORMATS.get(data.format.name).canonical(data.format.args)
    chosen = data.model_dump(exclude_defaults=True, include=_CHOSEN)
    return {**named, "identity": identity, "format": format_used, **chosen}
