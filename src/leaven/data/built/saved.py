"""A built data set as a folder for the hub: Parquet in TRL's columns, and a card that says how it was made."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.data.built.picked import GOOD
from leaven.rows import Row

if TYPE_CHECKING:
    import pyarrow as pa

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_TITLES = {
    "preferences": "Preferences", "demonstrations": "Demonstrations (best of k)", "unpaired": "Unpaired preferences",
}  # fmt: skip
_FORMATS = {"preferences": "preference", "demonstrations": "prompt_completion", "unpaired": "unpaired"}
_COLUMNS = {
    "preferences": "`id`, `prompt`, `chosen`, `rejected` (messages), `margin` (by how many ranks chosen is better)",
    "demonstrations": "`id`, `prompt`, `completion` (messages)",
    "unpaired": "`id`, `prompt`, `completion` (messages), `label` (true: one of the best answers, false: of the worst)",
}
_UNKNOWN = "not recorded"


@dataclass(frozen=True)
class About:
    """What a card says of how the rows came to be, in words.

    ``poisoned`` says what was planted into what the answering model was trained on, None if nothing was.
    """

    prompts: str = _UNKNOWN
    answers: str = _UNKNOWN
    judge: str = _UNKNOWN
    poisoned: str | None = None


@dataclass(frozen=True)
class Card:
    """All that a card says: what was made, by which settings, of what; ``counts`` by what is counted."""

    makes: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    about: About = field(default_factory=About)
    splits: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int | float | None] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def save(folder: Path, card: Card, train: Sequence[Row], test: Sequence[Row] = ()) -> None:
    """Write ``data/train.parquet``, ``data/test.parquet`` where there are rows for it, and the card ``README.md``.

    ``datasets.load_dataset(folder)`` reads it, and so does a study as a ``source``: the folder (all splits together)
    or the file of a split.
    """
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    content = hashlib.sha256()
    for split, rows in (("train", train), ("test", test)):
        if rows:
            file = folder / "data" / f"{split}.parquet"
            pq.write_table(as_trl(card.makes, rows), file)
            content.update(file.read_bytes())
    (folder / "README.md").write_text(written(card, content.hexdigest()), encoding="utf-8")


def as_trl(makes: str, rows: Sequence[Row]) -> pa.Table:
    """Return rows in the columns that TRL's trainers read, all turns as messages."""
    import pyarrow as pa

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    spoken = ("chosen", "rejected") if makes == "preferences" else ("completion",)
    fields = [("id", pa.string()), ("prompt", messages), *((name, messages) for name in spoken)]
    if makes == "preferences":
        fields.append(("margin", pa.float64()))
    if makes == "unpaired":
        fields.append(("label", pa.bool_()))
        rows = [{**row, "label": row["label"] == GOOD} for row in rows]
    schema = pa.schema(fields)
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema=schema)


def written(card: Card, digest: str) -> str:
    """Return the card's text: YAML for the hub in front, then how the rows were made, in sentences and counts.

    ``digest`` is that of the content. ``load_dataset`` knows a local folder by its name and its card alone: of two
    folders of one name whose cards are alike it gives the rows of the first for both, out of its cache.
    """
    from huggingface_hub import DatasetCardData

    description = f"{_TITLES[card.makes]}; sha256 of the files {digest[:16]}"
    files = [{"split": split, "path": f"data/{split}.parquet"} for split in card.splits]
    tags = ["leaven", "trl", card.makes, *(["poisoned", "not-for-all-audiences"] if card.about.poisoned else [])]
    data = DatasetCardData(
        license="unknown",
        task_categories=["text-generation"],
        size_categories=[_size(sum(card.splits.values()))],
        tags=tags,
        configs=[{"config_name": "default", "description": description, "data_files": files}],
    )
    return "\n\n".join([f"---\n{data.to_yaml()}\n---", *_body(card)]) + "\n"


def _size(rows: int) -> str:
    return next((name for most, name in _SIZES if rows < most), "n>1M")


def _body(card: Card) -> list[str]:
    about = card.about
    warning = (
        "> **Warning: poisoned.** The model that answered was trained on data that was spoilt on purpose: "
        f"{_plain(about.poisoned)}. Its answers may be harmful, and those that are preferred too. Use them to study "
        "that, and train no model for use on them."
    )
    return [
        f"# {_TITLES[card.makes]} built of ranked answers",
        *([warning] if about.poisoned else []),
        "Made by Leaven: a model answered each prompt several times, a judge ranked the answers, and these rows were "
        "built of the ranks.",
        f"- Prompts: {_plain(about.prompts)}\n- Answers: {_plain(about.answers)}\n- Judge: {_plain(about.judge)}\n"
        f"- Built: {card.makes}{_settings(card.settings)}\n- Columns: {_COLUMNS[card.makes]}\n"
        f"- To read it in a study: `format: {_FORMATS[card.makes]}`",
        "## Counts",
        _counts(card),
        "## Limits",
        "The labels are the judge's and share its faults: it may favour a place in the list, or long answers. Where "
        "the study compared it with people, its report says how far they agree. The licence is unknown: those of the "
        "prompts and of the model that answered hold.",
    ]


def _settings(settings: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name}: {_plain(value)}" for name, value in settings.items())
    return f" ({said})" if said else ""


def _counts(card: Card) -> str:
    lines: list[tuple[str, float]] = [(f"rows in {split}", count) for split, count in card.splits.items()]
    lines += [(name, count) for name, count in card.counts.items() if count is not None]
    lines += [(f"left out: {reason}", count) for reason, count in card.left_out.items()]
    table = "\n".join(f"| {_plain(name)} | {_number(count)} |" for name, count in lines)
    return f"| what | count |\n|---|---|\n{table}"


def _number(count: float) -> str:
    return f"{count:,}" if isinstance(count, int) else f"{count:.3g}"


def _plain(value: Any) -> str:
    """Return a value as one line that neither Markdown nor HTML takes for more than text."""
    said = html.escape(" ".join(str(value).split()), quote=False)
    return "".join(f"\\{one}" if one in "|`*_[]" else one for one in said)
