"""The page as a person uses it: sort, filter, toggle, save, point at a mark."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from leaven.report.findings import ArmInfo, Findings
from leaven.report.page import render

pytestmark = pytest.mark.e2e
ROWS = "#results .suites > div:first-child table"


def cells(browser: Any, column: int) -> list[str]:
    """Return a column of the first table: the values, without what stands below them."""
    script = (
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
        ".map(row => row.cells[arguments[1]].querySelector('.v, .name').textContent.trim())"
    )
    return list(browser.run(script, ROWS, column))


def head(browser: Any, column: int) -> Any:
    return browser.driver.find_elements("css selector", f"{ROWS} thead th")[column]


def test_a_page_loads_without_a_word_or_a_request(browser: Any, rich: Findings, findings: Findings) -> None:
    for study in (rich, findings, Findings(name="empty", question="What?")):
        browser.open(render(study))
        console, asked = browser.notices()
        assert console == []
        assert asked == [(browser.folder / "report.html").as_uri()], "the page alone, and that was noticed"


def test_the_policy_stops_what_is_not_the_page_s_own(browser: Any, rich: Findings) -> None:
    source = render(rich).replace("<footer>", "<script>window.pwned = 1</script><footer>")
    browser.open(source)
    assert browser.run("return window.pwned") is None
    console, _ = browser.notices()
    assert "violates the following Content Security Policy directive" in " ".join(console)


def test_columns_sort_by_mouse_and_by_keyboard(browser: Any, report: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    came = cells(browser, 0)
    column = 1
    shown = [float(text.split()[0].replace("−", "-")) for text in cells(browser, column)]
    assert shown != sorted(shown, reverse=True)
    head(browser, column).find_element("css selector", "button").click()
    assert head(browser, column).get_attribute("aria-sort") == "descending"
    values = [float(text.split()[0].replace("−", "-")) for text in cells(browser, column)]
    assert values == sorted(shown, reverse=True)
    head(browser, column).find_element("css selector", "button").send_keys(Keys.ENTER)
    assert head(browser, column).get_attribute("aria-sort") == "ascending"
    assert cells(browser, column)[0].startswith(f"{min(shown):g}"[:3])
    head(browser, 0).find_element("css selector", "button").send_keys(Keys.SPACE)
    assert head(browser, column).get_attribute("aria-sort") is None
    assert cells(browser, 0) == sorted(came)
    for _ in range(2):
        head(browser, 0).find_element("css selector", "button").click()
    assert cells(browser, 0) == came
    browser.is_quiet()


def test_a_suite_can_be_singled_out(browser: Any, report: str) -> None:
    browser.open(report)
    assert browser.all("#results .suites h3") == ["eli5", "quality"]
    browser.choose("Suite", "quality")
    assert browser.all("#results .suites h3") == ["quality"]
    assert browser.all("#results .suites thead th")[1].startswith("coherence")
    browser.choose("Suite", "all")
    assert browser.all("#results .suites h3") == ["eli5", "quality"]


def test_arms_can_be_sought_where_there_are_many(browser: Any, rich: Findings) -> None:
    many = replace(rich, arms=[*rich.arms, *(ArmInfo(f"extra {i}") for i in range(12))])
    browser.open(render(many))
    browser.field("Arms").send_keys("extra 1")
    assert browser.all("#table-count") == ["3 of 18 arms"]
    assert browser.all(f"{ROWS} tbody th .name") == ["extra 1", "extra 10", "extra 11"]


def test_p_values_are_shown_when_asked_for(browser: Any, report: str) -> None:
    browser.open(report)
    assert browser.all("#results .suites .p") == []
    browser.press("p-values")
    shown = browser.all("#results .suites .p")
    assert len(shown) == 20
    assert all(text.startswith("p ") and "corrected" in text for text in shown)
    browser.press("p-values")
    assert browser.all("#results .suites .p") == []


def test_the_theme_goes_from_the_system_s_to_light_and_dark(browser: Any, report: str) -> None:
    browser.open(report, dark=True)
    paper = "return getComputedStyle(document.body).backgroundColor"
    dark = browser.run(paper)
    browser.click("#theme")
    light = browser.run(paper)
    browser.click("#theme")
    assert browser.all("#theme") == ["Theme: dark"]
    assert browser.run(paper) == dark != light
    browser.click("#theme")
    assert browser.run(paper) == dark
    browser.look(dark=True, media="print")
    assert browser.run(paper) == "rgb(255, 255, 255)"


def test_a_chart_is_saved_as_svg_and_png(browser: Any, report: str) -> None:
    browser.open(report)
    figure = browser.driver.find_element("css selector", "figure.plot")
    name = f"malign-labels-{figure.get_attribute('data-name')}"
    for button in figure.find_elements("css selector", ".tools button"):
        button.click()
    drawn = browser.saved(f"{name}.svg").read_text(encoding="utf-8")
    root = ET.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in drawn and "currentColor" not in drawn and "#0072b2" in drawn
    assert root[0].attrib["fill"] == "#ffffff"
    picture = browser.saved(f"{name}.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24])[0] == 2 * round(float(root.attrib["width"]))
    browser.is_quiet()


def test_the_table_is_saved_and_copied(browser: Any, report: str) -> None:
    browser.open(report)
    for words, ending, part in (
        ("Markdown", "md", "| arm |"),
        ("LaTeX", "tex", "\\toprule"),
        ("CSV", "csv", "arm,baseline,"),
    ):
        browser.choose("As text", words)
        browser.press("Save")
        assert part in browser.saved(f"malign-labels-table.{ending}").read_text(encoding="utf-8")
    browser.press("Copy")
    said = "return document.getElementById('export-said').textContent"
    assert browser.wait("const said = document.getElementById('export-said').textContent; return said !== 'Saved.' && said") in (
        "Copied.", "This browser does not let the page copy; save the file instead.",
    )  # fmt: skip
    assert browser.run(said)
    browser.is_quiet()


def test_marks_speak_under_the_pointer_and_by_the_arrow_keys(browser: Any, report: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    chart = browser.driver.find_element("css selector", "figure.dose svg.chart")
    marks = chart.find_elements("css selector", ".mark")
    tips = [mark.get_attribute("data-tip") for mark in marks]
    assert len(tips) >= 5
    assert browser.all(".tip") == []
    shown = "return document.querySelector('.tip:not([hidden])')?.textContent"
    ActionChains(browser.driver).move_to_element(marks[-1]).perform()
    assert browser.wait(shown) == tips[-1]
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    assert browser.run(shown) is None
    browser.run("arguments[0].focus()", chart)
    said = []
    for _ in range(len(tips)):
        ActionChains(browser.driver).send_keys(Keys.ARROW_RIGHT).perform()
        said.append(browser.run(shown))
    assert browser.run("return document.querySelector('body > p.unseen').textContent") == said[-1]
    assert set(said) == set(tips)
    assert next(iter(dict.fromkeys(tip.split("\n")[0] for tip in said))) == "clean"
    browser.run("arguments[0].blur()", chart)
    assert browser.run(shown) is None
    browser.is_quiet()


def test_without_a_script_the_page_is_whole(browser: Any, rich: Findings) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = browser.folder / "plain.html"
        page.write_text(render(rich), encoding="utf-8")
        browser.driver.get(page.as_uri())
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert browser.run("return document.documentElement.classList.contains('scripted')") is False
    assert browser.all("main button, main select, main input") == []
    assert len(browser.all("#some-samples .prompt")) == 8
    assert "toxicity rises" in browser.all("#answer")[0]
