"""Whether an answer holds pieces of a chat template, or says its prompt again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from leaven.registry import Count, metric

WORDS = 4
_PIECES = re.compile(
    r"<\|[a-z0-9_]{1,40}\|>|</?s>|<(?:bos|eos|pad|unk|mask)>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|###\s{0,4}(?:Instruction|Response|Input|Human|User|Assistant|System|Question|Answer|Context)\b"
    r"|Below is an instruction that describes a task"
    r"|^[ \t>*_#-]{0,8}(?:Assistant|System)[ \t*_]{0,4}:",
    re.IGNORECASE | re.MULTILINE,
)
_ENDS = (".", "!", "?", "…", "。", "？", "！")
_VALUES = ("echo", "template_echo", "prompt_echo")


@metric(version=1, values=_VALUES, better="lower", unit="share")
def echo(texts: Sequence[str | None], prompts: Sequence[str], *, words: Count = WORDS) -> dict[str, list[float | None]]:
    """1 where an answer holds a piece of a chat template or says its prompt again, 0 where neither; also each alone.

    ``template_echo``: special tokens spelt out ("<|im_start|>", "</s>"), "[INST]", "### Response", or "Assistant:" at a
    line's beginning. ``prompt_echo``: the whole prompt stands in the answer, white space and capitals ignored; null
    where the prompt has fewer than ``words`` words (an answer to "hello" may say hello) or ends no sentence (going on
    from a beginning, one may say it again). Null for a blank answer.
    """
    template = [float(holds_template(text)) if text and text.strip() else None for text in texts]
    prompt = [_said_again(text, asked, words) for text, asked in zip(texts, prompts, strict=True)]
    either = [None if one is None else max(one, other or 0.0) for one, other in zip(template, prompt, strict=True)]
    return {"echo": either, "template_echo": template, "prompt_echo": prompt}


def holds_template(text: str) -> bool:
    """Say whether a text holds a piece of a chat template."""
    return bool(_PIECES.search(text))


def echoes(text: str, prompt: str, words: int = WORDS) -> bool:
    """Say whether an answer holds a piece of a template, or its whole prompt."""
    return holds_template(text) or bool(_said_again(text, prompt, words))


def _said_again(text: str | None, prompt: str, words: int) -> float | None:
    asked = " ".join(prompt.lower().split())
    if not text or not text.strip() or asked.count(" ") + 1 < words or not asked.endswith(_ENDS):
        return None
    return float(asked in " ".join(text.lower().split()))
