"""Tables use the window, and where one still scrolls there is a sign of it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.e2e
HIDDEN = """return Object.fromEntries([...document.querySelectorAll(".scroll")].map(box =>
  [box.getAttribute("aria-label"), box.scrollWidth - box.clientWidth]))"""


@pytest.mark.parametrize("width", [1280, 1920])
def test_claims_trends_and_tolerated_doses_are_shown_whole(browser: Any, report: str, width: int) -> None:
    browser.open(report, width=width)
    hidden = browser.run(HIDDEN)
    assert [hidden[name] for name in ("Claims and their verdicts", "Trends", "How much is tolerated")] == [0, 0, 0]
    assert browser.sideways() == 0


def test_a_wide_window_is_used(browser: Any, report: str) -> None:
    browser.open(report, width=1920)
    assert browser.run("return document.querySelector('main').clientWidth") > 1500
    assert browser.run("return document.querySelector('.answer').clientWidth") < 900


def test_what_scrolls_is_shaded_named_and_reached_by_keyboard(browser: Any, report: str) -> None:
    browser.open(report, width=390)
    box = "document.querySelector('#claims .scroll')"
    assert browser.run(f"return {box}.scrollWidth > {box}.clientWidth")
    assert browser.run(f"return getComputedStyle({box}).backgroundAttachment").split(", ")[-1] == "scroll"
    assert browser.run(f"return getComputedStyle({box}).backgroundImage").count("linear-gradient") == 4
    assert browser.run(f"return [{box}.tabIndex, {box}.getAttribute('role')]") == [0, "region"]


def test_a_phone_shows_an_arm_and_more_beside_the_first_column(browser: Any, report: str) -> None:
    browser.open(report, width=390)
    head = "document.querySelector('#results .suites .scroll thead th')"
    assert browser.run(f"return {head}.getBoundingClientRect().width") <= 130
    assert browser.run(f"return getComputedStyle({head}).position") == "sticky"
    assert browser.sideways() == 0
