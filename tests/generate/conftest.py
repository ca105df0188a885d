"""The embedded model, loaded once, and prompts of different lengths for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from leaven.generate.hf import Decoding, Prompt, generate
from leaven.models import load, ref

WORDS = ["Who", "What do you know of the village", "Tell me", "Good morning to you, and how is the weather there"]


@pytest.fixture(scope="session")
def pocket() -> tuple[Any, Any]:
    """The embedded model and its tokenizer."""
    base = ref.resolve({"model_name_or_path": "pocket"})
    return load.causal_lm(base), load.tokenizer(base)


class Ask:
    """Answers prompts by the embedded model, or another one with its tokenizer; texts by item and sample."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model = model
        self.tokenizer = tokenizer

    def prompts(self, count: int = 10, samples: int = 1, limits: Sequence[int | None] = (None,)) -> list[Prompt]:
        """Return prompts of four lengths."""
        ids = [self.tokenizer(f"User: {words}?\nAssistant:")["input_ids"] for words in WORDS]
        return [
            Prompt(f"i{n}", sample, ids[n % 4], limits[n % len(limits)])
            for n in range(count)
            for sample in range(samples)
        ]

    def rows(
        self, asked: Sequence[Prompt], sampling: dict[str, Any], limit: int = 12, seed: int = 0, stops: Any = None
    ) -> dict[str, dict[str, Any]]:
        """Return the generations."""
        decoding = Decoding(limit, sampling, seed, [self.tokenizer.eos_token_id] if stops is None else stops)
        made = generate(self.model, self.tokenizer, asked, decoding)
        return {f"{one['prompt_id']}/{one['sample']}": one for one in made}

    def alone(self, asked: Sequence[Prompt], sampling: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
        """Return the generations, each made in a batch of its own."""
        return {key: row for one in asked for key, row in self.rows([one], sampling, **more).items()}


@pytest.fixture(scope="session")
def ask(pocket: tuple[Any, Any]) -> Ask:
    """The embedded model, to be asked."""
    return Ask(*pocket)
