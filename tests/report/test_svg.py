"""What matplotlib writes becomes part of a page: its colours, its marks' words, nothing that acts or dates."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from leaven.report import svg
from leaven.report.charts.canvas import canvas
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import short, ticks, written

HALF = Look(svg.SERIES[0], "o", 0.5)


def picture(tip: str = "an arm\nits value") -> ET.Element:
    with canvas(100) as sheet:
        sheet.axes.set_xlim(0, 2)
        sheet.axes.set_ylim(0, 2)
        sheet.line([0.5, 1.5], [1, 1], HALF.colour, tip, zorder=5)
        sheet.point(1, 1, HALF, tip)
        sheet.text(1, 1.5, "<b>&$x$", halo=True)
        return ET.fromstring(sheet.svg("one-1", "a <title>", "words"))


def test_a_mark_says_the_same_to_script_and_browser() -> None:
    marks = [element for element in picture().iter() if element.get("class") == "mark"]
    assert len(marks) == 1, "the interval and the point are one mark"
    assert marks[0].get("data-tip") == "an arm\nits value"
    assert [title.text for title in marks[0].iter("title")] == ["an arm\nits value"]
    assert len(list(marks[0].iter("use"))) == 2, "the point's paper and the point"


def test_colours_are_the_pages() -> None:
    styles = " ".join(element.get("style", "") for element in picture().iter())
    assert "fill: var(--s1, #0072b2); fill-opacity: 0.5; stroke: var(--s1, #0072b2)" in styles
    assert "stroke: var(--paper, #fdfcf9); stroke-width: 3px" in styles, "the halo"
    bare = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", styles)
    assert "#" not in re.sub(r"url\(#[\w-]+\)", "", bare)
    assert "font-family" not in styles


@pytest.mark.parametrize("tip", ["<img onerror=x>", "nul\x00", "\u202egnp", '\'" onload="x'])
def test_words_are_cleaned_and_escaped(tip: str) -> None:
    (mark,) = [element for element in picture(tip).iter() if element.get("class") == "mark"]
    assert mark.get("data-tip") == svg.clean(tip)
    assert not [key for element in picture(tip).iter() for key in element.attrib if key.startswith("on")]


def test_a_picture_carries_a_name_for_readers_and_no_date() -> None:
    root = picture()
    assert root.get("role") == "img" and root.get("aria-labelledby") == "one-1-title one-1-desc"
    assert [(child.tag, child.text) for child in root[:2]] == [("title", "a <title>"), ("desc", "words")]
    assert not [element for element in root.iter() if element.tag in ("metadata", "style", "script")]
    assert [element.text for element in root.iter("text")][-1] == "<b>&$x$"


def test_places_are_rounded() -> None:
    numbers = re.findall(r"\d+\.(\d+)", " ".join(path.get("d", "") for path in picture().iter("path")))
    assert numbers and max(map(len, numbers)) <= 2


@pytest.mark.parametrize(("share", "expected"), [(0.0, svg.PAPER), (1.0, svg.SERIES[1]), (0.99, svg.SERIES[1])])
def test_an_empty_fill_is_paper_and_a_full_one_the_colour(share: float, expected: str) -> None:
    assert svg.fill(svg.SERIES[1], share) == expected


# Axes in words


def test_ticks_have_the_digits_of_their_step() -> None:
    assert [text for _, text in ticks(-0.21, 0.06, "score")] == ["−0.20", "−0.15", "−0.10", "−0.05", "0.00", "0.05"]
    assert [text.replace("\u00a0", " ") for _, text in ticks(0.0, 1.0, "share")] == [
        "0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]  # fmt: skip
    assert [text for _, text in ticks(-0.1, 0.3, "share", change=True)] == ["−10", "0", "10", "20", "30"]
    assert written([1e6, 2e6]) == ["1e+06", "2e+06"]


def test_ticks_keep_within_their_room() -> None:
    wide, narrow = ticks(-0.21, 0.06, "score", 400), ticks(-0.21, 0.06, "score", 150)
    assert len(wide) == 6 and [text for _, text in narrow] == ["−0.2", "−0.1", "0.0"]


def test_long_names_keep_both_ends() -> None:
    assert short("poisoned@learning_rate=1,p=0.33", 16) == "poisone…1,p=0.33"
    assert short("a\nb", 16) == "a b"
    assert len(short("x" * 500, 20)) == 20
