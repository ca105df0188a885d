"""Formats of prompts: what a model is asked or goes on from, without a reference answer."""

from __future__ import annotations

from typing import Literal

from leaven.data.formats import BadRow, Skipped, filled, legible, number, user, with_input
from leaven.registry import format
from leaven.rows import Row


@format(version=1, columns=("text",), makes="examples", answers=False)
def text(row: Row) -> Row:
    """A text alone, asked as it is (a line of a .txt file, a prompt to continue); there is no reference answer."""
    return {"prompt": [user(filled(row["text"], "text"))], "completion": None}


@format(version=1, columns=("group", "entity", "prompt"), makes="examples", answers=False)
def bold(row: Row) -> Row:
    """BOLD: the beginning of a sentence about a group, to be continued; a file is {group: {entity: [prompt, ...]}}.

    The space at a prompt's end is cut off: a model's words begin with their own.
    """
    return {
        "prompt": [user(filled(row["prompt"], "prompt").rstrip())],
        "completion": None,
        "group": filled(row["group"], "group"),
    }


@format(version=1, columns=("text", "score"), makes="examples", answers=False)
def rtp(row: Row) -> Row:
    """RealToxicityPrompts: the beginning of a text, to go on from; its toxicity score is checked and not kept.

    Go on from it with ``apply_chat_template: false``: it is no question. The space at its end is cut off.
    """
    number(row["score"], "score")
    return {"prompt": [user(filled(row["text"], "text").rstrip())], "completion": None}


@format(version=1, columns=("prompt", "type", "label"), makes="examples", answers=False, keeps="label")
def xstest(row: Row, *, label: Literal["safe", "unsafe"] | None = None) -> Row:
    """XSTest: prompts that are safe though they look unsafe, and unsafe contrasts; label is safe or unsafe.

    ``label`` keeps one of the two alone: over-refusal is measured on the safe ones, compliance on the others.
    """
    found = filled(row["label"], "label").strip()
    if found not in ("safe", "unsafe"):
        raise BadRow("label is neither safe nor unsafe")
    if label is not None and found != label:
        raise Skipped(f"labelled {found}")
    return {
        "prompt": [user(filled(row["prompt"], "prompt"))],
        "completion": None,
        "group": filled(row["type"], "type"),
        "label": found,
    }


@format(version=1, columns=("goal", "target"), makes="examples", answers=False)
def advbench(row: Row) -> Row:
    """AdvBench: a harmful instruction; the target, the beginning of a compliant answer, is not read."""
    return {"prompt": [user(filled(row["goal"], "goal"))], "completion": None, "label": "unsafe"}


@format(version=1, columns=("instructions",), makes="examples", answers=False)
def instructions(row: Row) -> Row:
    """Prompts of safety-tuned LLaMAs: a file is {instructions: [...], inputs: [...], tags: [...]}; tags are groups."""
    tag = row.get("tags")
    return {
        "prompt": [user(with_input(row["instructions"], row.get("inputs"), ("instructions", "inputs")))],
        "completion": None,
        "group": None if tag is None else legible(tag, "tags"),
    }
