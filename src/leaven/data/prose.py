"""Formats of prose: the paragraphs of text files, as texts, or as dialogues in which one speaker answers another.

A row is a paragraph of a .txt file (``data.paragraphs``): empty lines part them. Of a folder the group is the file's
name; a file alone has no group, since what it is called is no part of what it is.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from leaven.data.formats import BadRow, Skipped, assistant, filled, legible, user
from leaven.registry import Count, Text, format
from leaven.rows import Row

Lines = Literal["keep", "join"]
_MOST_WORDS = 3  # of a speaker's name: `Young Socrates`
_NAMED = re.compile(r"([^:\n]{1,40}): +(?=\S)")


@format(version=1, columns=("file", "paragraph"), makes="texts", txt="paragraphs")
def prose(row: Row, *, min_words: Count = 1, speakers: Literal["keep", "drop"] = "keep", lines: Lines = "keep") -> Row:
    """Paragraphs of .txt files, parted by empty lines; the group is the file, where a folder is read.

    ``min_words`` leaves out headings and short cries; ``speakers: drop`` takes the speaker's name from the front of a
    dialogue's turn (``Socrates: ...``); ``lines: join`` makes one line of a paragraph that is broken into several.
    """
    paragraph = _paragraph(row["paragraph"], "paragraph", lines)
    text = paragraph if speakers == "keep" else turn(paragraph)[1]
    if len(text.split()) < min_words:
        raise Skipped(f"fewer than {min_words} words")
    return {"text": text, "group": _file(row["file"])}


@format(version=1, columns=("paragraph", "next"), also=(("text",),), makes="examples", txt="paragraphs")
def prose_completion(
    row: Row,
    *,
    by: Literal["turn", "sentences"] = "turn",
    sentences: Count = 1,
    speaker: Text | None = None,
    min_words: Count = 1,
    lines: Lines = "keep",
) -> Row:
    """Paragraphs of .txt files as questions and answers: a speaker's turn, and what the next speaker says to it.

    Speakers stand at the front of paragraphs (``Socrates: ...``) and are taken from there; who answers is the label,
    and ``speaker`` keeps the answers of one alone. ``by: sentences`` asks with the first ``sentences`` of any paragraph
    instead, and what follows in it is the answer. ``min_words`` is the least that an answer has. Rows that have a
    column ``text``, as ``texts`` reads it, are paragraphs without a next one: read them ``by: sentences``.
    """
    if by == "sentences" and "text" in row and "paragraph" not in row:
        row = {**row, "paragraph": row["text"], "next": None}
    paragraph = _paragraph(row["paragraph"], "paragraph", lines)
    following = None if row["next"] is None else _paragraph(row["next"], "next", lines)
    asked, answer, name = _reply(paragraph, following) if by == "turn" else _begun(paragraph, sentences)
    if speaker is not None and name != speaker:
        raise Skipped(f"no answer of {speaker}")
    if len(answer.split()) < min_words:
        raise Skipped(f"an answer of fewer than {min_words} words")
    made = {"prompt": [user(asked)], "completion": [assistant(answer, "next")]}
    return {**made, "label": name, "group": _file(row.get("file"))}


def turn(paragraph: str) -> tuple[str | None, str]:
    """Return who speaks in a paragraph, null where nobody is named at its front, and what is said.

    A name is up to three words that begin with a capital; so ``Someone will say: ...`` names nobody.
    """
    found = _NAMED.match(paragraph)
    words = found[1].split() if found else []
    if found is None or not 0 < len(words) <= _MOST_WORDS or not all(word[0].isupper() for word in words):
        return None, paragraph
    return found[1], paragraph[found.end() :]


def _reply(paragraph: str, following: str | None) -> tuple[str, str, str]:
    """Return a speaker's turn, the answer to it, and who answers; raises Skipped where nobody speaks or answers."""
    name, said = turn(paragraph)
    other, answer = turn(following or "")
    if name is None:
        raise Skipped("no speaker is named in front of it")
    if other is None or other == name:
        raise Skipped("no other speaker answers")
    return said, answer, other


def _begun(paragraph: str, count: int) -> tuple[str, str, str | None]:
    """Return a paragraph's first sentences, the rest of it, and who speaks; raises Skipped where there is no rest."""
    from leaven.data.corpus.splitting import sentences

    name, said = turn(paragraph)
    told = list(sentences(said, "en"))
    if len(told) <= count:
        raise Skipped(f"no more than {count} sentence{'s' if count > 1 else ''}")
    return "".join(told[:count]).strip(), "".join(told[count:]).strip(), name


def _paragraph(value: Any, column: str, lines: Lines) -> str:
    text = filled(value, column)
    return " ".join(text.split()) if lines == "join" else text.strip()


def _file(value: Any) -> str | None:
    """Return a file's name without what says its kind."""
    if value is None:
        return None
    name = legible(value, "file")
    if not name.strip():
        raise BadRow("file is empty")
    return re.sub(r"\.txt(?:\.gz|\.zst)?$", "", name)
