"""Load tokenizers and models: safetensors only, strangers' code off unless asked for, every weight finite."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.models import grown, quantised
from leaven.models.ref import Base, ModelRef, folder_identity
from leaven.models.unwarned import unwarned

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


HEADS = ("score", "classifier")  # what transformers calls the head of a model that gives a text a number


def base(args: dict[str, Any], path: Path | None, device_map: str | None = None) -> Base:
    """Rebuild a base from a stage's arguments and the place where it lies on this machine.

    ``device_map`` (auto, balanced, sequential) lays the model over the GPUs that are visible, if there are several.
    Raises ModelError if what lies there is no longer what the arguments name: it would be trained under a wrong key.
    """
    if path is not None and identity_of(path) != args["identity"]:
        raise ModelError(f"{path} was edited after the study began; run the study again")
    return Base(**args, path=str(path) if path else None, device_map=device_map)


@functools.lru_cache(maxsize=4)  # a process of stages lives for one list, and what it loads is hashed once in it
def identity_of(path: Path) -> str:
    """Return what a folder holds, as an identity: as it was when this process first asked."""
    return folder_identity(path)


def origin_of(model: Base) -> dict[str, Any]:
    """Return the arguments that name a base to ``from_pretrained``."""
    shared = {"trust_remote_code": model.trust_remote_code}
    if model.path is not None:
        return {"pretrained_model_name_or_path": model.path, "local_files_only": True, **shared}
    name, revision = model.hub_name
    return {"pretrained_model_name_or_path": name, "revision": revision, **shared}


def tokenizer(model: Base) -> PreTrainedTokenizerBase:
    """Load the base's tokenizer with the study's template, special and added tokens; without a pad token, EOS pads."""
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(**origin_of(model))
    except Exception as error:  # the loader raises many kinds, all of which mean: no usable tokenizer there
        raise ModelError(f"no tokenizer can be loaded for {name_of(model)}: {first_line(error)}") from error
    if model.chat_template is not None:
        loaded.chat_template = model.chat_template
    loaded.chat_template = _undated(loaded.chat_template)
    for name in ("eos_token", "pad_token"):
        if (token := getattr(model, name)) is not None:
            _set_token(loaded, name, token)
    if loaded.eos_token_id is None:
        raise ModelError(f"the tokenizer of {name_of(model)} has no EOS token; set model.eos_token")
    if loaded.pad_token_id is None:
        loaded.pad_token = loaded.eos_token  # the doctor reports it; padding is masked by position everywhere
    grown.add_tokens(loaded, model.added_tokens)
    return loaded


_TODAY = "{%- macro strftime_now(format) -%}01 Jan 2026{%- endmacro -%}"


def _undated(template: Any) -> Any:
    """Fix the date that some templates print: one key must mean the same ids on every day."""
    if isinstance(template, str) and "strftime_now" in template and not template.startswith(_TODAY):
        return _TODAY + template
    return template


def _set_token(loaded: Any, name: str, token: str) -> None:
    known = loaded.convert_tokens_to_ids(token)
    if known is None or (known == loaded.unk_token_id and token != loaded.unk_token):
        raise ModelError(f"model.{name} '{token}' is not in the vocabulary; name a token that is")
    setattr(loaded, name, token)


def causal_lm(model: Base, seed: int | None = None) -> PreTrainedModel:
    """Load the base's weights for next-token prediction, in the study's dtype, onto the GPU or GPUs if there are.

    Where the base says ``from_config``, the seed of a training draws them. Raises ModelError if there is no seed then.
    """
    if model.from_config:
        return _drawn(model, seed)
    return based(model)


def based(model: Base, **kind: Any) -> Any:
    """Load a base's weights, grown by its added tokens; ``kind`` says under which head, as for ``weights``."""
    if model.from_config:
        raise ModelError(_UNTRAINED)
    loaded = weights(name_of(model), **origin_of(model), **manner_of(model), **kind)
    return _grown(model, loaded)


_UNTRAINED = (
    "model.from_config draws weights anew for each training, so there is no base to ask, to put an adapter over or to "
    "compare with; train the arm whole (`sft` or `lm` without peft), or take from_config out"
)


def _drawn(model: Base, seed: int | None) -> Any:
    import torch
    import transformers

    if seed is None:
        raise ModelError(_UNTRAINED)
    shape, auto = config(model), transformers.AutoModelForCausalLM
    if model.bits is not None:
        raise ModelError("model.from_config draws weights to be trained whole, and quantised ones cannot be; take "
                         f"load_in_{model.bits}bit or from_config out")  # fmt: skip
    how = {name: value for name, value in manner_of(model).items() if name != "device_map"}
    with torch.random.fork_rng():  # on all devices, and the weights are drawn on the CPU
        torch.manual_seed(seed)
        loaded = _grown(model, auto.from_config(shape, trust_remote_code=model.trust_remote_code, **how))
    return _placed(loaded)


def _grown(model: Base, loaded: Any) -> Any:
    if model.added_tokens:
        grown.grow(loaded, grown.ids(tokenizer(model), model.added_tokens))
    return loaded


def manner_of(model: Base) -> dict[str, Any]:
    """Return how weights are loaded: in which precision, with which attention, over how many GPUs.

    Raises ModelError where they are to be quantised, and what quantises is not installed.
    """
    import torch

    named = {"attn_implementation": model.attn_implementation} if model.attn_implementation else {}
    several = model.device_map is not None and torch.cuda.device_count() > 1
    laid = {"device_map": model.device_map} if several else {}
    return {"dtype": getattr(torch, model.dtype), **named, **laid, **quantised.manner_of(model)}


def weights(
    called: str, *, kind: str = "AutoModelForCausalLM", new_head: bool = False, placed: bool = True, **origin: Any
) -> Any:
    """Load weights; one that is missing or of another shape would be drawn at random, so it is an error.

    ``new_head``: but for a head that the weights do not have, because nothing trained it yet. Unless ``placed`` they
    stay on the CPU, whatever GPUs there are.
    """
    import transformers

    auto = getattr(transformers, kind)
    try:
        loaded, info = auto.from_pretrained(use_safetensors=True, output_loading_info=True, **origin)
    except Exception as error:  # as above: whatever is raised means that these weights cannot be used
        raise ModelError(f"the weights of {called} cannot be loaded: {first_line(error)}") from error
    heads = HEADS if new_head else ()
    lacking = sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]]))
    if lacking := [name for name in lacking if name.partition(".")[0] not in heads]:
        raise ModelError(f"{called} lacks {len(lacking)} weights that its config asks for, first {lacking[0]}")
    quantised.unpack(loaded)
    return _placed(loaded) if placed else loaded


def trained(
    folder: Path, base_path: Path | None, device_map: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a trained artefact (whole weights, or an adapter over its base) with the tokenizer saved beside it.

    Raises ModelError if it is a reward model, which generates nothing, or lies over another base.
    """
    from transformers import AutoTokenizer

    model, adapter = continued(folder, base_path, device_map)
    loaded_tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if adapter is None:
        return model, loaded_tokenizer
    over = under(model, adapter)
    over.generation_config = generation_config(folder, over)
    return over, loaded_tokenizer


def under(model: Any, adapter: Path) -> Any:
    """Put the adapter in a folder over a model; raises ModelError if a weight of it is missing or unknown."""
    from peft import PeftModel

    rows = model.get_input_embeddings().num_embeddings
    with unwarned():
        over = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    prove_adapter(over, adapter)
    # Where the adapter has rows of its own, PEFT's layer around the embedding does not say how many there are in all.
    over.get_input_embeddings().num_embeddings = rows
    return over


def continued(
    folder: Path, base_path: Path | None, device_map: str | None = None
) -> tuple[PreTrainedModel, Path | None]:
    """Load what a training left, for the next one: whole weights, and the folder of an adapter over them if any.

    Raises ModelError if that is a reward model: it has no head that tells the next token.
    """
    ref = ModelRef.load(folder)
    if ref.makes == "reward":
        raise ModelError(
            "this is a reward model: it gives a text a number, and neither generates nor is trained on as a policy; "
            "ask the training before it, or take the steps after `reward` out of this arm"
        )
    return left_by(folder, base_path, device_map), adapter_of(folder)


def left_by(folder: Path, base_path: Path | None, device_map: str | None, **kind: Any) -> Any:
    """Load the whole weights of an artefact, or those that its adapter lies over; ``kind`` as for ``weights``."""
    return _left_by(folder, below_of(folder, base_path, device_map), **kind)


def exact(folder: Path, base_path: Path | None) -> Any:
    """Load what ``left_by`` loads, in float32 and on the CPU, whatever the base's precision: to be added to."""
    return _left_by(folder, replace(below_of(folder, base_path, None), dtype="float32"), placed=False)


def _left_by(folder: Path, below: Base, **kind: Any) -> Any:
    if adapter_of(folder) is not None and not whole_weights(folder):
        return based(below, **kind)
    origin = {"pretrained_model_name_or_path": folder, "local_files_only": True, **manner_of(below), **kind}
    return weights("the trained artefact", trust_remote_code=below.trust_remote_code, **origin)


def adapter_of(folder: Path) -> Path | None:
    """Return the folder of an artefact's adapter, None if it has none."""
    adapters = ModelRef.load(folder).adapters
    return folder / adapters[0] if adapters else None


def below_of(folder: Path, base_path: Path | None, device_map: str | None) -> Base:
    """Return the base that an artefact was trained over; raises ModelError if another lies where it should."""
    recorded = ModelRef.load(folder).base
    if base_path is not None:
        prove_base(folder, identity_of(base_path))
    return base(recorded, base_path, device_map)


def prove_base(folder: Path, identity: str) -> None:
    """Raise ModelError if an artefact was trained over another base than the one of this identity."""
    ref = ModelRef.load(folder)
    if (recorded := ref.base.get("identity")) != identity:
        what = "the adapter" if ref.adapters else "the model"
        raise ModelError(
            f"{what} was trained over the base {_short(recorded)}, and this is {_short(identity)}: another base, or "
            "one that was edited since; give it its own base, or run the study again to train it over this one"
        )


def _short(identity: Any) -> str:
    return str(identity)[:19] if str(identity).startswith("sha256:") else str(identity)


def whole_weights(folder: Path) -> list[Path]:
    """Return the files that make an artefact's folder a whole model; none where it holds an adapter alone."""
    found = [*folder.glob("model*.safetensors"), *folder.glob("model*.safetensors.index.json")]
    return [folder / "config.json", *sorted(found)] if found else []


def prove_adapter(model: Any, folder: Path, new: str | None = None, called: str = "default") -> None:
    """Raise ModelError if a folder's weights are not a model's adapter, each of them, but for a ``new`` head.

    ``called`` is what PEFT calls the adapter where the model has several. PEFT only warns where a weight is
    missing and drops what it does not know: those layers would answer as the base.
    """
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", framework="pt") as stored:
        there = set(stored.keys())
        asked = {name for name in adapter_weights(model, called) if new is None or f".{new}." not in f".{name}."}
    if new is not None:  # the head of the next token is gone, and with it the rows that it had for added tokens
        there = {name for name in there if name in asked or not name.endswith(".token_adapter.trainable_tokens_delta")}
    for how, names in (("lacks", asked - there), ("has unknown", there - asked)):
        if names:
            raise ModelError(f"the adapter {how} {len(names)} weights, first {min(names)}")


def adapter_weights(model: Any, called: str = "default") -> dict[str, Any]:
    """Return what is saved of a model's adapter. Of a grown embedding the new rows alone: the base makes the others."""
    from peft import get_peft_model_state_dict

    whole = whole_embedding(model, called)
    found: dict[str, Any] = get_peft_model_state_dict(model, adapter_name=called, save_embedding_layers=whole)
    return found


def whole_embedding(model: Any, called: str = "default") -> Any:
    """Return PEFT's ``save_embedding_layers`` for a model under an adapter: not where it trains rows of its own.

    Left to itself PEFT would see that the vocabulary is another than the base's, and save all of the embedding.
    """
    return "auto" if model.peft_config[called].trainable_token_indices is None else False


def device_facts(model: Any) -> dict[str, Any]:
    """Return where a model computes (``cpu``, or the GPUs' names) and the peak of the fullest GPU's memory in MiB."""
    import torch

    devices = sorted({weight.device for weight in model.parameters()}, key=str)
    if any(device.type != "cuda" for device in devices):
        return {"device": ", ".join(sorted({str(device.type) for device in devices}))}
    peak = max(torch.cuda.max_memory_allocated(device) for device in devices) // 1024**2
    return {"device": ", ".join(torch.cuda.get_device_name(device) for device in devices), "gpu_peak_mb": peak}


def generation_config(folder: Path, model: Any) -> GenerationConfig:
    """Return the generation settings saved with an artefact, else the model's own."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    config: GenerationConfig = model.generation_config
    return config


def saved_generation_config(model: Base) -> Any:
    """Return the generation settings saved with a base, None if it has none."""
    from transformers import GenerationConfig

    try:
        return GenerationConfig.from_pretrained(**_without_code(origin_of(model)))
    except OSError:  # transformers' word for "there is no such file"
        return None


def _without_code(origin: dict[str, Any]) -> dict[str, Any]:
    renamed = {"pretrained_model_name_or_path": "pretrained_model_name"}
    return {renamed.get(name, name): value for name, value in origin.items() if name != "trust_remote_code"}


def stop_ids(model_tokenizer: Any, config: Any) -> list[int]:
    """Return the ids at which generation stops: the tokenizer's EOS and those of the generation settings."""
    declared = config.eos_token_id if config is not None else None
    listed = declared if isinstance(declared, list) else [] if declared is None else [declared]
    return sorted({int(model_tokenizer.eos_token_id), *map(int, listed)})


def context_length(model_config: Any) -> int | None:
    """Return how many positions the model has, None if it does not say."""
    found = getattr(model_config, "max_position_embeddings", None)
    return int(found) if found else None


def config(model: Base) -> Any:
    """Load the base's configuration (no weights)."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(**origin_of(model))


def prove_finite(model: PreTrainedModel) -> int:
    """Raise ModelError if a weight is missing, empty or not finite; return the number of parameters."""
    total = 0
    for name, weight in model.named_parameters():
        if weight.is_meta or weight.numel() == 0:
            raise ModelError(f"the weight {name} is missing or empty")
        if not _is_finite(weight):
            raise ModelError(f"the weight {name} is not finite; lower learning_rate or set max_grad_norm")
        total += weight.numel()
    return total


def _is_finite(weight: Any) -> bool:
    """Say whether all numbers of a weight are finite; of a quantised one all that it is made of (codes and scales)."""
    import torch
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if not is_traceable_wrapper_subclass(weight):
        if not (weight.is_floating_point() or weight.is_complex()) or "float4" in str(weight.dtype):
            return True  # a code is always finite, and torch cannot ask every kind of them
        asked = weight.float() if weight.dtype.itemsize == 1 else weight  # nor every number of eight bits
        return bool(torch.isfinite(asked).all())
    return all(_is_finite(getattr(weight, part)) for part in weight.__tensor_flatten__()[0])


def _placed(model: PreTrainedModel) -> PreTrainedModel:
    import torch

    if getattr(model, "hf_device_map", None):
        return model  # accelerate has placed it, layer by layer
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def name_of(model: Base) -> str:
    """Return what messages call a base: its place on this machine, or its name on the hub."""
    return model.path or model.hub_name[0]


def first_line(error: Exception) -> str:
    """Return what a library says went wrong, short enough for one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
