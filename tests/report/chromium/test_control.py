"""The section on control tokens for everybody: light, dark and on a phone, with everything unfolded."""

from __future__ import annotations

import importlib.util
import itertools
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from leaven.report.page import render

pytestmark = pytest.mark.e2e
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true; })"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    file = Path(__file__).parents[1] / "conditioned" / "conftest.py"
    spec = importlib.util.spec_from_file_location("control_studies", file)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    four = ("tox", "sen", "len", "form")
    return {
        "two": render(made.study(made.TWO, ("tox", "sen"), ("tox",))),
        "four": render(made.study(made.FOUR, four, ())),
    }


def faults(browser: Any) -> list[str]:
    pytest.importorskip("selenium_axe_python", reason="axe-core is not installed (pip install -e '.[dev]')")
    browser.run(files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text(encoding="utf-8"))
    done = "const done = arguments[arguments.length - 1]; axe.run('#control', {resultTypes: ['violations']}).then(done)"
    found = browser.driver.execute_async_script(done)["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:4]]}" for one in serious]


@pytest.mark.parametrize("name", ["two", "four"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)], ids=["light", "dark", "phone"])
def test_it_is_for_everybody(browser: Any, pages: dict[str, str], name: str, width: int, dark: bool) -> None:
    browser.open(pages[name], dark=dark, width=width)
    browser.run(OPEN)
    assert faults(browser) == []
    assert browser.sideways() == 0
    browser.is_quiet()


def test_an_ordinary_screen_shows_sixteen_combinations_whole(browser: Any, pages: dict[str, str]) -> None:
    browser.open(pages["four"], width=1280)
    browser.run(OPEN)
    hidden = (
        "return [...document.querySelectorAll('.scroll:has(.matrix)')].map(box => box.scrollWidth - box.clientWidth)"
    )
    assert set(browser.run(hidden)) == {0}


def test_what_was_asked_for_is_framed_not_only_coloured(browser: Any, pages: dict[str, str]) -> None:
    browser.open(pages["two"])
    style = "return getComputedStyle(document.querySelector('.matrix .asked'))"
    assert browser.run(f"{style}.outlineStyle") == "solid"
    assert browser.run(f"{style}.fontWeight") == "700"


def test_headings_go_down_one_step_at_a_time(browser: Any, pages: dict[str, str]) -> None:
    browser.open(pages["two"])
    browser.run(OPEN)
    levels = browser.run("return [...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])")  # fmt: skip
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
