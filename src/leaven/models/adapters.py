"""Several LoRA adapters over the same weights, made into one through PEFT, or added to the weights themselves.

``cat`` adds the adapters' changes as they are: the base plus ``weight x change`` of each, exactly, at a rank that is
the sum of theirs. ``svd`` adds them and keeps the largest directions. ``linear`` adds the two factors of each
adapter apart, so that every factor is multiplied with the others' as well. ``ties`` (Yadav et al. 2023) leaves out
small numbers and those against the majority's sign, ``dare`` (Yu et al. 2023) leaves out numbers at random and makes
the others larger, ``magnitude_prune`` leaves out small ones; by PEFT they work on the factors, and with ``_svd`` on
the changes. All is computed in float32 on the CPU, so that what comes of it is the same on every machine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaven.errors import ModelError
from leaven.models import load
from leaven.models.ref import Base, ModelRef, hashes
from leaven.models.unwarned import unwarned

COMBINED = "default"  # what PEFT calls the adapter that is saved
_EXACT = ("cat",)
_APART = 1e-4  # of the size of the sum: what rounding in float32 may do to an exact combination
_MERGED_APART = 1e-3  # of the widest logit: what it may do to logits, once an adapter is added to the weights
_ASKED = 16  # tokens that both are asked about


@dataclass(frozen=True)
class How:
    """How adapters are combined, each by its weight; the other fields are those of ``add_weighted_adapter``.

    ``merge`` adds what comes of it to the weights that lie below.
    """

    weights: tuple[float, ...]
    combination_type: str = "cat"
    density: float | None = None
    majority_sign_method: str = "total"
    svd_rank: int | None = None
    merge: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(map(float, self.weights)))  # a stage's arguments have lists

    @property
    def draws(self) -> bool:
        """Whether the combination is drawn at random."""
        return self.combination_type.startswith("dare")

    def as_args(self) -> dict[str, Any]:
        """Return the weights, and what differs from its default."""
        plain = How(self.weights)
        found = {name: value for name, value in asdict(self).items() if value != getattr(plain, name)}
        return {"weights": list(self.weights), **found}


def prove_composable(parts: Sequence[Path], base: Base, how: How) -> None:
    """Raise ModelError unless artefacts leave adapters that can be combined: policies, over the same weights.

    Adapters with rows of their own for added tokens have no combination; one alone is merged as it is.
    """
    if len(parts) != len(how.weights):
        raise ModelError(f"there are {len(parts)} adapters and {len(how.weights)} weights; give one to each")
    if base.bits is not None and how.merge:
        raise ModelError(f"the base is loaded in {base.bits} bits, and what is added to its weights would be rounded "
                         "away; compose without merge, or load the base in full precision")  # fmt: skip
    for place, folder in enumerate(parts, start=1):
        called = f"adapter {place} of {len(parts)}"
        _prove_part(folder, base, called, alone=len(parts) == 1 and how.weights == (1.0,))
        if not how.merge:
            _prove_no_embedding(folder, called)
    below = [{name: sha for name, sha in hashes(folder).items() if "/" not in name} for folder in parts]
    for place, other in enumerate(below[1:], start=2):
        if other != below[0]:
            raise ModelError(f"adapters 1 and {place} lie over different weights, which earlier trainings of their "
                             "arms made; combine adapters over the same, or train them from the base")  # fmt: skip


def _prove_part(folder: Path, base: Base, called: str, *, alone: bool) -> None:
    ref = ModelRef.load(folder)
    if ref.makes == "reward":
        raise ModelError(f"{called} is that of a reward model, whose head gives numbers; name an arm that speaks")
    if not ref.adapters:
        raise ModelError(f"{called} is none: its training left whole weights; declare `peft` in it")
    load.prove_base(folder, base.identity)
    if differs := _differing(ref.base, base.as_args()):
        raise ModelError(f"{called} was trained over the base with {differs}; combine adapters of one `model`")
    if base.added_tokens and not alone:
        raise ModelError(f"{called} has rows of its own for {', '.join(base.added_tokens)}, and no combination has; "
                         "compose adapters without control tokens")  # fmt: skip


def _prove_no_embedding(folder: Path, called: str) -> None:
    """Raise ModelError where the base's own embedding is saved with an adapter: PEFT does so where that is trained."""
    from safetensors import safe_open

    with safe_open(folder / ModelRef.load(folder).adapters[0] / "adapter_model.safetensors", framework="pt") as stored:
        if whole := sorted(name for name in stored.keys() if ".lora_" not in name):  # noqa: SIM118 - no mapping
            raise ModelError(f"{called} comes with the whole {whole[0]}; leave embed_tokens and lm_head out of its "
                             "target_modules, or compose with merge: true")  # fmt: skip


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    return ", ".join(f"{name} {str(was.get(name))[:40]!r} and not {str(now.get(name))[:40]!r}" for name in names)


def hollow(folder: Path, base_path: Path | None) -> Any:
    """Make a model of an artefact's shape on the CPU, all its weights one zero: to put adapters on, and see them alone.

    PEFT moves adapters to where the weights are, so these must be somewhere; they take no memory.
    """
    import torch
    import transformers

    below, auto = load.below_of(folder, base_path, None), transformers.AutoModelForCausalLM
    own = {"pretrained_model_name_or_path": folder, "local_files_only": True}
    kept = own if load.whole_weights(folder) else load.origin_of(below)
    shape = transformers.AutoConfig.from_pretrained(**{**kept, "trust_remote_code": below.trust_remote_code})
    with torch.device("meta"):
        made = auto.from_config(shape, dtype=torch.float32, trust_remote_code=below.trust_remote_code)
    for module in made.modules():
        for name, weight in module.named_parameters(recurse=False):
            setattr(module, name, torch.nn.Parameter(torch.zeros(()).expand(weight.shape), requires_grad=False))
    return made


def combined(model: Any, parts: Sequence[Path], how: How, seed: int | None = None) -> Any:
    """Put the adapters in these folders over a model, and their combination as its active adapter, ``default``.

    The model may be hollow (``hollow``). One adapter of weight 1 is what it is. ``seed`` draws what ``dare``
    leaves out. Raises ModelError if a tensor is missing or unknown, or the adapters cannot be combined so.
    """
    import torch

    over, names = _with_parts(model, parts, how)
    if names == [COMBINED]:
        return over
    if how.draws and seed is None:
        raise ModelError(f"{how.combination_type} leaves numbers out at random, and is given no seed")
    for name in names:  # its factor is in the layers; the combination has its own, and PEFT would take over this one
        over.peft_config[name].use_rslora = False
    more = {"density": how.density, "majority_sign_method": how.majority_sign_method, "svd_rank": how.svd_rank}
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        try:
            over.add_weighted_adapter(
                names, list(how.weights), COMBINED, how.combination_type, svd_full_matrices=False, **more
            )
        except ValueError as error:  # PEFT's word for ranks or modules that do not go together
            raise ModelError(
                f"{how.combination_type} cannot combine these adapters: {load.first_line(error)} (cat and svd take "
                "adapters of any rank)"
            ) from error
    over.set_adapter(COMBINED)
    return over


def _with_parts(model: Any, parts: Sequence[Path], how: How) -> tuple[Any, list[str]]:
    """Put adapters over a model as they are, each under a name of its own; return both."""
    from peft import PeftModel

    as_it_is = len(parts) == 1 and how.weights == (1.0,)
    names = [COMBINED] if as_it_is else [f"part{place}" for place in range(len(parts))]
    placed = {"torch_device": "cpu", "local_files_only": True}
    with unwarned():
        over = PeftModel.from_pretrained(model, load.adapter_of(parts[0]), adapter_name=names[0], **placed)
    for name, folder in zip(names[1:], parts[1:], strict=True):
        over.load_adapter(load.adapter_of(folder), adapter_name=name, **placed)
    for name, folder in zip(names, parts, strict=True):
        adapter = load.adapter_of(folder)
        assert adapter is not None, "proven: each part has an adapter"
        load.prove_adapter(over, adapter, called=name)
    return over, names


def apart_from_sum(over: Any, how: How) -> float:
    """Return how far the combination lies from the weighted sum of its parts, as a share of that sum's size.

    Sizes are Frobenius norms over all layers. Raises ModelError where the combination is to be exact and is not, or a
    number is not finite.
    """
    parts = [(f"part{place}", -weight) for place, weight in enumerate(how.weights)]
    off = whole = 0.0
    for layer in _layers(over):
        factors = [(*_factors(layer, name), weight) for name, weight in parts if _has(layer, name)]
        whole += _squared(factors)
        off += _squared([*factors, (*_factors(layer, COMBINED), 1.0)])
    share = math.sqrt(max(0.0, off) / whole) if whole else math.nan
    if not math.isfinite(share):
        raise ModelError("an adapter holds no numbers, or none that are finite; train it again")
    if how.combination_type in _EXACT and share > _APART:
        raise ModelError(f"the combination is {share:.3g} of its size away from the sum of its parts, which "
                         f"{how.combination_type} is to be; report it")  # fmt: skip
    return share


def _layers(over: Any) -> list[Any]:
    from peft.tuners.lora import LoraLayer

    return [module for module in over.modules() if isinstance(module, LoraLayer) and _has(module, COMBINED)]


def _has(layer: Any, name: str) -> bool:
    return name in layer.lora_A or name in layer.lora_embedding_A


def _factors(layer: Any, name: str) -> tuple[Any, Any]:
    """Return the factors of a layer's change, whose product ``second @ first`` it is: (r, in) and (out, r), float64."""
    if name in layer.lora_A:
        first, second = layer.lora_A[name].weight, layer.lora_B[name].weight
    else:
        first, second = layer.lora_embedding_A[name], layer.lora_embedding_B[name]
    return first.detach().double(), second.detach().double() * layer.scaling[name]


def _squared(factors: Sequence[tuple[Any, Any, float]]) -> float:
    """Return the squared size of a sum of products, without making any of them."""
    if not factors:
        return 0.0
    pairs = itertools.product(factors, repeat=2)
    return sum(u * v * float(((b.T @ d) * (a @ c.T)).sum()) for (a, b, u), (c, d, v) in pairs)


def save(over: Any, folder: Path) -> None:
    """Write a combination into an adapter's folder, as safetensors; raises ModelError if a number is not finite."""
    import torch

    weights = load.adapter_weights(over, COMBINED)
    for name, weight in weights.items():
        if weight.is_meta or not bool(torch.isfinite(weight).all()):
            raise ModelError(f"the combined adapter's {name} is missing or not finite; lower the weights")
    over.save_pretrained(folder, safe_serialization=True, selected_adapters=[COMBINED],
                         save_embedding_layers=load.whole_embedding(over, COMBINED))  # fmt: skip


def merged(over: Any) -> Any:
    """Add a model's active adapter to the weights that it lies over; return the whole model, without adapters.

    Raises ModelError if the whole model says another thing: an adapter of an embedding whose weights the head shares
    changes the one alone, and is no part of both.
    """
    over.eval()
    before = _logits(over)
    whole = over.merge_and_unload(safe_merge=True)
    after = _logits(whole)
    apart, widest = float((after - before).abs().max()), float(before.abs().max())
    if not apart <= _MERGED_APART * max(1.0, widest) * _rounding(whole):
        raise ModelError(f"the merged weights answer otherwise than the adapter over its base (by {apart:.3g} in a "
                         "logit): it changes weights that two layers share; leave it an adapter")  # fmt: skip
    return whole


def _rounding(model: Any) -> float:
    """Return how much coarser a model computes than in float32: 1, or what 16 bits do to the sum of many layers."""
    return 1.0 if str(model.dtype) == "torch.float32" else 100.0


def _logits(model: Any) -> Any:
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    asked = torch.linspace(0, rows - 1, _ASKED).long()[None].to(model.device)
    with torch.no_grad():
        return model(input_ids=asked, attention_mask=torch.ones_like(asked)).logits.float()
