"""An adapter's folder before it is loaded: whose adapter it is, whether it fits there, whether it was ever trained.

The traps are those of alignment-handbook 99 (another base than the one that it was trained over) and ms-swift 9934 (an
adapter that is fresh, so that it changes nothing).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaven.data.doctor import Finding
from leaven.models.embedded import opened, tensors

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_BEFORE = "base_model.model."


def of_adapter(folder: Path) -> list[Finding]:
    """Return what is wrong with an adapter; its weights are read, of its base the headers alone, where it is local.

    Raises ModelError if its files cannot be read.
    """
    said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    named = str(said.get("base_model_name_or_path") or "")
    with opened(folder / WEIGHTS) as stored:
        return [*_fresh(stored), *_misfit(stored, named)]


def _fresh(stored: Any) -> Iterator[Finding]:
    ups = [name for name in stored.keys() if ".lora_B." in name]  # noqa: SIM118 - it is no mapping
    if ups and not any(bool(stored.get_tensor(name).any()) for name in ups):
        shown = f"all {len(ups)} of its lora_B weights are zero, as they are drawn"
        remedy = "load the adapter that was trained (of a PeftModel that continues one: is_trainable, and its name)"
        yield Finding("error", "adapter", "the adapter was never trained: it changes nothing", shown, remedy, 0)


def _misfit(stored: Any, named: str) -> Iterator[Finding]:
    base = Path(named).expanduser()
    if not named or not base.is_dir():
        return  # of the hub, or elsewhere: what its weights are cannot be told without loading them
    remedy = "name the base that it was trained over in adapter_config.json (after an SFT the merged model)"
    if (base / CONFIG).is_file():
        shown = f"base_model_name_or_path is {named}, which holds an adapter itself"
        yield Finding("error", "adapter", "the adapter lies over another adapter, not over a model", shown, remedy, 0)
        return
    shapes = dict(_shapes(base))
    for name in stored.keys():  # noqa: SIM118 - it is no mapping
        if ".lora_A." in name and (wrong := _apart(stored, name, shapes)):
            yield Finding("error", "adapter", "the adapter does not fit the base that it names", wrong, remedy, 0)
            return


def _apart(stored: Any, down: str, shapes: dict[str, tuple[int, ...]]) -> str | None:
    """Say how one module of an adapter differs from the base's; a module is (out, in), or (in, out) in GPT-2."""
    module = down.removeprefix(_BEFORE).partition(".lora_A.")[0]
    there = shapes.get(f"{module}.weight")
    if there is None:
        return f"it adapts {module}, which the base does not have"
    up = down.replace(".lora_A.", ".lora_B.")
    needs = (stored.get_slice(up).get_shape()[0], stored.get_slice(down).get_shape()[1])
    fits = sorted(needs) == sorted(there)
    return None if fits else f"{module}: it adapts {list(needs)}, and the base has {list(there)}"


def _shapes(base: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    files: dict[Path, list[str]] = {}
    for name, file in tensors(base):
        files.setdefault(file, []).append(name)
    for file, names in files.items():
        with opened(file) as stored:
            yield from ((name, tuple(stored.get_slice(name).get_shape())) for name in names)
