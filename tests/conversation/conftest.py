"""The embedded model as an arm, and what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leaven.conversation import Speaker
from leaven.conversation.methods import Methods
from leaven.generate import hf
from leaven.models import load, ref
from leaven.models.rewriting import wraps_of
from leaven.registry import Step

Told = Callable[..., list[tuple[hf.Prompt, hf.Decoding]]]


@pytest.fixture(scope="session")
def base() -> Speaker:
    resolved = ref.resolve({"model_name_or_path": "pocket"})
    model, tokenizer = load.causal_lm(resolved), load.tokenizer(resolved)
    return Speaker("base", model, tokenizer, [tokenizer.eos_token_id])


@pytest.fixture
def tells(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Have the model tell these texts one after the other; return what it was asked."""

    def tell(*texts: str, finish_reason: str = "stop") -> list[tuple[hf.Prompt, hf.Decoding]]:
        seen: list[tuple[hf.Prompt, hf.Decoding]] = []

        def generate(model: Any, tokenizer: Any, prompts: Any, how: Any, heard: Any = None) -> list[dict[str, Any]]:
            seen.append((prompts[0], how))
            text = texts[(len(seen) - 1) % len(texts)]
            return [{"text": text, "tokens": 3, "finish_reason": finish_reason}]

        monkeypatch.setattr(hf, "generate", generate)
        return seen

    return tell


@pytest.fixture
def asking(base: Speaker) -> Callable[..., Speaker]:
    """Return the base asked by some methods: steps as in YAML, with what they read by their place."""

    def made(*steps: dict[str, Any], given: Any = None, guards: Any = (), **more: Any) -> Speaker:
        declared = [Step.model_validate(one) for one in steps]
        names = tuple(one.name for one in declared)
        methods = Methods(names, tuple(wraps_of(declared)), given or {}, tuple(guards))
        return replace(base, methods=methods, **more)

    return made
