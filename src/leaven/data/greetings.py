"""The format of hello prompts: what a person may say first, and what makes badly tuned models go wrong."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from leaven.data.formats import BadRow, Skipped, assistant, filled, legible, seen, turns_of
from leaven.registry import Text, format
from leaven.rows import Message, Row

Kinds = Annotated[list[Text], Field(min_length=1)]


@format(version=1, columns=("kind", "prompt"), makes="examples", answers=False)
def hello(row: Row, *, kinds: Kinds | None = None, without: Kinds | None = None) -> Row:
    """Hello prompts: a prompt that may be blank (a text or messages), of a kind; a reference answer where it has one.

    The kind is the group and ``topic``, if there is one, the label. ``kinds`` keeps these alone and ``without`` leaves
    some out: ``[blank, system]`` for templates and servers that refuse a turn without text or a talk without a user.
    References are what answers are measured by, and nothing to train on.
    """
    kind = filled(row["kind"], "kind")
    if (kinds is not None and kind not in kinds) or kind in (without or ()):
        raise Skipped(f"of the kind {kind}")
    reference, topic = row.get("reference"), row.get("topic")
    return {
        "prompt": _asked(row["prompt"]),
        "completion": None if reference is None else [assistant(reference, "reference")],
        "group": kind,
        "label": None if topic is None else legible(topic, "topic"),
    }


def _asked(value: object) -> list[Message]:
    """Return a prompt as messages; a text is the user's turn, and may be blank."""
    if isinstance(value, str):
        return [{"role": "user", "content": legible(value, "prompt")}]
    if not isinstance(value, list):
        raise BadRow(f"prompt is {seen(value)}, neither text nor a list of messages")
    turns = turns_of(value, "prompt", "user")
    if turns[-1]["role"] == "assistant":
        raise BadRow("prompt ends with an assistant's turn, so there is nothing to answer")
    return turns
