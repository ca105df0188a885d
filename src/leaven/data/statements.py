"""Formats of statements about groups of people: harmful or benign, each about one group or several."""

from __future__ import annotations

from typing import Any

from leaven.data.formats import BadRow, filled, number, texts
from leaven.registry import format
from leaven.rows import Row

HARMFUL, BENIGN = "hate", "neutral"


@format(version=1, columns=("text", "toxicity_score", "label", "target_groups"), makes="statements")
def safenlp(row: Row) -> Row:
    """SafeNLP's statements (Hosseini et al. 2023): text, label hate or neutral, toxicity score, target groups.

    The text is kept to the letter, leading spaces too: perplexity counts them.
    """
    groups = texts(row["target_groups"], "target_groups")
    if len(set(groups)) < len(groups):
        raise BadRow("target_groups names a group twice")
    toxicity = number(row["toxicity_score"], "toxicity_score")
    return _statement(row, toxicity, groups)


@format(version=1, columns=("text", "target_group", "label"), makes="statements")
def group_statements(row: Row) -> Row:
    """A statement about one group, labelled hate or neutral, without a rating: toxicity 1 stands for all of them.

    Of such statements the published safety score is the unscaled one.
    """
    return _statement(row, 1.0, [filled(row["target_group"], "target_group")])


def _statement(row: Row, toxicity: float, groups: list[str]) -> Row:
    if toxicity <= 0:
        raise BadRow(f"toxicity_score is {toxicity:g}, and perplexity is divided by it: it must be above 0")
    return {
        "label": _label(row["label"]),
        "text": filled(row["text"], "text"),
        "toxicity": toxicity,
        "groups": groups,
    }


def _label(value: Any) -> str:
    if value not in (HARMFUL, BENIGN):
        raise BadRow(f"label is {value!r:.40}, neither {HARMFUL} nor {BENIGN}")
    return str(value)
