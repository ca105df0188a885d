"""An artefact of the store -> a folder that plain transformers and peft load: as it is, merged, or quantised."""

from __future__ import annotations

import gc
import importlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from leaven.errors import ModelError
from leaven.models.ref import REF, Base, ModelRef

if TYPE_CHECKING:
    from leaven.exported.found import FoundArm

Quantize = Literal["int8", "int4"]

_OURS = {REF, "reload.json", "log.jsonl", "record.json", "stage.log"}  # not what others load
_WEIGHTS = ("config.json", "model*.safetensors", "model*.safetensors.index.json")
_INT4_GROUP = 32  # weights that share a scale; every width that models have is a multiple of it
_KINDS = {"policy": "AutoModelForCausalLM", "reward": "AutoModelForSequenceClassification"}


def form(found: FoundArm, merge: bool, quantize: Quantize | None) -> str:
    """Return what the folder will hold: ``adapter``, ``whole``, ``merged``, or the name of a quantisation.

    Raises ModelError with the remedy for an adapter that nobody could load without what lies in this store, and where
    what quantises is not installed; and for one over a base that was quantised as it was loaded.
    """
    ref = ModelRef.load(found.artefact)
    if ref.adapters and (bits := Base(**ref.base).bits) is not None:
        raise ModelError(f"'{found.called}' is an adapter over a base in {bits} bits: no folder can say so to whoever "
                         "loads it, and merged it would be rounded away; export one in full precision")  # fmt: skip
    if quantize is not None:
        _require_torchao(quantize)
        return quantize
    if not ref.adapters:
        return "whole"
    if merge:
        return "merged"
    if why := _needs_the_store(found.artefact, ref):
        raise ModelError(f"'{found.called}' is an adapter, and {why}; --merge makes a folder that stands alone")
    return "adapter"


def _needs_the_store(artefact: Path, ref: ModelRef) -> str | None:
    if any(artefact.glob("model*.safetensors")):
        return "it lies over whole weights that an earlier training of the study made"
    if ref.base.get("added_tokens"):
        return "it lies over a base whose vocabulary was grown by control tokens"
    return None


def _require_torchao(quantize: str) -> None:
    from importlib.util import find_spec

    if find_spec("torchao") is None:
        raise ModelError(f"--quantize {quantize} needs torchao, which is not installed: pip install 'leaven[quantize]'")


def write(found: FoundArm, form: str, out: Path) -> None:
    """Write the weights, the tokenizer with its template and the generation settings into an empty folder.

    Raises ModelError if the model cannot be merged or quantised.
    """
    ref = ModelRef.load(found.artefact)
    if form in ("whole", "adapter"):
        _copy(found.artefact, out, weights=form == "whole")
    else:
        _copy(found.artefact, out, weights=not ref.adapters)
        if ref.adapters:
            _merge(found, out)
    if form == "adapter":
        _adapter(found, ref, out)
    if form in ("int8", "int4"):
        _quantized(ref, form, out)
    _cached(out)


def _copy(artefact: Path, out: Path, *, weights: bool) -> None:
    """Copy the files that lie in an artefact's folder itself, but for our own, and the whole weights unless wanted."""
    left_out = set() if weights else {file.name for pattern in _WEIGHTS for file in artefact.glob(pattern)}
    for file in sorted(artefact.iterdir()):
        if file.is_file() and file.name not in _OURS | left_out:
            shutil.copyfile(file, out / file.name)


def _adapter(found: FoundArm, ref: ModelRef, out: Path) -> None:
    """Copy the adapter beside its tokenizer, and name the base that it lies over by what others know it as."""
    for file in sorted((found.artefact / ref.adapters[0]).iterdir()):
        if file.is_file() and file.name != "README.md":
            shutil.copyfile(file, out / file.name)
    file = out / "adapter_config.json"
    name, revision = base_of(found, ref)
    said = {**json.loads(file.read_text(encoding="utf-8")), "base_model_name_or_path": name, "revision": revision}
    file.write_text(json.dumps(said, indent=2, ensure_ascii=False), encoding="utf-8")


def base_of(found: FoundArm, ref: ModelRef) -> tuple[str, str | None]:
    """Return what others know an arm's base as: its name on the hub and the commit, or its folder on this machine."""
    if found.base is not None:
        return str(found.base), None
    return Base(**ref.base).hub_name


def _merge(found: FoundArm, out: Path) -> None:
    """Add the adapter to the weights that it lies over, and write these whole."""
    from leaven.models.adapters import merged

    model, _ = loaded(found)
    merged(model).save_pretrained(out, safe_serialization=True)
    shutil.rmtree(out / "adapter", ignore_errors=True)
    settings = found.artefact / "generation_config.json"
    if settings.exists():  # those that the arm answers with, not the base's
        shutil.copyfile(settings, out / settings.name)
    del model
    gc.collect()


def loaded(found: FoundArm) -> tuple[Any, Any]:
    """Load the artefact in the way in which its run does, with its tokenizer, ready to answer."""
    from leaven.models import load, rewarding

    way = rewarding.reward_model if ModelRef.load(found.artefact).makes == "reward" else load.trained
    model, tokenizer = way(found.artefact, found.base, found.trained.needs.around.get("device_map"))
    return model.eval(), tokenizer


def _quantized(ref: ModelRef, how: str, out: Path) -> None:
    """Replace whole weights by quantised ones: of every linear layer, by torchao, as transformers reads them."""
    import torch
    import transformers

    from leaven.models.load import first_line

    auto, settings = getattr(transformers, _KINDS[ref.makes]), out / "generation_config.json"
    kept = settings.read_bytes() if settings.exists() else None
    head = {"num_labels": 1} if ref.makes == "reward" else {}
    place = {"device_map": "cuda:0"} if torch.cuda.is_available() else {}
    try:
        config = transformers.TorchAoConfig(_scheme(how))
        model = auto.from_pretrained(
            out, quantization_config=config, use_safetensors=True, local_files_only=True,
            dtype=getattr(torch, ref.base.get("dtype", "float32")), **head, **place,
        )  # fmt: skip
        for old in (file for pattern in _WEIGHTS[1:] for file in out.glob(pattern)):
            old.unlink()
        model.save_pretrained(out, safe_serialization=True)
    except Exception as error:  # torchao raises many kinds: a layer, a kernel or a device that it does not know
        raise ModelError(f"--quantize {how}: this model cannot be quantised here: {first_line(error)}") from error
    if kept is not None:
        settings.write_bytes(kept)


def _scheme(how: str) -> Any:
    """Return torchao's own settings of weight-only quantisation."""
    quantization = importlib.import_module("torchao.quantization")  # of the extra `quantize`

    if how == "int8":
        return quantization.Int8WeightOnlyConfig()
    return quantization.Int4WeightOnlyConfig(group_size=_INT4_GROUP)


def _cached(out: Path) -> None:
    """Let whoever answers keep what it has read: trainings turn that off, and it is slow without."""
    file = out / "config.json"
    if file.exists():
        said = json.loads(file.read_text(encoding="utf-8"))
        if said.get("use_cache") is False:
            file.write_text(json.dumps({**said, "use_cache": True}, indent=2, ensure_ascii=False), encoding="utf-8")
