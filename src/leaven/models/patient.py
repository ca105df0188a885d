"""A model as it lies there, without its weights: tokenizer, template and configurations, for the doctor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.models import adapting, load, ref
from leaven.models.ref import Base

OWN = "the model's own"
TRAINED = "ref.json, with which it was trained"


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is there of a model: ``bare`` is its tokenizer as it is saved, ``tokenizer`` the one that Leaven uses.

    The second is None where there is no EOS to use. ``template``: where the chat template is from. ``notes`` say what
    could not be looked at.
    """

    called: str
    folder: Path | None
    bare: Any
    tokenizer: Any
    config: Any
    generation: Any
    template: str
    notes: list[str] = field(default_factory=list)

    @property
    def vocab_size(self) -> int | None:
        """How many tokens the configuration gives the model, None if there is none."""
        return None if self.config is None else getattr(self.config.get_text_config(), "vocab_size", None)

    @property
    def padless(self) -> bool:
        """Whether padding is done with a token at which generation stops."""
        return bool(self.tokenizer.pad_token_id in set(load.stop_ids(self.tokenizer, self.generation)))

    @property
    def other_templates(self) -> dict[str, str]:
        """Templates that stand beside the one that is used, by what they are called; their dates are fixed as its."""
        if self.folder is None:
            return {}
        own = self.template == OWN
        found = {"tokenizer_config.json": _configured(self.folder)} if own else {OWN: self.bare.chat_template}
        if (self.folder / ref.REF).is_file():
            found[TRAINED] = ref.ModelRef.load(self.folder).base.get("chat_template")
        used = self.bare.chat_template if own else None
        told = {name: text for name, text in found.items() if isinstance(text, str) and text != used}
        return {name: load._undated(text) for name, text in told.items()}


def patient(
    name: str, chat_template_path: str | None = None, eos_token: str | None = None, pad_token: str | None = None,
    revision: str | None = None,
) -> Patient:  # fmt: skip
    """Load what there is of a model but its weights; raises ModelError if there is no such model, or no tokenizer."""
    base = _base(name, revision, chat_template_path, eos_token, pad_token)
    folder = Path(base.path) if base.path else None
    bare, notes = _bare(base), list[str]()
    config = _config(base, notes)
    if folder is not None and not any(folder.glob("*.safetensors")):
        notes.append("there are no weights in the folder: whether tokens were ever trained was not looked at")
    if folder is None:
        notes.append("the weights were not downloaded: whether tokens were ever trained was not looked at")
    usable = bare.eos_token_id is not None or eos_token is not None
    return Patient(
        called=name, folder=folder, bare=bare, tokenizer=load.tokenizer(base) if usable else None,
        config=config, generation=load.saved_generation_config(base), template=_told(bare, chat_template_path),
        notes=notes,
    )  # fmt: skip


def _base(name: str, revision: str | None, template: str | None, eos: str | None, pad: str | None) -> Base:
    """Return a base that is known by its place: its content is hashed for keys alone, and nothing is keyed here."""
    folder = ref.local_folder(name)
    if folder is None:
        said = ref.problem({"model_name_or_path": name})
        if said:
            raise ModelError(said)
    return Base(
        identity="" if folder else f"hub:{name}@{ref.commit(name, revision)}",
        chat_template=ref.chat_template(template), eos_token=eos, pad_token=pad,
        path=str(folder.resolve()) if folder else None,
    )  # fmt: skip


def _bare(base: Base) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(**load.origin_of(base))
    except Exception as error:  # the loader raises many kinds, all of which mean: no usable tokenizer there
        name = load.name_of(base)
        raise ModelError(f"no tokenizer can be loaded for {name}: {load.first_line(error)}") from error


def _config(base: Base, notes: list[str]) -> Any:
    """Load the configuration; where there is none, say so: a folder may hold a tokenizer or an adapter alone."""
    folder = Path(base.path) if base.path else None
    if folder is not None and not (folder / "config.json").is_file():
        holds = "an adapter" if (folder / adapting.CONFIG).is_file() else "a tokenizer alone"
        notes.append(f"there is no config.json ({holds}): the size of the embedding and stop ids were not compared")
        return None
    try:
        return load.config(base)
    except Exception as error:  # as above, and of strangers' architectures too
        raise ModelError(f"config.json of {load.name_of(base)} cannot be read: {load.first_line(error)}") from error


def _configured(folder: Path) -> Any:
    """Return the template in a folder's tokenizer_config.json; older programs read it before chat_template.jinja."""
    file = folder / "tokenizer_config.json"
    if not file.is_file():
        return None
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}") from error
    return said.get("chat_template") if isinstance(said, dict) else None


def _told(bare: Any, path: str | None) -> str:
    if path is not None:
        return path
    return OWN if bare.chat_template else "none"
