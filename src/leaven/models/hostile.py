"""Texts of strangers that are put into a prompt: what they spell must not become a special token."""

from __future__ import annotations

from collections.abc import Sequence

# Of widely used models: what a server's tokenizer may read as its own, where nobody can ask it.
COMMON = (
    "<s>", "</s>", "<pad>", "<unk>", "<bos>", "<eos>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<|endoftext|>",
    "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
    "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<start_of_turn>", "<end_of_turn>", "<|system|>", "<|user|>",
    "<|assistant|>", "<|end|>", "<|endofprompt|>", "<|return|>", "<|start|>", "<|message|>", "<|channel|>",
)  # fmt: skip


def neutralised(text: str, specials: Sequence[str]) -> str:
    """Return a text in which no special token is spelled out: a space behind its first character keeps it text.

    ``specials``: how the tokenizer spells them. One of a single character becomes a space; one of white space alone
    cannot be kept apart from text and stays.
    """
    for token in sorted(specials, key=len, reverse=True):
        if not token.strip():
            continue
        broken = f"{token[0]} {token[1:]}" if len(token) > 1 else " "
        while token in text and token not in broken:  # "aaa" holds "aa" twice, and one is left after the first round
            text = text.replace(token, broken)
    return text
