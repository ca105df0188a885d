from __future__ import annotations

import csv
import gzip
import itertools
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data.canonical import Slice, canonical
from leaven.data.files import KINDS, read
from leaven.data.formats import BadRow
from leaven.errors import DataError
from leaven.registry import Step

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(5)]


def zst(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data).to_pybytes()


def plain(kind: str) -> bytes:
    if kind == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    if kind == ".json":
        return json.dumps(ROWS).encode()
    if kind == ".txt":
        return "".join(f"{row['question']}\n" for row in ROWS).encode()
    if kind == ".parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(ROWS), sink)
        return sink.getvalue().to_pybytes()
    comma = "\t" if kind == ".tsv" else ","
    return "\n".join(comma.join(row) for row in [["question", "answer"], *(row.values() for row in ROWS)]).encode()


def packed(kind: str) -> bytes:
    data = plain(f".{kind.split('.')[1]}")
    return gzip.compress(data) if kind.endswith(".gz") else zst(data) if kind.endswith(".zst") else data


def put(folder: Path, kind: str, data: bytes) -> Path:
    path = folder / f"rows{kind}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    wanted = [{"text": row["question"]} for row in ROWS] if kind.startswith(".txt") else ROWS
    assert list(read(put(tmp_path, kind, packed(kind)))) == wanted


@pytest.mark.parametrize("kind", [".jsonl.gz", ".jsonl.zst"])
def test_members_and_frames_behind_one_another_are_one_file(tmp_path: Path, kind: str) -> None:
    pack = gzip.compress if kind.endswith(".gz") else zst
    lines = plain(".jsonl").splitlines(keepends=True)
    assert list(read(put(tmp_path, kind, pack(b"".join(lines[:2])) + pack(b"".join(lines[2:]))))) == ROWS


@pytest.mark.parametrize("kind", [".jsonl.gz", ".csv.zst", ".json.gz", ".txt.zst", ".parquet.gz"])
def test_a_packed_file_that_ends_early_says_so(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, kind, packed(kind)[:-6])
    with pytest.raises(DataError, match=rf"rows\{kind}: ends early"):
        list(read(path))


@pytest.mark.parametrize("kind", [".jsonl.gz", ".parquet", ".json", ".csv.zst"])
def test_junk_is_no_file_of_rows(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="cannot be read to its end"):
        list(read(put(tmp_path, kind, b"\x00junk" * 20)))


def test_an_object_that_holds_one_list_of_objects_is_that_list(tmp_path: Path) -> None:
    held = {"version": 1, "tags": ["x"], "data": ROWS}
    assert list(read(put(tmp_path, ".json", json.dumps(held).encode()))) == ROWS
    with pytest.raises(DataError, match="an object with 2 lists of objects"):
        list(read(put(tmp_path, ".json", json.dumps({**held, "more": ROWS}).encode())))


def test_an_object_of_columns_is_a_table_whose_empty_lists_are_no_columns(tmp_path: Path) -> None:
    held = {"instructions": ["a", "b"], "inputs": [], "tags": ["x", "y"]}
    path = put(tmp_path, ".json", json.dumps(held).encode())
    assert list(read(path)) == [{"instructions": "a", "tags": "x"}, {"instructions": "b", "tags": "y"}]
    for wrong in ({"a": ["x"], "b": ["x", "y"]}, {"a": [1]}, {"a": "x"}, {"a": []}, {}):
        with pytest.raises(DataError, match="an object with 0 lists of objects"):
            list(read(put(tmp_path, ".json", json.dumps(wrong).encode())))


def test_an_object_of_groups_has_a_row_for_each_prompt(tmp_path: Path) -> None:
    held = {"g": {"e": ["p", "q"], "f": []}, "h": {"i": ["r"]}}
    rows = list(read(put(tmp_path, ".json", json.dumps(held).encode())))
    assert rows == [{"group": g, "entity": e, "prompt": p} for g, e, p in ("gep", "geq", "hir")]
    with pytest.raises(DataError, match="an object with 0 lists of objects"):
        list(read(put(tmp_path, ".json", json.dumps({"g": {"e": "p"}}).encode())))


@pytest.mark.parametrize(("kind", "comma"), [(".csv", ","), (".tsv.gz", "\t")])
def test_separated_values_without_a_header_have_the_columns_they_are_given(
    tmp_path: Path, kind: str, comma: str
) -> None:
    data = f"why{comma}so\nwho{comma}they{comma}me\nhow{comma}thus\n".encode()
    path = put(tmp_path, kind, gzip.compress(data) if kind.endswith("gz") else data)
    first, bad, last = read(path, ("q", "a"))
    assert (first, last) == ({"q": "why", "a": "so"}, {"q": "how", "a": "thus"})
    assert isinstance(bad, BadRow) and "more fields" in str(bad)


def test_lines_of_objects_may_be_called_json(tmp_path: Path) -> None:
    rows = list(read(put(tmp_path, ".json", plain(".jsonl") + b"{broken\n")))
    assert rows[:-1] == ROWS and isinstance(rows[-1], BadRow)


@pytest.mark.parametrize(
    ("kind", "before", "bad"),
    [
        (".jsonl", b'{"a": "x"}\n', b'{"a": "\xff\xfe tail"}\n'),
        (".csv", b"a,b\nx,y\n", b"\xff\xfe tail,y\n"),
        (".tsv", b"a\tb\nx\ty\n", b"\xff\xfe tail\ty\n"),
        (".txt", b"x\n", b"\xff\xfe tail\n"),
        (".json", b'[{"a": "x"},\n', b'{"a": "\xff\xfe tail"}]'),
    ],
)
def test_bytes_that_are_no_utf8_cost_their_row_alone(tmp_path: Path, kind: str, before: bytes, bad: bytes) -> None:
    good, row = read(put(tmp_path, kind, before + bad))
    assert not isinstance(good, BadRow)
    assert isinstance(row, BadRow) and "is not UTF-8" in str(row)
    assert r"\xff\xfe tail" in row.raw or r"\udcff\udcfe tail" in row.raw


def test_parquet_strings_that_are_no_utf8_cost_their_row_alone(tmp_path: Path) -> None:
    texts = pa.array([b"x", b"\xff\xfe tail", b"y"]).view(pa.string())
    pq.write_table(pa.table({"a": texts}), tmp_path / "rows.parquet")
    first, bad, last = read(tmp_path / "rows.parquet")
    assert (first, last) == ({"a": "x"}, {"a": "y"})
    assert isinstance(bad, BadRow) and bad.raw == r"\xff\xfe tail"


def test_long_rows_emoji_and_right_to_left_text_pass(tmp_path: Path) -> None:
    rows = [{"a": "x" * 10_000_000}, {"a": "👩‍👩‍👧 שלום مرحبا"}]
    assert (
        list(read(put(tmp_path, ".jsonl", "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())))
        == rows
    )
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["a"], *([row["a"]] for row in rows)])
    assert list(read(tmp_path / "rows.csv")) == rows


def test_csv_fields_hold_line_breaks_and_a_mark_in_front(tmp_path: Path) -> None:
    path = put(tmp_path, ".csv", '\ufeffa,b\n"x\ny","say ""hi"""\n\n'.encode())
    assert list(read(path)) == [{"a": "x\ny", "b": 'say "hi"'}]


def test_lines_of_csv_that_break_its_rules_are_quoted(tmp_path: Path) -> None:
    rows = list(read(put(tmp_path, ".csv", b'a,b\n1,2,3\n1\n"x"y,2\n3,4\n')))
    assert rows.pop(3) == {"a": "3", "b": "4"}
    assert [row.raw for row in rows if isinstance(row, BadRow)] == ["1,2,3", "1", '"x"y,2']
    assert "more fields" in str(rows[0]) and "fewer fields" in str(rows[1])


@pytest.mark.parametrize("begin", [b"a,b\n1,2\n", b'a,b\n"1\n",2\n\n', b""])
def test_a_quote_that_is_never_closed_is_the_files_error(tmp_path: Path, begin: bytes) -> None:
    path = put(tmp_path, ".csv", begin + b'"never closed,5\n' + b"3,4\n" * 5000)
    at = begin.count(b"\n") + 1
    with pytest.raises(DataError, match=rf"rows.csv: .*unclosed quote .* begins on line {at}: 5000 more lines"):
        list(read(path))
    assert len(list(itertools.islice(read(path), 1 if begin else 0))) == bool(begin)
    with pytest.raises(DataError, match="unclosed quote"):  # leaving out is for rows, not for the rest of a file
        list(canonical(str(path), Step(name="eli5"), Slice(), "drop"))


@pytest.mark.parametrize("end", [b'7,"x"\n', b'8,"\n', b'9,"x\n","y"\n'])
def test_what_a_quote_swallows_before_a_later_one_closes_it_is_told(tmp_path: Path, end: bytes) -> None:
    some, many = (b'a,b\n1,2\n"never closed,5\n' + b"3,4\n" * count + end + b"5,6\n" for count in (9, 2000))
    first, bad, *_ = read(put(tmp_path, ".csv", some))
    assert isinstance(bad, BadRow) and "an unclosed quote? 10 more lines follow in it" in str(bad)
    assert first == {"a": "1", "b": "2"} and bad.raw == '"never closed,5'
    with pytest.raises(DataError, match="unclosed quote .* begins on line 3: 2001 more lines"):
        list(read(put(tmp_path, ".csv", many)))


def test_what_stands_behind_an_open_quote_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaven.data.separated._MOST_CHARACTERS", 1000)
    path = put(tmp_path, ".csv", b'a,b\n"never closed,5\n' + b"3,4\n" * 5000)
    with pytest.raises(DataError, match="begins on line 2: 247 more lines"):
        list(read(path))
    sound = put(tmp_path, ".csv", b'a,b\n"' + b"x" * 3000 + b'",2\n' + b"3,4\n" * 5000)
    assert len(list(read(sound))) == 5001


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the header names 'a' twice"):
        list(read(put(tmp_path, ".csv", b"a,a\n1,2\n")))


def test_lines_that_are_no_rows_are_quoted(tmp_path: Path) -> None:
    rows = list(read(put(tmp_path, ".jsonl", b'\xef\xbb\xbf{"a": 1}\n\n{broken\n[1]\n' + b"[" * 100_000 + b"\n")))
    assert rows[0] == {"a": 1}
    assert [row.raw[:7] for row in rows[1:] if isinstance(row, BadRow)] == ["{broken", "[1]", "[[[[[[["]


line = st.binary(max_size=30).map(lambda data: data.replace(b"\n", b""))
likely = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2).map(lambda row: json.dumps(row).encode())


@pytest.mark.parametrize("kind", [".jsonl", ".txt"])
@given(lines=st.lists(line | likely, max_size=8))
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, kind: str, lines: list[bytes]) -> None:
    path = put(tmp_path_factory.getbasetemp(), kind, b"\n".join(lines))
    told = [one.removeprefix(b"\xef\xbb\xbf") if number == 0 else one for number, one in enumerate(lines)]
    rows = list(read(path))
    assert len(rows) == sum(bool(one.strip()) for one in told)
    assert all(isinstance(row, dict | BadRow) for row in rows)


@given(data=st.binary(max_size=80))
@pytest.mark.parametrize("kind", [".json", ".csv", ".tsv", ".jsonl.gz", ".parquet", ".txt.zst"])
def test_whatever_a_file_holds_it_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes
) -> None:
    try:
        rows = list(read(put(tmp_path_factory.getbasetemp(), kind, data)))
    except DataError as error:
        assert "cannot be read" in str(error) or "ends early" in str(error) or "nested" in str(error)
    else:
        assert all(isinstance(row, dict | BadRow) for row in rows)


@given(rows=st.lists(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=2), max_size=5))
def test_what_is_written_as_csv_is_read_again(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["a", "b"], *rows])
    assert list(read(path)) == [{"a": a, "b": b} for a, b in rows]
