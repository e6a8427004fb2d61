"""A headless Chromium for the tests marked ``browser``, one for a run; a conftest imports both."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from guanxi.web import language
from tests.counts import LONG
from tools.browser import MISSING, chromium

_AXE = Path(__file__).parent / "vendor" / "axe.min.js"
#: Every look of a page: its width in CSS pixels, its colours and its language.
LOOKS = [*product((1280, 390), ("light", "dark"), ("en", "zh"))]
#: 1280 at 200 % zoom is 640.
_WIDTHS = (390, 640, 1280)
#: What paper would show in part, or could not do: elements that scroll, and buttons.
_NOT_PRINTED = """
const visible = [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility());
return visible.filter((one) => {
  const { overflowX, overflowY } = getComputedStyle(one);
  if (one.matches("textarea, select, input")) return false;
  return one.matches("button") || (overflowX === "auto" && one.scrollWidth > one.clientWidth + 1)
    || (overflowY === "auto" && one.scrollHeight > one.clientHeight + 1);
}).map((one) => one.outerHTML.slice(0, 120));
"""
#: The element that has the focus, and whether one sees that it has; null after the last.
_STOP = """
const one = document.activeElement;
if (!one || one === document.body) return null;
const { outlineStyle, outlineWidth } = getComputedStyle(one);
const { right, left, bottom, top, width } = one.getBoundingClientRect();
const isShown = width && right > 0 && left < innerWidth && bottom > 0 && top < innerHeight;
const isMarked = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
return [one.outerHTML.slice(0, 120), isShown && isMarked];
"""
#: How often the tab key is pressed on a page.
_STOPS = 60
#: The entries of the navigation that one cannot see.
_OUTSIDE = """
return [...document.querySelectorAll("header nav a")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.textContent);
"""
#: Everything that axe-core has for WCAG 2.2 AA, and what it calls best practice.
_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  ({violations}) => done(violations.flatMap(({id, help, nodes}) =>
    nodes.map(({html, failureSummary}) => `${id}: ${help}\\n  ${html}\\n  ${failureSummary}`))),
  (error) => done([`${error}`]));
"""


@pytest.fixture(scope="session")
def running_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """The browser of this run, as the test before left it."""
    if MISSING and not os.environ.get("CI"):
        pytest.skip(f"no {' and no '.join(MISSING)} here")
    assert not MISSING, f"under CI these must be there: {MISSING}"
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def browser(running_browser: Chrome) -> Chrome:
    """A headless Chromium without cookies, in its usual size, whose console a test can read."""
    command = running_browser.execute_cdp_cmd
    running_browser.get("about:blank")
    command("Network.clearBrowserCookies", {})
    command("Emulation.clearDeviceMetricsOverride", {})
    command("Emulation.setEmulatedMedia", {"media": "", "features": []})
    messages(running_browser)
    return running_browser


def messages(driver: Chrome) -> list[str]:
    """Return what the console has got since the last call; the requests' own lines are left out."""
    lines: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return [line["message"] for line in lines if line["level"] != "DEBUG"]


def resize(driver: Chrome, width: int, height: int = 900) -> None:
    """Let a page have this many CSS pixels. 1280 at 200 % zoom is 640."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(driver: Chrome, scheme: str) -> None:
    """Let a page be ``light`` or ``dark``."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


def violations(driver: Chrome) -> list[str]:
    """Return what axe-core finds wrong with the page that is shown."""
    if not driver.execute_script("return typeof axe === 'object'"):
        driver.execute_script(f"{_AXE.read_text('utf-8')}; window.axe = axe")
    found: list[str] = driver.execute_async_script(_RUN_AXE)
    return found


def examine(driver: Chrome, addresses: Sequence[str]) -> None:
    """Assert for each page that it is accessible, fits, prints, and shows names as text.

    The browser must be on a page of their host. In the short form each page is examined in one
    look, each look with a page, and every sixth page with the tab key; in the long form all of it.
    """
    assert len(addresses) >= len(LOOKS)
    with _axe_on_each_page(driver):
        for number, address in enumerate(addresses):
            _examine(driver, number, address)


@contextmanager
def _axe_on_each_page(driver: Chrome) -> Iterator[None]:
    """Let each page have axe-core while the block runs: to send it to each takes twice as long."""
    source = {"source": _AXE.read_text("utf-8")}
    script = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def _examine(driver: Chrome, number: int, address: str) -> None:
    looks = LOOKS if LONG else [LOOKS[number % len(LOOKS)]]
    for width, scheme, lang in looks:
        resize(driver, width)
        prefer(driver, scheme)
        driver.add_cookie({"name": language.COOKIE, "value": lang})
        driver.get(address)
        look = (address, width, scheme, lang)
        found = violations(driver)
        assert not found, (look, found)
        shown, text, title, images = driver.execute_script(
            "return [document.documentElement.lang, document.body.innerText, document.title,"
            " document.images.length]"
        )
        assert shown.startswith(lang), look
        assert "\u202e" not in text, look
        assert title != "x", look
        assert not images, look
    if LONG or number % 6 == 3:
        driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        unseen = unseen_stops(driver)
        assert not unseen, (address, unseen)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    resize(driver, 740)
    cut = driver.execute_script(_NOT_PRINTED)
    assert not cut, (address, cut)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    for width in _WIDTHS:
        resize(driver, width)
        wide = driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, (address, width)
        outside = driver.execute_script(_OUTSIDE)
        assert not outside, (address, width, outside)


def unseen_stops(driver: Chrome) -> list[str]:
    """Press the tab key through the page; return where the focus is that one does not see."""
    unseen = []
    for _ in range(_STOPS):
        for kind in ("keyDown", "keyUp"):
            key = {"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
            driver.execute_cdp_cmd("Input.dispatchKeyEvent", key)
        stop = driver.execute_script(_STOP)
        if stop is None:
            break
        if not stop[1]:
            unseen.append(stop[0])
    return unseen
