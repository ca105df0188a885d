"""A checkpoint's own settings: what ``model.generate`` would do with them, or a refusal; never something else."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import GenerationConfig

from leaven.errors import ModelError
from leaven.generate.checkpoint import sampling

OWN = {"generation_config": "checkpoint"}
# As Llama-2-7b's.
LLAMA = GenerationConfig(do_sample=True, temperature=0.6, top_p=0.9, max_length=4096, pad_token_id=0)


def test_the_studys_settings_do_not_look_at_the_checkpoint() -> None:
    assert sampling(LLAMA, {"top_p": 0.5}) == {"do_sample": True, "top_p": 0.5}


def test_where_a_checkpoint_is_silent_transformers_defaults_hold() -> None:
    used = sampling(LLAMA, OWN)
    assert used["top_k"] == GenerationConfig._get_default_generation_params()["top_k"] == 50
    assert used | {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "min_p": 0.0, "num_beams": 1} == used
    assert sampling(GenerationConfig(), OWN)["do_sample"] is False, "a checkpoint that says nothing is greedy"


def test_our_table_of_silence_is_that_of_transformers() -> None:
    from leaven.generate.checkpoint import _FOREIGN, _SILENT

    defaults = GenerationConfig._get_default_generation_params()
    assert all(defaults.get(name, value) == value for name, value in _SILENT.items())
    assert all(defaults.get(name) in off for name, off in _FOREIGN.items())


def test_what_is_declared_overrides_the_checkpoint() -> None:
    used = sampling(LLAMA, OWN | {"temperature": 1.0, "num_return_sequences": 3})
    assert (used["temperature"], used["top_p"], used["num_return_sequences"]) == (1.0, 0.9, 3)
    greedy = sampling(LLAMA, OWN | {"do_sample": False})
    assert not {"temperature", "top_p", "top_k"} & set(greedy), "the record does not name what has no effect"


@pytest.mark.parametrize(
    ("settings", "declared", "said"),
    [
        (GenerationConfig(typical_p=0.2, do_sample=True), {}, "typical_p 0.2"),
        (GenerationConfig(suppress_tokens=[3]), {}, r"suppress_tokens \[3\]"),
        (GenerationConfig(num_beams=4, num_beam_groups=2), {}, "num_beam_groups 2"),
        (GenerationConfig(num_beams=4, diversity_penalty=0.5), {}, "diversity_penalty 0.5"),
        (GenerationConfig(num_beams=4, force_words_ids=[[7]]), {}, r"force_words_ids \[\[7\]\]"),
        (GenerationConfig(num_beams=4, constraints=["x"]), {}, "constraints"),
        (GenerationConfig(encoder_no_repeat_ngram_size=2), {}, "encoder_no_repeat_ngram_size 2"),
        (GenerationConfig(encoder_repetition_penalty=1.2), {}, "encoder_repetition_penalty 1.2"),
        (GenerationConfig(num_beams=4, do_sample=True), {}, "sampled beams"),
        (GenerationConfig(num_beams=2), {"num_return_sequences": 3}, "2 beams, fewer than num_return_sequences"),
    ],
)
def test_what_cannot_be_done_is_refused(settings: Any, declared: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=f"{said}.*generation_config: study"):
        sampling(settings, OWN | declared)
