"""Data inside a page: JSON, gzipped, as base64, so that megabytes of text travel in one file and cannot be markup."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any


def packed(data: Any) -> str:
    """Return JSON-ready data as base64 of gzip; equal data give equal text. No number may be infinite or NaN."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(written.encode(), compresslevel=6, mtime=0)).decode("ascii")


def unpacked(text: str) -> Any:
    """Return what ``packed`` was given, with tuples as lists."""
    return json.loads(gzip.decompress(base64.b64decode(text)))
