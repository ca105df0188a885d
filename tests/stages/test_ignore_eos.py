"""Answers of one fixed length: nothing that would end one is ever told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.models import ref
from leaven.stages import generate


def answered(tmp_path: Path, name: str, sampling: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    base = ref.resolve({"model_name_or_path": "pocket"})
    asked = [{"id": f"q:{n}", "prompt": [{"role": "user", "content": text}]} for n, text in enumerate(["Hello!", "Hi.", "Who are you?"])]  # fmt: skip
    if not (tmp_path / "prompts").exists():
        (tmp_path / "prompts").mkdir()
        tables.write(tmp_path / "prompts" / "rows.parquet", "examples", asked)
    out = tmp_path / name
    out.mkdir()
    args = {"model": base.as_args(), "sampling": sampling, "max_new_tokens": 40, "seed": 0, **more}
    assert base.path is not None
    generate(args, {"prompts": tmp_path / "prompts", "base": Path(base.path)}, out)
    found: list[dict[str, Any]] = tables.read(out / "generations.parquet").to_pylist()
    return found


def test_every_answer_is_as_long(tmp_path: Path) -> None:
    free = answered(tmp_path, "free", {})
    assert any(one["finish_reason"] == "stop" and one["tokens"] < 40 for one in free), "else there is nothing to ignore"
    fixed = answered(tmp_path, "fixed", {"stop_strings": ["e"]}, ignore_eos=True)
    assert [(one["tokens"], one["finish_reason"]) for one in fixed] == [(40, "length")] * 3
    greedy = answered(tmp_path, "beams", {"do_sample": False, "num_beams": 2}, ignore_eos=True)
    assert [(one["tokens"], one["finish_reason"]) for one in greedy] == [(40, "length")] * 3
