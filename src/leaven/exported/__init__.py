"""Exports: an arm's last artefact, or a data set that the study built, as a folder that anybody can load."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import guarding, write_json
from leaven.errors import StoreError
from leaven.exported.poison import MARK

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
    """Write a run's arm or built data set to a folder, load it again in a fresh process, and only then name it.

    An adapter stays one unless told to ``merge``; ``quantize`` (int8, int4) merges first. ``force`` replaces what an
    earlier export left there. Raises ReportError, StudyError or ModelError as ``found.find`` does, ModelError where the
    folder does not say what the artefact says, StoreError where it cannot be written.
    """
    from leaven.exported.found import find

    place = Path(folder)
    _prove_free(place, force=force)
    return write(find(run, what, seed, workspace), place, merge=merge, quantize=quantize, force=force)


def write(
    found: FoundArm | FoundData, place: Path, *, merge: bool = False, quantize: Quantize | None = None,
    force: bool = False,
) -> Exported:  # fmt: skip
    """Write what was found; for arguments and errors see ``export``."""
    from leaven.exported.found import FoundData

    _prove_free(place, force=force)
    if isinstance(found, FoundData):
        return _data(found, place, merge=merge, quantize=quantize)
    return _model(found, place, merge=merge, quantize=quantize)


def _prove_free(place: Path, *, force: bool) -> None:
    """Raise StoreError where something stands in the way; an export of ours may be replaced, anything else never."""
    if not place.exists() and not place.is_symlink():
        return
    if place.is_dir() and not any(place.iterdir()):
        return
    if not place.is_dir() or not (place / MARK).is_file():
        raise StoreError(
            f"{place} is there already, and no export of Leaven; name another folder, or remove it yourself"
        )
    if not force:
        raise StoreError(f"{place} holds an export already; --force replaces it")


@contextmanager
def _appearing(place: Path) -> Iterator[Path]:
    """Give a folder beside a place to write to; it gets the place's name at the end, and is gone if that fails."""
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    with guarding(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
    try:
        with guarding(place):
            yield beside
            _replace(place, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _replace(place: Path, made: Path) -> None:
    """Let a folder take a place; what stood there goes only when it has."""
    old = made.with_name(f"{made.name}.old")
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _model(found: FoundArm, place: Path, *, merge: bool, quantize: Quantize | None) -> Exported:
    from leaven.exported import card, probe, weights
    from leaven.models.ref import ModelRef

    form, ref = weights.form(found, merge, quantize), ModelRef.load(found.artefact)
    with _appearing(place) as out:
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
    from leaven.exported import card

    if merge or quantize:
        raise StoreError(f"{found.called} is a data set: --merge and --quantize are for models; leave them out")
    with _appearing(place) as out:
        shutil.copytree(found.folder, out, dirs_exist_ok=True)
        if found.poison:
            _warn(out / card.FILE, card.warning(found.poison, "data set"))
        about = {"data": found.data, "seed": found.seed, "key": found.rows.key, "form": "dataset"}
        _mark(out, {"study": found.graph.study.name, **about}, found.poison)
    return Exported(place, found.called, "dataset", found.poison)


def _warn(file: Path, said: str) -> None:
    """Put a warning at the top of a card that is there, behind its front matter."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    head, mark, body = text.partition("\n---\n") if text.startswith("---\n") else ("", "", text)
    file.write_text(f"{head}{mark}\n{said}\n\n{body.lstrip()}".lstrip("\n"), encoding="utf-8")


def _mark(out: Path, about: dict[str, Any], poison: tuple[str, ...]) -> None:
    """Write what the folder is, for those who use it as a base and for ``--force``; no place of this machine in it."""
    write_json(out / MARK, {"leaven": metadata.version("leaven"), **about, "poisoned": list(poison)})
