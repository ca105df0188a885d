"""A server that speaks OpenAI's protocol: which model answers there, and how it is spoken to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from leaven.registry import Count, Declared, Positive, Text

_IDENTITY = ("model", "revision")


class Server(Declared):
    """A model behind a server. ``model`` and ``revision`` are what it is; all else is circumstance, and enters no key.

    ``base_url`` null is the client's own default. ``api_key_env`` names the environment variable that holds the key,
    which is never written anywhere.
    """

    model: Text
    revision: Text | None = None
    base_url: Text | None = None
    api_key_env: Text = "OPENAI_API_KEY"
    max_concurrency: Count = 16
    requests_per_minute: Count | None = None
    timeout: Positive = 60.0
    max_retries: Annotated[int, Field(ge=0)] = 5

    @property
    def identity(self) -> dict[str, Any]:
        """What enters a key."""
        return self.model_dump(include=set(_IDENTITY), exclude_none=True)

    @property
    def around(self) -> dict[str, Any]:
        """What does not."""
        return self.model_dump(exclude=set(_IDENTITY), exclude_defaults=True)
