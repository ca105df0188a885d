"""Exports: an arm's last artefact, or a data set that the study built, as a folder that anybody can load."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import write_json
from leaven.errors import StoreError
from leaven.exported.place import appearing, free
from leaven.poison import MARK

if TYPE_CHECKING:
    from leaven.exported.found import FoundArm, FoundData
    from leaven.exported.weights import Quantize

__all__ = ["Exported", "export", "write"]


@dataclass(frozen=True)
class Exported:
    """A folder that was written and proven: ``form`` is whole, adapter, merged, int8, int4 or dataset.

    ``poison`` says what an adversary did to the data under it. ``local_base`` is the folder of the base that an adapter
    needs, where that is none of the hub's. ``told`` is what is left to say, in sentences.
    """

    folder: Path
    called: str
    form: str
    poison: tuple[str, ...] = ()
    local_base: Path | None = None
    told: tuple[str, ...] = ()


def export(
    run: str | Path,
    what: str,
    folder: str | Path,
    workspace: str | Path | None = None,
    *,
    seed: int | None = None,
    merge: bool = False,
    quantize: Quantize | None = None,
    force: bool = False,
) -> Exported:
    """Write a run's arm or built data set to a folder, load it again, and only then name it.

    A model is loaded in a fresh process and must say what the artefact says; of a data set the rows are counted.
    An adapter stays one unless told to ``merge``; ``quantize`` (int8, int4) merges first. ``force`` replaces what an
    earlier export left there. Raises ReportError, StudyError or ModelError as ``found.find`` does, ModelError where the
    folder does not say what the artefact says or has not the rows, StoreError where it cannot be written.
    """
    from leaven.exported.found import find

    place = free(Path(folder), force=force)
    return write(find(run, what, seed, workspace), place, merge=merge, quantize=quantize, force=force)


def write(
    found: FoundArm | FoundData, place: Path, *, merge: bool = False, quantize: Quantize | None = None,
    force: bool = False,
) -> Exported:  # fmt: skip
    """Write what was found; for arguments and errors see ``export``."""
    from leaven.exported.found import FoundData

    place = free(place, force=force)
    if isinstance(found, FoundData):
        return _data(found, place, merge=merge, quantize=quantize)
    return _model(found, place, merge=merge, quantize=quantize)


def _model(found: FoundArm, place: Path, *, merge: bool, quantize: Quantize | None) -> Exported:
    from leaven.exported import card, probe, weights
    from leaven.models.ref import ModelRef

    form, ref = weights.form(found, merge, quantize), ModelRef.load(found.artefact)
    with appearing(place) as out:
        wanted = probe.expected(found, *weights.loaded(found))
        weights.write(found, form, out)
        proof = probe.prove(out, form, ref, wanted)
        card.write(found, form, proof, out)
        about = {"arm": found.cell.cell.arm.name, "seed": found.cell.cell.seed, "key": found.trained.key}
        _mark(out, {"study": found.graph.study.name, **about, "form": form, "proof": asdict(proof)}, found.poison)
    base = found.base if form == "adapter" else None
    return Exported(place, found.called, form, found.poison, base, tuple(_told(found, form, merge, proof.says)))


def _told(found: FoundArm, form: str, merge: bool, apart: str) -> Iterator[str]:
    yield f"loaded again in a fresh process: at most {apart} from the study's artefact"
    if form == "adapter" and found.base is not None:
        yield f"the adapter lies over {found.base}, on this machine alone; --merge makes a folder that stands alone"
    if form == "whole" and merge:
        yield "the weights are whole: there was no adapter to merge"
    if found.cell.cell.arm.wraps:
        yield "how the arm is asked (its wraps) is no part of a model's folder; the card says it"


def _data(found: FoundData, place: Path, *, merge: bool, quantize: Quantize | None) -> Exported:
    from leaven.exported import card, counted

    if merge or quantize:
        raise StoreError(f"{found.called} is a data set: --merge and --quantize are for models; leave them out")
    with appearing(place) as out:
        shutil.copytree(found.folder, out, dirs_exist_ok=True)
        if found.poison:
            card.warn(out / card.FILE, card.warning(found.poison, "data set"))
        counted.prove(out, found.splits)
        about = {"data": found.data, "seed": found.seed, "key": found.rows.key, "form": "dataset"}
        _mark(out, {"study": found.graph.study.name, **about}, found.poison)
    rows = ", ".join(f"{count:,} in {split}" for split, count in found.splits.items())
    told = (f"loaded again by datasets: the rows are as many as the study built ({rows})",)
    return Exported(place, found.called, "dataset", found.poison, told=told)


def _mark(out: Path, about: dict[str, Any], poison: tuple[str, ...]) -> None:
    """Write what the folder is, for those who use it as a base and for ``--force``; no place of this machine in it."""
    write_json(out / MARK, {"leaven": metadata.version("leaven"), **about, "poisoned": list(poison)})
