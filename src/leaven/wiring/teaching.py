"""A teacher's answers -> stages: prompts as it is asked, what it answers, and rows for a student who is asked bare."""

from __future__ import annotations

from leaven import needs
from leaven.engine.stage import Stage
from leaven.graph import WiredCell
from leaven.models import ref
from leaven.study.factory import Distilled
from leaven.wiring import prompted
from leaven.wiring.sourcing import Sourcing, stage
from leaven.wiring.training import speaks, where


def taught(sourcing: Sourcing, teacher: WiredCell, declared: Distilled, seed: int, name: str) -> Stage:
    """What a teacher answers to prompts with all that it wraps them in, as answers to the bare prompts."""
    base = sourcing.grown(teacher.cell.arm)
    bare, read = _asked(sourcing, teacher, declared, base)
    told = _told(sourcing, teacher, declared, read, (seed, name))
    kept = {"unfinished": True} if declared.unfinished else {}
    made = {"prompts": bare, "wrapped": read, "answers": told}
    return stage("distilled", kept, made, together=f"built {seed}", where=f"{name}/{seed}")


def _asked(sourcing: Sourcing, teacher: WiredCell, declared: Distilled, base: ref.Base) -> tuple[Stage, Stage]:
    """The bare prompts, and the prompts as the teacher reads them; those that leave room for an answer."""
    asked, arm = {"model": base.as_args(), "max_new_tokens": declared.max_new_tokens}, teacher.cell.arm
    name, takes = declared.prompts, needs.reading(base)
    bare = stage("prompts", asked, {"rows": sourcing.source(name)}, takes, together="data", where=name)
    plain = _plain(teacher)
    rows = prompted.wrapped(sourcing, arm, bare, name)
    if rows is bare and not plain:
        return bare, bare
    return bare, stage(
        "prompts", {**asked, **plain}, {"rows": rows}, takes, together="data", where=f"{name} {arm.name}"
    )


def _plain(teacher: WiredCell) -> dict[str, bool]:
    return {"apply_chat_template": False} if prompted.is_plain(teacher.cell.arm) else {}


def _told(sourcing: Sourcing, teacher: WiredCell, declared: Distilled, read: Stage, of: tuple[int, str]) -> Stage:
    """What the teacher answers for a seed and a data set; an untrained one has one cell, and is drawn from anew."""
    base, (seed, name) = sourcing.grown(teacher.cell.arm), of
    cell, at = teacher.cell, where(teacher.cell)
    speaker, who = speaks(sourcing, teacher, base)
    sampling = prompted.sampling(declared.sampling, cell.arm)
    drawn = {"sampling": sampling, "max_new_tokens": declared.max_new_tokens}
    args = {**drawn, "seed": seed if cell.seed is None else cell.effective, **_plain(teacher), **who}
    takes = needs.answering(base, sourcing.shape(base))
    return stage("generate", args, {"prompts": read, **speaker}, takes, together=f"answer {at}", where=f"{at} {name}")
