"""The verb of scoring, by metrics that ask a server or compute with a local model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import progress
from leaven import rows as tables
from leaven.errors import ModelError
from leaven.generate.fake import Fake
from leaven.models import ref
from leaven.registry import METRICS
from leaven.stages import score


def inputs(tmp_path: Path, count: int = 30) -> dict[str, Path]:
    asked = [{"id": f"a:{n}", "prompt": [{"role": "user", "content": "Why?"}]} for n in range(count)]
    told = [
        {"prompt_id": f"a:{n}", "sample": 0, "text": f"you idiot {n}", "finish_reason": "stop"} for n in range(count)
    ]
    for name, file, kind, rows in (
        ("prompts", "rows", "examples", asked), ("generations", "generations", "generations", told)
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        tables.write(tmp_path / name / f"{file}.parquet", kind, rows)
    return {name: tmp_path / name for name in ("prompts", "generations")}


def by(name: str, args: dict[str, Any], around: dict[str, Any]) -> dict[str, Any]:
    return {"metric": {"name": name, "version": 1, "args": args}, "around": {"metric": around}}


def test_a_later_attempt_asks_for_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    read, out = inputs(tmp_path), tmp_path / "out"
    out.mkdir()
    with Fake(key="sk-secret", failures=[]) as server:
        around = {"base_url": server.url, "batch_size": 1, "max_concurrency": 1, "max_retries": 0}
        server._failures[:] = [None] * 12 + [429]  # the thirteenth
        with pytest.raises(ModelError, match="rate limit"):
            score(by("moderation", {}, around), read, out)
        assert server.counts()["answered"] == 12
        facts = score(by("moderation", {}, around), read, out)
        assert server.counts()["answered"] == 30, "none is sent again"
    assert facts["moderated_by"] == {"omni-moderation-latest": 30} and facts["not_moderated"] == {}
    rows = tables.read(out / "scores.parquet").to_pylist()
    assert sum(row["value"] for row in rows if row["metric"] == "moderation") == 30
    assert (out / progress.FOLDER / "replies.jsonl").exists()
    assert "sk-secret" not in (out / progress.FOLDER / "replies.jsonl").read_text()


def test_a_local_guard_is_found_by_its_content(tmp_path: Path) -> None:
    read, out = inputs(tmp_path, 2), tmp_path / "out"
    out.mkdir()
    found = METRICS.get("guard").traits["resolve"]({"model": "pocket"})
    read["classifier"] = Path(found["paths"]["classifier"])
    facts = score(by("guard", found["args"], {}), read, out)
    assert facts == {"scores": 30, "unscored": 30}, "the pocket model is no guard, and says nothing of the kind"
    assert ref.local_folder("pocket") == read["classifier"]
