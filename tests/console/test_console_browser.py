"""The console in a real browser: accessible, in any size, from the first to the last click."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import examine, messages, prefer, resize, violations
from tests.console.operated import TOKEN, Operated
from tests.console.test_console_pages import HOSTILE, PAGES
from tests.console.test_console_work import EDGES
from tests.console.test_demo_browser import find, press, waiting
from tests.counts import count

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


@pytest.mark.long
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


@pytest.mark.long
def test_import_a_file_by_keyboard_and_back_up(
    browser: Chrome, used: Operated, tmp_path: Path
) -> None:
    home = f"{used.admin_url}/console"
    file = tmp_path / "edges <img>.csv"
    file.write_bytes(EDGES.replace(b",2,", b",52,").replace(b"1,3", b"51,53"))
    browser.get(f"{home}/import")
    find(browser, "[name=file]").send_keys(str(file))
    find(browser, "form[enctype] button").send_keys(Keys.ENTER)
    wait = waiting(browser)
    wait.until(lambda _: browser.find_elements(By.NAME, "column.follower"))
    for column, key in (("follower", "s"), ("followed", "d"), ("time", "w")):
        find(browser, f"[name='column.{column}']").send_keys(key)
    find(browser, "[name=skip_bad]").send_keys(Keys.SPACE)
    find(browser, "button[value=preview]").send_keys(Keys.ENTER)
    wait.until(lambda _: browser.find_elements(By.ID, "would"))
    assert "is not an account id" in find(browser, "[aria-labelledby=bad]").text
    for scheme in ("light", "dark")[: count(1, 2)]:
        prefer(browser, scheme)
        assert not violations(browser), scheme
    resize(browser, 390)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    find(browser, "button[value=run]").send_keys(Keys.ENTER)
    wait.until(lambda _: browser.find_elements(By.ID, "last"))
    assert "edges <img>.csv" in find(browser, "#last").text
    browser.get(f"{home}/copies")
    find(browser, "form[action$='/backup'] button").send_keys(Keys.ENTER)
    wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, "a[href*='/backup-']"))
    assert not violations(browser)
    browser.get(f"{home}/check")
    find(browser, "form[action$='/check'] button").send_keys(Keys.ENTER)
    until_shown(browser, "#work", "No faults")
    browser.get(f"{home}/audit")
    rows = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "tbody code")]
    assert rows[:3] == ["check", "backup", "import edges"]
    assert not messages(browser)
