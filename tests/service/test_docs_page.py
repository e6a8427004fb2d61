"""The pages of the API in a real browser: they work, by keyboard too, and load nothing else."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.service.docs.chinese import SUMMARIES
from guanxi.service.docs.described import AREAS, areas, codes_of, fields_of
from guanxi.service.docs.paths import PATHS
from guanxi.service.docs.snippets import snippets
from guanxi.testing import RunningService, SignedIn
from tests.browser import messages, resize, violations
from tests.counts import count
from tests.service.client import fresh, send

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_HOSTILE = '<img src=x onerror="document.title=1">'


def test_every_endpoint_has_a_page_with_its_headers(documented: RunningService) -> None:
    assert len(PATHS) == len(ENDPOINTS) + 3
    for endpoint in ENDPOINTS[:: count(10, 1)]:
        answer = send(documented.base_url, "GET", f"/docs/{endpoint.name}")
        assert answer.status == 200
        page = answer.raw.decode()
        assert f"<h1>{endpoint.name}</h1>" in page
        for code in endpoint.codes:
            assert f"<code>{code}</code>" in page
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert len(answer.raw) < 60_000


@pytest.mark.parametrize("path", ["/docs", "/docs/docs.js", "/web/site.css", "/web/site.js"])
def test_files_load_nothing_from_elsewhere(path: str, documented: RunningService) -> None:
    answer = send(documented.base_url, "GET", path)
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "://" not in answer.raw.decode()


def test_files_are_kept_by_version_alone(documented: RunningService) -> None:
    page = send(documented.base_url, "GET", "/docs").raw.decode()
    named = page.partition('rel="stylesheet" href=".')[2].partition('"')[0]
    assert "immutable" in send(documented.base_url, "GET", named).headers["cache-control"]
    other = send(documented.base_url, "GET", f"{named}0")
    assert other.headers["cache-control"] == "no-cache"
    tag = {"If-None-Match": other.headers["etag"]}
    assert send(documented.base_url, "GET", "/web/site.css", headers=tag).status == 304


def test_each_endpoint_is_listed_in_its_area() -> None:
    assert [area.key for area in areas()] == [*AREAS]
    for area in areas():
        assert {one.name.partition(".")[0] for one in area.endpoints} == {area.key}


def test_the_list_is_searched_by_the_server(documented: RunningService) -> None:
    found = send(
        documented.base_url, "GET", "/docs", query={"q": "Groups relation", "part": "list"}
    )
    page = found.raw.decode()
    assert "/docs/relation.groups" in page
    assert "/docs/space." not in page
    assert "<html" not in page
    none = send(documented.base_url, "GET", "/docs", query={"q": "<b>nothing"}).raw.decode()
    assert "No endpoint matches" in none
    assert 'value="&lt;b&gt;nothing"' in none


def test_a_page_is_in_the_language_of_its_reader(documented: RunningService) -> None:
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    assert (
        "试一试" in send(documented.base_url, "GET", "/docs/web.nav", headers=chinese).raw.decode()
    )
    switch = send(documented.base_url, "GET", "/web/language", query={"to": "en", "back": "/docs"})
    assert (switch.status, switch.headers["location"]) == (303, "/docs")
    cookie = switch.headers["set-cookie"].partition(";")[0]
    page = send(documented.base_url, "GET", "/docs/web.nav", headers={**chinese, "Cookie": cookie})
    assert "Try it" in page.raw.decode()
    away = send(documented.base_url, "GET", "/web/language", query={"back": "//example.org"})
    assert away.headers["location"] == "/"


@pytest.mark.parametrize(
    ("endpoint", "values", "codes"),
    [
        (
            e.MODIFY,
            {"fid": "2", "act": "1", "re_src": "11"},
            [
                "curl -s -X POST http://s/x/relation/modify \\\n"
                "  --data-urlencode fid=2 \\\n"
                "  --data-urlencode act=1 \\\n"
                "  --data-urlencode re_src=11 \\\n"
                '  -b "SESSDATA=$GUANXI_SESSDATA" \\\n'
                '  --data-urlencode "csrf=$GUANXI_BILI_JCT"',
                "from guanxi import SyncClient\n\n"
                "# the account: GUANXI_SESSDATA and GUANXI_BILI_JCT\n"
                "with SyncClient(base_url='http://s') as client:\n"
                "    print(client.call('relation.modify', {'fid': 2, 'act': 1, 're_src': 11}))",
                "guanxi api relation.modify fid=2 act=1 re_src=11 --base-url http://s",
            ],
        ),
        (
            e.SEARCH,
            {"vmid": "1", "name": "a'b $(c)"},
            [
                "curl -s 'http://s/x/relation/followings/search?vmid=1&name=a%27b+%24%28c%29' \\\n"
                '  -b "SESSDATA=$GUANXI_SESSDATA"',
                "from guanxi import SyncClient\n\n"
                "# the account: GUANXI_SESSDATA and GUANXI_BILI_JCT\n"
                "with SyncClient(base_url='http://s') as client:\n"
                "    print(client.call('relation.search', {'vmid': 1, 'name': \"a'b $(c)\"}))",
                "guanxi api relation.search vmid=1 'name=a'\"'\"'b $(c)' --base-url http://s",
            ],
        ),
    ],
    ids=["post", "quoted"],
)
def test_a_request_as_code(endpoint: Endpoint, values: dict[str, str], codes: list[str]) -> None:
    assert [one.code for one in snippets(endpoint, values, "http://s")] == codes


def test_every_endpoint_has_code(documented: RunningService) -> None:
    for name in [*BY_NAME][:: count(10, 1)]:
        query = {"endpoint": name, "vmid": "1", "csrf": "secret"}
        page = send(documented.base_url, "GET", "/docs/code", query=query).raw.decode()
        assert f"guanxi api {name}" in page
        assert "secret" not in page


def test_every_text_of_the_contract_is_in_chinese_too() -> None:
    assert SUMMARIES.keys() == BY_NAME.keys()
    texts = [code.meaning for endpoint in ENDPOINTS for code in codes_of(endpoint)]
    texts += [field.what for name in BY_NAME for field in fields_of(name)]
    assert not {text.en for text in texts if not _CHINESE.search(text.zh)}


def test_the_list_is_searched_in_chinese(documented: RunningService) -> None:
    page = send(documented.base_url, "GET", "/docs", query={"q": "取消拉黑"}).raw.decode()
    assert page.count("/docs/relation.modify") == 2, "in the list, and where one begins"


# --- in a browser ---


@pytest.fixture
def page(browser: Chrome, documented: RunningService) -> Chrome:
    browser.get(f"{documented.base_url}/docs")
    return browser


def waiting(browser: Chrome) -> WebDriverWait[Chrome]:
    return WebDriverWait(browser, 20)


def show(
    browser: Chrome,
    service: RunningService,
    endpoint: Endpoint,
    who: SignedIn | None,
    **values: int,
) -> None:
    if who is not None:
        for name, value in (("SESSDATA", who.sessdata), ("bili_jct", who.bili_jct)):
            browser.add_cookie({"name": name, "value": value})
    browser.get(f"{service.base_url}/docs/{endpoint.name}?{urlencode(values)}")


def answer_of(browser: Chrome) -> str:
    """Wait for the response of the page's request and return its text."""
    answer = browser.find_element(By.ID, "answer")
    waiting(browser).until(lambda _: answer.text)
    assert browser.find_element(By.ID, "status").text.startswith("HTTP 200")
    return answer.text


@pytest.mark.browser
def test_following_by_keyboard_alone(page: Chrome, documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    show(page, documented, e.MODIFY, caller)
    first = page.find_element(By.NAME, "fid")
    for name in ("fid", "act", "re_src"):
        assert page.find_element(By.NAME, name).get_attribute("required")
    page.find_element(By.CSS_SELECTOR, "#request button").click()
    assert page.find_element(By.ID, "answer").text == "", "the browser requires them first"
    first.send_keys(str(other.mid))
    keys = first
    for value in ("1", "222"):
        keys.send_keys(Keys.TAB)
        keys = page.switch_to.active_element
        keys.send_keys(value)
    keys.send_keys(Keys.TAB)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert '"code": 0' in answer_of(page)
    line = page.find_element(By.ID, "line").text
    assert line == f"POST {e.MODIFY.path} fid={other.mid}&act=1&re_src=222&csrf=…"
    waiting(page).until(
        lambda _: f"fid={other.mid} act=1" in page.find_element(By.ID, "snippets").text
    )
    assert not messages(page)


@pytest.mark.browser
def test_names_are_escaped_and_large_mids_are_exact(
    page: Chrome, documented: RunningService
) -> None:
    [caller] = fresh(documented)
    large = 2**63 - 1
    documented.add_accounts(cards={large: Card(name=_HOSTILE)})
    documented.import_edges([(caller.mid, large)])
    show(page, documented, e.FOLLOWINGS, caller, vmid=caller.mid)
    page.find_element(By.NAME, "vmid").send_keys(Keys.ENTER)
    response = answer_of(page)
    assert f'"mid": {large},' in response
    assert _HOSTILE.replace('"', '\\"') in response
    assert page.title == "relation.followings · guanxi API"
    assert not page.find_elements(By.TAG_NAME, "img")
    assert not messages(page)


@pytest.mark.browser
def test_the_page_adds_the_signature_and_shows_a_refusal(
    page: Chrome, documented: RunningService
) -> None:
    caller, other = fresh(documented, 2)
    show(page, documented, e.MUTUAL, caller, mid=other.mid)
    page.find_element(By.CSS_SELECTOR, "#request button").click()
    response = answer_of(page)
    assert '"code": 0' in response
    assert f'"mid": {other.mid}' in response
    page.delete_all_cookies()
    show(page, documented, e.FRIENDS, None)
    page.find_element(By.CSS_SELECTOR, "#request button").click()
    assert '"code": -101' in answer_of(page)


@pytest.mark.browser
@pytest.mark.long
def test_signing_in_on_the_page(page: Chrome, documented: RunningService) -> None:
    [caller] = fresh(documented)
    show(page, documented, e.FRIENDS, None)
    page.find_element(By.CSS_SELECTOR, ".signing-in summary").click()
    page.find_element(By.ID, "sessdata").send_keys(caller.sessdata)
    page.find_element(By.ID, "bili_jct").send_keys(caller.bili_jct + Keys.ENTER)
    who = page.find_element(By.ID, "who")
    waiting(page).until(lambda _: who.text.startswith(f"mid {caller.mid} "))


@pytest.mark.browser
def test_the_pages_are_accessible_and_fit(page: Chrome, documented: RunningService) -> None:
    for path in ("/docs", "/docs/relation.modify"):
        page.get(documented.base_url + path)
        assert not violations(page)
        for width in (390, 640, 1280):
            resize(page, width)
            assert page.execute_script("return document.documentElement.scrollWidth") <= width
        addresses = page.execute_script(
            "return performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)"
        )
        assert set(addresses) == {page.execute_script("return location.origin")}
        assert not messages(page)


@pytest.mark.browser
@pytest.mark.long
def test_searching_by_keyboard(page: Chrome, documented: RunningService) -> None:
    page.get(f"{documented.base_url}/docs")
    page.find_element(By.TAG_NAME, "body").send_keys("/")
    page.switch_to.active_element.send_keys("blocks")
    waiting(page).until(lambda _: len(page.find_elements(By.CSS_SELECTOR, "#entries a")) < 10)
    assert page.find_elements(By.CSS_SELECTOR, "#entries a[href$='relation.blacks']")
    assert not messages(page)
