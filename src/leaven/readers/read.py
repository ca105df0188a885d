"""A path -> what it holds, whoever wrote it; picked by content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from leaven.data import files
from leaven.errors import ReportError
from leaven.readers import inspect_log, lines, lm_eval, runs, tabular
from leaven.readers.brought import Brought

READ = "a run's folder, lm-eval's samples_*.jsonl, Inspect's .eval or .json logs, and CSV or Parquet with `item_id`"
_HEAD = 1 << 16  # bytes that tell what a JSON file is


def read(path: Path) -> Brought:
    """Read whatever is there; raises ReportError if it is nothing that can be compared."""
    if not path.exists():
        raise ReportError(f"there is no file and no folder {path}")
    return (_of_folder(path) if path.is_dir() else _of_file(path))(path)


def _of_folder(folder: Path) -> Callable[[Path], Brought]:
    if (folder / runs.TABLE).is_file() or (folder / "study.yaml").is_file():
        return runs.read
    if any(folder.rglob("samples_*.jsonl*")):
        return lm_eval.read
    if any(folder.rglob("*.eval")) or any(map(_is_log, folder.rglob("*.json"))):
        return inspect_log.read
    said = "; lm-eval writes samples with `--log_samples`" if any(folder.rglob("results_*.json")) else ""
    raise ReportError(f"{folder} holds nothing that can be compared: {READ}{said}")


def _of_file(path: Path) -> Callable[[Path], Brought]:
    with lines.opened(path) as stream:
        head = stream.read(_HEAD)
    if not head.strip():
        raise ReportError(f"{path} is empty")
    if head.startswith(b"PK\x03\x04") and path.suffix == ".eval":
        return inspect_log.read
    if head.startswith(b"PAR1") or files.kind(path) in tabular.KINDS:
        _refuse_binary(path, head)
        return _table(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _of_json(path, head)
    raise ReportError(f"{path} is nothing that can be compared: {READ}")


def _refuse_binary(path: Path, head: bytes) -> None:
    """Raise ReportError for a file that is named as a table of text and is none; what zstd packs is not looked into."""
    if files.kind(path) == ".parquet" or path.suffix.lower() == ".zst" or head.startswith(b"PAR1"):
        return
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReportError(f"{path} is UTF-16; write it as UTF-8")
    if head.startswith(b"PK\x03\x04"):
        raise ReportError(f"{path} is no text table but a zip archive (a workbook of Excel's?); export it as CSV")
    if b"\0" in head:
        raise ReportError(f"{path} is no text table: bytes stand in it that are no text")


def _table(path: Path) -> Callable[[Path], Brought]:
    if files.kind(path) not in tabular.KINDS:
        raise ReportError(f"{path} holds Parquet, and is named otherwise; give it the ending .parquet")
    return tabular.read


def _of_json(path: Path, head: bytes) -> Callable[[Path], Brought]:
    if _is_log(path):
        return inspect_log.read
    if b'"higher_is_better"' in head and b'"results"' in head:
        raise ReportError(f"{path} is lm-eval's summary; its samples are needed (`--log_samples`): samples_*.jsonl")
    return lm_eval.read


def _is_log(path: Path) -> bool:
    """Say whether a JSON file is a log of Inspect: it begins with the log's version, status and task."""
    with lines.opened(path) as stream:
        head = stream.read(_HEAD)
    return b'"status"' in head and b'"eval"' in head and b'"doc_id"' not in head
