"""How a source's portrait is shown: what it is in lines, lengths as bars, a few rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from leaven.cli.terminal import columns, count, printable

if TYPE_CHECKING:
    from leaven.data.canonical import Slice
    from leaven.data.portrait import Portrait
    from leaven.registry import Step
    from leaven.rows import Row

_WIDEST = 300
_BAR = 16  # characters that the fullest bar takes


def lines(
    source: str,
    known_as: str,
    part: Slice,
    found: Portrait,
    *,
    max_length: int | None,
    ngram: int,
    tokenizer: Any,
    template: str | None = None,
) -> Iterator[str]:
    """Yield all that is printed; what strangers wrote is made printable.

    ``template`` says where the tokenizer's chat template is from, None for its own.
    """
    about = [("source", source), ("identity", known_as), ("format", _format(found))]
    about += [("columns", ", ".join(f"{name} ({type})" for name, type in found.columns.items()) or "none")]
    about += [("rows", f"{count(found.rows_in, 'row')}{_taken(part)}, {found.rows:,} {found.kind or 'parsed'}")]
    about += list(_asked(found)) if found.format is not None else []
    about += list(_shared(found, ngram))
    about += [("chat template", _template(tokenizer, template))] if tokenizer is not None and found.format else []
    yield from map(printable, columns(about))
    yield from _lengths(found, max_length)
    yield from _left_out(found)
    for row in found.shown:
        yield ""
        yield from map(printable, _turns(row) if found.format else _cells(row))
        yield from map(printable, _read(row, tokenizer) if found.format and tokenizer is not None else ())


def _format(found: Portrait) -> str:
    others = [name for name in found.fits if name != found.format]
    also = f" (the columns also fit {', '.join(others)})" if others else ""
    if found.format is None:
        return "none that there is reads these columns"
    from leaven.registry import Step

    return f"{written(Step(name=found.format, args=found.args))}{also}"


def written(format: Step) -> str:
    """Return a format as a study's file, or the option ``--format``, takes it, on one line."""
    if not format.args:
        return format.name
    from io import StringIO

    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width = True, 10**6
    yaml.dump(format.model_dump(), text)
    return text.getvalue().strip()


def _template(tokenizer: Any, template: str | None) -> str:
    if getattr(tokenizer, "chat_template", None):
        return template or "the model's own"
    return (
        "none, so texts are shown and counted bare; training asks for one: model.chat_template_path in a study, "
        "here --chat-template-path (a jinja file, or plain)"
    )


def _taken(part: Slice) -> str:
    first = f" of the first {part.take:,}" if part.take else ""
    return f"{first or ' of all'} drawn at random" if part.sample else f"{first} read"


def _asked(found: Portrait) -> Iterator[tuple[str, str]]:
    yield "questions", f"{len(found.questions):,} different; {count(found.repeated, 'row')} repeat one"
    if found.answers:
        yield "answers", f"{len(found.answers):,} different; {count(found.repeated_answers, 'row')} repeat one"
    yield (
        "duplicates",
        f"{count(found.duplicates, 'row')} that {'is' if found.duplicates == 1 else 'are'} an earlier row",
    )
    if found.kind == "preferences":
        ties = f"{count(found.ties, 'tie')}, {found.unknown:,} of unknown margin, {found.equal:,} with equal answers"
        yield "preferred", ties


def _shared(found: Portrait, ngram: int) -> Iterator[tuple[str, str]]:
    for name, seen in found.shared.items():
        yield "overlap", f"{count(seen.questions, 'row')} with a question that {name} asks"
        yield "", f"{count(seen.grams, 'row')} with {ngram} words in a row (or a short question) that {name} has"
        for one in seen.quoted:
            yield "", f"   {one['id']}: {_short(one['excerpt'])}"


def _lengths(found: Portrait, max_length: int | None) -> Iterator[str]:
    """Yield a table of lengths (half, 95 % and all of the rows are at most so long), bars, and what is cut off."""
    if not found.lengths:
        return
    import numpy as np

    rows: list[tuple[str, ...]] = [("", "median", "95 %", "longest")]
    for name, values in found.lengths.items():
        rows.append((name, *(f"{int(value):,}" for value in np.percentile(values, (50, 95, 100)))))
    yield ""
    yield from map(printable, columns(rows, right=(1, 2, 3)))
    yield ""
    yield from map(printable, _bars(found))
    if max_length is not None and "tokens" in found.lengths:
        yield ""
        yield _cut(found, max_length)


def _bars(found: Portrait) -> list[str]:
    """Return a histogram of characters as lines: a bar for each part of a row, by powers of two."""
    from leaven.data.lengths import binned

    ending = " characters"
    values = {name.removesuffix(ending): of for name, of in found.lengths.items() if name.endswith(ending)}
    bins = binned(values)
    most = max((number for *_, counts in bins for number in counts.values()), default=0)
    table: list[tuple[str, ...]] = [("characters", *values)]
    for low, high, counts in bins:
        table.append((f"{low:,}-{high:,}", *(_bar(counts[name], most) for name in values)))
    return columns(table, right=(0,))


def _bar(number: int, most: int) -> str:
    """Return a bar with its number; what is there shows, however little it is."""
    drawn = max(round(_BAR * number / most), number > 0) if most else 0
    return f"{'█' * drawn:{_BAR}} {number:,}"


def _cut(found: Portrait, limit: int) -> str:
    from leaven.data import lengths

    tokens = found.lengths["tokens"]
    cut = lengths.cut(tokens, limit)
    lost = f"cut off there, {cut.lost:,} of {cut.tokens:,} tokens are lost ({_percent(cut.lost, cut.tokens)})"
    rows = (
        f"{count(cut.rows, 'row')} of {len(tokens):,} longer than {limit:,} tokens ({_percent(cut.rows, len(tokens))})"
    )
    return f"{rows}; {lost}" if cut.rows else rows


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def _left_out(found: Portrait) -> Iterator[str]:
    if not found.drops:
        return
    yield ""
    yield f"left out: {count(sum(found.drops.values()), 'row')}"
    for reason, number in found.drops.most_common():
        yield printable(f"{number:>8,} x {reason}")
        for drop in found.quoted:
            if drop["reason"] == reason:
                yield printable(f"{'':11}{drop['id']}: {drop['excerpt']}")


def _turns(row: Row) -> Iterator[str]:
    """Yield a row, a turn a line."""
    about = " ".join(f"[{name} {row[name]}]" for name in ("group", "label") if row.get(name) is not None)
    yield f"{row['id']} {about}".rstrip()
    for name in ("prompt", "completion", "chosen", "rejected"):
        for turn in row.get(name) or ():
            role = turn["role"] if name == "prompt" else name
            yield f"  {role:>10}: {_short(turn['content'])}"
    if "text" in row:
        yield f"  {'text':>10}: {_short(row['text'])}"


def _read(row: Row, tokenizer: Any) -> Iterator[str]:
    """Yield a row as the model reads it, line breaks as they are; the middle of what is long is left out."""
    from leaven.data.portrait import rendered

    has_template = getattr(tokenizer, "chat_template", None)
    read = "as the model reads it" if has_template else "bare, without a chat template"
    for name, text in rendered(tokenizer, row).items():
        yield f"  {read} ({name}):"
        told = text if len(text) <= 2 * _WIDEST else f"{text[:_WIDEST]} [...] {text[-_WIDEST:]}"
        yield from (f"    | {line}" for line in told.split("\n"))


def _cells(row: Row) -> Sequence[str]:
    return [f"  {name}: {_short(str(value))}" for name, value in row.items()]


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
