"""A checkpoint's own sampling settings: what ``model.generate`` would do with them, as far as it can be done here."""

from __future__ import annotations

from typing import Any

from leaven.errors import ModelError

# What transformers does where a checkpoint is silent; top_k 50 is its default, not ours.
_SILENT: dict[str, Any] = {
    "do_sample": False,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 50,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "length_penalty": 1.0,
    "early_stopping": False,
    "stop_strings": [],
}
_SAMPLED = ("temperature", "top_p", "top_k", "min_p")
_BEAMS = ("length_penalty", "early_stopping")
# Settings that change answers and are not done here, with the values that switch them off.
_FOREIGN: dict[str, tuple[Any, ...]] = {
    "typical_p": (None, 1.0),
    "top_h": (None,),
    "epsilon_cutoff": (None, 0.0),
    "eta_cutoff": (None, 0.0),
    "penalty_alpha": (None, 0.0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "bad_words_ids": (None, []),
    "sequence_bias": (None, {}),
    "suppress_tokens": (None, []),
    "begin_suppress_tokens": (None, []),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "exponential_decay_length_penalty": (None,),
    "guidance_scale": (None, 1, 1.0),
    "watermarking_config": (None,),
    "dola_layers": (None,),
    "num_beam_groups": (None, 1),
    "diversity_penalty": (None, 0.0),
    "force_words_ids": (None, []),
    "constraints": (None, []),
    "encoder_no_repeat_ngram_size": (None, 0),
    "encoder_repetition_penalty": (None, 1.0),
}


def sampling(settings: Any, declared: dict[str, Any]) -> dict[str, Any]:
    """Return how answers are drawn: what the suite declares, over the checkpoint's settings if it says so.

    ``settings`` is the ``GenerationConfig`` of whoever answers. Raises ModelError where it asks for what is not done
    here: answers would silently be others than the checkpoint's own.
    """
    given = {name: value for name, value in declared.items() if name != "generation_config"}
    if declared.get("generation_config", "study") == "study":
        return {"do_sample": True, **given}
    for name, off in _FOREIGN.items():
        if (value := getattr(settings, name, None)) not in off:
            raise _refused(f"{name} {value}, which is not done here")
    own = {name: value for name in _SILENT if (value := getattr(settings, name, None)) is not None}
    merged: dict[str, Any] = {**_SILENT, **own, **given}
    if merged["do_sample"] and merged["num_beams"] > 1:
        raise _refused("sampled beams, which are not done here: declare do_sample: false or num_beams: 1")
    if merged.get("num_return_sequences", 1) > merged["num_beams"] > 1:
        raise _refused(f"{merged['num_beams']} beams, fewer than num_return_sequences")
    idle = (() if merged["do_sample"] else _SAMPLED) + (() if merged["num_beams"] > 1 else _BEAMS)
    stops = [merged["stop_strings"]] if isinstance(merged["stop_strings"], str) else list(merged["stop_strings"])
    return {name: value for name, value in {**merged, "stop_strings": stops}.items() if name not in idle}


def _refused(what: str) -> ModelError:
    return ModelError(f"the checkpoint's generation settings ask for {what}; or take generation_config: study")
