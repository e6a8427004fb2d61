"""The console in a real browser: accessible, in any size, from the first to the last click."""

from __future__ import annotations

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser import examine, messages
from tests.console.operated import TOKEN, Operated
from tests.console.test_console_pages import HOSTILE, PAGES
from tests.console.test_demo_browser import find, press, waiting

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def filled(service: Operated) -> Operated:
    """A service whose pages have something."""
    service.do(lambda store: store.set_changes(True))
    service.add({1: HOSTILE, 2: "乙", 3: "丙", 4: "丁"}, (1, 2), (2, 1), (1, 3), (3, 2), (1, 4))
    return service


@pytest.fixture
def used(browser: Chrome, filled: Operated) -> Operated:
    """The service, with the browser signed in."""
    service = filled
    browser.get(f"{service.admin_url}/console")
    find(browser, "[name=token]").send_keys(TOKEN)
    find(browser, "main button").click()
    waiting(browser).until(lambda _: find(browser, "#overview"))
    messages(browser)
    return service


def until_shown(browser: Chrome, selector: str, text: str) -> None:
    """Wait until a part of the page, which renews itself, contains a text."""
    script = "return document.querySelector(arguments[0]).textContent"
    waiting(browser).until(lambda _: text in browser.execute_script(script, selector))


def test_every_page_is_accessible_and_fits(browser: Chrome, used: Operated) -> None:
    examine(browser, [f"{used.admin_url}/console{path}" for path in ("/sign-in", *PAGES)])
    assert not messages(browser)


def test_ban_see_it_arrive_erase(browser: Chrome, used: Operated) -> None:
    home = f"{used.admin_url}/console"
    browser.get(f"{home}/changes")
    assert "No change yet" in find(browser, "#changes").text
    used.add({4: "新名"})
    until_shown(browser, "#changes", "新名")
    used.add({5: "戊"})  # the stream goes on after the first
    until_shown(browser, "#changes", "戊")
    browser.get(f"{home}/accounts?q=4")
    find(browser, "tbody a").click()
    waiting(browser).until(lambda _: find(browser, "#ban"))
    find(browser, "[name=reason]").send_keys("spam")
    assert press(browser, "form[action$='/ban'] button") == "The account is banned"
    browser.get(f"{home}/accounts/4/erase")
    find(browser, "[name=typed]").send_keys("4")
    assert press(browser, "button.danger") == "The erasure has begun"
    until_shown(browser, "#erasure", "Finished at")
    browser.get(f"{home}/audit?mid=4")
    rows = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "tbody code")]
    assert rows == ["DELETE /accounts/{mid}", "PUT /accounts/{mid}/state"]
    assert not messages(browser)
