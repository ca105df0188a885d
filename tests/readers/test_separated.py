"""Tables whose columns are set apart by something else than their ending says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from leaven.errors import ReportError
from leaven.readers import read


@pytest.mark.parametrize(("name", "mark"), [("a.csv", "\t"), ("a.csv", ";"), ("a.tsv", ","), ("a.tsv", ";")])
def test_the_header_tells_the_separator(tmp_path: Path, name: str, mark: str) -> None:
    lines = [mark.join(cells) for cells in (("item_id", "acc", "text"), ("1", "0.5", '"so, and\nso"'), ("2", "1", "x"))]
    (tmp_path / name).write_text("\n".join(lines))
    brought = read(tmp_path / name)
    assert brought.measurements["value"].tolist() == [0.5, 1.0]
    assert [one.text for one in brought.samples] == ["so, and\nso", "x"]


def test_a_packed_one_too(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfitem_id;acc\n1;0.5\n"))
    assert read(tmp_path / "a.csv.gz").measurements["value"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"item_id|acc\n1|0.5\n",
            r"set apart by bars \(\|\), not by commas, and none is found that is called `item_id`",
        ),
        (b"item_id acc\n1 0.5\n", "set apart by spaces, not by commas"),
        (b"id\tacc\n1\t0.5\n", "set apart by tabs, not by commas"),
        (b"item_id;acc\n1;0,5\n", "row 2, column `acc`: '0,5' is no number; write a point where its comma is"),
        (b'item_id,acc\n1,"0,5"\n', "row 2, column `acc`: '0,5' is no number"),
        (b"item_id;acc\n1;0.5;7\n", "row 2: the line has more fields than the header"),
        (b"item_id;acc;acc\n1;1;1\n", "names a column twice"),
        (b'item_id;acc\n1;"0.5\n', "read with semicolons between its columns"),
        (b"item_id;acc\n1;0.5\xff\n", "is not UTF-8 text"),
        (b"item_id,acc\n1,\n2,nan\n", r"measures nothing \(no cell of 'acc' holds anything\)"),
        (bytes(range(256)), "is no text table"),
        (b"PK\x03\x04....", "a zip archive"),
        ("item_id,acc\n1,0.5\n".encode("utf-16"), "is UTF-16; write it as UTF-8"),
    ],
)
def test_what_cannot_be_read_names_what_was_seen(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(ReportError, match=said):
        read(tmp_path / "mine.csv")
