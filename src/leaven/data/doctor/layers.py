"""Which layer puts BOS in front of a text, and how many stand there after each of them; told by trying."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from leaven.data.chat import ids, render
from leaven.rows import Message

_TALK: list[Message] = [{"role": "user", "content": "Hello."}]


@dataclass(frozen=True)
class Layer:
    """A way on which text becomes ids, who goes it, and how many BOS stand in front then."""

    name: str
    who: str
    bos: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


def layers(tokenizer: Any) -> list[Layer]:
    """Return the number of BOS by each layer; of the template only where it renders. None has any without a BOS."""
    bare: list[int] = tokenizer("Hello.")["input_ids"]
    plain = Layer("tokenizer", "plain text, by the tokenizer's post-processor", _bos(tokenizer, bare))
    if not tokenizer.chat_template:
        return [plain]
    rendered = render(tokenizer, _TALK, add_generation_prompt=True)
    tokenised = tokenizer.apply_chat_template(_TALK, add_generation_prompt=True, tokenize=True)
    asked = tokenised["input_ids"] if isinstance(tokenised, dict) or hasattr(tokenised, "keys") else tokenised
    alone, again = ids(tokenizer, [rendered])[0], tokenizer(rendered)["input_ids"]
    return [
        plain,
        Layer("template", "Leaven, in training and generation", _bos(tokenizer, alone)),
        Layer(
            "apply_chat_template",
            "TRL's conversations, chat endpoints of servers",
            _bos(tokenizer, asked),
        ),
        Layer(
            "template, then tokenizer",
            "TRL's `text` column, completions of servers",
            _bos(tokenizer, again),
        ),
    ]


def _bos(tokenizer: Any, found: list[int]) -> int:
    bos = tokenizer.bos_token_id
    return 0 if bos is None else len(list(takewhile(lambda one: one == bos, found)))
