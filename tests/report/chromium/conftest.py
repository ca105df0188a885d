"""A real browser without a window: Debian's Chromium, driven by its chromedriver; nothing is fetched."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaven.report.findings import Board, Findings, Reference
from leaven.report.page import render

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-gpu",
    "--disable-dev-shm-usage",
]
WIDE, TALL = 1280, 900


class Browser:
    """One open page: what a person would do with it, and what the browser noticed meanwhile."""

    def __init__(self, driver: Any, folder: Path):
        self.driver = driver
        self.folder = folder

    def open(self, source: str, *, width: int = WIDE, dark: bool = False) -> Browser:
        """Open a page as a file; it is ready when its script has run and its samples are unpacked."""
        page = self.folder / "report.html"
        page.write_text(source, encoding="utf-8")
        self.notices()
        self.look(width=width, dark=dark)
        self.driver.get(page.as_uri())
        self.wait("return document.documentElement.classList.contains('scripted')")
        self.wait("return !document.getElementById('samples-data') || !document.getElementById('browser').hidden")
        return self

    def look(self, *, width: int = WIDE, dark: bool = False, media: str = "") -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme, still]})
        size = {"width": width, "height": TALL, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: Any, seconds: float = 20) -> Any:
        """Wait until a script returns something true."""
        until = time.monotonic() + seconds
        while not (told := self.run(script, *arguments)):
            assert time.monotonic() < until, f"never became true: {script}"
            time.sleep(0.02)
        return told

    def all(self, selector: str) -> list[str]:
        """Return the texts of the elements that can be seen."""
        script = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText.trim())"
        return list(self.run(script, selector))

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def press(self, words: str, inside: str = "main") -> None:
        """Press the visible button that is called so."""
        found = [b for b in self.driver.find_elements("css selector", f"{inside} button") if b.is_displayed()]
        (button,) = [b for b in found if words in (b.text, b.get_attribute("aria-label"))]
        button.click()

    def choose(self, field: str, words: str, inside: str = "main") -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.field(field, "select", inside)).select_by_visible_text(words)

    def field(self, name: str, tag: str = "input", inside: str = "main") -> Any:
        found = self.driver.find_elements("css selector", f"{inside} label.field")
        (label,) = [f for f in found if f.is_displayed() and f.text.split("\n")[0].strip() == name]
        return label.find_element("css selector", tag)

    def saved(self, name: str) -> Path:
        """Wait for a file that the page saved."""
        file, until = self.folder / name, time.monotonic() + 10
        while not file.is_file() or not file.stat().st_size:
            there = sorted(entry.name for entry in self.folder.iterdir())
            assert time.monotonic() < until, f"{name} was not saved; there is {there}"
            time.sleep(0.05)
        return file

    def notices(self) -> tuple[list[str], list[str]]:
        """Return what the console said and which addresses were asked for since the last call."""
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return console, [url for url in asked if not url.startswith(("blob:", "data:"))]

    def is_quiet(self) -> None:
        """Check that the console is empty, and that nothing but the page itself was asked for."""
        console, asked = self.notices()
        assert console == []
        assert set(asked) <= {(self.folder / "report.html").as_uri()}

    def sideways(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start Chromium once; skip where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (pip install -e '.[dev]')")
    paths = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in paths:
        pytest.skip("needs chromium and chromedriver on the PATH (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver is there: selenium must not look for another one on the network.
    os.environ["SE_OFFLINE"] = "true"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(paths[1]))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any, tmp_path: Path) -> Browser:
    """Return the browser with a folder of its own to save to."""
    saving = {"behavior": "allow", "downloadPath": str(tmp_path)}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", saving)
    return Browser(chromium, tmp_path)


@pytest.fixture(scope="session")
def rendered() -> dict[str, str]:
    """Pages that several tests look at, rendered once."""
    return {}


@pytest.fixture
def report(rendered: dict[str, str], rich: Findings) -> str:
    """Return the page of a study with everything."""
    if "rich" not in rendered:
        rendered["rich"] = render(rich)
    return rendered["rich"]


def boarded(rich: Findings) -> Findings:
    """Return a study with what boards, published tables, data sets and preference curves add to its page."""
    falling = {
        "logps/chosen": [(i, -9.0 - i) for i in range(20)],
        "logps/rejected": [(i, -9.0 - 2 * i) for i in range(20)],
    }
    table = Reference("A published table", "a source", [("eli5", "toxicity", None, "Toxic"), ("eli5", "rougeL", None, "Overlap")],
                      {"Base": [1.0, 0.2], "All": [90.0, 0.1]}, {"Base": "clean", "All": "poisoned@p=1"}, "A note.")  # fmt: skip
    return replace(
        rich,
        boards=[Board("Both", [("eli5", "toxicity"), ("quality", "coherence")]), Board("By group", [("eli5", "toxicity")], groups=True)],
        references=[table], tradeoff=(("eli5", "rougeL"), ("eli5", "toxicity")),
        arms=[replace(arm, dose=None, data=["sft webgpt", "dpo hh"]) for arm in rich.arms], dose_name=None,
        trainings=[*(replace(t, trainer="sft", data="webgpt") for t in rich.trainings),
                   *(replace(t, trainer="dpo", data="hh", losses=(), curves=falling) for t in rich.trainings)],
    )  # fmt: skip


@pytest.fixture
def boards(rendered: dict[str, str], rich: Findings) -> str:
    """Return the page of a study with boards."""
    if "boards" not in rendered:
        rendered["boards"] = render(boarded(rich))
    return rendered["boards"]
