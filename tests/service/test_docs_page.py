"""The page that tries the API, in a real browser: it works, by keyboard too, and stays at home."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.testing import RunningService
from tests.service.client import fresh, send

_HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/docs/docs.css"])
def test_its_files_are_kept_to_themselves(path: str, documented: RunningService) -> None:
    answer = send(documented.base_url, "GET", path)
    assert answer.status == 200
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    text = answer.raw.decode()
    assert "://" not in text, "nothing is loaded from outside"
    assert "innerHTML" not in text
    assert "eval" not in text


@pytest.fixture
def page(browser: Chrome, documented: RunningService) -> Chrome:
    browser.delete_all_cookies()
    browser.get(f"{documented.base_url}/docs")
    waiting(browser).until(lambda _: not busy(browser))
    return browser


def waiting(browser: Chrome) -> WebDriverWait[Chrome]:
    return WebDriverWait(browser, 20)


def busy(browser: Chrome) -> bool:
    return browser.find_element(By.ID, "operations").get_attribute("aria-busy") is not None


def operation(browser: Chrome, endpoint: Endpoint) -> WebElement:
    return browser.find_element(By.ID, endpoint.name)


def answer_of(browser: Chrome, endpoint: Endpoint) -> str:
    """Wait for an operation's response and return its text."""
    place = operation(browser, endpoint).find_element(By.CLASS_NAME, "answer")
    waiting(browser).until(lambda _: place.text.startswith("HTTP"))
    return place.text


def sign_in(browser: Chrome, sessdata: str, bili_jct: str) -> None:
    browser.find_element(By.ID, "sessdata").send_keys(sessdata)
    browser.find_element(By.ID, "bili_jct").send_keys(bili_jct + Keys.ENTER)
    who = browser.find_element(By.ID, "who")
    waiting(browser).until(lambda _: who.text.startswith("mid"))


@pytest.mark.browser
def test_every_operation_is_shown_and_no_resource_is_blocked(page: Chrome) -> None:
    shown = page.find_elements(By.CSS_SELECTOR, "main details")
    assert {one.get_attribute("id") for one in shown} == {one.name for one in ENDPOINTS}
    console: Callable[[str], list[dict[str, str]]] = page.get_log
    messages = [line["message"] for line in console("browser")]
    assert not [message for message in messages if "Content Security Policy" in message]
    assert not [message for message in messages if "Error" in message]
    addresses = page.execute_script(
        "return performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)"
    )
    assert set(addresses) == {page.execute_script("return location.origin")}


@pytest.mark.browser
def test_an_operation_is_shown_completely(page: Chrome) -> None:
    place = operation(page, e.MODIFY)
    place.find_element(By.TAG_NAME, "summary").click()
    assert e.MODIFY.name in place.find_element(By.TAG_NAME, "summary").text
    rows = place.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == len(e.MODIFY.codes)
    assert "22120 重复加入黑名单" in " ".join(row.text for row in rows)
    assert "|" not in place.text
    labels = {one.text for one in place.find_elements(By.TAG_NAME, "label")}
    assert len(labels) == 3
    assert any("7 remove follower" in label for label in labels)
    assert any("222 activity" in label for label in labels)
    for name in ("fid", "act", "re_src"):
        assert place.find_element(By.NAME, name).get_attribute("required")
    place.find_element(By.TAG_NAME, "button").click()
    assert place.find_element(By.CLASS_NAME, "answer").text == "", "the browser requires them first"
    optional = operation(page, e.FOLLOWERS).find_element(By.NAME, "ps")
    assert not optional.get_attribute("required")


@pytest.mark.browser
def test_following_by_keyboard_alone(page: Chrome, documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    sign_in(page, caller.sessdata, caller.bili_jct)
    summary = operation(page, e.MODIFY).find_element(By.TAG_NAME, "summary")
    page.execute_script("arguments[0].focus()", summary)
    summary.send_keys(Keys.ENTER)
    keys = page.switch_to.active_element
    for value in (str(other.mid), "1", "222"):
        keys.send_keys(Keys.TAB)
        keys = page.switch_to.active_element
        keys.send_keys(value)
    keys.send_keys(Keys.TAB)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    response = answer_of(page, e.MODIFY)
    assert response.startswith("HTTP 200")
    assert '"code": 0' in response
    line = operation(page, e.MODIFY).find_element(By.CLASS_NAME, "line").text
    assert line.startswith(f"POST {e.MODIFY.path}")
    assert f"fid={other.mid}&act=1&re_src=222" in line
    assert caller.bili_jct not in page.page_source


@pytest.mark.browser
def test_names_are_escaped_and_large_mids_are_exact(
    page: Chrome, documented: RunningService
) -> None:
    [caller] = fresh(documented)
    large = 2**63 - 1
    documented.add_accounts(cards={large: Card(name=_HOSTILE)})
    sign_in(page, caller.sessdata, caller.bili_jct)
    followed = {"fid": large, "act": 1, "re_src": 11, "csrf": caller.bili_jct}
    page.execute_async_script(
        "const [path, form, done] = arguments;"
        "fetch(path, {method: 'POST', body: new URLSearchParams(form)}).then(() => done())",
        e.MODIFY.path,
        {name: str(value) for name, value in followed.items()},
    )
    place = operation(page, e.FOLLOWINGS)
    place.find_element(By.TAG_NAME, "summary").click()
    place.find_element(By.NAME, "vmid").send_keys(str(caller.mid) + Keys.ENTER)
    response = answer_of(page, e.FOLLOWINGS)
    assert f'"mid": {large},' in response
    assert _HOSTILE.replace('"', '\\"') in response
    assert page.title == "guanxi API"
    assert not page.find_elements(By.TAG_NAME, "img")


@pytest.mark.browser
def test_the_page_adds_the_signature(page: Chrome, documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    sign_in(page, caller.sessdata, caller.bili_jct)
    place = operation(page, e.MUTUAL)
    place.find_element(By.TAG_NAME, "summary").click()
    place.find_element(By.NAME, "mid").send_keys(str(other.mid) + Keys.ENTER)
    response = answer_of(page, e.MUTUAL)
    assert '"code": 0' in response
    assert f'"mid": {other.mid}' in response


@pytest.mark.browser
def test_a_refusal_is_shown_too(page: Chrome) -> None:
    place = operation(page, e.FRIENDS)
    place.find_element(By.TAG_NAME, "summary").click()
    place.find_element(By.TAG_NAME, "button").click()
    assert '"code": -101' in answer_of(page, e.FRIENDS)
