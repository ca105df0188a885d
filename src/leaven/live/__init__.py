"""A run watched in a browser: what it is doing now (``state``), served on this machine alone (``server``)."""

from leaven.live.server import serve

__all__ = ["serve"]
