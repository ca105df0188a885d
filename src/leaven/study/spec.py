"""The study: what a researcher declares. Field names are those of transformers, TRL, PEFT and lm-eval.

A ``Study`` made from a YAML file and one made in Python are the same value and give the same keys. Making one
validates all of it; every problem is raised at once, as a ``StudyError``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from leaven.errors import StudyError
from leaven.registry import Count, Declared, Positive, Step
from leaven.study.compare import Compare
from leaven.study.compose import Compose
from leaven.study.corpus import Attribute, Corpus
from leaven.study.factory import Answers, Demonstrations, Distilled, Preferences, Unpaired
from leaven.study.launch import Launch
from leaven.study.load import Loaded, Places
from leaven.study.names import Bounds, Name, Seed, SweptValue
from leaven.study.prices import Prices
from leaven.study.shown import Shown


class Model(Declared):
    """The base model and how it is loaded and spoken to; ``device_map`` says where it lies, and enters no key."""

    model_name_or_path: str
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    attn_implementation: str | None = None
    trust_remote_code: bool = False
    chat_template_path: str | None = None  # a jinja file, or the name of a shipped template
    pad_token: str | None = None
    eos_token: str | None = None
    from_config: bool = False  # the shape and tokenizer of the base, with weights drawn anew for each seed
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None
    load_in_4bit: bool = False  # by bitsandbytes, where it and the hardware are there; with an adapter this is QLoRA
    load_in_8bit: bool = False
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = "nf4"
    bnb_4bit_compute_dtype: Literal["float32", "bfloat16", "float16"] | None = None
    bnb_4bit_use_double_quant: bool = False

    @model_validator(mode="after")
    def _one_quantisation(self) -> Model:
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("load_in_4bit and load_in_8bit are both set; set one of them")
        fields = type(self).model_fields
        of_four = (name for name in fields if name.startswith("bnb_4bit"))
        said = sorted(name for name in of_four if getattr(self, name) != fields[name].default)
        if said and not self.load_in_4bit:
            raise ValueError(f"{', '.join(said)} belong to load_in_4bit; set it, or take them out")
        return self

    @property
    def is_quantised(self) -> bool:
        """Whether its weights are loaded in 4 or 8 bits."""
        return self.load_in_4bit or self.load_in_8bit


class Part(Declared):
    """One data set's part in a mixture: the share of its rows (above 1 repeats rows), and the most rows of it."""

    weight: Positive = 1.0
    cap: Count | None = None


def _weighed(value: Any) -> Any:
    return {"weight": value} if isinstance(value, int | float) else value  # `helpful: 0.5`


_MADE = ("answers", "preferences", "demonstrations", "unpaired", "distilled")


class Decontaminate(Declared):
    """Leave out the rows that share ``ngram`` words in a row with a row of the data it is ``against``."""

    against: Annotated[list[str], Field(min_length=1)]
    ngram: Annotated[int, Field(ge=3)] = 13


class Data(Declared):
    """A source, how its rows are read, and which of them are taken; or a ``mixture`` of other data of the study.

    ``revision``, ``config`` and ``split`` are those of a data set of the hub. ``sample`` takes so many of its rows at
    random, in one pass. ``part`` takes the rows whose question's hash lies between two bounds in 0..1, so that no
    question stands in two parts. ``length_matched_to`` takes, for each row of other data, the one whose answer is as
    long. ``corpus`` makes sentences of documents. ``answers`` are sampled by an arm; ``preferences``,
    ``demonstrations`` and ``unpaired`` are built of answers that a judge ranked; ``distilled`` is what a teacher
    answers.
    """

    source: str | None = None
    format: Step | None = None
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    skip: Annotated[int, Field(ge=0)] = 0
    take: Count | None = None
    sample: Count | None = None
    sample_seed: Annotated[int, Field(ge=0)] = 0
    part: Bounds | None = None
    bad_rows: Literal["error", "drop"] = "error"
    held_out_from: list[str] = Field(default_factory=list)
    decontaminate: Decontaminate | None = None
    length_matched_to: str | None = None
    corpus: Corpus | None = None
    mixture: dict[str, Annotated[Part, BeforeValidator(_weighed)]] | None = None
    answers: Answers | None = None
    preferences: Preferences | None = None
    demonstrations: Demonstrations | None = None
    unpaired: Unpaired | None = None
    distilled: Distilled | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Data:
        if (made := self.made) is not None:
            if others := sorted(self._declared - {made}):
                raise ValueError(f"`{made}` stands alone, without {', '.join(others)}")
            return self
        others = sorted(self._declared - {"mixture"})
        if self.mixture is not None and (others or not self.mixture):
            what = f"a mixture stands alone, without {', '.join(others)}" if others else "a mixture names other data"
            raise ValueError(f"{what}; write `mixture: {{NAME: weight}}`")
        lacking = [name for name in ("source", "format") if self.mixture is None and getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{' and '.join(lacking)} missing; data has a source and a format, or a mixture")
        of_the_hub = [name for name in ("revision", "config", "split") if getattr(self, name) is not None]
        if of_the_hub and not str(self.source).startswith("hub:"):
            raise ValueError(f"{', '.join(of_the_hub)} belong to a source `hub:owner/name`")
        return self

    @property
    def _declared(self) -> set[str]:
        """The fields that say something: what a profile took out by null says nothing."""
        fields = type(self).model_fields
        return {name for name in self.model_fields_set if getattr(self, name) not in (None, fields[name].default)}

    @property
    def made(self) -> str | None:
        """Which kind of data the study makes itself, of what its arms answer; None if it reads or mixes others."""
        return next((name for name in _MADE if getattr(self, name) is not None), None)

    @property
    def others(self) -> list[str]:
        """The other data of the study that decide which of its rows are taken, each once."""
        against = self.decontaminate.against if self.decontaminate else []
        matched = [self.length_matched_to] if self.length_matched_to else []
        return list(dict.fromkeys([*self.held_out_from, *against, *matched]))

    @property
    def origin(self) -> str:
        """Where its rows come from, in a few words."""
        if self.made is not None:
            made = getattr(self, self.made)
            return f"{self.made} of {made.prompts if self.made in ('answers', 'distilled') else made.answers}"
        if self.mixture is None:
            return str(self.source)
        return "mixture of " + ", ".join(f"{name} x {part.weight:g}" for name, part in self.mixture.items())


class Arm(Declared):
    """What one arm does differently; ``${name}`` in its values takes the sweep's value."""

    sweep: dict[Name, list[SweptValue]] = Field(default_factory=dict)
    replicate: Annotated[int, Field(ge=0)] = 0
    treat: list[Step] = Field(default_factory=list)
    train: list[Step] | None = None
    model: dict[str, Any] = Field(default_factory=dict)
    wraps: list[Step] = Field(default_factory=list)  # how its model is asked, whatever it was trained on
    compose: Compose | None = None  # the adapters of other arms, before any training of its own
    generation: dict[str, Any] = Field(default_factory=dict)  # how it samples where it answers freely, over a suite's
    snapshot: Positive | str | None = None  # the epoch of the last training at which it is measured; null: its end


def _nothing_special(value: Any) -> Any:
    return {} if value is None else value  # `clean:` with nothing behind it


def _without_null(value: Any) -> Any:
    """Leave out entries that a profile took out by null: a judge of the paper that nobody can ask offline, say."""
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


class Shape(Declared):
    """The fields of a study, each valid in itself; that they fit together is checked in ``validate``."""

    name: Name
    question: str = ""
    notes: list[str] = Field(default_factory=list)  # what a reader of the report must know; it enters no key
    model: Model
    data: dict[Name, Data]
    attributes: dict[Name, Attribute] = Field(default_factory=dict)
    judges: Annotated[dict[Name, Step], BeforeValidator(_without_null)] = Field(default_factory=dict)
    launch: Launch | None = None
    prices: Prices | None = None
    arms: Annotated[dict[Name, Annotated[Arm, BeforeValidator(_nothing_special)]], Field(min_length=1)]
    train: list[Step] = Field(default_factory=list)
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(default_factory=lambda: [0])
    evaluate: Annotated[list[Step], Field(min_length=1)]
    compare: Compare
    report: Shown = Field(default_factory=Shown)
    profile: str | None = None  # which profile and settings made it: names the folder, never enters a key
    settings: list[str] = Field(default_factory=list)


class Study(Shape):
    """A whole study: model, data, arms, training, seeds, measurements and comparisons."""

    def __init__(self, **raw: Any):
        """Validate everything; raises StudyError with all problems at once."""
        from leaven.study.validate import problems

        found = problems(raw, Places())
        if found:
            raise StudyError(found)
        super().__init__(**raw)

    @classmethod
    def from_loaded(cls, loaded: Loaded) -> Study:
        """Make the study that a file, its profile and its settings declare; raises StudyError with file and line."""
        from leaven.study.validate import problems

        found = problems(loaded.raw, loaded.places)
        if found:
            raise StudyError(found)
        made = cls(**loaded.raw)
        return made.model_copy(update={"profile": loaded.profile, "settings": list(loaded.settings)})
