"""Golden defaults: what is left out of keys must keep its meaning, or raise a version.

An argument that equals its default is no part of a key, so a changed default changes results under an old key. When a
version is raised on purpose: ``LEAVEN_REWRITE_GOLDEN=1 python -m pytest tests/test_golden_schemas.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from leaven import registry, stages

GOLDEN = Path(__file__).parent / "golden" / "schemas.json"
KINDS = (
    registry.FORMATS, registry.TREATMENTS, registry.TRAINERS, registry.WRAPS, registry.JUDGES, registry.SUITES,
    registry.METRICS,
)  # fmt: skip


def declared() -> dict[str, Any]:
    found: dict[str, Any] = {"stages": stages.VERSIONS}
    for kind in KINDS:
        for name in kind.names():
            plugin = kind.get(name)
            schema = plugin.schema.model_json_schema()
            defaults = {
                place: {field: about.get("default", "(needed)") for field, about in part.get("properties", {}).items()}
                for place, part in {"": schema, **schema.get("$defs", {})}.items()
            }
            found[f"{plugin.kind} {name}"] = {"version": plugin.version, "defaults": defaults}
    return dict(json.loads(json.dumps(found)))


def _of_before(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return today's defaults of the arguments there were: a new argument at its default leaves old keys their meaning."""
    return {place: {name: now.get(place, {}).get(name) for name in names} for place, names in before.items()}


def test_a_default_changes_only_with_a_version() -> None:
    found, golden = declared(), json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("LEAVEN_REWRITE_GOLDEN"):
        for name in found.keys() & golden.keys() - {"stages"}:
            kept = _of_before(found[name]["defaults"], golden[name]["defaults"]) == golden[name]["defaults"]
            assert kept or found[name]["version"] > golden[name]["version"], f"{name} needs a higher version"
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        golden = found
    assert found == golden
