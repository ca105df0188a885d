"""Where a study's rows and models come from: sources and bases are identified here, once, and read as stages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from leaven import needs
from leaven.data import sources
from leaven.data.attributes import Attribute, tokens_of
from leaven.engine.stage import Needs, Stage
from leaven.errors import DataError, Problem, StudyError
from leaven.graph import Identities
from leaven.models import footprint, ref
from leaven.registry import FORMATS, METRICS, Step
from leaven.stages import VERSIONS
from leaven.study.conditioned import knows
from leaven.study.matrix import ExpandedArm, expand
from leaven.study.spec import Data, Part, Study

NO_LIMIT = 2**31 - 1  # but for the model's own context


@dataclass
class Sourcing:
    """What of a study was identified, and what stages of data there are."""

    study: Study
    known: Identities
    ask: bool = True
    rows: dict[str, Stage] = field(default_factory=dict)
    labelled: dict[tuple[str, str], Stage] = field(default_factory=dict)
    shapes: dict[tuple[str | None, str, int | None], footprint.Shape | None] = field(default_factory=dict)

    def fit(
        self,
        name: str,
        base: ref.Base,
        settings: Mapping[str, Any],
        reads: str = "examples",
        *,
        front: int | None = None,
        rows: Stage | None = None,
    ) -> Stage:
        """The rows of one data set whose every candidate fits the model's length, or is to be cut off there.

        Of preferences both answers are trained on, so they must differ, and a prompt may be cut from the left. Texts
        leave room for ``front`` tokens: unless given, those that an arm may put there, so that all train on the same.
        ``rows`` are those of data that the study makes itself.
        """
        base = self.reading(base)
        args = {"model": base.as_args(), "max_length": settings["max_length"], **_cut(settings)}
        if reads == "texts":
            args["front"] = self.front if front is None else front
        elif reads == "preferences":
            args |= {"pairs": True, **cut_prompts(settings)}
        rows = rows or self.source(name)
        return stage("fit", args, {"rows": rows}, needs.reading(base), together="data", where=name)

    @functools.cached_property
    def known_by(self) -> dict[str, list[str]]:
        """The attributes whose tokens each arm is trained with, by its name."""
        return {arm.name: knows(arm) for arm in expand(self.study)}

    @functools.cached_property
    def tokens(self) -> tuple[str, ...]:
        """The control tokens of all arms: what no text may hold."""
        some = {name for attributes in self.known_by.values() for name in attributes}
        return tokens_of([one for name, one in self.attributes.items() if name in some])

    @functools.cached_property
    def front(self) -> int:
        """How many control tokens an arm may put in front of a text, at most."""
        return max((len(attributes) for attributes in self.known_by.values()), default=0)

    def reading(self, base: ref.Base) -> ref.Base:
        """A base that knows the tokens of all arms: what it reads is looked at once, and alike for all of them."""
        return replace(base, added_tokens=self.tokens, from_config=False)

    @functools.cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The study's attributes, as the rooms know them."""
        return {
            name: Attribute(name, tuple(one.tokens), one.good, tuple(one.thresholds), tuple(one.labels))
            for name, one in self.study.attributes.items()
        }

    def labels(self, data: str, attribute: str) -> Stage:
        """What an attribute's scorer makes of each row of a data set: made once, whatever the thresholds are."""
        if (data, attribute) not in self.labelled:
            self.labelled[data, attribute] = self._labels(data, attribute)
        return self.labelled[data, attribute]

    def _labels(self, data: str, attribute: str) -> Stage:
        declared = self.study.attributes[attribute]
        where, rows = f"{data} {attribute}", {"rows": self.source(data)}
        if declared.column is not None:
            return stage("labels", {"scorer": {"column": declared.column}}, rows, together="data", where=where)
        assert declared.metric is not None, "validated: an attribute has a metric or a column"
        scorer, takes = self.scorer(declared.metric, declared.value)
        takes = replace(takes, cores=None)
        return stage("labels", {"scorer": scorer}, rows, takes, together=f"labels {where}", where=where)

    def scorer(self, metric: Step, value: str | None = None) -> tuple[dict[str, Any], Needs]:
        """A metric of texts for a stage's arguments, and what it takes."""
        canonical, takes = self.metric(metric)
        return {"metric": canonical, **({"value": value} if value is not None else {})}, takes

    def metric(self, step: Step) -> tuple[dict[str, Any], Needs]:
        """A metric for a stage's arguments; what it computes with from outside is known by its identity."""
        plugin = METRICS.get(step.name)
        metric, around = plugin.canonical(step.args), plugin.circumstance(step.args)
        takes = replace(needs.ONE_CORE, around={"metric": around}) if around else needs.ONE_CORE
        if (resolve := plugin.traits.get("resolve")) is None:
            return metric, takes
        name = json.dumps([step.name, step.args], sort_keys=True)
        found = self.resolved(name, lambda: resolve(metric["args"], ask=self.ask))
        if found["computes"]:
            like = json.dumps(found["args"], sort_keys=True)
            takes = replace(takes, cores=None, gpu=True, like=like, paths=found["paths"])
        return {**metric, "args": found["args"]}, takes

    def resolved(self, name: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What a model beside the study's own was found to be: asked once, for all cells and all answers made later."""
        if name not in self.known.classifiers:
            self.known.classifiers[name] = find()
        return self.known.classifiers[name]

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
        if data.corpus is not None:
            args["corpus"] = data.corpus.model_dump(exclude_defaults=True)
            takes = Needs(cores=None, like=args["identity"], paths=paths)
            return stage("corpus", args, others, takes, together=f"corpus {name}", where=name)
        takes = Needs(cores=1, like=args["identity"], paths=paths)
        return Stage("rows", VERSIONS["rows"], "leaven.stages:rows", args, others, takes, "data", f"rows {name}")

    def _mix(self, name: str, mixture: Mapping[str, Part]) -> Stage:
        """Rows of several data sets, by weight and cap."""
        parts = [{"name": other, **part.model_dump(exclude_defaults=True)} for other, part in mixture.items()]
        inputs = {other: self.source(other) for other in mixture}
        return stage("mix", {"parts": parts}, inputs, together="data", where=name)

    def grown(self, arm: ExpandedArm) -> ref.Base:
        """The base of an arm with the control tokens that it is trained with."""
        known = [self.attributes[name] for name in self.known_by[arm.name]]
        return replace(self.base(arm), added_tokens=tokens_of(known))

    def base(self, arm: ExpandedArm) -> ref.Base:
        """The base model of an arm, identified once."""
        declared = {**self.study.model.model_dump(), **arm.model}
        name = json.dumps(declared, sort_keys=True)
        if name not in self.known.models:
            found = asdict(ref.resolve(declared, ask=self.ask))
            self.known.models[name] = {**found, "added_tokens": list(found["added_tokens"])}  # as JSON gives them back
        base = ref.Base(**self.known.models[name])
        laid_out = self.study.launch is not None and self.study.launch.preset == "device_map"
        return replace(base, device_map=base.device_map or "auto") if laid_out else base

    def shape(self, base: ref.Base) -> footprint.Shape | None:
        """What a base's memory follows from, read once."""
        place = (base.path, base.dtype, base.bits)
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


def cut_prompts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return to what length a trainer of preferences cuts prompts from the left, if it does."""
    limit = settings.get("max_prompt_length")
    return {} if limit is None else {"max_prompt_length": limit}


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
