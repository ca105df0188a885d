"""What the page may do: its own script, known by its hash, and nothing else; a live page may ask its own server.

The files of ``script/`` are joined into one function, so that nothing of them is visible outside; ``start`` begins.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files

LIVE = "live.js"  # only in the page of a study that runs


@functools.cache
def script(*, live: bool = False) -> str:
    """Return the page's whole script; it must not hold what would end a script element."""
    folder = files("leaven.report").joinpath("script")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".js"))
    parts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names if live or name != LIVE]
    joined = '\n(() => {\n"use strict";\n' + "\n".join(parts) + "\nstart();\n})();\n"
    assert "</script" not in joined.lower() and "<!--" not in joined, "the script would end itself"
    return joined


def policy(source: str, *, live: bool = False) -> str:
    """Return the content security policy of a page with this script."""
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
    rules = [
        "default-src 'none'",
        f"script-src 'sha256-{digest}'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "connect-src 'self'" if live else "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
    return "; ".join(rules)
