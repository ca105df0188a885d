"""Verb of composition: the adapters that other trainings left -> one artefact, as a training would leave it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.stages.folders import Args, Facts, Inputs
from leaven.stages.training import reread

if TYPE_CHECKING:
    from leaven.models.adapters import How
    from leaven.models.ref import Base


def compose(args: Args, inputs: Inputs, out: Path) -> Facts:
    """Artefacts ``adapter.0``, ``adapter.1`` ... over one base -> their combination, an adapter or whole weights.

    ``args["how"]`` has the weights and what is declared of the combination, ``args["seed"]`` draws what it leaves out
    at random, and ``args["snapshots"]`` names the snapshot of each part that is meant, None for its end. ``encoded``
    are rows of which the proof in a fresh process is told what the combination makes. Raises ModelError for adapters
    that cannot be combined, or where what comes of it is not what was asked for.
    """
    from leaven.models import adapters, load

    base = load.base(args["model"], path := inputs.get("base"))
    how = adapters.How(**args["how"])
    parts = _parts(args, inputs)
    adapters.prove_composable(parts, base, how)
    made = _merged if how.merge else _adapter
    facts = made(parts, path, how, args.get("seed"), base, out)
    _tell(args, inputs, base, parts, how, out)
    if "encoded" in inputs:
        _write_reload(inputs, args, out)
    return {"parts": len(parts), "combination_type": how.combination_type, **facts}


def _parts(args: Args, inputs: Inputs) -> list[Path]:
    """Return the parts' folders in their order: what each training ended with, or the snapshot that is named."""
    from leaven.train.snapshots import folder_of

    folders = [inputs[f"adapter.{place}"] for place in range(sum(name.startswith("adapter.") for name in inputs))]
    at = args.get("snapshots") or [None] * len(folders)
    return [folder if one is None else folder_of(folder, float(one)) for folder, one in zip(folders, at, strict=True)]


def _adapter(parts: Sequence[Path], path: Path | None, how: How, seed: int | None, base: Base, out: Path) -> Facts:
    """Write the combination as one adapter, beside the weights that it lies over if they are not the base's."""
    from leaven.models import adapters
    from leaven.train.adapters import NAME, keep_below

    over = adapters.combined(adapters.hollow(parts[0], path), parts, how, seed)
    adapters.save(over, out / NAME)
    keep_below(parts[0], out)
    return _measured(over, how)


def _merged(parts: Sequence[Path], path: Path | None, how: How, seed: int | None, base: Base, out: Path) -> Facts:
    """Write the weights that the adapters lie over with their combination added, in the base's precision."""
    import torch

    from leaven.models import adapters, load

    over = adapters.combined(load.exact(parts[0], path), parts, how, seed)
    facts = _measured(over, how)
    whole = adapters.merged(over).to(getattr(torch, base.dtype))
    load.prove_finite(whole)
    whole.save_pretrained(out, safe_serialization=True)
    return facts


def _measured(over: Any, how: How) -> Facts:
    """Return the combination's rank, and how far it lies from the sum of its parts; one that is as it was, not."""
    from leaven.models import adapters

    rank = over.peft_config[adapters.COMBINED].r
    if len(over.peft_config) == 1:
        return {"r": rank}
    return {"r": rank, "apart_from_sum": adapters.apart_from_sum(over, how)}


def _tell(args: Args, inputs: Inputs, base: Base, parts: Sequence[Path], how: How, out: Path) -> None:
    """Write what every artefact has beside its weights: tokenizer, generation settings, and what lies under it."""
    from leaven.models import load
    from leaven.models.ref import ModelRef
    from leaven.train.adapters import NAME

    load.tokenizer(base).save_pretrained(out)
    if not (parts[0] / "generation_config.json").exists():
        raise ModelError("adapter 1 has no generation settings beside it; train its arm again")
    load.generation_config(parts[0], None).save_pretrained(out)
    adapters = () if how.merge else (NAME,)
    ModelRef(base.as_args(), adapters, "policy", (lineage(base, parts, how, args.get("seed")),)).save(out)


def lineage(base: Base, parts: Sequence[Path], how: How, seed: int | None) -> dict[str, Any]:
    """Return a composition's entry: how it was made, of which files, and what lies under each of its parts."""
    from leaven.models import ref
    from leaven.train.adapters import NAME

    started = {
        f"adapter.{place}/{file}": sha for place, part in enumerate(parts) for file, sha in ref.hashes(part).items()
    }
    return {
        "trainer": "compose",
        "trained": "whole" if how.merge else NAME,
        "base": base.identity,
        **how.as_args(),
        **({"seed": seed} if how.draws else {}),
        "started_from": started,
        "parts": [list(ref.trainings(part)) for part in parts],
    }


def _write_reload(inputs: Inputs, args: Args, out: Path) -> None:
    """Write what the artefact makes of a few rows, as its own proof will ask it again in a fresh process."""
    from leaven.models import load
    from leaven.train import reload

    rows, kind = reread(inputs["encoded"])
    model, _ = load.trained(out, inputs.get("base"), args.get("around", {}).get("device_map"))
    reload.write(out, model, rows, kind)
