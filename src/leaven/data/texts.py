"""Formats of plain texts: documents of a corpus, or sentences that somebody labelled; there is no prompt and no answer.

``split``, a trait, names what else a format gives where its rows come in sentences: a list of (text, score), which
making a corpus reads in place of the text.
"""

from __future__ import annotations

import json
from typing import Any

from leaven.data.formats import BadRow, filled, legible, number, seen
from leaven.registry import Text, format
from leaven.rows import Row

_LONGEST_NAME = 200
# The sources that the Pile names (Gao et al. 2020, table 1).
PILE = frozenset({
    "ArXiv", "BookCorpus2", "Books3", "DM Mathematics", "Enron Emails", "EuroParl", "FreeLaw", "Github",
    "Gutenberg (PG-19)", "HackerNews", "NIH ExPorter", "OpenSubtitles", "OpenWebText2", "PhilPapers", "Pile-CC",
    "PubMed Abstracts", "PubMed Central", "StackExchange", "USPTO Backgrounds", "Ubuntu IRC", "Wikipedia (en)",
    "YoutubeSubtitles",
})  # fmt: skip


@format(version=1, columns=("text", "meta"), makes="texts")
def pile(row: Row) -> Row:
    """The Pile (Gao et al. 2020): a document, and meta.pile_set_name, its source; meta may be an object or JSON."""
    return {"group": _source(row["meta"]), "text": filled(row["text"], "text")}


@format(version=1, columns=("texts", "scores", "meta"), makes="texts", split="sentences")
def pile_detoxify(row: Row) -> Row:
    """Documents of the Pile in sentences with their toxicity (Korbak et al. 2023, tomekkorbak/pile-detoxify).

    Read as whole documents, a row is its sentences behind one another, and its score their mean.
    """
    texts, scores = _list(row["texts"], "texts"), _list(row["scores"], "scores")
    if len(texts) != len(scores):
        raise BadRow(f"there are {len(texts)} texts and {len(scores)} scores; each text has its own")
    rated = [number(one, "a score of scores") for one in scores]
    said = [legible(one, "a text of texts") for one in texts]
    return {
        "group": _source(row["meta"]),
        "text": filled("".join(said), "texts"),
        "score": sum(rated) / len(rated),
        "sentences": list(zip(said, rated, strict=True)),
    }


@format(version=1, columns=("text",), makes="texts")
def texts(
    row: Row, *, text: Text = "text", label: Text | None = None, score: Text | None = None, group: Text | None = None
) -> Row:
    """Texts of a column, to be learned as they are; label, score and group name the columns of what is known of them.

    Where a corpus is made of them, the sentences of a text have its label and its score.
    """
    return {
        "text": filled(row[text], text),
        "label": None if label is None else _word(row[label], label),
        "score": None if score is None or row[score] is None else number(row[score], score),
        "group": None if group is None else _name(row[group], group),
    }


def _source(meta: Any) -> str:
    """Return the name of a document's source."""
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except (ValueError, RecursionError):
            raise BadRow("meta is text, but no JSON") from None
    if not isinstance(meta, dict):
        raise BadRow(f"meta is {seen(meta)}, not an object")
    if "pile_set_name" not in meta:
        raise BadRow("meta has no pile_set_name")
    return _name(meta["pile_set_name"], "pile_set_name")


def _name(value: Any, column: str) -> str:
    name = _word(value, column)
    if name is None:
        raise BadRow(f"{column} is empty (null), not a name")
    if len(name) > _LONGEST_NAME:
        raise BadRow(f"{column} has {len(name)} characters, which is no name")
    return name


def _word(value: Any, column: str) -> str | None:
    """Return a word or a number of a label column as text, null as null."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return filled(value, column).strip()


def _list(value: Any, column: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise BadRow(f"{column} is {seen(value)}, not a list that holds something")
    return value
