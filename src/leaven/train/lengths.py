"""How long the rows of a training on preferences may be: what its trainers have in common, and what cannot work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MAX_LENGTH = 1024  # tokens of a prompt with its longer answer


def prompt_problems(args: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where prompts would be cut to a length that leaves no room for an answer, and their rows then left out."""
    prompt, most = args.get("max_prompt_length"), args.get("max_length", MAX_LENGTH)
    if prompt is not None and float(prompt) >= float(most):
        said = f"max_prompt_length {prompt} leaves no room for an answer in max_length {most}"
        yield ("max_prompt_length",), said, "lower it, or set it to null"
