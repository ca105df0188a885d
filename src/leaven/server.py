"""A server that speaks OpenAI's protocol: which model answers there, and how it is spoken to."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from leaven.registry import Count, Declared, Positive, Text


def _without_secrets(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address; write one such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a name or a password; take it out, and put a key into the environment")
    return address


def _a_name(variable: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        raise ValueError("is no name of an environment variable; name the variable, and never write the key itself")
    return variable


Address = Annotated[Text, AfterValidator(_without_secrets)]  # of a server; it is written into records
Variable = Annotated[Text, AfterValidator(_a_name)]  # the environment variable that holds a key
_IDENTITY = ("model", "revision")


class Server(Declared):
    """A model behind a server. ``model`` and ``revision`` are what it is; all else is circumstance, and enters no key.

    ``base_url`` null is the client's own default. ``api_key_env`` names the environment variable that holds the key,
    which is never written anywhere.
    """

    model: Text
    revision: Text | None = None
    base_url: Address | None = None
    api_key_env: Variable = "OPENAI_API_KEY"
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
