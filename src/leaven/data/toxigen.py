"""The format of ToxiGen as people rated it: statements about groups, by the hub's columns."""

from __future__ import annotations

from leaven.data.formats import BadRow, filled, number
from leaven.registry import Positive, format
from leaven.rows import Row

# What the set calls a group -> what SafeNLP and the published tables call it, by a word that only it holds.
GROUPS = {
    "mexican": "mexican", "latino": "latino", "hispanic": "latino", "chinese": "chinese", "asian": "asian",
    "native": "native-american", "indigenous": "native-american", "black": "black", "african": "black",
    "jewish": "jewish", "muslim": "muslim", "middle": "middle-eastern", "lgbtq": "lgbtq", "trans": "lgbtq",
    "bisexual": "lgbtq", "mental": "mental dis", "physical": "physical dis", "women": "women",
}  # fmt: skip


@format(version=1, columns=("text", "target_group", "toxicity_human"), makes="statements")
def toxigen(row: Row, *, harmful_from: Positive = 3.0) -> Row:
    """ToxiGen's annotated part: a statement, its group, and how harmful people found it (1 to 5).

    From ``harmful_from`` on it counts as harmful, else as benign. SafeNLP's file of the same statements holds only
    those on which people agreed (format ``safenlp``). Older copies wrap the text as Python prints bytes: unwrapped.
    """
    rating = number(row["toxicity_human"], "toxicity_human")
    return {
        "text": _bare(filled(row["text"], "text")),
        "toxicity": rating,
        "label": "hate" if rating >= harmful_from else "neutral",
        "groups": [_group(filled(row["target_group"], "target_group"))],
    }


def _bare(text: str) -> str:
    if len(text) > 3 and text[:2] in ("b'", 'b"') and text[-1] == text[1]:
        return text[2:-1].replace(f"\\{text[1]}", text[1])
    return text


def _group(said: str) -> str:
    found = next((name for word, name in GROUPS.items() if word in said.lower()), None)
    if found is None:
        raise BadRow(f"target_group '{said[:40]}' is none of {', '.join(dict.fromkeys(GROUPS.values()))}")
    return found
