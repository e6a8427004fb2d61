"""The emulator's pages in a real browser: accessible, in any size, with hostile names."""

from __future__ import annotations

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from guanxi.demo.world import HERO
from tests.browser import examine, messages, violations
from tests.console.visitor import Demo

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='x'\">\u202e'\"&amp;"
PAGES = (
    "/",
    "/docs",
    f"/docs/relation.followings?vmid={HERO}",
    "/demo/requests",
    "/demo/requests/1",
    "/demo/faults",
    "/demo/stubs",
    "/demo/stubs?example=down",
    "/demo/stubs/1",
    "/demo/world",
    "/demo/world/reset?name=start",
    "/demo/nothing",
)


def waiting(browser: Chrome) -> WebDriverWait[Chrome]:
    return WebDriverWait(browser, 20)


def find(browser: Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def press(browser: Chrome, selector: str) -> str:
    """Click a button that leads to another page, and return that page's notice."""
    browser.execute_script("document.body.dataset.left = '1'")
    find(browser, selector).click()
    notice = waiting(browser).until(lambda _: find(browser, "body:not([data-left]) .notice"))
    return notice.text


@pytest.fixture
def used(browser: Chrome, demo: Demo) -> Demo:
    """A demo where somebody with a hostile name acts, and where something is on each page."""
    demo.control("POST", "/accounts", cards={"77": {"name": HOSTILE}})
    browser.get(f"{demo.url}/")
    find(browser, "input[name=mid]:not([type=hidden])").send_keys(f"77{Keys.ENTER}")
    waiting(browser).until(lambda _: find(browser, ".notice"))
    browser.get(f"{demo.url}/x/relation/stat?vmid=1")
    demo.control("POST", "/marks", name=HOSTILE)
    demo.control("POST", "/stubs", method="GET", path=f"/{HOSTILE}", body={"name": HOSTILE})
    demo.control("POST", "/stories", name="flaky")
    demo.control("POST", "/faults", endpoint=f"/{HOSTILE}", code=-1)
    messages(browser)
    return demo


@pytest.mark.long
def test_every_page_is_accessible_fits_and_keeps_names_text(browser: Chrome, used: Demo) -> None:
    examine(browser, [used.url + path for path in PAGES])
    console = messages(browser)
    assert not [line for line in console if "/demo/nothing" not in line]


def test_a_page_that_is_not_accessible_is_found(browser: Chrome) -> None:
    browser.get("data:text/html,<title>a</title><input><p style='color: %23eee'>pale</p>")
    found = {line.partition(":")[0] for line in violations(browser)}
    assert {"label", "color-contrast", "html-has-lang"} <= found


@pytest.mark.long
def test_from_first_to_last_click(browser: Chrome, demo: Demo) -> None:
    browser.get(f"{demo.url}/")
    assert browser.current_url == f"{demo.url}/", "the start page is at / itself"
    done = press(browser, f".tile input[value='{HERO}'] + button")
    assert done == f"You act as 示例用户 ({HERO})"
    # Call an endpoint.
    browser.get(f"{demo.url}/docs/relation.followings?vmid={HERO}&ps=1")
    find(browser, "#request button").click()
    waiting(browser).until(lambda _: find(browser, "#answer").text)
    assert '"code": 0' in find(browser, "#answer").text
    # See it arrive, and those that come while one looks.
    browser.get(f"{demo.url}/demo/requests")
    first = find(browser, "#requests tbody tr")
    assert "relation.followings" in first.text
    assert "示例用户" in first.text
    fetch = "fetch('/x/relation/stat?vmid=2').then(() => arguments[0]())"
    browser.execute_async_script(fetch)
    waiting(browser).until(lambda _: "relation.stat" in find(browser, "#requests tbody tr").text)
    find(browser, "#requests tbody tr a").click()
    assert find(browser, "h1").text == "relation.stat"
    # Let it fail.
    browser.get(f"{demo.url}/demo/faults")
    find(browser, "[name=endpoint]").clear()
    find(browser, "[name=endpoint]").send_keys("relation.stat")
    find(browser, "[name=value]").send_keys("-352")
    assert press(browser, "form.stack .row button") == "The fault is set"
    assert press(browser, "button[aria-label=restarts]") == "restarts is on"
    assert find(browser, "button[aria-label=restarts]").get_attribute("aria-checked") == "true"
    browser.execute_async_script(fetch)
    browser.get(f"{demo.url}/demo/requests?code=-352")
    assert "code -352" in find(browser, "#requests tbody tr").text
    # Go back to the start.
    browser.get(f"{demo.url}/demo/world")
    find(browser, "a[href$='/world/renew']").click()
    assert press(browser, "button.danger") == "Everything is as at the start"
    about = demo.control("GET", "")
    assert (about["faults"], about["requests"], about["marks"]) == (0, 0, ["start"])
    assert not messages(browser)


@pytest.mark.long
def test_nothing_moves_under_the_pointer(browser: Chrome, demo: Demo) -> None:
    """The table renews itself, but not while it is focused."""
    browser.get(f"{demo.url}/")
    fetch = "fetch('/x/relation/stat?vmid=2').then(() => arguments[0]())"
    browser.execute_async_script(fetch)
    browser.get(f"{demo.url}/demo/requests")
    browser.execute_script("document.querySelector('#requests a').focus()")
    browser.execute_script(
        "window.held = 0;"
        "document.addEventListener('htmx:before:request', (event) => {"
        "  if (event.defaultPrevented) window.held += 1;"
        "});"
    )
    browser.execute_async_script(fetch)
    waiting(browser).until(lambda _: browser.execute_script("return window.held"))
    assert len(browser.find_elements(By.CSS_SELECTOR, "#requests tbody tr")) == 1
    browser.execute_script("document.activeElement.blur()")
    waiting(browser).until(
        lambda _: len(browser.find_elements(By.CSS_SELECTOR, "#requests tbody tr")) == 2
    )


def test_times_are_in_the_zone_of_the_person(browser: Chrome, demo: Demo) -> None:
    demo.control("PUT", "/clock", at=1_796_083_230)
    browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    try:
        for _ in range(2):  # written by the browser, then by the server
            browser.get(f"{demo.url}/demo/world")
            assert find(browser, ".clock").text == "2026-12-01 09:00:30"
            assert find(browser, "#zone").text == "Asia/Tokyo"
        assert 'data-zone="Asia/Tokyo"' in browser.page_source
    finally:
        browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


@pytest.mark.long
def test_by_keyboard(browser: Chrome, demo: Demo) -> None:
    """The first tab skips to the content; each stop is visible; a button is pressed with a key."""
    browser.get(f"{demo.url}/")

    def tab() -> WebElement:
        browser.switch_to.active_element.send_keys(Keys.TAB)
        return browser.switch_to.active_element

    skip = tab()
    assert skip.text == "Skip to the content"
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    for _ in range(20):
        stop = tab()
        outline = stop.value_of_css_property("outline-style")
        assert outline == "solid", stop.get_attribute("outerHTML")
        if stop.get_attribute("aria-label") == "Act as 示例用户":
            break
    else:
        pytest.fail("the button was not reached")
    stop.send_keys(Keys.SPACE)
    assert waiting(browser).until(lambda _: find(browser, ".notice")).text.startswith("You act as")
