from __future__ import annotations

from pathlib import Path

import pytest

from leaven.data.lengths import Cut, binned, cut, plot, problem
from leaven.errors import DataError


def test_bins_are_powers_of_two_and_hold_every_value() -> None:
    made = binned({"a": [0, 1, 4, 7, 8], "b": [16]})
    assert [(low, high) for low, high, _ in made] == [(0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, 31)]
    assert [counts["a"] for *_, counts in made] == [1, 1, 0, 2, 1, 0]
    assert [counts["b"] for *_, counts in made] == [0, 0, 0, 0, 0, 1]
    assert binned({"a": []}) == []


def test_what_a_limit_cuts_off() -> None:
    assert cut([5, 10, 11, 30], 10) == Cut(rows=2, lost=21, tokens=56)


@pytest.mark.parametrize("name", ["a.svg", "a.PNG"])
def test_a_plot_is_written_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    lengths = {"prompt characters": [1, 50, 0], "chosen characters": [100, 900, 3], "tokens": [7, 80, 90]}
    plot(tmp_path / name, lengths, "$x^2$ <b>", 64)
    first = (tmp_path / name).read_bytes()
    plot(tmp_path / name, lengths, "$x^2$ <b>", 64)
    assert first == (tmp_path / name).read_bytes()
    if name.endswith("svg"):
        assert b"max_length 64" in first and b"chosen: median 100" in first and b"$x^2$ &lt;b&gt;" in first
    else:
        assert first.startswith(b"\x89PNG")


def test_what_cannot_be_plotted_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no texts"):
        plot(tmp_path / "a.svg", {}, "t")
    assert "written as .svg or .png" in (problem(tmp_path / "a.gif") or "")
    assert "there is no folder" in (problem(tmp_path / "no" / "a.svg") or "")
    assert problem(tmp_path / "a.svg") is None
