"""CSV, TSV and Parquet with item ids: one measurement a row (long), or a column per metric (wide)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaven.data import files
from leaven.data.formats import BadRow
from leaven.errors import DataError, ReportError, did_you_mean
from leaven.readers import separated
from leaven.readers.brought import Brought, described, frame, listed, refuse_duplicates
from leaven.readers.values import has_comma, is_blank, name, number, whole
from leaven.report.findings import SampleInfo

KINDS = (".csv", ".tsv", ".parquet")
SUITE = "items"  # of a table that names none: the same for all tables, or nothing would be paired
_VALUE = "value"
_ITEM = "item_id"
_TEXTS = ("prompt", "text", "reference")
_SAYS = "As the table has it."
_SAMPLE = "number the repeats of an item in a column `sample`, or name the `arm` or `seed`"

Cells = list[Any]


def read(path: Path) -> Brought:
    """Read a table; raises ReportError that names row and column.

    Long: ``item_id`` and ``value``, and of ``arm``, ``dose``, ``seed``, ``suite``, ``metric``, ``group``, ``sample``
    what there is. Wide: ``item_id``, any of these but ``metric``, and each other column is a metric; ``prompt``,
    ``text`` and ``reference`` are shown and not measured. A column without any number is left out, and named.
    """
    label = path.name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[0] or path.name
    raw = _raw(path)
    size = len(raw.columns["item_id"])
    about = {"arm": [label] * size, "suite": [SUITE] * size} | _about(raw)
    notes: list[str] = []
    if _VALUE in raw.columns:
        metric = _converted(raw, "metric", name) if "metric" in raw.columns else [_VALUE] * size
        columns, texts = {**about, "metric": metric, "value": _converted(raw, _VALUE, number)}, []
    else:
        measured = _measured(raw, notes)
        columns, texts = _long(about, measured), list(_texts(raw, about, measured))
    table = frame(columns)
    refuse_duplicates(table, str(path), _SAMPLE)
    return Brought(
        kind="table", label=label, place=str(path), measurements=table, metrics=described(table, {}, _SAYS),
        samples=texts, notes=[f"{label}: {note}" for note in notes],
    )  # fmt: skip


@dataclass(frozen=True)
class _Raw:
    """A file's cells by column; ``first`` is the number of the first row, as an editor counts."""

    path: Path
    columns: dict[str, Cells]
    first: int


def _raw(path: Path) -> _Raw:
    raw = _Raw(path, {}, 1 if files.kind(path) == ".parquet" else 2)
    try:
        for number_of, row in enumerate(separated.read(path, _ITEM), start=raw.first):
            if isinstance(row, BadRow):
                raise ReportError(f"{path}, row {number_of}: {row}")
            for column, cell in row.items():
                raw.columns.setdefault(str(column), []).append(cell)
    except DataError as error:
        raise ReportError(str(error)) from error
    if not raw.columns:
        raise ReportError(f"{path} has no rows")
    if _ITEM not in raw.columns:
        remedy = did_you_mean(_ITEM, raw.columns)
        raise ReportError(f"{path} has no column `{_ITEM}`, which says what to pair with what; {remedy}")
    return raw


def _converted(raw: _Raw, column: str, read_as: Callable[[object], Any]) -> Cells:
    """Return a column's cells as ``read_as`` reads them; raises ReportError that names the row."""
    made = []
    for row, cell in enumerate(raw.columns[column], start=raw.first):
        try:
            made.append(read_as(cell))
        except ValueError as error:
            raise ReportError(f"{raw.path}, row {row}, column `{column}`: {error}") from None
    return made


def _about(raw: _Raw) -> dict[str, Cells]:
    """Return what the table says of arms and items."""
    read_as: dict[str, Callable[[object], Any]] = {
        "arm": name, "dose": number, "seed": whole, "suite": name, "group": _maybe, "item_id": name,
        "sample": _counted,
    }  # fmt: skip
    return {column: _converted(raw, column, how) for column, how in read_as.items() if column in raw.columns}


def _maybe(value: object) -> str | None:
    return None if value is None or value == "" else name(value)


def _counted(value: object) -> int:
    return whole(value) or 0


def _measured(raw: _Raw, notes: list[str]) -> dict[str, Cells]:
    """Return the metrics of a wide table; a column that holds no number at all is no metric."""
    known = {"arm", "dose", "seed", "suite", "metric", "group", "item_id", "sample", *_TEXTS}
    found, left_out = {}, []
    for column in [column for column in raw.columns if column not in known]:
        is_index = not column.strip() or column.startswith("Unnamed:")  # as pandas writes its own numbering
        if is_index or not (any(map(_is_number, raw.columns[column])) or _has_commas(raw.columns[column])):
            left_out.append(repr(column))
        else:
            found[column] = _converted(raw, column, number)
    if left_out:
        notes.append(f"columns that measure nothing were left out: {listed(left_out)}")
    if not found:
        empty = [column for column in raw.columns if column not in known and all(map(is_blank, raw.columns[column]))]
        seen = f" (no cell of {listed(map(repr, empty))} holds anything)" if empty else ""
        raise ReportError(
            f"{raw.path} measures nothing{seen}: it needs a column `value`, or one of numbers for each metric"
        )
    return found


def _has_commas(cells: Cells) -> bool:
    """Say whether a column holds numbers with a comma in them: to be refused by name, not left out."""
    told = [cell for cell in cells if not is_blank(cell)]
    return bool(told) and all(map(has_comma, told))


def _is_number(cell: object) -> bool:
    try:
        return number(cell) is not None
    except ValueError:
        return False


def _long(about: dict[str, Cells], measured: dict[str, Cells]) -> dict[str, Cells]:
    """Put the metrics of a wide table under one another."""
    size = len(about["item_id"])
    columns = {column: cells * len(measured) for column, cells in about.items()}
    columns["metric"] = [metric for metric in measured for _ in range(size)]
    columns["value"] = [value for cells in measured.values() for value in cells]
    return columns


def _texts(raw: _Raw, about: dict[str, Cells], measured: dict[str, Cells]) -> list[SampleInfo]:
    """Return the texts of a wide table with the values that stand beside them."""
    if "text" not in raw.columns:
        return []
    blank: Cells = [None] * len(about["item_id"])
    prompts, texts, references = (raw.columns.get(column, blank) for column in _TEXTS)
    seeds, groups, repeats = (about.get(column, blank) for column in ("seed", "group", "sample"))
    return [
        SampleInfo(
            about["arm"][row], seeds[row], str(prompts[row] or ""), str(text), _said(references[row]),
            about["suite"][row], about["item_id"][row], repeats[row] or 0,
            {metric: cells[row] for metric, cells in measured.items()}, groups[row],
        )
        for row, text in enumerate(texts)
        if text is not None
    ]  # fmt: skip


def _said(value: object) -> str | None:
    return None if value is None else str(value)
