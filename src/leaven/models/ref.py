"""What a model is: a base, known by its content, and what was trained on top.

A ``Base`` says how a base model is loaded and spoken to. Its ``identity`` (a commit of the hub, or the hash of a
folder's files) enters keys; where it lies is circumstance and does not. A ``ModelRef`` is written into every trained
artefact as ``ref.json``: it says whether the folder holds a whole model or an adapter over its base.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from leaven.data.hub import is_commit
from leaven.errors import ModelError, did_you_mean

POCKET = "pocket"
REF = "ref.json"
QUANTISES = ("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_compute_dtype",
             "bnb_4bit_use_double_quant")  # fmt: skip
_TEMPLATES = "leaven.models"


@dataclass(frozen=True)
class Base:
    """A base model: what enters keys (``as_args``), and what does not.

    ``added_tokens`` are special tokens that the vocabulary is grown by; ``from_config`` takes the base's shape and
    tokenizer and draws its weights anew. ``load_in_4bit`` and ``load_in_8bit`` quantise its linear layers by
    bitsandbytes as they are loaded; field names are those of transformers' ``BitsAndBytesConfig``, and
    ``bnb_4bit_compute_dtype`` None is ``dtype``. ``path`` is where a local base lies, None for one of the
    hub; ``device_map`` is accelerate's word for how the model is laid over several GPUs, None for one.
    """

    identity: str
    dtype: str = "float32"
    attn_implementation: str | None = None
    trust_remote_code: bool = False
    chat_template: str | None = None
    pad_token: str | None = None
    eos_token: str | None = None
    added_tokens: tuple[str, ...] = ()
    from_config: bool = False
    load_in_4bit: bool = False
    load_in_8bit: bool = False
    bnb_4bit_quant_type: str = "nf4"
    bnb_4bit_compute_dtype: str | None = None
    bnb_4bit_use_double_quant: bool = False
    path: str | None = field(default=None, compare=False)
    device_map: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "added_tokens", tuple(self.added_tokens))  # a stage's arguments have lists

    def as_args(self) -> dict[str, Any]:
        """Return what determines the model's behaviour, for a stage's arguments; defaults are left out."""
        plain, around = Base(identity=""), {"path", "device_map"}
        said = {name: value for name, value in asdict(self).items() if name not in around}
        found = {name: value for name, value in said.items() if value != getattr(plain, name)}
        return {**found, "added_tokens": list(self.added_tokens)} if self.added_tokens else found

    @property
    def bits(self) -> int | None:
        """Into how many bits its linear layers are quantised as it is loaded, None if they are not."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else None

    @property
    def weight_bytes(self) -> int | None:
        """The size of a local base's weights on disk, None for one of the hub, or of which there is a config alone."""
        files = [] if self.path is None else list(Path(self.path).glob("*.safetensors"))
        return sum(file.stat().st_size for file in files) if files else None

    @property
    def hub_name(self) -> tuple[str, str]:
        """The hub's name and commit of a base that is no folder."""
        name, _, revision = self.identity.removeprefix("hub:").partition("@")
        return name, revision


@dataclass(frozen=True)
class ModelRef:
    """A trained artefact: its base, and whether the folder holds the whole model or an adapter (``adapters``).

    An adapter lies over the base, or over the whole weights in its own folder where an earlier training made such.
    ``makes`` says what it answers with: "policy" (texts) or "reward" (numbers). ``lineage`` has every training under
    it, the first one first: its trainer, whether it trained an adapter or the whole, base, seed, and the sha256 of the
    files of weights that it started from. A composition of several artefacts is one entry, by ``compose``, that has the
    lineage of each of them as ``parts``. Artefacts of before there was a lineage are policies without one.
    """

    base: dict[str, Any]
    adapters: tuple[str, ...] = ()
    makes: str = "policy"
    lineage: tuple[dict[str, Any], ...] = ()

    def save(self, folder: Path) -> None:
        """Write ``ref.json`` into the artefact's folder."""
        (folder / REF).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ModelRef:
        """Read ``ref.json`` of an artefact's folder."""
        found = json.loads((folder / REF).read_text(encoding="utf-8"))
        known = (found.get("makes", "policy"), tuple(found.get("lineage", ())))
        return cls(found["base"], tuple(found["adapters"]), *known)


def trainings(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return what an artefact's lineage tells; one of before there was a lineage says of itself what it can."""
    ref = ModelRef.load(folder)
    trained = "adapter" if ref.adapters else "whole"
    return ref.lineage or ({"trainer": "unknown", "trained": trained, "base": ref.base.get("identity")},)


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file of weights in an artefact's folder, by its path in there."""
    files = sorted([*folder.glob("model*.safetensors"), *folder.glob("adapter/*.safetensors")])
    return {file.relative_to(folder).as_posix(): _sha256(file) for file in files}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def resolve(model: dict[str, Any], *, ask: bool = True) -> Base:
    """Find out what a declared model is; asks the hub for a commit only where the name is no folder.

    Raises ModelError with the remedy if it cannot be told.
    """
    name, revision = model["model_name_or_path"], model.get("revision")
    folder = local_folder(name)
    about: dict[str, Any] = {
        key: model.get(key) for key in ("attn_implementation", "pad_token", "eos_token", "device_map")
    }
    about |= {key: model[key] for key in QUANTISES if model.get(key) is not None}
    return Base(
        identity=folder_identity(folder) if folder else f"hub:{name}@{commit(name, revision, ask=ask)}",
        dtype=model.get("dtype", "float32"),
        trust_remote_code=bool(model.get("trust_remote_code")),
        from_config=bool(model.get("from_config")),
        chat_template=chat_template(model.get("chat_template_path")),
        path=str(folder.resolve()) if folder else None,
        **about,
    )


def local_folder(name: str) -> Path | None:
    """Return the folder of a local model or of the pocket, None for a name of the hub."""
    if name == POCKET:
        return Path(str(resources.files("leaven.pocket") / "model"))
    path = Path(name).expanduser()
    return path if path.is_dir() else None


def problem(model: dict[str, Any]) -> str | None:
    """Say what is wrong with a declared model at first sight, with the remedy; None if nothing is. Loads nothing."""
    name = model["model_name_or_path"]
    folder = local_folder(name)
    if folder is None:
        if name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).exists():
            return f"'{name}' is no folder of a model"
        if "/" not in name:
            return f"'{name}' is neither a folder nor a name of the hub (owner/name); try `pocket`"
        return _template_problem(model.get("chat_template_path"))
    if model.get("revision"):
        return f"'{name}' is a local folder, which has no revision; take model.revision out"
    return _folder_problem(folder, model) or _template_problem(model.get("chat_template_path"))


def quantisation_problem(bits: int) -> str | None:
    """Say why weights cannot be quantised on this machine, with the remedy; None if they can. Imports nothing."""
    if find_spec("bitsandbytes") is not None:
        return None
    return (f"model.load_in_{bits}bit needs bitsandbytes, which is not installed: pip install 'leaven[qlora]', or take "
            "it out for this machine (in a profile: full precision is another arm, with other keys)")  # fmt: skip


def _folder_problem(folder: Path, model: dict[str, Any]) -> str | None:
    files = {path.name for path in folder.iterdir()}
    if "config.json" not in files:
        return f"{folder} has no config.json: it is no model folder"
    if not model.get("from_config") and not any(name.endswith(".safetensors") for name in files):
        return f"{folder} has no *.safetensors; convert the weights (pickled weights are not loaded)"
    if not files & {"tokenizer.json", "tokenizer.model", "vocab.json"}:
        return f"{folder} has no tokenizer; save one beside the weights"
    if not model.get("chat_template_path") and not _has_template(folder):
        return f"{folder} has no chat template; set model.chat_template_path (a jinja file, or `plain`)"
    return None


def vocabulary(folder: Path) -> set[str]:
    """Return the tokens that a folder's tokenizer.json lists; none where it cannot be read. Loads no tokenizer."""
    try:
        said = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        listed = said["model"]["vocab"]
        words = listed if isinstance(listed, dict) else [one[0] for one in listed]
        return {*words, *(one["content"] for one in said.get("added_tokens", ()))}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return set()


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(isinstance(config, dict) and config.get("chat_template"))


def _template_problem(path: str | None) -> str | None:
    try:
        chat_template(path)
    except ModelError as error:
        return str(error)
    return None


def chat_template(path: str | None) -> str | None:
    """Return the text of a jinja file or of a shipped template; raises ModelError."""
    if path is None:
        return None
    shipped = {
        entry.name.removesuffix(".jinja"): entry for entry in (resources.files(_TEMPLATES) / "templates").iterdir()
    }
    if path in shipped:
        return shipped[path].read_text(encoding="utf-8")
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"chat_template_path '{path}' cannot be read; {did_you_mean(path, shipped)}") from error


def folder_identity(folder: Path) -> str:
    """Return the sha256 over names and contents of a model folder's files (not of what lies in subfolders)."""
    digest = hashlib.sha256()
    for path in _model_files(folder):
        with path.open("rb") as stream:
            digest.update(f"{path.name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _model_files(folder: Path) -> Iterator[Path]:
    kinds = (".json", ".safetensors", ".jinja", ".model", ".txt", ".py")
    return (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix in kinds)


def commit(name: str, revision: str | None, *, ask: bool = True) -> str:
    """Return the commit that a revision of a hub model names; a full commit needs no network.

    Without ``ask`` what is no commit stays as it is, with a question mark: it stands for none yet.
    """
    if revision and is_commit(revision):
        return revision
    if not ask:
        return f"{revision or 'main'}?"
    import huggingface_hub

    try:
        found = huggingface_hub.HfApi().model_info(name, revision=revision, timeout=10)
    except Exception as error:  # the client raises many kinds: offline, gated, missing, timeouts
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise ModelError(
            f"cannot ask the hub which commit '{name}' is ({reason}); pin model.revision to a full commit, "
            "or name a local folder"
        ) from error
    return str(found.sha)
