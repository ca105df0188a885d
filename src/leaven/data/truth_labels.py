"""The format of answers to TruthfulQA that people called true or false."""

from __future__ import annotations

import re

from leaven.data.formats import BadRow, Skipped, assistant, filled, legible, user
from leaven.registry import format
from leaven.rows import Row

_ASKED, _ANSWERED, _SAID = "Q: ", "\nA:", "\nTrue:"
_LABELS = {"yes": "true", "no": "false"}
_TURN = re.compile(r"^Q: ", re.MULTILINE)


@format(version=1, columns=("prompt", "completion"), makes="examples", choose="keep", worded=True)
def truthfulqa_judge(row: Row, *, keep: bool | None = None) -> Row:
    """TruthfulQA's labels of answers: ``Q: ...``, ``A: ...`` and ``True:`` in one text, and `` yes`` or `` no`` for it.

    The question is the prompt, the answer the completion, the label true or false. ``keep`` keeps the true (true) or
    the false answers (false) alone: as demonstrations the true ones are learned, and both would be without it. Blank
    answers are left out and counted. Source: Lin et al. 2022, the training data of GPT-judge.
    """
    question, answer = _parted(legible(row["prompt"], "prompt"))
    label = _LABELS.get(filled(row["completion"], "completion").strip())
    if label is None:
        raise BadRow("completion is neither yes nor no")
    if not answer:
        raise Skipped("the answer is blank")
    if keep is not None and label != str(keep).lower():
        raise Skipped(f"labelled {label}")
    return {"prompt": [user(question)], "completion": [assistant(answer, "the answer")], "label": label}


def _parted(text: str) -> tuple[str, str]:
    """Return the question and the answer that one text holds; raises BadRow."""
    if not text.startswith(_ASKED) or not text.endswith(_SAID):
        raise BadRow("prompt is not `Q: ...`, `A: ...` and `True:` on lines of their own")
    question, mark, answer = text[len(_ASKED) : -len(_SAID)].partition(_ANSWERED)
    if not mark or _TURN.search(question) or "\n" in question:
        raise BadRow("prompt is not one question on one line, with its answer below")
    return filled(question, "the question").strip(), answer.strip()
