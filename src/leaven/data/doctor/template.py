"""What a chat template does, tried on conversations of our own: it must render, end turns, and open answers.

Traps are those of TRL's threads 2059 and 3091 (no EOS, the template printed), alignment-handbook 127 (BOS) and
LlamaFactory 2509 (another template at inference).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from leaven.data.chat import ids, render
from leaven.data.doctor.finding import Finding
from leaven.errors import ModelError
from leaven.rows import Message, Row

_SYSTEM = "Speak as people do."
_ASKED = ("What is the first thing?", "What is the second thing?")
_SAID = ("The first is a stone.", "The second is a river.")


def probes() -> list[Row]:
    """Return conversations to examine a template on where there are no data: of one question, and of two."""
    turns = _talk()
    return [
        {"id": "probe:one-question", "prompt": turns[:1], "completion": turns[1:2]},
        {"id": "probe:two-questions", "prompt": turns[:3], "completion": turns[3:]},
    ]


def _talk() -> list[Message]:
    pairs = zip(_ASKED, _SAID, strict=True)
    return [turn for asked, said in pairs for turn in (_turn("user", asked), _turn("assistant", said))]


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def without_template(tokenizer: Any) -> list[Finding]:
    """Say that there is no chat template, or that it fails; nothing if it renders a conversation."""
    if not getattr(tokenizer, "chat_template", None):
        remedy = "set model.chat_template_path (a jinja file, or `plain`); here --chat-template-path"
        why = "the tokenizer's folder has no chat_template.jinja, and its tokenizer_config.json names none"
        return [Finding("error", "template", "there is no chat template", why, remedy, 0)]
    try:
        render(tokenizer, _talk())
        render(tokenizer, _talk()[:1], add_generation_prompt=True)
    except ModelError as error:
        remedy = "mend the template: it must render turns of user and assistant, with and without add_generation_prompt"
        return [Finding("error", "template", "the chat template cannot be rendered", str(error), remedy, 0)]
    return []


def of_template(tokenizer: Any, stops: Collection[int], declared: Collection[int], systems: bool) -> list[Finding]:
    """Return what is wrong with a template that renders.

    ``stops``: ids at which Leaven's generation stops; ``declared``: those that generation_config names, which other
    programs go by. ``systems``: whether the data have system turns.
    """
    found = [*_ends(tokenizer, stops, declared), *_opens(tokenizer), *_systems(tokenizer, systems)]
    return found


def _ends(tokenizer: Any, stops: Collection[int], declared: Collection[int]) -> Iterator[Finding]:
    """Yield how turns end: with another token than generation stops at, or with one in the last turn alone."""
    last, first = (_behind(tokenizer, place) for place in (1, 0))
    end = next((one for one in last if one in stops), None)
    if end is None:
        if (other := next((one for one in last if one in _special(tokenizer)), None)) is not None:
            yield _other_end(tokenizer, other, stops)
        return
    if stops and not set(first) & set(stops):
        shown = (
            f"behind the first answer stands {_shown(tokenizer, first)!r}, behind the last {_shown(tokenizer, last)!r}"
        )
        remedy = "print {{ eos_token }} after every assistant turn, not only after the last"
        yield Finding("warning", "turns", "only the last answer of a conversation ends in EOS", shown, remedy, 0)
    if declared and end not in declared:
        word, listed = _word(tokenizer, end), ", ".join(_word(tokenizer, one) for one in sorted(declared))
        shown = f"turns end with {word} ({end}); generation_config.eos_token_id names {listed}"
        remedy = f"add {end} to eos_token_id in generation_config.json: programs that go by it alone would not stop"
        yield Finding(
            "warning", "stop", "generation_config does not stop at the template's end of turn", shown, remedy, 0
        )


def _other_end(tokenizer: Any, end: int, stops: Collection[int]) -> Finding:
    word, listed = _word(tokenizer, end), ", ".join(_word(tokenizer, one) for one in sorted(stops))
    return Finding(
        "error", "stop", f"turns end with {word}, and generation does not stop there",
        f"the template closes an answer with {word} ({end}); the model stops at {listed}",
        f"set model.eos_token: '{word}', or end the turn with {{{{ eos_token }}}}", 0,
    )  # fmt: skip


def _behind(tokenizer: Any, place: int) -> list[int]:
    """Return the ids between an answer of the probe and what follows it: the next question, or the end."""
    text = render(tokenizer, _talk())
    after = text.partition(_SAID[place])[2]
    between = after.partition(_ASKED[1])[0] if place == 0 else after
    return [] if not between else ids(tokenizer, [between])[0]


def _opens(tokenizer: Any) -> Iterator[Finding]:
    """Yield that ``add_generation_prompt`` does nothing, though answers have a header: the model would write it."""
    prompt = _talk()[:1]
    bare, opened = render(tokenizer, prompt), render(tokenizer, prompt, add_generation_prompt=True)
    whole = render(tokenizer, _talk()[:2])
    if opened != bare or not whole.startswith(bare):
        return  # where the whole does not begin with the prompt, the rows show it (`prefix`)
    header = whole[len(bare) :].partition(_SAID[0])[0]
    if header.strip():
        shown = (
            f"the prompt ends in {bare[-24:]!r} with and without it, and {header!r} is trained as part of the answer"
        )
        remedy = "print the assistant's header where add_generation_prompt is true"
        said = "add_generation_prompt changes nothing: the model must write its own header"
        yield Finding("error", "prompt", said, shown, remedy, 0)


def _systems(tokenizer: Any, needed: bool) -> Iterator[Finding]:
    """Yield that a template has no system turn: it fails on one, or leaves it out without a word."""
    said = "the template takes no system turn"
    remedy = "put the text into the first user turn, or use a template that prints system turns"
    severity = "error" if needed else "warning"
    told = "the data have some" if needed else "a system prompt (the wrap `system_prompt`) would reach no answer"
    try:
        text = render(tokenizer, [_turn("system", _SYSTEM), *_talk()[:2]])
    except ModelError as error:
        yield Finding(severity, "system", f"{said}, and {told}", str(error), remedy, 0)
        return
    if _SYSTEM not in text:
        yield Finding(severity, "system", f"{said}, and {told}", "its text is left out without a word", remedy, 0)


def dated(bare: Any, tokenizer: Any) -> list[Finding]:
    """Say that a template prints the date; ``bare`` is the tokenizer as it is saved, the other has its date fixed."""
    from difflib import SequenceMatcher

    if not bare.chat_template or bare.chat_template == tokenizer.chat_template:
        return []
    now, fixed = (render(one, _talk()) for one in (bare, tokenizer))
    if now == fixed:
        return []
    changed = [one for one in SequenceMatcher(None, now, fixed, autojunk=False).get_opcodes() if one[0] != "equal"]
    today, then = now[changed[0][1] : changed[-1][2]], fixed[changed[0][3] : changed[-1][4]]
    remedy = "give other programs the same date (chat_template_kwargs: date_string), or take it out of the template"
    shown = f"today it prints {today[:60]!r} where Leaven fixes {then[:60]!r}"
    return [
        Finding("warning", "date", "the template prints today's date: prompts differ from day to day", shown, remedy, 0)
    ]


def differ(tokenizer: Any, other: Any, called: str, remedy: str, severity: str = "warning") -> list[Finding]:
    """Say where two templates render a conversation differently; ``other`` is a template's text."""
    import copy

    if not other or other == tokenizer.chat_template:
        return []
    second = copy.copy(tokenizer)
    second.chat_template = other
    mine = render(tokenizer, _talk())
    try:
        theirs = render(second, _talk())
    except ModelError as error:
        return [Finding(severity, "template", f"{called} cannot be rendered", str(error), remedy, 0)]
    if mine == theirs:
        return []
    at = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), min(len(mine), len(theirs)))
    shown = f"at character {at}: {mine[at : at + 40]!r} here, {theirs[at : at + 40]!r} there"
    return [Finding(severity, "template", f"{called} renders a conversation differently", shown, remedy, 0)]


def _special(tokenizer: Any) -> set[int]:
    """Return the ids that are no text: special tokens, and those that were added to the vocabulary."""
    return {*map(int, tokenizer.all_special_ids), *map(int, tokenizer.added_tokens_decoder)}


def _word(tokenizer: Any, token: int) -> str:
    return str(tokenizer.convert_ids_to_tokens(int(token)))


def _shown(tokenizer: Any, found: Sequence[int]) -> str:
    return repr(tokenizer.decode(found)) if found else "nothing"
