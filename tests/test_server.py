"""A declared server: its address is an address and holds no secret, its key is the name of a variable."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leaven.server import Server


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://host/v1", "http://", "nonsense"])
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(ValidationError, match="is no address; write one such as http://"):
        Server(model="x", base_url=url)


def test_an_address_holds_no_password() -> None:
    with pytest.raises(ValidationError, match="holds a name or a password"):
        Server(model="x", base_url="http://me:secret@127.0.0.1:8000/v1")


@pytest.mark.parametrize("said", ["sk-proj-1234", "", "A B", "1A"])
def test_a_key_is_named_by_its_variable(said: str) -> None:
    with pytest.raises(ValidationError):
        Server(model="x", api_key_env=said)


def test_only_the_model_is_what_it_is() -> None:
    server = Server(model="x", revision="abc", base_url="http://127.0.0.1:1/v1", max_concurrency=3)
    assert server.identity == {"model": "x", "revision": "abc"}
    assert server.around == {"base_url": "http://127.0.0.1:1/v1", "max_concurrency": 3}
    assert Server(**server.identity, **server.around) == server
