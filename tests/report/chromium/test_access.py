"""For readers with a phone, a keyboard, a screen reader, or paper: axe-core's rules, and that nothing runs off the page."""

from __future__ import annotations

import base64
import itertools
from importlib.resources import files
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


def faults(browser: Any) -> list[str]:
    """Return axe-core's serious and critical findings."""
    pytest.importorskip("selenium_axe_python", reason="axe-core is not installed (pip install -e '.[dev]')")
    browser.run(files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text(encoding="utf-8"))
    done = "const done = arguments[arguments.length - 1]; axe.run({resultTypes: ['violations']}).then(done, e => done({violations: [{impact: 'critical', id: String(e), nodes: []}]}))"
    found = browser.driver.execute_async_script(done)["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes'][:4]]}" for one in serious]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)], ids=["light", "dark", "phone"])
def test_axe_finds_no_serious_fault(browser: Any, report: str, width: int, dark: bool) -> None:
    browser.open(report, dark=dark, width=width)
    assert faults(browser) == []
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.press("p-values")
    browser.press("What changed most")
    assert faults(browser) == []
    browser.is_quiet()


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)], ids=["dark", "phone"])
def test_boards_and_published_tables_are_for_everybody(browser: Any, boards: str, width: int, dark: bool) -> None:
    browser.open(boards, dark=dark, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert faults(browser) == []
    assert browser.sideways() == 0
    assert {"Both", "By group"} <= set(browser.all("#results h3"))
    assert len(browser.all("figure.preferences")) == 1 and len(browser.all("#verdicts h3")) == 4
    browser.is_quiet()


@pytest.mark.parametrize("width", [320, 390, 1280, 1920])
def test_nothing_runs_off_the_page(browser: Any, report: str, width: int) -> None:
    browser.open(report, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.sideways() == 0
    browser.press("What changed most")
    assert browser.sideways() == 0


def test_an_ordinary_screen_shows_the_arms_table_whole(browser: Any, report: str) -> None:
    browser.open(report, width=1280)
    hidden = "return [...document.querySelectorAll('#results .suites .scroll')].map(box => box.scrollWidth - box.clientWidth)"
    assert browser.run(hidden) == [0, 0]


def test_headings_go_down_one_step_at_a_time(browser: Any, report: str) -> None:
    browser.open(report)
    levels = browser.run(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_keyboard_skips_to_the_report_and_sees_where_it_is(browser: Any, report: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    assert browser.run("return document.activeElement.textContent") == "Skip to the report"
    assert browser.run("return document.activeElement.getBoundingClientRect().left") >= 0
    ActionChains(browser.driver).send_keys(Keys.ENTER).send_keys(Keys.TAB).perform()
    assert browser.run("return document.getElementById('main').contains(document.activeElement)")
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_paper_has_everything_but_the_buttons(browser: Any, report: str) -> None:
    browser.open(report)
    browser.look(width=800, media="print")
    assert browser.all("button:not(.sort), select, input, nav") == []
    assert len(browser.all("#some-samples .prompt")) == 8
    assert browser.run(
        "return [...document.querySelectorAll('details:not(.values) > :last-child')].every(e => e.getBoundingClientRect().height > 0)"
    )
    paper = browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(paper["data"]).startswith(b"%PDF")
