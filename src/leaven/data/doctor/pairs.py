"""What the doctor says of pairs beside what it says of each answer: prompts that were cut, answers made equal."""

from __future__ import annotations

from leaven.data.doctor.finding import Finding


def prompts_cut(cut: int, pairs: int, limit: int) -> list[Finding]:
    """Say how many prompts were cut from the left; nothing if none was."""
    if not cut:
        return []
    message = f"prompts longer than max_prompt_length {limit} are cut from the left"
    remedy = "what stands at their beginning is not read in training; raise max_prompt_length to read it"
    return [Finding("warning", "cut", message, f"{cut} of {pairs} prompts", remedy, cut)]


def equal_answers(equal: int, pairs: int) -> list[Finding]:
    """Say how many pairs have equal answers though they differed before the treatments; nothing if none has."""
    if not equal:
        return []
    message = f"{equal} pairs have equal answers after the treatments: they give no gradient"
    remedy = "a treatment wrote the same into both answers; lower its rate, or treat one answer alone"
    return [Finding("warning", "equal", message, f"{equal} of {pairs} pairs", remedy, equal)]
